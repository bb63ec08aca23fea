/*-------------------------------------------------------------------------
 *
 * key_hint.c
 *	  What to type so that a target gets its key, by what a message shows of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/key_hint.h"

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/utf8.h"
#include "pg/datum/jsonb_view.h"
#include "pg/mapping/envelope.h"

/* The target's column that is filled from that one of a message; NULL: none. */
static const char *
target_column(const CdcMapping *mapping, CdcString name)
{
	size_t		len = name.len;
	const char *source = cdc_from_utf8_n(name.data, &len);
	int			i;

	for (i = 0; i < mapping->target->ncolumns; i++)
		if (mapping->columns[i].by == CDC_BY_COLUMN && mapping->columns[i].source_len == len &&
			memcmp(mapping->columns[i].source, source, len) == 0)
			return mapping->columns[i].name;
	return NULL;
}

/* The names as a list for SQL, of the target's columns; NULL where one fills none. */
static char *
columns_of_target(const CdcMapping *mapping, const CdcString *names, int n)
{
	StringInfoData columns;
	int			i;

	initStringInfo(&columns);
	for (i = 0; i < n; i++)
	{
		const char *name = target_column(mapping, names[i]);

		if (name == NULL)
			return NULL;
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", quote_identifier(name));
	}
	return n > 0 ? columns.data : NULL;
}

/* Whether people give such names to columns that tell rows apart. */
static bool
is_named_as_key(const char *name)
{
	static const char *const ends[] = {"id", "_code", "_key", "_no", "_nr", "_num", "_number"};
	size_t		len = strlen(name);
	size_t		i;

	for (i = 0; i < lengthof(ends); i++)
		if (len >= strlen(ends[i]) && pg_strcasecmp(name + len - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

/* Of several names the target's column "id", else the only one that is named as a key; or NULL. */
static char *
likely_column(const CdcMapping *mapping, const CdcString *names, int n)
{
	const char *found = NULL;
	int			nfound = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const char *name = target_column(mapping, names[i]);

		if (name == NULL || (n > 1 && !is_named_as_key(name)))
			continue;
		if (pg_strcasecmp(name, "id") == 0)
			return pstrdup(quote_identifier(name));
		found = name;
		nfound++;
	}
	return nfound == 1 ? pstrdup(quote_identifier(found)) : NULL;
}

/* What PostgreSQL calls the primary key that a target gets; quoted. */
static const char *
primary_key_name(const CdcTarget *target)
{
	char	   *relation = get_rel_name(target->relid);

	return quote_identifier(makeObjectName(relation != NULL ? relation : "", NULL, "pkey"));
}

/* What gives the target its key where rows came twice. */
static char *
where_doubled(const CdcMapping *mapping, const CdcRowImage *image, const char *columns)
{
	return psprintf("Where rows came twice, so that it fails: SELECT cdc.alter_table(%s, %s, key := %s);",
					quote_literal_cstr(image->sub->name), quote_literal_cstr(mapping->name),
					quote_literal_cstr(psprintf("{%s}", columns)));
}

/* The columns that may be the key; of those of an image that is no message's any may. */
static CdcString *
likely_key(const CdcRowImage *image, int *n, bool *one_of_them)
{
	CdcString  *names = NULL;
	CdcError	err;
	int			i;

	*n = 0;
	if (image->env != NULL)
	{
		if (cdc_failed(cdc_envelope_likely_key(image->arena, image->env, &names, n, one_of_them, &err)))
			*n = 0;
	}
	else if (image->data != NULL && image->sub->kind == CDC_SERVER_KAFKA)
	{
		*n = cdc_json_count(image->data);
		names = palloc(sizeof(CdcString) * (*n + 1));
		for (i = 0; i < *n; i++)
		{
			CdcJsonValue key;

			cdc_json_get(image->data, 2 * *n, i, &key);
			names[i].len = key.len;
			names[i].data = cdc_to_utf8_n(key.data, &names[i].len);
		}
	}
	return names;
}

char *
cdc_target_key_hint(const CdcMapping *mapping, const CdcRowImage *image)
{
	const char *target = mapping->target->name;
	CdcString  *names;
	char	   *columns = NULL;
	bool		one_of_them = true;
	int			n;

	if (image->env != NULL)
		columns = columns_of_target(mapping, image->env->key, image->env->nkey);
	if (columns != NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s); %s", target, columns,
						where_doubled(mapping, image, columns));
	names = likely_key(image, &n, &one_of_them);
	if (n > 0)
		columns = one_of_them ? likely_column(mapping, names, n) : columns_of_target(mapping, names, n);
	if (columns != NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s); if that is what tells its rows apart, which no message says. If other columns do, name them in place of these. %s Where that was done with wrong ones: ALTER TABLE %s DROP CONSTRAINT %s; and SELECT cdc.alter_table(%s, %s, key := '{...}'); with the right ones.",
						target, columns, where_doubled(mapping, image, columns), target, primary_key_name(mapping->target),
						quote_literal_cstr(image->sub->name), quote_literal_cstr(mapping->name));
	columns = n > 0 ? columns_of_target(mapping, names, n) : NULL;
	if (columns != NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (...); with those of its columns that tell its rows apart: %s.",
						target, columns);
	return psprintf("ALTER TABLE %s ADD PRIMARY KEY (...); with the columns that tell its rows apart.",
					target);
}

/* ------------------------------------------------------------------------
 * A key in place of another one
 * ------------------------------------------------------------------------
 */

char *
cdc_key_names_text(const CdcString *names, int n)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < n; i++)
	{
		size_t		len = names[i].len;
		const char *name = cdc_from_utf8_n(names[i].data, &len);

		appendStringInfo(&text, "%s%.*s", i > 0 ? ", " : "", (int) len, name);
	}
	return text.data;
}

/* The statement that makes these columns the target's key, with all that it has to replace. */
static char *
alter_key(const CdcMapping *mapping, const CdcRowImage *image, const char *columns)
{
	/* what stands in an array is quoted as an identifier is */
	return psprintf("SELECT cdc.alter_table(%s, %s, key := %s);", quote_literal_cstr(image->sub->name),
					quote_literal_cstr(mapping->name), quote_literal_cstr(psprintf("{%s}", columns)));
}

/* What takes the place of the target's primary key, or of none. */
static char *
replace_primary_key(const CdcMapping *mapping, const char *columns)
{
	const CdcTarget *target = mapping->target;
	const char *constraint = cdc_target_primary_key_name(target->relid);

	return psprintf("ALTER TABLE %s%s%s%s ADD PRIMARY KEY (%s);", target->name,
					constraint != NULL ? " DROP CONSTRAINT " : "",
					constraint != NULL ? quote_identifier(constraint) : "",
					constraint != NULL ? "," : "", columns);
}

char *
cdc_message_key_hint(const CdcMapping *mapping, const CdcRowImage *image)
{
	char	   *columns = columns_of_target(mapping, image->env->key, image->env->nkey);

	if (columns == NULL)
		return psprintf("Give target %s the columns of that key (ALTER TABLE ... ADD COLUMN), and name them: %s ",
						mapping->target->name, alter_key(mapping, image, "..."));
	/*
	 * A document tells no former row, so that those that came under the former key cannot be read
	 * once more by another one; and its target's key is the primary key, where nobody has named one.
	 */
	if (image->env->format == CDC_FORMAT_JSON && !mapping->key_chosen)
		return psprintf("%s Where the table is in error, behind that SELECT cdc.retry_errors(%s, %s); ",
						replace_primary_key(mapping, columns), quote_literal_cstr(image->sub->name),
						quote_literal_cstr(mapping->name));
	return psprintf("%s %s ", replace_primary_key(mapping, columns), alter_key(mapping, image, columns));
}

/* The target's key, as it is. */
static char *
present_key(const CdcMapping *mapping)
{
	const CdcTarget *target = mapping->target;
	StringInfoData columns;
	int			i;

	initStringInfo(&columns);
	for (i = 0; i < target->nkey; i++)
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(mapping->columns[target->key[i].column].name));
	return columns.data;
}

char *
cdc_wider_key_hint(const CdcMapping *mapping, const CdcRowImage *image)
{
	return psprintf("%sIf the target's key tells all rows apart: %s", cdc_message_key_hint(mapping, image),
					alter_key(mapping, image, present_key(mapping)));
}

char *
cdc_other_key_hint(const CdcMapping *mapping, const CdcRowImage *image)
{
	const CdcEnvelope *env = image->env;
	CdcString  *names = palloc(sizeof(CdcString) * (cdc_doc_count(&env->after) + 1));
	char	   *columns;
	CdcString  *own;
	int			nown;
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;
	int			n = 0;
	int			i;

	own = cdc_target_key_names(mapping, &nown);
	cdc_doc_begin(&env->after, &iter);
	while (cdc_doc_next(&iter, &name, &value))
	{
		for (i = 0; i < nown; i++)
			if (name.len == own[i].len && memcmp(name.data, own[i].data, name.len) == 0)
				break;
		if (i == nown)
			names[n++] = name;
	}
	columns = n > 1 ? likely_column(mapping, names, n) : columns_of_target(mapping, names, n);
	return psprintf("%s %s with what tells its rows apart. If the key of the messages does, and the source has lost rows of which no message tells (TRUNCATE, without which skipped.operations is by default, and foreign keys that cascade): %s",
					replace_primary_key(mapping, columns != NULL ? columns : "..."),
					alter_key(mapping, image, columns != NULL ? columns : "..."),
					alter_key(mapping, image, present_key(mapping)));
}

/* A string, or a number's digits, palloc'ed; data is NULL of anything else. */
static CdcString
pstrdup_scalar(const CdcDoc *value)
{
	CdcString	text = {NULL, 0};

	if (value->type == CDC_DOC_STRING)
		text = value->string;
	else if (value->type == CDC_DOC_NUMBER)
		text = value->ops->number(value);
	if (text.data != NULL)
		text.data = pnstrdup(text.data, text.len);
	return text;
}

/* The columns whose value in the document is that of the message's key, which is no object. */
static CdcString *
columns_with_value(const CdcEnvelope *env, int *n)
{
	CdcString  *names = palloc(sizeof(CdcString) * (cdc_doc_count(&env->body) + 1));
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;

	CdcString	key = pstrdup_scalar(&env->key_body);

	*n = 0;
	cdc_doc_begin(&env->body, &iter);
	while (cdc_doc_next(&iter, &name, &value))
	{
		CdcString	text = pstrdup_scalar(&value);

		if (key.data != NULL && text.data != NULL && text.len == key.len &&
			memcmp(text.data, key.data, key.len) == 0)
			names[(*n)++] = name;
	}
	return names;
}

char *
cdc_document_key_hint(const CdcMapping *mapping, const CdcRowImage *image)
{
	const CdcEnvelope *env = image->env;
	const CdcString *names = env->key;
	char	   *columns;
	int			n = env->nkey;

	if (n == 0)
		names = columns_with_value(env, &n);
	columns = env->nkey == 0 && n > 1 ? likely_column(mapping, names, n) : columns_of_target(mapping, names, n);
	if (columns == NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (...); with the column that has the key, then %s ",
						mapping->target->name, alter_key(mapping, image, "..."));
	return psprintf("%s %s ", replace_primary_key(mapping, columns), alter_key(mapping, image, columns));
}

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
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s);", target, columns);
	names = likely_key(image, &n, &one_of_them);
	if (n > 0)
		columns = one_of_them ? likely_column(mapping, names, n) : columns_of_target(mapping, names, n);
	if (columns != NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s); if that is what tells its rows apart, which no message says. If other columns do, name them in place of these. Where that was done with wrong ones: ALTER TABLE %s DROP CONSTRAINT %s; and SELECT cdc.alter_table(%s, %s, key := '{...}'); with the right ones.",
						target, columns, target, primary_key_name(mapping->target),
						quote_literal_cstr(image->sub->name), quote_literal_cstr(mapping->name));
	columns = n > 0 ? columns_of_target(mapping, names, n) : NULL;
	if (columns != NULL)
		return psprintf("ALTER TABLE %s ADD PRIMARY KEY (...); with those of its columns that tell its rows apart: %s.",
						target, columns);
	return psprintf("ALTER TABLE %s ADD PRIMARY KEY (...); with the columns that tell its rows apart.",
					target);
}

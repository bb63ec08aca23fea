/*-------------------------------------------------------------------------
 *
 * blame.c
 *	  Which event an error is of: what its context says, and what is kept of that
 *	  for who decides about it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/target/key.h"

static CdcBlame blame;

/* A value of a row image; documents are not shown. */
static void
append_json_value(StringInfo text, const CdcJsonValue *v)
{
	char	   *output;

	if (v->type == JENTRY_ISSTRING)
		cdc_append_clipped(text, v->data, v->len);
	else if (v->type == JENTRY_ISCONTAINER)
		appendStringInfoString(text, "...");
	else
	{
		output = cdc_json_to_cstring(v);
		cdc_append_clipped(text, output, strlen(output));
	}
}

char *
cdc_blame_key_text(const CdcAtHand *at)
{
	const CdcMapping *mapping = at->source->mapping;
	const CdcTarget *target = mapping->target;
	StringInfoData names;
	StringInfoData values;
	int			i;

	initStringInfo(&names);
	initStringInfo(&values);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		CdcJsonValue v;

		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", col->name);
		appendStringInfoString(&values, i > 0 ? ", " : "");
		if (at->entry != NULL && !cdc_entry_key_is_null(at->entry, i))
			cdc_key_append_value(&values, &target->key[i], at->entry->key[i]);
		else if (col->by == CDC_BY_EXPRESSION)
			appendStringInfoString(&values, "...");
		else if (at->entry == NULL && col->by == CDC_BY_COLUMN &&
				 cdc_json_find(at->data, col->source, col->source_len, &v) &&
				 v.type != JENTRY_ISNULL)
			append_json_value(&values, &v);
		else
			appendStringInfoString(&values, "null");
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/* Copies a text of len bytes, cut at the end of a character. */
static void
keep_text(char *to, size_t size, const char *from, size_t len)
{
	int			n = (int) Min(len, size - 1);

	if (len >= size)
		n = pg_mbcliplen(from, n, n);
	memcpy(to, from, n);
	to[n] = '\0';
}

/*
 * Whether it is the event at hand that the error is of: not one of a batch, nor one of several
 * of the same key of which only the last state is written, or of which the first are passed over
 * for that.
 */
static bool
is_exact(const CdcApply *apply)
{
	const CdcAtHand *at = &apply->work.at;
	const CdcTargetRun *run = at->source != NULL ? at->source->target : NULL;

	if (at->data != NULL || !at->writing)
		return true;
	return at->entry != NULL &&
		((run != NULL && run->one_by_one) || (!at->entry->folded && apply->ahead == NULL));
}

/* Notes the columns of a target's key that has no index of its own, if they are not too many. */
static void
note_key_columns(const CdcAtHand *at)
{
	const CdcMapping *mapping = at->source != NULL ? at->source->mapping : NULL;
	size_t		len = 0;
	int			i;

	blame.key_columns[0] = '\0';
	if (mapping == NULL || mapping->target->keyless || OidIsValid(mapping->target->key_index))
		return;
	for (i = 0; i < mapping->target->nkey; i++)
	{
		const char *name = quote_identifier(mapping->columns[mapping->target->key[i].column].name);

		if (len + strlen(name) + 3 > sizeof(blame.key_columns))
		{
			blame.key_columns[0] = '\0';
			return;
		}
		len += snprintf(blame.key_columns + len, sizeof(blame.key_columns) - len, "%s%s", i > 0 ? ", " : "",
						name);
	}
}

/* Notes which event is at hand; key may be NULL. */
static void
note_blame(const CdcApply *apply, const char *position, const char *key)
{
	const CdcAtHand *at = &apply->work.at;

	memset(&blame, 0, offsetof(CdcBlame, source_table));
	blame.subscription_id = apply->sub->id;
	blame.seq = at->place.seq;
	blame.exact = is_exact(apply);
	blame.of_whole_table = apply->of_whole_table;
	blame.source_table[0] = '\0';
	if (at->source != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source->mapping->name,
				  strlen(at->source->mapping->name));
	else if (at->source_table != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source_table, at->source_table_len);
	keep_text(blame.position, sizeof(blame.position), position, strlen(position));
	note_key_columns(at);
	keep_text(blame.key, sizeof(blame.key), key != NULL ? key : "", key != NULL ? strlen(key) : 0);
}

void
cdc_blame_context(void *arg)
{
	CdcApply   *apply = arg;
	const CdcAtHand *at = &apply->work.at;
	char	   *position = "";
	char	   *key = NULL;
	StringInfoData s;

	/* an error in here must not lead back to here */
	if (apply->in_context)
		return;
	apply->in_context = true;
	initStringInfo(&s);
	appendStringInfo(&s, "subscription \"%s\"", apply->sub->name);
	if (at->place.seq > 0)
		appendStringInfo(&s, at->entry != NULL && !is_exact(apply) ? ", seq " INT64_FORMAT " or before" :
						 ", seq " INT64_FORMAT, at->place.seq);
	if (at->place.file != NULL)
		position = at->place.offset >= 0 ? psprintf("%s" INT64_FORMAT, at->place.file, at->place.offset) :
			pstrdup(at->place.file);
	if (position[0] != '\0')
		appendStringInfo(&s, ", position %s", position);
	if (at->source != NULL)
		appendStringInfo(&s, ", source table \"%s\", target %s",
						 at->source->mapping->source_table, at->source->mapping->target->name);
	else if (at->source_table != NULL)
		appendStringInfo(&s, ", source table \"%.*s\"", (int) at->source_table_len,
						 at->source_table);
	if (at->source != NULL && !at->source->mapping->target->keyless &&
		(at->data != NULL || at->entry != NULL))
		key = cdc_blame_key_text(at);
	if (key != NULL)
		appendStringInfo(&s, ", key %s", key);
	if (at->source != NULL && at->source->row.at_column != NULL)
		appendStringInfo(&s, ", column \"%s\"", at->source->row.at_column);
	errcontext("%s", s.data);
	note_blame(apply, position, key);
	pfree(s.data);
	apply->in_context = false;
}

void
cdc_blame_reset(void)
{
	memset(&blame, 0, sizeof(blame));
}

const CdcBlame *
cdc_blame(void)
{
	return &blame;
}

void
cdc_blame_hint(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION || error->hint != NULL || blame.key_columns[0] == '\0' ||
		error->schema_name == NULL || error->table_name == NULL || error->constraint_name == NULL)
		return;
	error->hint = psprintf("Rows are told apart by (%s), which that index does not do. If it is a former primary key: ALTER TABLE %s DROP CONSTRAINT %s, ADD PRIMARY KEY (%s);",
						   blame.key_columns, quote_qualified_identifier(error->schema_name, error->table_name),
						   quote_identifier(error->constraint_name), blame.key_columns);
}

bool
cdc_blame_is_of_table(const CdcSubscription *sub, int sqlerrcode)
{
	/* an event or a target that is broken is the table's; a place in the history is not known then */
	return blame.subscription_id == sub->id && blame.source_table[0] != '\0' && blame.seq > 0 &&
		(!cdc_sqlstate_is_passing(sqlerrcode) || sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		 sqlerrcode == ERRCODE_INDEX_CORRUPTED);
}

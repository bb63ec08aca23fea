/*-------------------------------------------------------------------------
 *
 * blame.c
 *	  Which event an error of a run is of: for its message, and for who has to decide
 *	  what becomes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "mb/pg_wchar.h"

#include "pg/base/error.h"
#include "pg/target/key.h"

static CdcBlame blame;

/*
 * What a message tells of one value, in bytes.  The text is made while an error is on
 * its way: nothing here may run what users can define, nor take much memory.
 */
#define SHOWN_BYTES		200

static void
append_clipped(StringInfo text, const char *value, size_t len)
{
	int			n = (int) Min(len, SHOWN_BYTES);

	if (len <= SHOWN_BYTES)
		appendBinaryStringInfo(text, value, n);
	else
	{
		appendBinaryStringInfo(text, value, pg_mbcliplen(value, n, n));
		appendStringInfo(text, "... (%lu bytes)", (unsigned long) len);
	}
}

/* A key's value in an entry, where its type is one whose output function is harmless. */
static void
append_key_value(StringInfo text, const CdcKeyColumn *key, Datum value)
{
	if (key->shown == CDC_KEY_SHOWN_TEXT)
	{
		struct varlena *v = (struct varlena *) DatumGetPointer(value);

		if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v))
			appendStringInfoString(text, "...");
		else
			append_clipped(text, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	}
	else if (key->shown == CDC_KEY_SHOWN_OUTPUT)
	{
		char	   *output = OutputFunctionCall((FmgrInfo *) &key->output, value);

		append_clipped(text, output, strlen(output));
	}
	else
		appendStringInfoString(text, "...");
}

/* A value of a row image; documents are not shown. */
static void
append_json_value(StringInfo text, const CdcJsonValue *v)
{
	char	   *output;

	if (v->type == JENTRY_ISSTRING)
		append_clipped(text, v->data, v->len);
	else if (v->type == JENTRY_ISCONTAINER)
		appendStringInfoString(text, "...");
	else
	{
		output = cdc_json_to_cstring(v);
		append_clipped(text, output, strlen(output));
	}
}

/* "(id, no)=(5, 7)" of the row image or entry at hand. */
static char *
key_text(const CdcAtHand *at)
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
			append_key_value(&values, &target->key[i], at->entry->key[i]);
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

/* Notes which event is at hand; key may be NULL. */
static void
note_blame(const CdcApply *apply, const char *position, const char *key)
{
	const CdcAtHand *at = &apply->work.at;

	memset(&blame, 0, offsetof(CdcBlame, source_table));
	blame.subscription_id = apply->sub->id;
	blame.seq = at->place.seq;
	blame.exact = at->data != NULL || at->entry != NULL || !at->writing;
	blame.source_table[0] = '\0';
	if (at->source != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source->mapping->source_table,
				  strlen(at->source->mapping->source_table));
	else if (at->source_table != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source_table, at->source_table_len);
	keep_text(blame.position, sizeof(blame.position), position, strlen(position));
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
		appendStringInfo(&s, ", seq " INT64_FORMAT, at->place.seq);
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
		key = key_text(at);
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

bool
cdc_blame_is_of_table(const CdcSubscription *sub, int sqlerrcode)
{
	/* an event or a target that is broken is the table's; a place in the history is not known then */
	return blame.subscription_id == sub->id && blame.source_table[0] != '\0' && blame.seq > 0 &&
		(!cdc_sqlstate_is_passing(sqlerrcode) || sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		 sqlerrcode == ERRCODE_INDEX_CORRUPTED);
}

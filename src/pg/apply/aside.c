/*-------------------------------------------------------------------------
 *
 * aside.c
 *	  Events that are put aside into cdc.error: those that cannot be applied, where the
 *	  user chose so, and all that follow on the same keys.
 *
 * What is kept of a key is all that its row has to become, in order: so it can be applied
 * later, whatever other keys have become meanwhile.  An event that changes a key is of
 * both.  TRUNCATE leaves nothing of all that.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"
#include "pg/target/key.h"

/* ------------------------------------------------------------------------
 * What attempts have shown
 * ------------------------------------------------------------------------
 */

bool
cdc_guard_is_exact(const CdcGuard *guard, const char *name)
{
	ListCell   *lc;

	foreach(lc, guard->exact)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

const CdcFailedEvent *
cdc_guard_failed(const CdcGuard *guard, const char *name, int64 seq)
{
	ListCell   *lc;

	foreach(lc, guard->failed)
	{
		const CdcFailedEvent *failed = lfirst(lc);

		if ((seq == 0 || failed->seq == seq) && strcmp(failed->table, name) == 0)
			return failed;
	}
	return NULL;
}

/* ------------------------------------------------------------------------
 * Keys as text
 * ------------------------------------------------------------------------
 */

typedef struct BlockedKey
{
	uint32		hash;
	Datum	   *values;			/* by attribute, as rows of the target are */
	bool	   *nulls;
} BlockedKey;

struct CdcAside
{
	MemoryContext cxt;
	BlockedKey *keys;
	int			nkeys;
	int64		events;			/* put aside in this run */
	const CdcFailedEvent *first;	/* of those that failed */
};

/* Until AtEOXact_GUC() values are written and read so that nothing of them is lost. */
static int
exact_text_begin(void)
{
	int			level = NewGUCNestLevel();

	CDC_SET_OPTION("datestyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
	CDC_SET_OPTION("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
	CDC_SET_OPTION("extra_float_digits", "3", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
	return level;
}

/* The key's values, each behind '=', or "null"; palloc'ed. */
static char **
key_to_texts(const CdcTarget *target, const BlockedKey *key)
{
	char	  **texts = palloc(sizeof(char *) * target->nkey);
	int			level = exact_text_begin();
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;
		Oid			output;
		bool		varlena;

		texts[i] = "null";
		if (key->nulls[at])
			continue;
		getTypeOutputInfo(target->columns[target->key[i].column].typid, &output, &varlena);
		texts[i] = psprintf("=%s", OidOutputFunctionCall(output, key->values[at]));
	}
	AtEOXact_GUC(true, level);
	return texts;
}

static void
new_key(const CdcTarget *target, BlockedKey *key)
{
	key->values = palloc0(sizeof(Datum) * target->desc->natts);
	key->nulls = palloc(sizeof(bool) * target->desc->natts);
	memset(key->nulls, true, sizeof(bool) * target->desc->natts);
}

static void
key_from_texts(const CdcTarget *target, char **texts, BlockedKey *key)
{
	int			level = exact_text_begin();
	int			i;

	new_key(target, key);
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;
		Oid			input;
		Oid			ioparam;

		if (texts[i][0] != '=')
			continue;
		getTypeInputInfo(target->columns[target->key[i].column].typid, &input, &ioparam);
		key->values[at] = OidInputFunctionCall(input, texts[i] + 1, ioparam, -1);
		key->nulls[at] = false;
	}
	AtEOXact_GUC(true, level);
	key->hash = cdc_key_hash(target, key->values, key->nulls);
}

/* ------------------------------------------------------------------------
 * Blocked keys
 * ------------------------------------------------------------------------
 */

static bool
keys_are_equal(const CdcTarget *target, const BlockedKey *a, const BlockedKey *b)
{
	int			i;

	if (a->hash != b->hash)
		return false;
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		if (a->nulls[at] != b->nulls[at] ||
			(!a->nulls[at] && !cdc_key_column_equal(&target->key[i], a->values[at], b->values[at])))
			return false;
	}
	return true;
}

static bool
is_blocked(const CdcAside *aside, const CdcTarget *target, const BlockedKey *key)
{
	int			i;

	for (i = 0; i < aside->nkeys; i++)
		if (keys_are_equal(target, &aside->keys[i], key))
			return true;
	return false;
}

/* A key of the row at hand, whose values are by attribute. */
static BlockedKey *
copy_key(const CdcTarget *target, const Datum *values, const bool *nulls)
{
	BlockedKey *key = palloc(sizeof(BlockedKey));
	int			i;

	new_key(target, key);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *col = &target->columns[target->key[i].column];
		int			at = target->key[i].attnum - 1;

		key->nulls[at] = nulls[at];
		if (!nulls[at])
			key->values[at] = datumCopy(values[at], col->byval, col->len);
	}
	key->hash = cdc_key_hash(target, key->values, key->nulls);
	return key;
}

/*
 * The keys of all rows of the event, former ones too; of BlockedKey *.  None of a row whose image
 * does not say which it is: its table is given up when the event is applied.
 */
static List *
keys_of_event(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	const CdcTarget *target = source->target->target;
	Datum	   *okey = palloc0(sizeof(Datum) * target->desc->natts);
	bool	   *onulls = palloc0(sizeof(bool) * target->desc->natts);
	List	   *result = NIL;
	int			nrows = cdc_event_rows(apply, source, event);
	int			i;

	if (!cdc_origin_check(apply, source))
		return NIL;
	cdc_message_key_check(apply, source, event);
	for (i = 0; i < nrows; i++)
	{
		const JsonbContainer *data;
		const JsonbContainer *old;

		CHECK_FOR_INTERRUPTS();
		apply->key_only = true;
		cdc_event_images(apply, source, event, i, &data, &old);
		apply->key_only = false;
		apply->work.at.data = data;
		if (!cdc_source_row_try_key(&source->row, data, event->seq))
			return NIL;
		result = lappend(result, copy_key(target, source->row.values, source->row.nulls));
		if (event->op == CDC_OP_UPDATE && old != NULL && cdc_json_count(old) > 0 &&
			cdc_source_row_former_key(&source->row, old, okey, onulls))
			result = lappend(result, copy_key(target, okey, onulls));
		apply->work.at.data = NULL;
	}
	return result;
}

/* Later events of the key follow this one. */
static void
block(CdcApply *apply, CdcSourceRun *source, const BlockedKey *key, int64 seq)
{
	CdcAside   *aside = source->aside;
	const CdcTarget *target = source->target->target;
	MemoryContext old;

	if (aside->nkeys >= CDC_ASIDE_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("events of %d keys of source table %s are kept in cdc.error, which is the most that can be",
						CDC_ASIDE_KEYS, source->mapping->name)));
	cdc_table_error_block(apply->sub, source->mapping->name, key_to_texts(target, key), target->nkey, seq);
	old = MemoryContextSwitchTo(aside->cxt);
	aside->keys[aside->nkeys++] = *copy_key(target, key->values, key->nulls);
	MemoryContextSwitchTo(old);
}

/* ------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------
 */

void
cdc_aside_open(CdcApply *apply, CdcSourceRun *source)
{
	const CdcTarget *target = source->target->target;
	MemoryContext old;
	CdcAside   *aside;
	ListCell   *lc;

	if (target->keyless)
		return;
	old = MemoryContextSwitchTo(apply->work.cxt);
	aside = palloc0(sizeof(CdcAside));
	aside->cxt = apply->work.cxt;
	aside->keys = palloc0(sizeof(BlockedKey) * CDC_ASIDE_KEYS);
	foreach(lc, cdc_table_error_blocked(apply->sub, source->mapping->name, target->nkey))
		if (aside->nkeys < CDC_ASIDE_KEYS)
			key_from_texts(target, lfirst(lc), &aside->keys[aside->nkeys++]);
	source->aside = aside;
	source->target->all_count = true;
	MemoryContextSwitchTo(old);
}

/* The target is emptied: nothing that was kept has a row any more. */
static void
forget_all(CdcApply *apply, CdcSourceRun *source)
{
	const char *name = source->mapping->name;

	source->aside->nkeys = 0;
	source->aside->events = 0;
	source->aside->first = NULL;
	cdc_table_error_emptied(apply->sub, name);
	(void) cdc_table_settle(apply->sub, name, 'e');
}

static void
keep(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event, const CdcFailedEvent *failed)
{
	CdcKeptEvent kept;

	memset(&kept, 0, sizeof(kept));
	kept.name = source->mapping->name;
	kept.source_table = source->mapping->source_table;
	kept.seq = event->seq;
	kept.op = event->op;
	kept.position = event->position != NULL ? pnstrdup(event->position, event->position_len) : NULL;
	kept.sqlerrcode = failed != NULL ? failed->sqlerrcode : 0;
	kept.message = failed != NULL ? failed->text : "kept behind an earlier event of the same key";
	if (event->event != NULL)
	{
		char	   *text = JsonbToCString(NULL, (JsonbContainer *) event->event, 0);

		kept.event = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	kept.raw = event->raw;
	kept.raw_len = event->raw_len;
	cdc_table_error_keep(apply->sub, &kept);
	source->aside->events++;
	if (failed != NULL && source->aside->first == NULL)
		source->aside->first = failed;
}

bool
cdc_aside_take(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcAside   *aside = source->aside;
	const CdcTarget *target = source->target->target;
	const CdcFailedEvent *failed = apply->guard == NULL ? NULL :
		cdc_guard_failed(apply->guard, source->mapping->name, event->seq);
	List	   *keys;
	ListCell   *lc;
	bool		blocked = false;

	if (event->op == CDC_OP_TRUNCATE && !source->mapping->keeps_rows &&
		cdc_origin_check_truncate(apply, source, event))
		forget_all(apply, source);
	if (!cdc_event_has_rows(event) || (failed == NULL && aside->nkeys == 0))
		return false;
	keys = keys_of_event(apply, source, event);
	foreach(lc, keys)
		blocked = blocked || is_blocked(aside, target, lfirst(lc));
	if (failed == NULL && !blocked)
		return false;
	foreach(lc, keys)
		if (!is_blocked(aside, target, lfirst(lc)))
			block(apply, source, lfirst(lc), event->seq);
	keep(apply, source, event, failed);
	return true;
}

void
cdc_aside_close(CdcApply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->sources)
	{
		const CdcSourceRun *source = lfirst(lc);
		const CdcFailedEvent *first;
		CdcTableError error;

		if (source->aside == NULL || source->aside->events == 0)
			continue;
		first = source->aside->first;
		if (first != NULL)
		{
			error.name = first->table;
			error.seq = first->seq;
			error.key = first->key;
			error.sqlerrcode = first->sqlerrcode;
			error.text = first->text;
		}
		cdc_table_error_kept(apply->sub, source->mapping->name, source->aside->events,
							 first != NULL ? &error : NULL);
	}
}

/*-------------------------------------------------------------------------
 *
 * copy_progress.c
 *	  How far the copies of a subscription's tables have come.
 *
 * Pull writes these rows in the transaction that appends a chunk to the history.  Who
 * asks for a copy writes them too: a chunk that was read meanwhile waits for him, or he
 * for it, at the row of cdc_catalog.subscription_table, which both write first.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/copy_progress.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/progress/known.h"
#include "pg/progress/table_error.h"
#include "pg/progress/table_state.h"

/* ---- reading ---- */

/* Whether both are the same, or neither is there. */
static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether the table of the second takes part in the copy of the first. */
static bool
is_one_copy(const CdcCopyProgress *p, const CdcCopyProgress *other)
{
	if (p->state != other->state || strcmp(p->source_table, other->source_table) != 0)
		return false;
	return p->state != 'i' ||
		(p->wanted == other->wanted && p->replaces == other->replaces && p->resync == other->resync &&
		 p->gone_seq == other->gone_seq && same_text(p->row_filter, other->row_filter) &&
		 same_text(p->gone, other->gone));
}

/* Adds a table that was read to the list, or to a copy that is there. */
static List *
add_to_copies(List *copies, CdcCopyProgress *p)
{
	ListCell   *lc;

	foreach(lc, copies)
	{
		CdcCopyProgress *copy = lfirst(lc);

		if (!is_one_copy(copy, p))
			continue;
		copy->names = repalloc(copy->names, sizeof(char *) * (copy->nnames + 1));
		copy->names[copy->nnames++] = p->names[0];
		copy->keyless = copy->keyless || p->keyless;
		copy->has_target = copy->has_target && p->has_target;
		copy->held = copy->held || p->held;
		copy->keeps = copy->keeps || p->keeps;
		copy->options = list_concat(copy->options, p->options);
		return copies;
	}
	return lappend(copies, p);
}

/* The i-th row of what was read, in the current context. */
static CdcCopyProgress *
read_progress(CdcSpi *spi, uint64 i)
{
	CdcCopyProgress *p = palloc0(sizeof(*p));
	bool		isnull;
	Datum		d;

	p->source_table = cdc_spi_text(spi, i, 1);
	p->state = DatumGetChar(cdc_spi_datum(i, 2, CHAROID, &isnull));
	p->wanted = DatumGetBool(cdc_spi_datum(i, 3, BOOLOID, &isnull));
	d = cdc_spi_datum(i, 4, BOOLOID, &isnull);
	p->replaces = !isnull && DatumGetBool(d);
	p->row_filter = cdc_spi_text(spi, i, 5);
	p->begin_seq = cdc_spi_int64(i, 6);
	p->key_shape = cdc_spi_text(spi, i, 7);
	p->last_key = cdc_spi_text_array(spi, i, 8, &p->nlast_key);
	p->reread = cdc_spi_text_array(spi, i, 9, &p->nreread);
	p->rows = cdc_spi_int64(i, 10);
	p->bytes = cdc_spi_int64(i, 11);
	p->chunks = cdc_spi_int64(i, 12);
	d = cdc_spi_datum(i, 13, INT8OID, &isnull);
	p->estimated_rows = isnull ? -1 : DatumGetInt64(d);
	p->keyless = DatumGetBool(cdc_spi_datum(i, 14, BOOLOID, &isnull));
	p->has_target = DatumGetBool(cdc_spi_datum(i, 15, BOOLOID, &isnull));
	d = cdc_spi_copy(spi, i, 16, JSONBOID, &isnull);
	p->options = list_make1(isnull ? NULL : DatumGetJsonbP(d));
	d = cdc_spi_datum(i, 17, BOOLOID, &isnull);
	p->resync = !isnull && DatumGetBool(d);
	p->gone = cdc_spi_text(spi, i, 18);
	p->gone_seq = cdc_spi_int64(i, 19);
	p->names = palloc(sizeof(char *));
	p->names[0] = cdc_spi_text(spi, i, 20);
	p->nnames = 1;
	p->held = DatumGetBool(cdc_spi_datum(i, 21, BOOLOID, &isnull));
	p->events_seq = cdc_spi_int64(i, 22);
	d = cdc_spi_datum(i, 23, BOOLOID, &isnull);
	p->keeps = !isnull && DatumGetBool(d);
	return p;
}

/*
 * Tables that are to be read now, with their progress; one waits while another target of its
 * source table is copied.  By joins: Greenplum 6 makes a plan that ends the server of an EXISTS
 * below an OR in a query within another one.
 */
#define WAITING_FROM \
	" FROM cdc_catalog.subscription_table t LEFT JOIN cdc_catalog.copy_progress p" \
	" ON p.subscription OPERATOR(pg_catalog.=) t.subscription" \
	" AND p.name OPERATOR(pg_catalog.=) t.name" \
	" LEFT JOIN (SELECT DISTINCT o.source_table FROM cdc_catalog.subscription_table o" \
	" WHERE o.subscription OPERATOR(pg_catalog.=) $1" \
	" AND (o.state OPERATOR(pg_catalog.=) 'd' OR o.state OPERATOR(pg_catalog.=) 'f')) b" \
	" ON b.source_table OPERATOR(pg_catalog.=) t.source_table"
#define WAITING_WHERE \
	" WHERE t.subscription OPERATOR(pg_catalog.=) $1" \
	" AND ((t.state OPERATOR(pg_catalog.=) 'i' AND b.source_table IS NULL)" \
	" OR t.state OPERATOR(pg_catalog.=) 'd'" \
	" OR (t.state OPERATOR(pg_catalog.=) 'f' AND p.reread IS NOT NULL))"

List *
cdc_copy_waiting(const CdcSubscription *sub, int limit)
{
	/* all tables of so many source tables */
	static CdcStatement stmt = {
		"SELECT t.source_table, t.state, t.copy_data, p.replaces, p.row_filter, p.begin_seq,"
		" p.key_shape, p.last_key, p.reread, p.rows, p.bytes, p.chunks, p.estimated_rows, t.keyless,"
		" t.target IS NOT NULL, t.options, p.kind OPERATOR(pg_catalog.=) 'resync', p.gone, p.gone_seq, t.name, t.held,"
		" p.events_seq, p.keeps"
		WAITING_FROM
		" JOIN (SELECT DISTINCT f.source_table FROM (SELECT t.source_table" WAITING_FROM WAITING_WHERE
		" ORDER BY t.state, t.source_table LIMIT $2) f) w"
		" ON w.source_table OPERATOR(pg_catalog.=) t.source_table"
		WAITING_WHERE
		" ORDER BY t.state, t.source_table, t.name OPERATOR(pg_catalog.<>) t.source_table, t.name",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(limit);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		result = add_to_copies(result, read_progress(&spi, i));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

bool
cdc_copy_is_waiting(const CdcSubscription *sub)
{
	return cdc_copy_waiting(sub, 1) != NIL;
}

bool
cdc_copy_is_pending(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR t.state OPERATOR(pg_catalog.=) 'f') LIMIT 1",
		1, {TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name) > 0;
}

bool
cdc_copy_look(const CdcSubscription *sub, char **tables, int ntables, CdcFailedTable *failed)
{
	static CdcStatement stmt = {
		"SELECT t.name, t.last_error, t.state OPERATOR(pg_catalog.=) 'e',"
		" t.held_seq IS NOT NULL OR (t.kept_events OPERATOR(pg_catalog.>) 0 AND NOT t.held), t.differs IS NOT NULL,"
		" t.last_sqlstate IS NOT NULL AND t.last_sqlstate OPERATOR(pg_catalog.=) 'HV00R',"
		" t.left_out FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.<>) 'r'"
		" AND ($2 IS NULL OR t.source_table OPERATOR(pg_catalog.=) ANY ($2)"
		" OR t.name OPERATOR(pg_catalog.=) ANY ($2)"
		" OR pg_catalog.concat(t.source_table, ' -> ', t.target) OPERATOR(pg_catalog.=) ANY ($2))"
		" ORDER BY t.state OPERATOR(pg_catalog.=) 'e' DESC, t.source_table, t.name LIMIT 1",
		2, {TEXTOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	char		nulls[2] = {' ', ' '};
	bool		found;
	bool		isnull;

	memset(failed, 0, sizeof(*failed));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) tables, ntables);
	nulls[1] = tables != NULL ? ' ' : 'n';
	found = cdc_spi_execute(&stmt, values, nulls) > 0;
	if (found && DatumGetBool(cdc_spi_datum(0, 3, BOOLOID, &isnull)))
	{
		failed->name = cdc_spi_text(&spi, 0, 1);
		failed->error = cdc_spi_text(&spi, 0, 2);
		failed->retried = DatumGetBool(cdc_spi_datum(0, 4, BOOLOID, &isnull));
		failed->differs = DatumGetBool(cdc_spi_datum(0, 5, BOOLOID, &isnull));
		failed->gone = DatumGetBool(cdc_spi_datum(0, 6, BOOLOID, &isnull));
		failed->left_out = DatumGetBool(cdc_spi_datum(0, 7, BOOLOID, &isnull));
	}
	cdc_spi_end(&spi);
	return found && failed->name == NULL;
}

List *
cdc_copy_joins(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT DISTINCT p.source_table, p.sync_position, p.sync_gtid_set, p.end_seq"
		" FROM cdc_catalog.copy_progress p JOIN cdc_catalog.subscription_table t"
		" ON t.subscription OPERATOR(pg_catalog.=) p.subscription"
		" AND t.name OPERATOR(pg_catalog.=) p.name"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 'f'"
		" AND p.reread IS NULL ORDER BY p.end_seq",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		CdcCopyJoin *join = MemoryContextAllocZero(spi.caller, sizeof(*join));
		MemoryContext old;

		join->source_table = cdc_spi_text(&spi, i, 1);
		join->position = cdc_spi_text(&spi, i, 2);
		join->gtid_set = cdc_spi_text(&spi, i, 3);
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, join);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/*
 * From where on the target of the row of cdc_copy_span() at hand has what its source has: from the end of a
 * copy of all rows, or, where one that was to be copied never had to be, from the beginning.  A
 * position that somebody has moved brings events again, or leaves some out.
 */
static int64
whole_after(char state, int64 sync_seq)
{
	bool		isnull;
	bool		copied = DatumGetBool(cdc_spi_datum(0, 8, BOOLOID, &isnull));
	bool		whole = DatumGetBool(cdc_spi_datum(0, 9, BOOLOID, &isnull));
	int64		jump = cdc_spi_int64(0, 10);

	if ((state != 'r' && state != 's') || (whole && sync_seq <= 0))
		return PG_INT64_MAX;
	if (whole)
		return jump <= sync_seq ? sync_seq : PG_INT64_MAX;
	return copied && jump == 0 ? sync_seq : PG_INT64_MAX;
}

void
cdc_copy_span(const CdcSubscription *sub, const char *name, CdcCopySpan *span)
{
	static CdcStatement stmt = {
		"SELECT t.state, p.sync_seq, p.begin_seq, p.name IS NOT NULL, p.events_seq,"
		" COALESCE(p.kind OPERATOR(pg_catalog.=) 'resync', false), COALESCE(p.keeps, false), t.copy_data OR t.complete,"
		" p.name IS NOT NULL AND p.row_filter IS NULL AND p.gone IS NULL, COALESCE(s.jump_seq, 0)"
		" FROM cdc_catalog.subscription_table t"
		" LEFT JOIN cdc_catalog.subscription_position s"
		" ON s.subscription OPERATOR(pg_catalog.=) t.subscription"
		" LEFT JOIN cdc_catalog.copy_progress p"
		" ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.name OPERATOR(pg_catalog.=) t.name"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND t.name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];

	memset(span, 0, sizeof(*span));
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		char		state = DatumGetChar(cdc_spi_datum(0, 1, CHAROID, &isnull));
		int64		sync_seq = cdc_spi_int64(0, 2);
		Datum		begin;

		span->waits = state == 'i' || state == 'd' || state == 'f';
		span->ahead_until = span->waits ? PG_INT64_MAX : sync_seq;
		span->sync_seq = sync_seq > 0 ? sync_seq : PG_INT64_MAX;
		begin = cdc_spi_datum(0, 3, INT8OID, &isnull);
		span->begin_seq = isnull || DatumGetInt64(begin) == 0 ? PG_INT64_MAX : DatumGetInt64(begin);
		span->known = DatumGetBool(cdc_spi_datum(0, 4, BOOLOID, &isnull));
		begin = cdc_spi_datum(0, 5, INT8OID, &isnull);
		span->events_seq = isnull ? PG_INT64_MAX : DatumGetInt64(begin);
		span->at_end = DatumGetBool(cdc_spi_datum(0, 6, BOOLOID, &isnull));
		span->keeps = DatumGetBool(cdc_spi_datum(0, 7, BOOLOID, &isnull));
		span->whole_after = whole_after(state, sync_seq);
	}
	cdc_spi_end(&spi);
}

List *
cdc_copy_members(const CdcSubscription *sub, const char *source_table, bool waiting)
{
	static CdcStatement stmt = {
		"SELECT t.name FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" AND (t.state OPERATOR(pg_catalog.=) 'd' OR t.state OPERATOR(pg_catalog.=) 'f'"
		" OR (t.state OPERATOR(pg_catalog.=) 'i' AND $3)) ORDER BY t.name",
		3, {TEXTOID, TEXTOID, BOOLOID}
	};
	Datum		values[3];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = BoolGetDatum(waiting);
	return cdc_spi_texts(&stmt, values);
}

/* ---- states ---- */

/*
 * Sets the state of tables that are copied and have another one.  One that was found in error
 * meanwhile stays so: only who asks for a new copy takes it from there.
 */
static uint64
set_states(const CdcSubscription *sub, char **names, int nnames, const char *state)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET state = $3::pg_catalog.\"char\", last_error = NULL,"
		" last_sqlstate = NULL, state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) ANY ($2)"
		" AND state OPERATOR(pg_catalog.<>) $3::pg_catalog.\"char\" AND state OPERATOR(pg_catalog.<>) 'e'",
		3, {TEXTOID, TEXTARRAYOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[3];
	uint64		n;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) names, nnames);
	values[2] = CStringGetTextDatum(state);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	if (n > 0)
		cdc_catalog_changed();
	return n;
}

void
cdc_copy_tell_apart(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.copy_progress (subscription, name, source_table)"
		" SELECT t.subscription, t.name, t.source_table FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.name OPERATOR(pg_catalog.=) t.name)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table);
}

void
cdc_copy_save(const CdcSubscription *sub, const CdcCopyProgress *p)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET begin_seq = $3, key_shape = $4, last_key = $5,"
		" reread = $6, rows = $7, bytes = $8, chunks = $9, estimated_rows = $10,"
		" events_seq = $11, started_at = COALESCE(started_at, pg_catalog.now()), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) ANY ($2)",
		11, {TEXTOID, TEXTARRAYOID, INT8OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT8OID, INT8OID,
		INT8OID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[11];
	char		nulls[11];

	if (p->state != 'f')
		(void) set_states(sub, p->names, p->nnames, "d");
	cdc_copy_tell_apart(sub, p->source_table);
	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) p->names, p->nnames);
	values[2] = Int64GetDatum(p->begin_seq);
	values[3] = cdc_text_or_null(p->key_shape, &nulls[3]);
	values[4] = cdc_text_array((const char *const *) p->last_key, p->nlast_key);
	nulls[4] = p->last_key != NULL ? ' ' : 'n';
	values[5] = cdc_text_array((const char *const *) p->reread, p->nreread);
	nulls[5] = p->nreread > 0 ? ' ' : 'n';
	values[6] = Int64GetDatum(p->rows);
	values[7] = Int64GetDatum(p->bytes);
	values[8] = Int64GetDatum(p->chunks);
	values[9] = Int64GetDatum(p->estimated_rows);
	nulls[9] = p->estimated_rows >= 0 ? ' ' : 'n';
	values[10] = Int64GetDatum(p->events_seq);
	nulls[10] = p->events_seq > 0 ? ' ' : 'n';
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

bool
cdc_copy_reread(const CdcSubscription *sub, const char *source_table, const char *condition)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress AS p SET reread = pg_catalog.array_append(p.reread, $3)"
		" FROM cdc_catalog.subscription_table t"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2"
		" AND t.subscription OPERATOR(pg_catalog.=) p.subscription AND t.name OPERATOR(pg_catalog.=) p.name"
		" AND (t.state OPERATOR(pg_catalog.=) 'd' OR t.state OPERATOR(pg_catalog.=) 'f')"
		" AND COALESCE(pg_catalog.array_length(p.reread, 1), 0) OPERATOR(pg_catalog.<) 1000",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table, condition) > 0;
}

void
cdc_copy_waits_for(const CdcSubscription *sub, const char *what)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position SET copy_waits = $2"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND (copy_waits IS NOT NULL OR $2 IS NOT NULL)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, what);
}

void
cdc_copy_finish(const CdcSubscription *sub, const CdcCopyJoin *join, int64 end_seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET sync_position = $3, sync_gtid_set = $4,"
		" end_seq = $5, copied_at = pg_catalog.now(), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) ANY ($2)",
		5, {TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

	(void) set_states(sub, join->names, join->nnames, "f");
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) join->names, join->nnames);
	values[2] = cdc_text_or_null(join->position, &nulls[2]);
	values[3] = cdc_text_or_null(join->gtid_set, &nulls[3]);
	values[4] = Int64GetDatum(end_seq);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

void
cdc_copy_synced(const CdcSubscription *sub, const char *source_table, int64 seq, bool gone)
{
	static CdcStatement states = {
		"UPDATE cdc_catalog.subscription_table SET state = 's', last_error = NULL,"
		" last_sqlstate = NULL, state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND (state OPERATOR(pg_catalog.=) 'f' OR ($3::pg_catalog.bool"
		" AND (state OPERATOR(pg_catalog.=) 'i' OR state OPERATOR(pg_catalog.=) 'd')))",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress AS p SET sync_seq = $3::pg_catalog.int8,"
		" synced_at = pg_catalog.now(), updated_at = pg_catalog.now()"
		" FROM cdc_catalog.subscription_table t"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2"
		" AND t.subscription OPERATOR(pg_catalog.=) p.subscription AND t.name OPERATOR(pg_catalog.=) p.name"
		" AND t.state OPERATOR(pg_catalog.=) 's' AND p.sync_seq IS NULL",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	if (cdc_spi_run(&states, sub->name, source_table, gone ? "true" : "false") > 0)
		cdc_catalog_changed();
	cdc_copy_tell_apart(sub, source_table);
	(void) cdc_spi_run(&stmt, sub->name, source_table, psprintf(INT64_FORMAT, seq));
	cdc_known_copied(sub, source_table, seq);
}

/*
 * Apply asks in each of its transactions; mostly no table waits for it.  Who puts one
 * into that state announces it as a change of the catalogs.
 */
static struct
{
	int32		subscription_id;
	uint64		generation;		/* of the catalogs as of which none waits */
}			none_waits;

/* Notes that none waits, if that is so now, and not only in an old snapshot. */
static void
note_none_waits(const CdcSubscription *sub, uint64 generation)
{
	static CdcStatement any = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND t.state OPERATOR(pg_catalog.=) 's' LIMIT 1",
		1, {TEXTOID}
	};

	if (IsolationUsesXactSnapshot() || cdc_spi_run(&any, sub->name) > 0)
		return;
	none_waits.subscription_id = sub->id;
	none_waits.generation = generation;
}

bool
cdc_copy_applied(const CdcSubscription *sub, int64 applied_seq)
{
	static CdcStatement find = {
		"SELECT t.name, p.kind, p.rows, t.source_table FROM cdc_catalog.subscription_table t"
		" JOIN cdc_catalog.copy_progress p ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.name OPERATOR(pg_catalog.=) t.name"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 's'"
		" AND p.sync_seq OPERATOR(pg_catalog.<=) $2",
		2, {TEXTOID, INT8OID}
	};
	static CdcStatement note = {
		"UPDATE cdc_catalog.copy_progress SET ready_at = pg_catalog.now(), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *tables = NIL;
	List	   *texts = NIL;
	ListCell   *lc;
	ListCell   *lt;
	ListCell   *ls;
	List	   *sources = NIL;
	uint64		generation = cdc_catalog_generation();
	uint64		n;
	uint64		i;

	if (none_waits.subscription_id == sub->id && none_waits.generation == generation)
		return false;
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(applied_seq);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&find, values, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *table = cdc_spi_text(&spi, i, 1);
		char	   *kind = cdc_spi_text(&spi, i, 2);
		char	   *source_table = cdc_spi_text(&spi, i, 4);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		tables = lappend(tables, table);
		sources = lappend(sources, source_table);
		texts = lappend(texts, psprintf("the %s of source table %s is complete: " INT64_FORMAT " %s",
										kind, table, cdc_spi_int64(i, 3),
										cdc_spi_int64(i, 3) == 1 ? "row" : "rows"));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	forthree(lc, tables, lt, texts, ls, sources)
	{
		char		state;

		(void) cdc_spi_run(&note, sub->name, lfirst(lc));
		state = cdc_table_settle(sub, lfirst(lc), 's');

		/* no copy that it waited for began, as the source has no such table any more */
		if (state == 'e' && cdc_table_is_held(sub, lfirst(lc)))
			cdc_table_error_dropped(sub, lfirst(ls));
		if (state != 'r')
			continue;
		cdc_log(sub->name, "copy", lfirst(lt), NULL);
		cdc_notify(sub->name, "table_ready", lfirst(lc), NULL);
	}
	if (tables == NIL)
		note_none_waits(sub, generation);
	return tables != NIL;
}

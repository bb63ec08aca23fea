/*-------------------------------------------------------------------------
 *
 * copied_rows.c
 *	  Rows of a copy that wait beside the history until they are applied.
 *
 * They are kept in parts of about a page of the table, each a sequence of entries: lengths
 * of a JSONB document and of its original text (uint32, this machine's byte order), then
 * both, each filled up to a multiple of four bytes.  A row that is larger than that has a
 * part of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/copied_rows.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"
#include "pg/history/event_writer.h"

/* What fits into a page with the row's other columns, so that nothing goes to TOAST. */
#define PART_BYTES		7900

#define HEAD_BYTES		(2 * sizeof(uint32))

struct CdcCopiedRows
{
	CdcSubscription sub;		/* with the form of these events */
	const char *name;
	const char *source_table;
	int64		seq;			/* of the event that stands for them */
	int64		number;			/* of the row at hand */
	CdcEventOutput out;
	CdcEventWriter *writer;
	bytea	   *part;			/* that is being filled */
	size_t		used;
	size_t		cap;
	int			parts;
};

/* ---- writing ---- */

static void
write_part(CdcCopiedRows *rows)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.copied_rows (subscription, seq, part, source_table, rows)"
		" VALUES ($1, $2, $3, $4, $5)",
		5, {TEXTOID, INT8OID, INT4OID, TEXTOID, BYTEAOID}
	};
	CdcSpi		spi;
	Datum		values[5];

	if (rows->used == 0)
		return;
	SET_VARSIZE(rows->part, VARHDRSZ + rows->used);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(rows->name);
	values[1] = Int64GetDatum(rows->seq);
	values[2] = Int32GetDatum(rows->parts++);
	values[3] = CStringGetTextDatum(rows->source_table);
	values[4] = PointerGetDatum(rows->part);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	rows->used = 0;
}

/* Makes room for so many bytes more in the part. */
static void
make_room(CdcCopiedRows *rows, size_t len)
{
	if (rows->used > 0 && rows->used + len > PART_BYTES)
		write_part(rows);
	if (rows->used + len <= rows->cap)
		return;
	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a row of source table %s is too large to be copied beside the history",
						rows->source_table),
				 errhint("Set the table's option copy_history to on.")));
	pfree(rows->part);
	rows->cap = rows->used + len;
	rows->part = palloc(VARHDRSZ + rows->cap);
}

static void
put(CdcCopiedRows *rows, const void *data, size_t len)
{
	char	   *at = VARDATA(rows->part) + rows->used;

	if (len > 0)
		memcpy(at, data, len);
	memset(at + len, 0, INTALIGN(len) - len);
	rows->used += INTALIGN(len);
}

/* CdcEventOutput.append */
static void
append_row(CdcEventOutput *out, const CdcHistoryRow *row)
{
	CdcCopiedRows *rows = out->arg;
	uint32		head[2];

	head[0] = row->event != NULL ? (uint32) VARSIZE(row->event) : 0;
	head[1] = row->raw != NULL ? (uint32) row->raw_len : 0;
	make_room(rows, HEAD_BYTES + INTALIGN((size_t) head[0]) + INTALIGN((size_t) head[1]));
	put(rows, head, HEAD_BYTES);
	put(rows, row->event, head[0]);
	put(rows, row->raw, head[1]);
}

CdcCopiedRows *
cdc_copied_rows_begin(const CdcSubscription *sub, const char *source_table, int64 seq,
					  const CdcTransaction *txn)
{
	CdcCopiedRows *rows = palloc0(sizeof(CdcCopiedRows));

	rows->sub = *sub;
	rows->sub.opt.event.data_only = true;
	rows->name = sub->name;
	rows->source_table = source_table;
	rows->seq = seq;
	rows->cap = PART_BYTES;
	rows->part = palloc(VARHDRSZ + rows->cap);
	rows->out.sub = &rows->sub;
	rows->out.last_seq = &rows->number;
	rows->out.append = append_row;
	rows->out.arg = rows;
	rows->out.beside = true;
	rows->writer = cdc_event_writer_begin(&rows->out, txn);
	return rows;
}

void
cdc_copied_rows_add(CdcCopiedRows *rows, const CdcChange *change)
{
	cdc_event_writer_change(rows->writer, change);
}

int64
cdc_copied_rows_end(CdcCopiedRows *rows)
{
	cdc_event_writer_end(rows->writer);
	write_part(rows);
	return rows->number;
}

/* ---- reading ---- */

/* The part with this number, palloc'ed in the current context; NULL: there is none. */
static bytea *
read_part(const CdcSubscription *sub, int64 seq, int part)
{
	static CdcStatement stmt = {
		"SELECT c.rows FROM cdc_catalog.copied_rows c"
		" WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.seq OPERATOR(pg_catalog.=) $2"
		" AND c.part OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, INT8OID, INT4OID}
	};
	CdcSpi		spi;
	Datum		values[3];
	bytea	   *result = NULL;
	bool		isnull;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(seq);
	values[2] = Int32GetDatum(part);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = (bytea *) DatumGetPointer(cdc_spi_copy(&spi, 0, 1, BYTEAOID, &isnull));
	cdc_spi_end(&spi);
	return result;
}

/* The visit of an event's rows. */
typedef struct Visit
{
	CdcHistoryEvent row;		/* what is visited */
	CdcHistoryVisitor visit;
	void	   *arg;
	MemoryContext cxt;			/* of a row */
	int64		rows;			/* that were visited */
} Visit;

/* Visits the row that begins at the offset, and moves that behind it; false: it is the last. */
static bool
visit_row(Visit *visit, const char *data, size_t len, size_t *offset)
{
	uint32		head[2];
	size_t		event_len;
	size_t		raw_len;
	MemoryContext old;
	bool		more;

	if (len - *offset < HEAD_BYTES)
		elog(ERROR, "a part of the rows of seq " INT64_FORMAT " is cut off", visit->row.seq);
	memcpy(head, data + *offset, HEAD_BYTES);
	*offset += HEAD_BYTES;
	event_len = INTALIGN((size_t) head[0]);
	raw_len = INTALIGN((size_t) head[1]);
	if (len - *offset < event_len || len - *offset - event_len < raw_len ||
		(head[0] != 0 && (head[0] < sizeof(Jsonb) || VARSIZE(data + *offset) != head[0])))
		elog(ERROR, "a part of the rows of seq " INT64_FORMAT " is damaged", visit->row.seq);
	visit->row.event = head[0] != 0 ? &((const Jsonb *) (data + *offset))->root : NULL;
	visit->row.raw = head[1] != 0 ? data + *offset + event_len : NULL;
	visit->row.raw_len = head[1];
	*offset += event_len + raw_len;
	visit->rows++;
	old = MemoryContextSwitchTo(visit->cxt);
	more = visit->visit(&visit->row, visit->arg);
	MemoryContextSwitchTo(old);
	MemoryContextReset(visit->cxt);
	return more;
}

/*
 * Whether a later copy of the table, which has been asked for or has begun, brings all rows
 * and takes away the others, for all targets that these are for: then nothing depends on these.
 */
static bool
are_needless(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" AND p.source_table OPERATOR(pg_catalog.=) $2 AND p.replaces AND p.row_filter IS NULL"
		" AND (p.begin_seq IS NULL OR p.begin_seq OPERATOR(pg_catalog.>) $3)"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.copy_progress o WHERE o.subscription OPERATOR(pg_catalog.=) $1"
		" AND o.source_table OPERATOR(pg_catalog.=) $2 AND o.begin_seq OPERATOR(pg_catalog.<=) $3"
		" AND COALESCE(o.sync_seq, $3) OPERATOR(pg_catalog.>=) $3)",
		3, {TEXTOID, TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[3];
	bool		found;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	found = cdc_spi_execute(&stmt, values, NULL) > 0;
	cdc_spi_end(&spi);
	return found;
}

/* Somebody has taken rows away: ERROR unless the table is copied once more. */
static void
check_missing(const CdcSubscription *sub, const Visit *visit, int64 wanted)
{
	char	   *table = pnstrdup(visit->row.source_table, visit->row.source_table_len);

	if (are_needless(sub, table, visit->row.seq))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the rows of the copy at seq " INT64_FORMAT " of subscription \"%s\" are not there",
					visit->row.seq, sub->name),
			 errdetail("There are " INT64_FORMAT " instead of " INT64_FORMAT ".", visit->rows, wanted),
			 errhint("Copy the table again: SELECT cdc.resync_table(%s, %s);",
					 quote_literal_cstr(sub->name), quote_literal_cstr(table))));
}

void
cdc_copied_rows_visit(const CdcSubscription *sub, const CdcHistoryEvent *event, int64 wanted,
					  CdcHistoryVisitor visitor, void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest copied rows",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Visit		visit = {*event, visitor, arg, NULL, 0};
	bool		more = true;
	int			part = 0;
	bytea	   *rows;

	visit.cxt = AllocSetContextCreate(old, "cdc_ingest copied row", ALLOCSET_DEFAULT_SIZES);
	visit.row.op = CDC_OP_SNAPSHOT;
	visit.row.commit = visit.row.skipped = false;
	visit.row.key = NULL;
	while (more && (rows = read_part(sub, event->seq, part++)) != NULL)
	{
		size_t		len = VARSIZE(rows) - VARHDRSZ;
		size_t		offset = 0;

		CHECK_FOR_INTERRUPTS();
		while (more && offset < len)
			more = visit_row(&visit, VARDATA(rows), len, &offset);
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	if (more && visit.rows != wanted)
		check_missing(sub, &visit, wanted);
	MemoryContextDelete(visit.cxt);
	MemoryContextDelete(cxt);
}

/* ---- taking away ---- */

void
cdc_copied_rows_delete(const CdcSubscription *sub, int64 seq)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.copied_rows WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND seq OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

void
cdc_copied_rows_delete_upto(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.copied_rows c WHERE c.subscription OPERATOR(pg_catalog.=) $1"
		" AND c.seq OPERATOR(pg_catalog.<=) $2 AND (c.source_table OPERATOR(pg_catalog.=) $3"
		" OR NOT EXISTS (SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) c.subscription"
		" AND t.source_table OPERATOR(pg_catalog.=) c.source_table"
		" AND t.state OPERATOR(pg_catalog.<>) 'r' AND t.state OPERATOR(pg_catalog.<>) 'e'))",
		3, {TEXTOID, INT8OID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[3];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(seq);
	values[2] = CStringGetTextDatum(source_table);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

/*-------------------------------------------------------------------------
 *
 * verify_internal.h
 *	  What the parts of cdc.verify share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_VERIFY_VERIFY_INTERNAL_H
#define CDC_PG_VERIFY_VERIFY_INTERNAL_H

#include "pg/catalog/tables.h"
#include "pg/base/compat.h"
#include "access/htup.h"
#include "executor/spi.h"
#include "pg/apply/source_row.h"
#include "pg/base/hash.h"
#include "pg/catalog/subscription.h"
#include "pg/copy/chunk.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/pull/source_kind.h"
#include "pg/remote/source.h"
#include "pg/schema/schema.h"
#include "pg/schema/versions.h"
#include "utils/snapshot.h"

/* Rows that are compared at a time, and their bytes in memory. */
#define CDC_VERIFY_ROWS		10000
#define CDC_VERIFY_BYTES	(16 * 1024 * 1024)

/* A key, and what the source should have of it. */
typedef struct CdcVerifyRow
{
	CdcHash128	hash;			/* of the key; in tables without key of the row */
	HeapTuple	key;			/* the key's columns, in the target's row type */
	HeapTuple	expected;		/* in the target's row type; NULL: there is no such row */
	const CdcPresence *presence;	/* columns that expected has */
	CdcHash128	found;			/* of the target's row; zero: it has none */
	int			nfound;			/* rows of the target that have the key */
	bool		differs;
	bool		unsure;			/* history does not tell what the row is */
	char	   *text;			/* the key as JSON, for the result; NULL until needed */
} CdcVerifyRow;

/*
 * A range of keys that has the same rows at both sides, whatever collations are: the key
 * has numbers and bytes only.  By attribute of the target.
 */
typedef struct CdcVerifySpan
{
	Datum	   *after;			/* rows behind this key; NULL: from the first one */
	Datum	   *upto;			/* up to and including this one; NULL: to the last one */
} CdcVerifySpan;

/* span.c's and sum.c's, of a table. */
typedef struct CdcVerifySpans CdcVerifySpans;
typedef struct CdcVerifySums CdcVerifySums;

/* How many rows a range has, and the sum of their hashes. */
typedef struct CdcVerifySum
{
	int64		rows;
	uint64		hashes;
} CdcVerifySum;

/* One call. */
typedef struct CdcVerify
{
	const CdcSubscription *sub;
	MemoryContext context;		/* of the call */
	const CdcSourceMethods *methods;
	CdcSource  *reader;			/* rows */
	CdcSource  *control;		/* questions meanwhile */
	CdcSchema  *schema;
	double		sample;			/* share of the chunks that are read; 1: all */
	int64		rate;			/* rows a second at most; 0: as many as come */
	CdcJsonbWriter *jsonb;
	int64		shown_seq;		/* up to this event the source shows all ... */
	TimestampTz shown_at;		/* ... as was proved then; 0: that is not kept */
} CdcVerify;

/* Where a table's comparing stands between two steps. */
typedef struct CdcVerifyPlace
{
	const CdcSubscriptionTable *registered;
	TimestampTz started_at;		/* of its results */
	char	   *shape;			/* see cdc_verify_shape(); NULL: it has not begun */
	char	  **last;			/* up to this key it was compared: literals; NULL: not at all */
	int			nlast;
	int			chunk;
	int64		source_rows;
	int64		rows_read;
	int64		differences;
	char	  **ranges;			/* what a repair has to copy: conditions in the source's SQL ... */
	int			nranges;
	char	  **gone;			/* ... and keys of rows that the target has only */
	int			ngone;
	int64		gone_seq;
	bool		by_range;
} CdcVerifyPlace;

/* A table within it. */
typedef struct CdcVerifyTable
{
	CdcVerify  *verify;
	const CdcSubscriptionTable *registered;
	char	   *source_table;	/* database.table */
	const CdcTable *table;
	CdcTableVersion version;	/* of its definition, by which rows of the source are read */
	CdcMapping *mapping;
	CdcSourceRow row;			/* the source's row at hand */
	CdcSourceRow event;			/* the history's */
	MemoryContext context;		/* of the table */
	MemoryContext block;		/* of the rows at hand */
	SPIPlanPtr	by_key;			/* lookup.c's; NULL: not made */
	bool		by_key_nulls;	/* it finds NULLs */
	CdcVerifySpans *spans;		/* span.c's; NULL: ranges of keys have other rows here than there */
	CdcVerifySums *sums;		/* sum.c's; NULL: there is no sum that both sides can make */

	/* the place that the target was read at last */
	int64		applied_seq;
	int64		shaped_seq;		/* up to here history was looked through for DDL of the table */
	bool		ready;			/* it was complete there, but for what was put aside or left out */
	bool		lacks;			/* ... as its state e says */
	bool		reshaped;		/* history had DDL of the table meanwhile */
	int64		source_rows;
	int64		rows_read;		/* of these: the sums of others were enough */
	int64		differences;

	/* repair.c's: what a repair has to copy */
	CdcChunkKey key;			/* by which the source is read; no columns: in one pass, which
								 * leaves no ranges */
	List	   *ranges;			/* of CdcVerifyRange *: rows of the source that differ are in them */
	List	   *gone;			/* of char *: keys of the target's rows that the source does not have */
	int64		gone_seq;		/* ... as of this event */
	bool		by_range;		/* false: these do not tell all */

	/* of a step */
	TimestampTz until;			/* it ends between two ranges from then on; 0: with the table */
	const CdcVerifyPlace *from; /* NULL: it begins with the table */
	bool		anew;			/* it did nevertheless, as the table is another one by now */
	bool		paused;			/* it has ended before the table did */
	const char *seen_name;		/* under which the session keeps seen.c's keys */
	char	   *shape;
	char	  **last;			/* the key up to which it was compared */
	int			chunk;
	List	   *conditions;		/* of char *: as ranges, of the steps before */

	TimestampTz began;
	int64		began_with;		/* rows that were compared before */
	TimestampTz told;			/* when the user was told last */
} CdcVerifyTable;

/* ---- source.c ---- */

/*
 * Converts a row of the source (values in the table's order) into t->row; what it points
 * to lives until the next call, in the current context.
 */
extern void cdc_verify_read_row(CdcVerifyTable *t, const CdcValue *values);

/* The hash of the columns that are in attrs (by attribute), or of the key's. */
extern CdcHash128 cdc_verify_hash_row(const CdcTarget *target, const Datum *values,
									  const bool *nulls, const bool *attrs);
extern CdcHash128 cdc_verify_hash_key(const CdcTarget *target, const Datum *values,
									  const bool *nulls);

/* One value, of a target's column, added to a hash. */
extern void cdc_verify_hash_value(CdcHash128 *hash, const CdcTargetColumn *column, Datum value,
								  bool isnull);

/* Whether two values of a column are the same, bit by bit once they are whole. */
extern bool cdc_verify_same_value(const CdcTargetColumn *column, Datum a, bool anull, Datum b,
								  bool bnull);

/*
 * Sets what values are written under so that any session reads the same again, until
 * AtEOXact_GUC() of the level that is returned.
 */
extern int	cdc_verify_begin_texts(void);

/* {"id": 5} of a row in the target's row type; palloc'ed. */
extern char *cdc_verify_key_text(const CdcTarget *target, HeapTuple row);

/* ---- settle.c ---- */

/*
 * The last seq that history has now, or of which that was proved lately: what is read of the source from here
 * on is behind it.
 */
extern int64 cdc_verify_seq_now(CdcVerify *v);

/* Where the source stands now: all that was read of it is not behind that.  palloc'ed. */
extern char *cdc_verify_position_now(const CdcVerify *v);

/* Waits until the targets have the position; ERROR where nothing moves any more. */
extern void cdc_verify_wait(const CdcVerify *v, const char *position);

/* Reads of the target what the active snapshot has. */
typedef void (*CdcVerifyReading) (CdcVerifyTable *t, void *arg);

/*
 * Sets what t says of the place that the target is at by now, and has it read there, in one
 * snapshot, where it is ready and was not altered since t was prepared.  No lock on it is left.
 */
extern void cdc_verify_look(CdcVerifyTable *t, CdcVerifyReading read, void *arg);

/*
 * Lays the events behind seq after, up to t->applied_seq, over the rows with differs set,
 * and clears it where an event concerns the row.  Sets t->reshaped where there was DDL.
 */
extern void cdc_verify_lay_over(CdcVerifyTable *t, CdcVerifyRow *rows, int n, int64 after);

/*
 * Whether events behind seq after, up to t->applied_seq, concern rows of the span, or may do
 * so.  Sets t->reshaped where there was DDL since the last look.
 */
extern bool cdc_verify_is_touched(CdcVerifyTable *t, const CdcVerifySpan *span, int64 after);

/* ---- span.c ---- */

/* Sets t->spans, of a table whose key t->key is known. */
extern void cdc_verify_find_spans(CdcVerifyTable *t);

/* The span of a range by t->key. */
extern void cdc_verify_span(const CdcVerifyTable *t, const CdcChunkRange *range, CdcVerifySpan *span);

/* Whether a key, by attribute of the target, is in it, or may be as it has a NULL. */
extern bool cdc_verify_in_span(const CdcVerifyTable *t, const CdcVerifySpan *span, const Datum *values,
							   const bool *nulls);

/* Appends the span's condition, with $1 and so on; their types and values into both arrays. */
extern int	cdc_verify_span_condition(const CdcVerifyTable *t, const CdcVerifySpan *span, StringInfo sql,
									  Oid *types, Datum *values);

/* As many parameters as that has at most. */
#define CDC_VERIFY_SPAN_PARAMETERS	(2 * INDEX_MAX_KEYS)

/* ---- sum.c ---- */

/* Sets t->sums, of a table that has spans. */
extern void cdc_verify_find_sums(CdcVerifyTable *t);

/* The sum of the source's rows; false: it does not answer. */
extern bool cdc_verify_source_sum(CdcVerifyTable *t, const CdcChunkRange *range, CdcVerifySum *sum);

/* The same of the target's rows, as the active snapshot sees them. */
extern void cdc_verify_target_sum(CdcVerifyTable *t, const CdcVerifySpan *span, CdcVerifySum *sum);

/* ---- repair.c ---- */

/* Rows of the source by t->key: behind after, up to upto; NULL: no bound. */
typedef struct CdcVerifyRange
{
	char	  **after;
	char	  **upto;
} CdcVerifyRange;

/* Rows behind after, up to upto, differ; both stay, in t->context. */
extern void cdc_verify_note_range(CdcVerifyTable *t, char **after, char **upto);

/* The row is one that the target has only. */
extern void cdc_verify_note_gone(CdcVerifyTable *t, const CdcVerifyRow *row);

/*
 * Has what differs copied once more: the ranges, or the table.  Nothing but a WARNING where a
 * copy of it was asked for meanwhile.
 */
extern void cdc_verify_repair(CdcVerifyTable *t);

/* The ranges as conditions in the source's SQL, of char *, those of the steps before first. */
extern List *cdc_verify_conditions(const CdcVerifyTable *t);

/* ---- place.c ---- */

/*
 * Begins a run of these tables (of CdcSubscriptionTable *) unless one is under way; restart: in any case.
 */
extern void cdc_verify_begin_run(const CdcSubscription *sub, List *tables, bool restart);

/* The next one to go on with, whose row is locked; false: there is none. */
extern bool cdc_verify_next(const CdcSubscription *sub, List *tables, CdcVerifyPlace *place);

/* Keeps where t stands; done: it is through with it, or it cannot be compared. */
extern void cdc_verify_save(const CdcVerifyTable *t, bool done);

/* Whether there is more to do; else ends the run. */
extern bool cdc_verify_end_run(const CdcSubscription *sub, List *tables);

/* Forgets results of the run, of a table that is begun anew. */
extern void cdc_verify_forget(const CdcVerifyTable *t, TimestampTz started_at);

/* What a place's key and rows depend on: the source table, its key and the target. */
extern char *cdc_verify_shape(const CdcVerifyTable *t);

/* ---- lookup.c ---- */

/* Looks the rows up in the target; sets found, nfound and differs.  all: else those without differs. */
extern void cdc_verify_lookup(CdcVerifyTable *t, CdcVerifyRow *rows, int n, const bool *wanted);

/* ---- scan.c ---- */

/* A row of the target, by attribute; false ends the scan. */
typedef bool (*CdcVerifyVisitor) (const Datum *values, const bool *nulls, void *arg);

/*
 * Visits the target's rows in the span (NULL: all), as the active snapshot sees them: their
 * keys, or all of their columns.
 */
extern void cdc_verify_scan(CdcVerifyTable *t, const CdcVerifySpan *span, bool whole,
							CdcVerifyVisitor visit, void *arg);

/* ---- seen.c ---- */

typedef struct CdcSeen CdcSeen;

/*
 * A set of hashes, each with a count, of any size: on disk, and a part at a time in memory.
 * It is in the current memory context, and its file belongs to the current resource owner,
 * which closes it on ERROR; else the caller has to close the set, before both of them end.
 */
extern CdcSeen *cdc_seen_create(void);

extern void cdc_seen_close(CdcSeen *seen);

/*
 * The same for several transactions of a session, which has one such set.  seq: of the history
 * when it was begun.  A step creates it or takes it as the step before has kept it, by name
 * and number; NULL: it has not, or failed meanwhile.  The step that needs it last closes it.
 */
extern CdcSeen *cdc_seen_create_kept(const char *name, int64 seq);
extern CdcSeen *cdc_seen_take(const char *name, int number, int64 *seq);
extern void cdc_seen_keep(int number);
extern void cdc_seen_add(CdcSeen *seen, CdcHash128 hash);
extern int64 cdc_seen_total(const CdcSeen *seen);

/* How many parts it has; loads one of them. */
extern int	cdc_seen_parts(const CdcSeen *seen);
extern void cdc_seen_load(CdcSeen *seen, int part);

/* Whether the hash belongs to the part that is loaded; its count there, or NULL. */
extern bool cdc_seen_in_part(const CdcSeen *seen, CdcHash128 hash);
extern int32 *cdc_seen_find(CdcSeen *seen, CdcHash128 hash);

/* Visits the loaded part. */
extern void cdc_seen_each(CdcSeen *seen, void (*visit) (CdcHash128 hash, int32 count, void *arg),
						  void *arg);

/* ---- block.c ---- */

/* What is told of a chunk; rows: those that differ. */
typedef struct CdcVerifyChunk
{
	int			number;
	const char *kind;			/* equal, missing, extra, different */
	int64		source_rows;
	int64		target_rows;
	int64		rows_read;		/* of source_rows */
	CdcVerifyRow **rows;
	int			nrows;
} CdcVerifyChunk;

typedef void (*CdcVerifyReport) (CdcVerifyTable *t, const CdcVerifyChunk *chunk, void *arg);

/* A walk through a table. */
typedef struct CdcVerifyWalk
{
	CdcVerifyTable *t;
	CdcSeen    *seen;			/* keys that the source has; NULL: only a sample is read */
	bool		keeps_seen;		/* it is the session's */
	int64		seq;			/* history's last when what seen has was begun */
	int			chunk;			/* number of the chunk at hand */
	uint64		drawn;			/* lots drawn for a sample */
	int64		told;			/* how often something was told */
	int			in_vain;		/* sums that differed though no row does, one behind the other */
	int64		sum_time;		/* how long the last sum took, in microseconds */
	bool		touched;		/* an event concerned its range meanwhile */
	CdcVerifyReport report;
	void	   *arg;
} CdcVerifyWalk;

/* Rows at hand. */
typedef struct CdcVerifyBlock
{
	CdcVerifyRow *rows;
	int			n;
	int64		seq;			/* history's last when its query began */
	int64		source_rows;	/* what is told of it */
	int64		target_rows;
} CdcVerifyBlock;

extern void cdc_verify_begin_block(CdcVerifyTable *t, CdcVerifyBlock *block);

/* Adds the source's row at hand; or a row of the target that the source does not seem to have. */
extern void cdc_verify_add_row(CdcVerifyWalk *walk, CdcVerifyBlock *block);
extern void cdc_verify_add_target_row(CdcVerifyTable *t, CdcVerifyBlock *block, CdcHash128 hash,
									  const Datum *values, const bool *nulls);

/*
 * Compares the rows that were added, and tells what they are.  false: the table is not in a
 * state in which that could be, or was altered meanwhile.
 */
extern bool cdc_verify_end_block(CdcVerifyWalk *walk, CdcVerifyBlock *block);

/*
 * Rows with differs set, of which the target was read at t->applied_seq: what history has
 * behind seq is laid over them, and they are looked up once more at the same place.
 */
extern void cdc_verify_explain(CdcVerifyTable *t, CdcVerifyRow *rows, int n, int64 seq);

/* Tells what the block's rows are, by kind.  extra: they are not the source's. */
extern void cdc_verify_tell_block(CdcVerifyWalk *walk, CdcVerifyBlock *block, bool extra);

/* Tells that so many rows are equal, which were not read. */
extern void cdc_verify_tell_equal(CdcVerifyWalk *walk, int64 rows);

/* Tells the user now and then how far it is, and keeps to the rate that was asked for. */
extern void cdc_verify_go_slowly(CdcVerifyTable *t);

/* ---- extra.c ---- */

/*
 * Finds the target's rows in the span (NULL: all) whose keys walk->seen does not have.  false
 * as above.
 */
extern bool cdc_verify_find_extras(CdcVerifyWalk *walk, const CdcVerifySpan *span);

/* ---- keyless.c ---- */

/* A table without key.  false: an event may explain a difference, it is to be read again. */
extern bool cdc_verify_walk_keyless(CdcVerifyWalk *walk);

/* ---- table.c ---- */

/* Compares a table; why not, or NULL. */
extern const char *cdc_verify_table(CdcVerifyTable *t, CdcVerifyReport report, void *arg);

#endif							/* CDC_PG_VERIFY_VERIFY_INTERNAL_H */

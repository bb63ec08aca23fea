/*-------------------------------------------------------------------------
 *
 * scan_parallel.c
 *	  Scans of Kafka topics by several processes.
 *
 *	  The leader fixes the bounds and finds what is to be read, and writes it
 *	  into shared memory as pieces; each process takes the next one when it has
 *	  read one.  Large stretches are several pieces, so that all have something to
 *	  do to the end.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_parallel.h"

#if CDC_HAVE_PARALLEL_QUERY

#include "access/parallel.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "port/atomics.h"

#include "pg/fdw/scan_ranges.h"

/* Pieces are not smaller, as each begins with a request and ends in messages read in vain. */
#define MIN_PIECE			200000

/* Pieces that a process reads at once: while one ends, the other has begun. */
#define PIECES_AT_ONCE		2

/* What a message takes, about, for the number of workers. */
#define MESSAGE_BYTES		300

/*
 * Sums over the processes, of one partition and of the scan.  Each process adds what it
 * did; the leader, which comes last, reads them.
 */
typedef struct SharedCount
{
	pg_atomic_uint64 messages;
	pg_atomic_uint64 bytes;
} SharedCount;

typedef struct SharedWork
{
	SharedCount count;
	pg_atomic_uint64 polls;
	pg_atomic_uint64 wait_us;
} SharedWork;

struct CdcKafkaScanShared
{
	pg_atomic_uint32 next;		/* the piece to be taken next */
	int			nranges;
	int			npartitions;
	bool		gaps;
	SharedWork	work;
	/* followed by CdcKafkaScanPartition[npartitions] and SharedCount[npartitions] */
	CdcKafkaRange ranges[FLEXIBLE_ARRAY_MEMBER];
};

static CdcKafkaScanPartition *
shared_partitions(CdcKafkaScanShared *shared)
{
	return (CdcKafkaScanPartition *) &shared->ranges[shared->nranges];
}

static SharedCount *
shared_counts(CdcKafkaScanShared *shared)
{
	return (SharedCount *) &shared_partitions(shared)[shared->npartitions];
}

static inline void
init_count(SharedCount *count, uint64 messages, uint64 bytes)
{
	pg_atomic_init_u64(&count->messages, messages);
	pg_atomic_init_u64(&count->bytes, bytes);
}

static inline void
add_count(SharedCount *count, uint64 messages, uint64 bytes)
{
	pg_atomic_fetch_add_u64(&count->messages, messages);
	pg_atomic_fetch_add_u64(&count->bytes, bytes);
}

/* ------------------------------------------------------------------------
 * Planning
 * ------------------------------------------------------------------------
 */

bool
cdc_kafka_scan_is_parallel_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	return true;
}

void
cdc_kafka_plan_add_partial(PlannerInfo *root, RelOptInfo *rel, double messages,
						   Cost startup_cost, Cost read_cost)
{
	double		pages = messages * MESSAGE_BYTES / BLCKSZ;
	int			workers = compute_parallel_worker(rel, pages, -1, max_parallel_workers_per_gather);
	double		share;
	ForeignPath *path;

	if (workers <= 0)
		return;
	share = workers + (parallel_leader_participation ? Max(1.0 - 0.3 * workers, 0) : 0);
	path = CDC_FOREIGNSCAN_PATH(root, rel, clamp_row_est(rel->rows / share),
								startup_cost + rel->baserestrictcost.startup,
								startup_cost + rel->baserestrictcost.startup + read_cost / share,
								NULL, NIL);
	path->path.parallel_aware = true;
	path->path.parallel_safe = true;
	path->path.parallel_workers = workers;
	add_partial_path(rel, (Path *) path);
}

/* ------------------------------------------------------------------------
 * The leader
 * ------------------------------------------------------------------------
 */

/*
 * Cuts the scan's ranges into pieces, taking turns between partitions, as those
 * may be led by different brokers.
 */
static void
cut_ranges(CdcKafkaScan *scan, int nprocesses)
{
	uint64		total = 0;
	uint64		piece;
	CdcKafkaRange *pieces;
	CdcKafkaRange *rest;
	int			room = scan->nranges + 1;
	int			n = 0;
	int			left = scan->nranges;
	int			i;
	MemoryContext old = MemoryContextSwitchTo(scan->context);

	for (i = 0; i < scan->nranges; i++)
		total += scan->ranges[i].to - scan->ranges[i].from;
	piece = Max(total / (nprocesses * 2) + 1, MIN_PIECE);
	room += (int) Min(total / piece, 1000000);
	pieces = palloc(sizeof(CdcKafkaRange) * room);
	rest = palloc(sizeof(CdcKafkaRange) * Max(scan->nranges, 1));
	if (scan->nranges > 0)
		memcpy(rest, scan->ranges, sizeof(CdcKafkaRange) * scan->nranges);
	while (left > 0)
	{
		for (i = 0; i < scan->nranges; i++)
		{
			CdcKafkaRange *r = &rest[i];

			if (r->from >= r->to)
				continue;
			pieces[n] = *r;
			/* a rest of less than half a piece goes with the last one */
			if ((uint64) (r->to - r->from) >= piece + piece / 2)
				pieces[n].to = r->from + piece;
			r->from = pieces[n++].to;
			if (r->from >= r->to)
				left--;
		}
	}
	scan->pieces = pieces;
	scan->npieces = n;
	MemoryContextSwitchTo(old);
}

/* The ranges have to be known for the size, so all is found out here. */
Size
cdc_kafka_scan_estimate_dsm(ForeignScanState *node, ParallelContext *pcxt)
{
	CdcKafkaScan *scan = node->fdw_state;

	cdc_kafka_scan_prepare(node);
	cut_ranges(scan, pcxt->nworkers + 1);
	return offsetof(CdcKafkaScanShared, ranges) + sizeof(CdcKafkaRange) * scan->npieces +
		(sizeof(CdcKafkaScanPartition) + sizeof(SharedCount)) * scan->npartitions;
}

void
cdc_kafka_scan_initialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	CdcKafkaScan *scan = node->fdw_state;
	CdcKafkaScanShared *shared = coordinate;

	SharedCount *counts;
	int			i;

	pg_atomic_init_u32(&shared->next, 0);
	shared->nranges = scan->npieces;
	shared->npartitions = scan->npartitions;
	shared->gaps = scan->gaps;
	if (scan->npieces > 0)
		memcpy(shared->ranges, scan->pieces, sizeof(CdcKafkaRange) * scan->npieces);
	if (scan->npartitions > 0)
		memcpy(shared_partitions(shared), scan->partitions,
			   sizeof(CdcKafkaScanPartition) * scan->npartitions);

	/* it may be the second time: a plan under LIMIT that is run again */
	init_count(&shared->work.count, scan->all_work.messages, scan->all_work.bytes);
	pg_atomic_init_u64(&shared->work.polls, scan->all_work.polls);
	pg_atomic_init_u64(&shared->work.wait_us, scan->all_work.wait_us);
	counts = shared_counts(shared);
	for (i = 0; i < scan->npartitions; i++)
	{
		init_count(&counts[i], scan->partitions[i].messages, scan->partitions[i].bytes);
		scan->partitions[i].messages = scan->partitions[i].bytes = 0;
	}
	scan->shared = shared;
}

void
cdc_kafka_scan_reinitialize_dsm(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	CdcKafkaScanShared *shared = coordinate;

	pg_atomic_write_u32(&shared->next, 0);
}

/* ------------------------------------------------------------------------
 * All processes
 * ------------------------------------------------------------------------
 */

void
cdc_kafka_scan_initialize_worker(ForeignScanState *node, shm_toc *toc, void *coordinate)
{
	CdcKafkaScan *scan = node->fdw_state;
	CdcKafkaScanShared *shared = coordinate;
	Size		size = sizeof(CdcKafkaScanPartition) * shared->npartitions;
	int			i;

	scan->shared = shared;
	scan->npartitions = shared->npartitions;
	scan->partitions = palloc(Max(size, 1));
	memcpy(scan->partitions, shared_partitions(shared), size);
	for (i = 0; i < scan->npartitions; i++)
		scan->partitions[i].messages = scan->partitions[i].bytes = 0;
	scan->nranges = shared->nranges;
	scan->ranges = shared->ranges;
	scan->gaps = shared->gaps;
}

/*
 * Keeps some pieces of different partitions in work.  A piece of a partition
 * that this process is reading waits until that is done.
 */
static void
take_pieces(CdcKafkaScan *scan)
{
	CdcKafkaScanShared *shared = scan->shared;

	while (cdc_kafka_ranges_active(scan->reader) < PIECES_AT_ONCE)
	{
		if (scan->pending == NULL)
		{
			uint32		number;

			if (pg_atomic_read_u32(&shared->next) >= (uint32) shared->nranges)
				return;
			number = pg_atomic_fetch_add_u32(&shared->next, 1);
			if (number >= (uint32) shared->nranges)
				return;
			scan->pending = &shared->ranges[number];
		}
		if (!cdc_kafka_ranges_add(scan->reader, scan->pending, 1))
			return;
		scan->pending = NULL;
	}
}

bool
cdc_kafka_scan_next_shared(CdcKafkaScan *scan, CdcKafkaMessage *msg)
{
	for (;;)
	{
		take_pieces(scan);
		if (cdc_kafka_ranges_active(scan->reader) == 0)
			return false;
		if (cdc_kafka_ranges_next(scan->reader, msg))
			return true;
	}
}

/* This process has done its part: sums up for the leader's EXPLAIN. */
void
cdc_kafka_scan_shutdown(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;
	CdcKafkaScanShared *shared;
	CdcKafkaScanWork work;
	SharedCount *counts;
	int			i;

	if (scan == NULL || scan->shared == NULL)
		return;
	shared = scan->shared;
	counts = shared_counts(shared);
	work = cdc_kafka_scan_work(scan);
	add_count(&shared->work.count, work.messages - scan->reported.messages,
			  work.bytes - scan->reported.bytes);
	pg_atomic_fetch_add_u64(&shared->work.polls, work.polls - scan->reported.polls);
	pg_atomic_fetch_add_u64(&shared->work.wait_us, work.wait_us - scan->reported.wait_us);
	for (i = 0; i < scan->npartitions; i++)
		add_count(&counts[i], scan->partitions[i].messages, scan->partitions[i].bytes);
	scan->all_work.messages = pg_atomic_read_u64(&shared->work.count.messages);
	scan->all_work.bytes = pg_atomic_read_u64(&shared->work.count.bytes);
	scan->all_work.polls = pg_atomic_read_u64(&shared->work.polls);
	scan->all_work.wait_us = pg_atomic_read_u64(&shared->work.wait_us);

	/* the leader comes last: shared memory is gone when EXPLAIN is written */
	for (i = 0; i < scan->npartitions && !IsParallelWorker(); i++)
	{
		scan->partitions[i].messages = pg_atomic_read_u64(&counts[i].messages);
		scan->partitions[i].bytes = pg_atomic_read_u64(&counts[i].bytes);
	}
	scan->reported = work;
	scan->have_all_work = true;
	scan->shared = NULL;
}

#endif							/* CDC_HAVE_PARALLEL_QUERY */

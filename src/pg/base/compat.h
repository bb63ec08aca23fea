/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What every file of src/pg needs to be compiled for any supported server:
 *	  PostgreSQL 13 to 18; Greenplum 6, which is PostgreSQL 9.4, and 7, which is 12.
 *
 * Differences between servers have shims, one a feature, each with its reason.
 * Shims that need a subject's headers are in a part of their own, which only the
 * users of that subject include:
 *
 *		compat_catalog.h	relations, their columns and indexes, roles, options
 *		compat_executor.h	tuples stored and read without SQL, slots, SPI
 *		compat_fdw.h		foreign and external tables, the planner, EXPLAIN
 *		compat_storage.h	processes, latches, locks, shared memory, files
 *		compat_value.h		jsonb, floats, times, hashes
 *
 * No file but these and compat_memory.c tests PG_VERSION_NUM or GP_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_H
#define CDC_PG_BASE_COMPAT_H

/*
 * There must be one type bool.  Before PostgreSQL 11, c.h makes bool a char
 * unless stdbool.h was included before it, and the pure layers include that.
 */
#include <stdbool.h>

#include "postgres.h"
#include "fmgr.h"

/* The macros of variable-length values left postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Greenplum is a feature apart from the PostgreSQL that it is built on: conditions on
 * PG_VERSION_NUM hold for it too, and CDC_GREENPLUM is for what no PostgreSQL has, or for
 * what it takes away.
 */
#ifdef GP_VERSION_NUM
#define CDC_GREENPLUM 1
#else
#define CDC_GREENPLUM 0
#endif

/*
 * The module is compiled with -fvisibility=hidden.  Before PostgreSQL 16,
 * PGDLLEXPORT is empty outside of Windows, and PG_FUNCTION_INFO_V1 exports the
 * info record only, not the function.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record * CppConcat(pg_finfo_,funcname)(void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_,funcname) (void) \
{ \
	static const Pg_finfo_record my_finfo = {1}; \
	return &my_finfo; \
} \
extern int	no_such_variable
#endif

/*
 * Functions that do not return: since 18 the word stands in front of the
 * declaration, before that an attribute stands behind it.
 */
#ifndef pg_noreturn
#define pg_noreturn						__attribute__((noreturn))
#endif

/*
 * What the server can do, for #if.  All of these are in this header, because #if
 * takes a name that is not defined for 0: no file must be able to forget them.
 */

/* Processes can sleep until somebody broadcasts, but not for ever, since 13; before that they look again soon. */
#define CDC_HAVE_CONDITION_VARIABLES	(PG_VERSION_NUM >= 130000)

/* Until 17, the workers of a subscription need an owner who has LOGIN. */
#define CDC_WORKER_NEEDS_LOGIN			(PG_VERSION_NUM < 170000)

/* Shared memory is asked for in a hook since 15, before that in _PG_init(). */
#define CDC_HAVE_SHMEM_REQUEST_HOOK		(PG_VERSION_NUM >= 150000)

/*
 * History is appended to, and targets are changed, without SQL.  Both are built on
 * table access methods (12) and on what the executor offers logical replication,
 * in the forms that those have since 13.
 */
#define CDC_HAVE_DIRECT_INSERT			(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)
#define CDC_HAVE_TABLE_AM				(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)

/* Waits for a descriptor can be prepared once (10), and end a process without postmaster (12). */
#define CDC_HAVE_WAIT_SETS				(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)

/* Event triggers see what a command dropped and altered; Greenplum 6 has none, and 7 is without ours. */
#define CDC_HAVE_EVENT_TRIGGERS			(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)

/*
 * Rows are distributed over segments, by a key or at random.  Statements that write them
 * are planned without statistics, as nothing is analysed inside of functions, and each
 * asks all segments.
 */
#define CDC_HAVE_DISTRIBUTION			CDC_GREENPLUM

/* Tables can be partitioned by a range, and their partitions attached, in the form that we use since 12. */
#define CDC_HAVE_PARTITIONS				(PG_VERSION_NUM >= 120000)

/* Names that no column of a table can have: OIDs are plain columns since 12. */
#if !CDC_GREENPLUM
#define CDC_SYSTEM_COLUMNS	"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"
#elif PG_VERSION_NUM >= 120000
#define CDC_SYSTEM_COLUMNS	"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid", "gp_segment_id"
#else
#define CDC_SYSTEM_COLUMNS	"ctid", "oid", "xmin", "cmin", "xmax", "cmax", "tableoid", "gp_segment_id"
#endif

/*
 * UPDATE and DELETE lock the whole table until the end of the transaction, unless the server
 * finds deadlocks between its nodes by itself (gp_enable_global_deadlock_detector).
 */
#define CDC_HAVE_WHOLE_TABLE_LOCKS		CDC_GREENPLUM

/*
 * A query that is held open while others run is dear: what the dispatcher of Greenplum
 * takes for each of them is freed only when none is open, and a look at a few rows to come
 * is a query on all segments.
 */
#define CDC_OPEN_QUERIES_ARE_DEAR		CDC_GREENPLUM

/*
 * Partitioned tables are made with their first partition, get further ones by ADD PARTITION,
 * and are tables like others in pg_class; tables can be append-optimised and compressed, which
 * leaves no place for unique indexes, nor for indexes that are read in order.
 */
#define CDC_HAVE_CLASSIC_PARTITIONS		(CDC_GREENPLUM && PG_VERSION_NUM < 120000)

/* Histories are made with partitions, one way or the other. */
#define CDC_HAVE_HISTORY_PARTITIONS		(CDC_HAVE_PARTITIONS || CDC_HAVE_CLASSIC_PARTITIONS)

/* Another planner can be at work, which knows nothing of options like enable_seqscan. */
#define CDC_HAVE_OTHER_PLANNER			CDC_GREENPLUM

/* The server vacuums and analyses by itself: Greenplum does so with template0 only. */
#define CDC_HAVE_AUTOVACUUM				(!CDC_GREENPLUM)

/* Permissions left the range table for a list of their own in 16. */
#define CDC_HAVE_RTE_PERMISSION_INFO	(PG_VERSION_NUM >= 160000)

/*
 * Callbacks of foreign-data wrappers: IMPORT FOREIGN SCHEMA came in 9.5, parallel
 * workers in the form that we use in 10, COPY and routed rows in 11.  On Greenplum
 * the segments share a scan, and no other workers do.
 */
#define CDC_HAVE_IMPORT_FOREIGN_SCHEMA	(PG_VERSION_NUM >= 90500)
#define CDC_HAVE_PARALLEL_QUERY			(!CDC_GREENPLUM && PG_VERSION_NUM >= 100000)
#define CDC_HAVE_FOREIGN_COPY			(PG_VERSION_NUM >= 110000)

/* Types have hash functions of 64 bits, which take a number to choose one of many. */
#define CDC_HAVE_EXTENDED_HASH			(PG_VERSION_NUM >= 110000)

/* External tables have protocols and formats that others can add. */
#define CDC_HAVE_EXTERNAL_PROTOCOLS		CDC_GREENPLUM

/* A memory context has callbacks at its reset. */
#define CDC_HAVE_CONTEXT_CALLBACKS		(PG_VERSION_NUM >= 90500)

/* Hash tables whose keys are strings must say so since 14. */
#if PG_VERSION_NUM >= 140000
#define CDC_HASH_STRINGS				HASH_STRINGS
#else
#define CDC_HASH_STRINGS				0
#endif

/*
 * A memory context that is freed as a whole and does not round its chunks up
 * (11); since 15 it takes the sizes of its blocks.  Needs utils/memutils.h.
 */
#if PG_VERSION_NUM >= 150000
#define CDC_BATCH_CONTEXT(parent, name) \
	GenerationContextCreate((parent), (name), 0, 8 * 1024, 1024 * 1024)
#elif PG_VERSION_NUM >= 110000
#define CDC_BATCH_CONTEXT(parent, name) \
	GenerationContextCreate((parent), (name), 64 * 1024)
#else
#define CDC_BATCH_CONTEXT(parent, name) \
	AllocSetContextCreate((parent), (name), 0, 8 * 1024, 1024 * 1024)
#endif

/*
 * Callbacks at a memory context's reset free what belongs to the context but is
 * no memory of it.  compat_memory.c has them for servers that do not.
 */
#if !CDC_HAVE_CONTEXT_CALLBACKS
typedef void (*MemoryContextCallbackFunction) (void *arg);
typedef struct MemoryContextCallback
{
	MemoryContextCallbackFunction func;
	void	   *arg;
	struct MemoryContextCallback *next;
} MemoryContextCallback;
extern void MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *cb);
#endif

#endif							/* CDC_PG_BASE_COMPAT_H */

/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  All differences between PostgreSQL 13 to 18 and Greenplum 6 (PostgreSQL
 *	  9.4), one shim a feature, each with its reason.  No other file tests
 *	  PG_VERSION_NUM or GP_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_H
#define CDC_PG_BASE_COMPAT_H

/*
 * One bool.  Before PostgreSQL 11 c.h makes bool a char where stdbool.h was not
 * included first; the pure layers include it.
 */
#include <stdbool.h>

#include "postgres.h"
#include "fmgr.h"
#include "utils/elog.h"

/* The macros of variable-length values left postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#ifdef GP_VERSION_NUM
#define CDC_GREENPLUM 1
#else
#define CDC_GREENPLUM 0
#endif

/*
 * Hidden visibility.  The module is compiled with -fvisibility=hidden; before
 * PostgreSQL 16 PGDLLEXPORT is empty outside of Windows and
 * PG_FUNCTION_INFO_V1 exports only the info record.
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
 * Background workers that serve subscriptions.  Greenplum 6 lacks what they
 * are built on (dynamic shared slots by DSM, latches with four arguments,
 * BackgroundWorkerInitializeConnectionByOid): there cdc.pull and cdc.apply are
 * called by a scheduler.
 */
#define CDC_HAVE_WORKERS (!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)

/* Shared memory is asked for in a hook (15), before that in _PG_init(). */
#define CDC_HAVE_SHMEM_REQUEST_HOOK (PG_VERSION_NUM >= 150000)

/* Workers may run as a role without LOGIN (17). */
#if PG_VERSION_NUM >= 170000
#define CDC_BGWORKER_FLAGS				BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define CDC_BGWORKER_FLAGS				0
#endif
#define CDC_WORKER_NEEDS_LOGIN			(PG_VERSION_NUM < 170000)

/* The access method's names (PostgreSQL 12) for relations. */
#if PG_VERSION_NUM >= 120000
#include "access/table.h"
#else
#include "access/heapam.h"
#define table_open(relid, lockmode)		heap_open(relid, lockmode)
#define table_openrv(rv, lockmode)		heap_openrv(rv, lockmode)
#define table_close(rel, lockmode)		heap_close(rel, lockmode)
#endif

/* A descriptor's attribute: attrs became an array of structs in 11. */
#if PG_VERSION_NUM < 110000
#define TupleDescAttr(tupdesc, i)		((tupdesc)->attrs[(i)])
#endif

/* Jsonb as an argument and a result (PostgreSQL 11 renamed the macros). */
#if PG_VERSION_NUM < 110000
#define DatumGetJsonbP(d)				DatumGetJsonb(d)
#define JsonbPGetDatum(p)				JsonbGetDatum(p)
#define PG_GETARG_JSONB_P(n)			PG_GETARG_JSONB(n)
#define PG_RETURN_JSONB_P(p)			PG_RETURN_JSONB(p)
#endif

/* Looks a key up in a jsonb object; needs utils/jsonb.h. */
#define CDC_FIND_JSONB_KEY(container, key) \
	findJsonbValueFromContainer((container), JB_FOBJECT, (key))

/* GetUserNameFromId with noerr (9.5). */
#if PG_VERSION_NUM < 90500
#define CDC_USER_NAME(roleid)			GetUserNameFromId(roleid)
#define CDC_USER_NAME_MISSING_OK(roleid) GetUserNameFromId(roleid)
#else
#define CDC_USER_NAME(roleid)			GetUserNameFromId((roleid), false)
#define CDC_USER_NAME_MISSING_OK(roleid) GetUserNameFromId((roleid), true)
#endif

/* Whether the current role inherits from or may become the other one. */
#define CDC_IS_MEMBER(member, role)		is_member_of_role((member), (role))

/* Who may read any file of the server: a role for that came in 11. */
#if PG_VERSION_NUM >= 140000
#define CDC_MAY_READ_FILES(role)		has_privs_of_role((role), ROLE_PG_READ_SERVER_FILES)
#elif PG_VERSION_NUM >= 110000
#define CDC_MAY_READ_FILES(role)		has_privs_of_role((role), DEFAULT_ROLE_READ_SERVER_FILES)
#else
#define CDC_MAY_READ_FILES(role)		superuser_arg(role)
#endif

/*
 * Holders of a lock: GetLockConflicts() got a count in 12; the virtual
 * transaction's process number changed its name and its lookup in 17.
 */
#if PG_VERSION_NUM >= 170000
#define CDC_LOCK_CONFLICTS(tag, mode)	GetLockConflicts((tag), (mode), NULL)
#define CDC_VXID_PROC(vxid)				ProcNumberGetProc((vxid).procNumber)
#elif PG_VERSION_NUM >= 120000
#include "storage/sinvaladt.h"
#define CDC_LOCK_CONFLICTS(tag, mode)	GetLockConflicts((tag), (mode), NULL)
#define CDC_VXID_PROC(vxid)				BackendIdGetProc((vxid).backendId)
#else
#include "storage/sinvaladt.h"
#define CDC_LOCK_CONFLICTS(tag, mode)	GetLockConflicts((tag), (mode))
#define CDC_VXID_PROC(vxid)				BackendIdGetProc((vxid).backendId)
#endif

/*
 * The fewest digits that give the same float again: in the core since 12;
 * before, the smallest precision that reads back.  buf has CDC_FLOAT_TEXT
 * bytes; the result is its length, there is no terminating NUL.
 */
#define CDC_FLOAT_TEXT	32
#if PG_VERSION_NUM >= 120000
#include "common/shortest_dec.h"
#define cdc_float4_text(v, buf)		((size_t) float_to_shortest_decimal_bufn((v), (buf)))
#define cdc_float8_text(v, buf)		((size_t) double_to_shortest_decimal_bufn((v), (buf)))
#else
static inline size_t
cdc_float4_text(float v, char *buf)
{
	int			digits;

	for (digits = 6; digits < 9; digits++)
	{
		snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
		if (strtof(buf, NULL) == v)
			break;
	}
	return snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
}

static inline size_t
cdc_float8_text(double v, char *buf)
{
	int			digits;

	for (digits = 15; digits < 17; digits++)
	{
		snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	return snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
}
#endif

/* The process's latch by a name of its own (9.5). */
#if PG_VERSION_NUM < 90500
#include "storage/proc.h"
#define MyLatch							(&MyProc->procLatch)
#endif

/* Whether a relation has a primary key or another replica identity (10). */
#if PG_VERSION_NUM >= 100000
#define CDC_RELATION_HAS_KEY(rel) \
	(OidIsValid((rel)->rd_pkindex) || OidIsValid((rel)->rd_replidindex))
#else
#define CDC_RELATION_HAS_KEY(rel)		OidIsValid((rel)->rd_replidindex)
#endif

/* Declarative partitioning (10). */
#if PG_VERSION_NUM >= 100000
#define CDC_RELKIND_PARTITIONED			RELKIND_PARTITIONED_TABLE
#else
#define CDC_RELKIND_PARTITIONED			RELKIND_RELATION
#endif

/* What TRUNCATE is not to reach: partitions are plain children before 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_TRUNCATE_SCOPE(relkind)		((relkind) == RELKIND_RELATION ? "ONLY " : "")
#else
#define CDC_TRUNCATE_SCOPE(relkind)		""
#endif

/* The parser of qualified names got an error context in 16. */
#if PG_VERSION_NUM >= 100000
#include "utils/regproc.h"
#endif
#if PG_VERSION_NUM >= 160000
#define CDC_QUALIFIED_NAMES(s)			stringToQualifiedNameList((s), NULL)
#else
#define CDC_QUALIFIED_NAMES(s)			stringToQualifiedNameList(s)
#endif

/*
 * Waiting for a latch and a descriptor: a wait event in the arguments since
 * 10, the exit at the postmaster's death built in since 12.
 */
#if PG_VERSION_NUM >= 120000
#define CDC_WL_PM_DEATH					WL_EXIT_ON_PM_DEATH
#define CDC_CHECK_PM_DEATH(rc)			((void) (rc))
#else
#define CDC_WL_PM_DEATH					WL_POSTMASTER_DEATH
#define CDC_CHECK_PM_DEATH(rc) \
	do { if ((rc) & WL_POSTMASTER_DEATH) proc_exit(1); } while (0)
#endif
#if PG_VERSION_NUM >= 100000
#define CDC_WAIT_LATCH_OR_SOCKET(latch, events, fd, ms) \
	WaitLatchOrSocket((latch), (events), (fd), (ms), PG_WAIT_EXTENSION)
#else
#define CDC_WAIT_LATCH_OR_SOCKET(latch, events, fd, ms) \
	WaitLatchOrSocket((latch), (events), (fd), (ms))
#endif

/* Descriptors that libraries hold are accounted for since 13. */
#if PG_VERSION_NUM >= 130000
#define CDC_ACQUIRE_FD()				AcquireExternalFD()
#define CDC_RELEASE_FD()				ReleaseExternalFD()
#else
#define CDC_ACQUIRE_FD()				(true)
#define CDC_RELEASE_FD()				((void) 0)
#endif

/* Privileges on a foreign server: one function for all objects since 16. */
#if PG_VERSION_NUM >= 160000
#define CDC_SERVER_ACLCHECK(server, role, mode) \
	object_aclcheck(ForeignServerRelationId, (server), (role), (mode))
#else
#define CDC_SERVER_ACLCHECK(server, role, mode) \
	pg_foreign_server_aclcheck((server), (role), (mode))
#endif

/*
 * Temporary files, that may outlive a transaction: read and written at an offset
 * since 12; the const of what is written came in 16.
 */
#if CDC_GREENPLUM
#define CDC_OPEN_TEMPORARY_FILE(name, outlives)	OpenTemporaryFile((outlives), (name))
#define CDC_FILE_WRITE(file, data, len, offset) \
	(FileSeek((file), (offset), SEEK_SET) < 0 ? -1 : FileWrite((file), (data), (len)))
#define CDC_FILE_READ(file, data, len, offset) \
	(FileSeek((file), (offset), SEEK_SET) < 0 ? -1 : FileRead((file), (data), (len)))
#else
#define CDC_OPEN_TEMPORARY_FILE(name, outlives)	OpenTemporaryFile(outlives)
#define CDC_FILE_WRITE(file, data, len, offset) \
	((int) FileWrite((file), (data), (len), (offset), WAIT_EVENT_BUFFILE_WRITE))
#define CDC_FILE_READ(file, data, len, offset) \
	((int) FileRead((file), (data), (len), (offset), WAIT_EVENT_BUFFILE_READ))
#endif

/*
 * Inserting tuples without SQL: the table access method's interface (12), in
 * the form that the executor's index insertion has had since 14.
 */
#define CDC_HAVE_DIRECT_INSERT	(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)
#if PG_VERSION_NUM >= 160000
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL, false)
#elif PG_VERSION_NUM >= 140000
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL)
#else
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	((estate)->es_result_relation_info = (rri), \
	 ExecInsertIndexTuples((slot), (estate), false, NULL, NIL))
#endif

/* A partitioned table's partitions; one that is being detached is left out (14). */
#if PG_VERSION_NUM >= 140000
#define CDC_PARTITION_DESC(rel)			RelationGetPartitionDesc((rel), true)
#else
#define CDC_PARTITION_DESC(rel)			RelationGetPartitionDesc(rel)
#endif

/* Columns that the server computes: stored ones came in 12, virtual ones in 18. */
#if PG_VERSION_NUM >= 120000
#define CDC_ATT_GENERATED(att)			((att)->attgenerated != '\0')
#else
#define CDC_ATT_GENERATED(att)			false
#endif

/* Collations under which different strings are equal (12). */
#if PG_VERSION_NUM >= 120000
#define CDC_COLLATION_IS_DETERMINISTIC(c)	get_collation_isdeterministic(c)
#else
#define CDC_COLLATION_IS_DETERMINISTIC(c)	true
#endif

/* Columns that an index only carries (INCLUDE, 11). */
#if PG_VERSION_NUM >= 110000
#define CDC_INDEX_NKEYATTS(form)		((form)->indnkeyatts)
#else
#define CDC_INDEX_NKEYATTS(form)		((form)->indnatts)
#endif

/* Row-level security (9.5). */
#if PG_VERSION_NUM >= 90500
#include "utils/rls.h"
#define CDC_RLS_ENABLED(relid)			(check_enable_rls((relid), InvalidOid, true) == RLS_ENABLED)
#else
#define CDC_RLS_ENABLED(relid)			false
#endif

/*
 * Direct table access for apply (apply_heap.c).  What the executor offers
 * logical replication lost its hidden parameter es_result_relation_info in 14;
 * summarizing indexes (16) may be the only ones that an update touches;
 * permissions left the range table in 16; index scans are instrumented since
 * 18.
 */
#define CDC_HAVE_TABLE_AM				(!CDC_GREENPLUM && PG_VERSION_NUM >= 130000)
#define CDC_HAVE_RTE_PERMISSION_INFO	(PG_VERSION_NUM >= 160000)

#if PG_VERSION_NUM >= 180000
#define CDC_INDEX_BEGINSCAN(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes), (permissions), bms_make_singleton(1))
#else
#define CDC_INDEX_BEGINSCAN(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#if PG_VERSION_NUM >= 160000
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes), (permissions))
#else
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes))
#endif
#endif

#if PG_VERSION_NUM >= 160000
#define CDC_EPQ_INIT(epq, estate)		EvalPlanQualInit((epq), (estate), NULL, NIL, -1, NIL)
#define CdcUpdateIndexes				TU_UpdateIndexes
#define CDC_UPDATES_INDEXES(u)			((u) != TU_None)
#define CDC_UPDATE_ALL_INDEXES			TU_All
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	ExecInsertIndexTuples((rri), (slot), (estate), (update), false, NULL, NIL, \
						  (indexes) == TU_Summarizing)
#else
#define CDC_EPQ_INIT(epq, estate)		EvalPlanQualInit((epq), (estate), NULL, NIL, -1)
#define CdcUpdateIndexes				bool
#define CDC_UPDATES_INDEXES(u)			(u)
#define CDC_UPDATE_ALL_INDEXES			true
#if PG_VERSION_NUM >= 140000
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	ExecInsertIndexTuples((rri), (slot), (estate), (update), false, NULL, NIL)
#else
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	ExecInsertIndexTuples((slot), (estate), false, NULL, NIL)
#endif
#endif

#if PG_VERSION_NUM >= 140000
#define CDC_SET_RESULT_RELATION(estate, rri) \
	((estate)->es_opened_result_relations = \
	 lappend((estate)->es_opened_result_relations, (rri)))
#define CDC_COMPUTE_GENERATED(rri, estate, slot, command) \
	ExecComputeStoredGenerated((rri), (estate), (slot), (command))
#define CDC_SIMPLE_INSERT(rri, estate, slot) \
	ExecSimpleRelationInsert((rri), (estate), (slot))
#define CDC_SIMPLE_UPDATE(rri, estate, epq, old, slot) \
	ExecSimpleRelationUpdate((rri), (estate), (epq), (old), (slot))
#define CDC_SIMPLE_DELETE(rri, estate, epq, old) \
	ExecSimpleRelationDelete((rri), (estate), (epq), (old))
#else
#define CDC_SET_RESULT_RELATION(estate, rri) \
	((estate)->es_result_relations = (rri), (estate)->es_num_result_relations = 1, \
	 (estate)->es_result_relation_info = (rri))
#define CDC_COMPUTE_GENERATED(rri, estate, slot, command) \
	ExecComputeStoredGenerated((estate), (slot), (command))
#define CDC_SIMPLE_INSERT(rri, estate, slot) \
	ExecSimpleRelationInsert((estate), (slot))
#define CDC_SIMPLE_UPDATE(rri, estate, epq, old, slot) \
	ExecSimpleRelationUpdate((estate), (epq), (old), (slot))
#define CDC_SIMPLE_DELETE(rri, estate, epq, old) \
	ExecSimpleRelationDelete((estate), (epq), (old))
#endif

/* A receiver may stop the executor by its result since 9.6. */
#if PG_VERSION_NUM >= 90600
#define CDC_RECEIVE_RESULT				bool
#define CDC_RECEIVE_RETURN(value)		return (value)
#else
#define CDC_RECEIVE_RESULT				void
#define CDC_RECEIVE_RETURN(value)		return
#endif

/* Hash tables with strings as keys must say so since 14. */
#if PG_VERSION_NUM >= 140000
#define CDC_HASH_STRINGS				HASH_STRINGS
#else
#define CDC_HASH_STRINGS				0
#endif

/* hash_any() moved in 13. */
#if PG_VERSION_NUM >= 130000
#include "common/hashfn.h"
#else
#include "access/hash.h"
#endif

/* set_config_option() for the rest of a nesting level; is_reload came in 9.5. */
#if PG_VERSION_NUM >= 90500
#define CDC_SET_OPTION(name, value, context, source, action) \
	((void) set_config_option((name), (value), (context), (source), (action), true, 0, false))
#else
#define CDC_SET_OPTION(name, value, context, source, action) \
	((void) set_config_option((name), (value), (context), (source), (action), true, 0))
#endif

/* SQL of the set-based back-end: identity columns (10); a row's address. */
#if PG_VERSION_NUM >= 100000
#define CDC_OVERRIDING_SYSTEM_VALUE		" OVERRIDING SYSTEM VALUE"
#else
#define CDC_OVERRIDING_SYSTEM_VALUE		""
#endif
#if CDC_GREENPLUM
#include "catalog/gp_policy.h"
#define CDC_ROW_ADDRESS					"gp_segment_id, tableoid, ctid"
/* a replicated table shows no gp_segment_id */
#define CDC_ROWS_HAVE_ADDRESS(rel)		(!GpPolicyIsReplicated((rel)->rd_cdbpolicy))
#else
#define CDC_ROW_ADDRESS					"tableoid, ctid"
#define CDC_ROWS_HAVE_ADDRESS(rel)		true
#endif

/* Memory that is freed as a whole, its chunks not rounded up (10; 15 with sizes). */
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
 * Functions that do not return: since 18 the word stands in front of the
 * declaration, before that an attribute behind it.
 */
#ifndef pg_noreturn
#define pg_noreturn						__attribute__((noreturn))
#endif

/* What is to be freed with a memory context, but is no memory of it (9.5). */
#if PG_VERSION_NUM < 90500
#define CDC_HAVE_CONTEXT_CALLBACKS		0
typedef void (*MemoryContextCallbackFunction) (void *arg);
typedef struct MemoryContextCallback
{
	MemoryContextCallbackFunction func;
	void	   *arg;
	struct MemoryContextCallback *next;
} MemoryContextCallback;
extern void MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *cb);
#else
#define CDC_HAVE_CONTEXT_CALLBACKS		1
#endif

/* Before 10, code that SPI's executor calls has to say so before it connects itself. */
#if PG_VERSION_NUM >= 100000
#define CDC_SPI_PUSH()					((void) 0)
#define CDC_SPI_POP()					((void) 0)
#else
#define CDC_SPI_PUSH()					SPI_push()
#define CDC_SPI_POP()					SPI_pop()
#endif

/*
 * Foreign tables as targets: what a slot holds (plain fields but in Greenplum),
 * whose rights count for a result relation (permissions left the range table in
 * 16; a partition that rows are routed to has no entry of its own since 14),
 * INSERT without a plan of its own (COPY and routed rows, 11).
 */
#if CDC_GREENPLUM
#define CDC_SLOT_VALUES(slot)			slot_get_values(slot)
#define CDC_SLOT_ISNULL(slot)			slot_get_isnull(slot)
#else
#define CDC_SLOT_VALUES(slot)			((slot)->tts_values)
#define CDC_SLOT_ISNULL(slot)			((slot)->tts_isnull)
#endif
#if PG_VERSION_NUM >= 160000
#define CDC_RESULT_REL_USER(rri, estate) \
	ExecGetResultRelCheckAsUser((rri), (estate))
#else
#if PG_VERSION_NUM >= 140000
#define CDC_RESULT_REL_RTI(rri) \
	((rri)->ri_RangeTableIndex != 0 ? (rri)->ri_RangeTableIndex : \
	 (rri)->ri_RootResultRelInfo->ri_RangeTableIndex)
#else
#define CDC_RESULT_REL_RTI(rri)			((rri)->ri_RangeTableIndex)
#endif
#define CDC_RESULT_REL_CHECK_AS(rri, estate) \
	(((RangeTblEntry *) list_nth((estate)->es_range_table, CDC_RESULT_REL_RTI(rri) - 1))->checkAsUser)
#define CDC_RESULT_REL_USER(rri, estate) \
	(OidIsValid(CDC_RESULT_REL_CHECK_AS(rri, estate)) ? CDC_RESULT_REL_CHECK_AS(rri, estate) : GetUserId())
#endif
#define CDC_HAVE_FOREIGN_COPY			(PG_VERSION_NUM >= 110000)

/* An empty descriptor; with or without oids was said until 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_CREATE_TUPLE_DESC(natts)	CreateTemplateTupleDesc(natts)
#else
#define CDC_CREATE_TUPLE_DESC(natts)	CreateTemplateTupleDesc((natts), false)
#endif

/* Where a statement's text had it, in parse nodes (10). */
#if PG_VERSION_NUM >= 100000
#define CDC_MAKE_DEFELEM(name, arg)		makeDefElem((name), (arg), -1)
#else
#define CDC_MAKE_DEFELEM(name, arg)		makeDefElem((name), (arg))
#endif

/* Whether this process is a background worker (a variable until 17). */
#if PG_VERSION_NUM >= 170000
#define CDC_AM_BACKGROUND_WORKER		AmBackgroundWorkerProcess()
#else
#define CDC_AM_BACKGROUND_WORKER		IsBackgroundWorker
#endif

/* A number that no other process has now, and a later one will have again (17). */
#if PG_VERSION_NUM >= 170000
#define CDC_BACKEND_NUMBER				((int) MyProcNumber)
#else
#define CDC_BACKEND_NUMBER				((int) MyBackendId)
#endif

/*
 * Scans of foreign tables.  Evaluating an expression lost an argument in 10;
 * whose privileges count is in the plan since 16; an outer path came in 9.5, a
 * target in 9.6, the restrictions that a path takes upon itself in 17, disabled
 * nodes in 18; a plan's recheck conditions in 9.5.
 */
#define CDC_HAVE_IMPORT_FOREIGN_SCHEMA	(PG_VERSION_NUM >= 90500)
#define CDC_HAVE_PARALLEL_QUERY			(PG_VERSION_NUM >= 100000)

#if PG_VERSION_NUM >= 100000
#define CDC_EXEC_EVAL_EXPR(state, econtext, isnull) \
	ExecEvalExprSwitchContext((state), (econtext), (isnull))
#else
#define CDC_EXEC_EVAL_EXPR(state, econtext, isnull) \
	ExecEvalExprSwitchContext((state), (econtext), (isnull), NULL)
#endif

/* Conditions on a row (10). */
#if PG_VERSION_NUM >= 100000
#define CDC_QUAL_STATE			ExprState
#define CDC_EXEC_INIT_QUAL(clauses, parent)	ExecInitQual((clauses), (parent))
#define CDC_EXEC_QUAL(state, econtext)	ExecQual((state), (econtext))
#else
#define CDC_QUAL_STATE			List
#define CDC_EXEC_INIT_QUAL(clauses, parent) \
	((List *) ExecInitExpr((Expr *) (clauses), (parent)))
#define CDC_EXEC_QUAL(state, econtext)	ExecQual((state), (econtext), false)
#endif

/*
 * A day or a local time as timestamptz in the session's time zone: what it cannot
 * hold is infinite, as it is for comparisons (13), else an error, as it is for
 * comparisons.  The user includes utils/date.h and utils/timestamp.h.
 */
#if PG_VERSION_NUM >= 130000
#define CDC_DATE_TO_TIMESTAMPTZ(date)	date2timestamptz_opt_overflow((date), &(int) {0})
#define CDC_TIMESTAMP_TO_TIMESTAMPTZ(ts)	timestamp2timestamptz_opt_overflow((ts), &(int) {0})
#else
#define CDC_DATE_TO_TIMESTAMPTZ(date) \
	DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, DateADTGetDatum(date)))
#define CDC_TIMESTAMP_TO_TIMESTAMPTZ(ts) \
	DatumGetTimestampTz(DirectFunctionCall1(timestamp_timestamptz, TimestampGetDatum(ts)))
#endif

/* A virtual row as a tuple of its own, for system columns. */
#if PG_VERSION_NUM >= 120000
#define CDC_MATERIALIZE_SLOT(slot)		ExecFetchSlotHeapTuple((slot), true, NULL)
#else
#define CDC_MATERIALIZE_SLOT(slot)		ExecMaterializeSlot(slot)
#endif

#if PG_VERSION_NUM >= 160000
#define CDC_FOREIGN_SCAN_USER(node) \
	(((ForeignScan *) (node)->ss.ps.plan)->checkAsUser)
#define CDC_FOREIGN_REL_USER(root, rel)	((rel)->userid)
#else
#define CDC_FOREIGN_SCAN_USER(node) \
	(rt_fetch(((Scan *) (node)->ss.ps.plan)->scanrelid, \
			  (node)->ss.ps.state->es_range_table)->checkAsUser)
#define CDC_FOREIGN_REL_USER(root, rel)	(planner_rt_fetch((rel)->relid, (root))->checkAsUser)
#endif

#if PG_VERSION_NUM >= 180000
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), 0, (startup), (total), NIL, (outer), \
							NULL, NIL, (private))
#elif PG_VERSION_NUM >= 170000
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL, (outer), \
							NULL, NIL, (private))
#elif PG_VERSION_NUM >= 90600
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL, (outer), \
							NULL, (private))
#else
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), (rows), (startup), (total), NIL, (outer), (private))
#endif
#if PG_VERSION_NUM >= 90500
#define CDC_PLAN_OUTER_ARG				, Plan *outer_plan
#define CDC_MAKE_FOREIGNSCAN(tlist, quals, relid, exprs, private) \
	make_foreignscan((tlist), (quals), (relid), (exprs), (private), NIL, NIL, NULL)
#else
#define CDC_PLAN_OUTER_ARG
#define CDC_MAKE_FOREIGNSCAN(tlist, quals, relid, exprs, private) \
	make_foreignscan((tlist), (quals), (relid), (exprs), (private))
#endif
/* Greenplum's mpp_execute: each segment would scan the whole table. */
#if CDC_GREENPLUM
#define CDC_SCANNED_BY_SEGMENTS(ft)		((ft)->exec_location == FTEXECLOCATION_ALL_SEGMENTS)
#else
#define CDC_SCANNED_BY_SEGMENTS(ft)		false
#endif

/* Greenplum may damp the selectivities of several clauses. */
#if CDC_GREENPLUM
#define CDC_SELECTIVITY(root, clauses) \
	clauselist_selectivity((root), (clauses), 0, JOIN_INNER, NULL, true)
#else
#define CDC_SELECTIVITY(root, clauses) \
	clauselist_selectivity((root), (clauses), 0, JOIN_INNER, NULL)
#endif
#if PG_VERSION_NUM >= 90600
#define CDC_REL_TARGETS(rel)			((rel)->reltarget->exprs)
#else
#define CDC_REL_TARGETS(rel)			((rel)->reltargetlist)
#endif

/* Expressions that are shown, in a plan's names: of the plan since 13, before of its state. */
#if PG_VERSION_NUM >= 130000
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_plan((es)->deparse_cxt, (planstate)->plan, (ancestors))
#elif PG_VERSION_NUM >= 90500
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_planstate((es)->deparse_cxt, (Node *) (planstate), (ancestors))
#else
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_planstate((es)->extra->deparsecxt, (Node *) (planstate), (ancestors))
#endif
/* Numbers that are shown have a unit since 11. */
#if PG_VERSION_NUM >= 110000
#define CDC_EXPLAIN_NUMBER(label, unit, value, es) \
	ExplainPropertyInteger((label), (unit), (value), (es))
#define CDC_EXPLAIN_FLOAT(label, unit, value, digits, es) \
	ExplainPropertyFloat((label), (unit), (value), (digits), (es))
#else
#define CDC_EXPLAIN_NUMBER(label, unit, value, es) \
	ExplainPropertyLong((label), (long) (value), (es))
#define CDC_EXPLAIN_FLOAT(label, unit, value, digits, es) \
	ExplainPropertyFloat((label), (value), (digits), (es))
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* What the optimizer lets others use has a header of its own since 12. */
#if PG_VERSION_NUM >= 120000
#include "optimizer/optimizer.h"
#else
#include "nodes/relation.h"
#include "optimizer/clauses.h"
#include "optimizer/var.h"
#endif

#endif							/* CDC_PG_BASE_COMPAT_H */

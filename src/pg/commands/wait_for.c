/*-------------------------------------------------------------------------
 *
 * wait_for.c
 *	  cdc.wait_for: waits until the targets contain a GTID set or position of
 *	  the source.
 *
 * The position that was asked for is contained in history once pull's own
 * position contains it; it then has a seq, that of the last event that
 * belongs to it, and the targets contain it once apply has passed that seq.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/base/shmem.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/binlog_position.h"
#include "core/gtid.h"
#include "pg/apply/apply.h"
#include "pg/base/error.h"
#include "pg/pull/pull.h"
#include "pg/pull_kafka/pull_kafka.h"
#include "pg/remote/source.h"

/* How long one wait lasts at most: nobody may wake us where workers are off. */
#define WAIT_SLICE_MS	200

/* What is waited for: a GTID set, a file and offset, or offsets in Kafka. */
typedef struct Wanted
{
	CdcFlavor	flavor;
	CdcGtidSet *gtid;			/* malloc'ed; or NULL */
	char	   *file;
	int64		offset;
	CdcKafkaGoal *kafka;		/* or offsets of partitions */
} Wanted;

/* ------------------------------------------------------------------------
 * Positions
 * ------------------------------------------------------------------------
 */

/* MySQL's GTIDs begin with a uuid, MariaDB's are three numbers. */
static CdcFlavor
flavor_of(const char *text)
{
	const char *p = text + strspn(text, " \t\r\n");
	size_t		digits = strspn(p, "0123456789abcdefABCDEF");

	return digits == 8 && p[8] == '-' && strspn(p + 9, "0123456789abcdefABCDEF") == 4 ?
		CDC_MYSQL : CDC_MARIADB;
}

static void
parse_wanted(Wanted *wanted, const char *text, const CdcSubscription *sub)
{
	memset(wanted, 0, sizeof(*wanted));
	if (cdc_position_parse(text, &wanted->file, &wanted->offset))
		return;
	wanted->flavor = flavor_of(text);
	wanted->gtid = cdc_position_parse_gtids(wanted->flavor, text, sub->name);
	if (cdc_gtid_set_empty(wanted->gtid))
	{
		cdc_gtid_set_destroy(wanted->gtid);
		wanted->gtid = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source_position \"%s\" is empty", text),
				 errhint("Give a GTID, a GTID set or file:offset; null is the source's present position.")));
	}
}

/* Where the source stands now. */
static void
ask_source(Wanted *wanted, const CdcSubscription *sub)
{
	CdcSource  *source = cdc_source_open(sub->server, sub->owner_oid, false);
	CdcSourcePosition pos;

	cdc_source_position(source, &pos);
	memset(wanted, 0, sizeof(*wanted));
	if (pos.gtid_set != NULL && pos.gtid_set[0] != '\0')
	{
		wanted->flavor = cdc_source_info(source)->flavor;
		wanted->gtid = cdc_position_parse_gtids(wanted->flavor, pos.gtid_set, sub->name);
	}
	else
	{
		wanted->file = pstrdup(pos.file);
		wanted->offset = pos.offset;
	}
	cdc_source_close(source);
}

/* Whether pull's position contains what is wanted. */
static bool
pulled(const Wanted *wanted, const CdcSubscription *sub, const CdcPosition *position)
{
	CdcGtidSet *have;
	bool		result;

	if (position->file == NULL && position->gtid_set == NULL)
		return false;
	if (wanted->gtid == NULL)
		return position->file != NULL &&
			cdc_binlog_position_compare(position->file, position->file_offset,
										wanted->file, wanted->offset) >= 0;
	if (position->gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" has no GTIDs", sub->name),
				 errhint("Its source runs without GTIDs; give file:offset.")));
	have = cdc_position_parse_gtids(wanted->flavor, position->gtid_set, sub->name);
	result = cdc_gtid_set_contains(have, wanted->gtid);
	cdc_gtid_set_destroy(have);
	return result;
}

/* Whether a transaction of history belongs to what is wanted. */
static bool
belongs(const Wanted *wanted, const char *gtid, const char *position)
{
	char	   *file;
	int64		offset;

	if (wanted->gtid != NULL)
		return gtid != NULL && cdc_gtid_set_contains_gtid(wanted->gtid, gtid);
	if (position == NULL || !cdc_position_parse(position, &file, &offset))
		return true;
	return cdc_binlog_position_compare(file, offset, wanted->file, wanted->offset) <= 0;
}

/*
 * The seq of the last transaction in (applied, last] that belongs to what is
 * wanted; applied when none does.
 */
static int64
wanted_seq(const Wanted *wanted, const CdcSubscription *sub, int64 applied, int64 last)
{
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		values[2];
	SPIPlanPtr	plan;
	Portal		portal;
	int64		result = applied;
	char	   *sql;

	if (applied >= last)
		return applied;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	sql = psprintf("SELECT seq, gtid, position FROM %s WHERE \"commit\""
				   " AND seq OPERATOR(pg_catalog.>) $1 AND seq OPERATOR(pg_catalog.<=) $2"
				   " ORDER BY seq DESC",
				   quote_qualified_identifier(get_namespace_name(get_rel_namespace(sub->history)),
											  get_rel_name(sub->history)));
	plan = SPI_prepare_cursor(sql, 2, types, CURSOR_OPT_FAST_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	values[0] = Int64GetDatum(applied);
	values[1] = Int64GetDatum(last);
	portal = SPI_cursor_open(NULL, plan, values, NULL, false);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, 100);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed && result == applied; i++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[i];
			bool		isnull;

			if (belongs(wanted, SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2),
						SPI_getvalue(tuple, SPI_tuptable->tupdesc, 3)))
				result = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		}
		SPI_freetuptable(SPI_tuptable);
		if (result != applied)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return result;
}

/* ------------------------------------------------------------------------
 * The wait
 * ------------------------------------------------------------------------
 */

/* Whether the targets contain it; *seq: 0 until it is known. */
static bool
contained(const Wanted *wanted, const CdcSubscription *sub, int64 *seq)
{
	CdcProgress progress;
	CdcPosition position;
	bool		result = false;

	/* progress first: the position that is read after it is not older */
	cdc_progress_get(sub, &progress);
	if (*seq == 0)
	{
		cdc_position_get(sub, &position);
		if (wanted->kafka != NULL)
		{
			/* the position is read last: what was pulled by then is in its last_seq */
			if (!cdc_pull_kafka_passed(sub, wanted->kafka))
				return false;
			cdc_position_get(sub, &position);
			*seq = position.last_seq;
			return progress.applied_seq >= *seq;
		}
		if (!pulled(wanted, sub, &position))
			return false;
		*seq = wanted_seq(wanted, sub, progress.applied_seq, position.last_seq);

		/* a copy that has not joined the stream is not visible as a whole */
		if (position.snapshot_join != NULL || *seq < position.barrier_seq)
			*seq = Max(*seq, Max(position.barrier_seq, position.last_seq));
	}
	result = progress.applied_seq >= *seq;
	return result;
}

static long
remaining_ms(TimestampTz deadline)
{
	int64		left = (deadline - GetCurrentTimestamp()) / 1000;

	return left < 0 ? 0 : (long) Min(left, WAIT_SLICE_MS);
}

static bool
wait_until(const Wanted *wanted, const CdcSubscription *sub, TimestampTz deadline)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.wait_for",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int64		seq = 0;
	bool		result;

	for (;;)
	{
		long		ms;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(cxt);
		PushActiveSnapshot(GetLatestSnapshot());
		result = contained(wanted, sub, &seq);
		PopActiveSnapshot();
		ms = remaining_ms(deadline);
		if (result || ms == 0)
			break;
		cdc_progress_wait(ms);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

static TimestampTz
deadline_of(FunctionCallInfo fcinfo, int arg)
{
	TimestampTz now = GetCurrentTimestamp();

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("timeout must not be null")));
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(now),
												   PG_GETARG_DATUM(arg)));
}

PG_FUNCTION_INFO_V1(cdc_wait_for);

Datum
cdc_wait_for(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	Wanted		wanted;
	TimestampTz deadline;
	volatile bool result = false;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cdc.wait_for cannot run at isolation level %s",
						IsolationIsSerializable() ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errdetail("This transaction sees no commit that comes after its first statement."),
				 errhint("Wait in a transaction of its own, then begin.")));
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	deadline = deadline_of(fcinfo, 2);
	if (sub->kind == CDC_SERVER_KAFKA)
	{
		memset(&wanted, 0, sizeof(wanted));
		wanted.kafka = cdc_pull_kafka_goal(sub, PG_ARGISNULL(1) ? NULL :
										   text_to_cstring(PG_GETARG_TEXT_PP(1)));
	}
	else if (PG_ARGISNULL(1))
		ask_source(&wanted, sub);
	else
		parse_wanted(&wanted, text_to_cstring(PG_GETARG_TEXT_PP(1)), sub);

	PG_TRY();
	{
		result = wait_until(&wanted, sub, deadline);
	}
	PG_CATCH();
	{
		cdc_gtid_set_destroy(wanted.gtid);
		cdc_progress_wait_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_gtid_set_destroy(wanted.gtid);
	cdc_progress_wait_end();
	PG_RETURN_BOOL(result);
}

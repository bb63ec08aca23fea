/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  What the views know of running workers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/process/background.h"
#include "pg/base/result_set.h"
#include "pg/process/shmem.h"

#if CDC_HAVE_WORKERS

/* Adds a slot as a row of cdc.worker_status(). */
static void
add_slot(Tuplestorestate *rows, TupleDesc desc, const CdcSlotInfo *slot)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = Int32GetDatum(slot->subscription_id);
	values[1] = CStringGetTextDatum(cdc_worker_kind_name(slot->kind));
	values[2] = Int32GetDatum(slot->pid);
	nulls[2] = slot->pid == 0;
	values[3] = TimestampTzGetDatum(slot->since);
	values[4] = TimestampTzGetDatum(slot->last_message);
	nulls[4] = slot->last_message == 0;
	values[5] = Int64GetDatum(slot->delay);
	nulls[5] = slot->delay < 0;
	tuplestore_putvalues(rows, desc, values, nulls);
}

#endif							/* CDC_HAVE_WORKERS */

PG_FUNCTION_INFO_V1(cdc_worker_status);

/* cdc.worker_status() returns setof (subscription_id, worker, pid, since, last_message, delay) */
Datum
cdc_worker_status(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *rows = cdc_result_set_begin(fcinfo, &desc);
#if CDC_HAVE_WORKERS
	CdcSlotInfo *slots = palloc(sizeof(CdcSlotInfo) * CDC_SLOTS);
	int			n = cdc_slot_list(MyDatabaseId, slots);
	int			i;

	for (i = 0; i < n; i++)
		add_slot(rows, desc, &slots[i]);
#else
	(void) rows;
#endif
	return (Datum) 0;
}

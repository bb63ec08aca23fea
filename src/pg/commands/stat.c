/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  What the views know of running workers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/background.h"
#include "pg/base/shmem.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"

PG_FUNCTION_INFO_V1(cdc_worker_status);

#if CDC_HAVE_WORKERS

/* The numbers of the subscriptions that the current user owns, as far as his role's rights go. */
static List *
own_subscriptions(void)
{
	static CdcStatement stmt = {
		"SELECT s.id, s.owner::pg_catalog.text, i.\"owner\"::pg_catalog.int8"
		" FROM cdc_catalog.subscription s LEFT JOIN cdc_catalog.subscription_identity i"
		" ON i.subscription OPERATOR(pg_catalog.=) s.name", 0, {0}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			owner = (Oid) cdc_spi_int64(i, 3);
		MemoryContext old;

		if (!OidIsValid(owner))
			owner = get_role_oid(cdc_spi_text(&spi, i, 2), true);
		if (!OidIsValid(owner) || !CDC_IS_MEMBER(spi.userid, owner))
			continue;
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend_int(result, DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull)));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/* The slots that the current user may see; the supervisor's by who owns a subscription. */
static int
visible_slots(CdcSlotInfo *slots)
{
	int			n = cdc_slot_list(MyDatabaseId, slots);
	int			kept = 0;
	List	   *own;
	int			i;

	if (n == 0 || cdc_sees_all())
		return n;
	own = own_subscriptions();
	for (i = 0; i < n; i++)
		if (slots[i].subscription_id == 0 ? own != NIL :
			list_member_int(own, slots[i].subscription_id))
			slots[kept++] = slots[i];
	return kept;
}

#endif

/* Rows of (subscription_id, worker, pid, since, last_message, delay). */
Datum
cdc_worker_status(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		funcctx->tuple_desc = BlessTupleDesc(desc);
#if CDC_HAVE_WORKERS
		funcctx->user_fctx = palloc(sizeof(CdcSlotInfo) * CDC_SLOTS);
		funcctx->max_calls = visible_slots(funcctx->user_fctx);
#endif
		MemoryContextSwitchTo(old);
	}

	funcctx = SRF_PERCALL_SETUP();
#if CDC_HAVE_WORKERS
	if (funcctx->call_cntr < funcctx->max_calls)
	{
		CdcSlotInfo *slot = (CdcSlotInfo *) funcctx->user_fctx + funcctx->call_cntr;
		Datum		values[6];
		bool		nulls[6];

		memset(nulls, 0, sizeof(nulls));
		values[0] = Int32GetDatum(slot->subscription_id);
		values[1] = CStringGetTextDatum(cdc_worker_kind_name(slot->kind));
		values[2] = Int32GetDatum(slot->pid);
		nulls[2] = slot->pid == 0;
		values[3] = TimestampTzGetDatum(slot->since);
		values[4] = TimestampTzGetDatum(slot->last_message);
		nulls[4] = slot->last_message == 0;
		values[5] = Int64GetDatum(slot->delay);
		nulls[5] = slot->delay < 0;
		SRF_RETURN_NEXT(funcctx, HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc,
																   values, nulls)));
	}
#endif
	SRF_RETURN_DONE(funcctx);
}

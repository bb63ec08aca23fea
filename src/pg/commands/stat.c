/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  What the views know of running workers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/process/background.h"
#include "pg/base/result_set.h"
#include "pg/process/shmem.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"

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
		if (!OidIsValid(owner) || !has_privs_of_role(spi.userid, owner))
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

PG_FUNCTION_INFO_V1(cdc_worker_status);

/* cdc.worker_status() returns setof (subscription_id, worker, pid, since, last_message, delay) */
Datum
cdc_worker_status(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *rows = cdc_result_set_begin(fcinfo, &desc);
	CdcSlotInfo *slots = palloc(sizeof(CdcSlotInfo) * CDC_SLOTS);
	int			n = visible_slots(slots);
	int			i;

	for (i = 0; i < n; i++)
		add_slot(rows, desc, &slots[i]);
	return (Datum) 0;
}

/*-------------------------------------------------------------------------
 *
 * apply_discover.c
 *	  Tables that messages are the first to name: replicas in the subscription's
 *	  target_schema, made as their first row or definition says.
 *
 * A subscription from Kafka has no server that could be asked for its tables.  What
 * an envelope tells of the columns' types is taken, else what the values of the
 * first row are.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply_internal.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "pg/replica_table.h"
#include "pg/schema.h"
#include "pg/schema_internal.h"
#include "pg/subscription.h"

/* The columns as a definition; *told: the envelope says all of their types. */
static CdcTableDef *
make_definition(CdcEnvelopeColumn *columns, int n, bool *told)
{
	CdcTableDef *def = palloc0(sizeof(CdcTableDef));
	int			i;

	def->ncolumns = n;
	def->columns = palloc0(sizeof(CdcColumnDef) * n);
	*told = true;
	for (i = 0; i < n; i++)
	{
		CdcColumnDef *column = &def->columns[i];

		column->name = columns[i].name;
		column->column_type = columns[i].column_type;
		column->extra = "";
		column->nullable = columns[i].nullable;
		column->pk = columns[i].pk;
		if (!columns[i].told)
			*told = false;
	}
	return def;
}

/* Makes the replica; false: the message does not say what the table looks like. */
static bool
discover(CdcApply *apply, CdcEnvelopeReader *reader, const CdcHistoryEvent *event)
{
	const CdcEnvelope *env = cdc_envelope_reader_envelope(reader);
	CdcSchema  *schema;
	CdcTableDef *def;
	CdcTable   *table;
	CdcEnvelopeColumn *columns;
	bool		told;
	int			n;

	if (env->source_table == NULL ||
		!cdc_subscription_wants(apply->sub, cdc_replica_text(env->database),
								cdc_replica_text(env->table)))
		return false;
	columns = cdc_envelope_reader_columns(reader, &n);
	if (n == 0)
		return false;
	def = make_definition(columns, n, &told);
	schema = cdc_schema_create(CurrentMemoryContext, apply->sub);
	table = cdc_schema_make_table(schema, env->database, env->table, def);
	table->full_name = env->source_table;
	if (told)
		cdc_schema_store(apply->sub->name, env->source_table, def, event->seq, NULL, NULL, false);
	(void) cdc_subscription_add_discovered_table(apply->sub, NULL, table, false);
	cdc_schema_destroy(schema);
	CommandCounterIncrement();
	return true;
}

bool
cdc_apply_discover(CdcApply *apply, const CdcHistoryEvent *event)
{
	const char *name;
	MemoryContext cxt;
	MemoryContext old;
	CdcEnvelopeReader *reader;
	bool		found;

	if (apply->replay != NULL || apply->sub->kind != CDC_SERVER_KAFKA ||
		apply->sub->target_schema == NULL || event->source_table == NULL)
		return true;
	name = pnstrdup(event->source_table, event->source_table_len);
	if (cdc_target_is_registered(apply->sub, name))
		return true;
	/* there is nothing that a delete could concern */
	if (event->event == NULL || (event->op != CDC_OP_INSERT && event->op != CDC_OP_UPDATE &&
								 event->op != CDC_OP_SNAPSHOT && event->op != CDC_OP_SCHEMA))
		return false;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest new table",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	reader = cdc_envelope_reader_create(cxt);
	(void) cdc_envelope_read_event(apply, reader, NULL, event, event->event);
	found = discover(apply, reader, event);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return found;
}

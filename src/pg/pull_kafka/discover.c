/*-------------------------------------------------------------------------
 *
 * discover.c
 *	  Tables that messages are the first to name: replicas in the subscription's
 *	  target_schema.
 *
 * A subscription from Kafka has no server that could be asked for its tables.  What
 * an envelope tells of the columns' types is taken, else what the values of the
 * first row are.  Pull does it, not apply: apply may fail at a later event of its
 * batch, of which the user then changes the table that was made.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/discover.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/schema/schema.h"
#include "pg/target/registry.h"
#include "pg/target/cache.h"

/* The columns as a definition; *typed: the envelope says all of their types. */
static CdcTableDef *
make_definition(const CdcEnvelopeColumn *columns, int n, bool *typed)
{
	CdcTableDef *def = palloc0(sizeof(CdcTableDef));
	int			i;

	def->ncolumns = n;
	def->columns = palloc0(sizeof(CdcColumnDef) * n);
	*typed = true;
	for (i = 0; i < n; i++)
	{
		CdcColumnDef *column = &def->columns[i];

		column->name = columns[i].name;
		column->column_type = columns[i].column_type;
		column->extra = "";
		column->nullable = columns[i].nullable;
		column->pk = columns[i].pk;
		if (!columns[i].told)
			*typed = false;
	}
	return def;
}

static bool
discover(const CdcSubscription *sub, CdcArena *arena, CdcEnvelope *env, int64 seq)
{
	CdcSchemaPlace place = {seq, NULL};
	CdcEnvelopeColumn *columns;
	CdcSchema  *schema;
	CdcTableDef *def;
	CdcTable   *table;
	CdcError	err;
	bool		typed;
	int			n;

	CDC_CHECK(cdc_envelope_columns(arena, env, &columns, &n, &err), &err, sub->name);
	if (n == 0)
		return false;
	def = make_definition(columns, n, &typed);
	schema = cdc_schema_create(CurrentMemoryContext, sub);
	table = cdc_schema_make_table(schema, env->database, env->table, def);
	table->full_name = env->source_table;
	/* what was only made out of values must not stand in the way of what is written by hand */
	if (typed)
		cdc_schema_store(sub->name, env->source_table, def, &place, NULL, false);
	(void) cdc_registry_add_discovered(sub, table, CDC_GENERATED_ALL, false);
	cdc_schema_destroy(schema);
	CommandCounterIncrement();
	return true;
}

bool
cdc_discover_table(const CdcSubscription *sub, CdcArena *arena, CdcEnvelope *env, int64 seq)
{
	MemoryContext cxt;
	MemoryContext old;
	bool		made;

	if (sub->target_schema == NULL ||
		cdc_target_is_registered(sub, cdc_from_utf8_copy(env->source_table)))
		return true;
	/* a delete says nothing but keys, and there is nothing that it could concern */
	if (env->op != CDC_OP_INSERT && env->op != CDC_OP_UPDATE && env->op != CDC_OP_SNAPSHOT &&
		env->op != CDC_OP_SCHEMA)
		return false;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest new table",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	made = discover(sub, arena, env, seq);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return made;
}

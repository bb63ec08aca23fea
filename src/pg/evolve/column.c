/*-------------------------------------------------------------------------
 *
 * column.c
 *	  A target at work: its lock, its columns by the source's names.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "access/htup_details.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"
#include "pg/schema/versions.h"
#include "pg/target/claim.h"
#include "pg/target/lock.h"
#include "pg/target/replica_table.h"

void
cdc_evolve_lock(CdcEvolve *e)
{
	CdcLockWait wait;

	cdc_lock_wait_begin(&wait, e->relid, " to alter it, as the source did", CDC_EXCLUSIVE_WAIT_MS);
	LockRelationOid(e->relid, AccessExclusiveLock);
	cdc_lock_wait_end(&wait);
}

void
cdc_evolve_begin(CdcEvolve *e, CdcEvolution *out)
{
	memset(e, 0, sizeof(*e));
	e->out = out;
	e->relid = out->table->target_oid;
	e->shared = cdc_claim_is_shared(out->sub, out->table->name, e->relid);
	e->target = quote_qualified_identifier(get_namespace_name(get_rel_namespace(e->relid)),
										   get_rel_name(e->relid));
	cdc_subscription_table_reshaped(e->relid);
	initStringInfo(&out->done);
	out->columns_changed = false;
	out->columns = NULL;
	out->key_renamed = false;
	out->key = palloc(sizeof(char *) * (out->table->nkey + 1));
	if (out->table->nkey > 0)
		memcpy(out->key, out->table->key, sizeof(char *) * out->table->nkey);
}

char *
cdc_evolve_own_name(const char *source)
{
	return cdc_replica_column(cdc_to_utf8(source));
}

void
cdc_evolve_find(CdcEvolveColumn *column, Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	bool		found = false;
	int			i;

	for (i = 0; column->target != NULL && i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || CDC_ATT_GENERATED(att) || strcmp(NameStr(att->attname), column->target) != 0)
			continue;
		column->typid = att->atttypid;
		column->typmod = att->atttypmod;
		column->not_null = att->attnotnull;
		found = true;
	}
	table_close(rel, NoLock);
	if (!found)
		column->target = NULL;
}

char *
cdc_evolve_describe(const CdcColumnDef *def, const CdcColumnDef *other)
{
	bool		both = def->charset != NULL && other->charset != NULL;
	bool		charset = both && strcmp(def->charset, other->charset) != 0;
	bool		collation = both && !charset && def->collation != NULL && other->collation != NULL &&
		strcmp(def->collation, other->collation) != 0;

	return psprintf("%s%s%s%s%s%s%s%s", def->column_type,
					charset ? " CHARACTER SET " : "", charset ? def->charset : "",
					collation ? " COLLATE " : "", collation ? def->collation : "",
					cdc_column_def_is_generated(def) && !cdc_column_def_is_generated(other) ? " GENERATED" : "",
					def->json_check && !other->json_check ? " CHECK (json_valid)" : "",
					!def->nullable && other->nullable ? " NOT NULL" : "");
}

/* Whether a column is NOT NULL by itself, at present. */
static bool
is_not_null(const CdcEvolve *e, const char *name)
{
	CdcEvolveColumn column = {.target = (char *) name};

	cdc_evolve_find(&column, e->relid);
	return column.target != NULL && column.not_null;
}

void
cdc_evolve_drop_not_null(CdcEvolve *e, const char *name)
{
	if (is_not_null(e, name))
		cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", e->target,
								   quote_identifier(name)));
}

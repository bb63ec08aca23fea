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
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_view.h"
#include "pg/expression/fill.h"
#include "pg/schema/versions.h"
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
	e->target = quote_qualified_identifier(get_namespace_name(get_rel_namespace(e->relid)),
										   get_rel_name(e->relid));
	initStringInfo(&out->done);
	out->columns_changed = false;
	out->columns = NULL;
}

char *
cdc_evolve_mapped_name(const Jsonb *columns, const char *source)
{
	int			n;
	const char *base;
	uint32		offset = 0;
	int			i;

	if (columns == NULL)
		return pstrdup(source);
	n = cdc_json_count(&columns->root);
	base = cdc_json_base(&columns->root, 2 * n);
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;
		CdcJsonValue value;

		cdc_json_step(&columns->root, base, i, &offset, &key);
		cdc_json_get(&columns->root, 2 * n, n + i, &value);
		if (value.type == JENTRY_ISSTRING && value.len == strlen(source) &&
			memcmp(value.data, source, value.len) == 0)
			return pnstrdup(key.data, key.len);
	}
	return NULL;
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

/* The source's column of that name now; NULL: it is gone. */
static const char *
present_name(const CdcEvolve *e, const char *name)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		const CdcColumnDef *known = column->before != NULL ? column->before : column->after;

		if (strcmp(known->name, name) == 0)
			return column->after != NULL ? column->after->name : NULL;
	}
	return NULL;
}

/* The user's mapping, with the names that its columns have now; what is computed stays. */
static void
follow_mapping(CdcEvolve *e)
{
	const Jsonb *columns = e->out->table->columns;
	StringInfoData json;
	CdcColumnFill    *fills;
	int			n;
	int			i;

	fills = cdc_fills_read(columns, &n);
	initStringInfo(&json);
	for (i = 0; i < n; i++)
	{
		const char *name = fills[i].by == CDC_BY_COLUMN ? present_name(e, fills[i].text) : NULL;
		CdcJsonValue v;

		if (fills[i].by == CDC_BY_COLUMN && name == NULL)
			continue;
		appendStringInfoString(&json, json.len > 0 ? ", " : "{");
		escape_json(&json, fills[i].target);
		appendStringInfoString(&json, ": ");
		if (name != NULL)
			escape_json(&json, name);
		else if (cdc_json_find(&columns->root, fills[i].target, strlen(fills[i].target), &v))
			appendStringInfoString(&json, cdc_json_to_cstring(&v));
	}
	appendStringInfoString(&json, json.len > 0 ? "}" : "{}");
	e->out->columns_changed = true;
	e->out->columns = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* The mapping, where it is one; NULL where all have their own names. */
void
cdc_evolve_mapping(CdcEvolve *e)
{
	StringInfoData json;
	bool		renamed = false;
	int			n = 0;
	int			i;

	if (!e->all && e->out->table->columns != NULL && cdc_fills_compute(e->out->table->columns))
	{
		follow_mapping(e);
		return;
	}
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->target == NULL || column->after == NULL)
			continue;
		if (strcmp(column->target, column->after->name) != 0)
			renamed = true;
		appendStringInfoString(&json, n++ > 0 ? "," : "");
		escape_json(&json, column->target);
		appendStringInfoChar(&json, ':');
		escape_json(&json, column->after->name);
	}
	appendStringInfoChar(&json, '}');
	e->out->columns_changed = renamed || e->out->table->columns != NULL;
	if (e->out->columns_changed)
		e->out->columns = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

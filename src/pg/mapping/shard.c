/*-------------------------------------------------------------------------
 *
 * shard.c
 *	  Source tables that fill one target, each its own rows.
 *
 * What tells the rows of one from those of another is a constant in the key, of another
 * value for each.  So nothing that concerns one (a delete, TRUNCATE, a new copy) can
 * touch rows of another.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/shard.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/access.h"
#include "pg/catalog/identity.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/target/claim.h"
#include "pg/target/key.h"
#include "pg/mapping/make.h"
#include "pg/schema/versions.h"

/* The key's constants, {"region": "eu"}, in the order of the target's columns; NULL: none. */
static char *
shard_of(const CdcMapping *mapping)
{
	const CdcTarget *target = mapping->target;
	StringInfoData json;
	int			c;

	initStringInfo(&json);
	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		Oid			output;
		bool		varlena;

		if (col->by != CDC_BY_CONSTANT || col->constant_null || !col->in_key)
			continue;
		getTypeOutputInfo(target->columns[c].typid, &output, &varlena);
		appendStringInfoString(&json, json.len > 0 ? ", " : "{");
		escape_json(&json, col->name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, OidOutputFunctionCall(output, col->constant));
	}
	if (json.len == 0)
		return NULL;
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* Whether a constant of the key has another value in the other's shard. */
static bool
is_apart(const CdcMapping *mapping, const Jsonb *other)
{
	const CdcTarget *target = mapping->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		CdcJsonValue v;
		Oid			input;
		Oid			ioparam;

		if (col->by != CDC_BY_CONSTANT || col->constant_null ||
			!cdc_json_find(&other->root, col->name, strlen(col->name), &v))
			continue;
		getTypeInputInfo(column->typid, &input, &ioparam);
		if (!cdc_key_column_equal(&target->key[i], col->constant,
								  OidInputFunctionCall(input, cdc_json_to_cstring(&v), ioparam, column->typmod)))
			return true;
	}
	return false;
}

/* The shards of the tables that the target has already, "" where all rows are theirs; of char *. */
static List *
other_shards(Oid relid)
{
	static CdcStatement stmt = {
		"SELECT t.shard FROM cdc_catalog.subscription_table t"
		" WHERE t.target_oid OPERATOR(pg_catalog.=) $1",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(relid);

	return cdc_spi_texts(&stmt, &value);
}

/* ERROR where rows of another source table could have the same key. */
static void
check_apart(const CdcMapping *mapping)
{
	ListCell   *lc;

	foreach(lc, other_shards(mapping->target->relid))
	{
		const char *other = lfirst(lc);

		if (other[0] != '\0' &&
			is_apart(mapping, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(other)))))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("target %s of source table %s is taken", mapping->target->name,
						mapping->source_table),
				 errdetail("Another source table fills it, and the key does not tell the rows of the two apart."),
				 errhint("Let a constant of its own be part of the key of each, for example columns := '{\"shard\": {\"value\": \"eu\"}, ...}', key := '{shard,id}'; or name another target.")));
	}
}

/*
 * Whether it is to be looked at how the target's rows are distributed: where they are at all, and
 * the key is known by now, whichever it is.  Where the source is asked, its definition says that.
 */
static bool
has_known_key(const CdcSubscription *sub, const CdcMappingSpec *spec)
{
	CdcTableVersion version;

	if (!CDC_HAVE_DISTRIBUTION || sub->kind != CDC_SERVER_KAFKA)
		return false;
	return spec->nkey > 0 || cdc_key_is_none(sub, spec->key, spec->nkey) ||
		cdc_table_version_at(sub->name, spec->source_table, PG_INT64_MAX, GetDatabaseEncoding(), &version);
}

char *
cdc_shard_check(const CdcSubscription *sub, const CdcMappingSpec *spec, CdcTargetRows rows,
				bool was_there)
{
	MemoryContext cxt;
	MemoryContext old;
	CdcMapping *mapping;
	bool		computes = spec->row_filter != NULL || cdc_fills_compute(spec->columns) ||
		cdc_mode_shape(spec->mode)->ncolumns > 0;
	bool		maps = computes || spec->columns != NULL;
	char	   *shard = NULL;

	if (spec->target == NULL || (!maps && !has_known_key(sub, spec)))
		return NULL;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest shard", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	mapping = cdc_mapping_make(sub, spec, PG_INT64_MAX, false);
	if (mapping->trouble != NULL && maps)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target %s cannot take the rows of source table %s", spec->target,
						spec->source_table),
				 errdetail("As it is, %s.", mapping->trouble),
				 mapping->remedy != NULL ?
				 errhint("%s Or map the column by an expression that casts it, {\"expr\": \"...\"}.", mapping->remedy) :
				 errhint("Map the column by an expression that casts it, {\"expr\": \"...\"}, or change the target.")));
	if (computes)
		check_apart(mapping);
	if (was_there && cdc_fills_compute(spec->columns))
		cdc_claim_rows(sub, spec->source_table, spec->target, rows, mapping->target->own_rows);
	if (was_there)
		cdc_mode_check_numbers(mapping->shape, sub, mapping->target->name, mapping->target->own_rows);
	if (computes)
		shard = shard_of(mapping);
	MemoryContextSwitchTo(old);
	if (shard != NULL)
		shard = pstrdup(shard);
	MemoryContextDelete(cxt);
	return shard;
}

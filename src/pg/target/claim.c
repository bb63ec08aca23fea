/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Which relations a subscription may fill: none of the server's or of ours, no
 *	  history, and, where nobody named it, no table that has rows or another owner.
 *
 * That a target, or a shard of it, has one table at a time is seen to by a unique index of
 * cdc_catalog.subscription_table.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/claim.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"

#if CDC_HAVE_DIRECT_INSERT
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#endif

/* The relation, what it is a partition of, and its partitions, as an array of oid. */
static Datum
related_relations(Oid relid)
{
	List	   *related = list_make1_oid(relid);
	Datum	   *elems;
	ListCell   *lc;
	int			n = 0;

#if CDC_HAVE_DIRECT_INSERT
	if (get_rel_relispartition(relid))
		related = list_concat(related, get_partition_ancestors(relid));
	if (has_subclass(relid))
		related = list_concat(related, find_all_inheritors(relid, NoLock, NULL));
#endif
	elems = palloc(sizeof(Datum) * list_length(related));
	foreach(lc, related)
		elems[n++] = ObjectIdGetDatum(lfirst_oid(lc));
	return PointerGetDatum(construct_array(elems, n, OIDOID, sizeof(Oid), true, 'i'));
}

/* Whether rows of it are rows of a history. */
static bool
is_history(Oid relid)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_identity i"
		" WHERE i.history OPERATOR(pg_catalog.=) ANY ($1) LIMIT 1",
		1, {OIDARRAYOID}
	};
	Datum		value = related_relations(relid);
	CdcSpi		spi;
	bool		found;

	cdc_spi_begin(&spi);
	found = cdc_spi_execute(&stmt, &value, NULL) > 0;
	cdc_spi_end(&spi);
	return found;
}

void
cdc_claim_check(Oid relid, const char *name)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	const char *reason = NULL;

	if (relid < FirstNormalObjectId || schema == NULL || strncmp(schema, "pg_toast", 8) == 0)
		reason = "It is a relation of the system.";
	else if (strcmp(schema, "cdc") == 0 || strcmp(schema, "cdc_catalog") == 0)
		reason = "It belongs to extension cdc_ingest.";
	else if (is_history(relid))
		reason = "It is the history of a subscription, or a part of one.";
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s cannot be a target", name),
				 errdetail("%s", reason)));
}

/* Whether it has no row (that meets the condition) that the current user sees. */
static bool
is_empty(const char *name, const char *condition)
{
	char	   *sql = psprintf("SELECT 1 FROM %s WHERE %s LIMIT 1", name,
							   condition != NULL ? condition : "true");
	bool		empty;

	cdc_spi_connect();
	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not execute: %s", sql);
	empty = SPI_processed == 0;
	cdc_spi_disconnect();
	return empty;
}

void
cdc_claim_rows(const CdcSubscription *sub, const char *source_table, const char *name,
			   CdcTargetRows rows, const char *condition)
{
	if (rows != CDC_ROWS_ERROR || is_empty(name, condition))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("target %s of source table %s has rows already", name, source_table),
			 errdetail("Those that the source does not have would stay."),
			 errhint("To have them replaced by the source's: SELECT cdc.add_table(%s, %s, target := %s, target_rows := 'replace'); or 'keep'.",
					 quote_literal_cstr(sub->name), quote_literal_cstr(source_table),
					 quote_literal_cstr(name))));
}

void
cdc_claim_adopt(const CdcSubscription *sub, const char *source_table, Oid relid, const char *name,
				CdcTargetRows rows)
{
	bool		empty;

	Relation	rel = table_open(relid, AccessShareLock);
	bool		owns = has_privs_of_role(GetUserId(), rel->rd_rel->relowner);
	char	   *subscription = quote_literal_cstr(sub->name);
	char	   *source = quote_literal_cstr(source_table);

	table_close(rel, NoLock);
	empty = owns && is_empty(name, NULL);
	if (!owns || (!empty && rows == CDC_ROWS_ERROR))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("table %s exists already, and nobody named it as the target of source table %s",
						name, source_table),
				 owns ? errdetail("It has rows.") :
				 errdetail("Role \"%s\", the owner of subscription \"%s\", does not own it.",
						   sub->owner, sub->name),
				 errhint("To let the subscription fill it: SELECT cdc.add_table(%s, %s, target := %s%s), after cdc.remove_table(%s, %s) where the source table is listed%s. Else rename or drop it, or exclude the source table.",
						 subscription, source, quote_literal_cstr(name),
						 owns ? ", target_rows := 'replace'" : "", subscription, source,
						 owns && sub->kind != CDC_SERVER_KAFKA ? "; or target_rows := 'replace' of cdc.create_subscription" : "")));
	ereport(NOTICE,
			(errmsg(empty ? "table %s, which is empty, becomes the target of source table %s" :
					rows == CDC_ROWS_REPLACE ? "table %s becomes the target of source table %s, whose rows replace its own" :
					"table %s becomes the target of source table %s, and keeps its rows",
					name, source_table)));
}

bool
cdc_claim_is_shared(const CdcSubscription *sub, const char *name, Oid relid)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.target_oid OPERATOR(pg_catalog.=) $1"
		" AND NOT (t.subscription OPERATOR(pg_catalog.=) $2 AND t.name OPERATOR(pg_catalog.=) $3)"
		" LIMIT 1",
		3, {OIDOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[3];
	bool		result;

	values[0] = ObjectIdGetDatum(relid);
	values[1] = CStringGetTextDatum(sub->name);
	values[2] = CStringGetTextDatum(name);
	cdc_spi_begin(&spi);
	result = cdc_spi_execute(&stmt, values, NULL) > 0;
	cdc_spi_end(&spi);
	return result;
}

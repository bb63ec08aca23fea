/*-------------------------------------------------------------------------
 *
 * scratch.c
 *	  The table in which a target is rebuilt as it was: temporary, of the target's columns as they
 *	  were where the events begin, and gone with the call.
 *
 * It is made as the extension's owner, for a security-restricted operation makes no temporary table; then it
 * is the subscription owner's, with whose rights all else is done to it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/past/past_internal.h"

#include "access/genam.h"
#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/evolve/evolve.h"

/* The scratch table's descriptor, in the current context. */
static TupleDesc
descriptor(const CdcPast *past)
{
	Relation	rel = table_open(past->scratch, AccessShareLock);
	TupleDesc	desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));

	table_close(rel, NoLock);
	return desc;
}

static void
command_as_extension(const char *sql)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(cdc_extension_owner(), sec_context | SECURITY_LOCAL_USERID_CHANGE);
	cdc_spi_command(sql);
	SetUserIdAndSecContext(userid, sec_context);
}

void
cdc_past_scratch_create(CdcPast *past)
{
	static uint32 number = 0;
	char	   *name = psprintf("cdc_as_of_%u", ++number);
	RangeVar   *made;

	command_as_extension(psprintf("CREATE TEMPORARY TABLE pg_temp.%s (LIKE %s" CDC_LIKE_GENERATED ")", name, past->target));
	made = makeRangeVar("pg_temp", name, -1);
	past->scratch = RangeVarGetRelid(made, NoLock, false);
	past->scratch_name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(past->scratch)), name);
	command_as_extension(psprintf("ALTER TABLE %s OWNER TO %s", past->scratch_name,
								  quote_identifier(past->sub->owner)));
}

void
cdc_past_scratch_drop(const CdcPast *past)
{
	command_as_extension(psprintf("DROP TABLE %s", past->scratch_name));
}

/* ALTER TABLE of the scratch table. */
static void
alter(const CdcPast *past, const char *what, const char *column, const char *to)
{
	cdc_spi_command(psprintf("ALTER TABLE %s %s COLUMN %s%s", past->scratch_name, what, quote_identifier(column), to));
}

/* The column of the source that the target's of that name is today; NULL: none is. */
static const CdcPastColumn *
column_of(const CdcPastColumn *columns, int n, const char *today)
{
	int			i;

	for (i = 0; i < n; i++)
		if (columns[i].today != NULL && strcmp(columns[i].today, today) == 0)
			return &columns[i];
	return NULL;
}

/* Takes away what there was not yet, and gives the rest the names that they had. */
static void
turn_back_columns(const CdcPast *past, const CdcTableDef *def)
{
	TupleDesc	desc = descriptor(past);
	int			n;
	CdcPastColumn *columns = cdc_past_columns(past, def, past->begin_seq, &n);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *today = NameStr(att->attname);
		const CdcPastColumn *column = column_of(columns, n, today);

		if (CDC_ATT_GENERATED(att))
			continue;
		if (column == NULL)
			alter(past, "DROP", today, " CASCADE");
		else if (strcmp(column->name, today) != 0)
			alter(past, "RENAME", today, psprintf(" TO cdc_was_%d", i));
	}
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const CdcPastColumn *column = column_of(columns, n, NameStr(att->attname));

		if (!CDC_ATT_GENERATED(att) && column != NULL && strcmp(column->name, NameStr(att->attname)) != 0)
			alter(past, "RENAME", psprintf("cdc_was_%d", i), psprintf(" TO %s", quote_identifier(column->name)));
	}
}

/* A column that may be NULL now was not always to be so at the source. */
static void
free_nulls(const CdcPast *past, const CdcTableDef *def)
{
	TupleDesc	desc = descriptor(past);
	int			n;
	CdcPastColumn *columns = past->plain ? cdc_past_columns(past, def, past->begin_seq, &n) : NULL;
	int			i;
	int			c;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		nullable = true;

		if (att->attisdropped || !att->attnotnull)
			continue;
		for (c = 0; columns != NULL && c < n; c++)
			if (strcmp(columns[c].name, NameStr(att->attname)) == 0)
				nullable = columns[c].nullable;
		if (nullable)
			alter(past, "ALTER", NameStr(att->attname), " DROP NOT NULL");
	}
}

/* The types and the key that a copy would have given the target there. */
static void
fit_definition(CdcPast *past, const CdcTableDef *def)
{
	CdcSubscriptionTable table = *past->table;
	CdcPendingChange change;
	CdcEvolution evolution;
	char	   *reason;

	memset(&change, 0, sizeof(change));
	change.kind = CDC_CHANGE_COPY;
	change.source_table = table.source_table;
	change.from_seq = past->begin_seq;
	change.after = *def;
	memset(&evolution, 0, sizeof(evolution));
	table.target_oid = past->scratch;
	evolution.sub = past->sub;
	evolution.table = &table;
	evolution.change = &change;
	reason = cdc_evolve_refit(&evolution);
	if (reason != NULL)
		cdc_past_refuse(past, past->begin_seq, reason);
}

/* The columns of the target's primary key; NIL: it has none. */
static List *
primary_key(const CdcPast *past)
{
	Relation	rel = table_open(past->relid, AccessShareLock);
	List	   *key = NIL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		int			i;

		for (i = 0; index->rd_index->indisprimary && i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
			key = lappend(key, pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel),
															 index->rd_index->indkey.values[i] - 1)->attname)));
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return key;
}

/* The key of a target that does not have its source's columns and key: the one that was named, or its own. */
static void
copy_key(const CdcPast *past)
{
	const CdcSubscriptionTable *table = past->table;
	List	   *key = NIL;
	StringInfoData sql;
	ListCell   *lc;
	int			i;

	for (i = 0; i < table->nkey; i++)
		key = lappend(key, table->key[i]);
	if (key == NIL)
		key = primary_key(past);
	if (key == NIL)
		return;
	initStringInfo(&sql);
	if (table->nkey > 0)
		appendStringInfo(&sql, "CREATE UNIQUE INDEX ON %s (", past->scratch_name);
	else
		appendStringInfo(&sql, "ALTER TABLE %s ADD PRIMARY KEY (", past->scratch_name);
	foreach(lc, key)
		appendStringInfo(&sql, "%s%s", lc != list_head(key) ? ", " : "", quote_identifier(lfirst(lc)));
	appendStringInfoChar(&sql, ')');
	cdc_spi_command(sql.data);
}

void
cdc_past_scratch_shape(CdcPast *past, const CdcTableDef *def)
{
	if (past->plain && def->ncolumns > 0)
		turn_back_columns(past, def);
	free_nulls(past, def);
	if (past->plain && def->ncolumns > 0)
		fit_definition(past, def);
	else
		copy_key(past);
}

/*-------------------------------------------------------------------------
 *
 * row.c
 *	  A row of one of the extension's own tables by its key, without SQL where that
 *	  makes no difference.
 *
 * Such a row is updated in each transaction.  Where it was found last is remembered,
 * and proved each time: that version, or one that came out of it, is visible and has
 * the key.  So the way to the row stays short while another session's snapshot keeps
 * thousands of its dead versions, and their entries in the index, alive.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/row.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/catalog/changes.h"

#if CDC_HAVE_TABLE_AM

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "pg/base/compat_value.h"
#include "pg/base/hash.h"

/* ------------------------------------------------------------------------
 * Where rows are
 * ------------------------------------------------------------------------
 */

#define PLACES	512

/* Where a row was last; of rows that fall upon the same place the last one stays. */
static struct
{
	Oid			relid;
	ItemPointerData tid;
}			places[PLACES];

static uint32
place_of(const CdcRowTable *table, const char *const *keys)
{
	uint64		hash = table->relid;
	int			i;

	for (i = 0; i < table->nkeys; i++)
		hash = cdc_mix_word(hash) ^
			DatumGetUInt32(hash_any((const unsigned char *) keys[i], strlen(keys[i])));
	return (uint32) (cdc_mix_word(hash) % PLACES);
}

static void
remember(const CdcRowTable *table, const char *const *keys, const ItemPointerData *tid)
{
	uint32		place = place_of(table, keys);

	places[place].relid = table->relid;
	places[place].tid = *tid;
}

/* ------------------------------------------------------------------------
 * The table
 * ------------------------------------------------------------------------
 */

/* The attribute of that name and type; 0: there is none. */
static int
attribute(Relation rel, const char *name, Oid type)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->atttypid == type && att->atttypmod == -1 ? i + 1 : 0;
	}
	return 0;
}

/* Whether nothing is asked of the table that only a statement honours. */
static bool
asks_nothing(Relation rel)
{
	const TupleConstr *constr = RelationGetDescr(rel)->constr;

	return rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relispartition &&
		!rel->rd_rel->relhassubclass && rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		rel->trigdesc == NULL && rel->rd_rules == NULL && !rel->rd_rel->relrowsecurity &&
		(constr == NULL || (constr->num_check == 0 && !constr->has_generated_stored));
}

/* Finds the columns of the primary key in its index; false: it is not the one that we made. */
static bool
find_key(CdcRowTable *table, Relation rel)
{
	Relation	index;
	bool		right;
	int			i;
	int			k;

	(void) RelationGetIndexList(rel);
	table->index = rel->rd_pkindex;
	if (!OidIsValid(table->index))
		return false;
	index = index_open(table->index, AccessShareLock);
	right = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
		CDC_INDEX_NKEYATTS(index->rd_index) == table->nkeys;
	for (i = 0; right && i < table->nkeys; i++)
	{
		for (k = 0; k < table->nkeys; k++)
			if (index->rd_index->indkey.values[i] == table->key_attnums[k])
				break;
		table->key_of_index[i] = k;
		right = k < table->nkeys && index->rd_opcintype[i] == TEXTOID &&
			CDC_COLLATION_IS_DETERMINISTIC(index->rd_indcollation[i]);
	}
	index_close(index, AccessShareLock);
	return right;
}

/* Finds out how the table is now. */
static void
look_at_table(CdcRowTable *table, Relation rel)
{
	bool		plain = asks_nothing(rel);
	int			i;

	for (i = 0; i < table->nkeys; i++)
	{
		table->key_attnums[i] = attribute(rel, table->keys[i], TEXTOID);
		plain = plain && table->key_attnums[i] != 0;
	}
	for (i = 0; i < table->ncolumns; i++)
	{
		table->attnums[i] = attribute(rel, table->columns[i].name, table->columns[i].type);
		plain = plain && table->attnums[i] != 0;
	}
	table->plain = plain && find_key(table, rel);
}

/*
 * The table, locked, where no statement is needed; else NULL.  What was found out about
 * it counts as long as no relation has changed, which the lock makes known.
 */
static Relation
open_plain(CdcRowTable *table, LOCKMODE lockmode)
{
	if (IsolationUsesXactSnapshot() || XactReadOnly || IsInParallelMode())
		return NULL;
	for (;;)
	{
		Relation	rel;
		uint64		changes;

		if (OidIsValid(table->relid))
		{
			rel = CDC_TRY_RELATION_OPEN(table->relid, lockmode);
			if (rel != NULL && table->changes == cdc_relation_changes())
			{
				if (table->plain)
					return rel;
				table_close(rel, NoLock);
				return NULL;
			}
			if (rel != NULL)
				table_close(rel, NoLock);
		}
		(void) cdc_extension_owner();	/* ERROR where there is no extension */
		changes = cdc_relation_changes();
		table->relid = get_relname_relid(table->name,
										 get_namespace_oid(CDC_CATALOG_SCHEMA, false));
		if (!OidIsValid(table->relid))
			return NULL;
		rel = CDC_TRY_RELATION_OPEN(table->relid, lockmode);
		if (rel == NULL)
			continue;
		look_at_table(table, rel);
		table_close(rel, NoLock);
		table->changes = changes;
	}
}

/* ------------------------------------------------------------------------
 * The row
 * ------------------------------------------------------------------------
 */

/* What a read or a write holds. */
typedef struct Row
{
	CdcRowTable *table;
	const char *const *keys;
	Relation	rel;
	Snapshot	snapshot;		/* registered */
	TupleTableSlot *slot;		/* the visible version */
} Row;

static bool
has_keys(Row *row)
{
	int			i;

	for (i = 0; i < row->table->nkeys; i++)
	{
		bool		isnull;
		Datum		d = slot_getattr(row->slot, row->table->key_attnums[i], &isnull);
		struct varlena *v;
		size_t		len = strlen(row->keys[i]);

		if (isnull)
			return false;
		v = PG_DETOAST_DATUM_PACKED(d);
		if (VARSIZE_ANY_EXHDR(v) != len || memcmp(VARDATA_ANY(v), row->keys[i], len) != 0)
			return false;
	}
	return true;
}

/* Looks for the row where it was last, and where it went from there. */
static bool
find_remembered(Row *row)
{
	uint32		place = place_of(row->table, row->keys);
	ItemPointerData tid = places[place].tid;
	TableScanDesc scan;
	Buffer		buffer;

	if (places[place].relid != row->table->relid ||
		ItemPointerGetBlockNumber(&tid) >= RelationGetNumberOfBlocks(row->rel))
		return false;

	/* a scan of the index would do it: an update finds no room for itself otherwise */
	buffer = ReadBuffer(row->rel, ItemPointerGetBlockNumber(&tid));
	heap_page_prune_opt(row->rel, buffer);
	ReleaseBuffer(buffer);

	if (!table_tuple_fetch_row_version(row->rel, &tid, row->snapshot, row->slot))
	{
		scan = table_beginscan_tid(row->rel, row->snapshot);
		table_tuple_get_latest_tid(scan, &tid);
		table_endscan(scan);
		if (!table_tuple_fetch_row_version(row->rel, &tid, row->snapshot, row->slot))
			return false;
	}
	return has_keys(row);
}

static bool
find_by_index(Row *row)
{
	CdcRowTable *table = row->table;
	Relation	index = index_open(table->index, AccessShareLock);
	ScanKeyData keys[CDC_ROW_KEYS];
	IndexScanDesc scan;
	bool		found;
	int			i;

	for (i = 0; i < table->nkeys; i++)
	{
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(row->keys[table->key_of_index[i]]));
		keys[i].sk_collation = index->rd_indcollation[i];
	}
	scan = CDC_INDEX_BEGINSCAN(row->rel, index, row->snapshot, table->nkeys);
	index_rescan(scan, keys, table->nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, row->slot);
	index_endscan(scan);
	index_close(index, NoLock);
	return found;
}

/*
 * Opens the table and finds the row's version of now; *found: there is one.  false: a
 * statement is needed, and nothing is held.
 */
static bool
begin_row(Row *row, CdcRowTable *table, const char *const *keys, LOCKMODE lockmode, bool *found)
{
	row->rel = open_plain(table, lockmode);
	if (row->rel == NULL)
		return false;
	row->table = table;
	row->keys = keys;
	row->snapshot = RegisterSnapshot(GetLatestSnapshot());
	row->slot = MakeSingleTupleTableSlot(RelationGetDescr(row->rel), &TTSOpsBufferHeapTuple);
	*found = find_remembered(row) || find_by_index(row);
	if (*found)
		remember(table, keys, &row->slot->tts_tid);
	return true;
}

static void
end_row(Row *row)
{
	ExecDropSingleTupleTableSlot(row->slot);
	UnregisterSnapshot(row->snapshot);
	table_close(row->rel, NoLock);
}

/* 1: the row was read; 0: there is none; -1: a statement is needed. */
static int
read_plain(CdcRowTable *table, const char *const *keys, Datum *values, bool *nulls)
{
	Row			row;
	bool		found;
	int			i;

	if (!begin_row(&row, table, keys, AccessShareLock, &found))
		return -1;
	for (i = 0; found && i < table->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row.rel), table->attnums[i] - 1);
		Datum		d = slot_getattr(row.slot, table->attnums[i], &nulls[i]);

		if (nulls[i])
			values[i] = (Datum) 0;
		else if (att->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(d));
		else
			values[i] = datumCopy(d, att->attbyval, att->attlen);
	}
	end_row(&row);
	return found ? 1 : 0;
}

/* Entries for a version that is elsewhere than its predecessor. */
static void
insert_index_entries(Relation rel, TupleTableSlot *slot, CdcUpdateIndexes indexes)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, rel, 0, NULL, 0);
	ExecOpenIndices(rri, false);
	list_free(CDC_APPLY_INDEX_TUPLES(rri, slot, estate, true, indexes));
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
	pfree(rri);
}

/* The version in row->slot with other columns, palloc'ed. */
static HeapTuple
changed_tuple(Row *row, const Datum *values, const bool *nulls)
{
	CdcRowTable *table = row->table;
	TupleDesc	desc = RelationGetDescr(row->rel);
	Datum	   *all = palloc0(sizeof(Datum) * desc->natts);
	bool	   *all_nulls = palloc0(sizeof(bool) * desc->natts);
	bool	   *replace = palloc0(sizeof(bool) * desc->natts);
	HeapTuple	result;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		int			at = table->attnums[i] - 1;

		if (nulls[i] && TupleDescAttr(desc, at)->attnotnull)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("null value in column \"%s\" of table %s.%s", table->columns[i].name,
							CDC_CATALOG_SCHEMA, table->name)));
		all[at] = values[i];
		all_nulls[at] = nulls[i];
		replace[at] = true;
	}
	result = heap_modify_tuple(ExecFetchSlotHeapTuple(row->slot, false, NULL), desc, all,
							   all_nulls, replace);
	pfree(all);
	pfree(all_nulls);
	pfree(replace);
	return result;
}

/* Writes the changed version; false: somebody else has changed the row in between. */
static bool
update_row(Row *row, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(row->rel), &TTSOpsHeapTuple);
	CdcUpdateIndexes indexes;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;

	ExecStoreHeapTuple(changed_tuple(row, values, nulls), slot, true);
	result = table_tuple_update(row->rel, &row->slot->tts_tid, slot, GetCurrentCommandId(true),
								row->snapshot, InvalidSnapshot, true, &failure, &lockmode,
								&indexes);
	if (result == TM_Ok)
	{
		if (CDC_UPDATES_INDEXES(indexes))
			insert_index_entries(row->rel, slot, indexes);
		remember(row->table, row->keys, &slot->tts_tid);
	}
	else if (result != TM_Updated && result != TM_Deleted)
		elog(ERROR, "could not update a row of table %s.%s: result %d", CDC_CATALOG_SCHEMA,
			 row->table->name, (int) result);
	ExecDropSingleTupleTableSlot(slot);
	return result == TM_Ok;
}

/* As read_plain(). */
static int
write_plain(CdcRowTable *table, const char *const *keys, const Datum *values, const bool *nulls)
{
	for (;;)
	{
		Row			row;
		bool		found;
		bool		done;

		CHECK_FOR_INTERRUPTS();
		if (!begin_row(&row, table, keys, RowExclusiveLock, &found))
			return -1;
		if (found)
			CheckCmdReplicaIdentity(row.rel, CMD_UPDATE);
		done = found && update_row(&row, values, nulls);
		end_row(&row);
		if (done)
			CommandCounterIncrement();
		if (done || !found)
			return found ? 1 : 0;
	}
}

#else							/* !CDC_HAVE_TABLE_AM */

static int
read_plain(CdcRowTable *table, const char *const *keys, Datum *values, bool *nulls)
{
	return -1;
}

static int
write_plain(CdcRowTable *table, const char *const *keys, const Datum *values, const bool *nulls)
{
	return -1;
}

#endif

/* ------------------------------------------------------------------------
 * By statement
 * ------------------------------------------------------------------------
 */

/* WHERE and the keys, whose parameters come behind so many others. */
static void
append_where(const CdcRowTable *table, StringInfo sql, int before)
{
	int			i;

	for (i = 0; i < table->nkeys; i++)
		appendStringInfo(sql, " %s t.%s OPERATOR(pg_catalog.=) $%d", i == 0 ? "WHERE" : "AND",
						 table->keys[i], before + i + 1);
}

/* Makes the table's statements, out of names that are ours. */
static void
make_statements(CdcRowTable *table)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	StringInfoData select;
	StringInfoData update;
	int			i;

	initStringInfo(&select);
	initStringInfo(&update);
	appendStringInfoString(&select, "SELECT ");
	appendStringInfo(&update, "UPDATE %s.%s AS t SET ", CDC_CATALOG_SCHEMA, table->name);
	for (i = 0; i < table->ncolumns; i++)
	{
		appendStringInfo(&select, "%st.%s", i > 0 ? ", " : "", table->columns[i].name);
		appendStringInfo(&update, "%s%s = $%d", i > 0 ? ", " : "", table->columns[i].name, i + 1);
		table->update.argtypes[i] = table->columns[i].type;
	}
	for (i = 0; i < table->nkeys; i++)
	{
		table->select.argtypes[i] = TEXTOID;
		table->update.argtypes[table->ncolumns + i] = TEXTOID;
	}
	appendStringInfo(&select, " FROM %s.%s t", CDC_CATALOG_SCHEMA, table->name);
	append_where(table, &select, 0);
	append_where(table, &update, table->ncolumns);
	table->select.nargs = table->nkeys;
	table->update.nargs = table->ncolumns + table->nkeys;
	table->update.sql = update.data;
	table->select.sql = select.data;
	MemoryContextSwitchTo(old);
}

bool
cdc_row_read(CdcRowTable *table, const char *const *keys, Datum *values, bool *nulls)
{
	int			result = read_plain(table, keys, values, nulls);
	Datum		args[CDC_ROW_KEYS];
	CdcSpi		spi;
	bool		found;
	int			i;

	if (result >= 0)
		return result == 1;
	if (table->select.sql == NULL)
		make_statements(table);
	for (i = 0; i < table->nkeys; i++)
		args[i] = CStringGetTextDatum(keys[i]);
	cdc_spi_begin(&spi);
	found = cdc_spi_execute(&table->select, args, NULL) > 0;
	for (i = 0; found && i < table->ncolumns; i++)
		values[i] = cdc_spi_copy(&spi, 0, i + 1, table->columns[i].type, &nulls[i]);
	cdc_spi_end(&spi);
	return found;
}

bool
cdc_row_write(CdcRowTable *table, const char *const *keys, const Datum *values, const bool *nulls)
{
	int			result = write_plain(table, keys, values, nulls);
	Datum		args[CDC_STATEMENT_ARGS];
	char		arg_nulls[CDC_STATEMENT_ARGS];
	CdcSpi		spi;
	bool		found;
	int			i;

	if (result >= 0)
		return result == 1;
	if (table->select.sql == NULL)
		make_statements(table);
	for (i = 0; i < table->ncolumns; i++)
	{
		args[i] = values[i];
		arg_nulls[i] = nulls[i] ? 'n' : ' ';
	}
	for (i = 0; i < table->nkeys; i++)
	{
		args[table->ncolumns + i] = CStringGetTextDatum(keys[i]);
		arg_nulls[table->ncolumns + i] = ' ';
	}
	cdc_spi_begin(&spi);
	found = cdc_spi_execute(&table->update, args, arg_nulls) > 0;
	cdc_spi_end(&spi);
	return found;
}

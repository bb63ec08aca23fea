/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  The extension's own tables: subscriptions, positions, progress, tables,
 *	  log; and the locks of a subscription's writers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/catalog.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/pattern.h"
#include "pg/catalog/kafka_options.h"
#include "pg/base/module.h"
#include "pg/catalog/options.h"
#include "pg/catalog/spi.h"

/* Fourth field of our advisory lock tags; 1 and 2 are pg_advisory_lock()'s. */
#define CDC_LOCK_SPACE	0x0CDC

/* Grows when the catalogs have changed; see cdc_catalog_generation(). */
static uint64 generation = 1;

/* ------------------------------------------------------------------------
 * Users
 * ------------------------------------------------------------------------
 */

void
cdc_user_become_owner(const CdcSubscription *sub, CdcUser *saved)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	if (saved->userid != sub->owner_oid)
		SetUserIdAndSecContext(sub->owner_oid,
							   saved->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
cdc_user_restore(const CdcUser *saved)
{
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

void
cdc_subscription_check_owner(const CdcSubscription *sub)
{
	if (!CDC_IS_MEMBER(GetUserId(), sub->owner_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of subscription \"%s\"", sub->name),
				 errhint("Its owner is \"%s\".", sub->owner)));
}

/* ------------------------------------------------------------------------
 * Subscriptions
 * ------------------------------------------------------------------------
 */

#define SUBSCRIPTION_COLUMNS \
	"SELECT s.id, s.name, s.owner::pg_catalog.text, s.server::pg_catalog.text, s.tables," \
	" s.exclude, s.target_schema::pg_catalog.text, s.history, s.start_position," \
	" s.copy_data, s.enabled, s.options, s.added, s.topics, s.format FROM cdc.subscription s "

/* InvalidOid when there is no such relation (any more). */
static Oid
relation_by_name(const char *qualified)
{
	List	   *names = CDC_QUALIFIED_NAMES(qualified);
	Oid			nsp;

	if (list_length(names) != 2)
		return InvalidOid;
	nsp = get_namespace_oid(strVal(linitial(names)), true);
	return OidIsValid(nsp) ? get_relname_relid(strVal(lsecond(names)), nsp) : InvalidOid;
}

CdcServerKind
cdc_server_kind(const char *server, bool missing_ok)
{
	ForeignServer *s = GetForeignServerByName(server, missing_ok);
	ForeignDataWrapper *fdw;

	if (s == NULL)
		return CDC_SERVER_MYSQL;
	fdw = GetForeignDataWrapper(s->fdwid);
	return strcmp(fdw->fdwname, CDC_KAFKA_FDW) == 0 ? CDC_SERVER_KAFKA : CDC_SERVER_MYSQL;
}

/* The result's first row as a subscription in spi->caller. */
static CdcSubscription *
subscription_from_row(CdcSpi *spi)
{
	CdcSubscription *sub = MemoryContextAllocZero(spi->caller, sizeof(CdcSubscription));
	bool		isnull;
	Datum		options;
	char	   *history;
	MemoryContext old;

	sub->id = DatumGetInt32(cdc_spi_datum(0, 1, &isnull));
	sub->name = cdc_spi_text(spi, 0, 2);
	sub->owner = cdc_spi_text(spi, 0, 3);
	sub->server = cdc_spi_text(spi, 0, 4);
	sub->tables = cdc_spi_text_array(spi, 0, 5, &sub->ntables);
	sub->exclude = cdc_spi_text_array(spi, 0, 6, &sub->nexclude);
	sub->target_schema = cdc_spi_text(spi, 0, 7);
	history = cdc_spi_text(spi, 0, 8);
	sub->start_position = cdc_spi_text(spi, 0, 9);
	sub->copy_data = DatumGetBool(cdc_spi_datum(0, 10, &isnull));
	sub->enabled = DatumGetBool(cdc_spi_datum(0, 11, &isnull));
	sub->added = cdc_spi_text_array(spi, 0, 13, &sub->nadded);
	sub->topics = cdc_spi_text_array(spi, 0, 14, &sub->ntopics);
	sub->format = cdc_spi_text(spi, 0, 15);
	sub->kind = cdc_server_kind(sub->server, true);
	options = cdc_spi_datum(0, 12, &isnull);

	old = MemoryContextSwitchTo(spi->caller);
	cdc_subscription_options_parse(isnull ? NULL : DatumGetJsonbP(options), &sub->opt);
	MemoryContextSwitchTo(old);

	sub->history = relation_by_name(history);
	if (!OidIsValid(sub->history))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("history table %s of subscription \"%s\" does not exist",
						history, sub->name),
				 errhint("Restore it, or end the subscription with cdc.drop_subscription(%s).",
						 quote_literal_cstr(sub->name))));
	sub->owner_oid = get_role_oid(sub->owner, true);
	if (!OidIsValid(sub->owner_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", the owner of subscription \"%s\", does not exist",
						sub->owner, sub->name),
				 errhint("A superuser can name another one: UPDATE cdc.subscription SET owner = ... WHERE name = %s.",
						 quote_literal_cstr(sub->name))));
	return sub;
}

void
cdc_subscription_missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("subscription \"%s\" does not exist", name),
			 errhint("SELECT subscription FROM cdc.stat_subscription lists them.")));
}

CdcSubscription *
cdc_subscription_get(const char *name)
{
	static CdcStatement stmt = {
		SUBSCRIPTION_COLUMNS "WHERE s.name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	};
	CdcSpi		spi;
	CdcSubscription *sub;
	Datum		value = CStringGetTextDatum(name);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		cdc_subscription_missing(name);
	sub = subscription_from_row(&spi);
	cdc_spi_end(&spi);
	return sub;
}

CdcSubscription *
cdc_subscription_get_by_id(int32 id)
{
	static CdcStatement stmt = {
		SUBSCRIPTION_COLUMNS "WHERE s.id OPERATOR(pg_catalog.=) $1", 1, {INT4OID}
	};
	CdcSpi		spi;
	CdcSubscription *sub = NULL;
	Datum		value = Int32GetDatum(id);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
		sub = subscription_from_row(&spi);
	cdc_spi_end(&spi);
	return sub;
}

bool
cdc_subscription_wants(const CdcSubscription *sub, const char *database, const char *table)
{
	size_t		len = strlen(database);
	int			i;

	for (i = 0; i < sub->nadded; i++)
	{
		const char *name = sub->added[i];

		if (strncmp(name, database, len) == 0 && name[len] == '.' &&
			strcmp(name + len + 1, table) == 0)
			return true;
	}
	return cdc_pattern_wanted((const char *const *) sub->tables, sub->ntables,
							  (const char *const *) sub->exclude, sub->nexclude,
							  database, table);
}

/*
 * The process that holds the lock, or 0 when it is gone meanwhile.
 */
static int
lock_holder(const LOCKTAG *tag)
{
	VirtualTransactionId *holder = CDC_LOCK_CONFLICTS(tag, ExclusiveLock);

	for (; VirtualTransactionIdIsValid(*holder); holder++)
	{
		PGPROC	   *proc = CDC_VXID_PROC(*holder);

		if (proc != NULL && proc->pid != 0)
			return proc->pid;
	}
	return 0;
}

static LOCKTAG
writer_lock(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) sub->id, (uint32) writer, CDC_LOCK_SPACE);
	return tag;
}

bool
cdc_subscription_try_lock(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag = writer_lock(sub, writer);

	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
cdc_subscription_lock(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag = writer_lock(sub, writer);

	if (cdc_subscription_try_lock(sub, writer))
		return;

	ereport(NOTICE,
			(errmsg("waiting for another %s of subscription \"%s\" to end its transaction",
					writer == CDC_WRITER_PULL ? "pull" : "apply", sub->name),
			 errdetail("Process %d holds the lock.", lock_holder(&tag))));
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* ------------------------------------------------------------------------
 * Position and progress
 * ------------------------------------------------------------------------
 */

/* 0 stands for an unknown time. */
static Datum
time_or_null(TimestampTz ts, char *null)
{
	*null = ts == 0 ? 'n' : ' ';
	return TimestampTzGetDatum(ts);
}

static void
row_missing(const char *table, const CdcSubscription *sub)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("subscription \"%s\" does not exist any more", sub->name),
			 errdetail("%s has no row for it.", table)));
}

void
cdc_position_get(const CdcSubscription *sub, CdcPosition *pos)
{
	static CdcStatement stmt = {
		"SELECT p.file, p.file_offset, p.gtid_set, p.source_uuid, p.last_seq, p.source_ts,"
		" p.transactions, p.events, p.bytes, p.snapshot_join, p.barrier_seq, p.source_address,"
		" p.skipped_events, p.version"
		" FROM cdc.subscription_position p WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		row_missing("cdc.subscription_position", sub);
	pos->file = cdc_spi_text(&spi, 0, 1);
	pos->file_offset = cdc_spi_int64(0, 2);
	pos->gtid_set = cdc_spi_text(&spi, 0, 3);
	pos->source_uuid = cdc_spi_text(&spi, 0, 4);
	pos->last_seq = cdc_spi_int64(0, 5);
	pos->source_ts = cdc_spi_int64(0, 6);
	pos->transactions = cdc_spi_int64(0, 7);
	pos->events = cdc_spi_int64(0, 8);
	pos->bytes = cdc_spi_int64(0, 9);
	pos->snapshot_join = cdc_spi_text(&spi, 0, 10);
	pos->barrier_seq = cdc_spi_int64(0, 11);
	pos->source_address = cdc_spi_text(&spi, 0, 12);
	pos->skipped_events = cdc_spi_int64(0, 13);
	pos->version = cdc_spi_int64(0, 14);
	cdc_spi_end(&spi);
}

void
cdc_position_set(const CdcSubscription *sub, const CdcPosition *pos)
{
	static CdcStatement stmt = {
		"UPDATE cdc.subscription_position SET file = $2, file_offset = $3, gtid_set = $4,"
		" source_uuid = $5, last_seq = $6, source_ts = $7, transactions = $8, events = $9,"
		" bytes = $10, snapshot_join = $11, barrier_seq = $12, source_address = $13,"
		" skipped_events = $14, version = $15, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		15, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID,
		INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[15];
	char		nulls[15];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_or_null(pos->file, &nulls[1]);
	values[2] = Int64GetDatum(pos->file_offset);
	nulls[2] = nulls[1];
	values[3] = cdc_text_or_null(pos->gtid_set, &nulls[3]);
	values[4] = cdc_text_or_null(pos->source_uuid, &nulls[4]);
	values[5] = Int64GetDatum(pos->last_seq);
	values[6] = time_or_null(pos->source_ts, &nulls[6]);
	values[7] = Int64GetDatum(pos->transactions);
	values[8] = Int64GetDatum(pos->events);
	values[9] = Int64GetDatum(pos->bytes);
	values[10] = cdc_text_or_null(pos->snapshot_join, &nulls[10]);
	values[11] = Int64GetDatum(pos->barrier_seq);
	values[12] = cdc_text_or_null(pos->source_address, &nulls[12]);
	values[13] = Int64GetDatum(pos->skipped_events);
	values[14] = Int64GetDatum(pos->version);
	if (cdc_spi_execute(&stmt, values, nulls) == 0)
		row_missing("cdc.subscription_position", sub);
	cdc_spi_end(&spi);
}

void
cdc_progress_get(const CdcSubscription *sub, CdcProgress *progress)
{
	static CdcStatement stmt = {
		"SELECT p.applied_seq, p.position, p.gtid, p.source_ts FROM cdc.subscription_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		row_missing("cdc.subscription_progress", sub);
	progress->applied_seq = cdc_spi_int64(0, 1);
	progress->position = cdc_spi_text(&spi, 0, 2);
	progress->gtid = cdc_spi_text(&spi, 0, 3);
	progress->source_ts = cdc_spi_int64(0, 4);
	cdc_spi_end(&spi);
}

void
cdc_progress_set(const CdcSubscription *sub, const CdcProgress *progress)
{
	static CdcStatement stmt = {
		"UPDATE cdc.subscription_progress SET applied_seq = $2, position = $3, gtid = $4,"
		" source_ts = $5, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(progress->applied_seq);
	values[2] = cdc_text_or_null(progress->position, &nulls[2]);
	values[3] = cdc_text_or_null(progress->gtid, &nulls[3]);
	values[4] = time_or_null(progress->source_ts, &nulls[4]);
	if (cdc_spi_execute(&stmt, values, nulls) == 0)
		row_missing("cdc.subscription_progress", sub);
	cdc_spi_end(&spi);
}

/* ------------------------------------------------------------------------
 * Tables of a subscription
 * ------------------------------------------------------------------------
 */

List *
cdc_subscription_tables(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT t.source_table, t.target, t.mode, t.key, t.columns, t.state, t.copy_data"
		" FROM cdc.subscription_table t WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" ORDER BY t.source_table",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	Datum		value = CStringGetTextDatum(sub->name);
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		CdcSubscriptionTable *t = MemoryContextAllocZero(spi.caller, sizeof(*t));
		MemoryContext old;
		bool		isnull;
		Datum		d;

		t->source_table = cdc_spi_text(&spi, i, 1);
		t->target = cdc_spi_text(&spi, i, 2);
		t->mode = cdc_spi_text(&spi, i, 3);
		t->key = cdc_spi_text_array(&spi, i, 4, &t->nkey);
		d = cdc_spi_datum(i, 5, &isnull);
		old = MemoryContextSwitchTo(spi.caller);
		if (!isnull)
			t->columns = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
		result = lappend(result, t);
		MemoryContextSwitchTo(old);
		t->state = DatumGetChar(cdc_spi_datum(i, 6, &isnull));
		t->copy_data = DatumGetBool(cdc_spi_datum(i, 7, &isnull));
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_subscription_table_state(const CdcSubscription *sub, const char *source_table,
							 char state, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc.subscription_table SET state = $3, last_error = $4,"
		" state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, CHAROID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = CharGetDatum(state);
	values[3] = cdc_text_or_null(error, &nulls[3]);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
	if (state == 'e')
		cdc_notify(sub->name, "table_error", source_table, error);
}

/* ------------------------------------------------------------------------
 * Changes of the catalogs, log, notifications
 * ------------------------------------------------------------------------
 */

/* OID of cdc.subscription, whose relcache entry stands for all catalogs. */
static Oid
catalog_relid(void)
{
	Oid			nsp = get_namespace_oid("cdc", true);

	return OidIsValid(nsp) ? get_relname_relid("subscription", nsp) : InvalidOid;
}

static Oid	watched_relid = InvalidOid;

static void
relcache_changed(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || !OidIsValid(watched_relid) || relid == watched_relid)
	{
		generation++;
		watched_relid = InvalidOid;
	}
}

static void
servers_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

void
cdc_catalog_init(void)
{
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, servers_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, servers_changed, (Datum) 0);
}

uint64
cdc_catalog_generation(void)
{
	/* Invalidations are taken in when a lock or a transaction begins. */
	if (!OidIsValid(watched_relid))
		watched_relid = catalog_relid();
	return generation;
}

void
cdc_catalog_changed(void)
{
	Oid			relid = catalog_relid();

	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
}

void
cdc_log(const char *subscription, const char *kind, const char *message, const char *detail)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc.log (subscription, kind, message, detail, by_role)"
		" VALUES ($1, $2, $3, $4, $5::pg_catalog.name)",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5];
	char	   *role = CDC_USER_NAME(GetUserId());

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = cdc_text_or_null(subscription, &nulls[0]);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(message);
	values[3] = cdc_text_or_null(detail, &nulls[3]);
	values[4] = CStringGetTextDatum(role);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

/* Appends ,"key":"value", the value cut to what leaves room in a notification. */
static void
append_member(StringInfo json, const char *key, const char *value)
{
	/* A payload is less than 8000 bytes and escaping makes up to 6 of one. */
	int			len;

	if (value == NULL)
		return;
	len = pg_mbcliplen(value, strlen(value), 600);
	appendStringInfoChar(json, json->len > 1 ? ',' : ' ');
	escape_json(json, key);
	appendStringInfoChar(json, ':');
	escape_json(json, pnstrdup(value, len));
}

void
cdc_notify(const char *subscription, const char *kind, const char *source_table,
		   const char *message)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_member(&json, "kind", kind);
	append_member(&json, "subscription", subscription);
	append_member(&json, "source_table", source_table);
	append_member(&json, "message", message);
	appendStringInfoChar(&json, '}');
	Async_Notify("cdc_ingest", json.data);
}

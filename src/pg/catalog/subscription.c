/*-------------------------------------------------------------------------
 *
 * subscription.c
 *	  Reading cdc.subscription, and the locks of a subscription's writers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/subscription.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/pattern.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/base/compat_value.h"
#include "pg/options/kafka_options.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"

/* The fourth field of our advisory locks' tags; pg_advisory_lock() uses 1 and 2. */
#define CDC_LOCK_SPACE	0x0CDC

#define SUBSCRIPTION_COLUMNS \
	"SELECT s.id, s.name, s.owner::pg_catalog.text, s.server::pg_catalog.text, s.tables," \
	" s.exclude, s.target_schema::pg_catalog.text, s.history, s.start_position," \
	" s.copy_data, s.enabled, s.options, s.added, s.topics, s.format," \
	" i.system_identifier, i.\"database\", i.\"owner\", i.\"server\", i.history, i.target_schema" \
	" FROM cdc_catalog.subscription s LEFT JOIN cdc_catalog.subscription_identity i" \
	" ON i.subscription OPERATOR(pg_catalog.=) s.name "

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

/* ------------------------------------------------------------------------
 * Identity
 * ------------------------------------------------------------------------
 */

static const CdcTrouble *
make_trouble(int sqlerrcode, const char *message, const char *detail, const char *hint)
{
	CdcTrouble *trouble = palloc(sizeof(CdcTrouble));

	trouble->sqlerrcode = sqlerrcode;
	trouble->message = message;
	trouble->detail = detail;
	trouble->hint = hint;
	return trouble;
}

/* What happened to something of which only the name is left; another: it has one again. */
static const char *
gone_detail(const CdcSubscription *sub, bool another)
{
	if (!sub->identity.known)
		return NULL;
	return another ? "It was dropped; what has its name now is another one." : "It was dropped.";
}

static const CdcTrouble *
history_trouble(const CdcSubscription *sub, const char *kept)
{
	char	   *name = quote_literal_cstr(sub->name);
	bool		another = OidIsValid(cdc_relation_by_name(kept));

	return make_trouble(ERRCODE_UNDEFINED_TABLE,
						psprintf("history table %s of subscription \"%s\" does not exist", kept, sub->name),
						gone_detail(sub, another),
						another ?
						psprintf("To go on with the table of that name: SELECT cdc.enable_subscription(%s). To end the subscription: SELECT cdc.drop_subscription(%s).", name, name) :
						psprintf("Restore it, or end the subscription with cdc.drop_subscription(%s).", name));
}

static const CdcTrouble *
owner_trouble(const CdcSubscription *sub, const char *kept)
{
	return make_trouble(ERRCODE_UNDEFINED_OBJECT,
						psprintf("role \"%s\", the owner of subscription \"%s\", does not exist", kept, sub->name),
						gone_detail(sub, OidIsValid(get_role_oid(kept, true))),
						psprintf("The owner of its history takes it: SELECT cdc.enable_subscription(%s).",
								 quote_literal_cstr(sub->name)));
}

static const CdcTrouble *
server_trouble(const CdcSubscription *sub, const char *kept)
{
	bool		another = OidIsValid(get_foreign_server_oid(kept, true));

	return make_trouble(ERRCODE_UNDEFINED_OBJECT,
						psprintf("server \"%s\" of subscription \"%s\" does not exist", kept, sub->name),
						OidIsValid(sub->identity.server) ? gone_detail(sub, another) :
						another ? "There was none of that name when the subscription came here." : NULL,
						psprintf("%sSELECT cdc.enable_subscription(%s).",
								 another ? "To go on with the server of that name: " :
								 "Create it, then: ", quote_literal_cstr(sub->name)));
}

static const CdcTrouble *
schema_trouble(const CdcSubscription *sub, const char *kept)
{
	return make_trouble(ERRCODE_UNDEFINED_SCHEMA,
						psprintf("schema \"%s\", the target_schema of subscription \"%s\", does not exist", kept, sub->name),
						gone_detail(sub, OidIsValid(get_namespace_oid(kept, true))),
						psprintf("To go on with a schema of that name: SELECT cdc.enable_subscription(%s).",
								 quote_literal_cstr(sub->name)));
}

/* Columns 16 to 21 of the result's first row. */
static void
read_identity(CdcSpi *spi, CdcIdentity *identity)
{
	char	   *system = cdc_spi_text(spi, 0, 16);
	bool		isnull;

	identity->known = system != NULL;
	if (!identity->known)
		return;
	identity->here = cdc_identity_is_here(system, DatumGetObjectId(cdc_spi_datum(0, 17, OIDOID, &isnull)));
	identity->owner = DatumGetObjectId(cdc_spi_datum(0, 18, OIDOID, &isnull));
	identity->server = DatumGetObjectId(cdc_spi_datum(0, 19, OIDOID, &isnull));
	identity->history = DatumGetObjectId(cdc_spi_datum(0, 20, OIDOID, &isnull));
	identity->target_schema = DatumGetObjectId(cdc_spi_datum(0, 21, OIDOID, &isnull));
}

static bool
differs(const char *now, const char *kept)
{
	return now != NULL && kept != NULL && strcmp(now, kept) != 0;
}

/* The field that is kept becomes the name of now, where there is one. */
static char *
name_of_now(char *now, char *kept)
{
	return now != NULL ? now : kept;
}

/*
 * Follows the OIDs to the names of now.  Where there are none, in a restored database,
 * the names that are kept stand for themselves until somebody takes it over.
 */
static void
resolve_names(CdcSubscription *sub, char *history)
{
	CdcIdentity *identity = &sub->identity;
	CdcIdentityNames kept = {sub->owner, sub->server, history, sub->target_schema};
	CdcIdentityNames *now = &sub->names;

	if (!identity->known)
		cdc_identity_look_up(&kept, identity);
	sub->cloned = !identity->known || !identity->here;
	now->owner = cdc_role_name(identity->owner);
	now->server = cdc_server_name(identity->server);
	now->history = cdc_relation_name(identity->history);
	if (kept.target_schema != NULL)
		now->target_schema = get_namespace_name(identity->target_schema);
	sub->renamed = differs(now->owner, kept.owner) || differs(now->server, kept.server) ||
		differs(now->history, kept.history) || differs(now->target_schema, kept.target_schema);

	sub->owner_oid = now->owner != NULL ? identity->owner : InvalidOid;
	sub->history = now->history != NULL ? identity->history : InvalidOid;
	if (now->history == NULL)
		sub->trouble = history_trouble(sub, kept.history);
	if (now->owner == NULL)
		sub->trouble = owner_trouble(sub, kept.owner);
	if (now->server == NULL)
		sub->server_trouble = server_trouble(sub, kept.server);
	if (kept.target_schema != NULL && now->target_schema == NULL)
		sub->schema_trouble = schema_trouble(sub, kept.target_schema);
	sub->owner = name_of_now(now->owner, kept.owner);
	sub->server = name_of_now(now->server, kept.server);
	sub->target_schema = name_of_now(now->target_schema, kept.target_schema);
	now->history = name_of_now(now->history, kept.history);
}

void
cdc_subscription_check_here(const CdcSubscription *sub)
{
	if (sub->cloned)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" was not made in this database", sub->name),
				 errdetail("The database was restored or copied; the original may still follow the source."),
				 errhint("If it is to go on here, and no longer there: SELECT cdc.enable_subscription(%s).",
						 quote_literal_cstr(sub->name))));
}

void
cdc_subscription_check_source(const CdcSubscription *sub)
{
	cdc_subscription_check_here(sub);
	if (sub->server_trouble != NULL)
		cdc_trouble_raise(sub->server_trouble);
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

/* The result's first row as a subscription in spi->caller. */
static CdcSubscription *
subscription_from_row(CdcSpi *spi)
{
	CdcSubscription *sub = MemoryContextAllocZero(spi->caller, sizeof(CdcSubscription));
	bool		isnull;
	Datum		options;
	char	   *history;
	MemoryContext old;

	sub->id = DatumGetInt32(cdc_spi_datum(0, 1, INT4OID, &isnull));
	sub->name = cdc_spi_text(spi, 0, 2);
	sub->owner = cdc_spi_text(spi, 0, 3);
	sub->server = cdc_spi_text(spi, 0, 4);
	sub->tables = cdc_spi_text_array(spi, 0, 5, &sub->ntables);
	sub->exclude = cdc_spi_text_array(spi, 0, 6, &sub->nexclude);
	sub->target_schema = cdc_spi_text(spi, 0, 7);
	history = cdc_spi_text(spi, 0, 8);
	sub->start_position = cdc_spi_text(spi, 0, 9);
	sub->copy_data = DatumGetBool(cdc_spi_datum(0, 10, BOOLOID, &isnull));
	sub->enabled = DatumGetBool(cdc_spi_datum(0, 11, BOOLOID, &isnull));
	sub->added = cdc_spi_text_array(spi, 0, 13, &sub->nadded);
	sub->topics = cdc_spi_text_array(spi, 0, 14, &sub->ntopics);
	sub->format = cdc_spi_text(spi, 0, 15);
	options = cdc_spi_datum(0, 12, JSONBOID, &isnull);
	read_identity(spi, &sub->identity);

	old = MemoryContextSwitchTo(spi->caller);
	cdc_subscription_options_parse(isnull ? NULL : DatumGetJsonbP(options), &sub->opt);
	if (sub->opt.copy_mode == CDC_COPY_NEVER)
		sub->copy_data = false;
	resolve_names(sub, history);
	sub->kind = cdc_server_kind(sub->server, true);
	MemoryContextSwitchTo(old);
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
cdc_subscription_get_any(const char *name)
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
cdc_subscription_get_any_by_id(int32 id)
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

CdcSubscription *
cdc_subscription_get(const char *name)
{
	CdcSubscription *sub = cdc_subscription_get_any(name);

	if (sub->trouble != NULL)
		cdc_trouble_raise(sub->trouble);
	return sub;
}

CdcSubscription *
cdc_subscription_get_by_id(int32 id)
{
	CdcSubscription *sub = cdc_subscription_get_any_by_id(id);

	if (sub != NULL && sub->trouble != NULL)
		cdc_trouble_raise(sub->trouble);
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

		if (len == 0 ? strcmp(name, table) == 0 :
			strncmp(name, database, len) == 0 && name[len] == '.' &&
			strcmp(name + len + 1, table) == 0)
			return true;
	}

	/* a message may have more of the name in the database, or less, than who wrote it down */
	for (i = 0; i < sub->nexclude && sub->kind == CDC_SERVER_KAFKA; i++)
		if (cdc_pattern_spells(sub->exclude[i], database, table))
			return false;
	return cdc_pattern_wanted((const char *const *) sub->tables, sub->ntables,
							  (const char *const *) sub->exclude, sub->nexclude,
							  database, table);
}

static const CdcRunning *innermost = NULL;

void
cdc_running_begin(CdcRunning *run, int32 subscription_id, CdcWriter writer)
{
	run->outer = innermost;
	run->subscription_id = subscription_id;
	run->writer = writer;
	innermost = run;
}

void
cdc_running_end(const CdcRunning *run)
{
	Assert(innermost == run);
	innermost = run->outer;
}

void
cdc_running_check(int32 subscription_id, const char *name, CdcWriter writer)
{
	const CdcRunning *run;

	for (run = innermost; run != NULL; run = run->outer)
	{
		if (run->subscription_id != subscription_id || run->writer != writer)
			continue;
		if (writer == CDC_WRITER_PULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("subscription \"%s\" is being pulled in this session", name),
					 errdetail("The call comes from inside of that pull, from a trigger on the history for example."),
					 errhint("Make the call when the pull has ended.")));
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("subscription \"%s\" is being applied in this session", name),
				 errdetail("The call comes from inside of that apply, from a trigger on a target for example."),
				 errhint("Make the call when the apply has ended.")));
	}
}

/* The id of the process that holds the lock; 0: none does any more. */
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

/* The advisory lock of a writer. */
static LOCKTAG
writer_lock_tag(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) sub->id, (uint32) writer, CDC_LOCK_SPACE);
	return tag;
}

bool
cdc_subscription_try_lock(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag = writer_lock_tag(sub, writer);

	cdc_subscription_check_here(sub);
	cdc_running_check(sub->id, sub->name, writer);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Reads it again, now that nobody alters what the lock guards: without, a pull that waited for
 * cdc.remove_table() would register that table once more.
 */
static void
read_again(CdcSubscription *sub)
{
	CdcSubscription *now = cdc_subscription_get_any_by_id(sub->id);

	if (now == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscription \"%s\" does not exist any more", sub->name)));
	if (now->trouble != NULL && sub->trouble == NULL)
		cdc_trouble_raise(now->trouble);
	/* who ends a copy of a subscription has said so */
	now->cloned = now->cloned && sub->cloned;
	*sub = *now;
}

void
cdc_subscription_lock(CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag = writer_lock_tag(sub, writer);

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("subscription \"%s\" can go on only at the primary server: this one is a standby",
						sub->name),
				 errdetail("Targets, history and positions come here as they are at the primary."),
				 errhint("Call it there; when this server is promoted its workers start by themselves.")));
	if (!cdc_subscription_try_lock(sub, writer))
	{
		ereport(NOTICE,
				(errmsg("waiting for another %s of subscription \"%s\" to end its transaction",
						writer == CDC_WRITER_PULL ? "pull" : "apply", sub->name),
				 errdetail("Process %d holds the lock.", lock_holder(&tag))));
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
	}
	read_again(sub);
}

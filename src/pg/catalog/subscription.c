/*-------------------------------------------------------------------------
 *
 * subscription.c
 *	  Reading cdc.subscription, and the locks of a subscription's writers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/subscription.h"

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
	" s.copy_data, s.enabled, s.options, s.added, s.topics, s.format FROM cdc_catalog.subscription s "

/* The relation of a qualified name; InvalidOid when there is none (any more). */
static Oid
lookup_relation(const char *qualified)
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

	sub->history = lookup_relation(history);
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

	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
cdc_subscription_lock(const CdcSubscription *sub, CdcWriter writer)
{
	LOCKTAG		tag = writer_lock_tag(sub, writer);

	if (cdc_subscription_try_lock(sub, writer))
		return;

	ereport(NOTICE,
			(errmsg("waiting for another %s of subscription \"%s\" to end its transaction",
					writer == CDC_WRITER_PULL ? "pull" : "apply", sub->name),
			 errdetail("Process %d holds the lock.", lock_holder(&tag))));
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*-------------------------------------------------------------------------
 *
 * supervisor.c
 *	  One process a database: keeps a pull and an apply worker running for each
 *	  enabled subscription, a publish worker where it has an enabled publication,
 *	  restarts a failed one with growing delays, ends when
 *	  there is nothing to keep.
 *
 * It sleeps until a worker ends, somebody changes a subscription (both set its
 * latch), or a delay is over.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/background.h"
#include "pg/base/shmem.h"
#include "pg/worker/turn.h"
#include "pg/worker/worker.h"

#if CDC_HAVE_WORKERS

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/catalog/failure.h"
#include "pg/catalog/spi.h"

#define DELAY_MIN_MS		1000L
#define DELAY_MAX_MS		60000L
#define GOOD_RUN_MS			5000	/* a worker that ran this long had not failed at its start */
#define STOP_GRACE_MS		1000	/* for a worker that is not wanted any more */
#define ORPHAN_LOOK_MS		5000L	/* workers that an earlier supervisor started */
#define UNTAKEN_MS			60000	/* a reservation whose process never came */
#define NO_PROCESS_MS		5000L

/* A subscription that wants its workers. */
typedef struct Wanted
{
	int32		id;
	char	   *name;
	Oid			owner;
	bool		publishes;		/* has an enabled publication: a third worker */
	const char *trouble;		/* why they cannot be started, or NULL */
} Wanted;

/* A worker that this supervisor has started or will start. */
typedef struct Child
{
	int32		subscription_id;
	CdcWorkerKind kind;
	char		name[NAMEDATALEN * 4];
	BackgroundWorkerHandle *handle; /* NULL: not running */
	CdcSlotInfo slot;			/* index and ticket of the reservation */
	TimestampTz started;
	TimestampTz next_start;		/* not before */
	TimestampTz unwanted_since; /* 0: wanted */
	int			failures;		/* in a row */
	bool		complained;		/* the present trouble is in log and catalog */
	bool		seen;			/* in this turn's list of subscriptions */
} Child;

static List *children = NIL;

static List *
read_wanted(void)
{
	static CdcStatement stmt = {
		"SELECT s.id, s.name, s.owner::pg_catalog.text,"
		" EXISTS (SELECT 1 FROM cdc.publication p"
		"          WHERE p.subscription OPERATOR(pg_catalog.=) s.name AND p.enabled)"
		" FROM cdc.subscription s"
		" WHERE s.enabled ORDER BY s.id",
		0, {0}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		Wanted	   *w = MemoryContextAllocZero(spi.caller, sizeof(Wanted));
		bool		isnull;
		HeapTuple	role;
		char	   *owner = cdc_spi_text(&spi, i, 3);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		w->id = DatumGetInt32(cdc_spi_datum(i, 1, &isnull));
		w->name = cdc_spi_text(&spi, i, 2);
		w->owner = get_role_oid(owner, true);
		w->publishes = DatumGetBool(cdc_spi_datum(i, 4, &isnull));
		role = SearchSysCache1(AUTHNAME, CStringGetDatum(owner));
		if (!HeapTupleIsValid(role))
			w->trouble = psprintf("role \"%s\", the owner of the subscription, does not exist",
								  owner);
		else
		{
			if (CDC_WORKER_NEEDS_LOGIN && !((Form_pg_authid) GETSTRUCT(role))->rolcanlogin)
				w->trouble = psprintf("role \"%s\" is not permitted to log in\n"
									  "HINT:  Before PostgreSQL 17 workers need an owner with LOGIN.",
									  owner);
			ReleaseSysCache(role);
		}
		result = lappend(result, w);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

static Child *
find_child(int32 subscription_id, CdcWorkerKind kind)
{
	ListCell   *lc;

	foreach(lc, children)
	{
		Child	   *c = lfirst(lc);

		if (c->subscription_id == subscription_id && c->kind == kind)
			return c;
	}
	return NULL;
}

/* Whether a worker that we have not started runs; gives up dead reservations. */
static bool
foreign_worker(const CdcSlotInfo *slots, int nslots, int32 subscription_id, CdcWorkerKind kind)
{
	int			i;

	for (i = 0; i < nslots; i++)
	{
		if (slots[i].subscription_id != subscription_id || slots[i].kind != kind)
			continue;
		if (slots[i].pid != 0)
			return true;
		if (TimestampDifferenceExceeds(slots[i].since, GetCurrentTimestamp(), UNTAKEN_MS))
		{
			cdc_slot_release(slots[i].index, slots[i].ticket);
			return false;
		}
		return true;
	}
	return false;
}

/* Notes that a worker has ended and when it may start again. */
static void
child_ended(Child *c)
{
	TimestampTz now = GetCurrentTimestamp();
	long		delay = DELAY_MIN_MS;
	int			i;

	cdc_slot_release(c->slot.index, c->slot.ticket);
	pfree(c->handle);
	c->handle = NULL;
	if (TimestampDifferenceExceeds(c->started, now, GOOD_RUN_MS))
		c->failures = 0;
	for (i = 0; i < c->failures && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	c->failures++;
	c->next_start = TimestampTzPlusMilliseconds(now, Min(delay, DELAY_MAX_MS));
}

/* Writes why a worker cannot be started where its errors are looked for. */
static void
complain(Child *c, const char *trouble)
{
	MemoryContext caller = CurrentMemoryContext;

	if (c->complained)
		return;
	c->complained = true;
	ereport(WARNING,
			(errmsg("cannot start the %s worker of subscription \"%s\": %s",
					cdc_worker_kind_name(c->kind), c->name, trouble)));
	if (cdc_background_transaction())
	{
		cdc_failure_record(c->name, cdc_worker_kind_name(c->kind), trouble);
		cdc_background_commit();
	}
	MemoryContextSwitchTo(caller);
}

static void
start_child(Child *c, Oid owner)
{
	CdcWorkerStart what;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	CdcStartResult rc;
	CdcSlotInfo slots[CDC_SLOTS];
	int			n;
	int			i;

	memset(&what, 0, sizeof(what));
	what.dbid = MyDatabaseId;
	what.userid = owner;
	what.subscription_id = c->subscription_id;
	what.kind = c->kind;
	rc = cdc_background_start(&what, c->name, &c->handle);
	MemoryContextSwitchTo(old);

	c->started = GetCurrentTimestamp();
	if (rc == CDC_START_OK)
	{
		c->complained = false;
		n = cdc_slot_list(MyDatabaseId, slots);
		for (i = 0; i < n; i++)
			if (slots[i].subscription_id == c->subscription_id && slots[i].kind == c->kind)
				c->slot = slots[i];
		return;
	}
	c->handle = NULL;
	c->next_start = TimestampTzPlusMilliseconds(c->started, NO_PROCESS_MS);
	complain(c, rc == CDC_START_NO_PROCESS ?
			 "no background worker slot is free\n"
			 "HINT:  Raise max_worker_processes; a database needs one and each enabled subscription two more, three where it publishes." :
			 "all shared slots of cdc_ingest are taken\n"
			 "HINT:  A server runs up to 128 workers of cdc_ingest.");
}

/* Sees to one worker of a wanted subscription. */
static void
keep_child(const Wanted *w, CdcWorkerKind kind, const CdcSlotInfo *slots, int nslots, bool told)
{
	Child	   *c = find_child(w->id, kind);
	pid_t		pid;

	if (c == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		c = palloc0(sizeof(Child));
		c->subscription_id = w->id;
		c->kind = kind;
		children = lappend(children, c);
		MemoryContextSwitchTo(old);
	}
	c->seen = true;
	c->unwanted_since = 0;
	strlcpy(c->name, w->name, sizeof(c->name));

	if (c->handle != NULL && GetBackgroundWorkerPid(c->handle, &pid) == BGWH_STOPPED)
		child_ended(c);
	if (told)
	{
		/* somebody changed something: what failed may work now */
		c->failures = 0;
		c->next_start = 0;
		c->complained = false;
	}
	if (c->handle != NULL || c->next_start > GetCurrentTimestamp())
		return;
	if (w->trouble != NULL)
	{
		complain(c, w->trouble);
		c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DELAY_MAX_MS);
		return;
	}
	if (foreign_worker(slots, nslots, w->id, kind))
	{
		c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ORPHAN_LOOK_MS);
		return;
	}
	start_child(c, w->owner);
}

/* Workers end by themselves; those that are busy are ended after a grace. */
static void
drop_unwanted(void)
{
	ListCell   *lc;
	List	   *kept = NIL;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	foreach(lc, children)
	{
		Child	   *c = lfirst(lc);
		pid_t		pid;

		if (!c->seen)
		{
			if (c->handle != NULL && GetBackgroundWorkerPid(c->handle, &pid) == BGWH_STOPPED)
				child_ended(c);
			if (c->handle == NULL)
			{
				pfree(c);
				continue;
			}
			if (c->unwanted_since == 0)
				c->unwanted_since = GetCurrentTimestamp();
			else if (TimestampDifferenceExceeds(c->unwanted_since, GetCurrentTimestamp(),
												STOP_GRACE_MS))
				TerminateBackgroundWorker(c->handle);
		}
		kept = lappend(kept, c);
	}
	list_free(children);
	children = kept;
	MemoryContextSwitchTo(old);
}

/* Milliseconds until something is due, -1 = nothing is. */
static long
next_due(void)
{
	long		due = -1;
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;

	foreach(lc, children)
	{
		Child	   *c = lfirst(lc);
		long		ms = -1;

		if (c->unwanted_since != 0)
			ms = STOP_GRACE_MS;
		else if (c->handle == NULL)
			ms = c->next_start <= now ? 0 : (long) ((c->next_start - now) / 1000 + 1);
		if (ms >= 0 && (due < 0 || ms < due))
			due = ms;
	}
	return due;
}

static void
supervisor_turn(void)
{
	List	   *wanted = NIL;
	ListCell   *lc;
	CdcSlotInfo slots[CDC_SLOTS];
	int			nslots;
	bool		told = cdc_slot_told();
	MemoryContext turn = CurrentMemoryContext;

	if (cdc_background_transaction())
	{
		List	   *in_transaction = read_wanted();

		/* what is needed beyond the commit */
		MemoryContextSwitchTo(turn);
		foreach(lc, in_transaction)
		{
			Wanted	   *w = lfirst(lc);
			Wanted	   *copy = palloc(sizeof(Wanted));

			*copy = *w;
			copy->name = pstrdup(w->name);
			copy->trouble = w->trouble ? pstrdup(w->trouble) : NULL;
			wanted = lappend(wanted, copy);
		}
		cdc_background_commit();
		MemoryContextSwitchTo(turn);
	}

	foreach(lc, children)
		((Child *) lfirst(lc))->seen = false;
	nslots = cdc_slot_list(MyDatabaseId, slots);
	foreach(lc, wanted)
	{
		keep_child(lfirst(lc), CDC_WORKER_PULL, slots, nslots, told);
		keep_child(lfirst(lc), CDC_WORKER_APPLY, slots, nslots, told);
		if (((Wanted *) lfirst(lc))->publishes)
			keep_child(lfirst(lc), CDC_WORKER_PUBLISH, slots, nslots, told);
	}
	drop_unwanted();
}

void
cdc_supervisor_main(Datum arg)
{
	CdcWorkerStart start;
	MemoryContext turn;

	cdc_background_begin(&start);
	turn = AllocSetContextCreate(TopMemoryContext, "cdc_ingest supervisor turn",
								 ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		cdc_background_turn();
		MemoryContextSwitchTo(turn);
		MemoryContextReset(turn);
		supervisor_turn();
		if (children == NIL)
		{
			if (cdc_slot_leave())
				break;
			continue;
		}
		pgstat_report_activity(STATE_IDLE, NULL);
		cdc_background_sleep(next_due());
	}
	proc_exit(0);
}

#endif							/* CDC_HAVE_WORKERS */

/*-------------------------------------------------------------------------
 *
 * supervisor.c
 *	  One process a database: keeps a pull and an apply worker running for each
 *	  enabled subscription, a publish worker for each of its enabled publications,
 *	  restarts a failed one with growing delays, ends when there is nothing to keep.
 *
 * It sleeps until a worker ends, somebody changes a subscription (both set its
 * latch), or a delay is over.  It waits for nobody's locks: what somebody has locked
 * is looked at again later, and the others do not notice.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/background.h"
#include "pg/base/compat_catalog.h"
#include "pg/process/settings.h"
#include "pg/process/shmem.h"
#include "pg/worker/turn.h"
#include "pg/worker/worker.h"

#include <limits.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/guc.h"
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
#define NO_PROCESS_MS		5000L	/* until the next try where there was no room for a process */
#define LOCK_WAIT_MS		"100"	/* for what somebody else has locked, for example to drop it */
#define LOCKED_LOOK_MS		1000L	/* until all is looked at again where that was locked */

/* One of the workers of a subscription. */
typedef struct WantedWorker
{
	CdcWorkerKind kind;
	int32		publication_id; /* of those that publish; else 0 */
	const char *worker;			/* as in cdc.subscription_failure */
	int			unfinished;		/* see failure.h */
} WantedWorker;

/* A subscription that wants its workers; one in a copied database does not. */
typedef struct Wanted
{
	int32		id;
	char	   *name;
	Oid			owner;
	NameData	owner_name;
	int			role_limit;		/* workers that its owner may have */
	const char *trouble;		/* why they cannot be started, or NULL */
	WantedWorker pull;
	WantedWorker apply;
	List	   *publish;		/* of WantedWorker *: one a publication */
} Wanted;

/* A worker that this supervisor has started or will start. */
typedef struct Child
{
	int32		subscription_id;
	CdcWorkerKind kind;
	int32		publication_id;
	char		name[NAMEDATALEN * 4];
	char		worker[CDC_WORKER_TEXT];	/* as in cdc.subscription_failure */
	BackgroundWorkerHandle *handle; /* NULL: not running */
	CdcSlotInfo slot;			/* index and ticket of the reservation */
	TimestampTz started;
	TimestampTz next_start;		/* not before */
	TimestampTz unwanted_since; /* 0: wanted */
	int			failures;		/* in a row */
	TimestampTz braked_until;	/* after a crash of the server: not before, whoever asks */
	bool		locked;			/* somebody has locked what is written of its start */
	bool		end_unwritten;	/* likewise of its end */
	bool		waits_for_room; /* there is no process for it, or no slot */
	bool		complained;		/* the present trouble is in log and catalog */
	bool		seen;			/* in this turn's list of subscriptions */
} Child;

static List *children = NIL;

/* How many of them ran when there was no room for one more; 0: there has been room. */
static int	room = 0;

#define UNFINISHED(worker) \
	", (SELECT w.unfinished::pg_catalog.int8 FROM cdc_catalog.worker_start w" \
	"    WHERE w.subscription OPERATOR(pg_catalog.=) s.name" \
	"      AND w.worker OPERATOR(pg_catalog.=) '" worker "')"

static void
set_worker(WantedWorker *worker, CdcWorkerKind kind, int unfinished)
{
	memset(worker, 0, sizeof(*worker));
	worker->kind = kind;
	worker->worker = cdc_worker_kind_name(kind);
	worker->unfinished = unfinished;
}

/* Adds the enabled publications to the subscriptions, a list of Wanted *. */
static void
read_publications(List *wanted)
{
	static CdcStatement stmt = {
		"SELECT s.id, p.id, p.name, w.unfinished::pg_catalog.int8 FROM cdc_catalog.publication p"
		" JOIN cdc_catalog.subscription s ON s.name OPERATOR(pg_catalog.=) p.subscription"
		" LEFT JOIN cdc_catalog.worker_start w ON w.subscription OPERATOR(pg_catalog.=) s.name"
		" AND w.worker OPERATOR(pg_catalog.=) ('publish ' OPERATOR(pg_catalog.||) p.name)"
		" WHERE p.enabled ORDER BY p.id",
		0, {0}
	};
	CdcSpi		spi;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int32		subscription_id = DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull));
		char	   *name = cdc_spi_text(&spi, i, 3);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);
		ListCell   *lc;

		foreach(lc, wanted)
		{
			Wanted	   *w = lfirst(lc);
			WantedWorker *worker;

			if (w->id != subscription_id)
				continue;
			worker = palloc(sizeof(WantedWorker));
			set_worker(worker, CDC_WORKER_PUBLISH, (int) cdc_spi_int64(i, 4));
			worker->publication_id = DatumGetInt32(cdc_spi_datum(i, 2, INT4OID, &isnull));
			worker->worker = psprintf("publish %s", name);
			w->publish = lappend(w->publish, worker);
		}
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
}

static List *
read_wanted(void)
{
	static CdcStatement stmt = {
		"SELECT s.id, s.name, s.owner::pg_catalog.text"
		UNFINISHED("pull") UNFINISHED("apply")
		", i.\"owner\"::pg_catalog.int8"
		" FROM cdc_catalog.subscription s JOIN cdc_catalog.subscription_identity i"
		" ON i.subscription OPERATOR(pg_catalog.=) s.name"
		" WHERE s.enabled AND i.system_identifier OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||)"
		" i.\"database\"::pg_catalog.text OPERATOR(pg_catalog.=) cdc_catalog.here() ORDER BY s.id",
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

		w->id = DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull));
		w->name = cdc_spi_text(&spi, i, 2);
		w->owner = (Oid) cdc_spi_int64(i, 6);
		set_worker(&w->pull, CDC_WORKER_PULL, (int) cdc_spi_int64(i, 4));
		set_worker(&w->apply, CDC_WORKER_APPLY, (int) cdc_spi_int64(i, 5));
		w->role_limit = OidIsValid(w->owner) && superuser_arg(w->owner) ? INT_MAX :
			cdc_worker_limit(cdc_max_workers_per_role);
		role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(w->owner));
		if (!HeapTupleIsValid(role))
			w->trouble = psprintf("role \"%s\", the owner of the subscription, does not exist",
								  owner);
		else
		{
			w->owner_name = ((Form_pg_authid) GETSTRUCT(role))->rolname;
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
	read_publications(result);
	return result;
}

static Child *
find_child(int32 subscription_id, CdcWorkerKind kind, int32 publication_id)
{
	ListCell   *lc;

	foreach(lc, children)
	{
		Child	   *c = lfirst(lc);

		if (c->subscription_id == subscription_id && c->kind == kind &&
			c->publication_id == publication_id)
			return c;
	}
	return NULL;
}

/* Whether a worker that we have not started runs; gives up dead reservations. */
static bool
started_elsewhere(const CdcSlotInfo *slots, int nslots, int32 subscription_id,
				  const WantedWorker *worker)
{
	int			i;

	for (i = 0; i < nslots; i++)
	{
		if (slots[i].subscription_id != subscription_id || slots[i].kind != worker->kind ||
			slots[i].publication_id != worker->publication_id)
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

/* Milliseconds until the next start, after so many failures before the last one. */
static long
restart_delay(int failures)
{
	long		delay = DELAY_MIN_MS;
	int			i;

	for (i = 0; i < failures && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	return Min(delay, DELAY_MAX_MS);
}

static void
write_end(void *arg)
{
	const Child *c = arg;

	cdc_worker_start_clear(c->name, c->worker);
}

/*
 * The worker has ended while the server stayed up, so its start is no longer counted
 * as one that may have brought a crash.
 */
static void
forget_start(Child *c)
{
	c->end_unwritten = cdc_background_do(write_end, c) == CDC_TURN_LOCKED;
}

/* What goes wrong with a worker. */
typedef struct Trouble
{
	const Child *child;
	int			sqlerrcode;
	const char *text;
} Trouble;

static void
write_trouble(void *arg)
{
	const Trouble *t = arg;

	cdc_failure_record(t->child->name, t->child->worker, t->sqlerrcode, t->text);
}

/* Notes that a worker has ended and when it may start again. */
static void
child_ended(Child *c)
{
	TimestampTz now = GetCurrentTimestamp();

	cdc_slot_release(c->slot.index, c->slot.ticket);
	pfree(c->handle);
	c->handle = NULL;
	forget_start(c);
	if (TimestampDifferenceExceeds(c->started, now, GOOD_RUN_MS))
		c->failures = 0;
	c->next_start = TimestampTzPlusMilliseconds(now, restart_delay(c->failures));
	c->failures++;
}

/* Writes why a worker cannot be started where its errors are looked for. */
static void
complain(Child *c, const char *trouble)
{
	Trouble		t = {c, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, trouble};

	if (c->complained)
		return;
	ereport(WARNING,
			(errmsg("cannot start the %s worker of subscription \"%s\": %s",
					c->worker, c->name, trouble)));
	c->complained = cdc_background_do(write_trouble, &t) != CDC_TURN_LOCKED;
}

static void
write_start(void *arg)
{
	const Child *c = arg;

	if (c->end_unwritten)
		cdc_worker_start_clear(c->name, c->worker);
	cdc_worker_start_count(c->name, c->worker);
}

/*
 * Counts the start before it is made, so that it is on disk when the worker takes
 * the server down.  false: it is not to be made now; the extension is gone, or somebody
 * has locked what is to be written, as who is about to drop the subscription has.
 */
static bool
count_start(Child *c)
{
	CdcTurnEnd	end = cdc_background_do(write_start, c);
	bool		first = !c->locked;

	c->locked = end == CDC_TURN_LOCKED;
	if (end == CDC_TURN_DONE)
		c->end_unwritten = false;
	if (!c->locked)
		return end == CDC_TURN_DONE;
	if (first)
		ereport(LOG,
				(errmsg("the %s worker of subscription \"%s\" is not started as somebody has locked the subscription",
						c->worker, c->name)));
	c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												first ? LOCKED_LOOK_MS : ORPHAN_LOOK_MS);
	return false;
}

/* Appends "a (4), b (2)": the owners of all workers of the server, for its log. */
static void
list_workers_by_role(void *arg)
{
	StringInfo	buf = arg;
	CdcSlotInfo slots[CDC_SLOTS];
	int			n = cdc_slot_list(InvalidOid, slots);
	int			i;
	int			k;

	for (i = 0; i < n; i++)
	{
		int			count = 0;
		char	   *name;

		if (slots[i].kind == CDC_WORKER_SUPERVISOR)
			continue;
		for (k = 0; k < n; k++)
			if (slots[k].kind != CDC_WORKER_SUPERVISOR && slots[k].roleid == slots[i].roleid)
			{
				if (k < i)
					break;		/* listed with an earlier one */
				count++;
			}
		if (count == 0)
			continue;
		name = CDC_USER_NAME_MISSING_OK(slots[i].roleid);
		appendStringInfo(buf, "%s%s (%d)", buf->len > 0 ? ", " : "", name ? name : "?", count);
	}
}

/* Why there was no room for a worker, and what to do. */
static const char *
no_room(CdcStartResult rc, const Wanted *w)
{
	switch (rc)
	{
		case CDC_START_ROLE_LIMIT:
			return psprintf("its owner has as many workers as a role may have, %d\n"
							"HINT:  Disable another subscription of that owner, or let an administrator raise cdc_ingest.max_workers_per_role.",
							w->role_limit);
		case CDC_START_DATABASE_LIMIT:
			return psprintf("the database has as many workers as it may have, %d\n"
							"HINT:  Disable another subscription, or let an administrator raise cdc_ingest.max_workers_per_database.",
							cdc_worker_limit(cdc_max_workers_per_database));
		case CDC_START_NO_PROCESS:
			return psprintf("no background worker slot of the server is free (max_worker_processes is %d)\n"
							"HINT:  Raise max_worker_processes; a database needs one and each enabled subscription two more, each enabled publication another.",
							max_worker_processes);
		default:
			return psprintf("all %d shared slots of cdc_ingest are taken\n"
							"HINT:  Disable subscriptions that are not needed.", CDC_SLOTS);
	}
}

static int
count_running(void)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, children)
		n += ((Child *) lfirst(lc))->handle != NULL;
	return n;
}

/*
 * Whether what room there is belongs to others: to workers that have failed and are
 * started again in a moment.  Who waits for room would else take that of a pull, whose
 * apply then has nothing to do.
 */
static bool
is_others_room(const Child *c)
{
	int			coming = 0;
	ListCell   *lc;

	if (!c->waits_for_room || room == 0)
		return false;
	foreach(lc, children)
	{
		const Child *other = lfirst(lc);

		coming += other->seen && other->handle == NULL && !other->waits_for_room && other->failures > 0 &&
			other->kind != CDC_WORKER_PUBLISH;
	}
	return coming > 0 && count_running() + coming >= room;
}

static void
start_child(Child *c, const Wanted *w)
{
	CdcWorkerStart what;
	MemoryContext turn = CurrentMemoryContext;
	CdcStartResult rc;
	CdcSlotInfo slots[CDC_SLOTS];
	int			n;
	int			i;

	if (!count_start(c))
		return;
	memset(&what, 0, sizeof(what));
	what.dbid = MyDatabaseId;
	what.userid = w->owner;
	what.username = w->owner_name;
	what.subscription_id = c->subscription_id;
	what.kind = c->kind;
	what.publication_id = c->publication_id;
	MemoryContextSwitchTo(TopMemoryContext);
	rc = cdc_background_start(&what, c->name, w->role_limit, &c->handle);
	MemoryContextSwitchTo(turn);

	c->started = GetCurrentTimestamp();
	c->waits_for_room = rc != CDC_START_OK && rc != CDC_START_EXISTS;
	if (c->waits_for_room)
		room = count_running();
	if (rc == CDC_START_OK)
	{
		c->complained = false;
		n = cdc_slot_list(MyDatabaseId, slots);
		for (i = 0; i < n; i++)
			if (slots[i].subscription_id == c->subscription_id && slots[i].kind == c->kind &&
				slots[i].publication_id == c->publication_id)
				c->slot = slots[i];
		return;
	}
	c->handle = NULL;
	c->next_start = TimestampTzPlusMilliseconds(c->started, NO_PROCESS_MS);
	forget_start(c);
	if (c->waits_for_room && !c->complained)
	{
		StringInfoData by_role;

		initStringInfo(&by_role);
		(void) cdc_background_do(list_workers_by_role, &by_role);
		ereport(LOG,
				(errmsg("workers of cdc_ingest by role: %s", by_role.data)));
		complain(c, no_room(rc, w));
	}
}

/*
 * For a worker that this supervisor has not seen before, and whose last start came to
 * no success: the server went down with it, perhaps because of it, or it still runs.
 */
static void
brake(Child *c, int crashes)
{
	long		delay = restart_delay(crashes - 1);
	Trouble		t = {c, ERRCODE_CRASH_SHUTDOWN, NULL};

	c->braked_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), delay);
	if (crashes < 2)
		return;					/* others' crashes happen */
	t.text = psprintf("the server went down %d times in a row before this worker had done anything; its next start waits %ld s\n"
					"HINT:  See the server's log. cdc.disable_subscription() or cdc_ingest.workers = off in postgresql.conf keeps it from starting.",
					crashes, delay / 1000);
	ereport(WARNING,
			(errmsg("%s worker of subscription \"%s\": %s", c->worker, c->name,
					t.text)));
	(void) cdc_background_do(write_trouble, &t);
}

/* Sees to one worker of a wanted subscription. */
static void
keep_child(const Wanted *w, const WantedWorker *worker, const CdcSlotInfo *slots, int nslots,
		   bool changed)
{
	Child	   *c = find_child(w->id, worker->kind, worker->publication_id);
	bool		first = false;
	pid_t		pid;

	if (c == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		c = palloc0(sizeof(Child));
		c->subscription_id = w->id;
		c->kind = worker->kind;
		c->publication_id = worker->publication_id;
		children = lappend(children, c);
		MemoryContextSwitchTo(old);
		first = true;
	}
	c->seen = true;
	c->unwanted_since = 0;
	strlcpy(c->name, w->name, sizeof(c->name));
	strlcpy(c->worker, worker->worker, sizeof(c->worker));
	if (first && worker->unfinished > 0 && !started_elsewhere(slots, nslots, w->id, worker))
		brake(c, worker->unfinished);

	if (c->handle != NULL && GetBackgroundWorkerPid(c->handle, &pid) == BGWH_STOPPED)
		child_ended(c);
	if (changed)
	{
		/* somebody changed something: what failed may work now */
		c->failures = 0;
		c->next_start = 0;
		c->complained = false;
	}
	c->next_start = Max(c->next_start, c->braked_until);
	if (c->handle != NULL || c->next_start > GetCurrentTimestamp())
		return;
	if (worker->kind != CDC_WORKER_PULL)
	{
		const Child *pull = find_child(w->id, CDC_WORKER_PULL, 0);

		/* a process that comes free is pull's: alone the others soon have nothing to do */
		if (pull->waits_for_room)
			c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), NO_PROCESS_MS);
		/* who has locked what is written of one worker mostly has done so with all */
		if (pull->locked)
			c->next_start = Max(c->next_start, pull->next_start);
		if (pull->waits_for_room || pull->locked)
			return;
	}
	if (w->trouble != NULL)
	{
		complain(c, w->trouble);
		c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DELAY_MAX_MS);
		return;
	}
	if (started_elsewhere(slots, nslots, w->id, worker))
	{
		c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ORPHAN_LOOK_MS);
		return;
	}
	if (is_others_room(c))
	{
		c->next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), NO_PROCESS_MS);
		return;
	}
	start_child(c, w);
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

/* What a turn has to know. */
typedef struct Wants
{
	MemoryContext context;		/* of the turn */
	List	   *wanted;			/* of Wanted *, there */
	bool		any;			/* there are some, be they allowed or not */
} Wants;

/* Copies of WantedWorker * with all they point to. */
static List *
copy_workers(List *workers)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, workers)
	{
		WantedWorker *copy = palloc(sizeof(WantedWorker));

		*copy = *(const WantedWorker *) lfirst(lc);
		copy->worker = pstrdup(copy->worker);
		result = lappend(result, copy);
	}
	return result;
}

static void
look(void *arg)
{
	Wants	   *wants = arg;
	List	   *in_transaction = read_wanted();
	ListCell   *lc;

	wants->any = in_transaction != NIL;
	if (!cdc_workers_enabled)
		return;

	/* what is needed beyond the commit */
	MemoryContextSwitchTo(wants->context);
	foreach(lc, in_transaction)
	{
		Wanted	   *w = lfirst(lc);
		Wanted	   *copy = palloc(sizeof(Wanted));

		*copy = *w;
		copy->name = pstrdup(w->name);
		copy->trouble = w->trouble ? pstrdup(w->trouble) : NULL;
		copy->publish = copy_workers(w->publish);
		wants->wanted = lappend(wants->wanted, copy);
	}
}

/*
 * false: all stays as it is, as somebody has locked the catalogs; what has happened
 * meanwhile is not forgotten.  *any: there are subscriptions that want workers, be they
 * allowed or not.
 */
static bool
supervisor_turn(bool *any)
{
	static bool changed = false;
	Wants		wants = {CurrentMemoryContext, NIL, false};
	ListCell   *lc;
	ListCell   *lp;
	CdcSlotInfo slots[CDC_SLOTS];
	int			nslots;

	changed = cdc_slot_told() || changed;
	if (changed)
		room = 0;				/* limits may have been raised */
	if (cdc_background_do(look, &wants) == CDC_TURN_LOCKED)
		return false;
	*any = wants.any;
	foreach(lc, children)
		((Child *) lfirst(lc))->seen = false;
	nslots = cdc_slot_list(MyDatabaseId, slots);
	foreach(lc, wants.wanted)
	{
		const Wanted *w = lfirst(lc);

		keep_child(w, &w->pull, slots, nslots, changed);
		keep_child(w, &w->apply, slots, nslots, changed);
		foreach(lp, w->publish)
			keep_child(w, lfirst(lp), slots, nslots, changed);
	}
	drop_unwanted();
	changed = false;
	return true;
}

void
cdc_supervisor_main(Datum arg)
{
	CdcWorkerStart start = {CDC_WORKER_SUPERVISOR};
	MemoryContext turn;
	bool		any;

	cdc_background_begin(&start, arg);
	/* counts of starts have to be on this disk, whatever replicas are to confirm */
	SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", LOCK_WAIT_MS, PGC_SUSET, PGC_S_OVERRIDE);
	turn = AllocSetContextCreate(TopMemoryContext, "cdc_ingest supervisor turn",
								 ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		cdc_background_turn();
		MemoryContextSwitchTo(turn);
		MemoryContextReset(turn);
		if (!supervisor_turn(&any))
		{
			cdc_background_sleep(LOCKED_LOOK_MS);
			continue;
		}
		if (children == NIL && (cdc_workers_enabled || !any))
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


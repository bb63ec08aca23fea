/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  The snapshot that tables are copied from, and its place in the binlog.
 *
 * The stream goes on from a place "from": the snapshot must have all that the
 * binlog has before it.  And the snapshot has nothing that the binlog has only
 * behind "to".  Where both are the same place, the position is exact.
 *
 * to is the binlog's end after all was read, as a transaction is in the binlog
 * before its changes are visible.  from is harder: a transaction that
 * is in the binlog may take long until the engine has committed it
 * (semi-synchronous replication waits for a replica there), and is not in a
 * snapshot that is opened meanwhile.
 *
 * - MariaDB tells the snapshot's position (binlog_snapshot_file and _position).
 * - MySQL with GTIDs, from 5.7 on: gtid_executed contains no transaction that is
 *   not committed in the engine.  It learns of one a moment after that commit:
 *   when it says the same VISIBLE_MS behind the snapshot, the snapshot is exactly
 *   that.  (process_commit_stage_queue() of MySQL's sql/binlog.cc)
 * - Without GTIDs there is only the binlog's end; gtid_executed of 5.6 has what
 *   the binlog has.  There the position is read first; then those that were
 *   being committed at that moment are waited for.  A transaction keeps its place
 *   in INNODB_TRX, with its changes counted, until the engine has committed it.
 *   So whatever the binlog has before the position is either in the engine or
 *   listed.  The snapshot is opened when all that are listed have gone, or have
 *   been seen doing something that a transaction in the binlog does no more:
 *   changing rows, waiting for a row, letting its connection sleep.
 *   INNODB_TRX comes from a cache that is filled again only where nobody has read it for
 *   100 ms: two that ask every 110 ms may both see what was true when the first of them
 *   began.  So those who prove take turns, by an advisory lock at the source.  Mostly nobody
 *   has read it since the step before, so the first question does not wait.
 *
 * INNODB_TRX needs the privilege PROCESS and shows InnoDB.  Where it cannot be
 * read, or another engine has transactions, the snapshot is taken SETTLE_MS
 * behind the position, with a warning: that is likely to do, but no proof.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/snapshot.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "pg/remote/answer.h"

/* How often an exact snapshot is tried for at a time: nothing else is read meanwhile. */
#define EXACT_ATTEMPTS		10
#define SETTLED_ATTEMPTS	2

/* How long what the binlog has may take to be committed, where it is not shown ... */
#define SETTLE_MS			1000

/* ... and what is committed in the engine may take until gtid_executed says so. */
#define VISIBLE_MS			50

/*
 * INNODB_TRX is read from a cache, which is filled again by a query 100 ms or
 * more after the one before (CACHE_MIN_IDLE_TIME_US of InnoDB's trx0i_s.cc).
 */
#define TRX_CACHE_MS		110

/*
 * Where somebody else reads it, too: the longest pauses from then on.  They are random, as
 * equal ones would keep two in step; longer and longer where it may be one of us.
 */
#define TRX_PAUSE_MS		200
#define TRX_PAUSE_MAX_MS	800

/* It is read so often at least before that is given up, and when to begin anew. */
#define TRX_ATTEMPTS		10
#define TRX_AGAIN_MS		3000

/* The advisory lock of those who read it. */
#define TRX_LOCK			"'cdc_ingest reads INNODB_TRX'"
#define TRX_TURN_S			2		/* the longest time to wait for it ... */
#define TRX_TURNLESS_MS		60000	/* ... and for how long it is not asked for after that */

/* What proves that the engine has committed what the binlog has. */
typedef struct Prover
{
	CdcSource  *control;		/* inside of a read-only transaction */
	TimestampTz last_read;		/* of INNODB_TRX, as far as is known */
	int			pause_ms;		/* behind that, at most */
	bool		locked;			/* TRX_LOCK is ours */
	bool		asked;			/* INNODB_TRX was read */
	bool		blind;			/* there can be no proof */
	TimestampTz deadline;
	const char *trouble;		/* why there is no proof */
	int			again_ms;		/* when there may be one; 0: not soon */
} Prover;

/*
 * Each question has a number of its own, so that what the cache has of one before it over the
 * same connection is not taken for its answer.
 */
static uint64 questions = 0;

/* TRX_LOCK could not be had: until then it is not asked for. */
static TimestampTz turnless_until = 0;

/* A transaction that has changed rows, as INNODB_TRX showed it. */
typedef struct OpenTransaction
{
	const char *id;
	const char *connection;		/* "0": a prepared one that none has */
	const char *changes;		/* how many, as text */
	bool		waits;			/* for a row */
} OpenTransaction;

static bool
same_position(const CdcSourcePosition *a, const CdcSourcePosition *b)
{
	return strcmp(a->file, b->file) == 0 && a->offset == b->offset;
}

static bool
same_gtids(const CdcSourcePosition *a, const CdcSourcePosition *b)
{
	return a->gtid_set != NULL && b->gtid_set != NULL && strcmp(a->gtid_set, b->gtid_set) == 0;
}

/* Sleeps until then; can be cancelled. */
static void
wait_until(CdcSource *source, TimestampTz until)
{
	int64		left;

	/* nothing comes over the session: this is a sleep */
	while ((left = (until - GetCurrentTimestamp() + 999) / 1000) > 0)
		(void) cdc_source_wait(source, (long) left);
}

static void
sleep_ms(CdcSource *source, int ms)
{
	wait_until(source, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms));
}

/* ---- MariaDB ---- */

/* The position as MariaDB says it, with GTIDs or without; false where it does not. */
static bool
mariadb_position(CdcSource *source, bool with_gtids, CdcSourcePosition *pos)
{
	CdcAnswer  *answer = cdc_source_ask(source, "SHOW STATUS LIKE 'binlog_snapshot_%'", 2,
										"SHOW STATUS LIKE 'binlog\\_snapshot\\_%%'");
	CdcSourcePosition now;
	int64		i;

	memset(pos, 0, sizeof(*pos));
	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *name = cdc_answer_text(answer, i, 0);

		if (pg_strcasecmp(name, "binlog_snapshot_file") == 0)
			pos->file = pstrdup(cdc_answer_text(answer, i, 1));
		else if (pg_strcasecmp(name, "binlog_snapshot_position") == 0)
			pos->offset = cdc_answer_int(answer, i, 1, 0, PG_INT64_MAX);
	}
	if (pos->file == NULL || pos->file[0] == '\0' || pos->offset == 0)
		return false;
	if (!with_gtids)
		return true;
	cdc_source_position(source, &now);
	if (now.gtid_set != NULL && same_position(&now, pos))
		pos->gtid_set = now.gtid_set;
	else if (now.gtid_set != NULL)
	{
		/* the server reads its binlog for that, from the file's start on */
		const char *gtids;

		answer = cdc_source_ask(source, "SELECT BINLOG_GTID_POS", 1,
								"SELECT BINLOG_GTID_POS(%s, " INT64_FORMAT ")",
								cdc_source_quote_literal(pos->file), pos->offset);
		gtids = cdc_answer_nullable(answer, 0, 0);
		if (gtids != NULL)
			pos->gtid_set = pstrdup(gtids);
	}
	return true;
}

/* ---- MySQL 5.6, and without GTIDs ---- */

/*
 * Until it is our turn to read INNODB_TRX; what that takes is not the source's fault.  The
 * lock is a courtesy: false where the source has no such locks, or somebody keeps it, and
 * it goes without.
 */
static bool
take_turn(Prover *prover)
{
	TimestampTz began = GetCurrentTimestamp();
	CdcAnswer  *answer = NULL;
	const char *got = NULL;

	if (began >= turnless_until)
		answer = cdc_source_try_ask(prover->control, "GET_LOCK", 1,
									"SELECT GET_LOCK(" TRX_LOCK ", " CppAsString2(TRX_TURN_S) ")");
	if (answer != NULL)
		got = cdc_answer_nullable(answer, 0, 0);
	prover->locked = got != NULL && strcmp(got, "1") == 0;
	prover->last_read = GetCurrentTimestamp();	/* by whoever had it before, perhaps */
	if (!prover->locked && began >= turnless_until)
		turnless_until = TimestampTzPlusMilliseconds(prover->last_read, TRX_TURNLESS_MS);
	prover->deadline += prover->last_read - began;
	return prover->locked;
}

static void
end_turn(Prover *prover)
{
	if (prover->locked)
		(void) cdc_source_ask(prover->control, "RELEASE_LOCK", 1, "SELECT RELEASE_LOCK(" TRX_LOCK ")");
	prover->locked = false;
}

/* Until INNODB_TRX may be refreshed. */
static void
wait_for_cache(const Prover *prover)
{
	int			more = prover->pause_ms - TRX_CACHE_MS;

	if (more > 0)
		more = (int) (random() % (more + 1));
	wait_until(prover->control, TimestampTzPlusMilliseconds(prover->last_read, TRX_CACHE_MS + more));
}

/* INNODB_TRX was not refreshed; had_turn: by one who takes no turns. */
static void
lengthen_pause(Prover *prover, bool had_turn)
{
	if (had_turn)
		prover->pause_ms = TRX_PAUSE_MS;
	else
		prover->pause_ms = Min(2 * prover->pause_ms, TRX_PAUSE_MAX_MS);
}

/*
 * The transactions that have changed rows and are not committed, as the cache has them.
 * *fresh: as of a moment after the call, as the cache was filled for this query when our own
 * transaction is shown running it.  It comes last, so none is missing.  false: not ours to see.
 */
static bool
read_transactions(Prover *prover, List **list, bool *fresh)
{
	char	   *query = psprintf("SELECT " UINT64_FORMAT ", trx_id, trx_mysql_thread_id, trx_rows_modified, trx_state = 'LOCK WAIT',"
								 " IF(trx_mysql_thread_id = CONNECTION_ID(), trx_query, NULL)"
								 " FROM information_schema.INNODB_TRX", ++questions);
	const char *asked = "the open transactions in INNODB_TRX";
	CdcAnswer  *answer = prover->asked ? cdc_source_ask(prover->control, asked, 6, "%s", query) :
		cdc_source_try_ask(prover->control, asked, 6, query);
	int64		i;

	prover->asked = true;
	prover->last_read = GetCurrentTimestamp();
	*list = NIL;
	*fresh = false;
	for (i = 0; answer != NULL && i < cdc_answer_rows(answer); i++)
	{
		const char *changes = cdc_answer_nullable(answer, i, 3);
		const char *own = cdc_answer_nullable(answer, i, 5);
		OpenTransaction *t;

		if (own != NULL && strcmp(own, query) == 0)
			*fresh = true;
		if (changes == NULL || strcmp(changes, "0") == 0)
			continue;
		t = palloc0(sizeof(*t));
		t->id = cdc_answer_text(answer, i, 1);
		t->connection = cdc_answer_text(answer, i, 2);
		t->changes = changes;
		t->waits = strcmp(cdc_answer_text(answer, i, 4), "1") == 0;
		*list = lappend(*list, t);
	}
	return answer != NULL;
}

/* The same, as of a moment after the call; false: nothing newer is shown, or nothing at all. */
static bool
open_transactions(Prover *prover, List **list)
{
	int			attempt;

	for (attempt = 1;; attempt++)
	{
		bool		had_turn = take_turn(prover);
		bool		fresh = false;

		if (!prover->asked)
			prover->blind = !read_transactions(prover, list, &fresh);
		if (!prover->blind && !fresh)
		{
			wait_for_cache(prover);
			prover->blind = !read_transactions(prover, list, &fresh);
		}
		end_turn(prover);
		if (prover->blind)
		{
			prover->trouble = "the user at the source cannot see which transactions are being committed there";
			return false;
		}
		if (fresh)
		{
			prover->pause_ms = TRX_CACHE_MS;
			return true;
		}
		lengthen_pause(prover, had_turn);
		if (attempt >= TRX_ATTEMPTS && GetCurrentTimestamp() >= prover->deadline)
		{
			prover->trouble = "someone reads information_schema.INNODB_TRX so often that it is not refreshed";
			prover->again_ms = TRX_AGAIN_MS + (int) (random() % TRX_AGAIN_MS);
			return false;
		}
	}
}

/*
 * Whether the connection of that id does nothing.  For "0", transactions that no
 * connection has: whether none is committing one of that kind.
 */
static bool
sleeps(const CdcAnswer *connections, const char *id)
{
	bool		detached = strcmp(id, "0") == 0;
	int64		i;

	for (i = 0; i < cdc_answer_rows(connections); i++)
	{
		/* Id User Host db Command Time State Info; the last has whatever bytes are in a statement */
		if (detached && cdc_answer_matches(connections, i, 7, "COMMIT"))
			return false;
		if (!detached && strcmp(cdc_answer_text(connections, i, 0), id) == 0)
			return strcmp(cdc_answer_text(connections, i, 4), "Sleep") == 0;
	}
	return detached;
}

static const OpenTransaction *
find_transaction(List *transactions, const OpenTransaction *t)
{
	ListCell   *lc;

	foreach(lc, transactions)
	{
		const OpenTransaction *other = lfirst(lc);

		if (strcmp(other->id, t->id) == 0 && strcmp(other->connection, t->connection) == 0)
			return other;
	}
	return NULL;
}

/*
 * Waits until the engine has committed all that the binlog had at the call.
 * false: there is one of which that cannot be said by the deadline.
 */
static bool
wait_for_commits(Prover *prover)
{
	List	   *pending;

	if (!open_transactions(prover, &pending))
		return false;
	for (;;)
	{
		const OpenTransaction *t;
		CdcAnswer  *connections;
		List	   *now;
		List	   *rest = NIL;
		ListCell   *lc;

		if (pending == NIL)
			return true;
		t = linitial(pending);
		if (GetCurrentTimestamp() >= prover->deadline)
		{
			prover->trouble = psprintf("transaction %s of connection %s, which has changed %s rows, is in its commit or stands still",
									   t->id, t->connection, t->changes);
			return false;
		}
		connections = cdc_source_ask(prover->control, "SHOW FULL PROCESSLIST", CDC_OR_MORE(8),
									 "SHOW FULL PROCESSLIST");
		if (!open_transactions(prover, &now))
			return false;
		foreach(lc, pending)
		{
			const OpenTransaction *then = lfirst(lc);

			t = find_transaction(now, then);
			if (t != NULL && !t->waits && !then->waits && strcmp(t->changes, then->changes) == 0 &&
				!sleeps(connections, t->connection))
				rest = lappend(rest, lfirst(lc));
		}
		pending = rest;
	}
}

static bool
has_read_only(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MARIADB || info->version >= 50605;
}

/*
 * Starts to prove; false where there can be no proof (trouble says why).  To be
 * ended by prover_end(); an ERROR closes the connection.
 */
static bool
prover_begin(Prover *prover, CdcSource *control, int patience_ms)
{
	CdcAnswer  *engines;

	memset(prover, 0, sizeof(*prover));
	prover->control = control;
	prover->pause_ms = TRX_CACHE_MS;
	prover->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), patience_ms);
	engines = cdc_source_ask(control, "the list of engines", 1,
							 "SELECT ENGINE FROM information_schema.ENGINES"
							 " WHERE TRANSACTIONS = 'YES' AND SUPPORT IN ('YES', 'DEFAULT') AND ENGINE <> 'InnoDB'");
	if (cdc_answer_rows(engines) > 0)
	{
		prover->blind = true;
		prover->trouble = "engines other than InnoDB have transactions at the source, which it does not show";
		return false;
	}
	cdc_source_execute(control, has_read_only(cdc_source_info(control)) ?
					   "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY" :
					   "START TRANSACTION WITH CONSISTENT SNAPSHOT");
	return true;
}

static void
prover_end(Prover *prover)
{
	cdc_source_execute(prover->control, "ROLLBACK");
}

/* ---- opening it ---- */

/* The snapshot itself. */
static void
start_transaction(CdcSource *source)
{
	cdc_source_execute(source, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

/* By gtid_executed of MySQL 5.7 and later. */
static void
open_by_gtids(CdcSource *source, CdcSnapshotUse use, CdcSnapshot *snap)
{
	int			attempt;

	snap->by_gtids = true;
	for (attempt = 1;; attempt++)
	{
		start_transaction(source);
		if (use != CDC_SNAPSHOT_EXACT)
			return;
		sleep_ms(source, VISIBLE_MS);
		cdc_source_position(source, &snap->to);
		snap->exact = same_gtids(&snap->from, &snap->to);
		if (snap->exact || attempt >= EXACT_ATTEMPTS)
			return;
		cdc_snapshot_discard(source);
		cdc_source_position(source, &snap->from);
	}
}

/* By what INNODB_TRX shows; false where the deadline comes first. */
static bool
open_by_proof(CdcSource *source, Prover *prover, CdcSnapshotUse use, CdcSnapshot *snap)
{
	int			attempt;

	for (attempt = 1;; attempt++)
	{
		cdc_source_position(source, &snap->from);
		if (!wait_for_commits(prover))
			return false;
		start_transaction(source);
		if (use != CDC_SNAPSHOT_EXACT)
			return true;
		cdc_source_position(source, &snap->to);
		snap->exact = same_position(&snap->from, &snap->to);
		if (snap->exact || attempt >= EXACT_ATTEMPTS)
			return true;
		cdc_snapshot_discard(source);
	}
}

/* By a pause behind the position. */
static void
open_by_margin(CdcSource *source, CdcSnapshotUse use, CdcSnapshot *snap)
{
	int			attempt;

	for (attempt = 1;; attempt++)
	{
		CdcSourcePosition now;

		cdc_source_position(source, &snap->from);
		sleep_ms(source, SETTLE_MS);
		cdc_source_position(source, &now);
		start_transaction(source);
		if (use != CDC_SNAPSHOT_EXACT)
			return;
		cdc_source_position(source, &snap->to);
		snap->exact = same_position(&snap->from, &now) && same_position(&snap->from, &snap->to);
		if (snap->exact || attempt >= SETTLED_ATTEMPTS)
			return;
		cdc_snapshot_discard(source);
	}
}

/* The methods, the best one that the server has. */
static bool
open_snapshot(CdcSource *source, const CdcControl *control, CdcSnapshotUse use, int patience_ms,
			  CdcSnapshot *snap)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	Prover		prover;
	bool		proved = false;

	if (info->flavor == CDC_MARIADB)
	{
		start_transaction(source);
		if (mariadb_position(source, use != CDC_SNAPSHOT_CHUNK, &snap->from))
		{
			snap->to = snap->from;
			snap->exact = true;
			return true;
		}
		cdc_snapshot_discard(source);
	}
	cdc_source_position(source, &snap->from);
	if (snap->from.gtid_set != NULL && info->flavor == CDC_MYSQL && info->version >= 50700)
	{
		open_by_gtids(source, use, snap);
		return true;
	}
	if (prover_begin(&prover, cdc_control_session(control), patience_ms))
	{
		proved = open_by_proof(source, &prover, use, snap);
		prover_end(&prover);
	}
	snap->trouble = prover.trouble;
	snap->again_ms = prover.again_ms;
	if (!prover.blind)
		return proved;
	open_by_margin(source, use, snap);
	return true;
}

bool
cdc_snapshot_open(CdcSource *source, const CdcControl *control, CdcSnapshotUse use,
				  int patience_ms, CdcSnapshot *snap)
{
	bool		opened;

	memset(snap, 0, sizeof(*snap));
	cdc_source_execute(source, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
	opened = open_snapshot(source, control, use, patience_ms, snap);
	snap->opened_at = GetCurrentTimestamp();
	return opened;
}

void
cdc_snapshot_join(CdcSource *source, CdcSnapshot *snap)
{
	cdc_source_execute(source, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
	start_transaction(source);
	snap->exact = false;
	snap->opened_at = GetCurrentTimestamp();
}

void
cdc_snapshot_discard(CdcSource *source)
{
	cdc_source_execute(source, "ROLLBACK");
}

void
cdc_snapshot_end(CdcSource *source, CdcSnapshotUse use, CdcSnapshot *snap)
{
	cdc_snapshot_discard(source);
	if (use == CDC_SNAPSHOT_EXACT && snap->exact)
		return;
	if (snap->by_gtids)
		wait_until(source, TimestampTzPlusMilliseconds(snap->opened_at, VISIBLE_MS));
	cdc_source_position(source, &snap->to);
}

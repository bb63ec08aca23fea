/*-------------------------------------------------------------------------
 *
 * replica.c
 *	  Chunks from a replica of the source (option snapshot_host).
 *
 * The stream is the source's; rows may come from any server that has all that the stream
 * has brought, and nothing that the source has not.  GTIDs tell both.  The replica is
 * named as a foreign server of its own, with a user mapping of its own: no password goes
 * to a host that its owner has not named.
 *
 * Nothing here holds the stream up for longer than LAG_PATIENCE_MS: a connection is made
 * beside it, and a replica that is away or behind is asked again later.
 *
 * Its snapshot has no place in the binlog of the source.  What it has before is told by
 * its GTIDs, read before it is opened; nothing in it is behind where the source stands
 * after all was read.  That is not exact, so that tables without a key are read from the
 * source itself.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "foreign/foreign.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/remote/answer.h"
#include "pg/remote/replica_role.h"

/* A step waits so long for a connection that is being made; then it is looked at again. */
#define CONNECT_PATIENCE_MS	50
#define CONNECT_POLL_MS		200

/* ... and so long until the replica has what the stream has; then it is asked again. */
#define LAG_PATIENCE_MS		500
#define LAG_POLL_MS			10
#define LAG_RETRY_MS		900

/* After a failure the replica is tried again then, each time after twice as long. */
#define RETRY_MS			1000
#define MAX_RETRY_MS		60000

/* ---- what it is ---- */

/* What it has committed in its engine; NULL: it has no GTIDs. */
static char *
replica_gtids(CdcSource *replica)
{
	const CdcMysqlServerInfo *info = cdc_source_info(replica);

	if (info->flavor == CDC_MARIADB)
		return pstrdup(cdc_answer_text(cdc_source_ask(replica, "SELECT @@global.gtid_current_pos", 1,
													  "SELECT @@global.gtid_current_pos"), 0, 0));
	if (info->version < 50605 ||
		strcmp(cdc_answer_text(cdc_source_ask(replica, "SELECT @@global.gtid_mode", 1,
											  "SELECT @@global.gtid_mode"), 0, 0), "ON") != 0)
		return NULL;
	return pstrdup(cdc_answer_text(cdc_source_ask(replica, "SELECT @@global.gtid_executed", 1,
												  "SELECT @@global.gtid_executed"), 0, 0));
}

static bool
contains(const CdcSubscription *sub, CdcFlavor flavor, const char *set, const char *other)
{
	CdcGtidSet *a = cdc_position_parse_gtids(flavor, set, sub->name);
	CdcGtidSet *b = cdc_position_parse_gtids(flavor, other, sub->name);
	bool		result = cdc_gtid_set_contains(a, b);

	cdc_gtid_set_destroy(a);
	cdc_gtid_set_destroy(b);
	return result;
}

/* Why it cannot be read, and what to do. */
typedef struct Trouble
{
	const char *text;			/* a sentence without its stop; NULL: none */
	const char *hint;
} Trouble;

static bool
in_trouble(Trouble *trouble, const char *text, const char *hint)
{
	trouble->text = text;
	trouble->hint = hint;
	return false;
}

/*
 * Whether its GTIDs are those of a replica of the source.  (The source is asked after it:
 * what it has replicated the source has by then.)
 */
static bool
check_gtids(const CdcSubscription *sub, CdcSource *replica, CdcSource *source, const char *theirs,
			Trouble *trouble)
{
	CdcFlavor	flavor = cdc_source_info(source)->flavor;
	CdcSourcePosition now;

	cdc_source_position(source, &now);
	if (theirs == NULL)
		return in_trouble(trouble, "it has no GTIDs, which tell what it has of the source",
						  "Set gtid_mode and enforce_gtid_consistency to ON there and at the source, or read from the source: option snapshot_host null.");
	if (now.gtid_set == NULL)
		return in_trouble(trouble, "the source has no GTIDs, which tell what a replica has of it",
						  "Set gtid_mode and enforce_gtid_consistency to ON there, or read from the source: option snapshot_host null.");
	if (theirs[0] == '\0' && now.gtid_set[0] != '\0')
		return in_trouble(trouble, "it is no replica of the source: it has none of its transactions",
						  "Name a replica of the source in option snapshot_host.");
	if (!contains(sub, flavor, now.gtid_set, theirs))
		return in_trouble(trouble, psprintf("it is no replica of the source, or was written to by itself: it has %s; the source has %s",
											theirs, now.gtid_set),
						  "Name a replica of the source in option snapshot_host, one that is read_only.");
	return true;
}

/* Whether it is the source itself. */
static bool
is_source(CdcSource *replica, CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(replica);
	const CdcMysqlServerInfo *its = cdc_source_info(source);

	return strcmp(info->server_uuid, its->server_uuid) == 0 && info->server_id == its->server_id;
}

/* Whether it replicates all from the source. */
static bool
check_role(CdcSource *replica, CdcSource *source, Trouble *trouble)
{
	const CdcMysqlServerInfo *info = cdc_source_info(replica);
	const CdcMysqlServerInfo *its = cdc_source_info(source);
	CdcReplicaRole role;

	if (is_source(replica, source))
		return true;
	cdc_replica_role_ask(replica, &role);
	if (role.grant != NULL)
		return in_trouble(trouble, "it does not show its user whether it replicates all",
						  psprintf("There: GRANT %s ON *.* TO the user of the user mapping.", role.grant));
	if (role.replica_filters != NULL)
		return in_trouble(trouble, psprintf("it leaves out some of what it replicates: %s",
											cdc_from_utf8_lenient(role.replica_filters)),
						  "Name a replica without filters in option snapshot_host.");
	if (role.member_state != NULL)
		return in_trouble(trouble, psprintf("its state in its replication group is %s", role.member_state),
						  "Wait until it is ONLINE, or name another one in option snapshot_host.");
	/* numbers of MariaDB's GTIDs do not say whose they are */
	if (info->flavor == CDC_MARIADB &&
		(role.sources == NULL || strstr(role.sources, psprintf(",%u,", its->server_id)) == NULL))
		return in_trouble(trouble, psprintf("it does not replicate from the source, which is server %u", its->server_id),
						  "Name a replica that reads from the source itself in option snapshot_host.");
	return true;
}

/* NULL: it can be read. */
static bool
check_replica(const CdcSubscription *sub, CdcSource *replica, CdcSource *source, Trouble *trouble)
{
	const CdcMysqlServerInfo *info = cdc_source_info(replica);

	memset(trouble, 0, sizeof(*trouble));
	if (info->flavor != cdc_source_info(source)->flavor)
		return in_trouble(trouble, "one is MySQL and the other MariaDB", "Name a replica of the source's kind.");
	if (info->flavor == CDC_MYSQL && info->version < 50700)
		return in_trouble(trouble, "before MySQL 5.7 a replica does not tell what it has committed",
						  "Read from the source: option snapshot_host null.");
	return check_gtids(sub, replica, source, replica_gtids(replica), trouble) &&
		check_role(replica, source, trouble);
}

static char *
replica_server(const CdcSubscription *sub)
{
	return cdc_from_utf8_copy(sub->opt.snapshot_host);
}

void
cdc_copy_check_replica(const CdcSubscription *sub, CdcSource *source)
{
	CdcSource  *replica;
	Trouble		trouble;

	if (!cdc_copy_has_replica(sub))
		return;
	replica = cdc_source_open(replica_server(sub), sub->owner_oid, false);
	if (!check_replica(sub, replica, source, &trouble))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tables cannot be copied from snapshot_host \"%s\" for subscription \"%s\"",
						replica_server(sub), sub->name),
				 errdetail("%s.", trouble.text),
				 errhint("%s", trouble.hint)));
	if (is_source(replica, source))
		ereport(NOTICE,
				(errmsg("snapshot_host \"%s\" of subscription \"%s\" is the source itself",
						replica_server(sub), sub->name),
				 errdetail("Tables are copied from the server that their changes come from, which spares it nothing."),
				 errhint("Name a replica of the source in option snapshot_host, or set it to null.")));
	cdc_source_close(replica);
}

bool
cdc_copy_has_replica(const CdcSubscription *sub)
{
	return sub->opt.snapshot_host != NULL && sub->opt.snapshot_host[0] != '\0';
}

/* ---- a step ---- */

/* It cannot be read now: told once, and tried again later; always false. */
static bool
put_off(const CdcCopy *copy, CdcCopyStep *result, const char *text, const char *hint)
{
	CdcCopyPace *pace = copy->pace;

	cdc_copy_hang_up(pace);
	pace->retry_ms = pace->retry_ms == 0 ? RETRY_MS : Min(pace->retry_ms * 2, MAX_RETRY_MS);
	result->wait_ms = pace->retry_ms;
	cdc_copy_note_wait(copy, psprintf("snapshot_host \"%s\": %s", replica_server(copy->sub), text));
	if (hint != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the copy of tables of subscription \"%s\" waits for snapshot_host \"%s\"",
						copy->sub->name, replica_server(copy->sub)),
				 errdetail("%s.", text),
				 errhint("%s", hint)));
	return false;
}

/* Connects without waiting long; false: not yet, or it cannot be. */
static bool
connect_replica(const CdcCopy *copy, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;
	char	   *server = replica_server(copy->sub);
	CdcError	err;
	CdcStatus	st;

	if (strcmp(pace->host, server) != 0)
		cdc_copy_hang_up(pace);
	if (pace->sessions[0] != NULL && !pace->connecting && !cdc_source_alive(pace->sessions[0]))
		cdc_copy_hang_up(pace);
	if (GetForeignServerByName(server, true) == NULL)
		return put_off(copy, result, "there is no such foreign server",
					   "Name a foreign server of cdc_mysql in option snapshot_host, or set it to null.");
	if (pace->sessions[0] == NULL)
	{
		pace->sessions[0] = cdc_source_begin_open(server, copy->sub->owner_oid);
		pace->connecting = true;
		strlcpy(pace->host, server, sizeof(pace->host));
	}
	if (!pace->connecting)
		return true;
	st = cdc_source_poll_open(pace->sessions[0], CONNECT_PATIENCE_MS, &err);
	if (st == CDC_MORE)
	{
		result->wait_ms = CONNECT_POLL_MS;
		return false;
	}
	if (cdc_failed(st))
		return put_off(copy, result, cdc_from_utf8_lenient(err.message), NULL);
	pace->connecting = false;
	pace->checked = false;
	return true;
}

/* Waits a little until it has what the stream has; NULL: it lags. */
static char *
catch_up(const CdcCopy *copy, CdcSource *replica)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAG_PATIENCE_MS);

	for (;;)
	{
		CdcSourcePosition its = {NULL, 0, replica_gtids(replica)};

		if (its.gtid_set == NULL || copy->covers(copy->arg, &its))
			return its.gtid_set;
		if (GetCurrentTimestamp() >= until)
			return NULL;
		(void) cdc_source_wait(replica, LAG_POLL_MS);
	}
}

bool
cdc_copy_open_replica(CdcCopyWork *work, CdcCopyStep *result)
{
	const CdcCopy *copy = work->copy;
	CdcCopyPace *pace = copy->pace;
	CdcSource  *source = cdc_control_session(&copy->control);
	CdcSource  *replica;
	Trouble		trouble;

	if (!connect_replica(copy, result))
		return false;
	replica = pace->sessions[0];
	if (!pace->checked && !check_replica(copy->sub, replica, source, &trouble))
		return put_off(copy, result, trouble.text, trouble.hint);
	pace->checked = true;
	memset(work->snap, 0, sizeof(*work->snap));
	work->snap->from.gtid_set = catch_up(copy, replica);
	if (work->snap->from.gtid_set == NULL)
	{
		result->wait_ms = LAG_RETRY_MS;
		cdc_copy_note_wait(copy, psprintf("snapshot_host \"%s\" is behind the stream: it has %s",
										  replica_server(copy->sub), replica_gtids(replica)));
		return false;
	}
	if (!check_gtids(copy->sub, replica, source, work->snap->from.gtid_set, &trouble))
		return put_off(copy, result, trouble.text, trouble.hint);
	cdc_snapshot_join(replica, work->snap);
	work->readers[0] = replica;
	work->on_replica = true;
	pace->retry_ms = 0;
	return true;
}

void
cdc_copy_end_replica(CdcCopyWork *work)
{
	cdc_snapshot_discard(work->readers[0]);
	cdc_source_position(cdc_control_session(&work->copy->control), &work->snap->to);
}

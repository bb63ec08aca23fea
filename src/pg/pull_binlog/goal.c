/*-------------------------------------------------------------------------
 *
 * goal.c
 *	  What cdc.wait_for() waits for at MySQL and MariaDB.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "pg/remote/replica_role.h"

/* A GTID set, or a file and offset; the source's present place is both, until it is known what the subscription goes by. */
typedef struct BinlogGoal
{
	CdcFlavor	flavor;
	CdcGtidSet *gtid;			/* malloc'ed; NULL: by file */
	char	   *file;
	int64		offset;
} BinlogGoal;

/* MySQL's GTIDs begin with a uuid, MariaDB's are three numbers. */
static CdcFlavor
flavor_of(const char *text)
{
	const char *p = text + strspn(text, " \t\r\n");
	size_t		digits = strspn(p, "0123456789abcdefABCDEF");

	return digits == 8 && p[8] == '-' && strspn(p + 9, "0123456789abcdefABCDEF") == 4 ?
		CDC_MYSQL : CDC_MARIADB;
}

/* The goal is the place that text says; ERROR where it says none. */
static void
parse_goal(BinlogGoal *goal, const char *text, const CdcSubscription *sub)
{
	if (cdc_position_parse(text, &goal->file, &goal->offset))
		return;
	goal->flavor = flavor_of(text);
	goal->gtid = cdc_position_parse_gtids(goal->flavor, text, sub->name);
	if (cdc_gtid_set_empty(goal->gtid))
	{
		cdc_gtid_set_destroy(goal->gtid);
		goal->gtid = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source_position \"%s\" is empty", text),
				 errhint("Give a GTID, a GTID set or file:offset; null is the source's present position.")));
	}
}

/* ERROR where the source stands before the position that was read there. */
static void
check_not_before(const CdcSubscription *sub, CdcSource *source, const CdcPosition *read,
				 const CdcSourcePosition *now)
{
	if (read->file == NULL || read->source_uuid == NULL ||
		strcmp(read->source_uuid, cdc_source_info(source)->server_uuid) != 0 ||
		cdc_binlog_position_compare(read->file, read->file_offset, now->file, now->offset) <= 0)
		return;
	cdc_binlog_gap(sub,
				   psprintf("the source of subscription \"%s\" stands before the position that was read",
							sub->name),
				   psprintf("Read was %s:" INT64_FORMAT "; the source's binlog ends at %s:" INT64_FORMAT ".",
							read->file, read->file_offset, now->file, now->offset));
}

/*
 * ERROR where what answers is another server than the one that is read, which is away, and lacks
 * something that was read there: what it has now may be in the targets, with what was
 * committed last at the other one still missing.
 */
static void
check_not_behind(const CdcSubscription *sub, CdcSource *source, const CdcPosition *read,
				 const CdcSourcePosition *now)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	CdcGtidSet *ours;
	CdcGtidSet *theirs;
	bool		contained;

	if (read->source_address == NULL || strcmp(read->source_address, info->address) == 0 ||
		read->gtid_set == NULL || now->gtid_set == NULL)
		return;
	ours = cdc_position_parse_gtids(info->flavor, read->gtid_set, sub->name);
	theirs = cdc_position_parse_gtids(info->flavor, now->gtid_set, sub->name);
	contained = cdc_gtid_set_contains(theirs, ours);
	cdc_gtid_set_destroy(ours);
	cdc_gtid_set_destroy(theirs);
	if (!contained)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the server that subscription \"%s\" reads does not answer, and another one is behind it",
						sub->name),
				 errdetail("Read are %s; \"%s\" has %s.", read->gtid_set, info->address,
						   now->gtid_set[0] != '\0' ? now->gtid_set : "none"),
				 errhint("Give the GTID or file:offset that is to be waited for.")));
}

/* The goal is the place where the source stands now. */
static void
ask_source(BinlogGoal *goal, const CdcSubscription *sub)
{
	CdcSource  *source;
	CdcSourcePosition pos;
	CdcPosition read;
	CdcReplicaRole role;

	/* first: the source does not stand before it then */
	cdc_position_get(sub, &read);
	source = cdc_source_open_at(sub->server, sub->owner_oid, read.source_address, false, false);
	cdc_replica_role_ask(source, &role);
	cdc_replica_role_check(source, &role);
	cdc_source_position(source, &pos);
	check_not_before(sub, source, &read, &pos);
	check_not_behind(sub, source, &read, &pos);
	if (pos.gtid_set != NULL && pos.gtid_set[0] != '\0')
	{
		goal->flavor = cdc_source_info(source)->flavor;
		goal->gtid = cdc_position_parse_gtids(goal->flavor, pos.gtid_set, sub->name);
	}
	goal->file = pstrdup(pos.file);
	goal->offset = pos.offset;
	cdc_source_close(source);
}

void *
cdc_binlog_goal(const CdcSubscription *sub, const char *text)
{
	BinlogGoal *goal = palloc0(sizeof(BinlogGoal));

	if (text == NULL)
		ask_source(goal, sub);
	else
		parse_goal(goal, text, sub);
	return goal;
}

void
cdc_binlog_goal_free(void *arg)
{
	BinlogGoal *goal = arg;

	cdc_gtid_set_destroy(goal->gtid);
	goal->gtid = NULL;
}

bool
cdc_binlog_goal_pulled(void *arg, const CdcSubscription *sub, const CdcPosition *position)
{
	BinlogGoal *goal = arg;
	CdcGtidSet *have;
	bool		result;

	if (position->file == NULL && position->gtid_set == NULL)
		return false;
	/* it was made when its source had no GTIDs, and goes on by file when they are turned on */
	if (position->gtid_set == NULL && goal->file != NULL)
		cdc_binlog_goal_free(goal);
	if (goal->gtid == NULL)
		return position->file != NULL &&
			cdc_binlog_position_compare(position->file, position->file_offset,
										goal->file, goal->offset) >= 0;
	if (position->gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" has no GTIDs", sub->name),
				 errhint("Its source runs without GTIDs; give file:offset.")));
	have = cdc_position_parse_gtids(goal->flavor, position->gtid_set, sub->name);
	result = cdc_gtid_set_contains(have, goal->gtid);
	cdc_gtid_set_destroy(have);
	return result;
}

bool
cdc_binlog_goal_has(const void *arg, const char *gtid, const char *position)
{
	const BinlogGoal *goal = arg;
	char	   *file;
	int64		offset;

	if (goal->gtid != NULL)
		return gtid != NULL && cdc_gtid_set_contains_gtid(goal->gtid, gtid);
	if (position == NULL || !cdc_position_parse(position, &file, &offset))
		return true;
	return cdc_binlog_position_compare(file, offset, goal->file, goal->offset) <= 0;
}

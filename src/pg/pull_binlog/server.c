/*-------------------------------------------------------------------------
 *
 * server.c
 *	  Which server a stream is read from: one of several hosts, a replica that
 *	  was promoted, another node of a Galera cluster; and whether the position
 *	  means something there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/catalog/log.h"

CdcSource *
cdc_binlog_server_open(CdcBinlogStream *stream, const char *address)
{
	stream->control = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid, address,
										 false, true);
	stream->control_used = GetCurrentTimestamp();
	stream->address = MemoryContextStrdup(stream->context,
										  cdc_source_info(stream->control)->address);
	return stream->control;
}

/*
 * Another server has the transactions that we have, or it is not the one to go
 * on with: a replica that is behind will catch up, one that was promoted without
 * them has lost them.  MariaDB's server refuses by itself.
 */
static void
check_contained(CdcBinlogCall *call, CdcSource *control, const CdcSourcePosition *now)
{
	CdcFlavor	flavor = cdc_source_info(control)->flavor;
	CdcGtidSet *theirs;
	CdcGtidSet *ours;
	bool		contained;

	if (flavor != CDC_MYSQL || now->gtid_set == NULL)
		return;
	theirs = cdc_position_parse_gtids(flavor, now->gtid_set, call->sub->name);
	ours = cdc_position_parse_gtids(flavor, call->pos.gtid_set, call->sub->name);
	contained = cdc_gtid_set_contains(theirs, ours);
	cdc_gtid_set_destroy(theirs);
	cdc_gtid_set_destroy(ours);
	if (!contained)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" is another server, which lacks transactions that were read already",
						call->sub->name),
				 errdetail("\"%s\" has %s; read are %s.", cdc_source_info(control)->address,
						   now->gtid_set, call->pos.gtid_set),
				 errhint("A replica that is behind will catch up, and the stream goes on. If they are lost, drop the subscription and create it again with a new copy.")));
}

/*
 * A file and offset mean something only on the server that they were read from;
 * GTIDs mean the same on each server of a replication topology.
 */
static void
check_changed(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	const CdcMysqlServerInfo *info = cdc_source_info(stream->control);
	CdcPosition *pos = &call->pos;
	CdcSourcePosition now;

	if (pos->source_uuid == NULL || strcmp(pos->source_uuid, info->server_uuid) == 0)
		return;
	if (pos->gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("the source of subscription \"%s\" is another server than before", call->sub->name),
				 errdetail("Its server_uuid was %s and is %s; the position %s:" INT64_FORMAT " means nothing there.",
						   pos->source_uuid, info->server_uuid, pos->file, pos->file_offset),
				 errhint("Go back to the old server, or drop the subscription and create it again. With GTIDs (gtid_mode=ON) the stream would go on by itself.")));
	cdc_source_position(stream->control, &now);
	check_contained(call, stream->control, &now);
	cdc_log(call->sub->name, "source", "the source is another server than before",
			psprintf("server_uuid was %s and is %s at %s; read goes on behind %s",
					 pos->source_uuid, info->server_uuid, info->address, pos->gtid_set));
	pos->source_uuid = pstrdup(info->server_uuid);
	pos->last_event = NULL;
	stream->failed_over = true;
	/* its files have names of their own; the server finds the one to begin with */
	pos->file = now.file;
	pos->file_offset = CDC_BINLOG_FIRST_OFFSET;
	call->persist = true;
}

/*
 * A place that the source's binlog has not reached: the server lost its end in
 * a crash, or somebody wrote a wrong position.
 */
static void
check_not_ahead(CdcBinlogCall *call, CdcSource *control)
{
	const CdcPosition *pos = &call->pos;
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	if (cdc_binlog_position_compare(pos->file, pos->file_offset, now.file, now.offset) <= 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the position of subscription \"%s\" is ahead of the source", call->sub->name),
			 errdetail("It is %s:" INT64_FORMAT "; the source's binlog ends at %s:" INT64_FORMAT ".",
					   pos->file, pos->file_offset, now.file, now.offset),
			 errhint("The source may have lost the end of its binlog in a crash, or was set up anew: drop the subscription and create it again with a new copy.")));
}

void
cdc_binlog_server_check(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	check_changed(call, stream);
}

void
cdc_binlog_server_check_log(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	cdc_binlog_proof_parse(stream, call->pos.last_event);
	cdc_binlog_prove(stream);
	if (call->pos.last_event == NULL && stream->proof.set)
		call->persist = true;
	if (call->pos.gtid_set == NULL)
		check_not_ahead(call, stream->control);
}

bool
cdc_binlog_server_same(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	const char *uuid;

	cdc_source_close(stream->control);
	stream->control = NULL;
	uuid = cdc_source_info(cdc_binlog_stream_control(stream))->server_uuid;

	/* MariaDB has no such id, but refuses GTIDs that are not its own */
	if (uuid[0] == '\0')
		return stream->executed != NULL;
	return call->pos.source_uuid != NULL && strcmp(call->pos.source_uuid, uuid) == 0;
}

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

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/remote/replica_role.h"

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

/* ERROR: what was read is not in that server's binlog. */
static void
report_lacking(CdcBinlogCall *call, CdcSource *control, const char *theirs)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source of subscription \"%s\" is another server, which lacks transactions that were read already",
					call->sub->name),
			 errdetail("\"%s\" has %s; read are %s.", cdc_source_info(control)->address,
					   theirs[0] != '\0' ? theirs : "none", call->pos.gtid_set),
			 errhint("A replica that is behind will catch up, and the stream goes on. If they are lost: SELECT cdc.restart_subscription(%s); reads on from where this server stands then, and copies all tables again.",
					 quote_literal_cstr(call->sub->name))));
}

/* The number that a list of MariaDB's GTIDs has for a domain; false: none. */
static bool
domain_number(const char *list, unsigned domain, unsigned long long *number)
{
	const char *p = list;
	unsigned	d;
	unsigned	server;

	for (; p != NULL; p = strchr(p, ','))
	{
		p += strspn(p, ", \n");
		if (sscanf(p, "%u-%u-%llu", &d, &server, number) == 3 && d == domain)
			return true;
	}
	return false;
}

/* ERROR: transactions that it has itself it will not send. */
static void
report_unlogged(CdcBinlogCall *call, CdcSource *control, const char *replicated)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source of subscription \"%s\" is another server, which has replicated transactions that are not in its binlog",
					call->sub->name),
			 errdetail("\"%s\" has replicated %s; read are %s. Its log_slave_updates is, or was, OFF.",
					   cdc_source_info(control)->address, replicated, call->pos.gtid_set),
			 errhint("Read another replica that has log_slave_updates=ON. If there is none: SELECT cdc.restart_subscription(%s); reads on from where this server stands then, and copies all tables again.",
					 quote_literal_cstr(call->sub->name))));
}

/*
 * MariaDB refuses by itself where its binlog has another transaction of a domain.  A
 * domain that its binlog has nothing of it takes for one that is new to it, and sends
 * nothing of it: a replica that does not write what it replicates.  (A node of Galera
 * does not have what another wrote for itself alone.)
 */
static void
check_domains(CdcBinlogCall *call, CdcBinlogStream *stream, const char *logged)
{
	CdcSource  *control = stream->control;
	const char *replicated = cdc_answer_text(cdc_source_ask(control, "SELECT @@global.gtid_slave_pos", 1,
															"SELECT @@global.gtid_slave_pos"), 0, 0);
	CdcAnswer  *galera = cdc_source_ask(control, "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", 2,
										"SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
	bool		node = cdc_answer_rows(galera) > 0 && pg_strcasecmp(cdc_answer_text(galera, 0, 1), "ON") == 0;
	const char *p;

	for (p = call->pos.gtid_set; p != NULL; p = strchr(p, ','))
	{
		unsigned	domain;
		unsigned	server;
		unsigned long long read;
		unsigned long long theirs;

		p += strspn(p, ", ");
		if (sscanf(p, "%u-%u-%llu", &domain, &server, &read) != 3)
			continue;
		if (domain_number(logged, domain, &theirs))
		{
			if (theirs < read)
				report_lacking(call, control, logged);
		}
		else if (domain_number(replicated, domain, &theirs))
		{
			if (theirs > read)
				report_unlogged(call, control, replicated);
			if (theirs < read)
				report_lacking(call, control, replicated);
		}
		else if (!node)
			report_lacking(call, control, logged);
	}
	cdc_binlog_proof_parse(stream, call->pos.last_event);
	if (!node)
		cdc_binlog_lineage_check(call, stream);
}

/*
 * Another server has the transactions that we have, or it is not the one to go
 * on with: a replica that is behind will catch up, one that was promoted without
 * them has lost them.
 */
static void
check_contained(CdcBinlogCall *call, CdcBinlogStream *stream, const CdcSourcePosition *now)
{
	CdcSource  *control = stream->control;
	CdcFlavor	flavor = cdc_source_info(control)->flavor;
	CdcGtidSet *theirs;
	CdcGtidSet *ours;
	bool		contained;

	if (flavor == CDC_MARIADB)
	{
		check_domains(call, stream, now->gtid_set);
		return;
	}
	theirs = cdc_position_parse_gtids(flavor, now->gtid_set, call->sub->name);
	ours = cdc_position_parse_gtids(flavor, call->pos.gtid_set, call->sub->name);
	contained = cdc_gtid_set_contains(theirs, ours);
	cdc_gtid_set_destroy(theirs);
	cdc_gtid_set_destroy(ours);
	if (!contained)
		report_lacking(call, control, now->gtid_set);
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
				 errhint("Go back to the old server, or go on at this one with a new copy of all tables: SELECT cdc.restart_subscription(%s); With GTIDs (gtid_mode=ON) the stream would go on by itself.",
						 quote_literal_cstr(call->sub->name))));
	cdc_source_position(stream->control, &now);
	if (now.gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" is another server than before, which has no GTIDs",
						call->sub->name),
				 errdetail("Read are %s.", pos->gtid_set),
				 errhint("Set gtid_mode=ON there, or go back to the old server.")));
	check_contained(call, stream, &now);
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
			 errhint("Set it to a place that the source has with cdc.set_position(), or copy all tables again: SELECT cdc.restart_subscription(%s);",
						 quote_literal_cstr(call->sub->name))));
}

void
cdc_binlog_server_check(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	check_changed(call, stream);
}

void
cdc_binlog_server_check_role(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	CdcReplicaRole role;

	cdc_replica_role_ask(stream->control, &role);
	cdc_replica_role_check(stream->control, &role);
	if (!role.logs_updates && (role.unlogged != NULL || role.replica))
		cdc_log_event(call->sub->name, "source",
					  "the source is itself a replica, and does not write what it replicates to its binlog",
					  role.unlogged != NULL ? psprintf("it has replicated %s", cdc_from_utf8_lenient(role.unlogged)) :
					  "its replication does not run now");
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

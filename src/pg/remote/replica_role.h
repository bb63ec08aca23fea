/*-------------------------------------------------------------------------
 *
 * replica_role.h
 *	  A source that is itself a replica, or leaves something out of its binlog: what its
 *	  binlog lacks by that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_REPLICA_ROLE_H
#define CDC_PG_REMOTE_REPLICA_ROLE_H

#include "pg/base/compat.h"

#include "pg/remote/answer.h"

/* Texts are palloc'ed, in UTF-8. */
typedef struct CdcReplicaRole
{
	bool		replica;		/* it replicates from somebody, or did */
	bool		running;		/* it applies what it replicates now */
	bool		logs_updates;	/* that goes into its binlog */
	const char *sources;		/* ids of the servers that it replicates from: ",1,2,"; or NULL */
	const char *grant;			/* the privilege without which the above is not known; NULL: it is */

	/* MariaDB: GTIDs that it replicated and its binlog lacks, of domains that its binlog
	 * has none of; or NULL */
	const char *unlogged;

	const char *binlog_filters; /* databases that its binlog has or lacks; or NULL */
	const char *replica_filters;	/* what it leaves out of what it replicates; or NULL */
	const char *member_state;	/* of its replication group, where it is none that works; or NULL */
} CdcReplicaRole;

extern void cdc_replica_role_ask(CdcSource *source, CdcReplicaRole *role);

/* Whether the source's binlog has no changes of the database, by its filters. */
extern bool cdc_replica_role_leaves_out(CdcSource *source, const char *database);

/*
 * ERROR where what the source replicates is not in its binlog, or it has left its
 * replication group, so that it falls behind in silence.
 */
extern void cdc_replica_role_check(CdcSource *source, const CdcReplicaRole *role);

#endif							/* CDC_PG_REMOTE_REPLICA_ROLE_H */

/*-------------------------------------------------------------------------
 *
 * stream_internal.h
 *	  What stream.c (events, position) and stream_group.c (groups) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_STREAM_INTERNAL_H
#define CDC_BINLOG_STREAM_INTERNAL_H

#include "binlog/charset.h"
#include "binlog/compress.h"
#include "binlog/gtid_event.h"
#include "binlog/query.h"
#include "binlog/stream.h"

#define CDC_FILE_NAME	512		/* file systems allow 255 bytes and a path is not sent */

typedef enum CdcGroupState
{
	CDC_GROUP_NONE,				/* outside of any group */
	CDC_GROUP_GTID,				/* its GTID was seen, not yet what it holds */
	CDC_GROUP_OPEN				/* ends in Xid, COMMIT, ROLLBACK or XA_prepare */
} CdcGroupState;

struct CdcStream
{
	CdcFlavor	flavor;
	CdcFormat	format;
	bool		has_format;
	bool		accept_xa;
	bool		keep_queries;

	/* position: behind the last event that was fed */
	char		file[CDC_FILE_NAME];
	uint64_t	offset;

	/* the event being fed */
	CdcEventHeader h;
	uint64_t	event_start;	/* its offset in file */

	/*
	 * MariaDB: the event before was Start_encryption, of this server; what
	 * follows is encrypted in the file, but not when the server sends it.
	 */
	bool		after_encryption;
	uint32_t	encryption_server_id;

	/* the open group */
	CdcGroupState state;
	bool		standalone;		/* MariaDB: one event, no end mark */
	bool		bare;			/* the last group was a statement with row changes, without BEGIN */
	bool		no_effect;		/* MariaDB: START ALTER or ROLLBACK ALTER */
	CdcGroupMark kept;			/* of its events these were handed on */
	CdcSavepoints savepoints;
	CdcTransaction txn;
	char		group_file[CDC_FILE_NAME];
	char		gtid[CDC_GTID_TEXT];
	char		xa[CDC_XA_TEXT];

	/* statements that changed data without row events */
	uint64_t	ndml;
	CdcBuf		dml;			/* the last one, NUL-terminated */
	CdcBuf		dml_database;	/* its default database, NUL-terminated */
	uint64_t	dml_mode;		/* its sql_mode */
	CdcCharsets charsets;		/* of clients */

	/* unknown events that may be skipped */
	uint64_t	nskipped;
	uint8_t		skipped_type;	/* of the last one */

	CdcBuf		scratch;		/* text of compressed Query events */
	CdcPayload *payload;		/* NULL until the first one */
};

/*
 * An event that belongs to, opens or ends a group.  data has no checksum;
 * item is zeroed but for event and event_len.
 */
extern CdcStatus cdc_stream_group_event(CdcStream *stream, const uint8_t *data, size_t len,
										CdcItem *item, CdcError *err);

/* The file ended inside of the open group: the server never committed it. */
extern void cdc_stream_abandon_group(CdcStream *stream, CdcItem *item);

#endif							/* CDC_BINLOG_STREAM_INTERNAL_H */

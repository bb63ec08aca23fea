/*-------------------------------------------------------------------------
 *
 * gtid_event.h
 *	  The events that open a group: MySQL's Gtid, Anonymous_gtid and
 *	  Gtid_tagged, MariaDB's Gtid; and XA transaction ids.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_GTID_EVENT_H
#define CDC_BINLOG_GTID_EVENT_H

#include "binlog/format.h"

#define CDC_XA_TEXT		300		/* X'(64 bytes)',X'(64 bytes)',number */

typedef struct CdcGtidEvent
{
	char		gtid[CDC_GTID_TEXT];	/* "" = anonymous */
	int64_t		commit_us;		/* microseconds since 1970; 0 = unknown */
	uint32_t	thread_id;		/* 0 = unknown */
	uint8_t		maria_flags;	/* CDC_MARIA_* */
	uint8_t		maria_extra;	/* CDC_MARIA_EXTRA_* */
} CdcGtidEvent;

/* Parses a whole event without checksum; its type says which of the four GTID events it is. */
extern CdcStatus cdc_gtid_event_parse(CdcGtidEvent *gtid, const uint8_t *event, size_t len,
									  CdcError *err);

/*
 * The XA transaction id and whether it commits in one phase, of an XA_prepare
 * event.  xa has CDC_XA_TEXT bytes and gets the form that the server writes in
 * XA COMMIT statements.
 */
extern CdcStatus cdc_xa_prepare_parse(const uint8_t *event, size_t len, char *xa,
									  bool *one_phase, CdcError *err);

#endif							/* CDC_BINLOG_GTID_EVENT_H */

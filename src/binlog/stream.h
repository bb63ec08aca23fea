/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  First of the binlog's two stages: from raw events to transactions.
 *
 * The caller feeds a CdcStream one raw event after the other, in binlog order,
 * and the stream says what each event means for the transaction (group) that
 * it belongs to.  It looks into events only as far as it needs for that, and
 * decodes no rows.  The caller keeps the bytes of an open group's events, in
 * memory or in a temporary file, and hands them to a CdcDecoder (decoder.h)
 * once it has seen the commit; it throws a group that ends in ROLLBACK away
 * undecoded.  This is also why every event of a transaction can carry its xid,
 * although the xid comes last in the binlog.
 *
 * A group of a single statement without a GTID (MySQL with gtid_mode=OFF
 * before 5.7) comes as COMMIT without BEGIN.  A group that never ends, because
 * the server crashed while writing it, ends in ROLLBACK when the next file
 * begins; its txn.gtid is then NULL, as the server will use that GTID again.
 * While a group is open, txn.end_offset of POSITION and HEARTBEAT items is the
 * group's start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_STREAM_H
#define CDC_BINLOG_STREAM_H

#include "binlog/savepoint.h"
#include "core/change.h"
#include "core/gtid.h"

typedef struct CdcStream CdcStream;

typedef enum CdcItemKind
{
	CDC_ITEM_NONE,				/* nothing to do, unless keep is set */
	CDC_ITEM_POSITION,			/* an event outside of any group (rotate, format
								 * description, ...); reading can resume at txn.file and
								 * end_offset */
	CDC_ITEM_HEARTBEAT,
	CDC_ITEM_BEGIN,				/* a group opens; txn.gtid is known */
	CDC_ITEM_COMMIT,			/* the open group is complete and committed */
	CDC_ITEM_ROLLBACK,			/* the open group is void; its GTID still counts */
	CDC_ITEM_UNDO,				/* ROLLBACK TO SAVEPOINT: of the open group's kept events only
								 * the first item.undo.events remain */
	CDC_ITEM_STOP,				/* the server shut down cleanly here */
	/* the following come only after cdc_stream_accept_xa() */
	CDC_ITEM_XA_PREPARE,		/* the open group is complete, but waits under item.xa for ... */
	CDC_ITEM_XA_COMMIT,			/* ... this later group (of its own, without BEGIN) */
	CDC_ITEM_XA_ROLLBACK		/* ... or this */
} CdcItemKind;

typedef struct CdcItem
{
	CdcItemKind kind;
	bool		keep;			/* the event belongs to the group: keep its bytes.  It may be set
								 * at COMMIT (DDL, compressed transaction): keep, then commit */
	const uint8_t *event;		/* header included, checksum removed */
	size_t		event_len;
	CdcTransaction txn;			/* complete at COMMIT and ROLLBACK */
	CdcGroupMark undo;			/* UNDO: how many of the kept events, and of their bytes, remain */
	const char *xa;				/* XA_*: the transaction's id as X'gtrid',X'bqual',format; else NULL */
} CdcItem;

/*
 * Makes a stream; NULL when out of memory.  file and offset are the place of the first
 * event that will be fed; the artificial rotate event that a server sends first
 * corrects them.
 */
extern CdcStream *cdc_stream_create(CdcFlavor flavor, const char *file, uint64_t offset);
extern void cdc_stream_destroy(CdcStream *stream);

/*
 * Makes the stream accept two-phase XA transactions, which otherwise fail with
 * CDC_ERR_UNSUPPORTED.  The caller then keeps the events of prepared groups by item.xa
 * until their XA_COMMIT, and gives them its GTID, position and time.  XA COMMIT ... ONE
 * PHASE is a plain COMMIT in any case.
 */
extern void cdc_stream_accept_xa(CdcStream *stream);

/*
 * Sets whether events with the text of the statement behind the rows (Rows_query,
 * MariaDB's Annotate_rows) are kept in their group; by default they are not.
 */
extern void cdc_stream_keep_queries(CdcStream *stream, bool keep);

/* Whether a group is open; false means that the input may end here. */
extern bool cdc_stream_in_group(const CdcStream *stream);
extern const char *cdc_stream_file(const CdcStream *stream);
extern uint64_t cdc_stream_offset(const CdcStream *stream); /* end of the last event fed */
extern uint64_t cdc_stream_event_start(const CdcStream *stream);	/* where that event begins */

/*
 * Returns how many statements with DML were seen so far, and in *sql the text of the
 * last one, in UTF-8, which ends with a NUL.  Such statements have no row events (statement format), so the caller warns.
 */
extern uint64_t cdc_stream_statement_dml(const CdcStream *stream, CdcString *sql);

/* Of the last such statement: its default database, which may be empty, and its sql_mode. */
extern const char *cdc_stream_statement_database(const CdcStream *stream, uint64_t *sql_mode);

/*
 * Returns how many events of unknown types were skipped, because their writer marked
 * them as ignorable, and in *type the type of the last one.  type may be NULL.
 */
extern uint64_t cdc_stream_skipped(const CdcStream *stream, uint8_t *type);

/*
 * Feeds one event.  data stays owned by the caller; item points into it and into the
 * stream, and is valid until the next call.  The stream verifies the checksum when the
 * format description announces one.
 */
extern CdcStatus cdc_stream_feed(CdcStream *stream, const uint8_t *data, size_t len,
								 CdcItem *item, CdcError *err);

/*
 * The format description in force, for cdc_decoder_begin(); NULL before the first one
 * was fed.
 */
struct CdcFormat;
extern const struct CdcFormat *cdc_stream_format(const CdcStream *stream);

#endif							/* CDC_BINLOG_STREAM_H */

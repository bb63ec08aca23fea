/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  First of the binlog's two stages: from raw events to transactions.
 *
 * A CdcStream is fed one raw event after the other, in binlog order, and says
 * of each what it means for the transaction (group) that it belongs to.  It
 * looks into events only as far as that needs: row events are not decoded.
 * The caller keeps the bytes of an open group's events, in memory or in a
 * temporary file, and hands them to a CdcDecoder (decoder.h) once the commit
 * was seen; a group that ends in ROLLBACK is thrown away undecoded.  That is
 * also why every event of a transaction can carry its xid, which the binlog
 * tells last.
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
	CDC_ITEM_NONE,				/* nothing to do (or: see keep) */
	CDC_ITEM_POSITION,			/* outside of any group; txn.file and end_offset are a
								 * place to resume at (rotate, format description, ...) */
	CDC_ITEM_HEARTBEAT,
	CDC_ITEM_BEGIN,				/* a group opens; txn.gtid is known */
	CDC_ITEM_COMMIT,			/* the open group is complete and committed */
	CDC_ITEM_ROLLBACK,			/* the open group is void; its GTID still counts */
	CDC_ITEM_UNDO,				/* ROLLBACK TO SAVEPOINT: of the open group's kept events only
								 * the first item.undo.events remain */
	CDC_ITEM_STOP,				/* the server shut down cleanly here */
	/* the following only after cdc_stream_accept_xa() */
	CDC_ITEM_XA_PREPARE,		/* the open group is complete, but waits under item.xa for ... */
	CDC_ITEM_XA_COMMIT,			/* ... this later group (of its own, without BEGIN) */
	CDC_ITEM_XA_ROLLBACK		/* ... or this */
} CdcItemKind;

typedef struct CdcItem
{
	CdcItemKind kind;
	bool		keep;			/* event belongs to the group: keep its bytes.  May come with
								 * COMMIT (DDL, compressed transaction), then first keep */
	const uint8_t *event;		/* header included, checksum removed */
	size_t		event_len;
	CdcTransaction txn;			/* complete at COMMIT and ROLLBACK */
	CdcGroupMark undo;			/* UNDO: events and bytes that remain, as they were handed on */
	const char *xa;				/* XA_*: the transaction's id as X'gtrid',X'bqual',format; else NULL */
} CdcItem;

/*
 * file, offset: where the first event that will be fed stands (the artificial
 * rotate event that a server sends first corrects them).
 */
extern CdcStream *cdc_stream_create(CdcFlavor flavor, const char *file, uint64_t offset);
extern void cdc_stream_destroy(CdcStream *stream);

/*
 * Without this, a two-phase XA transaction is CDC_ERR_UNSUPPORTED.  With it,
 * the caller keeps the events of prepared groups by item.xa until their
 * XA_COMMIT, whose GTID, position and time are theirs.  (XA COMMIT ... ONE
 * PHASE is a plain COMMIT in any case.)
 */
extern void cdc_stream_accept_xa(CdcStream *stream);

/*
 * Whether the texts of statements that row events follow from (Rows_query,
 * MariaDB's Annotate_rows) are kept in their group; default: not.
 */
extern void cdc_stream_keep_queries(CdcStream *stream, bool keep);

/* Whether the link or file ended between transactions. */
extern bool cdc_stream_in_group(const CdcStream *stream);
extern const char *cdc_stream_file(const CdcStream *stream);
extern uint64_t cdc_stream_offset(const CdcStream *stream); /* behind the last event fed */

/*
 * Whether rows that follow are in statement format: number of Query events
 * with DML seen so far, for a warning; the text of the last one.
 */
extern uint64_t cdc_stream_statement_dml(const CdcStream *stream, const char **sql);

/*
 * Number of events of unknown types that were skipped, because their writer
 * marked them as such that may be; the type of the last one (*type may be NULL).
 */
extern uint64_t cdc_stream_skipped(const CdcStream *stream, uint8_t *type);

/*
 * Feeds one event.  data stays owned by the caller; item points into it and
 * into the stream and is valid until the next call.  The checksum is verified
 * where the format description announces one.
 */
extern CdcStatus cdc_stream_feed(CdcStream *stream, const uint8_t *data, size_t len,
								 CdcItem *item, CdcError *err);

/*
 * The format description in force, in the form that cdc_decoder_create()
 * takes; NULL before the first one was fed.
 */
struct CdcFormat;
extern const struct CdcFormat *cdc_stream_format(const CdcStream *stream);

#endif							/* CDC_BINLOG_STREAM_H */

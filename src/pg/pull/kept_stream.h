/*-------------------------------------------------------------------------
 *
 * kept_stream.h
 *	  Streams of subscriptions that outlive transactions: pull goes on with what
 *	  an earlier call left open.  A transaction that aborts takes those along
 *	  that it used, as what was read then has to be read again.
 *
 * A stream's struct begins with a CdcKeptStream.  Streams that are closed in the
 * same way are a CdcKeptStreamKind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KEPT_STREAM_H
#define CDC_PG_PULL_KEPT_STREAM_H

#include "pg/catalog/subscription.h"

typedef struct CdcKeptStream
{
	struct CdcKeptStream *next;
	int32		subscription_id;
	bool		used;			/* by the present transaction */
	bool		broken;			/* to be closed at its end */

	/* of its copy of the subscription */
	MemoryContext sub_context;	/* may hold what depends on it, too */
	uint64		generation;		/* cdc_catalog_generation() */
	char	   *definition;		/* of the connections */
} CdcKeptStream;

typedef struct CdcKeptStreamKind
{
	/* Closes what is open of it and frees the struct. No ERROR. */
	void		(*close) (CdcKeptStream *stream);

	/* The transaction that used it has committed, it stays; NULL: nothing to do. No ERROR. */
	void		(*committed) (CdcKeptStream *stream);

	CdcKeptStream *first;		/* all there are, the one that was asked for last in front */
	bool		registered;		/* for the ends of transactions */
} CdcKeptStreamKind;

/*
 * A zeroed one, for the subscription, in use: to be added before anything of it
 * is opened, so that an ERROR closes what is open by then.
 */
extern void cdc_kept_stream_add(CdcKeptStreamKind *kind, CdcKeptStream *stream,
								int32 subscription_id);

/* The subscription's, or NULL. */
extern CdcKeptStream *cdc_kept_stream_find(CdcKeptStreamKind *kind, int32 subscription_id);
extern void cdc_kept_stream_close(CdcKeptStreamKind *kind, CdcKeptStream *stream);

/* Closes the subscription's, if there is one. */
extern void cdc_kept_stream_drop(CdcKeptStreamKind *kind, int32 subscription_id);

/*
 * A new copy of the subscription, in place of the last one, which is freed; ERROR
 * when it does not exist any more.  sub_context is made below parent.  define
 * returns a text that says with which options connections are made; *same: it
 * says what it said for the last copy.
 */
extern CdcSubscription *cdc_kept_stream_read(CdcKeptStream *stream, MemoryContext parent,
											 char *(*define) (const CdcSubscription *sub), bool *same);

#endif							/* CDC_PG_PULL_KEPT_STREAM_H */

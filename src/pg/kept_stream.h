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
#ifndef CDC_PG_KEPT_STREAM_H
#define CDC_PG_KEPT_STREAM_H

#include "pg/compat.h"

typedef struct CdcKeptStream
{
	struct CdcKeptStream *next;
	int32		subscription_id;
	bool		used;			/* by the present transaction */
	bool		broken;			/* to be closed at its end */
} CdcKeptStream;

typedef struct CdcKeptStreamKind
{
	/* Closes what is open of it and frees the struct. No ERROR. */
	void		(*close) (CdcKeptStream *stream);

	/* The transaction that used it has committed, it stays; NULL: nothing to do. No ERROR. */
	void		(*committed) (CdcKeptStream *stream);

	CdcKeptStream *first;		/* all there are */
	bool		registered;		/* for the ends of transactions */
} CdcKeptStreamKind;

/*
 * A zeroed one, for the subscription, in use: to be added before anything of it
 * is opened, so that an ERROR closes what is open by then.
 */
extern void cdc_kept_stream_add(CdcKeptStreamKind *kind, CdcKeptStream *stream,
								int32 subscription_id);

/* The subscription's, or NULL. */
extern CdcKeptStream *cdc_kept_stream_find(const CdcKeptStreamKind *kind, int32 subscription_id);
extern void cdc_kept_stream_close(CdcKeptStreamKind *kind, CdcKeptStream *stream);

#endif							/* CDC_PG_KEPT_STREAM_H */

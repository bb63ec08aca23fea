/*-------------------------------------------------------------------------
 *
 * event_writer.h
 *	  Changes of a source transaction as rows of the history: each becomes an
 *	  event in the subscription's form, with its seq and place, and the last one
 *	  says that the transaction is complete.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_EVENT_WRITER_H
#define CDC_PG_HISTORY_EVENT_WRITER_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"

#include "core/change.h"
#include "datatype/timestamp.h"
#include "pg/catalog/subscription.h"
#include "pg/history/append.h"

typedef struct CdcEventOutput CdcEventOutput;

/* Where events go.  Zeroed and filled by the caller, for as many transactions as it likes. */
struct CdcEventOutput
{
	const CdcSubscription *sub; /* form of the events, name in errors; the history of
								 * cdc_event_output_append() */
	int64	   *last_seq;		/* of the last event; moves as they are written */

	/* takes a row, which is valid during the call; arg is for it alone */
	void		(*append) (CdcEventOutput *out, const CdcHistoryRow *row);
	void	   *arg;
	bool		beside;			/* while another output's transaction is being written */

	/* what was written since the struct was zeroed */
	CdcHistory *history;		/* NULL until cdc_event_output_append() opens it */
	int64		events;
	TimestampTz first_event;	/* when the first one was begun; 0 = none */
};

/* An append that writes to the subscription's history, opened with the first row. */
extern void cdc_event_output_append(CdcEventOutput *out, const CdcHistoryRow *row);

/* Flushes and closes that history, where it was opened. */
extern void cdc_event_output_close(CdcEventOutput *out);

/*
 * The writer of one transaction at a time: there is one in the process, and another one for
 * what is written beside it, which the next cdc_event_writer_begin() uses again, so that
 * nothing is to be freed after an ERROR.  txn has to stay until the end.
 */
typedef struct CdcEventWriter CdcEventWriter;

extern CdcEventWriter *cdc_event_writer_begin(CdcEventOutput *out, const CdcTransaction *txn);

/*
 * Writes a change as an event.  It is held back until the next one or the end, as
 * only then it is known whether it is the last of its transaction.
 */
extern void cdc_event_writer_change(CdcEventWriter *writer, const CdcChange *change);
extern void cdc_event_writer_end(CdcEventWriter *writer);
extern const CdcTransaction *cdc_event_writer_txn(const CdcEventWriter *writer);

#endif							/* CDC_PG_HISTORY_EVENT_WRITER_H */

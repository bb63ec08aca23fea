/*-------------------------------------------------------------------------
 *
 * source/queue.h
 *	  Messages from a session's thread to its user: one writer, one reader, a
 *	  bound on memory, and a file descriptor that tells the reader of news.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_QUEUE_H
#define CDC_SOURCE_QUEUE_H

#include "core/status.h"

typedef struct CdcQueue CdcQueue;

/* limit: bytes held before the writer has to wait.  NULL when out of memory or descriptors. */
extern CdcQueue *cdc_queue_create(size_t limit);
extern void cdc_queue_destroy(CdcQueue *queue); /* NULL is allowed */

/*
 * The writer.  Room for a message of len bytes, contiguous and aligned to 8;
 * waits while the queue is full (a message over the limit is taken when the
 * queue is empty).  NULL with CDC_ERR_NOMEM, or CDC_ERR_CANCELLED after
 * cdc_queue_close().  The reader sees it after publish.
 */
extern char *cdc_queue_reserve(CdcQueue *queue, size_t len, CdcError *err);
extern void cdc_queue_publish(CdcQueue *queue, size_t len);

/* No more messages until the reader's reset; everything written before is seen. */
extern void cdc_queue_finish(CdcQueue *queue);

/*
 * The reader.  The next message, valid until the next call; or NULL: then
 * *finished is true (no more will come), or the descriptor will tell.
 */
extern const char *cdc_queue_take(CdcQueue *queue, size_t *len, bool *finished);
extern int	cdc_queue_fd(const CdcQueue *queue);

/* The reader does not wait for the descriptor: until it takes again, it need not tell. */
extern void cdc_queue_look_away(CdcQueue *queue);

/* Drops what is left and starts anew; only while the writer is idle. */
extern void cdc_queue_reset(CdcQueue *queue);

/* Any thread.  Ends waits of the writer for good. */
extern void cdc_queue_close(CdcQueue *queue);
extern bool cdc_queue_finished(const CdcQueue *queue);

/*
 * Since when the writer does not wait for room any more, ms on the monotonic
 * clock; *waits: it does now.
 */
extern int64_t cdc_queue_writer_resumed_ms(const CdcQueue *queue, bool *waits);

#endif							/* CDC_SOURCE_QUEUE_H */

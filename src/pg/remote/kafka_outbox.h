/*-------------------------------------------------------------------------
 *
 * kafka_outbox.h
 *	  Messages for Kafka that this transaction wants to send: kept until it
 *	  commits, sent and confirmed by the brokers right before, forgotten when it
 *	  (or the subtransaction that wrote them) rolls back.
 *
 * In memory up to the option memory_limit, the rest in a temporary file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_KAFKA_OUTBOX_H
#define CDC_PG_REMOTE_KAFKA_OUTBOX_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/remote/kafka_send.h"
#include "source/kafka.h"

/* Where messages go: a cluster, seen by a role, with a producer's properties. */
typedef struct CdcOutlet CdcOutlet;

/*
 * The outlet of this transaction; the same one for the same arguments.
 * overrides: DefElems, as in cdc_kafka_source_open(); copied.
 */
extern CdcOutlet *cdc_outbox_outlet(Oid serverid, Oid userid, List *overrides);

/* The same for a stream (kafka_send.h), whose lock the transaction holds to its end. */
extern CdcOutlet *cdc_outbox_stream(Oid serverid, Oid userid, List *overrides,
									const CdcKafkaStream *stream);

/* How far the outlet's stream is with the messages that it has got. */
extern void cdc_outbox_advance(CdcOutlet *outlet, int64 upto);

/* Everything is copied.  ERROR for a message over the outlet's message_max_bytes. */
extern void cdc_outbox_append(CdcOutlet *outlet, const CdcOutMessage *message);

/* From _PG_init(): messages are sent before commit. */
extern void cdc_outbox_init(void);

#endif							/* CDC_PG_REMOTE_KAFKA_OUTBOX_H */

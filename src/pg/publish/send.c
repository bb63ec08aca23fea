/*-------------------------------------------------------------------------
 *
 * send.c
 *	  Messages of a run of publish: sent while the history is read, all of them
 *	  confirmed before the position moves.
 *
 * What is under way is bounded (kafka_send.c), so that a run over a history of
 * any size needs neither memory nor a file for it.  Should the transaction roll
 * back behind that, its messages are there and come again: at least once.
 *
 * Not so with a transactional_id: there they wait in the outbox (kafka_outbox.c)
 * for the commit.  The brokers give a transaction a limited time, of which
 * reading takes nothing then, and what rolls back is not to be seen.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

void
cdc_publish_open(CdcPublisher *publisher, Oid serverid, Oid userid, List *overrides)
{
	const CdcPublication *p = publisher->publication;
	CdcKafkaStream stream = {p->name, p->published_seq, p->published_seq};

	cdc_kafka_target_init(&publisher->target, serverid, userid, overrides);
	publisher->max_bytes = cdc_kafka_target_max_bytes(&publisher->target);
	if (cdc_kafka_target_transactional(&publisher->target))
		publisher->outlet = cdc_outbox_stream(serverid, userid, overrides, &stream);
}

/* The sender, which connects: not before there is something to send. */
static CdcKafkaSender *
sender_of(CdcPublisher *publisher)
{
	if (publisher->sender == NULL)
		publisher->sender = cdc_kafka_sender_open(&publisher->target);
	return publisher->sender;
}

int
cdc_publish_partitions(CdcPublisher *publisher, const char *topic)
{
	if (publisher->outlet != NULL)
		return cdc_kafka_target_partitions(&publisher->target, topic, PG_INT32_MAX);
	return cdc_kafka_sender_partitions(sender_of(publisher), topic);
}

void
cdc_publish_send(CdcPublisher *publisher, const CdcOutMessage *m)
{
	publisher->messages++;
	cdc_publish_note_sent(publisher);
	if (publisher->outlet != NULL)
	{
		cdc_outbox_append(publisher->outlet, m);
		return;
	}
	cdc_kafka_check_size(publisher->max_bytes, m->topic, m->key_len + m->value_len,
						 (uint64) publisher->messages);
	cdc_kafka_sender_send(sender_of(publisher), m, (uint64) publisher->messages);
}

void
cdc_publish_flush(CdcPublisher *publisher, int64 last)
{
	if (publisher->outlet != NULL)
		cdc_outbox_advance(publisher->outlet, last);
	if (publisher->sender == NULL)
		return;
	cdc_kafka_sender_flush(publisher->sender);
	cdc_kafka_sender_commit(publisher->sender);
	publisher->sender = NULL;
}

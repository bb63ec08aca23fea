/*-------------------------------------------------------------------------
 *
 * kafka_outbox.c
 *	  Messages for Kafka until their transaction commits: in memory up to the
 *	  option memory_limit of the first server written to, then in a file.
 *
 * A record is an OutRecord, then key, value and headers (kafka_headers.h).  All
 * outlets share one buffer, so that a rollback to a savepoint only cuts its end
 * off: marks[] has, for each subtransaction that wrote, what the buffer held
 * before.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/kafka_outbox.h"

#include "access/xact.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/base/compat_storage.h"
#include "pg/base/group_buffer.h"
#include "source/kafka_headers.h"
#include "pg/remote/kafka_send.h"

typedef struct OutRecord
{
	uint32		outlet;			/* index */
	uint32		topic;			/* index of the outlet's topics */
	int32		partition;
	int32		key_len;		/* -1: no key */
	int32		value_len;		/* -1: NULL */
	uint32		nheaders;
	int64		ts_ms;
} OutRecord;

struct CdcOutlet
{
	uint32		index;
	CdcKafkaTarget target;
	int64		max_bytes;
	char	  **topics;
	int32	   *partitions;		/* of each topic the highest that was asked for, or -1 */
	uint32		ntopics;
	uint32		cap;
	uint32		last;			/* topic of the last message */
};

/* What the buffer held when a subtransaction of this depth wrote first. */
typedef struct Mark
{
	int			level;
	uint64		messages;
	uint64		bytes;
} Mark;

typedef struct Outbox
{
	MemoryContext context;
	CdcGroupBuffer *buffer;
	uint64		messages;
	uint64		bytes;			/* of records, without group_buffer's lengths */
	bool		cut;			/* the buffer still has more than that */
	CdcOutlet **outlets;
	uint32		noutlets;
	int			nused;			/* outlets that have had messages */
	Mark	   *marks;
	int			nmarks;
	int			mark_cap;
	char	   *headers;		/* of a message, put together */
	size_t		headers_cap;
} Outbox;

static Outbox *outbox = NULL;	/* of the transaction that is open */

static Outbox *
outbox_get(void)
{
	MemoryContext context;
	Outbox	   *box;

	if (outbox != NULL)
		return outbox;
	context = AllocSetContextCreate(TopTransactionContext, "cdc_ingest outgoing messages",
									ALLOCSET_DEFAULT_SIZES);
	box = MemoryContextAllocZero(context, sizeof(Outbox));
	box->context = context;
	outbox = box;
	return box;
}

static bool
is_outlet(const CdcKafkaTarget *target, Oid serverid, Oid userid, List *overrides,
		  const char *stream)
{
	if (!cdc_kafka_target_is(target, serverid, userid, overrides))
		return false;
	if (stream == NULL || target->stream.name == NULL)
		return stream == target->stream.name;
	return strcmp(stream, target->stream.name) == 0;
}

CdcOutlet *
cdc_outbox_outlet(Oid serverid, Oid userid, List *overrides)
{
	CdcKafkaStream none = {NULL, 0, 0};

	return cdc_outbox_stream(serverid, userid, overrides, &none);
}

CdcOutlet *
cdc_outbox_stream(Oid serverid, Oid userid, List *overrides, const CdcKafkaStream *stream)
{
	Outbox	   *box = outbox_get();
	MemoryContext old;
	CdcOutlet  *outlet;
	uint32		i;

	for (i = 0; i < box->noutlets; i++)
	{
		if (is_outlet(&box->outlets[i]->target, serverid, userid, overrides, stream->name))
			return box->outlets[i];
	}
	old = MemoryContextSwitchTo(box->context);
	outlet = palloc0(sizeof(CdcOutlet));
	outlet->index = box->noutlets;
	cdc_kafka_target_init(&outlet->target, serverid, userid, overrides);
	outlet->target.stream = *stream;
	if (stream->name != NULL)
		outlet->target.stream.name = pstrdup(stream->name);
	outlet->max_bytes = cdc_kafka_target_max_bytes(&outlet->target);
	if (box->buffer == NULL)
		box->buffer = cdc_group_buffer_create_transient(box->context,
														cdc_kafka_target_memory_limit(&outlet->target));
	box->outlets = box->noutlets == 0 ? palloc(sizeof(CdcOutlet *)) :
		repalloc(box->outlets, sizeof(CdcOutlet *) * (box->noutlets + 1));
	box->outlets[box->noutlets++] = outlet;
	MemoryContextSwitchTo(old);
	return outlet;
}

void
cdc_outbox_advance(CdcOutlet *outlet, int64 upto)
{
	if (outlet->ntopics == 0)
		cdc_kafka_stream_pass(&outlet->target, upto);
	outlet->target.stream.upto = upto;
}

static uint32
topic_index(Outbox *box, CdcOutlet *outlet, const char *topic)
{
	uint32		i;

	if (outlet->ntopics > 0 && strcmp(outlet->topics[outlet->last], topic) == 0)
		return outlet->last;
	for (i = 0; i < outlet->ntopics; i++)
	{
		if (strcmp(outlet->topics[i], topic) == 0)
			return outlet->last = i;
	}
	if (outlet->ntopics == outlet->cap)
	{
		uint32		cap = Max(outlet->cap * 2, 8);

		outlet->topics = outlet->topics == NULL ?
			MemoryContextAlloc(box->context, sizeof(char *) * cap) :
			repalloc(outlet->topics, sizeof(char *) * cap);
		outlet->partitions = outlet->partitions == NULL ?
			MemoryContextAlloc(box->context, sizeof(int32) * cap) :
			repalloc(outlet->partitions, sizeof(int32) * cap);
		outlet->cap = cap;
	}
	outlet->topics[outlet->ntopics] = MemoryContextStrdup(box->context, topic);
	outlet->partitions[outlet->ntopics] = -1;
	if (outlet->ntopics == 0)
	{
		if (box->nused++ == CDC_KAFKA_SENDERS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a transaction can send to %d Kafka servers at most", CDC_KAFKA_SENDERS),
					 errdetail("The same server counts again for another user or other options of the table.")));
		cdc_kafka_sender_prepare(&outlet->target, topic);
	}
	return outlet->last = outlet->ntopics++;
}

/* The first message of a subtransaction notes where that begins. */
static void
note_level(Outbox *box)
{
	int			level = GetCurrentTransactionNestLevel();
	Mark	   *mark;

	if (level <= 1 || (box->nmarks > 0 && box->marks[box->nmarks - 1].level >= level))
		return;
	if (box->nmarks == box->mark_cap)
	{
		int			cap = Max(box->mark_cap * 2, 16);

		box->marks = box->marks == NULL ?
			MemoryContextAlloc(box->context, sizeof(Mark) * cap) :
			repalloc(box->marks, sizeof(Mark) * cap);
		box->mark_cap = cap;
	}
	mark = &box->marks[box->nmarks++];
	mark->level = level;
	mark->messages = box->messages;
	mark->bytes = box->bytes;
}

/* Takes out of the buffer what was rolled back. */
static void
cut(Outbox *box)
{
	if (box->cut)
		cdc_group_buffer_truncate(box->buffer, box->messages, box->bytes);
	box->cut = false;
}

/* As cdc_kafka_headers_read() takes them; valid until the next call. */
static const char *
pack_headers(Outbox *box, const CdcOutMessage *m, size_t size)
{
	if (m->nheaders == 0)
		return NULL;
	if (size > box->headers_cap)
	{
		size_t		cap = Max(size, Max(box->headers_cap * 2, 1024));

		if (box->headers != NULL)
			pfree(box->headers);
		box->headers = NULL;
		box->headers_cap = 0;
		box->headers = MemoryContextAllocHuge(box->context, cap);
		box->headers_cap = cap;
	}
	(void) cdc_kafka_headers_write(box->headers, m->headers, m->nheaders);
	return box->headers;
}

void
cdc_outbox_append(CdcOutlet *outlet, const CdcOutMessage *m)
{
	Outbox	   *box = outbox_get();
	size_t		headers = cdc_kafka_headers_size(m->headers, m->nheaders);
	OutRecord	record;
	CdcGroupPart parts[4];

	cdc_kafka_check_size(outlet->max_bytes, m->topic, m->key_len + m->value_len + headers,
						 box->messages + 1);
	memset(&record, 0, sizeof(record));
	record.outlet = outlet->index;
	record.topic = topic_index(box, outlet, m->topic);
	record.partition = m->partition;
	outlet->partitions[record.topic] = Max(outlet->partitions[record.topic], m->partition);
	record.key_len = m->key == NULL ? -1 : (int32) m->key_len;
	record.value_len = m->value == NULL ? -1 : (int32) m->value_len;
	record.nheaders = (uint32) m->nheaders;
	record.ts_ms = m->ts_ms;

	parts[0] = (CdcGroupPart) {&record, sizeof(record)};
	parts[1] = (CdcGroupPart) {m->key, m->key_len};
	parts[2] = (CdcGroupPart) {m->value, m->value_len};
	parts[3] = (CdcGroupPart) {pack_headers(box, m, headers), headers};
	cut(box);
	note_level(box);
	cdc_group_buffer_append_parts(box->buffer, parts, lengthof(parts));
	box->messages++;
	box->bytes += sizeof(record) + m->key_len + m->value_len + headers;
}

/*
 * Sending
 */

/*
 * Reads the next message of an outlet, after cdc_group_buffer_rewind(); false when
 * there is none any more.  *rest is what follows the record; it is valid until the
 * next call.  *number counts the messages of all outlets; it is 0 before the first.
 */
static bool
next_record(Outbox *box, const CdcOutlet *outlet, OutRecord *record, const char **rest,
			uint64 *number)
{
	const uint8 *data;
	size_t		len;

	while (cdc_group_buffer_next(box->buffer, &data, &len))
	{
		CHECK_FOR_INTERRUPTS();
		(*number)++;
		memcpy(record, data, sizeof(*record));
		if (record->outlet == outlet->index)
		{
			*rest = (const char *) data + sizeof(*record);
			return true;
		}
	}
	return false;
}

/*
 * One outlet's messages, in the order in which they were written.  NULL when it
 * has none (any more).
 */
static CdcKafkaSender *
send_outlet(Outbox *box, CdcOutlet *outlet)
{
	CdcKafkaSender *sender = NULL;
	CdcKafkaHeader *headers = NULL;
	uint32		header_cap = 0;
	OutRecord	record;
	const char *at;
	uint64		number = 0;

	cdc_group_buffer_rewind(box->buffer);
	while (next_record(box, outlet, &record, &at, &number))
	{
		CdcOutMessage m;

		if (record.nheaders > header_cap)
		{
			header_cap = record.nheaders;
			headers = headers == NULL ? palloc(sizeof(CdcKafkaHeader) * header_cap) :
				repalloc(headers, sizeof(CdcKafkaHeader) * header_cap);
		}
		m.topic = outlet->topics[record.topic];
		m.partition = record.partition;
		m.ts_ms = record.ts_ms;
		m.key = record.key_len < 0 ? NULL : at;
		m.key_len = Max(record.key_len, 0);
		at += m.key_len;
		m.value = record.value_len < 0 ? NULL : at;
		m.value_len = Max(record.value_len, 0);
		at += m.value_len;
		cdc_kafka_headers_read(at, headers, (int) record.nheaders);
		m.nheaders = (int) record.nheaders;
		m.headers = headers;
		if (sender == NULL)
			sender = cdc_kafka_sender_open(&outlet->target);
		cdc_kafka_sender_send(sender, &m, number);
	}
	if (sender != NULL)
		cdc_kafka_sender_flush(sender);
	if (headers != NULL)
		pfree(headers);
	return sender;
}

/* ERROR if a message is for a partition that its topic, which has n, does not have. */
static void
refuse_partitions(Outbox *box, const CdcOutlet *outlet, uint32 topic, int n)
{
	OutRecord	record;
	const char *rest;
	uint64		number = 0;

	cdc_group_buffer_rewind(box->buffer);
	while (next_record(box, outlet, &record, &rest, &number))
	{
		if (record.topic == topic && record.partition >= n)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("topic \"%s\" has no partition %d", outlet->topics[topic],
							record.partition),
					 errdetail("It has %d, numbered from 0.  It is message " UINT64_FORMAT " of the transaction; nothing has been sent.",
							   n, number)));
	}
}

static bool
has_server(const CdcOutlet *outlet)
{
	return SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(outlet->target.serverid));
}

/* Likewise: the transaction may have dropped a server behind its messages. */
static void
check_servers(Outbox *box)
{
	uint32		i;

	for (i = 0; i < box->noutlets; i++)
	{
		CdcOutlet  *outlet = box->outlets[i];
		OutRecord	record;
		const char *rest;
		uint64		number = 0;

		if (has_server(outlet))
			continue;
		cdc_group_buffer_rewind(box->buffer);
		if (next_record(box, outlet, &record, &rest, &number))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("the server of messages for topic \"%s\" was dropped in the same transaction",
							outlet->topics[record.topic]),
					 errdetail("Messages go to Kafka at COMMIT; nothing has been sent."),
					 errhint("Drop the server in a transaction of its own.")));
	}
}

/* Before the first message is sent: one that cannot be would make others be sent in vain. */
static void
check_partitions(Outbox *box)
{
	uint32		i;
	uint32		t;

	for (i = 0; i < box->noutlets; i++)
	{
		CdcOutlet  *outlet = box->outlets[i];

		for (t = 0; t < outlet->ntopics; t++)
		{
			int			n;

			if (outlet->partitions[t] < 0 || !has_server(outlet))
				continue;
			n = cdc_kafka_target_partitions(&outlet->target, outlet->topics[t],
											outlet->partitions[t]);
			/* the message may have been rolled back */
			if (n > 0 && outlet->partitions[t] >= n)
				refuse_partitions(box, outlet, t, n);
		}
	}
}

/* Kafka's transactions are committed when all messages have arrived. */
static void
send_all(Outbox *box)
{
	CdcKafkaSender **senders = palloc(sizeof(CdcKafkaSender *) * box->noutlets);
	uint32		i;

	cut(box);
	check_servers(box);
	check_partitions(box);
	for (i = 0; i < box->noutlets; i++)
		senders[i] = send_outlet(box, box->outlets[i]);
	for (i = 0; i < box->noutlets; i++)
	{
		if (senders[i] != NULL)
			cdc_kafka_sender_commit(senders[i]);
	}
	pfree(senders);
}

/*
 * Transactions
 */

/*
 * While errors can still be dealt with; at abort the context and the file are
 * left to the transaction, as closing a file may write to it.
 */
static void
destroy(void)
{
	Outbox	   *box = outbox;

	outbox = NULL;
	cdc_group_buffer_destroy(box->buffer);	/* or NULL */
}

static void
on_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		cdc_kafka_sender_abort(0);
	if (outbox == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (outbox->messages > 0)
				send_all(outbox);
			destroy();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (outbox->messages > 0 && CDC_DISPATCHED())
				send_all(outbox);
			else if (outbox->messages > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot prepare a transaction that has written to Kafka"),
						 errdetail("Its messages could not be kept until COMMIT PREPARED."),
						 errhint("Use COMMIT.")));
			destroy();
			break;
		case XACT_EVENT_COMMIT:
			/* only where something else that runs before the commit came behind us */
			if (outbox->messages > 0)
				ereport(WARNING,
						(errmsg_plural(UINT64_FORMAT " message for Kafka was written too late to be sent",
									   UINT64_FORMAT " messages for Kafka were written too late to be sent",
									   (unsigned long) outbox->messages, outbox->messages)));
			outbox = NULL;
			break;
		case XACT_EVENT_ABORT:
			outbox = NULL;
			break;
		default:
			break;
	}
}

static void
on_subtransaction(SubXactEvent event, SubTransactionId my, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	Mark	   *mark;

	if (event == SUBXACT_EVENT_ABORT_SUB)
		cdc_kafka_sender_abort(level);
	if (outbox == NULL || outbox->nmarks == 0)
		return;
	mark = &outbox->marks[outbox->nmarks - 1];
	if (mark->level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		/* not here: it may write to the file, and fail */
		outbox->cut = true;
		outbox->messages = mark->messages;
		outbox->bytes = mark->bytes;
		outbox->nmarks--;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		/* its messages are the parent's now, and so is its mark, unless that has one */
		if (level <= 2 || (outbox->nmarks > 1 && (mark - 1)->level >= level - 1))
			outbox->nmarks--;
		else
			mark->level = level - 1;
	}
}

void
cdc_outbox_init(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
}

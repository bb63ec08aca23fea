/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  A message on its way from the protocol to the formatter.
 *
 * A frame is a FrameHead, then key, value and headers (remote/kafka_headers.h).
 *
 *-------------------------------------------------------------------------
 */
#include "pg/greenplum/frame.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "source/kafka_headers.h"

/* Text that was taken for a frame has other bytes here. */
#define FRAME_MAGIC		0x43444301

typedef struct FrameHead
{
	uint32		magic;
	int32		partition;
	uint64		size;			/* of the whole frame */
	int64		offset;
	int64		ts_ms;
	int32		key_len;		/* -1: none */
	int32		value_len;		/* -1: NULL */
	int32		nheaders;
	int32		unused;
} FrameHead;

void
cdc_frame_append(StringInfo buf, const CdcKafkaMessage *msg)
{
	int			start = buf->len;
	FrameHead	head;

	memset(&head, 0, sizeof(head));
	head.magic = FRAME_MAGIC;
	head.partition = msg->partition;
	head.offset = msg->offset;
	head.ts_ms = msg->ts_ms;
	head.key_len = msg->key == NULL ? -1 : (int32) msg->key_len;
	head.value_len = msg->value == NULL ? -1 : (int32) msg->value_len;
	head.nheaders = msg->nheaders;
	appendBinaryStringInfo(buf, (char *) &head, sizeof(head));
	if (head.key_len > 0)
		appendBinaryStringInfo(buf, msg->key, head.key_len);
	if (head.value_len > 0)
		appendBinaryStringInfo(buf, msg->value, head.value_len);
	if (msg->nheaders > 0)
	{
		size_t		size = cdc_kafka_headers_size(msg->headers, msg->nheaders);

		enlargeStringInfo(buf, (int) size);
		(void) cdc_kafka_headers_write(buf->data + buf->len, msg->headers, msg->nheaders);
		buf->len += (int) size;
	}
	head.size = buf->len - start;
	memcpy(buf->data + start, &head, sizeof(head));
}

size_t
cdc_frame_size(const char *data, size_t len)
{
	FrameHead	head;

	if (len < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	if (head.magic != FRAME_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("formatter cdc.kafka_in was given what no kafka:// URL brings")));
	return head.size <= len ? (size_t) head.size : 0;
}

void
cdc_frame_read(const char *data, CdcKafkaMessage *msg)
{
	FrameHead	head;
	CdcKafkaHeader *headers;

	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	memset(msg, 0, sizeof(*msg));
	msg->partition = head.partition;
	msg->offset = head.offset;
	msg->ts_ms = head.ts_ms;
	msg->key = head.key_len < 0 ? NULL : data;
	msg->key_len = Max(head.key_len, 0);
	data += msg->key_len;
	msg->value = head.value_len < 0 ? NULL : data;
	msg->value_len = Max(head.value_len, 0);
	data += msg->value_len;
	if (head.nheaders == 0)
		return;
	headers = palloc(sizeof(CdcKafkaHeader) * head.nheaders);
	cdc_kafka_headers_read(data, headers, head.nheaders);
	msg->nheaders = head.nheaders;
	msg->headers = headers;
}

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */

/*-------------------------------------------------------------------------
 *
 * event_fields.c
 *	  Fields that events of all kinds have: names, and what is known of the
 *	  transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "core/binlog_position.h"
#include "core/event_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Now, as Maxwell writes it: seconds with microseconds. */
static CdcStatus
put_push_timestamp(CdcSink *sink)
{
	struct timespec now;
	char		text[40];
	int			len;
	CdcStatus	st = cdc_put_key(sink, "push_ts");

	clock_gettime(CLOCK_REALTIME, &now);
	len = snprintf(text, sizeof(text), "%lld.%06ld", (long long) now.tv_sec, now.tv_nsec / 1000);
	return st == CDC_OK ? sink->ops->decimal(sink, text, (size_t) len) : st;
}

CdcStatus
cdc_event_transaction(CdcSink *sink, const CdcEventOptions *options,
					  const CdcTransaction *txn, const CdcChange *change)
{
	CdcStatus	st = cdc_put_int64(sink, "ts", change->ts);

	if (st == CDC_OK && options->commit_info && txn->xid != 0)
		st = cdc_put_uint64(sink, "xid", txn->xid);
	if (st == CDC_OK && options->position && txn->file != NULL)
	{
		char		position[CDC_POSITION_TEXT];
		size_t		len = cdc_binlog_position_text(position, txn->file, change->offset);

		st = cdc_put_string(sink, "position", position, len);
	}
	if (st == CDC_OK && options->gtid && txn->gtid != NULL)
		st = cdc_put_text(sink, "gtid", txn->gtid);
	if (st == CDC_OK && options->server_id)
		st = cdc_put_uint64(sink, "server_id", txn->server_id);
	if (st == CDC_OK && options->thread_id && txn->thread_id != 0)
		st = cdc_put_uint64(sink, "thread_id", txn->thread_id);
	if (st == CDC_OK && options->push_timestamp)
		st = put_push_timestamp(sink);
	return st;
}

CdcStatus
cdc_event_names(CdcSink *sink, CdcString database, const char *table, const char *type,
				size_t type_len)
{
	CdcStatus	st = CDC_OK;

	if (database.len > 0)
		st = cdc_put_string(sink, "database", database.data, database.len);
	if (st == CDC_OK && table[0] != '\0')
		st = cdc_put_text(sink, "table", table);
	return st == CDC_OK ? cdc_put_string(sink, "type", type, type_len) : st;
}

/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  First of the binlog's two stages: raw events, checksums, position.
 *
 * What an event means for the group that it belongs to is in stream_group.c.
 *
 * Offsets in event headers have 32 bits, files may be longer: the position is
 * counted in 64 bits from the sizes of the events, and the header's low 32
 * bits correct it where a server has left events out (it filters by GTID).
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/stream.h"

#include <stdlib.h>
#include <string.h>

#include "binlog/stream_internal.h"

#define BINLOG_FIRST_OFFSET	4

CdcStream *
cdc_stream_create(CdcFlavor flavor, const char *file, uint64_t offset)
{
	CdcStream  *stream = calloc(1, sizeof(CdcStream));

	if (stream == NULL)
		return NULL;
	stream->flavor = flavor;
	strncpy(stream->file, file ? file : "", sizeof(stream->file) - 1);
	stream->offset = offset;
	return stream;
}

void
cdc_stream_destroy(CdcStream *stream)
{
	if (stream == NULL)
		return;
	cdc_payload_destroy(stream->payload);
	cdc_savepoints_free(&stream->savepoints);
	cdc_buf_free(&stream->dml);
	cdc_buf_free(&stream->dml_database);
	cdc_charsets_free(&stream->charsets);
	cdc_buf_free(&stream->scratch);
	free(stream);
}

void
cdc_stream_accept_xa(CdcStream *stream)
{
	stream->accept_xa = true;
}

void
cdc_stream_keep_queries(CdcStream *stream, bool keep)
{
	stream->keep_queries = keep;
}

bool
cdc_stream_in_group(const CdcStream *stream)
{
	return stream->state != CDC_GROUP_NONE;
}

const char *
cdc_stream_file(const CdcStream *stream)
{
	return stream->file;
}

uint64_t
cdc_stream_offset(const CdcStream *stream)
{
	return stream->offset;
}

uint64_t
cdc_stream_event_start(const CdcStream *stream)
{
	return stream->event_start;
}

uint64_t
cdc_stream_statement_dml(const CdcStream *stream, CdcString *sql)
{
	if (sql != NULL)
	{
		sql->data = stream->dml.len > 0 ? stream->dml.data : "";
		sql->len = stream->dml.len > 0 ? stream->dml.len - 1 : 0;
	}
	return stream->ndml;
}

const char *
cdc_stream_statement_database(const CdcStream *stream, uint64_t *sql_mode)
{
	*sql_mode = stream->dml_mode;
	return stream->dml_database.len > 0 ? stream->dml_database.data : "";
}

uint64_t
cdc_stream_skipped(const CdcStream *stream, uint8_t *type)
{
	if (type != NULL)
		*type = stream->skipped_type;
	return stream->nskipped;
}

const struct CdcFormat *
cdc_stream_format(const CdcStream *stream)
{
	return stream->has_format ? &stream->format : NULL;
}

/* The position in an item outside of groups, or the start of the open one. */
static void
fill_position(CdcStream *stream, CdcItem *item)
{
	if (stream->state != CDC_GROUP_NONE)
	{
		item->txn.file = stream->group_file;
		item->txn.start_offset = item->txn.end_offset = stream->txn.start_offset;
		return;
	}
	item->txn.file = stream->file;
	item->txn.start_offset = stream->event_start;
	item->txn.end_offset = stream->offset;
	item->txn.server_id = stream->h.server_id;
	item->txn.commit_us = (int64_t) stream->h.timestamp * 1000000;
}

/*
 * Moves the position behind the event.  Artificial events have no place in
 * the file: their log_pos is 0, or they say so.  But from MariaDB 11.7 on the
 * events inside of a group, too, have 0.
 */
static void
advance(CdcStream *stream)
{
	uint64_t	base = stream->offset;
	uint32_t	gap;

	stream->event_start = base;
	if (stream->h.log_pos == 0 || (stream->h.flags & CDC_EVF_ARTIFICIAL))
	{
		if (stream->state != CDC_GROUP_NONE && !(stream->h.flags & CDC_EVF_ARTIFICIAL))
			stream->offset += stream->h.size;
		return;
	}

	/*
	 * A format description sent for a start in the middle of a file stands at
	 * the file's start.
	 */
	if (stream->h.type == CDC_EV_FORMAT_DESCRIPTION &&
		stream->h.log_pos < base && stream->h.log_pos == stream->h.size + BINLOG_FIRST_OFFSET)
		return;
	gap = stream->h.log_pos - (uint32_t) (base + stream->h.size);

	/* a gap of the checksum's length: it was removed on the way */
	if (gap != CDC_EV_CHECKSUM_LEN)
		stream->event_start = base + gap;
	stream->offset = base + stream->h.size + gap;
}

/* A file begins here: a group that is still open was never committed. */
static void
begin_file(CdcStream *stream, CdcItem *item)
{
	if (stream->state != CDC_GROUP_NONE)
		cdc_stream_abandon_group(stream, item);
	else
	{
		item->kind = CDC_ITEM_POSITION;
		fill_position(stream, item);
	}
}

/* Sets the current file; false when the name cannot be one. */
static bool
set_file(CdcStream *stream, const uint8_t *name, size_t len)
{
	if (len == 0 || len >= sizeof(stream->file))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (name[i] < ' ' || name[i] == 0x7f)
			return false;
	}
	memcpy(stream->file, name, len);
	stream->file[len] = '\0';
	return true;
}

/* Rotate: the next file's first offset u64, its name. */
static CdcStatus
feed_rotate(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcReader	r;
	uint64_t	offset;

	cdc_reader_init(&r, data + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	offset = cdc_read_le(&r, 8);
	if (r.failed || offset < BINLOG_FIRST_OFFSET ||
		!set_file(stream, r.p, cdc_reader_left(&r)))
		return cdc_error(err, CDC_ERR_CORRUPT, "rotate event is malformed");
	stream->offset = offset;
	begin_file(stream, item);
	return CDC_OK;
}

/*
 * Heartbeat: log_pos and the file's name as body.  Version 2: fields of type,
 * length (both length-encoded) and value up to type 0; 1 = the file's name,
 * 2 = the offset in 64 bits, itself length-encoded.  Source: MySQL's
 * libs/mysql/binlog/event/control_events.h, Heartbeat_event_v2.
 */
static CdcStatus
feed_heartbeat(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcReader	r;
	const uint8_t *name;
	uint64_t	name_len;
	uint64_t	offset;
	bool		same_file;

	cdc_reader_init(&r, data + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	if (stream->h.type == CDC_EV_HEARTBEAT)
	{
		name = r.p;
		name_len = cdc_reader_left(&r);
		offset = stream->h.log_pos;
	}
	else
	{
		name = NULL;
		name_len = offset = 0;
		while (cdc_reader_left(&r) > 0 && !r.failed)
		{
			uint64_t	type = cdc_read_packed(&r);
			uint64_t	field_len;
			const uint8_t *field;
			CdcReader	value;

			if (type == 0 || r.failed)
				break;
			field_len = cdc_read_packed(&r);
			field = cdc_read_bytes(&r, field_len);
			if (field == NULL)
				break;
			cdc_reader_init(&value, field, (size_t) field_len);
			if (type == 1)
			{
				name = field;
				name_len = field_len;
			}
			else if (type == 2)
				offset = cdc_read_packed(&value);
			r.failed |= value.failed;
		}
	}
	if (r.failed)
		return cdc_error(err, CDC_ERR_CORRUPT, "heartbeat event is malformed");

	same_file = (name_len == strlen(stream->file) && name_len > 0 &&
				 memcmp(name, stream->file, name_len) == 0);
	if (stream->state == CDC_GROUP_NONE && name_len > 0 && offset >= BINLOG_FIRST_OFFSET)
	{
		if (!same_file)
		{
			if (!set_file(stream, name, (size_t) name_len))
				return cdc_error(err, CDC_ERR_CORRUPT, "heartbeat event is malformed");
			stream->offset = offset;
		}
		else if (stream->h.type == CDC_EV_HEARTBEAT_V2)
		{
			if (offset > stream->offset)
				stream->offset = offset;
		}
		else if (stream->offset < (uint64_t) 1 << 32 && offset > stream->offset)
			stream->offset = offset;	/* 32 bits: no help in longer files */
	}
	item->kind = CDC_ITEM_HEARTBEAT;
	fill_position(stream, item);
	return CDC_OK;
}

/* Incident: number u16, length u8, message. */
static CdcStatus
feed_incident(CdcStream *stream, const uint8_t *data, size_t len, CdcError *err)
{
	CdcReader	r;
	uint64_t	number,
				n;
	const uint8_t *text;

	(void) stream;
	cdc_reader_init(&r, data + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	number = cdc_read_le(&r, 2);
	n = cdc_read_le(&r, 1);
	text = cdc_read_bytes(&r, n);
	cdc_error(err, CDC_ERR_SOURCE, "source reports that its binlog lost events (incident %llu)",
			  (unsigned long long) number);
	if (text != NULL && n > 0)
	{
		char		message[256];

		for (uint64_t i = 0; i < n; i++)
			message[i] = text[i] >= ' ' && text[i] < 0x7f ? (char) text[i] : '?';
		message[n] = '\0';
		cdc_error_detail(err, "The source says: %s.", message);
	}
	/* MariaDB sends it again at each connection, as it is in no transaction, until there is a new file */
	cdc_error_hint(err, "At the source: FLUSH BINARY LOGS; then here cdc.restart_subscription(), with the subscription's name, which reads on from there and copies all tables again.");
	return CDC_ERR_SOURCE;
}

static CdcStatus
feed_format(CdcStream *stream, const uint8_t *data, size_t *len, CdcItem *item, CdcError *err)
{
	size_t		checksum_len;
	CdcStatus	st = cdc_format_parse(&stream->format, data, *len, &checksum_len, err);

	if (cdc_failed(st))
	{
		stream->has_format = false;
		return st;
	}
	stream->has_format = true;
	stream->flavor = stream->format.flavor;
	*len -= checksum_len;
	item->event_len = *len;
	advance(stream);
	begin_file(stream, item);
	return CDC_OK;
}

/* Verifies and removes the checksum, where there is one. */
static CdcStatus
strip_checksum(CdcStream *stream, const uint8_t *data, size_t *len, CdcError *err)
{
	bool		artificial_rotate = stream->h.type == CDC_EV_ROTATE && stream->h.log_pos == 0;

	if (!stream->has_format || artificial_rotate)
	{
		/*
		 * The rotate event that a dump starts with comes before the format
		 * description that would tell, and the one between two files may go
		 * by either file's setting: a sum that fits is one.
		 */
		if (stream->h.type != CDC_EV_ROTATE)
			return cdc_error(err, CDC_ERR_CORRUPT,
							 "%s event comes before the format description",
							 cdc_event_type_name(stream->h.type));
		if (cdc_checksum_matches(data, *len))
			*len -= CDC_EV_CHECKSUM_LEN;
		return CDC_OK;
	}
	if (!stream->format.checksum)
		return CDC_OK;
	if (!cdc_checksum_matches(data, *len))
	{
		cdc_error(err, CDC_ERR_CORRUPT, "checksum of %s event does not match",
				  cdc_event_type_name(stream->h.type));
		cdc_error_detail(err, "The binlog is damaged or was damaged on its way.");
		return CDC_ERR_CORRUPT;
	}
	*len -= CDC_EV_CHECKSUM_LEN;
	return CDC_OK;
}

/*
 * The first event behind Start_encryption: whether it is an event at all.  Of
 * an encrypted one only the size is readable.
 */
static CdcStatus
check_encryption(CdcStream *stream, const uint8_t *data, size_t len, CdcError *err)
{
	bool		plain;

	stream->after_encryption = false;
	if (stream->format.checksum)
		plain = cdc_checksum_matches(data, len);
	else
		plain = stream->h.server_id == stream->encryption_server_id ||
			stream->h.log_pos == (uint32_t) (stream->offset + stream->h.size);
	if (plain)
		return CDC_OK;
	cdc_error(err, CDC_ERR_UNSUPPORTED, "binlog file is encrypted");
	cdc_error_hint(err, "Read it from the server, which decrypts it.");
	return CDC_ERR_UNSUPPORTED;
}

static CdcStatus
feed_event(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcStatus	st;

	if (stream->after_encryption)
	{
		st = check_encryption(stream, data, len, err);
		if (st != CDC_OK)
			return st;
	}
	if (stream->h.type == CDC_EV_FORMAT_DESCRIPTION)
		return feed_format(stream, data, &len, item, err);
	st = strip_checksum(stream, data, &len, err);
	if (cdc_failed(st))
		return st;
	item->event_len = len;

	switch (stream->h.type)
	{
		case CDC_EV_HEARTBEAT:
		case CDC_EV_HEARTBEAT_V2:
			return feed_heartbeat(stream, data, len, item, err);
		case CDC_EV_ROTATE:
			return feed_rotate(stream, data, len, item, err);
		default:
			break;
	}

	advance(stream);
	switch (stream->h.type)
	{
		case CDC_EV_STOP:
			item->kind = CDC_ITEM_STOP;
			fill_position(stream, item);
			return CDC_OK;
		case CDC_EV_INCIDENT:
			return feed_incident(stream, data, len, err);
		case CDC_EV_PREVIOUS_GTIDS:
		case CDC_EV_MARIA_GTID_LIST:
		case CDC_EV_MARIA_CHECKPOINT:
			if (stream->state == CDC_GROUP_NONE)
			{
				item->kind = CDC_ITEM_POSITION;
				fill_position(stream, item);
			}
			return CDC_OK;
		case CDC_EV_MARIA_START_ENCRYPTION:
			stream->after_encryption = true;
			stream->encryption_server_id = stream->h.server_id;
			return CDC_OK;
		default:
			return cdc_stream_group_event(stream, data, len, item, err);
	}
}

CdcStatus
cdc_stream_feed(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item,
				CdcError *err)
{
	CdcStatus	st;

	memset(item, 0, sizeof(*item));
	if (len < CDC_EV_HEADER_LEN)
		st = cdc_error(err, CDC_ERR_CORRUPT, "binlog event is too short (%zu bytes)", len);
	else
	{
		cdc_event_header(data, &stream->h);
		stream->event_start = stream->offset;
		item->event = data;
		item->event_len = len;
		if (stream->h.size != len)
			st = cdc_error(err, CDC_ERR_CORRUPT,
						   "binlog event of %zu bytes says that it has %u", len,
						   stream->h.size);
		else
			st = feed_event(stream, data, len, item, err);
	}
	if (cdc_failed(st))
		cdc_error_at(err, stream->file, stream->event_start);
	return st;
}

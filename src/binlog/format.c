/*-------------------------------------------------------------------------
 *
 * format.c
 *	  The event header, the format description event, checksums.
 *
 * Format description (type 15), after the common header: binlog version u16,
 * server version char[50], created u32, common header length u8, one byte
 * for each event type from 1 on: its post-header length; then, from MySQL
 * 5.6.1 and MariaDB 5.3 on, one byte: the checksum algorithm (0 none, 1
 * CRC32) and always four bytes of checksum for this event itself.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/format.h"

#include <stdio.h>
#include <string.h>
#ifdef CDC_HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif

#define FDE_FIXED_LEN	(2 + 50 + 4 + 1)

/* In a format description event that is in use, the flag is not summed up. */
#define EVF_BINLOG_IN_USE	0x01
#define FLAGS_OFFSET		17

void
cdc_event_header(const uint8_t *data, CdcEventHeader *h)
{
	h->timestamp = cdc_le32(data);
	h->type = data[4];
	h->server_id = cdc_le32(data + 5);
	h->size = cdc_le32(data + 9);
	h->log_pos = cdc_le32(data + 13);
	h->flags = cdc_le16(data + FLAGS_OFFSET);
}

/* Both sum up the same way; libdeflate uses the processor's own instructions. */
static uint32_t
sum_up(uint32_t crc, const uint8_t *data, size_t len)
{
#ifdef CDC_HAVE_LIBDEFLATE
	return libdeflate_crc32(crc, data, len);
#else
	return (uint32_t) crc32_z(crc, data, len);
#endif
}

bool
cdc_checksum_matches(const uint8_t *event, size_t len)
{
	uint32_t	crc;
	uint8_t		header[CDC_EV_HEADER_LEN];

	if (len < CDC_EV_HEADER_LEN + CDC_EV_CHECKSUM_LEN)
		return false;
	if (event[4] != CDC_EV_FORMAT_DESCRIPTION)
		crc = sum_up(0, event, len - CDC_EV_CHECKSUM_LEN);
	else
	{
		/* the server sums up before it sets the flag "in use" and never again */
		memcpy(header, event, sizeof(header));
		header[FLAGS_OFFSET] &= (uint8_t) ~EVF_BINLOG_IN_USE;
		crc = sum_up(0, header, sizeof(header));
		crc = sum_up(crc, event + sizeof(header), len - sizeof(header) - CDC_EV_CHECKSUM_LEN);
	}
	return crc == cdc_le32(event + len - CDC_EV_CHECKSUM_LEN);
}

uint32_t
cdc_event_sum(uint32_t sum, const uint8_t *event, size_t len)
{
	const size_t identity = 9;	/* time, type, server */
	uint32_t	crc = sum_up(sum, event, identity);
	uint8_t		length[8];
	int			i;

	if (event[4] == CDC_EV_FORMAT_DESCRIPTION)
		return crc;
	for (i = 0; i < 8; i++)
		length[i] = (uint8_t) ((uint64_t) len >> (8 * i));
	crc = sum_up(crc, length, sizeof(length));
	return sum_up(crc, event + CDC_EV_HEADER_LEN,
				  (len < CDC_EVENT_SUM_BYTES ? len : CDC_EVENT_SUM_BYTES) - CDC_EV_HEADER_LEN);
}

/* Reads "x.y.z..." into one number that orders versions; 0 when it is none. */
unsigned
cdc_server_version_number(const char *text)
{
	unsigned	x,
				y,
				z;

	if (sscanf(text, "%3u.%3u.%3u", &x, &y, &z) != 3)
		return 0;
	return x * 1000000 + y * 1000 + z;
}

CdcStatus
cdc_format_parse(CdcFormat *format, const uint8_t *event, size_t len,
				 size_t *checksum_len, CdcError *err)
{
	const uint8_t *body = event + CDC_EV_HEADER_LEN;
	size_t		body_len = len - CDC_EV_HEADER_LEN;
	unsigned	version;
	size_t		ntypes;

	if (len < CDC_EV_HEADER_LEN + FDE_FIXED_LEN)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "format description event is too short (%zu bytes)", len);
	if (cdc_le16(body) != 4)
		return cdc_error(err, CDC_ERR_UNSUPPORTED,
						 "binlog format version %u is not supported", cdc_le16(body));
	if (body[2 + 50 + 4] != CDC_EV_HEADER_LEN)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "format description event announces event headers of %u bytes",
						 body[2 + 50 + 4]);

	memset(format, 0, sizeof(*format));
	memcpy(format->server_version, body + 2, 50);
	format->flavor = strstr(format->server_version, "MariaDB") ? CDC_MARIADB : CDC_MYSQL;

	format->version = version = cdc_server_version_number(format->server_version);
	*checksum_len = 0;
	ntypes = body_len - FDE_FIXED_LEN;
	if (version >= (format->flavor == CDC_MARIADB ? 5003000u : 5006001u))
	{
		uint8_t		algorithm;

		if (ntypes < 1 + CDC_EV_CHECKSUM_LEN)
			return cdc_error(err, CDC_ERR_CORRUPT,
							 "format description event is too short (%zu bytes)", len);
		ntypes -= 1 + CDC_EV_CHECKSUM_LEN;
		algorithm = body[FDE_FIXED_LEN + ntypes];
		if (algorithm > 1)
			return cdc_error(err, CDC_ERR_UNSUPPORTED,
							 "binlog checksum algorithm %u is not supported", algorithm);
		format->checksum = (algorithm == 1);
		/* its own four bytes are there in both cases, the sum only in one */
		*checksum_len = CDC_EV_CHECKSUM_LEN;
		if (format->checksum && !cdc_checksum_matches(event, len))
			return cdc_error(err, CDC_ERR_CORRUPT,
							 "checksum of the format description event does not match");
	}
	if (ntypes > 255)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "format description event lists %zu event types", ntypes);
	/* the array starts with event type 1 */
	memcpy(format->post_header + 1, body + FDE_FIXED_LEN, ntypes);
	return CDC_OK;
}

const char *
cdc_event_type_name(uint8_t type)
{
	static const char *const names[] = {
		"Unknown", "Start_v3", "Query", "Stop", "Rotate", "Intvar", "Load",
		"Slave", "Create_file", "Append_block", "Exec_load", "Delete_file",
		"New_load", "Rand", "User_var", "Format_desc", "Xid",
		"Begin_load_query", "Execute_load_query", "Table_map",
		"Write_rows_v0", "Update_rows_v0", "Delete_rows_v0", "Write_rows_v1",
		"Update_rows_v1", "Delete_rows_v1", "Incident", "Heartbeat",
		"Ignorable", "Rows_query", "Write_rows", "Update_rows",
		"Delete_rows", "Gtid", "Anonymous_gtid", "Previous_gtids",
		"Transaction_context", "View_change", "XA_prepare",
		"Partial_update_rows", "Transaction_payload", "Heartbeat_v2",
		"Gtid_tagged"
	};
	static const char *const maria[] = {
		"Annotate_rows", "Binlog_checkpoint", "Gtid", "Gtid_list",
		"Start_encryption", "Query_compressed", "Write_rows_compressed_v1",
		"Update_rows_compressed_v1", "Delete_rows_compressed_v1",
		"Write_rows_compressed", "Update_rows_compressed",
		"Delete_rows_compressed"
	};

	if (type < sizeof(names) / sizeof(names[0]))
		return names[type];
	if (type >= CDC_EV_MARIA_ANNOTATE_ROWS &&
		type - CDC_EV_MARIA_ANNOTATE_ROWS < (int) (sizeof(maria) / sizeof(maria[0])))
		return maria[type - CDC_EV_MARIA_ANNOTATE_ROWS];
	return "unknown";
}

/*-------------------------------------------------------------------------
 *
 * gtid_event.c
 *	  The events that open a group, and XA transaction ids.
 *
 * Sources: MySQL's libs/mysql/binlog/event/control_events.h (Gtid_event) and
 * libs/mysql/serialization/ (the tagged form); MariaDB's sql/log_event.h
 * (Gtid_log_event).
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/gtid_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOGICAL_TIMESTAMP_TYPECODE	2
#define UUID_LEN					16

/*
 * Gtid and Anonymous_gtid: flags u8, server uuid, number i64; from 5.7 on
 * 2 (type code), last_committed i64, sequence_number i64; from 8.0 on the
 * commit time on this server in 7 bytes of microseconds, whose top bit says
 * that the time of the original commit follows.
 */
static CdcStatus
parse_mysql(CdcGtidEvent *gtid, CdcReader *r, bool anonymous, CdcError *err)
{
	const uint8_t *uuid;
	int64_t		n;

	cdc_read_bytes(r, 1);
	uuid = cdc_read_bytes(r, UUID_LEN);
	n = (int64_t) cdc_read_le(r, 8);
	if (r->failed || (!anonymous && n <= 0))
		return cdc_error(err, CDC_ERR_CORRUPT, "GTID event is malformed");
	if (!anonymous)
		cdc_gtid_text_mysql(uuid, "", 0, (uint64_t) n, gtid->gtid);

	if (cdc_reader_left(r) >= 1 + 8 + 8 + 7 && *r->p == LOGICAL_TIMESTAMP_TYPECODE)
	{
		uint64_t	us;

		cdc_read_bytes(r, 1 + 8 + 8);
		us = cdc_read_le(r, 7);
		if (us >> 55)
			us = cdc_read_le(r, 7);
		if (r->failed)
			return cdc_error(err, CDC_ERR_CORRUPT, "GTID event is malformed");
		gtid->commit_us = (int64_t) us;
	}
	return CDC_OK;
}

/*
 * mysql::serialization's integer: the number of trailing one bits of the first
 * byte is the number of bytes that follow; the value stands above them.  All
 * eight set: eight bytes follow.  Signed ones hold the sign in the lowest bit.
 */
static uint64_t
read_varlen(CdcReader *r, bool is_signed)
{
	uint64_t	first = cdc_read_le(r, 1);
	int			more = 0;
	uint64_t	v;

	while (more < 8 && (first >> more & 1))
		more++;
	v = cdc_read_le(r, more);
	if (more < 7)
		v = v << (7 - more) | first >> (more + 1);
	if (is_signed)
		v = (v & 1) ? ~(v >> 1) : v >> 1;
	return v;
}

/* A serialized fixed-length array of bytes: each is an integer of its own. */
static void
read_fixed_bytes(CdcReader *r, uint8_t *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		uint64_t	v = read_varlen(r, false);

		if (v > 255)
			r->failed = true;
		out[i] = (uint8_t) v;
	}
}

/*
 * Gtid_tagged: a serialized message: version, its size, last field that must
 * be known; then fields as id and value, in the order of their ids; a field
 * may be left out.
 */
static CdcStatus
parse_tagged(CdcGtidEvent *gtid, CdcReader *r, CdcError *err)
{
	enum
	{
		F_FLAGS, F_UUID, F_GNO, F_TAG, F_LAST_COMMITTED, F_SEQUENCE_NUMBER,
		F_IMMEDIATE_TS, F_ORIGINAL_TS, F_TRX_LENGTH, F_IMMEDIATE_VERSION,
		F_ORIGINAL_VERSION, F_COMMIT_GROUP_TICKET, F_KNOWN
	};
	uint8_t		uuid[UUID_LEN];
	char		tag[CDC_GTID_TAG_MAX + 1] = "";
	int64_t		n = 0;
	unsigned	seen = 0;
	uint64_t	last_must,
				ts;

	if (read_varlen(r, false) != 1)
		return cdc_error(err, CDC_ERR_UNSUPPORTED,
						 "tagged GTID event has an unknown serialization version");
	read_varlen(r, false);		/* size */
	last_must = read_varlen(r, false);
	if (last_must >= F_KNOWN + 1)
		return cdc_error(err, CDC_ERR_UNSUPPORTED,
						 "tagged GTID event has fields that must be understood but are unknown");
	while (cdc_reader_left(r) > 0 && !r->failed)
	{
		uint64_t	id = read_varlen(r, false);
		uint64_t	len;
		const uint8_t *p;

		if (id >= F_KNOWN)
			break;				/* fields added later; may be ignored */
		seen |= 1u << id;
		switch (id)
		{
			case F_FLAGS:
				read_fixed_bytes(r, (uint8_t[1]) {0}, 1);
				break;
			case F_UUID:
				read_fixed_bytes(r, uuid, UUID_LEN);
				break;
			case F_GNO:
				n = (int64_t) read_varlen(r, true);
				break;
			case F_TAG:
				len = read_varlen(r, false);
				p = cdc_read_bytes(r, len);
				if (p == NULL || len > CDC_GTID_TAG_MAX || memchr(p, 0, len) != NULL)
					r->failed = true;
				else
				{
					memcpy(tag, p, len);
					tag[len] = '\0';
				}
				break;
			case F_LAST_COMMITTED:
			case F_SEQUENCE_NUMBER:
				read_varlen(r, true);
				break;
			case F_IMMEDIATE_TS:
			case F_ORIGINAL_TS:	/* comes second and wins */
				ts = read_varlen(r, false);
				gtid->commit_us = ts >> 56 ? 0 : (int64_t) ts;
				break;
			default:
				read_varlen(r, false);
				break;
		}
	}
	if (r->failed || n <= 0 || !(seen & 1u << F_UUID))
		return cdc_error(err, CDC_ERR_CORRUPT, "tagged GTID event is malformed");
	cdc_gtid_text_mysql(uuid, tag, strlen(tag), (uint64_t) n, gtid->gtid);
	return CDC_OK;
}

/*
 * MariaDB: sequence number u64, domain u32, flags u8; with the flag
 * GROUP_COMMIT_ID a commit id u64; with one of the XA flags format id u32,
 * lengths of the two parts u8 each, and these; then flags_extra u8 and what it
 * announces: a count of engines u8, the sequence number of START ALTER u64, the
 * thread id u32.
 */
static CdcStatus
parse_mariadb(CdcGtidEvent *gtid, CdcReader *r, uint32_t server_id, CdcError *err)
{
	uint64_t	seq = cdc_read_le(r, 8);
	uint32_t	domain = (uint32_t) cdc_read_le(r, 4);

	gtid->maria_flags = (uint8_t) cdc_read_le(r, 1);
	if (gtid->maria_flags & CDC_MARIA_GROUP_COMMIT_ID)
		cdc_read_bytes(r, 8);
	if (gtid->maria_flags & (CDC_MARIA_PREPARED_XA | CDC_MARIA_COMPLETED_XA))
	{
		uint64_t	gtrid_len,
					bqual_len;

		cdc_read_bytes(r, 4);
		gtrid_len = cdc_read_le(r, 1);
		bqual_len = cdc_read_le(r, 1);
		cdc_read_bytes(r, gtrid_len + bqual_len);
	}
	if (r->failed)
		return cdc_error(err, CDC_ERR_CORRUPT, "GTID event is malformed");

	/*
	 * The event is padded to 19 bytes of post-header where there is no commit
	 * id, with zeros, so that a missing flags_extra reads as none.
	 */
	if (cdc_reader_left(r) > 0)
		gtid->maria_extra = (uint8_t) cdc_read_le(r, 1);
	if (gtid->maria_extra & CDC_MARIA_EXTRA_MULTI_ENGINE)
		cdc_read_bytes(r, 1);
	if (gtid->maria_extra & (CDC_MARIA_EXTRA_COMMIT_ALTER | CDC_MARIA_EXTRA_ROLLBACK_ALTER))
		cdc_read_bytes(r, 8);
	if (gtid->maria_extra & CDC_MARIA_EXTRA_THREAD_ID)
		gtid->thread_id = (uint32_t) cdc_read_le(r, 4);
	if (r->failed)
		return cdc_error(err, CDC_ERR_CORRUPT, "GTID event is malformed");
	snprintf(gtid->gtid, sizeof(gtid->gtid), "%" PRIu32 "-%" PRIu32 "-%" PRIu64,
			 domain, server_id, seq);
	return CDC_OK;
}

CdcStatus
cdc_gtid_event_parse(CdcGtidEvent *gtid, const uint8_t *event, size_t len, CdcError *err)
{
	CdcEventHeader h;
	CdcReader	r;

	memset(gtid, 0, sizeof(*gtid));
	cdc_event_header(event, &h);
	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	if (h.type == CDC_EV_MARIA_GTID)
		return parse_mariadb(gtid, &r, h.server_id, err);
	if (h.type == CDC_EV_GTID_TAGGED)
		return parse_tagged(gtid, &r, err);
	return parse_mysql(gtid, &r, h.type == CDC_EV_ANONYMOUS_GTID, err);
}

static char *
print_hex(char *p, const uint8_t *data, size_t len)
{
	*p++ = 'X';
	*p++ = '\'';
	for (size_t i = 0; i < len; i++)
		p += sprintf(p, "%02x", data[i]);
	*p++ = '\'';
	return p;
}

CdcStatus
cdc_xa_prepare_parse(const uint8_t *event, size_t len, char *xa, bool *one_phase,
					 CdcError *err)
{
	CdcReader	r;
	uint32_t	format_id;
	uint64_t	gtrid_len,
				bqual_len;
	const uint8_t *gtrid,
			   *bqual;

	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	*one_phase = cdc_read_le(&r, 1) != 0;
	format_id = (uint32_t) cdc_read_le(&r, 4);
	gtrid_len = cdc_read_le(&r, 4);
	bqual_len = cdc_read_le(&r, 4);
	gtrid = cdc_read_bytes(&r, gtrid_len);
	bqual = cdc_read_bytes(&r, bqual_len);
	if (r.failed || gtrid_len > 64 || bqual_len > 64)
		return cdc_error(err, CDC_ERR_CORRUPT, "XA prepare event is malformed");
	xa = print_hex(xa, gtrid, gtrid_len);
	*xa++ = ',';
	xa = print_hex(xa, bqual, bqual_len);
	sprintf(xa, ",%" PRIu32, format_id);
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * gtid_wire.c
 *	  The binary form of MySQL's GTID sets, as COM_BINLOG_DUMP_GTID sends and
 *	  Previous_gtids events hold it.  All numbers are little-endian.
 *
 * Old form:
 *		u64 number of sources
 *		a source: uuid (16 bytes), u64 number of ranges,
 *				  a range: u64 start, u64 end + 1
 *
 * Tagged form (8.4+): the first word is 1 << 56 | number << 8 | 1, and behind
 * each uuid stands the tag: its length times two in one byte (MySQL's
 * variable-length integer, which for up to 63 is one byte with a zero bit at
 * the bottom), then its characters.
 *
 *-------------------------------------------------------------------------
 */
#include "core/gtid_internal.h"

#include <string.h>

#define TAGGED_FORM		(UINT64_C(1) << 56 | 1)
#define TAGGED_MASK		(UINT64_C(0xFF) << 56 | 0xFF)

typedef struct WireReader
{
	const uint8_t *p;
	const uint8_t *end;
} WireReader;

static size_t
bytes_left(const WireReader *r)
{
	return (size_t) (r->end - r->p);
}

static bool
read_u64(WireReader *r, uint64_t *v)
{
	if (bytes_left(r) < 8)
		return false;
	*v = 0;
	for (int i = 7; i >= 0; i--)
		*v = *v << 8 | r->p[i];
	r->p += 8;
	return true;
}

static bool
write_u64(CdcBuf *out, uint64_t v)
{
	uint8_t		bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (v >> (8 * i));
	return cdc_buf_append(out, bytes, sizeof(bytes));
}

CdcStatus
gtid_list_encode(const GtidList *list, CdcBuf *out)
{
	bool		tagged = false;
	bool		ok;

	for (size_t i = 0; i < list->n; i++)
		tagged = tagged || list->sources[i].tag[0] != '\0';

	ok = write_u64(out, tagged ? TAGGED_FORM | (uint64_t) list->n << 8 : list->n);
	for (size_t i = 0; ok && i < list->n; i++)
	{
		const GtidSource *source = &list->sources[i];

		ok = cdc_buf_append(out, source->uuid, GTID_UUID_LEN);
		if (ok && tagged)
		{
			size_t		len = strlen(source->tag);
			uint8_t		head = (uint8_t) (len << 1);

			ok = cdc_buf_append(out, &head, 1) && cdc_buf_append(out, source->tag, len);
		}
		ok = ok && write_u64(out, source->nranges);
		for (size_t j = 0; ok && j < source->nranges; j++)
			ok = write_u64(out, source->ranges[j].start) &&
				write_u64(out, source->ranges[j].end + 1);
	}
	return ok ? CDC_OK : CDC_ERR_NOMEM;
}

/* Reads the ranges of one source, which ascend with gaps between them. */
static CdcStatus
decode_ranges(WireReader *r, GtidSource *source)
{
	uint64_t	n;
	uint64_t	last = 0;

	if (!read_u64(r, &n) || n > bytes_left(r) / 16)
		return CDC_ERR_CORRUPT;
	for (uint64_t i = 0; i < n; i++)
	{
		uint64_t	start;
		uint64_t	next;		/* behind the range */

		if (!read_u64(r, &start) || !read_u64(r, &next) ||
			start <= last || next <= start || next > (uint64_t) CDC_GTID_MAX + 1)
			return CDC_ERR_CORRUPT;
		if (gtid_source_append(source, start, next - 1) != CDC_OK)
			return CDC_ERR_NOMEM;
		last = next;
	}
	return CDC_OK;
}

static CdcStatus
decode_source(WireReader *r, bool tagged, GtidList *list)
{
	GtidSource	key;
	GtidSource *source;

	if (bytes_left(r) < GTID_UUID_LEN)
		return CDC_ERR_CORRUPT;
	memcpy(key.uuid, r->p, GTID_UUID_LEN);
	r->p += GTID_UUID_LEN;
	memset(key.tag, 0, sizeof(key.tag));
	if (tagged)
	{
		size_t		len;

		if (bytes_left(r) < 1 || (*r->p & 1) != 0)
			return CDC_ERR_CORRUPT;
		len = *r->p++ >> 1;
		if (len > bytes_left(r) || !gtid_read_tag((const char *) r->p, len, key.tag))
			return CDC_ERR_CORRUPT;
		r->p += len;
	}
	source = gtid_list_open(list, &key);
	return source != NULL ? decode_ranges(r, source) : CDC_ERR_NOMEM;
}

/* Appends to list; normalising is left to the caller. */
CdcStatus
gtid_list_decode(GtidList *list, const uint8_t *data, size_t len, CdcError *err)
{
	WireReader	r = {.p = data,.end = len > 0 ? data + len : data};
	uint64_t	head;
	bool		tagged;
	CdcStatus	st = CDC_OK;

	if (!read_u64(&r, &head))
		st = CDC_ERR_CORRUPT;
	else
	{
		tagged = (head & TAGGED_MASK) == TAGGED_FORM;
		if (tagged)
			head = (head & ~TAGGED_MASK) >> 8;
		if (head > bytes_left(&r) / (GTID_UUID_LEN + 8))
			st = CDC_ERR_CORRUPT;
		for (uint64_t i = 0; st == CDC_OK && i < head; i++)
			st = decode_source(&r, tagged, list);
		if (st == CDC_OK && bytes_left(&r) > 0)
			st = CDC_ERR_CORRUPT;
	}
	if (st == CDC_ERR_NOMEM)
		return gtid_nomem(err);
	if (st != CDC_OK)
	{
		cdc_error(err, st, "invalid GTID set in binary log");
		cdc_error_detail(err, "The set breaks off or is malformed at byte %zu of %zu.",
						 (size_t) (r.p - data), len);
	}
	return st;
}

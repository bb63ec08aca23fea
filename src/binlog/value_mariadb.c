/*-------------------------------------------------------------------------
 *
 * value_mariadb.c
 *	  MariaDB's own: COMPRESSED columns, UUID, INET4, INET6.
 *
 * A compressed value is empty for the empty string; else its first byte is 0
 * and the plain value follows, or it is 0x80 | n, plus 0x08 for a stream
 * without zlib's header: n bytes (1 to 4) of the original length, big-endian,
 * and the stream.  Source: MariaDB's sql/field_comp.cc.
 *
 * A UUID of a version from 1 to 5 is stored with its five groups in reverse
 * order, so that it sorts by time; others as they are.  Servers before
 * MDEV-29959 (10.11.5, 11.0.3) reversed all of them.  Source: MariaDB's
 * plugin/type_uuid/sql_type_uuid.h.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include <stdio.h>
#include <string.h>

#include "binlog/compress.h"

#define UUID_LEN		16
#define UUID_TEXT_LEN	36

static CdcStatus
uncompress(CdcRowReader *r, const uint8_t *data, size_t len, CdcString *out)
{
	CdcReader	in;
	unsigned	head;
	const uint8_t *p;
	uint64_t	out_len;
	char	   *buf;
	CdcStatus	st;

	out->data = (const char *) data;
	out->len = 0;
	if (len == 0)
		return CDC_OK;
	if (data[0] == 0)
	{
		out->data++;
		out->len = len - 1;
		return CDC_OK;
	}
	cdc_reader_init(&in, data, len);
	head = (unsigned) cdc_read_le(&in, 1);
	p = cdc_read_bytes(&in, head & 0x07);
	if (p == NULL || (head & 0xf0) != 0x80 || (head & 0x07) < 1 || (head & 0x07) > 4)
		return cdc_error(r->err, CDC_ERR_CORRUPT, "header of compressed value is malformed");
	out_len = cdc_be(p, (int) (head & 0x07));
	st = cdc_check_uncompressed(out_len, cdc_reader_left(&in), r->err);
	if (cdc_failed(st))
		return st;
	buf = cdc_arena_alloc(r->arena, (size_t) out_len + 1);
	if (buf == NULL)
		return cdc_row_no_memory(r);
	out->data = buf;
	out->len = (size_t) out_len;
	return cdc_inflate(in.p, cdc_reader_left(&in), (head & 0x08) != 0, (uint8_t *) buf,
					   (size_t) out_len, r->err);
}

CdcStatus
cdc_decode_bytes_compressed(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	value->kind = CDC_BYTES;
	return uncompress(r, data, len, &value->u.s);
}

CdcStatus
cdc_decode_text_compressed(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	CdcStatus	st = cdc_decode_bytes_compressed(r, plan, value);
	const uint8_t *data = (const uint8_t *) value->u.s.data;

	if (st != CDC_OK)
		return st;
	value->kind = CDC_TEXT;
	if (plan->converter != NULL)
		return cdc_charset_to_utf8(plan->converter, data, value->u.s.len, r->arena, &value->u.s, r->err);
	if (!cdc_utf8_valid(data, value->u.s.len))
		return cdc_error(r->err, CDC_ERR_CORRUPT, "text is not valid %s",
						 plan->column->charset ? plan->column->charset : "utf8mb4");
	return CDC_OK;
}

/* Takes a binary(plan->size) into bytes, padded. */
static CdcStatus
take_fixed(CdcRowReader *r, const CdcColumnPlan *plan, uint8_t *bytes)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	if (len > plan->size)
		return cdc_error(r->err, CDC_ERR_CORRUPT, "value of %zu bytes in a type of %u", len,
						 plan->size);
	memset(bytes, 0, plan->size);
	memcpy(bytes, data, len);
	return CDC_OK;
}

static CdcStatus
set_text(CdcRowReader *r, CdcValue *value, const char *text)
{
	value->kind = CDC_TEXT;
	value->u.s.len = strlen(text);
	value->u.s.data = cdc_arena_strndup(r->arena, text, value->u.s.len);
	return value->u.s.data != NULL ? CDC_OK : cdc_row_no_memory(r);
}

CdcStatus
cdc_decode_uuid(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	uint8_t		stored[UUID_LEN];
	uint8_t		uuid[UUID_LEN];
	char		text[UUID_TEXT_LEN + 1];
	char	   *t = text;
	bool		reversed;
	CdcStatus	st = take_fixed(r, plan, stored);

	if (st != CDC_OK)
		return st;

	/* reversed, the variant stands at 6 and the version at 8 */
	reversed = plan->old_uuid ||
		((stored[6] & 0x80) != 0 && stored[8] > 0 && stored[8] < 0x60);
	if (reversed)
	{
		memcpy(uuid, stored + 12, 4);
		memcpy(uuid + 4, stored + 10, 2);
		memcpy(uuid + 6, stored + 8, 2);
		memcpy(uuid + 8, stored + 6, 2);
		memcpy(uuid + 10, stored, 6);
	}
	else
		memcpy(uuid, stored, UUID_LEN);
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*t++ = '-';
		t += sprintf(t, "%02x", uuid[i]);
	}
	return set_text(r, value, text);
}

CdcStatus
cdc_decode_inet4(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	uint8_t		b[4];
	char		text[16];
	CdcStatus	st = take_fixed(r, plan, b);

	if (st != CDC_OK)
		return st;
	snprintf(text, sizeof(text), "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	return set_text(r, value, text);
}

/* Length and place of the longest run of zeros, the first one of several. */
static void
find_gap(const unsigned *words, int *gap, int *gap_len)
{
	*gap = *gap_len = 0;
	for (int i = 0; i < 8; i++)
	{
		int			n = 0;

		while (i + n < 8 && words[i + n] == 0)
			n++;
		if (n > *gap_len)
		{
			*gap = i;
			*gap_len = n;
		}
		i += n;
	}
}

/*
 * As MariaDB prints it, which is not inet_ntop(): "::" also stands for a single
 * zero.  An IPv4-compatible or -mapped address ends in dotted form.
 */
CdcStatus
cdc_decode_inet6(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	uint8_t		b[16];
	unsigned	words[8];
	char		text[64];
	char	   *t = text;
	int			gap,
				gap_len;
	CdcStatus	st = take_fixed(r, plan, b);

	if (st != CDC_OK)
		return st;
	for (int i = 0; i < 8; i++)
		words[i] = (unsigned) b[2 * i] << 8 | b[2 * i + 1];
	find_gap(words, &gap, &gap_len);
	for (int i = 0; i < 8; i++)
	{
		if (gap_len > 0 && i == gap)
		{
			t += sprintf(t, i == 0 ? "::" : ":");
			i += gap_len - 1;
		}
		else if (i == 6 && gap == 0 &&
				 (gap_len == 6 || (gap_len == 5 && words[5] == 0xffff)))
		{
			sprintf(t, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
			break;
		}
		else
			t += sprintf(t, i < 7 ? "%x:" : "%x", words[i]);
	}
	return set_text(r, value, text);
}

/*-------------------------------------------------------------------------
 *
 * gtid_wire.c
 *	  The binary form of MySQL's GTID sets, as COM_BINLOG_DUMP_GTID sends it.
 *	  All numbers are little-endian.
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

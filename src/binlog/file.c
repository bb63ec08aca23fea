/*-------------------------------------------------------------------------
 *
 * file.c
 *	  Splits a binlog file's bytes into raw events.
 *
 * A file starts with the magic bytes fe 'b' 'i' 'n'; events follow without
 * gaps.  fd 'b' 'i' 'n' starts a file that MySQL has encrypted
 * (binlog_encryption=ON).
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/file.h"

#include <string.h>

#include "binlog/format.h"

CdcStatus
cdc_binlog_file_next(const uint8_t *data, size_t len, size_t *offset,
					 const uint8_t **event, size_t *event_len, CdcError *err)
{
	static const uint8_t magic[4] = {0xfe, 'b', 'i', 'n'};
	static const uint8_t encrypted[4] = {0xfd, 'b', 'i', 'n'};
	CdcEventHeader h;

	if (*offset == 0)
	{
		if (len < sizeof(magic))
			return CDC_MORE;
		if (memcmp(data, encrypted, sizeof(encrypted)) == 0)
		{
			cdc_error(err, CDC_ERR_UNSUPPORTED, "binlog file is encrypted");
			cdc_error_hint(err, "Read it from the server, which decrypts it.");
			return CDC_ERR_UNSUPPORTED;
		}
		if (memcmp(data, magic, sizeof(magic)) != 0)
			return cdc_error(err, CDC_ERR_CORRUPT, "not a binlog file");
		*offset = sizeof(magic);
	}
	if (*offset >= len)
		return *offset == len ? CDC_END :
			cdc_error(err, CDC_ERR_VALUE, "offset is behind the end of the binlog file");
	if (len - *offset < CDC_EV_HEADER_LEN)
		return CDC_MORE;
	cdc_event_header(data + *offset, &h);
	if (h.size < CDC_EV_HEADER_LEN || h.size > CDC_EV_MAX_SIZE)
	{
		cdc_error(err, CDC_ERR_CORRUPT, "binlog event has the impossible size %u", h.size);
		cdc_error_at(err, "", *offset);
		return CDC_ERR_CORRUPT;
	}
	if (h.size > len - *offset)
		return CDC_MORE;
	*event = data + *offset;
	*event_len = h.size;
	*offset += h.size;
	return CDC_OK;
}

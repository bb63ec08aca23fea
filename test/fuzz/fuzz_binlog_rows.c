/*
 * fuzz_binlog_rows.c
 *	  Fuzzer of table maps and rows: the input is the body of a table map event
 *	  behind its table id and flags, then that of a row event behind the same.
 *	  The definition of the table comes from the map, where that has full
 *	  metadata, else the types are taken as they are.
 */
#include <stdlib.h>

#include "binlog/format.h"

#include "../unit/tools/binlog_run.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An event of a body of 8 bytes (table id, flags) and data. */
static uint8_t *
make_event(uint8_t type, const uint8_t *data, size_t size, size_t *len)
{
	uint8_t    *event;

	*len = CDC_EV_HEADER_LEN + 8 + size;
	event = calloc(1, *len);
	event[4] = type;
	for (int i = 0; i < 4; i++)
		event[9 + i] = (uint8_t) (*len >> (8 * i));
	event[CDC_EV_HEADER_LEN] = 1;	/* table id */
	memcpy(event + CDC_EV_HEADER_LEN + 8, data, size);
	return event;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = {
		CDC_EV_WRITE_ROWS_V1, CDC_EV_UPDATE_ROWS_V1, CDC_EV_DELETE_ROWS_V1,
		CDC_EV_WRITE_ROWS_V2, CDC_EV_UPDATE_ROWS_V2, CDC_EV_PARTIAL_UPDATE_ROWS,
		CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1, CDC_EV_MARIA_UPDATE_ROWS_COMPRESSED_V2
	};
	static CdcFormat format;
	static const CdcTransaction txn = {.file = "binlog.000001",.end_offset = 1000};
	BinlogRun	run;
	CdcError	err;
	CdcChange	change;
	size_t		map_len,
				len;
	uint8_t    *event;
	CdcStatus	st;

	if (size < 4 || !binlog_run_init(&run))
		return 0;
	map_len = cdc_le16(data + 1);
	format.flavor = data[0] & 0x80 ? CDC_MARIADB : CDC_MYSQL;
	format.version = 11008000;
	if (map_len > size - 4)
		map_len = size - 4;
	cdc_decoder_begin(run.decoder, &format, &txn);
	event = make_event(CDC_EV_TABLE_MAP, data + 4, map_len, &len);
	st = cdc_decoder_feed(run.decoder, event, len, &err);
	free(event);
	if (st == CDC_OK)
	{
		event = make_event(types[data[0] % sizeof(types)], data + 4 + map_len,
						   size - 4 - map_len, &len);
		st = cdc_decoder_feed(run.decoder, event, len, &err);
		while (st == CDC_OK && (st = cdc_decoder_next(run.decoder, &change, &err)) == CDC_OK)
		{
			cdc_json_text_reset(&run.text);
			st = cdc_event_open(&run.text.sink, &cdc_event_defaults, &txn, &change, 0, &err);
		}
		free(event);
	}
	if (cdc_failed(st) && (err.status != st || err.message[0] == '\0'))
		abort();
	binlog_run_free(&run);
	return 0;
}

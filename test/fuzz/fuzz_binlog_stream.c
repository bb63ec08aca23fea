/*
 * fuzz_binlog_stream.c
 *	  Fuzzer of the event stream: the input is a binlog file from the format
 *	  description on, without checksums.  Sizes in event headers are set right, so
 *	  that the fuzzer need not find them.
 */
#include <stdlib.h>

#include "binlog/stream.h"

#include "../unit/tools/binlog_run.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Post-header lengths of MySQL 9.7's format description, by event type from 1. */
static const uint8_t post_header[] = {
	0, 13, 0, 8, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0,
	10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0, 0
};

static size_t
put_format(uint8_t *p, bool mariadb)
{
	size_t		len = CDC_EV_HEADER_LEN + 57 + sizeof(post_header) + 5;

	memset(p, 0, len);
	p[4] = CDC_EV_FORMAT_DESCRIPTION;
	p[9] = (uint8_t) len;
	p[19] = 4;
	strcpy((char *) p + 21, mariadb ? "11.8.9-MariaDB" : "9.7.4");
	p[19 + 56] = CDC_EV_HEADER_LEN;
	memcpy(p + 19 + 57, post_header, sizeof(post_header));
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		format[256];
	BinlogRun	run;
	CdcError	err;
	CdcStatus	st;

	if (size < 1 || !binlog_run_init(&run))
		return 0;
	st = binlog_run_event(&run, format, put_format(format, data[0] & 1), &err);
	if (st != CDC_OK)
		abort();
	data++, size--;

	/* pieces of two bytes of length, then the event without its size field */
	while (size >= 2 && !cdc_failed(st))
	{
		size_t		len = cdc_le16(data);
		uint8_t    *event;

		data += 2, size -= 2;
		if (len > size)
			len = size;
		event = malloc(len + CDC_EV_HEADER_LEN);
		memset(event, 0, CDC_EV_HEADER_LEN);
		if (len > 0)
			event[4] = data[0];
		if (len > 1)
		{
			event[17] = data[1];	/* flags */
			memcpy(event + CDC_EV_HEADER_LEN, data + 2, len - 2);
		}
		data += len, size -= len;
		len = len > 2 ? len - 2 + CDC_EV_HEADER_LEN : CDC_EV_HEADER_LEN;
		for (int i = 0; i < 4; i++)
			event[9 + i] = (uint8_t) (len >> (8 * i));
		st = binlog_run_event(&run, event, len, &err);
		if (cdc_failed(st) && (err.status != st || err.message[0] == '\0'))
			abort();
		free(event);
	}
	binlog_run_free(&run);
	return 0;
}

/*
 * fuzz_binlog_json.c
 *	  Fuzzer of binary JSON: the input is a document, or (first byte odd) a
 *	  length, a document and a list of differences.  What a document becomes is
 *	  bounded by its size; a patched document can be read again.
 */
#include <stdlib.h>

#include "binlog/json_binary.h"
#include "core/json_text.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcJsonText t;
	CdcError	err;
	CdcStatus	st;

	if (size < 3)
		return 0;
	cdc_json_text_init(&t);
	if ((data[0] & 1) == 0)
	{
		st = cdc_json_binary_emit(data + 1, size - 1, &t.sink, &err);
		if (cdc_failed(st) && err.status != st)
			abort();
		/* no value prints longer than six bytes for one of its own, or a number */
		if (t.buf.len > 400 + size * 120)
			abort();
	}
	else
	{
		CdcArena   *arena = cdc_arena_create((size_t) 256 << 20);
		size_t		len = cdc_le16(data + 1);
		CdcString	document;
		CdcString	diff;
		CdcString	result;

		if (len > size - 3)
			len = size - 3;
		document = (CdcString) {(const char *) data + 3, len};
		diff = (CdcString) {(const char *) data + 3 + len, size - 3 - len};
		st = cdc_json_apply_diff(document, diff, arena, &result, &err);
		if (st == CDC_OK)
			st = cdc_json_binary_emit((const uint8_t *) result.data, result.len, &t.sink, &err);
		if (cdc_failed(st) && err.status != st)
			abort();
		cdc_arena_destroy(arena);
	}
	cdc_json_text_free(&t);
	return 0;
}

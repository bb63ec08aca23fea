/*
 * fuzz_binlog_query.c
 *	  Fuzzer of Query events, their status variables above all: two bytes of
 *	  length, the status variables, then database and statement.  A savepoint of
 *	  the statement's name is found again under it.
 */
#include <stdlib.h>
#include <string.h>

#include "binlog/query.h"
#include "binlog/savepoint.h"
#include "require.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether the string is inside of the event. */
static bool
inside(CdcString s, const uint8_t *event, size_t len)
{
	return s.len == 0 || ((const uint8_t *) s.data >= event &&
						  (const uint8_t *) s.data + s.len <= event + len);
}

static void
check_savepoint(CdcString rest)
{
	CdcSavepoints sp = {0};
	CdcGroupMark mark = {3, 100};
	CdcGroupMark found;
	CdcError	err;

	if (cdc_savepoint_set(&sp, rest, mark, &err) == CDC_OK)
	{
		require(cdc_savepoint_find(&sp, rest, &found, &err) == CDC_OK);
		require(found.events == 3 && found.bytes == 100);
	}
	cdc_savepoints_free(&sp);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcFormat	format = {0};
	CdcBuf		scratch = {0};
	CdcQuery	query;
	CdcString	rest;
	CdcError	err;
	uint8_t    *event;
	size_t		len = CDC_EV_HEADER_LEN + 13;
	bool		compressed;
	CdcStatus	st;

	if (size < 3)
		return 0;
	compressed = data[2] & 0x80;
	len += size - 3;
	event = calloc(1, len);
	event[4] = compressed ? CDC_EV_MARIA_QUERY_COMPRESSED : CDC_EV_QUERY;
	format.post_header[event[4]] = data[2] & 0x40 ? 26 : 13;
	event[CDC_EV_HEADER_LEN + 8] = data[2] & 0x3f;	/* length of the database's name */
	memcpy(event + CDC_EV_HEADER_LEN + 11, data, 2);
	memcpy(event + CDC_EV_HEADER_LEN + 13, data + 3, size - 3);

	st = cdc_query_parse(&query, &format, event, len, &scratch, &err);
	require(st == CDC_OK || (err.status == st && err.message[0] != '\0'));
	if (st == CDC_OK)
	{
		CdcStatementKind kind = cdc_statement_kind(&query, &rest);

		require(inside(query.database, event, len) && inside(query.time_zone, event, len));
		require(compressed || inside(query.sql, event, len));
		require(rest.len <= query.sql.len);
		if (kind == CDC_STMT_SAVEPOINT || kind == CDC_STMT_ROLLBACK_TO)
			check_savepoint(rest);
	}
	cdc_buf_free(&scratch);
	free(event);
	return 0;
}

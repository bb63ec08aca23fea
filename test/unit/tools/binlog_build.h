/*
 * binlog_build.h
 *	  Makes binlog events for tests, field by field.
 */
#ifndef CDC_TEST_BINLOG_BUILD_H
#define CDC_TEST_BINLOG_BUILD_H

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "binlog/events.h"
#include "core/arena.h"

typedef struct EventBuilder
{
	CdcBuf		buf;
	uint64_t	offset;			/* where the next event stands */
	bool		checksum;
} EventBuilder;

static inline void
put_int(EventBuilder *b, uint64_t v, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
	{
		char		c = (char) (v >> (8 * i));

		if (!cdc_buf_append(&b->buf, &c, 1))
			abort();
	}
}

static inline void
put_bytes(EventBuilder *b, const void *data, size_t len)
{
	if (!cdc_buf_append(&b->buf, data, len))
		abort();
}

/* Starts an event: header, to be completed by end_event(). */
static inline void
begin_event(EventBuilder *b, uint8_t type)
{
	cdc_buf_reset(&b->buf);
	put_int(b, 1700000000, 4);
	put_int(b, type, 1);
	put_int(b, 7, 4);			/* server id */
	put_int(b, 0, 4);
	put_int(b, 0, 4);
	put_int(b, 0, 2);
}

static inline void
set_int(EventBuilder *b, size_t at, uint64_t v, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
		b->buf.data[at + (size_t) i] = (char) (v >> (8 * i));
}

/* Sets size, position and checksum; artificial: no position. */
static inline void
end_event_flags(EventBuilder *b, uint16_t flags, bool artificial)
{
	size_t		size = b->buf.len + (b->checksum ? 4 : 0);

	if (!artificial)
		b->offset += size;
	set_int(b, 9, size, 4);
	set_int(b, 13, artificial ? 0 : b->offset, 4);
	set_int(b, 17, flags, 2);
	if (b->checksum)
		put_int(b, crc32(0, (const Bytef *) b->buf.data, (uInt) b->buf.len), 4);
}

static inline void
end_event(EventBuilder *b)
{
	end_event_flags(b, 0, false);
}

/* A format description event; version as in "9.7.4" or "10.11.6-MariaDB". */
static inline void
build_format(EventBuilder *b, const char *version)
{
	char		text[50] = {0};

	begin_event(b, CDC_EV_FORMAT_DESCRIPTION);
	put_int(b, 4, 2);
	strncpy(text, version, sizeof(text) - 1);
	put_bytes(b, text, sizeof(text));
	put_int(b, 0, 4);
	put_int(b, CDC_EV_HEADER_LEN, 1);
	for (int type = 1; type <= 171; type++)
		put_int(b, type == CDC_EV_QUERY || type == CDC_EV_MARIA_QUERY_COMPRESSED ? 13 :
				type == CDC_EV_EXECUTE_LOAD_QUERY ? 26 : 8, 1);
	put_int(b, b->checksum ? 1 : 0, 1);
	if (b->checksum)
		end_event(b);
	else
	{
		put_int(b, 0, 4);		/* room of the checksum is there in any case */
		end_event(b);
	}
}

static inline void
build_query(EventBuilder *b, const char *database, const char *sql)
{
	begin_event(b, CDC_EV_QUERY);
	put_int(b, 42, 4);			/* thread id */
	put_int(b, 0, 4);
	put_int(b, strlen(database), 1);
	put_int(b, 0, 2);
	put_int(b, 0, 2);
	put_bytes(b, database, strlen(database) + 1);
	put_bytes(b, sql, strlen(sql));
	end_event(b);
}

static inline void
build_gtid(EventBuilder *b, uint64_t n)
{
	begin_event(b, CDC_EV_GTID);
	put_int(b, 1, 1);
	for (int i = 0; i < 16; i++)
		put_int(b, (uint64_t) i * 17, 1);
	put_int(b, n, 8);
	end_event(b);
}

static inline void
build_maria_gtid(EventBuilder *b, uint64_t sequence, uint8_t flags, uint8_t extra)
{
	begin_event(b, CDC_EV_MARIA_GTID);
	put_int(b, sequence, 8);
	put_int(b, 3, 4);			/* domain */
	put_int(b, flags, 1);
	put_int(b, extra, 1);
	put_int(b, 0, 5);
	end_event(b);
}

static inline void
build_xid(EventBuilder *b, uint64_t xid)
{
	begin_event(b, CDC_EV_XID);
	put_int(b, xid, 8);
	end_event(b);
}

static inline void
build_rotate(EventBuilder *b, const char *file, uint64_t offset, bool artificial)
{
	begin_event(b, CDC_EV_ROTATE);
	put_int(b, offset, 8);
	put_bytes(b, file, strlen(file));
	end_event_flags(b, artificial ? CDC_EVF_ARTIFICIAL : 0, artificial);
}

/* shop.t: columns of the given types, all nullable; meta is what they have. */
static inline void
build_table_map(EventBuilder *b, const uint8_t *types, int ncolumns, const void *meta,
				size_t meta_len)
{
	begin_event(b, CDC_EV_TABLE_MAP);
	put_int(b, 5, 6);
	put_int(b, 1, 2);
	put_bytes(b, "\4shop\0\1t", 8);
	put_int(b, 0, 1);
	put_int(b, (uint64_t) ncolumns, 1);
	put_bytes(b, types, (size_t) ncolumns);
	put_int(b, meta_len, 1);
	put_bytes(b, meta, meta_len);
	for (int i = 0; i < (ncolumns + 7) / 8; i++)
		put_int(b, 0xff, 1);
	end_event(b);
}

/* rows: NULL bitmaps and values, of inserts in version 2. */
static inline void
build_write_rows(EventBuilder *b, int ncolumns, const void *rows, size_t len)
{
	begin_event(b, CDC_EV_WRITE_ROWS_V2);
	put_int(b, 5, 6);
	put_int(b, CDC_ROWS_STMT_END, 2);
	put_int(b, 2, 2);
	put_int(b, (uint64_t) ncolumns, 1);
	for (int i = 0; i < (ncolumns + 7) / 8; i++)
		put_int(b, 0xff, 1);
	put_bytes(b, rows, len);
	end_event(b);
}

#endif							/* CDC_TEST_BINLOG_BUILD_H */

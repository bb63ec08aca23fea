/*-------------------------------------------------------------------------
 *
 * xa_store.c
 *	  cdc.prepared_transaction: the events of source transactions that wait,
 *	  after XA PREPARE, for their XA COMMIT.
 *
 * The events are kept as they came, each with its length (uint32, this
 * machine's byte order) in front, cut into chunks without regard to where one
 * ends: neither a huge transaction nor a huge event needs more memory than a
 * chunk and that event.  The first chunk's row also has what is known of the
 * whole.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/xa_store.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/binlog_position.h"
#include "pg/base/epoch.h"
#include "pg/catalog/spi.h"

#define CHUNK_BYTES		(1024 * 1024)

/* Writing: the chunk that is being filled. */
typedef struct Filler
{
	const CdcSubscription *sub;
	const char *xa;
	const CdcTransaction *txn;
	const CdcFormat *format;
	int			chunk;			/* number of the one being filled */
	bytea	   *bytes;			/* with room for CHUNK_BYTES */
	size_t		used;
} Filler;

/* Reading: the event that is being put together. */
typedef struct Assembler
{
	CdcGroupBuffer *group;
	uint32		length;			/* of the event; valid with all of its own bytes */
	size_t		have_length;	/* bytes of length */
	uint8	   *event;
	size_t		cap;
	size_t		have;			/* bytes of event */
} Assembler;

/* Writes the chunk that is being filled as a row, and begins the next. */
static void
write_chunk(Filler *filler)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.prepared_transaction (subscription, xid, chunk, events,"
		" position, gtid, prepared_at, mariadb, server_version, post_header)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		10, {TEXTOID, TEXTOID, INT4OID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, BOOLOID,
		TEXTOID, BYTEAOID}, NULL
	};
	const CdcFormat *format = filler->format;
	const CdcTransaction *txn = filler->txn;
	Datum		values[10] = {0};
	char		nulls[10] = {' ', ' ', ' ', ' ', 'n', 'n', 'n', 'n', 'n', 'n'};
	CdcSpi		spi;

	cdc_spi_begin(&spi);
	SET_VARSIZE(filler->bytes, VARHDRSZ + filler->used);
	values[0] = CStringGetTextDatum(filler->sub->name);
	values[1] = CStringGetTextDatum(filler->xa);
	values[2] = Int32GetDatum(filler->chunk);
	values[3] = PointerGetDatum(filler->bytes);
	if (filler->chunk == 0)
	{
		char		position[CDC_POSITION_TEXT];

		cdc_binlog_position_text(position, txn->file, txn->end_offset);
		values[4] = cdc_text_or_null(position, &nulls[4]);
		values[5] = cdc_text_or_null(txn->gtid, &nulls[5]);
		nulls[6] = txn->commit_us != 0 ? ' ' : 'n';
		values[6] = TimestampTzGetDatum(cdc_timestamptz_of_unix_us(txn->commit_us));
		nulls[7] = ' ';
		values[7] = BoolGetDatum(format->flavor == CDC_MARIADB);
		values[8] = cdc_text_or_null(format->server_version, &nulls[8]);
		nulls[9] = ' ';
		values[9] = PointerGetDatum(cstring_to_text_with_len((const char *) format->post_header,
															 sizeof(format->post_header)));
	}
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	filler->chunk++;
	filler->used = 0;
}

/* Adds bytes to the stored events; full chunks are written. */
static void
add_bytes(Filler *filler, const void *data, size_t len)
{
	while (len > 0)
	{
		size_t		n = Min(len, CHUNK_BYTES - filler->used);

		memcpy(VARDATA(filler->bytes) + filler->used, data, n);
		filler->used += n;
		data = (const char *) data + n;
		len -= n;
		if (filler->used == CHUNK_BYTES)
			write_chunk(filler);
	}
}

void
cdc_xa_store_put(const CdcSubscription *sub, const char *xa, const CdcTransaction *txn,
				 const CdcFormat *format, CdcGroupBuffer *group)
{
	Filler		filler = {sub, xa, txn, format, 0, NULL, 0};
	const uint8 *data;
	size_t		len;

	cdc_xa_store_delete(sub, xa);
	filler.bytes = palloc(VARHDRSZ + CHUNK_BYTES);
	cdc_group_buffer_rewind(group);
	while (cdc_group_buffer_next(group, &data, &len))
	{
		uint32		length = (uint32) len;

		CHECK_FOR_INTERRUPTS();
		add_bytes(&filler, &length, sizeof(length));
		add_bytes(&filler, data, len);
	}
	if (filler.used > 0 || filler.chunk == 0)
		write_chunk(&filler);
	pfree(filler.bytes);
}

/* Puts the events of a chunk together, which may end anywhere in one. */
static void
assemble_events(Assembler *a, const uint8 *data, size_t len)
{
	while (len > 0)
	{
		size_t		n;

		if (a->have_length < sizeof(a->length))
		{
			n = Min(len, sizeof(a->length) - a->have_length);
			memcpy((char *) &a->length + a->have_length, data, n);
			a->have_length += n;
		}
		else
		{
			if (a->cap < a->length)
			{
				if (a->event != NULL)
					pfree(a->event);
				a->cap = a->length;
				a->event = MemoryContextAllocHuge(CurrentMemoryContext, a->cap);
			}
			n = Min(len, a->length - a->have);
			memcpy(a->event + a->have, data, n);
			a->have += n;
		}
		data += n;
		len -= n;
		if (a->have_length == sizeof(a->length) && a->have == a->length)
		{
			cdc_group_buffer_append(a->group, a->event, a->length);
			a->have = a->have_length = 0;
		}
	}
}

/*
 * Appends the events that end in a chunk to the group; false when there is no chunk of
 * that number.  The first one fills format.
 */
static bool
read_chunk(const CdcSubscription *sub, const char *xa, int chunk, CdcFormat *format,
		   Assembler *assembler)
{
	static CdcStatement stmt = {
		"SELECT events, mariadb, server_version, post_header FROM cdc_catalog.prepared_transaction"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND xid OPERATOR(pg_catalog.=) $2"
		" AND chunk OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, TEXTOID, INT4OID}, NULL
	};
	Datum		values[3];
	CdcSpi		spi;
	bool		found;
	bool		isnull;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(xa);
	values[2] = Int32GetDatum(chunk);
	found = cdc_spi_execute(&stmt, values, NULL) > 0;
	if (found)
	{
		bytea	   *events = DatumGetByteaPP(cdc_spi_datum(0, 1, BYTEAOID, &isnull));
		MemoryContext old;

		if (chunk == 0)
		{
			bytea	   *post_header = DatumGetByteaPP(cdc_spi_datum(0, 4, BYTEAOID, &isnull));
			char	   *version = cdc_spi_text(&spi, 0, 3);

			memset(format, 0, sizeof(*format));
			format->flavor = DatumGetBool(cdc_spi_datum(0, 2, BOOLOID, &isnull)) ? CDC_MARIADB : CDC_MYSQL;
			strlcpy(format->server_version, version != NULL ? version : "",
					sizeof(format->server_version));
			format->version = cdc_server_version_number(format->server_version);
			memcpy(format->post_header, VARDATA_ANY(post_header),
				   Min(VARSIZE_ANY_EXHDR(post_header), sizeof(format->post_header)));
		}
		old = MemoryContextSwitchTo(spi.caller);
		assemble_events(assembler, (const uint8 *) VARDATA_ANY(events), VARSIZE_ANY_EXHDR(events));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return found;
}

bool
cdc_xa_store_get(const CdcSubscription *sub, const char *xa, CdcFormat *format,
				 CdcGroupBuffer *group)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest prepared",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Assembler	assembler = {group, 0, 0, NULL, 0, 0};
	int			chunk = 0;

	while (read_chunk(sub, xa, chunk, format, &assembler))
	{
		CHECK_FOR_INTERRUPTS();
		chunk++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (assembler.have_length > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the stored events of prepared transaction %s are incomplete", xa)));
	return chunk > 0;
}

bool
cdc_xa_store_has(const CdcSubscription *sub, const char *xa)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.prepared_transaction"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND xid OPERATOR(pg_catalog.=) $2"
		" AND chunk OPERATOR(pg_catalog.=) 0",
		2, {TEXTOID, TEXTOID}, NULL
	};

	return cdc_spi_run(&stmt, sub->name, xa) > 0;
}

void
cdc_xa_store_delete(const CdcSubscription *sub, const char *xa)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.prepared_transaction"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND xid OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}, NULL
	};

	(void) cdc_spi_run(&stmt, sub->name, xa);
}

void
cdc_xa_store_delete_all(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.prepared_transaction"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name);
}

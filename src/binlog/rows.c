/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Row events: from their bytes to values, one row at a time.
 *
 * Post-header: table id (6 bytes), flags u16; version 2 adds the length of
 * extra data u16, itself included, and the data.  Body: the number of columns
 * (length-encoded), a bitmap of the columns present in the image (updates: one
 * for each of the two images), then rows.  An image: a bitmap of NULLs, one
 * bit for each present column, then the values that are not NULL.  The after
 * image of a partial update starts with options (length-encoded; 1 = JSON
 * columns may hold differences) and, with that, a bitmap of those JSON columns
 * that do, one bit for each JSON column of the table.  Source: MySQL's
 * libs/mysql/binlog/event/rows_event.h.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/rows.h"

#include <string.h>

#include "binlog/table_map.h"

#define PARTIAL_JSON_UPDATES	1

/* The bytes of a column that the table's definition does not show. */
#define HIDDEN_BYTES	8

bool
cdc_is_rows_event(uint8_t type)
{
	return (type >= CDC_EV_WRITE_ROWS_V1 && type <= CDC_EV_DELETE_ROWS_V1) ||
		(type >= CDC_EV_WRITE_ROWS_V2 && type <= CDC_EV_DELETE_ROWS_V2) ||
		type == CDC_EV_PARTIAL_UPDATE_ROWS ||
		(type >= CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1 &&
		 type <= CDC_EV_MARIA_DELETE_ROWS_COMPRESSED_V2);
}

/* Sets what the event type alone says; returns true for version 2. */
static bool
set_kind(CdcRowsEvent *rows, uint8_t type)
{
	static const CdcOp ops[3] = {CDC_OP_INSERT, CDC_OP_UPDATE, CDC_OP_DELETE};

	if (type == CDC_EV_PARTIAL_UPDATE_ROWS)
	{
		rows->op = CDC_OP_UPDATE;
		rows->partial_json = true;
		return true;
	}
	if (type >= CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1)
	{
		rows->compressed = true;
		rows->op = ops[(type - CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1) % 3];
		return type >= CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V2;
	}
	if (type >= CDC_EV_WRITE_ROWS_V2)
	{
		rows->op = ops[type - CDC_EV_WRITE_ROWS_V2];
		return true;
	}
	rows->op = ops[type - CDC_EV_WRITE_ROWS_V1];
	return false;
}

static CdcStatus
malformed(CdcError *err)
{
	return cdc_error(err, CDC_ERR_CORRUPT, "row event is malformed");
}

/* Counts the bits that are set among the first nbits. */
static int
count_bits(const uint8_t *bitmap, int nbits)
{
	int			n = 0;

	for (int i = 0; i < nbits; i++)
		n += bitmap[i / 8] >> (i % 8) & 1;
	return n;
}

CdcStatus
cdc_rows_event_id(CdcRowsEvent *rows, const CdcFormat *format, const uint8_t *event,
				  size_t len, CdcError *err)
{
	CdcReader	r;

	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	rows->table_id = cdc_read_table_id(&r, format, event[4]);
	rows->flags = (uint16_t) cdc_read_le(&r, 2);
	return r.failed ? malformed(err) : CDC_OK;
}

CdcStatus
cdc_rows_event_parse(CdcRowsEvent *rows, const CdcFormat *format, const uint8_t *event,
					 size_t len, CdcError *err)
{
	CdcReader	r;
	bool		version2;

	memset(rows, 0, sizeof(*rows));
	version2 = set_kind(rows, event[4]);
	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	rows->table_id = cdc_read_table_id(&r, format, event[4]);
	rows->flags = (uint16_t) cdc_read_le(&r, 2);
	if (version2)
	{
		uint64_t	extra = cdc_read_le(&r, 2);

		if (extra < 2)
			return malformed(err);
		cdc_read_bytes(&r, extra - 2);
	}
	rows->width = cdc_read_packed(&r);
	if (r.failed || rows->width > CDC_MAX_COLUMNS)
		return malformed(err);
	rows->present = cdc_read_bytes(&r, (rows->width + 7) / 8);
	rows->present_after = rows->present;
	if (rows->op == CDC_OP_UPDATE)
		rows->present_after = cdc_read_bytes(&r, (rows->width + 7) / 8);
	if (r.failed)
		return malformed(err);
	rows->npresent = count_bits(rows->present, (int) rows->width);
	rows->npresent_after = count_bits(rows->present_after, (int) rows->width);
	rows->rows = r.p;
	rows->rows_len = cdc_reader_left(&r);
	return CDC_OK;
}

static inline bool
bit(const uint8_t *bitmap, int i)
{
	return bitmap[i / 8] >> (i % 8) & 1;
}

/*
 * Reads the start of a partial update's after image.  *diff is set to the bitmap of
 * the JSON columns that hold differences, or to NULL when none do.
 */
static CdcStatus
read_partial_options(const CdcRowLayout *layout, CdcRowReader *r, const uint8_t **diff)
{
	CdcReader	options;
	uint64_t	flags;
	int			njson = 0;

	*diff = NULL;
	cdc_reader_init(&options, r->p, (size_t) (r->end - r->p));
	flags = cdc_read_packed(&options);
	if (flags & ~(uint64_t) PARTIAL_JSON_UPDATES)
		return cdc_error(r->err, CDC_ERR_UNSUPPORTED,
						 "row has unknown value options %llu", (unsigned long long) flags);
	if (flags & PARTIAL_JSON_UPDATES)
	{
		for (int i = 0; i < layout->ncolumns; i++)
			njson += layout->plans[i].type == CDC_WT_JSON;
		*diff = cdc_read_bytes(&options, (uint64_t) (njson + 7) / 8);
	}
	if (options.failed)
		return cdc_row_cut_short(r);
	r->p = options.p;
	return CDC_OK;
}

CdcStatus
cdc_decode_image(const CdcRowLayout *layout, const CdcRowsEvent *rows, bool after,
				 const CdcValue *before, CdcRowReader *r, CdcValue *values)
{
	const uint8_t *present = after ? rows->present_after : rows->present;
	int			npresent = after ? rows->npresent_after : rows->npresent;
	bool		full = npresent == layout->width;
	const uint8_t *diff = NULL;
	const uint8_t *nulls;
	int			slot = 0;
	int			json = 0;
	CdcStatus	st;

	if (before != NULL && rows->partial_json)
	{
		st = read_partial_options(layout, r, &diff);
		if (st != CDC_OK)
			return st;
	}
	nulls = cdc_take(r, (size_t) (npresent + 7) / 8);
	if (nulls == NULL)
		return cdc_row_cut_short(r);
	for (int i = 0; i < layout->ncolumns; i++)
	{
		const CdcColumnPlan *plan = &layout->plans[i];
		bool		is_diff = false;

		/* the bitmap has a bit for each JSON column, present or not */
		if (diff != NULL && plan->type == CDC_WT_JSON)
			is_diff = bit(diff, json++);
		if (!full && !bit(present, i))
		{
			values[i].kind = CDC_ABSENT;
			continue;
		}
		if (bit(nulls, slot++))
		{
			values[i].kind = CDC_NULL;
			continue;
		}
		if (is_diff)
			st = cdc_decode_json_diff(r, plan, &before[i], &values[i]);
		else
			st = plan->decode(r, plan, &values[i]);
		if (st != CDC_OK)
		{
			cdc_error_column(r->err, layout->table->database, layout->table->name,
							 plan->column->name);
			return st;
		}
	}
	for (int i = layout->ncolumns; i < layout->width; i++)
		if ((full || bit(present, i)) && !bit(nulls, slot++) && cdc_take(r, HIDDEN_BYTES) == NULL)
			return cdc_row_cut_short(r);
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  Row events: from their bytes to values, one row at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_ROWS_H
#define CDC_BINLOG_ROWS_H

#include "binlog/format.h"
#include "binlog/values.h"

/* A row event's fixed part; its pointers point into the event. */
typedef struct CdcRowsEvent
{
	CdcOp		op;				/* insert, update or delete */
	bool		partial_json;	/* JSON columns may hold differences (event type 39) */
	bool		compressed;		/* MariaDB: the caller has to uncompress rows first */
	uint64_t	table_id;
	uint16_t	flags;			/* CDC_ROWS_STMT_END ... */
	uint64_t	width;			/* number of columns */
	const uint8_t *present;		/* bitmap of the columns in the (before) image */
	const uint8_t *present_after;	/* bitmap of an update's after image, else = present */
	int			npresent;		/* number of columns in each of the two */
	int			npresent_after;
	const uint8_t *rows;
	size_t		rows_len;
} CdcRowsEvent;

/* Whether an event of this type has rows. */
extern bool cdc_is_rows_event(uint8_t type);

/* Reads only table id and flags, which is enough for tables that nobody wants. */
extern CdcStatus cdc_rows_event_id(CdcRowsEvent *rows, const CdcFormat *format,
								   const uint8_t *event, size_t len, CdcError *err);

/* Reads the whole fixed part; CDC_ERR_CORRUPT when the event is malformed. */
extern CdcStatus cdc_rows_event_parse(CdcRowsEvent *rows, const CdcFormat *format,
									  const uint8_t *event, size_t len, CdcError *err);

/* What decoding the images of one table needs. */
typedef struct CdcRowLayout
{
	const CdcTable *table;
	const CdcColumnPlan *plans;
	int			ncolumns;
	int			width;			/* with those behind, of 8 bytes each, that are passed over */
} CdcRowLayout;

/*
 * Reads one image from r into values, which has ncolumns elements.  after says which
 * image of an update it is; rows of an insert and of a delete have only one.  before is
 * the row's before image, which partial JSON is applied to, or NULL.
 */
extern CdcStatus cdc_decode_image(const CdcRowLayout *layout, const CdcRowsEvent *rows,
								  bool after, const CdcValue *before,
								  CdcRowReader *r, CdcValue *values);

#endif							/* CDC_BINLOG_ROWS_H */

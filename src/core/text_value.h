/*-------------------------------------------------------------------------
 *
 * text_value.h
 *	  A row that was read with SELECT as the values that the binlog gives for
 *	  the same row, so that both make the same event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_TEXT_VALUE_H
#define CDC_CORE_TEXT_VALUE_H

#include "arena.h"
#include "change.h"

/*
 * Appends the expression that a SELECT has to use for the column, so that the
 * text cell loses nothing; quoted is the column's quoted name.  The session's
 * character set is utf8mb4 and its time zone +00:00.  false: out of memory.
 */
extern bool cdc_select_expression(const CdcColumn *column, const char *quoted, CdcBuf *out);

/* Whether cells of the column's type can be read at all. */
extern bool cdc_text_readable(const CdcColumn *column);

/*
 * The value of such a cell; cell.data is NULL for SQL NULL.  The value may
 * point into the cell.  CDC_ERR_UNSUPPORTED for types that have no text form
 * here, CDC_ERR_VALUE for text that the type cannot have.
 */
extern CdcStatus cdc_value_from_text(CdcArena *arena, const CdcColumn *column, CdcString cell,
									 CdcValue *value, CdcError *err);

/* The same for many cells of a column, whose type (see cdc_text_type()) is looked up once. */
extern CdcStatus cdc_value_from_text_as(CdcArena *arena, const CdcColumn *column, int type,
										CdcString cell, CdcValue *value, CdcError *err);

/* How the cells of the column are read; negative: they cannot be. */
extern int	cdc_text_type(const CdcColumn *column);

#endif							/* CDC_CORE_TEXT_VALUE_H */

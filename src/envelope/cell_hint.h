/*-------------------------------------------------------------------------
 *
 * cell_hint.h
 *	  In which form a value is of which the envelope tells no type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_CELL_HINT_H
#define CDC_ENVELOPE_CELL_HINT_H

#include "envelope/cell.h"

/*
 * Whether a number may be 64 unsigned bits that Debezium printed as if signed
 * (bigint.unsigned.handling.mode long, its default): negative, where the receiver
 * is what holds such a column.
 */
extern bool cdc_cell_wrapped(const CdcColumnHint *hint, const CdcDoc *value);

/*
 * For columns of which the envelope tells no type: epochs, base64 and texts of
 * Debezium's defaults by what the receiver expects.
 */
extern void cdc_cell_by_hint(const CdcColumnHint *hint, const CdcDoc *value, CdcCellType *type);

/*
 * The same for envelopes whose values are texts as the source prints them: dates
 * in ISO 8601, numbers perhaps in strings, JSON in strings where json_text.
 */
extern void cdc_cell_by_text_hint(const CdcColumnHint *hint, const CdcDoc *value, bool json_text,
								  CdcCellType *type);

#endif							/* CDC_ENVELOPE_CELL_HINT_H */

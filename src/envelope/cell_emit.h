/*-------------------------------------------------------------------------
 *
 * cell_emit.h
 *	  One value of a row image, written in Maxwell's form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_CELL_EMIT_H
#define CDC_ENVELOPE_CELL_EMIT_H

#include "envelope/cell.h"

/*
 * Writes the value.  CDC_ERR_VALUE when it is not of its form: the message names
 * the column.
 */
extern CdcStatus cdc_cell_emit(CdcArena *arena, const CdcCell *cell, CdcSink *sink,
							   CdcError *err);

#endif							/* CDC_ENVELOPE_CELL_EMIT_H */

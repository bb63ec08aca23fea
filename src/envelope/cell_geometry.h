/*-------------------------------------------------------------------------
 *
 * cell_geometry.h
 *	  Geometry of envelopes, written as events have it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_CELL_GEOMETRY_H
#define CDC_ENVELOPE_CELL_GEOMETRY_H

#include "envelope/cell.h"

/* Bytes as MySQL stores them. */
extern CdcStatus cdc_emit_geometry_bytes(CdcArena *arena, const CdcCell *cell, CdcString bytes,
										 CdcSink *sink, CdcError *err);

/* The WKB or EWKB of an object in cell->value. */
extern CdcStatus cdc_emit_geometry_object(CdcArena *arena, const CdcCell *cell, CdcString wkb,
										  CdcSink *sink, CdcError *err);

#endif							/* CDC_ENVELOPE_CELL_GEOMETRY_H */

/*-------------------------------------------------------------------------
 *
 * geometry.h
 *	  Geometry: the bytes of MySQL and MariaDB to WKT, as events have it, and
 *	  WKT to EWKB, as PostGIS has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_GEOMETRY_H
#define CDC_CORE_GEOMETRY_H

#include "arena.h"
#include "value.h"

/* How deep collections may lie in each other. */
#define CDC_GEOMETRY_MAX_DEPTH	100

/* Whether a column of that type holds geometry. */
extern bool cdc_is_geometry_type(const char *data_type);

/*
 * Appends the WKT of a value's bytes as row images and SELECT have them: SRID and
 * WKB.  The SRID is not in the text.  CDC_ERR_CORRUPT when they are none,
 * CDC_ERR_LIMIT when it is too deep.
 */
extern CdcStatus cdc_geometry_text(const uint8_t *data, size_t len, CdcBuf *out, CdcError *err);

/*
 * The same as a value.  No bytes at all is what MariaDB and old MySQL put into a
 * NOT NULL column that is left out or added: no geometry, AsText() says NULL, and
 * so does this.
 */
extern CdcStatus cdc_geometry_value(CdcArena *arena, const uint8_t *data, size_t len,
									CdcValue *value, CdcError *err);

/*
 * Appends the EWKB, little-endian, of two-dimensional WKT: in letters of any
 * case, points of a multipoint with or without parentheses, EMPTY for any.  With
 * "SRID=n;" before it (EWKT) the SRID is in the EWKB; without it, EWKB is plain
 * WKB.  CDC_ERR_VALUE when the text is none, CDC_ERR_LIMIT when it is too deep.
 */
extern CdcStatus cdc_geometry_ewkb(const char *text, size_t len, CdcBuf *out, CdcError *err);

#endif							/* CDC_CORE_GEOMETRY_H */

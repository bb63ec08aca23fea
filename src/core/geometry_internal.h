/*-------------------------------------------------------------------------
 *
 * geometry_internal.h
 *	  What the reader and the writer of WKB share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_GEOMETRY_INTERNAL_H
#define CDC_CORE_GEOMETRY_INTERNAL_H

/* Types of WKB. */
enum
{
	WKB_POINT = 1,
	WKB_LINESTRING,
	WKB_POLYGON,
	WKB_MULTIPOINT,
	WKB_MULTILINESTRING,
	WKB_MULTIPOLYGON,
	WKB_COLLECTION
};

/* Their names in WKT, from WKB_POINT on. */
extern const char *const cdc_wkt_names[];

#endif							/* CDC_CORE_GEOMETRY_INTERNAL_H */

/*-------------------------------------------------------------------------
 *
 * cascade.h
 *	  Rows that the source changes by itself, by a foreign key, and does not write to its
 *	  binlog: which tables depend on which.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DOUBT_CASCADE_H
#define CDC_PG_DOUBT_CASCADE_H

#include "pg/catalog/subscription.h"
#include "pg/remote/foreign_key.h"

/* A server follows no more foreign keys than that, one behind the other. */
#define CDC_CASCADE_DEPTH	15

/* Two names of 64 characters in UTF-8, a dot, a NUL. */
#define CDC_CASCADE_NAME	520

/* A table whose rows were met, or one that others refer to. */
typedef struct CdcCascadeParent
{
	char		name[CDC_CASCADE_NAME];	/* hash key; UTF-8 */
	bool		unwanted;		/* it is not captured */
	List	   *keys;			/* of CdcForeignKey *: that refer to it, and concern a captured table */
} CdcCascadeParent;

typedef struct CdcCascades CdcCascades;

/* Lives in parent; sub and control stay the caller's.  sub may be NULL until it is renewed. */
extern CdcCascades *cdc_cascades_create(MemoryContext parent, const CdcSubscription *sub,
										const CdcControl *control);

/* The subscription is another one, or captures other tables. */
extern void cdc_cascades_renew(CdcCascades *cascades, const CdcSubscription *sub);

/* Foreign keys may be others from here on. */
extern void cdc_cascades_forget(CdcCascades *cascades);

/* The table (UTF-8), valid until they are forgotten; NULL: no table depends on another one. */
extern const CdcCascadeParent *cdc_cascades_parent(CdcCascades *cascades, const char *database,
												   const char *table);

/*
 * Whether the rows before this place of the source's binlog were looked at with foreign keys as
 * they were at the source behind it already, or may have been by a stream before this one.
 */
extern bool cdc_cascades_are_ahead(CdcCascades *cascades, const char *file, uint64 offset);

/* Whether changes of a table that is not captured are to be seen all the same. */
extern bool cdc_cascades_watches(CdcCascades *cascades, const char *database, const char *table);

/* "database.table" in UTF-8, palloc'ed. */
extern char *cdc_cascade_name(const char *database, const char *table);

#endif							/* CDC_PG_DOUBT_CASCADE_H */

/*-------------------------------------------------------------------------
 *
 * mapping.h
 *	  How the rows of one source table fill the columns of its target.
 *
 *	  What belongs to the target whatever fills it is in target.h; how a row
 *	  image of a certain shape is read is in layout.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_MAPPING_H
#define CDC_PG_TARGET_MAPPING_H

#include "pg/base/compat.h"
#include "envelope/envelope.h"
#include "pg/catalog/subscription.h"
#include "pg/datum/convert.h"
#include "pg/target/target.h"
#include "utils/jsonb.h"

/* What fills a column of the target. */
typedef struct CdcMappedColumn
{
	char	   *source;			/* name of the source's column in events */
	size_t		source_len;
	CdcConverter conv;
	CdcColumnHint hint;			/* for envelopes that do not tell types */

	/* as in the target's column: a value is converted with a look at one place only */
	AttrNumber	attnum;
	bool		in_key;
	const char *name;
} CdcMappedColumn;

typedef struct CdcMapping
{
	/* the source table */
	char	   *source_table;	/* "database.table" */
	const char *mode;			/* as cdc.subscription_table or cdc.replay has it */

	/* its target; NULL: the table goes to history only, and nothing below is set */
	CdcTarget  *target;
	char	   *trouble;		/* why rows of the source must not be written to it, as a sentence
								 * without its full stop; NULL: they may */
	bool		mapped;			/* "columns" were named: other columns of the source are left out */
	CdcMappedColumn *columns;	/* as many as the target's, by the same index */
	bool		keeps_rows;		/* TRUNCATE does not empty it */
	bool		kept;			/* cdc.error has events of it */
	List	   *layouts;		/* of row images seen so far: CdcLayout *, see layout.h */
	struct CdcLayout *last_layout;

	/* the cache's */
	MemoryContext cxt;			/* of all this, the target included */
	uint64		run;			/* of apply, that used it last: never rebuilt inside one */
	bool		stale;			/* the relation has changed */
} CdcMapping;

/* What a mapping is made from: a row of cdc.subscription_table, or cdc.replay's arguments. */
typedef struct CdcMappingSpec
{
	const char *source_table;
	const char *target;			/* as the user wrote it, or the catalog has it */
	Oid			target_oid;		/* what that is, whatever it is called; InvalidOid: the name says */
	const char *mode;
	char	  **key;			/* target columns */
	int			nkey;			/* 0: the source's key, else the target's primary key */
	const Jsonb *columns;		/* target column -> source column; NULL: the same names */
	bool		keeps_rows;		/* at TRUNCATE of the source */
	bool		leaves_out;		/* columns of the source that the target has not */
} CdcMappingSpec;

/*
 * Makes the mapping and its target in the current memory context, which has to
 * live as long as they.  writes: the relation is locked for that until the end of the
 * transaction, and the writer's rights are checked; else nothing stays locked.  seq: of the event as of which the source's columns are taken.
 * ERROR where the target cannot be written in that way, or not by the current
 * user; NOTICE where it will be slow.
 */
extern CdcMapping *cdc_mapping_make(const CdcSubscription *sub, const CdcMappingSpec *spec,
									int64 seq, bool writes);

#endif							/* CDC_PG_TARGET_MAPPING_H */

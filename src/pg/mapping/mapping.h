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
#ifndef CDC_PG_MAPPING_MAPPING_H
#define CDC_PG_MAPPING_MAPPING_H

#include "pg/base/compat.h"
#include "envelope/envelope.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/datum/convert.h"
#include "pg/expression/expression.h"
#include "pg/expression/fill.h"
#include "pg/target/mode_shape.h"
#include "pg/target/target.h"
#include "pg/options/options.h"
#include "utils/jsonb.h"

/* What fills a column of the target. */
typedef struct CdcMappedColumn
{
	CdcFilledBy by;
	char	   *source;			/* name of the source's column in events; "": no column fills it */
	size_t		source_len;
	CdcExpression *expression;	/* of CDC_BY_EXPRESSION */
	Datum		constant;		/* of CDC_BY_CONSTANT */
	bool		constant_null;
	CdcModeFill mode_fill;		/* of CDC_BY_MODE */
	bool		in_source;		/* its definition has the column */
	bool		in_source_key;	/* the source's column is in its primary key */
	bool		unsettled;		/* the same row may give something else another time */
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
	char	   *name;			/* of the table that is filled, see catalog/tables.h */
	char	   *next;			/* ... of the next one filled from the same source table; or NULL */
	bool		shared;			/* the source table fills several */
	bool		copied;			/* a copy for it is not over */
	const char *mode;			/* as cdc.subscription_table or cdc.replay has it */
	const CdcModeShape *shape;	/* of the mode */

	/* its target; NULL: the table goes to history only, and nothing below is set */
	CdcTarget  *target;
	CdcTarget  *versions;		/* of a mode with versions: the same, with a key that tells them apart; or NULL */
	char	   *trouble;		/* why rows of the source must not be written to it, as a sentence
								 * without its full stop; NULL: they may */
	char	   *remedy;			/* a statement that ends the trouble; NULL: none is known */
	char	   *rekey;			/* arguments of cdc.alter_table that end it; or NULL */
	char	   *rekey_first;	/* statements before that; or NULL */
	bool		remap;			/* the trouble is with the mapping's expressions */
	bool		mapped;			/* "columns" were named: other columns of the source are left out */
	CdcMappedColumn *columns;	/* as many as the target's, by the same index */
	CdcExpressions *expressions;	/* of columns and filter; NULL: there are none */
	CdcExpression *filter;		/* only rows for which it is true are in the target; or NULL */
	bool		computed;		/* expressions, filter or constants: not the straight way */
	bool		whole_only;		/* an image that lacks a column, or has one more, is an ERROR */
	bool		keeps_rows;		/* TRUNCATE does not empty it */
	CdcSources	sources;		/* what becomes of messages of another source */
	bool		key_chosen;		/* argument "key" said the key, or that there is none */
	bool		kept;			/* cdc.error has events of it */

	/* apply's: the target as a run left it last, see apply/run_target.c */
	bool		looked;			/* the following is known */
	CdcTargetSeen seen;			/* as it was noted, but for its columns: */
	bool		shape_noted;	/* they are noted as they are */
	TransactionId noted_by;		/* who noted it in this session; or invalid */

	/* apply's: where its events come from, see apply/event.c */
	char	   *partition;		/* "topic/partition@" of the first event of Kafka; NULL: none yet */
	bool		several;		/* others came from elsewhere */
	char	   *beyond_key;		/* an event that concerns more than its message's key; NULL: none */

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
	const char *name;			/* of the table; NULL: as the source table */
	const char *target;			/* as the user wrote it, or the catalog has it */
	Oid			target_oid;		/* what that is, whatever it is called; InvalidOid: the name says */
	const char *mode;
	char	  **key;			/* target columns */
	int			nkey;			/* 0: the source's key, else the target's primary key; but from Kafka,
								 * where key is not NULL: none */
	const Jsonb *columns;		/* see fill.h; NULL: the source's columns of the same names */
	const char *row_filter;		/* SQL condition; or NULL */
	bool		keeps_rows;		/* at TRUNCATE of the source */
	CdcSources	sources;
	bool		tells_trouble;	/* what is wrong with an expression is told in CdcMapping.trouble */
	bool		leaves_out;		/* columns of the source that the target has not */
	bool		quiet;			/* nobody is told what makes the target slow */
	int64		base_seq;		/* of a replay: the first event of the copy that it is built upon; one of another
								 * copy that it cannot end is an ERROR; 0: it takes what there is */
} CdcMappingSpec;

/* Whether argument "key" is '{}': each message is a row of its own. */
static inline bool
cdc_key_is_none(const CdcSubscription *sub, char *const *key, int nkey)
{
	return sub->kind == CDC_SERVER_KAFKA && key != NULL && nkey == 0;
}

/*
 * Fills in what fills which column of the target, by the definition of the source table, the
 * target's key, and what is wrong with that.  What is computed is left to computed.h.
 */
extern void cdc_mapping_map(CdcMapping *mapping, Relation rel, const CdcSubscription *sub,
							const CdcMappingSpec *spec, const CdcTableDef *def);

#endif							/* CDC_PG_MAPPING_MAPPING_H */

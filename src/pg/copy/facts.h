/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What the source tells of a table beside its definition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_FACTS_H
#define CDC_PG_COPY_FACTS_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "core/change.h"
#include "pg/remote/source.h"

/*
 * Why a replica of the table could not follow it, or a copy of it have one state, by its engine; NULL: neither.
 * palloc'ed, in the database's encoding.
 */
extern char *cdc_copy_engine_trouble(CdcSource *control, const CdcTable *table, bool keyless);

/* Whether tables of that engine cannot be followed at all, and the reason in words; the same of a MERGE table's parts. */
extern bool cdc_copy_is_elsewhere(const char *engine);
extern char *cdc_copy_elsewhere_trouble(const char *engine);
extern char *cdc_copy_merge_trouble(const char *database, const char *table);

/* A table that cannot be followed for its engine, or as a part of a MERGE table. */
typedef struct CdcEngineTrouble
{
	char	   *full_name;		/* UTF-8 */
	char	   *reason;			/* in the database's encoding */
} CdcEngineTrouble;

/* All those that the source shows, of CdcEngineTrouble *. */
extern List *cdc_copy_engine_troubles(CdcSource *control);

/* How many rows the source believes the table to have; -1: it does not say. */
extern int64 cdc_copy_estimated_rows(CdcSource *control, const CdcTable *table);

/* What the source said when it refused a statement, without a stop at its end; palloc'ed, UTF-8. */
extern char *cdc_copy_refusal(const CdcError *err);

/*
 * Why the source refuses a condition on rows of the table, or of nothing but its rows, in its
 * words; palloc'ed.  NULL: it takes it.  Names and condition are UTF-8, and so is the answer.
 */
extern char *cdc_copy_condition_trouble(CdcSource *source, const char *database, const char *table,
										const char *condition);

#endif							/* CDC_PG_COPY_FACTS_H */

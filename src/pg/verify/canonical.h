/*-------------------------------------------------------------------------
 *
 * canonical.h
 *	  One text for a value that source and target both can write, so that both can
 *	  hash it.
 *
 *	  Two things make it safe to call values the same because their texts are.  No two
 *	  values of a target's column have one text: a value that the source's type does not
 *	  have is written as what the source never writes.  And the text of the value that apply
 *	  makes of the source's is the source's text, or else no value's text is: a text that differs
 *	  costs a look at the rows, and hides nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_VERIFY_CANONICAL_H
#define CDC_PG_VERIFY_CANONICAL_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "lib/stringinfo.h"
#include "pg/target/target.h"

/* How a column of the source and one of the target are written. */
typedef struct CdcCanonical CdcCanonical;

/* What the texts of a column depend on besides. */
typedef struct CdcCanonicalRules
{
	const CdcColumn *source;
	int			double_width;	/* characters that a double has room for; 0: as many as it needs */
} CdcCanonicalRules;

/* Of this pair of types; NULL: there is no such text. */
extern const CdcCanonical *cdc_canonical_find(const CdcColumn *source, const CdcTargetColumn *target);

/* Whether the rules have to have double_width. */
extern bool cdc_canonical_is_double(const CdcCanonical *canonical);

/* Appends the arguments of CONCAT() that write the source's column; quoted is its name. */
extern void cdc_canonical_source(const CdcCanonical *canonical, const CdcColumn *source,
								 const char *quoted, StringInfo sql);

/* Appends the target's value. */
extern void cdc_canonical_value(const CdcCanonical *canonical, const CdcCanonicalRules *rules,
								Datum value, bool isnull, StringInfo text);

#endif							/* CDC_PG_VERIFY_CANONICAL_H */

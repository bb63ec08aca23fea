/*-------------------------------------------------------------------------
 *
 * hint.h
 *	  What a PostgreSQL type tells of the values that a column takes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EXPRESSION_HINT_H
#define CDC_PG_EXPRESSION_HINT_H

#include "pg/base/compat.h"
#include "envelope/envelope.h"

/* The hint by which values of an envelope are read that does not tell their types. */
extern void cdc_column_hint(Oid typid, int32 typmod, CdcColumnHint *hint);

#endif							/* CDC_PG_EXPRESSION_HINT_H */

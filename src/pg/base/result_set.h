/*-------------------------------------------------------------------------
 *
 * result_set.h
 *	  The result of a function that returns a table: collected, then handed
 *	  over as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_RESULT_SET_H
#define CDC_PG_BASE_RESULT_SET_H

#include "pg/base/compat.h"
#include "access/tupdesc.h"
#include "utils/tuplestore.h"

/*
 * Begins the result of a function that is declared to return a table.  Rows are
 * added with tuplestore_putvalues() and *desc; both belong to the query.  The
 * function then returns any datum.  ERROR where the caller cannot take a set.
 */
extern Tuplestorestate *cdc_result_set_begin(FunctionCallInfo fcinfo, TupleDesc *desc);

#endif							/* CDC_PG_BASE_RESULT_SET_H */

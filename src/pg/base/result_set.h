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
 * The function's result, empty; rows go in by tuplestore_putvalues() with
 * *desc.  Both belong to the query.  ERROR where no set can be returned.
 */
extern Tuplestorestate *cdc_result_set_begin(FunctionCallInfo fcinfo, TupleDesc *desc);

#endif							/* CDC_PG_BASE_RESULT_SET_H */

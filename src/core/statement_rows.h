/*-------------------------------------------------------------------------
 *
 * statement_rows.h
 *	  What the text of a statement says of an updated row whose image lacks columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_STATEMENT_ROWS_H
#define CDC_CORE_STATEMENT_ROWS_H

#include "value.h"

typedef enum CdcAbsentMeaning
{
	CDC_ABSENT_UNKNOWN,			/* the statement is of another table, as that of a trigger is */
	CDC_ABSENT_KEPT,			/* UPDATE, INSERT ... ON DUPLICATE KEY UPDATE */
	CDC_ABSENT_DEFAULT			/* REPLACE, LOAD DATA ... REPLACE: the row is a new one */
} CdcAbsentMeaning;

/* sql: the statement that a row event belongs to, data NULL where it is not known. */
extern CdcAbsentMeaning cdc_absent_meaning(CdcString sql, const char *table);

#endif							/* CDC_CORE_STATEMENT_ROWS_H */

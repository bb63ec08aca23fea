/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  The definition of a table that is copied, and why one cannot be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_DEFINITION_H
#define CDC_PG_COPY_DEFINITION_H

#include "pg/copy/copy.h"
#include "pg/progress/copy_progress.h"

/*
 * The definition of a table as the source has it now, for rows that are appended with txn;
 * exact: the place of their snapshot is exactly known.  NULL: the stream has DDL before it that
 * the source has done (*ahead); or the table cannot be copied, which its state 'e' then says.
 */
extern const CdcTable *cdc_copy_definition(const CdcCopy *copy, const CdcTransaction *txn,
										   const CdcCopyProgress *progress, bool exact, bool *ahead);

/* Sets a table's state to 'e', with a WARNING. */
extern void cdc_copy_give_up(const CdcCopy *copy, const char *source_table, const char *error);

/* Whether the table or its target has no key, as far as is known. */
extern bool cdc_copy_is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress);

#endif							/* CDC_PG_COPY_DEFINITION_H */

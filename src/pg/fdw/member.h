/*-------------------------------------------------------------------------
 *
 * member.h
 *	  The JSON object that a row of a foreign table with format 'json' is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_MEMBER_H
#define CDC_PG_FDW_MEMBER_H

#include "pg/base/compat.h"
#include "pg/topic/table.h"

typedef struct CdcMemberWriter CdcMemberWriter;

/* Lives in the current context; table must live as long. */
extern CdcMemberWriter *cdc_member_writer(const CdcKafkaTable *table);

/*
 * The object as UTF-8 text, valid until the next call; NULL, a tombstone, where
 * all members are NULL.
 */
extern const char *cdc_member_write(CdcMemberWriter *writer, const Datum *values,
									const bool *isnull, size_t *len);

#endif							/* CDC_PG_FDW_MEMBER_H */

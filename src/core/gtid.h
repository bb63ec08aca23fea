/*-------------------------------------------------------------------------
 *
 * gtid.h
 *	  GTID sets of MySQL (tagged too) and GTID positions of MariaDB.
 *
 * Text forms: MySQL "uuid:1-5:7,uuid:tag:1-3" (8.4+: tags follow their uuid),
 * MariaDB "0-1-17,1-2-3" (domain-server-sequence, the last one per domain).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_GTID_H
#define CDC_CORE_GTID_H

#include "arena.h"

typedef enum CdcFlavor
{
	CDC_MYSQL,
	CDC_MARIADB
} CdcFlavor;

typedef struct CdcGtidSet CdcGtidSet;

/* All sets are malloc'ed; NULL from create and copy when out of memory. */
extern CdcGtidSet *cdc_gtid_set_create(CdcFlavor flavor);
extern CdcGtidSet *cdc_gtid_set_copy(const CdcGtidSet *set);
extern void cdc_gtid_set_destroy(CdcGtidSet *set);	/* NULL is allowed */

/* Parses text (white space and line breaks allowed) and adds it to the set. */
extern CdcStatus cdc_gtid_set_parse(CdcGtidSet *set, const char *text, CdcError *err);

/* Appends the canonical text form: sorted, no white space, no NUL. */
extern CdcStatus cdc_gtid_set_print(const CdcGtidSet *set, CdcBuf *out);

/*
 * Adds one transaction.  MySQL: "uuid:n" or "uuid:tag:n"; MariaDB "d-s-n",
 * which replaces what the domain had.
 */
extern CdcStatus cdc_gtid_set_add(CdcGtidSet *set, const char *gtid, CdcError *err);
extern CdcStatus cdc_gtid_set_union(CdcGtidSet *set, const CdcGtidSet *other, CdcError *err);
extern CdcStatus cdc_gtid_set_subtract(CdcGtidSet *set, const CdcGtidSet *other, CdcError *err);	/* MySQL only */

/* MariaDB: a domain's position contains all sequence numbers up to it. */
extern bool cdc_gtid_set_contains(const CdcGtidSet *set, const CdcGtidSet *other);
extern bool cdc_gtid_set_contains_gtid(const CdcGtidSet *set, const char *gtid);
extern bool cdc_gtid_set_empty(const CdcGtidSet *set);

/*
 * MySQL's wire form (COM_BINLOG_DUMP_GTID, Previous_gtids): the tagged one
 * where the set holds tags, else the old one.
 */
extern CdcStatus cdc_gtid_set_encode(const CdcGtidSet *set, CdcBuf *out);
extern CdcStatus cdc_gtid_set_decode(CdcGtidSet *set, const uint8_t *data, size_t len, CdcError *err);

#endif							/* CDC_CORE_GTID_H */

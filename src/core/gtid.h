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

/*
 * Parses text (white space and line breaks allowed) and adds it to the set.
 * MariaDB: each entry replaces what its domain had.  After an error the set is
 * what it was before; this holds for all functions here.
 */
extern CdcStatus cdc_gtid_set_parse(CdcGtidSet *set, const char *text, CdcError *err);

/* Appends the canonical text form: sorted, no white space, no NUL. */
extern CdcStatus cdc_gtid_set_print(const CdcGtidSet *set, CdcBuf *out);

/*
 * Adds one transaction.  MySQL: "uuid:n" or "uuid:tag:n"; MariaDB "d-s-n",
 * which replaces what the domain had.
 */
extern CdcStatus cdc_gtid_set_add(CdcGtidSet *set, const char *gtid, CdcError *err);

/* Transactions of a source are numbered from 1 to CDC_GTID_MAX. */
#define CDC_GTID_MAX		(INT64_MAX - 1) /* MySQL's GNO_END is INT64_MAX */
#define CDC_GTID_TAG_MAX	32

/*
 * Writes "uuid:n", with a tag "uuid:tag:n", and a NUL into buf, which has
 * CDC_GTID_TEXT bytes; returns the length.  The tag has been checked to be at
 * most CDC_GTID_TAG_MAX bytes long.
 */
#define CDC_GTID_TEXT		96
extern size_t cdc_gtid_text_mysql(const uint8_t *uuid, const char *tag, size_t tag_len,
								  uint64_t n, char *buf);

/* MariaDB: the higher position of each domain wins. */
extern CdcStatus cdc_gtid_set_union(CdcGtidSet *set, const CdcGtidSet *other, CdcError *err);

/* MariaDB: a domain's position contains all sequence numbers up to it. */
extern bool cdc_gtid_set_contains(const CdcGtidSet *set, const CdcGtidSet *other);
extern bool cdc_gtid_set_contains_gtid(const CdcGtidSet *set, const char *gtid);

/*
 * Whether a log that has brought the set cannot go on with this transaction: it was
 * there already, or MariaDB: the number of its server in its domain has gone back.
 */
extern bool cdc_gtid_set_repeats(const CdcGtidSet *set, const char *gtid);

/* A GTID of MariaDB. */
typedef struct CdcMariaGtid
{
	uint32_t	domain;
	uint32_t	server;
	uint64_t	sequence;
} CdcMariaGtid;

/* false where text is none. */
extern bool cdc_maria_gtid_parse(const char *text, CdcMariaGtid *gtid);

/* MariaDB: what the set has of a domain; false: nothing. */
extern bool cdc_gtid_set_domain(const CdcGtidSet *set, uint32_t domain, CdcMariaGtid *last);
extern void cdc_gtid_set_forget_domain(CdcGtidSet *set, uint32_t domain);
extern bool cdc_gtid_set_empty(const CdcGtidSet *set);

/*
 * MySQL's wire form (COM_BINLOG_DUMP_GTID): the tagged one where the set holds tags,
 * else the old one.
 */
extern CdcStatus cdc_gtid_set_encode(const CdcGtidSet *set, CdcBuf *out);

#endif							/* CDC_CORE_GTID_H */

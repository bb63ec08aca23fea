/*-------------------------------------------------------------------------
 *
 * gtid_internal.h
 *	  What the files gtid*.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_GTID_INTERNAL_H
#define CDC_CORE_GTID_INTERNAL_H

#include "core/gtid.h"

#define GTID_UUID_LEN	16

/* Transactions start to end, both included. */
typedef struct GtidRange
{
	uint64_t	start;
	uint64_t	end;
} GtidRange;

/* What one source (with one tag) has executed. */
typedef struct GtidSource
{
	uint8_t		uuid[GTID_UUID_LEN];
	char		tag[CDC_GTID_TAG_MAX + 1];	/* lower case; "" = none */
	GtidRange  *ranges;			/* malloc'ed, never empty in a set */
	size_t		nranges;
	size_t		capacity;
} GtidSource;

/*
 * In a set the sources are in order of uuid and tag, and the ranges of each in
 * order with a gap between any two.  While text is read into a list
 * it may be in any order; gtid_list_normalise() then brings it into this form.
 */
typedef struct GtidList
{
	GtidSource *sources;
	size_t		n;
	size_t		capacity;
} GtidList;

/* MariaDB: the last transaction of a replication domain. */
typedef struct GtidDomain
{
	uint32_t	domain;
	uint32_t	server;
	uint64_t	sequence;
} GtidDomain;

typedef struct GtidDomains
{
	GtidDomain *entries;		/* in a set: one a domain, in order */
	size_t		n;
	size_t		capacity;
} GtidDomains;

struct CdcGtidSet
{
	CdcFlavor	flavor;
	GtidList	list;			/* MySQL */
	GtidDomains domains;		/* MariaDB */
};

/* gtid_text.c */
extern const char *gtid_skip_space(const char *p);

/* Reads decimal digits up to max; NULL where there are none or too many. */
extern const char *gtid_read_number(const char *p, uint64_t max, uint64_t *value);

/* Room for one more element of the given size; false when out of memory. */
extern bool gtid_grow(void **array, size_t *capacity, size_t n, size_t element);

/* "invalid GTID set", naming the place in text. */
extern CdcStatus gtid_text_error(CdcError *err, const char *text, const char *at,
								 const char *expected);
extern CdcStatus gtid_nomem(CdcError *err);

/* gtid_mysql.c */
extern void gtid_list_free(GtidList *list);
extern CdcStatus gtid_list_append(GtidList *list, const GtidList *other);
extern CdcStatus gtid_list_normalise(GtidList *list);
extern CdcStatus gtid_list_parse(GtidList *list, const char *text, CdcError *err);
extern CdcStatus gtid_list_parse_one(const char *gtid, GtidSource *key, uint64_t *n,
									 CdcError *err);
extern CdcStatus gtid_list_add(GtidList *list, const GtidSource *key, uint64_t n);
extern bool gtid_list_has(const GtidList *list, const GtidSource *key, uint64_t n);
extern bool gtid_list_contains(const GtidList *list, const GtidList *other);
extern CdcStatus gtid_list_print(const GtidList *list, CdcBuf *out);

/* gtid_wire.c */
extern CdcStatus gtid_list_encode(const GtidList *list, CdcBuf *out);

/* gtid_mariadb.c */
extern void gtid_domains_free(GtidDomains *domains);
extern bool gtid_domain_parse_one(const char *text, GtidDomain *entry);	/* and nothing else */
extern CdcStatus gtid_domains_parse(GtidDomains *domains, const char *text, CdcError *err);
extern CdcStatus gtid_domains_set(GtidDomains *domains, const GtidDomain *entry);
extern CdcStatus gtid_domains_merge(GtidDomains *domains, const GtidDomains *other,
									bool higher_wins);
extern bool gtid_domains_contain(const GtidDomains *domains, const GtidDomains *other);
extern CdcStatus gtid_domains_print(const GtidDomains *domains, CdcBuf *out);

#endif							/* CDC_CORE_GTID_INTERNAL_H */

/*-------------------------------------------------------------------------
 *
 * gtid.c
 *	  GTID sets: what is the same for both flavours.  See gtid_mysql.c,
 *	  gtid_wire.c and gtid_mariadb.c for the rest.
 *
 * A function that can fail works on a copy of its own or on a single entry,
 * so that a set is never left half changed.
 *
 *-------------------------------------------------------------------------
 */
#include "core/gtid_internal.h"

#include <stdlib.h>
#include <string.h>

CdcGtidSet *
cdc_gtid_set_create(CdcFlavor flavor)
{
	CdcGtidSet *set = calloc(1, sizeof(CdcGtidSet));

	if (set != NULL)
		set->flavor = flavor;
	return set;
}

CdcGtidSet *
cdc_gtid_set_copy(const CdcGtidSet *set)
{
	CdcGtidSet *copy = cdc_gtid_set_create(set->flavor);

	if (copy != NULL && cdc_failed(cdc_gtid_set_union(copy, set, NULL)))
	{
		cdc_gtid_set_destroy(copy);
		return NULL;
	}
	return copy;
}

void
cdc_gtid_set_destroy(CdcGtidSet *set)
{
	if (set == NULL)
		return;
	gtid_list_free(&set->list);
	gtid_domains_free(&set->domains);
	free(set);
}

/* Puts the content of list and other, normalised, into list; frees other. */
static CdcStatus
absorb(GtidList *list, GtidList *other, CdcError *err)
{
	CdcStatus	st = gtid_list_append(other, list);

	if (st == CDC_OK)
		st = gtid_list_normalise(other);
	if (st != CDC_OK)
	{
		gtid_list_free(other);
		return gtid_nomem(err);
	}
	gtid_list_free(list);
	*list = *other;
	return CDC_OK;
}

CdcStatus
cdc_gtid_set_parse(CdcGtidSet *set, const char *text, CdcError *err)
{
	CdcStatus	st;

	if (set->flavor == CDC_MARIADB)
	{
		GtidDomains domains = {0};

		st = gtid_domains_parse(&domains, text, err);
		if (st == CDC_OK && gtid_domains_merge(&set->domains, &domains, false) != CDC_OK)
			st = gtid_nomem(err);
		gtid_domains_free(&domains);
	}
	else
	{
		GtidList	list = {0};

		st = gtid_list_parse(&list, text, err);
		if (st == CDC_OK)
			return absorb(&set->list, &list, err);
		gtid_list_free(&list);
	}
	return st;
}

CdcStatus
cdc_gtid_set_print(const CdcGtidSet *set, CdcBuf *out)
{
	if (set->flavor == CDC_MARIADB)
		return gtid_domains_print(&set->domains, out);
	return gtid_list_print(&set->list, out);
}

/* Reads one MariaDB GTID and nothing else. */
static CdcStatus
parse_one_mariadb(const char *gtid, GtidDomain *entry, CdcError *err)
{
	GtidDomains domains = {0};
	CdcStatus	st;

	if (gtid_domain_parse_one(gtid, entry))
		return CDC_OK;
	st = gtid_domains_parse(&domains, gtid, err);
	if (st == CDC_OK && domains.n != 1)
		st = gtid_text_error(err, gtid, gtid, "one GTID");
	if (st == CDC_OK)
		*entry = domains.entries[0];
	gtid_domains_free(&domains);
	return st;
}

CdcStatus
cdc_gtid_set_add(CdcGtidSet *set, const char *gtid, CdcError *err)
{
	CdcStatus	st;

	if (set->flavor == CDC_MARIADB)
	{
		GtidDomain	entry;

		st = parse_one_mariadb(gtid, &entry, err);
		if (st != CDC_OK)
			return st;
		st = gtid_domains_set(&set->domains, &entry);
	}
	else
	{
		GtidSource	key;
		uint64_t	n;

		st = gtid_list_parse_one(gtid, &key, &n, err);
		if (st != CDC_OK)
			return st;
		st = gtid_list_add(&set->list, &key, n);
	}
	return st == CDC_OK ? CDC_OK : gtid_nomem(err);
}

static CdcStatus
check_flavors(const CdcGtidSet *set, const CdcGtidSet *other, CdcError *err)
{
	if (set->flavor == other->flavor)
		return CDC_OK;
	return cdc_error(err, CDC_ERR_VALUE, "cannot combine GTIDs of MySQL and MariaDB");
}

CdcStatus
cdc_gtid_set_union(CdcGtidSet *set, const CdcGtidSet *other, CdcError *err)
{
	GtidList	list = {0};
	CdcStatus	st = check_flavors(set, other, err);

	if (st != CDC_OK)
		return st;
	if (set->flavor == CDC_MARIADB)
		return gtid_domains_merge(&set->domains, &other->domains, true) == CDC_OK ?
			CDC_OK : gtid_nomem(err);
	if (gtid_list_append(&list, &other->list) != CDC_OK)
	{
		gtid_list_free(&list);
		return gtid_nomem(err);
	}
	return absorb(&set->list, &list, err);
}

bool
cdc_gtid_set_contains(const CdcGtidSet *set, const CdcGtidSet *other)
{
	if (set->flavor != other->flavor)
		return cdc_gtid_set_empty(other);
	if (set->flavor == CDC_MARIADB)
		return gtid_domains_contain(&set->domains, &other->domains);
	return gtid_list_contains(&set->list, &other->list);
}

bool
cdc_gtid_set_contains_gtid(const CdcGtidSet *set, const char *gtid)
{
	if (set->flavor == CDC_MARIADB)
	{
		GtidDomain	entry;
		GtidDomains one = {.entries = &entry,.n = 1};

		return parse_one_mariadb(gtid, &entry, NULL) == CDC_OK &&
			gtid_domains_contain(&set->domains, &one);
	}
	else
	{
		GtidSource	key;
		uint64_t	n;

		return gtid_list_parse_one(gtid, &key, &n, NULL) == CDC_OK &&
			gtid_list_has(&set->list, &key, n);
	}
}

bool
cdc_maria_gtid_parse(const char *text, CdcMariaGtid *gtid)
{
	GtidDomain	entry;

	if (!gtid_domain_parse_one(text, &entry))
		return false;
	gtid->domain = entry.domain;
	gtid->server = entry.server;
	gtid->sequence = entry.sequence;
	return true;
}

bool
cdc_gtid_set_domain(const CdcGtidSet *set, uint32_t domain, CdcMariaGtid *last)
{
	for (size_t i = 0; i < set->domains.n; i++)
	{
		const GtidDomain *entry = &set->domains.entries[i];

		if (entry->domain != domain)
			continue;
		last->domain = domain;
		last->server = entry->server;
		last->sequence = entry->sequence;
		return true;
	}
	return false;
}

void
cdc_gtid_set_forget_domain(CdcGtidSet *set, uint32_t domain)
{
	GtidDomains *domains = &set->domains;

	for (size_t i = 0; i < domains->n; i++)
	{
		if (domains->entries[i].domain != domain)
			continue;
		memmove(&domains->entries[i], &domains->entries[i + 1],
				(domains->n - i - 1) * sizeof(GtidDomain));
		domains->n--;
		return;
	}
}

bool
cdc_gtid_set_repeats(const CdcGtidSet *set, const char *gtid)
{
	CdcMariaGtid next;
	CdcMariaGtid last;

	if (set->flavor != CDC_MARIADB)
		return cdc_gtid_set_contains_gtid(set, gtid);
	return cdc_maria_gtid_parse(gtid, &next) && cdc_gtid_set_domain(set, next.domain, &last) &&
		last.server == next.server && last.sequence >= next.sequence;
}

bool
cdc_gtid_set_empty(const CdcGtidSet *set)
{
	return set->list.n == 0 && set->domains.n == 0;
}

CdcStatus
cdc_gtid_set_encode(const CdcGtidSet *set, CdcBuf *out)
{
	if (set->flavor != CDC_MYSQL)
		return CDC_ERR_UNSUPPORTED; /* MariaDB sends positions as text */
	return gtid_list_encode(&set->list, out);
}

/*-------------------------------------------------------------------------
 *
 * gtid_mariadb.c
 *	  MariaDB's GTID positions: the last transaction of each domain.
 *
 * Text form (MariaDB manual, "Global Transaction ID"): domain-server-sequence,
 * separated by commas.  Where a domain comes more than once, as in
 * gtid_binlog_state, the last one is its newest.
 *
 *-------------------------------------------------------------------------
 */
#include "core/gtid_internal.h"

#include <stdlib.h>
#include <string.h>

void
gtid_domains_free(GtidDomains *domains)
{
	free(domains->entries);
	memset(domains, 0, sizeof(*domains));
}

static CdcStatus
append_entry(GtidDomains *domains, const GtidDomain *entry)
{
	void	   *array = domains->entries;

	if (!gtid_grow(&array, &domains->capacity, domains->n, sizeof(GtidDomain)))
		return CDC_ERR_NOMEM;
	domains->entries = array;
	domains->entries[domains->n++] = *entry;
	return CDC_OK;
}

/* Whether the domain is there; *index is its place or where it belongs. */
static bool
find_domain(const GtidDomains *domains, uint32_t domain, size_t *index)
{
	size_t		low = 0;
	size_t		high = domains->n;

	while (low < high)
	{
		size_t		mid = low + (high - low) / 2;

		if (domains->entries[mid].domain < domain)
			low = mid + 1;
		else
			high = mid;
	}
	*index = low;
	return low < domains->n && domains->entries[low].domain == domain;
}

CdcStatus
gtid_domains_set(GtidDomains *domains, const GtidDomain *entry)
{
	size_t		i;
	CdcStatus	st;

	if (find_domain(domains, entry->domain, &i))
	{
		domains->entries[i] = *entry;
		return CDC_OK;
	}
	st = append_entry(domains, entry);
	if (st != CDC_OK)
		return st;
	memmove(&domains->entries[i + 1], &domains->entries[i],
			(domains->n - 1 - i) * sizeof(GtidDomain));
	domains->entries[i] = *entry;
	return CDC_OK;
}

static int
compare_domains(const GtidDomain *a, const GtidDomain *b)
{
	return (a->domain > b->domain) - (a->domain < b->domain);
}

/* An entry and its place in the text, for a sort that keeps the order. */
typedef struct PlacedDomain
{
	GtidDomain	entry;
	size_t		place;
} PlacedDomain;

static int
compare_placed(const void *a, const void *b)
{
	const PlacedDomain *x = a;
	const PlacedDomain *y = b;
	int			cmp = compare_domains(&x->entry, &y->entry);

	return cmp != 0 ? cmp : (x->place > y->place) - (x->place < y->place);
}

/* Sorts by domain and keeps the last entry of each. */
static CdcStatus
normalise(GtidDomains *domains)
{
	PlacedDomain *placed;
	size_t		n = 0;

	if (domains->n < 2)
		return CDC_OK;
	placed = calloc(domains->n, sizeof(PlacedDomain));
	if (placed == NULL)
		return CDC_ERR_NOMEM;
	for (size_t i = 0; i < domains->n; i++)
	{
		placed[i].entry = domains->entries[i];
		placed[i].place = i;
	}
	qsort(placed, domains->n, sizeof(PlacedDomain), compare_placed);
	for (size_t i = 0; i < domains->n; i++)
	{
		if (i + 1 == domains->n ||
			compare_domains(&placed[i].entry, &placed[i + 1].entry) != 0)
			domains->entries[n++] = placed[i].entry;
	}
	domains->n = n;
	free(placed);
	return CDC_OK;
}

/* Reads "d-s-n"; returns behind it, or NULL. */
static const char *
read_entry(const char *p, GtidDomain *entry)
{
	uint64_t	domain;
	uint64_t	server;

	p = gtid_read_number(p, UINT32_MAX, &domain);
	if (p == NULL || *p != '-')
		return NULL;
	p = gtid_read_number(p + 1, UINT32_MAX, &server);
	if (p == NULL || *p != '-')
		return NULL;
	p = gtid_read_number(p + 1, UINT64_MAX, &entry->sequence);
	entry->domain = (uint32_t) domain;
	entry->server = (uint32_t) server;
	return p;
}

bool
gtid_domain_parse_one(const char *text, GtidDomain *entry)
{
	const char *p = read_entry(gtid_skip_space(text), entry);

	return p != NULL && *gtid_skip_space(p) == '\0';
}

CdcStatus
gtid_domains_parse(GtidDomains *domains, const char *text, CdcError *err)
{
	const char *p = gtid_skip_space(text);

	while (*p != '\0')
	{
		GtidDomain	entry;
		const char *next;

		if (*p == ',')
		{
			p = gtid_skip_space(p + 1);
			continue;
		}
		next = read_entry(p, &entry);
		if (next == NULL)
			return gtid_text_error(err, text, p, "domain-server-sequence");
		if (append_entry(domains, &entry) != CDC_OK)
			return gtid_nomem(err);
		p = gtid_skip_space(next);
		if (*p != ',' && *p != '\0')
			return gtid_text_error(err, text, p, "\",\" or the end");
	}
	return normalise(domains) == CDC_OK ? CDC_OK : gtid_nomem(err);
}

/*
 * Merges two positions; where both have a domain, the higher sequence number
 * wins or else the entry of other.
 */
CdcStatus
gtid_domains_merge(GtidDomains *domains, const GtidDomains *other, bool higher_wins)
{
	GtidDomains merged = {0};
	size_t		i = 0;
	size_t		j = 0;

	while (i < domains->n || j < other->n)
	{
		const GtidDomain *a = i < domains->n ? &domains->entries[i] : NULL;
		const GtidDomain *b = j < other->n ? &other->entries[j] : NULL;
		const GtidDomain *entry = a != NULL ? a : b;

		if (a != NULL && b != NULL)
		{
			int			cmp = compare_domains(a, b);

			if (cmp == 0)
				entry = higher_wins && a->sequence >= b->sequence ? a : b;
			else
				entry = cmp < 0 ? a : b;
			i += cmp <= 0;
			j += cmp >= 0;
		}
		else if (a != NULL)
			i++;
		else
			j++;
		if (append_entry(&merged, entry) != CDC_OK)
		{
			gtid_domains_free(&merged);
			return CDC_ERR_NOMEM;
		}
	}
	gtid_domains_free(domains);
	*domains = merged;
	return CDC_OK;
}

bool
gtid_domains_contain(const GtidDomains *domains, const GtidDomains *other)
{
	for (size_t i = 0; i < other->n; i++)
	{
		size_t		at;

		if (!find_domain(domains, other->entries[i].domain, &at) ||
			domains->entries[at].sequence < other->entries[i].sequence)
			return false;
	}
	return true;
}

CdcStatus
gtid_domains_print(const GtidDomains *domains, CdcBuf *out)
{
	for (size_t i = 0; i < domains->n; i++)
	{
		const GtidDomain *e = &domains->entries[i];

		if (!cdc_buf_printf(out, "%s%u-%u-%llu", i > 0 ? "," : "",
							(unsigned) e->domain, (unsigned) e->server,
							(unsigned long long) e->sequence))
			return CDC_ERR_NOMEM;
	}
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * gtid_mysql.c
 *	  MySQL's GTID sets: for each source (and tag) a list of ranges.
 *
 * Text form (MySQL manual, "GTID Format and Storage"):
 *		set		:= [ source { "," source } ]
 *		source	:= uuid { ":" ( range | tag ) }
 *		range	:= n [ "-" n ]
 * A tag (8.4+) holds for the ranges behind it up to the next tag or source.
 * As the server does, a uuid is also taken without dashes or in braces, and
 * empty sources between commas are skipped.
 *
 *-------------------------------------------------------------------------
 */
#include "core/gtid_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void
gtid_list_free(GtidList *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->sources[i].ranges);
	free(list->sources);
	memset(list, 0, sizeof(*list));
}

static int
compare_sources(const void *a, const void *b)
{
	const GtidSource *x = a;
	const GtidSource *y = b;
	int			cmp = memcmp(x->uuid, y->uuid, GTID_UUID_LEN);

	return cmp != 0 ? cmp : strcmp(x->tag, y->tag);
}

static int
compare_ranges(const void *a, const void *b)
{
	const GtidRange *x = a;
	const GtidRange *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Appends an empty source to a list; NULL when out of memory. */
static GtidSource *
append_source(GtidList *list, const GtidSource *key)
{
	void	   *array = list->sources;
	GtidSource *source;

	if (!gtid_grow(&array, &list->capacity, list->n, sizeof(GtidSource)))
		return NULL;
	list->sources = array;
	source = &list->sources[list->n++];
	memset(source, 0, sizeof(*source));
	memcpy(source->uuid, key->uuid, GTID_UUID_LEN);
	memcpy(source->tag, key->tag, sizeof(source->tag));
	return source;
}

/* The list's last source when it is this one, else a new one behind it. */
static GtidSource *
open_source(GtidList *list, const GtidSource *key)
{
	if (list->n > 0 && compare_sources(&list->sources[list->n - 1], key) == 0)
		return &list->sources[list->n - 1];
	return append_source(list, key);
}

static CdcStatus
append_range(GtidSource *source, uint64_t start, uint64_t end)
{
	void	   *array = source->ranges;

	if (!gtid_grow(&array, &source->capacity, source->nranges, sizeof(GtidRange)))
		return CDC_ERR_NOMEM;
	source->ranges = array;
	source->ranges[source->nranges].start = start;
	source->ranges[source->nranges].end = end;
	source->nranges++;
	return CDC_OK;
}

static CdcStatus
append_ranges(GtidSource *source, const GtidSource *from)
{
	for (size_t i = 0; i < from->nranges; i++)
	{
		CdcStatus	st = append_range(source, from->ranges[i].start, from->ranges[i].end);

		if (st != CDC_OK)
			return st;
	}
	return CDC_OK;
}

/* Appends copies of other's sources. */
CdcStatus
gtid_list_append(GtidList *list, const GtidList *other)
{
	for (size_t i = 0; i < other->n; i++)
	{
		GtidSource *source = append_source(list, &other->sources[i]);

		if (source == NULL || append_ranges(source, &other->sources[i]) != CDC_OK)
			return CDC_ERR_NOMEM;
	}
	return CDC_OK;
}

/* Sorts ranges and joins those that overlap or touch. */
static void
normalise_ranges(GtidSource *source)
{
	size_t		n = 0;

	if (source->nranges == 0)
		return;
	for (size_t i = 1; i < source->nranges; i++)
	{
		if (source->ranges[i - 1].start > source->ranges[i].start)
		{
			qsort(source->ranges, source->nranges, sizeof(GtidRange), compare_ranges);
			break;
		}
	}
	for (size_t i = 1; i < source->nranges; i++)
	{
		GtidRange  *last = &source->ranges[n];
		const GtidRange *r = &source->ranges[i];

		if (r->start <= last->end + 1)
		{
			if (r->end > last->end)
				last->end = r->end;
		}
		else
			source->ranges[++n] = *r;
	}
	source->nranges = n + 1;
}

CdcStatus
gtid_list_normalise(GtidList *list)
{
	size_t		n = 0;

	if (list->n > 1)
		qsort(list->sources, list->n, sizeof(GtidSource), compare_sources);

	for (size_t i = 0; i < list->n; i++)
	{
		GtidSource *source = &list->sources[i];
		GtidSource *last = n > 0 ? &list->sources[n - 1] : NULL;

		if (last != NULL && compare_sources(last, source) == 0)
		{
			CdcStatus	st = append_ranges(last, source);

			if (st != CDC_OK)
			{
				/* close the gap, so that each array has one owner */
				memmove(&list->sources[n], source, (list->n - i) * sizeof(GtidSource));
				list->n -= i - n;
				return st;
			}
			free(source->ranges);
		}
		else if (source->nranges == 0)
			free(source->ranges);
		else
		{
			list->sources[n] = *source;
			n++;
		}
	}
	list->n = n;
	for (size_t i = 0; i < n; i++)
		normalise_ranges(&list->sources[i]);
	return CDC_OK;
}

/* The source's index, or the place where it belongs. */
static bool
find_source(const GtidList *list, const GtidSource *key, size_t *index)
{
	size_t		low = 0;
	size_t		high = list->n;

	while (low < high)
	{
		size_t		mid = low + (high - low) / 2;
		int			cmp = compare_sources(&list->sources[mid], key);

		if (cmp == 0)
		{
			*index = mid;
			return true;
		}
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*index = low;
	return false;
}

/* The first range that ends at or behind n, or nranges. */
static size_t
find_range(const GtidSource *source, uint64_t n)
{
	size_t		low = 0;
	size_t		high = source->nranges;

	while (low < high)
	{
		size_t		mid = low + (high - low) / 2;

		if (source->ranges[mid].end < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static CdcStatus
add_to_source(GtidSource *source, uint64_t n)
{
	GtidRange  *r;
	size_t		i;
	bool		joins_before;
	bool		joins_after;

	/* the usual case: the next transaction of this source */
	if (source->nranges > 0 && source->ranges[source->nranges - 1].end == n - 1)
	{
		source->ranges[source->nranges - 1].end = n;
		return CDC_OK;
	}

	i = find_range(source, n);
	r = source->ranges + i;
	if (i < source->nranges && r->start <= n)
		return CDC_OK;			/* there already */
	joins_before = i > 0 && source->ranges[i - 1].end == n - 1;
	joins_after = i < source->nranges && r->start == n + 1;
	if (joins_before && joins_after)
	{
		r[-1].end = r->end;
		memmove(r, r + 1, (source->nranges - i - 1) * sizeof(GtidRange));
		source->nranges--;
	}
	else if (joins_before)
		r[-1].end = n;
	else if (joins_after)
		r->start = n;
	else
	{
		CdcStatus	st = append_range(source, n, n);

		if (st != CDC_OK)
			return st;
		r = source->ranges + i;
		memmove(r + 1, r, (source->nranges - i - 1) * sizeof(GtidRange));
		r->start = r->end = n;
	}
	return CDC_OK;
}

CdcStatus
gtid_list_add(GtidList *list, const GtidSource *key, uint64_t n)
{
	size_t		i;

	if (!find_source(list, key, &i))
	{
		GtidSource	added;
		GtidSource *last = append_source(list, key);

		if (last == NULL)
			return CDC_ERR_NOMEM;
		if (append_range(last, n, n) != CDC_OK)
		{
			list->n--;
			return CDC_ERR_NOMEM;
		}
		added = *last;
		memmove(&list->sources[i + 1], &list->sources[i],
				(list->n - 1 - i) * sizeof(GtidSource));
		list->sources[i] = added;
		return CDC_OK;
	}
	return add_to_source(&list->sources[i], n);
}

bool
gtid_list_has(const GtidList *list, const GtidSource *key, uint64_t n)
{
	const GtidSource *source;
	size_t		i;

	if (!find_source(list, key, &i))
		return false;
	source = &list->sources[i];
	i = find_range(source, n);
	return i < source->nranges && source->ranges[i].start <= n;
}

bool
gtid_list_contains(const GtidList *list, const GtidList *other)
{
	for (size_t i = 0; i < other->n; i++)
	{
		const GtidSource *wanted = &other->sources[i];
		const GtidSource *source;
		size_t		at;

		if (!find_source(list, wanted, &at))
			return false;
		source = &list->sources[at];
		for (size_t j = 0, k = 0; j < wanted->nranges; j++)
		{
			const GtidRange *w = &wanted->ranges[j];

			while (k < source->nranges && source->ranges[k].end < w->end)
				k++;
			if (k == source->nranges || source->ranges[k].start > w->start)
				return false;
		}
	}
	return true;
}

static int
hex_value(char c)
{
	const char *p;

	if (c >= 'A' && c <= 'F')
		c = (char) (c - 'A' + 'a');
	p = c != '\0' ? strchr(hex_digits, c) : NULL;
	return p != NULL ? (int) (p - hex_digits) : -1;
}

/* Reads a uuid; returns behind it, or NULL. */
static const char *
read_uuid(const char *p, uint8_t *uuid)
{
	bool		brace = *p == '{';
	bool		dashes;

	if (brace)
		p++;
	dashes = memchr(p, '\0', 9) == NULL && p[8] == '-';
	for (int i = 0; i < GTID_UUID_LEN; i++)
	{
		int			high;
		int			low;

		if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return NULL;
		high = hex_value(p[0]);
		low = high < 0 ? -1 : hex_value(p[1]);
		if (low < 0)
			return NULL;
		uuid[i] = (uint8_t) (high << 4 | low);
		p += 2;
	}
	if (brace && *p++ != '}')
		return NULL;
	return p;
}

/*
 * Checks a tag (a letter or '_', then up to 31 letters, digits or '_') and
 * copies it in lower case with zeros behind it.  An empty one is fine.
 */
static bool
read_tag(const char *tag, size_t len, char *out)
{
	if (len > CDC_GTID_TAG_MAX)
		return false;
	memset(out, 0, CDC_GTID_TAG_MAX + 1);
	for (size_t i = 0; i < len; i++)
	{
		char		c = tag[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (!(c >= 'a' && c <= 'z') && c != '_' && !(c >= '0' && c <= '9' && i > 0))
			return false;
		out[i] = c;
	}
	return true;
}

static size_t
word_len(const char *p)
{
	size_t		n = 0;

	while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z') ||
		   (p[n] >= '0' && p[n] <= '9') || p[n] == '_')
		n++;
	return n;
}

static const char *
read_range(const char *p, uint64_t *start, uint64_t *end)
{
	p = gtid_read_number(p, CDC_GTID_MAX, start);
	if (p == NULL)
		return NULL;
	*end = *start;
	p = gtid_skip_space(p);
	if (*p == '-')
		p = gtid_read_number(gtid_skip_space(p + 1), CDC_GTID_MAX, end);
	return *start >= 1 && p != NULL && *end >= *start ? p : NULL;
}

/*
 * Reads what follows a source's uuid; *at is moved behind it, or on error to
 * where it is.
 */
static CdcStatus
parse_source(GtidList *list, GtidSource *key, const char *text, const char **at,
			 CdcError *err)
{
	const char *p = gtid_skip_space(*at);
	bool		complete = false;	/* a range has been seen for this tag */

	while (*p == ':')
	{
		uint64_t	start;
		uint64_t	end;
		const char *next;
		GtidSource *source;

		p = gtid_skip_space(p + 1);
		if (*p >= '0' && *p <= '9')
		{
			next = read_range(p, &start, &end);
			if (next == NULL)
				return gtid_text_error(err, text, p, "a range of transaction numbers");
			source = open_source(list, key);
			if (source == NULL || append_range(source, start, end) != CDC_OK)
				return gtid_nomem(err);
			complete = true;
		}
		else
		{
			size_t		len = word_len(p);

			if (len == 0 || (!complete && key->tag[0] != '\0') ||
				!read_tag(p, len, key->tag))
				return gtid_text_error(err, text, p, "a transaction number or a tag");
			next = p + len;
			complete = false;
		}
		p = gtid_skip_space(next);
	}
	if (!complete)
		return gtid_text_error(err, text, p, "\":\" and a transaction number");
	*at = p;
	return CDC_OK;
}

/* Appends what text says to list; normalising is left to the caller. */
CdcStatus
gtid_list_parse(GtidList *list, const char *text, CdcError *err)
{
	const char *p = gtid_skip_space(text);

	while (*p != '\0')
	{
		GtidSource	key = {.ranges = NULL};
		const char *next;
		CdcStatus	st;

		if (*p == ',')
		{
			p = gtid_skip_space(p + 1);
			continue;
		}
		next = read_uuid(p, key.uuid);
		if (next == NULL)
			return gtid_text_error(err, text, p, "a server's UUID");
		p = next;
		st = parse_source(list, &key, text, &p, err);
		if (st != CDC_OK)
			return st;
		if (*p != ',' && *p != '\0')
			return gtid_text_error(err, text, p, "\",\" or the end");
	}
	return CDC_OK;
}

/* Reads "uuid:n" or "uuid:tag:n" and nothing else; no memory is allocated. */
CdcStatus
gtid_list_parse_one(const char *gtid, GtidSource *key, uint64_t *n, CdcError *err)
{
	const char *p = read_uuid(gtid, key->uuid);

	memset(key->tag, 0, sizeof(key->tag));
	if (p != NULL && *p == ':' && !(p[1] >= '0' && p[1] <= '9'))
	{
		size_t		len = word_len(p + 1);

		if (len == 0 || !read_tag(p + 1, len, key->tag))
			p = NULL;
		else
			p += 1 + len;
	}
	if (p != NULL)
		p = *p == ':' ? gtid_read_number(p + 1, CDC_GTID_MAX, n) : NULL;
	if (p == NULL || *p != '\0' || *n < 1)
		return cdc_error(err, CDC_ERR_VALUE, "invalid GTID \"%.120s\"", gtid);
	return CDC_OK;
}

static char *
print_uuid(const uint8_t *uuid, char *p)
{
	for (int i = 0; i < GTID_UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex_digits[uuid[i] >> 4];
		*p++ = hex_digits[uuid[i] & 0x0F];
	}
	*p = '\0';
	return p;
}

CdcStatus
gtid_list_print(const GtidList *list, CdcBuf *out)
{
	for (size_t i = 0; i < list->n; i++)
	{
		const GtidSource *source = &list->sources[i];
		char		uuid[40];
		bool		same = i > 0 &&
			memcmp(source->uuid, list->sources[i - 1].uuid, GTID_UUID_LEN) == 0;
		bool		ok = true;

		if (!same)
		{
			print_uuid(source->uuid, uuid);
			ok = cdc_buf_printf(out, "%s%s", i > 0 ? "," : "", uuid);
		}
		if (source->tag[0] != '\0')
			ok = ok && cdc_buf_printf(out, ":%s", source->tag);
		for (size_t j = 0; ok && j < source->nranges; j++)
		{
			const GtidRange *r = &source->ranges[j];

			ok = cdc_buf_printf(out, ":%llu", (unsigned long long) r->start);
			if (ok && r->end > r->start)
				ok = cdc_buf_printf(out, "-%llu", (unsigned long long) r->end);
		}
		if (!ok)
			return CDC_ERR_NOMEM;
	}
	return CDC_OK;
}

size_t
cdc_gtid_text_mysql(const uint8_t *uuid, const char *tag, size_t tag_len, uint64_t n,
					char *buf)
{
	char	   *p = print_uuid(uuid, buf);

	if (tag_len > CDC_GTID_TAG_MAX)
		tag_len = CDC_GTID_TAG_MAX;
	*p++ = ':';
	if (tag_len > 0)
	{
		memcpy(p, tag, tag_len);
		p += tag_len;
		*p++ = ':';
	}
	p += snprintf(p, 24, "%llu", (unsigned long long) n);
	return (size_t) (p - buf);
}

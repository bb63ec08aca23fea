/*-------------------------------------------------------------------------
 *
 * savepoint.c
 *	  The savepoints of an open group.
 *
 * As a rule a server takes what ROLLBACK TO SAVEPOINT undoes out of its cache
 * before it writes the binlog.  It cannot when the transaction changed what no
 * rollback undoes: MariaDB, once a table without transactions was changed; all
 * servers with binlog_format=MIXED, once a temporary table was made.  Then the
 * binlog has SAVEPOINT `x`, row events, ROLLBACK TO `x`.  Those row events are
 * void: rows of tables without transactions are never among them, since servers
 * write those at once, as a transaction of their own before this one.  (Seen on
 * MySQL 5.6.24 and 9.7.4, MariaDB 10.11 and 11.8.)
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/savepoint.h"

#include <string.h>

/*
 * Applications set one a statement, and nothing in the binlog tells that they
 * released it: beyond so many the older half is forgotten.
 */
#define MAX_SAVEPOINTS	100000

/* Set again under its name in a loop, one takes the place of its predecessor. */
#define LOOK_BACK		8

/* Names are known by their hashes alone. */
typedef struct Name
{
	uint64_t	exact;
	uint64_t	folded;			/* without regard to the case of ASCII letters */
	bool		ascii;
} Name;

typedef struct Savepoint
{
	CdcGroupMark mark;
	Name		name;
} Savepoint;

typedef enum NameMatch
{
	NAME_DIFFERS,
	NAME_SAME,
	NAME_UNCERTAIN
} NameMatch;

void
cdc_savepoints_reset(CdcSavepoints *sp)
{
	cdc_buf_reset(&sp->list);
	sp->forgotten = false;
}

void
cdc_savepoints_free(CdcSavepoints *sp)
{
	cdc_buf_free(&sp->list);
}

static size_t
count(const CdcSavepoints *sp)
{
	return sp->list.len / sizeof(Savepoint);
}

static Savepoint *
nth(const CdcSavepoints *sp, size_t i)
{
	return (Savepoint *) sp->list.data + i;
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The name at the front of s, as it stands there but for its quotes: doubled
 * ones within are doubled in all places.  Before the name, servers up to 5.5,
 * which log what the client sent, may have the word SAVEPOINT.
 */
static CdcString
read_name(CdcString s, bool may_have_keyword)
{
	static const char keyword[] = "SAVEPOINT";
	size_t		n = 0;
	char		quote;

	while (s.len > 0 && is_space(s.data[0]))
		s.data++, s.len--;
	if (s.len == 0)
		return s;
	quote = s.data[0];
	if (quote == '`' || quote == '"')
	{
		for (n = 1; n < s.len; n++)
		{
			if (s.data[n] != quote)
				continue;
			if (n + 1 == s.len || s.data[n + 1] != quote)
				break;
			n++;
		}
		return (CdcString) {s.data + 1, n - 1};
	}
	while (n < s.len && !is_space(s.data[n]) && s.data[n] != ';' && s.data[n] != '/')
		n++;
	if (may_have_keyword && n == strlen(keyword))
	{
		CdcString	name;
		size_t		same = 0;

		while (same < n && upper(s.data[same]) == keyword[same])
			same++;
		name = read_name((CdcString) {s.data + n, s.len - n}, false);
		if (same == n && name.len > 0)
			return name;
	}
	return (CdcString) {s.data, n};
}

/* FNV-1a, in 64 bits. */
static uint64_t
hash(uint64_t h, char c)
{
	return (h ^ (uint8_t) c) * UINT64_C(0x100000001b3);
}

static Name
hash_name(CdcString s)
{
	Name		name = {UINT64_C(0xcbf29ce484222325), UINT64_C(0xcbf29ce484222325), true};

	for (size_t i = 0; i < s.len; i++)
	{
		name.exact = hash(name.exact, s.data[i]);
		name.folded = hash(name.folded, upper(s.data[i]));
		name.ascii &= (s.data[i] & 0x80) == 0;
	}
	return name;
}

/*
 * The servers compare names without regard to case and to accents: of letters
 * beyond ASCII this says that it does not know.
 */
static NameMatch
compare_names(const Name *a, const Name *b)
{
	if (a->exact == b->exact)
		return NAME_SAME;
	if (!a->ascii || !b->ascii)
		return NAME_UNCERTAIN;
	return a->folded == b->folded ? NAME_SAME : NAME_DIFFERS;
}

CdcStatus
cdc_savepoint_set(CdcSavepoints *sp, CdcString rest, CdcGroupMark here, CdcError *err)
{
	CdcString	text = read_name(rest, true);
	Savepoint	add = {here, hash_name(text)};
	size_t		n = count(sp);

	if (text.len == 0)
		return cdc_error(err, CDC_ERR_CORRUPT, "SAVEPOINT without a name");
	for (size_t i = n; i > 0 && i + LOOK_BACK > n; i--)
	{
		if (compare_names(&nth(sp, i - 1)->name, &add.name) != NAME_SAME)
			continue;
		memmove(nth(sp, i - 1), nth(sp, i), (n - i) * sizeof(Savepoint));
		sp->list.len -= sizeof(Savepoint);
		break;
	}
	if (count(sp) == MAX_SAVEPOINTS)
	{
		memmove(nth(sp, 0), nth(sp, MAX_SAVEPOINTS / 2),
				(MAX_SAVEPOINTS - MAX_SAVEPOINTS / 2) * sizeof(Savepoint));
		sp->list.len -= MAX_SAVEPOINTS / 2 * sizeof(Savepoint);
		sp->forgotten = true;
	}
	if (!cdc_buf_append(&sp->list, &add, sizeof(add)))
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	return CDC_OK;
}

CdcStatus
cdc_savepoint_find(CdcSavepoints *sp, CdcString rest, CdcGroupMark *mark, CdcError *err)
{
	CdcString	text = read_name(rest, true);
	Name		name = hash_name(text);

	/* the newest first: it hides older ones of its name */
	for (size_t i = count(sp); i-- > 0;)
	{
		NameMatch	match = compare_names(&nth(sp, i)->name, &name);

		if (match == NAME_UNCERTAIN)
			return cdc_error(err, CDC_ERR_UNSUPPORTED,
							 "savepoints whose names differ in letters beyond ASCII are not supported");
		if (match == NAME_SAME)
		{
			*mark = nth(sp, i)->mark;
			sp->list.len = (i + 1) * sizeof(Savepoint);
			return CDC_OK;
		}
	}
	if (sp->forgotten)
		return cdc_error(err, CDC_ERR_LIMIT, "transaction has more than %d savepoints",
						 MAX_SAVEPOINTS);
	cdc_error(err, CDC_ERR_CORRUPT, "ROLLBACK TO SAVEPOINT of a savepoint that was not set");
	cdc_error_detail(err, "The savepoint is \"%.*s\".", (int) (text.len < 64 ? text.len : 64),
					 text.len > 0 ? text.data : "");
	return CDC_ERR_CORRUPT;
}

/*-------------------------------------------------------------------------
 *
 * wave.c
 *	  Rows of several tables, or of several ranges of one, read at the same time.
 *
 * A wave sends one SELECT over each connection, then takes the answers one after the
 * other: while the rows of the first are written, the others are read ahead, each into its
 * connection's buffer.  All of them are in the history before the stream goes on, so that
 * nothing of it can come between a snapshot and its rows, however many snapshots there are.
 *
 * The table that is being copied is cut into ranges of the same size, of which the keys
 * are asked for; what is done of it is always a part from its beginning on.  A table that
 * begins is asked for few rows over one connection, and tables behind it over the others:
 * so many small ones are read at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

/*
 * The first query of a table asks for so many rows, the next for so many times more at most.
 * None asks for less than is worth it: so many rows, or bytes where rows are large.
 */
#define FIRST_ROWS			64
#define MORE_ROWS			8
#define LEAST_BYTES			(1024.0 * 1024)

/* A range is worth a connection of its own from so many rows, or bytes, on. */
#define RANGE_ROWS			250
#define RANGE_BYTES			(64.0 * 1024)

/* What is read over one connection. */
typedef struct Part
{
	CdcCopyTable *t;
	CdcChunkRange range;
	CdcChunk   *chunk;			/* asked for, and not read; or NULL */
} Part;

/* ---- what is asked for ---- */

/* How many rows the next query of the step's first table asks for. */
static int64
next_limit(const CdcCopy *copy, const CdcCopyTable *t, double left_ms)
{
	CdcCopyPace *pace = copy->pace;
	double		least;
	double		rows;

	if (strcmp(pace->table, t->progress->source_table) != 0)
	{
		strlcpy(pace->table, t->progress->source_table, sizeof(pace->table));
		pace->rows = FIRST_ROWS / MORE_ROWS;
		pace->rows_per_ms = FIRST_ROWS;
		pace->row_bytes = 0;
	}
	least = Min(FIRST_ROWS, LEAST_BYTES / Max(pace->row_bytes, 1));
	rows = Min(pace->rows_per_ms * Max(left_ms, 1), (double) pace->rows * MORE_ROWS);
	pace->rows = (int64) Max(Max(rows, least), 1);
	return pace->rows;
}

static void
set_part(Part *part, CdcCopyTable *t, const char *const *after, int64 limit)
{
	memset(part, 0, sizeof(*part));
	part->t = t;
	part->range.after = after;
	part->range.where = t->progress->row_filter;
	part->range.limit = t->key != NULL ? limit : 0;
}

/* The next rows of a table, cut into ranges; returns how many. */
static int
cut_table(CdcCopyWork *work, CdcCopyTable *t, Part *parts, int64 rows)
{
	const CdcCopyPace *pace = work->copy->pace;
	const char *const *after = (const char *const *) t->progress->last_key;
	double		worth = Max((double) rows / RANGE_ROWS, rows * pace->row_bytes / RANGE_BYTES);
	int			n = (int) Max(Min(Min(worth, (double) rows), work->max_readers), 1);
	int			i;

	for (i = 0; i < n; i++)
	{
		char	  **bound;

		set_part(&parts[i], t, after, Max(rows / n, 1));
		if (i == n - 1 ||
			!cdc_chunk_try_skip(work->readers[0], t->table, t->key, &parts[i].range, &bound))
			return i + 1;
		parts[i].range.upto = after = (const char *const *) bound;
		parts[i].range.limit = 0;
	}
	return n;
}

/* The next range of a table of which some rows are copied, by the number of all of its rows. */
static void
set_range(CdcCopyWork *work, CdcCopyTable *t, Part *part, int64 rows)
{
	char	  **bound;

	set_part(part, t, (const char *const *) t->progress->last_key, rows);
	part->range.where = NULL;
	if (cdc_chunk_try_skip(work->readers[0], t->table, t->key, &part->range, &bound))
		part->range.upto = (const char *const *) bound;
	part->range.where = t->progress->row_filter;
	part->range.limit = 0;
}

/* The next table that has something to read, from *lc on; NULL: there is none. */
static CdcCopyTable *
next_table(CdcCopyWork *work, List *tables, int *at)
{
	for (; *at < list_length(tables); (*at)++)
	{
		CdcCopyTable *t = list_nth(tables, *at);

		if (!t->done && t->table == NULL)
			cdc_copy_prepare(work, t);
		/* it has a key by now, and is read as such in another step */
		if (work->use == CDC_SNAPSHOT_EXACT && t->key != NULL)
			t->done = true;
		if (!t->done)
		{
			(*at)++;
			return t;
		}
		if (cdc_copy_ms_until(work->until) <= 0)
			break;
	}
	return NULL;
}

/* What comes next, a part for each connection that has something to do; returns how many. */
static int
plan(CdcCopyWork *work, List *tables, Part *parts)
{
	int			at = 0;
	CdcCopyTable *t = next_table(work, tables, &at);
	int64		rows;
	int			n;

	if (t == NULL)
		return 0;
	/* what the questions took does not count, or a slow source would get nowhere */
	if (!work->wrote)
		work->until = Max(work->until, TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																	work->copy->sub->opt.copy_chunk_ms / 2));
	if (t->key == NULL)
	{
		set_part(&parts[0], t, NULL, 0);
		return 1;
	}
	rows = next_limit(work->copy, t, cdc_copy_ms_until(work->until));
	if (cdc_copy_tells_keys(t->progress))
	{
		set_range(work, t, parts, rows);
		return 1;
	}
	n = cut_table(work, t, parts, rows);
	if (rows > FIRST_ROWS)
		return n;
	while (n < work->max_readers && cdc_copy_ms_until(work->until) > 0 &&
		   (t = next_table(work, tables, &at)) != NULL)
	{
		if (t->key != NULL && !cdc_copy_tells_keys(t->progress))
			set_part(&parts[n++], t, (const char *const *) t->progress->last_key, FIRST_ROWS);
	}
	return n;
}

/* ---- what comes ---- */

/* Keeps how far the table has come with the part. */
static void
advance(CdcCopyWork *work, const Part *part)
{
	CdcCopyTable *t = part->t;
	CdcCopyProgress *p = t->progress;
	char	  **key = part->range.upto != NULL ? (char **) part->range.upto :
		cdc_chunk_last_key(part->chunk);

	if (key != NULL)
	{
		p->last_key = key;
		p->nlast_key = t->key->ncolumns;
	}
	p->chunks++;
	if (part->range.upto == NULL && cdc_chunk_is_last(part->chunk))
		cdc_copy_end(work, t);
}

/* How fast the step's first table is read. */
static void
note_pace(CdcCopyPace *pace, int64 rows, int64 bytes, TimestampTz began)
{
	double		ms = Max(-cdc_copy_ms_until(began), 0.05);

	if (rows == 0)
		return;
	pace->rows_per_ms = rows / ms;
	pace->row_bytes = (double) bytes / rows;
}

/*
 * Rows that were chosen by a condition, then the keys of all rows of the range, of the same
 * snapshot: a condition may say something else the next time (NOW(), RAND()).
 */
static void
read_some(CdcCopyWork *work, Part *part)
{
	CdcCopyTable *t = part->t;
	CdcCopyProgress *p = t->progress;
	int64		asked = work->copy->pace->rows;
	TimestampTz began = GetCurrentTimestamp();

	if (!cdc_copy_append(work, t, part->chunk))
	{
		t->done = true;
		return;
	}
	cdc_chunk_close(part->chunk);
	part->range.where = NULL;
	if (!cdc_copy_tell_keys(work, t, &part->range))
	{
		t->done = true;
		return;
	}
	note_pace(work->copy->pace, asked, 0, began);
	p->chunks++;
	if (part->range.upto != NULL)
	{
		p->last_key = (char **) part->range.upto;
		p->nlast_key = t->key->ncolumns;
	}
	else
		cdc_copy_end(work, t);
}

/* Takes the answers in the order of the parts. */
static void
read_parts(CdcCopyWork *work, Part *parts, int n)
{
	TimestampTz began = GetCurrentTimestamp();
	int64		rows = 0;
	int64		bytes = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		Part	   *part = &parts[i];

		/* a range before this one could not be read: what is behind the gap is no use */
		if (part->t->done)
		{
			cdc_copy_drop_reader(work, i);
			work->until = 0;
			continue;
		}
		if (!cdc_copy_append(work, part->t, part->chunk))
		{
			part->t->done = true;
			continue;
		}
		if (part->t->paused)
		{
			/* its rows are read by themselves from here on, in steps of its own */
			cdc_copy_pass_begin(work, part->t, part->chunk);
			cdc_copy_keep(work, part->t);
			part->t->done = true;
			work->until = 0;
			return;
		}
		if (part->t == parts[0].t)
		{
			rows += cdc_chunk_rows(part->chunk);
			bytes += cdc_chunk_bytes(part->chunk);
			note_pace(work->copy->pace, rows, bytes, began);
		}
		advance(work, part);
		cdc_chunk_close(part->chunk);
	}
}

void
cdc_copy_waves(CdcCopyWork *work, List *tables)
{
	Part		parts[CDC_COPY_MAX_WORKERS];
	ListCell   *lc;
	int			n;
	int			i;

	while ((n = plan(work, tables, parts)) > 0)
	{
		/* all are in their snapshots before the first is asked for rows */
		for (i = 1; i < n; i++)
			if (cdc_copy_reader(work, i) == NULL)
				n = work->max_readers = i;
		for (i = 0; i < n; i++)
			parts[i].chunk = cdc_chunk_post(work->readers[i], parts[i].t->table, parts[i].t->key,
											&parts[i].range, work->copy->sub->name);
		if (cdc_copy_tells_keys(parts[0].t->progress))
			read_some(work, &parts[0]);
		else
			read_parts(work, parts, n);
		if (cdc_copy_ms_until(work->until) <= 0)
			break;
	}
	foreach(lc, tables)
	{
		CdcCopyTable *t = lfirst(lc);

		if (t->touched)
			cdc_copy_keep(work, t);
	}
}

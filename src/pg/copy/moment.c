/*-------------------------------------------------------------------------
 *
 * moment.c
 *	  A snapshot that is exactly as of where the stream stands, for tables without a key.
 *
 * No server but MariaDB tells where in the binlog a snapshot was opened.  It can be said of two
 * places that it was between them (snapshot.c), and the stream tells what happened there: for a
 * table that nothing has changed in between both are the snapshot's.  So it is opened and
 * waits until the stream has come to the second place, as no source with commits has a moment without
 * them, but each table has one without its own.  From where the stream stands then, all changes
 * of the table are behind the snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "utils/memutils.h"

#include "pg/base/utf8.h"

/* A table that the snapshot is for. */
typedef struct MomentTable
{
	const char *source_table;	/* in the database's encoding ... */
	const char *full_name;		/* ... and in UTF-8 */
	bool		changed;
} MomentTable;

struct CdcCopyMoment
{
	MemoryContext context;		/* of all of it */
	uint64		number;
	CdcSnapshot snap;
	List	   *tables;			/* of MomentTable * */
};

/* ---- its begin and end ---- */

static const char *
copy_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

static void
copy_place(CdcSourcePosition *place)
{
	place->file = (char *) copy_text(place->file);
	place->gtid_set = (char *) copy_text(place->gtid_set);
}

void
cdc_copy_moment_begin(const CdcCopy *copy, const CdcSnapshot *snap, List *tables)
{
	static uint64 number = 0;
	MemoryContext context = AllocSetContextCreate(copy->context, "cdc_ingest copy's moment",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcCopyMoment *moment = palloc0(sizeof(CdcCopyMoment));
	ListCell   *lc;

	moment->context = context;
	moment->number = ++number;
	moment->snap = *snap;
	copy_place(&moment->snap.from);
	copy_place(&moment->snap.to);
	moment->snap.trouble = copy_text(snap->trouble);
	foreach(lc, tables)
	{
		MomentTable *t = palloc0(sizeof(MomentTable));

		t->source_table = pstrdup(((CdcCopyProgress *) lfirst(lc))->source_table);
		t->full_name = cdc_to_utf8_copy(t->source_table);
		moment->tables = lappend(moment->tables, t);
	}
	copy->pace->moment = moment;
	MemoryContextSwitchTo(old);
}

void
cdc_copy_moment_end(CdcCopyPace *pace)
{
	CdcCopyMoment *moment = pace->moment;

	pace->moment = NULL;
	if (moment != NULL)
		MemoryContextDelete(moment->context);
}

/* ---- what the stream brings ---- */

const CdcSourcePosition *
cdc_copy_moment_from(const CdcCopyPace *pace)
{
	return pace->moment != NULL ? &pace->moment->snap.from : NULL;
}

const CdcSourcePosition *
cdc_copy_moment_to(const CdcCopyPace *pace)
{
	return pace->moment != NULL ? &pace->moment->snap.to : NULL;
}

uint64
cdc_copy_moment_number(const CdcCopyPace *pace)
{
	return pace->moment != NULL ? pace->moment->number : 0;
}

/* Whether a name is made up of these two; or, table being empty, is of that database. */
static bool
is_named(const char *full_name, const char *database, const char *table)
{
	size_t		len = strlen(database);

	return strncmp(full_name, database, len) == 0 && full_name[len] == '.' &&
		(table[0] == '\0' || strcmp(full_name + len + 1, table) == 0);
}

bool
cdc_copy_moment_is_of(const CdcCopyPace *pace, const char *database, const char *table)
{
	ListCell   *lc;

	if (pace->moment == NULL)
		return false;
	foreach(lc, pace->moment->tables)
	{
		const MomentTable *t = lfirst(lc);

		if (!t->changed && is_named(t->full_name, database, table))
			return true;
	}
	return false;
}

void
cdc_copy_moment_changed(CdcCopyPace *pace, const char *database, const char *table)
{
	ListCell   *lc;

	foreach(lc, pace->moment->tables)
	{
		MomentTable *t = lfirst(lc);

		if (is_named(t->full_name, database, table))
			t->changed = true;
	}
}

/* ---- what it is good for ---- */

TimestampTz
cdc_copy_moment_opened_at(const CdcCopyPace *pace)
{
	return pace->moment->snap.opened_at;
}

void
cdc_copy_moment_snapshot(const CdcCopy *copy, CdcSnapshot *snap)
{
	const CdcCopyMoment *moment = copy->pace->moment;

	memset(snap, 0, sizeof(*snap));
	snap->from.file = snap->to.file = pstrdup(copy->file);
	snap->from.offset = snap->to.offset = copy->offset;
	if (moment == NULL)
		return;
	snap->opened_at = moment->snap.opened_at;
	snap->trouble = moment->snap.trouble;
}

List *
cdc_copy_moment_tables(const CdcCopy *copy, List *tables)
{
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, tables)
	{
		CdcCopyProgress *p = lfirst(lc);

		foreach(lt, copy->pace->moment->tables)
		{
			const MomentTable *t = lfirst(lt);

			if (!t->changed && strcmp(t->source_table, p->source_table) == 0)
				result = lappend(result, p);
		}
	}
	return result;
}

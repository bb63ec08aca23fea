/*-------------------------------------------------------------------------
 *
 * cascade.c
 *	  Rows that the source changes by itself, by a foreign key, and does not write to its
 *	  binlog: which tables depend on which.
 *
 * The foreign keys are read from the source's definitions when they are asked for first, and
 * anew when a statement may have changed them.  What a row of the parent table tells is whether
 * a cascade was possible, not whether there was a row to change.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/doubt/cascade.h"

#include "utils/memutils.h"

#include "core/binlog_position.h"
#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"

struct CdcCascades
{
	MemoryContext parent;
	const CdcSubscription *sub;
	const CdcControl *control;
	MemoryContext asked;		/* of all; NULL: to be read */
	List	   *all;			/* of CdcForeignKey *: as the source told */
	bool		logged;			/* the source logs what they change */
	bool		begun;			/* it was asked before */
	char	   *file;			/* the end of its binlog when it was asked last */
	int64		offset;
	MemoryContext context;		/* of the following; NULL: to be made of these */
	bool		none;			/* there is no such foreign key to a captured table */
	HTAB	   *parents;
	CdcCascadeParent *last;		/* found last */
	bool		watches;		/* rows of tables that are not captured may come */
};

char *
cdc_cascade_name(const char *database, const char *table)
{
	return cdc_to_utf8_copy(psprintf("%s.%s", database, table));
}

/* The table's entry; *found false: it is new. */
static CdcCascadeParent *
enter(CdcCascades *cascades, const char *name, bool *found)
{
	char		key[CDC_CASCADE_NAME] = {0};

	snprintf(key, sizeof(key), "%s", name);
	return hash_search(cascades->parents, key, HASH_ENTER, found);
}

static bool
is_unwanted(const CdcCascades *cascades, const char *database, const char *table)
{
	return !cdc_subscription_wants(cascades->sub, database, table);
}

/* Whether the foreign key changes, at last, rows of a captured table. */
static bool
concerns_us(const CdcCascades *cascades, List *keys, const CdcForeignKey *key, int depth)
{
	ListCell   *lc;

	if (!is_unwanted(cascades, cdc_to_utf8_copy(key->database), cdc_to_utf8_copy(key->table)))
		return true;
	if (depth >= CDC_CASCADE_DEPTH)
		return false;
	foreach(lc, keys)
	{
		const CdcForeignKey *next = lfirst(lc);

		if (strcmp(next->parent_database, key->database) == 0 &&
			strcmp(next->parent_table, key->table) == 0 && concerns_us(cascades, keys, next, depth + 1))
			return true;
	}
	return false;
}

/* Asks the source. */
static void
read_keys(CdcCascades *cascades)
{
	MemoryContext asked = AllocSetContextCreate(cascades->parent, "cdc_ingest foreign keys",
												ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(asked);
	CdcSource  *source = cdc_control_session(cascades->control);
	CdcSourcePosition place = {0};

	cascades->all = NIL;
	cascades->logged = cdc_source_logs_cascades(source);
	if (!cascades->logged)
	{
		(void) cdc_source_cascades(source, &cascades->all);
		/* behind them: a statement that ended meanwhile counts as one before */
		cdc_source_position(source, &place);
	}
	MemoryContextSwitchTo(old);
	cascades->asked = asked;
	if (place.file == NULL)
		return;
	if (cascades->file != NULL)
		pfree(cascades->file);
	cascades->file = MemoryContextStrdup(cascades->parent, place.file);
	cascades->offset = place.offset;
}

/* Parents of captured tables, from what the source told. */
static void
make_parents(CdcCascades *cascades)
{
	MemoryContext context;
	MemoryContext old;
	ListCell   *lc;

	if (cascades->asked == NULL)
		read_keys(cascades);
	cascades->begun = true;
	context = AllocSetContextCreate(cascades->parent, "cdc_ingest parents", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	cascades->last = NULL;
	cascades->none = true;
	cascades->parents = cdc_hash_of_strings("cdc_ingest parents", 64, CDC_CASCADE_NAME,
											sizeof(CdcCascadeParent), context);
	foreach(lc, cascades->all)
	{
		CdcForeignKey *key = lfirst(lc);
		CdcCascadeParent *parent;
		bool		found;

		if (!concerns_us(cascades, cascades->all, key, 0))
			continue;
		cascades->none = false;
		parent = enter(cascades, cdc_cascade_name(key->parent_database, key->parent_table), &found);
		if (!found)
		{
			parent->keys = NIL;
			parent->unwanted = is_unwanted(cascades, cdc_to_utf8_copy(key->parent_database),
										   cdc_to_utf8_copy(key->parent_table));
			cascades->watches = cascades->watches || parent->unwanted;
		}
		parent->keys = lappend(parent->keys, key);
	}
	MemoryContextSwitchTo(old);
	cascades->context = context;
}

CdcCascades *
cdc_cascades_create(MemoryContext parent, const CdcSubscription *sub, const CdcControl *control)
{
	CdcCascades *cascades = MemoryContextAllocZero(parent, sizeof(CdcCascades));

	cascades->parent = parent;
	cascades->sub = sub;
	cascades->control = control;
	return cascades;
}

void
cdc_cascades_renew(CdcCascades *cascades, const CdcSubscription *sub)
{
	MemoryContext context = cascades->context;

	cascades->sub = sub;
	cascades->context = NULL;
	if (context != NULL)
		MemoryContextDelete(context);
}

void
cdc_cascades_forget(CdcCascades *cascades)
{
	MemoryContext asked = cascades->asked;

	cdc_cascades_renew(cascades, cascades->sub);
	cascades->asked = NULL;
	if (asked != NULL)
		MemoryContextDelete(asked);
}

const CdcCascadeParent *
cdc_cascades_parent(CdcCascades *cascades, const char *database, const char *table)
{
	char		name[CDC_CASCADE_NAME];
	bool		found;

	if (cascades->context == NULL)
		make_parents(cascades);
	if (cascades->none && !cascades->watches)
		return NULL;
	snprintf(name, sizeof(name), "%s.%s", database, table);
	if (cascades->last != NULL && strcmp(cascades->last->name, name) == 0)
		return cascades->last;
	cascades->last = enter(cascades, name, &found);
	if (!found)
	{
		cascades->last->keys = NIL;
		cascades->last->unwanted = is_unwanted(cascades, database, table);
	}
	return cascades->last;
}

bool
cdc_cascades_are_ahead(CdcCascades *cascades, const char *file, uint64 offset)
{
	bool		first = !cascades->begun;
	int			order;

	cascades->begun = true;
	if (first && cascades->asked == NULL)
		read_keys(cascades);
	if (cascades->logged || cascades->file == NULL)
		return false;
	order = cdc_binlog_file_compare(cascades->file, file);
	return first || order > 0 || (order == 0 && (uint64) cascades->offset > offset);
}

bool
cdc_cascades_watches(CdcCascades *cascades, const char *database, const char *table)
{
	const CdcCascadeParent *parent = cdc_cascades_parent(cascades, database, table);

	return parent != NULL && parent->unwanted && parent->keys != NIL;
}

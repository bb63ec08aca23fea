/*-------------------------------------------------------------------------
 *
 * base.c
 *	  Where in the history to begin for a table as it was at a place, and whether that is known.
 *
 * The events from the beginning of a copy of all rows on add up to what the source had, at each
 * commit from the place on where the stream has passed that copy.  Not before: rows that a copy brings
 * are as the source had them when they were read, which is later than what the stream has brought
 * by then, and each chunk is of another time; what the others were nobody has read.  So while any
 * copy of the source table is under way, for whatever target, a place is not known; and none is behind
 * what cdc_known_lost() noted, until a copy that came later has been passed.
 *
 * A copy that was broken off, and begun anew, has left rows in the history that are of later than
 * the stream.  Those of the one that came after it were read later still: once the stream has passed that, it
 * has passed them, too.  So it is enough to look at the last copy that begins before the place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/past/past_internal.h"

#include "utils/builtins.h"

#include "mb/pg_wchar.h"
#include "pg/history/hole.h"
#include "pg/history/range.h"

/* Why a place is not known. */
typedef enum Unknown
{
	PLACE_IS_KNOWN,
	NEVER_COPIED,				/* nor made by the stream */
	BEFORE_COPY,
	WHILE_COPIED,
	IS_LOST
} Unknown;

/* What is known of a source table. */
typedef struct Known
{
	const CdcPast *past;
	List	   *list;			/* as of cdc_known() */
} Known;

/* The copy that begins with that event, and that the stream has passed; NULL: there is none. */
static const CdcKnown *
copy_of(const Known *known, int64 begin_seq)
{
	ListCell   *lc;

	foreach(lc, known->list)
	{
		const CdcKnown *k = lfirst(lc);

		if (k->kind == CDC_KNOWN_COPIED && k->from_seq == begin_seq)
			return k;
	}
	return NULL;
}

/* Looks for what the place is built upon; *copy: the first event of the copy that it is in, or 0. */
static Unknown
look(const Known *known, int64 seq, const CdcKnown **base, int64 *copy)
{
	const CdcPast *past = known->past;
	const CdcKnown *last;
	Unknown		why = NEVER_COPIED;
	ListCell   *lc;

	*base = NULL;
	*copy = cdc_history_copy_before(past->sub, past->table->source_table, seq);
	last = *copy > 0 ? copy_of(known, *copy) : NULL;
	foreach(lc, known->list)
	{
		const CdcKnown *k = lfirst(lc);

		if (k->kind == CDC_KNOWN_LOST && k->from_seq < seq)
			return IS_LOST;
		if (k->kind == CDC_KNOWN_LOST || !k->whole)
			continue;
		why = BEFORE_COPY;
		if (k->sync_seq > seq)
			continue;
		*base = k;
		break;
	}
	if (*copy > 0 && (last == NULL || last->sync_seq > seq))
		return WHILE_COPIED;
	return *base != NULL ? PLACE_IS_KNOWN : why;
}

/* The first place behind seq that is known, 0: there is none yet. */
static int64
next_known(const Known *known, int64 seq)
{
	int64		next = 0;
	ListCell   *lc;

	foreach(lc, known->list)
	{
		const CdcKnown *k = lfirst(lc);

		if (k->kind == CDC_KNOWN_LOST)
			break;
		if (k->whole && k->sync_seq > seq)
			next = k->sync_seq;
	}
	return next;
}

/* "Take at_seq := 41 or before, or at_seq := 80 or behind it" */
static char *
places_hint(const Known *known, int64 seq, int64 before)
{
	const CdcPast *past = known->past;
	int64		next = next_known(known, seq);
	const CdcKnown *base;
	int64		copy;
	bool		earlier = before > 0 && look(known, before, &base, &copy) == PLACE_IS_KNOWN;

	if (earlier && next > 0)
		return psprintf("Take at_seq := " INT64_FORMAT ", which is before it, or at_seq := " INT64_FORMAT ", or one behind that.",
						before, next);
	if (earlier)
		return psprintf("Take at_seq := " INT64_FORMAT ", which is before it.", before);
	if (next > 0)
		return psprintf("Take at_seq := " INT64_FORMAT ", or one behind that.", next);
	return psprintf("From a copy of its rows on it will be known: SELECT cdc.resync_table(%s, %s);",
					quote_literal_cstr(past->sub->name), quote_literal_cstr(past->table->source_table));
}

/* ERROR: the place is not known. */
pg_noreturn static void
refuse(const Known *known, Unknown why, int64 copy)
{
	const CdcPast *past = known->past;
	const char *detail = "Its rows were never copied, so that those which have not changed since are in no event.";
	int64		before = 0;

	if (why == WHILE_COPIED)
	{
		detail = "Its rows were being copied, some at another time than others; the events tell of later ones only.";
		before = copy - 1;
	}
	else if (why == BEFORE_COPY)
		detail = "Its rows were copied later, and what they were before is in no event.";
	else if (why == IS_LOST)
	{
		ListCell   *lc;

		detail = "It was in error, its position was moved, it was not in the subscription, or waited for a copy without a key: events do not tell of all changes.";
		foreach(lc, known->list)
		{
			const CdcKnown *k = lfirst(lc);

			if (k->kind == CDC_KNOWN_LOST && k->from_seq < past->seq && (before == 0 || k->from_seq < before))
				before = k->from_seq;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows of source table %s at seq " INT64_FORMAT " of subscription \"%s\" are not known",
					past->table->source_table, past->seq, past->sub->name),
			 errdetail("%s", detail),
			 errhint("%s", places_hint(known, past->seq, before))));
}

/* Whether rows are found by all their columns: each event counts, none may come twice. */
static bool
is_keyless(const CdcPast *past)
{
	CdcTableVersion version;
	int			i;

	if (past->table->nkey > 0)
		return false;
	(void) cdc_table_version_at(past->sub->name, past->table->source_table, past->begin_seq, GetDatabaseEncoding(),
								&version);
	for (i = 0; i < version.def.ncolumns; i++)
		if (version.def.columns[i].pk >= 0)
			return false;
	return version.def.ncolumns > 0;
}

/* ERROR where the events of a table without a key would bring a row twice. */
static void
check_keyless(const CdcPast *past, const CdcKnown *base, int64 copy)
{
	const CdcSubscription *sub = past->sub;
	const char *source_table = past->table->source_table;
	int64		own = Min(base->events_seq, base->sync_seq + 1);

	if (!is_keyless(past))
		return;
	if ((copy <= base->from_seq) &&
		!cdc_history_has_op(sub, source_table, "cudt", base->from_seq, base->kind == CDC_KNOWN_MADE ? -1 : own - 1))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows of source table %s at seq " INT64_FORMAT " of subscription \"%s\" are not known",
					source_table, past->seq, sub->name),
			 errdetail("It has no key, and was copied for several targets, or again for some rows: the events do not tell which rows are there twice."),
			 errhint("From a new copy on it will be known: SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
					 quote_literal_cstr(past->table->name))));
}

/* ERROR where events that are needed are not there. */
static void
check_history(const CdcPast *past)
{
	const CdcSubscription *sub = past->sub;
	const char *name = quote_literal_cstr(sub->name);
	const char *table = quote_literal_cstr(past->table->source_table);

	if (sub->kind == CDC_SERVER_KAFKA)
		cdc_history_check_purged(sub, "as_of", past->begin_seq,
								 "What was before them is in no event, so that no place is known any more; cdc.replay derives a table of what is there.");
	else
		cdc_history_check_purged(sub, "as_of", past->begin_seq,
								 psprintf("From a copy of its rows on it will be known: SELECT cdc.resync_table(%s, %s);", name,
										  table));
	cdc_history_check_whole(sub, "as_of", past->begin_seq, past->seq);
	if (cdc_history_lacks_copied(sub, past->table->source_table, past->begin_seq, past->seq))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the history of subscription \"%s\" lacks rows of source table %s", sub->name,
						past->table->source_table),
				 errdetail("They were copied with copy_history off."),
				 errhint("From a copy that it keeps on they are known: SELECT cdc.alter_table(%s, %s, '{\"copy_history\": true}'); SELECT cdc.resync_table(%s, %s);",
						 name, table, name, table)));
}

/*
 * ERROR where the target was filled by another mapping, or from what that had left.  From Kafka it is made anew
 * from the history.
 */
static void
check_mapping(const CdcPast *past)
{
	int64		until = cdc_known_mapped_until(past->sub, past->table->name);

	if ((past->sub->kind == CDC_SERVER_KAFKA ? past->seq : past->begin_seq) > until)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("target %s cannot be shown as it was at seq " INT64_FORMAT, past->target, past->seq),
			 errdetail("Up to seq " INT64_FORMAT " it had another key, columns or row_filter than today.", until),
			 errhint("Take a place behind the copy that came after it; or SELECT cdc.replay(%s, %s, ..., to_seq := " INT64_FORMAT "); into a table that is made for it.",
					 quote_literal_cstr(past->sub->name), quote_literal_cstr(past->table->source_table), past->seq)));
}

void
cdc_past_check_gap(const CdcPast *past, int64 upto)
{
	Known		known = {past, NIL};
	ListCell   *lc;

	if (past->sub->kind != CDC_SERVER_KAFKA)
		known.list = cdc_known(past->sub, past->table->source_table);
	foreach(lc, known.list)
	{
		const CdcKnown *k = lfirst(lc);

		if (k->kind == CDC_KNOWN_LOST && k->from_seq >= past->seq && k->from_seq < upto)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of source table %s at that time are not known", past->table->source_table),
					 errdetail("Behind seq " INT64_FORMAT ", the last commit of that time or before that the history of subscription \"%s\" has, events do not tell of all changes.",
							   past->seq, past->sub->name),
					 errhint("%s", places_hint(&known, past->seq, past->seq))));
	}
	foreach(lc, past->changes)
	{
		const CdcPendingChange *change = lfirst(lc);

		if (change->from_seq > past->shape_seq && change->from_seq <= upto && cdc_past_changes_shape(change))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of source table %s at that time are not known", past->table->source_table),
					 errdetail("It was altered between seq " INT64_FORMAT " and the next one, and no event of the history tells when.",
							   past->seq),
					 errhint("Take at_seq := " INT64_FORMAT ", which is before it.", past->seq)));
	}
}

void
cdc_past_begin(CdcPast *past)
{
	Known		known = {past, NIL};
	const CdcKnown *base;
	int64		copy;
	Unknown		why;

	/* what messages tell is all that a target filled by them ever had */
	if (past->sub->kind == CDC_SERVER_KAFKA)
	{
		past->begin_seq = 1;
		check_mapping(past);
		check_history(past);
		return;
	}
	known.list = cdc_known(past->sub, past->table->source_table);
	why = look(&known, past->seq, &base, &copy);
	if (why != PLACE_IS_KNOWN)
		refuse(&known, why, copy);
	past->begin_seq = base->from_seq;
	check_mapping(past);
	check_history(past);
	check_keyless(past, base, copy);
}

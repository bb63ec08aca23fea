/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Events from several partitions of Kafka: whether their order is known.
 *
 * A partition has the order of its source for all messages of one key.  Two things break that.
 * An event may concern more than its own message's key (TRUNCATE, an update that changes the
 * key): where events of its table come from several partitions it may be read before what it
 * follows, or behind what follows it.  The messages do not tell, so that the user is told.  Or
 * messages of one key come from several partitions, as the producer does not choose them by the
 * row's key, or as a topic has got more of them: an older state may then be read behind a newer
 * one.  That is seen by the partition that a key's last event came from.  Where both messages tell
 * their places in the source's log the older one is not applied.  The user is told in any case.
 *
 * What was seen is kept in the process, of so many keys as memory of fixed size has.  It is of no
 * transaction: an event whose seq is not behind the one that was seen last is read once more, and
 * takes its place.
 *
 * The same memory shows keys that do not tell rows apart.  Debezium's message.key.columns may name any
 * columns, as for the choice of partitions, and a key that is not unique would leave one row of
 * several.  Two inserts of one key, the later one further on in the source's log, with no delete
 * between them, are proof; what a connector sends once more behind a restart is not further on.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/memutils.h"

#include "envelope/envelope.h"
#include "pg/base/compat_value.h"
#include "pg/base/hash.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/datum/jsonb_view.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/key_hint.h"
#include "pg/target/key.h"

/* Keys are kept in sets of so many, of which the one that was seen first goes. */
#define SETS		32768
#define WAYS		4

/* The last event on a key. */
typedef struct Seen
{
	CdcHash128	key;			/* with its table */
	int64		seq;			/* 0: free */
	int64		offset;
	CdcHash128	partition;
	CdcEnvelopeOrder order;
	bool		whole;			/* it told all columns, or deleted the row */
	bool		there;			/* it inserted or changed the row */
	uint64		table;			/* CdcOrderSeen.table, in part */
} Seen;

static Seen *seen = NULL;		/* SETS * WAYS */

/* The run that is under way, or has failed, by its number; 0: none.  What it saw is behind this seq. */
static uint64 open_run = 0;
static int64 run_after;

/* What a run has seen of one source table. */
struct CdcOrderSeen
{
	CdcHash128	table;			/* with its target */
	CdcHash128	partition;		/* of the event at hand */
	const char *file;			/* ... its name */
	CdcEnvelopeOrder order;		/* of the event at hand */
	bool		several;		/* there are several partitions */
	bool		inserts;		/* what two inserts of one key say is looked at */
	int64		moved;			/* events on a key whose last one came from another partition */
	int64		older;			/* of these, older ones, that were not applied */
	char	   *first_moved;	/* the first of each, for the log */
	char	   *first_older;
};

/* ------------------------------------------------------------------------
 * Events that concern more than their key
 * ------------------------------------------------------------------------
 */

/* Writes it to cdc.log; what is new there is a WARNING, too. */
static void
tell(const CdcApply *apply, const char *message, const char *detail)
{
	if (cdc_log_event(apply->sub->name, "order", message, detail))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%s", message),
				 errdetail("%s", detail)));
}

static void
tell_beyond_key(const CdcApply *apply, const CdcMapping *mapping)
{
	tell(apply, psprintf("order of events of source table %s is not known, as they come from several partitions",
						 mapping->name),
		 psprintf("%s Compare target %s with its source. An order is sure in a topic, or for a table, of one partition, and where a changed key is sent as a delete and an insert.",
				  mapping->beyond_key, mapping->target->name));
}

void
cdc_order_note(CdcApply *apply, CdcSourceRun *source)
{
	const char *partition = apply->work.at.place.file;
	CdcMapping *mapping = source->mapping;

	if (apply->sub->kind != CDC_SERVER_KAFKA || partition == NULL || partition == source->partition)
		return;
	source->partition = partition;
	if (mapping->partition == NULL)
		mapping->partition = MemoryContextStrdup(mapping->cxt, partition);
	else if (!mapping->several && strcmp(mapping->partition, partition) != 0)
	{
		mapping->several = true;
		if (mapping->beyond_key != NULL && apply->replay == NULL)
			tell_beyond_key(apply, mapping);
	}
}

void
cdc_order_beyond_key(CdcApply *apply, CdcSourceRun *source, const char *what)
{
	CdcMapping *mapping = source->mapping;
	const CdcPlace *place = &apply->work.at.place;

	if (apply->sub->kind != CDC_SERVER_KAFKA || apply->replay != NULL || place->file == NULL)
		return;
	if (mapping->beyond_key == NULL || mapping->several)
	{
		char	   *text = psprintf("%s at %s" INT64_FORMAT " (seq " INT64_FORMAT ") concerns rows of other partitions.",
									what, place->file, Max(place->offset, 0), place->seq);

		if (mapping->beyond_key != NULL)
			pfree(mapping->beyond_key);
		mapping->beyond_key = MemoryContextStrdup(mapping->cxt, text);
		pfree(text);
	}
	if (mapping->several)
		tell_beyond_key(apply, mapping);
}

/* ------------------------------------------------------------------------
 * What was seen
 * ------------------------------------------------------------------------
 */

static void
add_text(CdcHash128 *hash, const char *text)
{
	cdc_hash128_bytes(hash, text, strlen(text));
}

/* The key's values, which are of the target's types: what differs there may be the same key, but not the other way round. */
static CdcHash128
hash_key(const CdcOrderSeen *own, const CdcTarget *target, const Datum *values, const bool *nulls)
{
	CdcHash128	hash = own->table;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;
		Form_pg_attribute att = TupleDescAttr(target->desc, at);

		cdc_hash128_word(&hash, nulls[at]);
		if (nulls[at])
			continue;
		if (att->attbyval)
			cdc_hash128_word(&hash, (uint64) values[at]);
		else if (att->attlen > 0)
			cdc_hash128_bytes(&hash, DatumGetPointer(values[at]), att->attlen);
		else if (att->attlen == -1)
		{
			struct varlena *v = PG_DETOAST_DATUM_PACKED(values[at]);

			cdc_hash128_bytes(&hash, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			if ((Pointer) v != DatumGetPointer(values[at]))
				pfree(v);
		}
		else
			add_text(&hash, DatumGetCString(values[at]));
	}
	return hash;
}

/* What was seen of the key, or the place where it is to be kept. */
static Seen *
find_seen(CdcHash128 key)
{
	Seen	   *set;
	Seen	   *oldest;
	int			i;

	if (seen == NULL)
		seen = MemoryContextAllocZero(TopMemoryContext, sizeof(Seen) * SETS * WAYS);
	oldest = set = &seen[key.a % SETS * WAYS];
	for (i = 0; i < WAYS; i++)
	{
		if (set[i].seq != 0 && cdc_hash128_equal(set[i].key, key))
			return &set[i];
		if (set[i].seq < oldest->seq)
			oldest = &set[i];
	}
	oldest->seq = 0;
	return oldest;
}

void
cdc_order_emptied(const CdcSourceRun *source)
{
	int			i;

	for (i = 0; source->order != NULL && seen != NULL && i < SETS * WAYS; i++)
		if (seen[i].table == source->order->table.a)
			seen[i].there = false;
}

void
cdc_order_run_begin(const CdcApply *apply)
{
	int			i;

	/* what a run has seen that came to nothing was not applied */
	if (open_run != 0 && open_run != apply->number && seen != NULL)
		for (i = 0; i < SETS * WAYS; i++)
			if (seen[i].seq > run_after)
				seen[i].seq = 0;
	open_run = apply->number;
	run_after = apply->scan_after;
}

/* ------------------------------------------------------------------------
 * Keys that come from several partitions
 * ------------------------------------------------------------------------
 */

/* Whether the order of partitions matters to the source table, which is new to the run. */
static bool
has_several_partitions(CdcApply *apply)
{
	if (!apply->partitions_known)
	{
		apply->several_partitions = cdc_position_has_partitions(apply->sub);
		apply->partitions_known = true;
	}
	return apply->several_partitions;
}

/* Whether its key is what messages of Debezium name, and nobody else. */
static bool
goes_by_messages(const CdcApply *apply, const CdcMapping *mapping)
{
	return (apply->format == CDC_FORMAT_DEBEZIUM || apply->format == CDC_FORMAT_AUTO) && apply->replay == NULL &&
		!mapping->key_chosen;
}

void
cdc_order_watch(CdcApply *apply, CdcSourceRun *source)
{
	CdcHash128	start = CDC_HASH128_START;
	CdcOrderSeen *own;

	/* where each event has a row of its own none overwrites another */
	if (apply->sub->kind != CDC_SERVER_KAFKA || source->target == NULL || source->target->target->keyless ||
		source->target->mode->remove == NULL)
		return;
	own = palloc0(sizeof(CdcOrderSeen));
	own->several = has_several_partitions(apply);
	own->inserts = goes_by_messages(apply, source->mapping);
	own->table = start;
	cdc_hash128_word(&own->table, (uint32) apply->sub->id);
	cdc_hash128_word(&own->table, source->mapping->target->relid);
	add_text(&own->table, source->mapping->name);
	if (own->several)
		source->target->each_is_seen = true;
	if (own->several || own->inserts)
		source->order = own;
}

bool
cdc_order_needs_last(const CdcSourceRun *source, char op)
{
	return op == CDC_OP_INSERT && source->order != NULL && source->order->inserts;
}

void
cdc_order_event(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcOrderSeen *own = source->order;
	CdcRowImage *image = &source->row.image;
	const char *file = apply->work.at.place.file;
	CdcJsonValue v;

	if (file == NULL)
		return;
	if (file != own->file)
	{
		CdcHash128	start = CDC_HASH128_START;

		own->file = file;
		own->partition = start;
		add_text(&own->partition, file);
	}
	memset(&own->order, 0, sizeof(own->order));
	/* of others than inserts it is enough that the row is there, or gone */
	if (!own->several && event->op != CDC_OP_INSERT)
		return;
	if (image->env != NULL)
		(void) cdc_envelope_order(image->env, &own->order);
	else if (!own->several)
		return;
	/* Maxwell's is read where it says something */
	else if (event->event != NULL && cdc_json_is_object(event->event) &&
			 cdc_json_find(event->event, "position", strlen("position"), &v))
	{
		cdc_event_envelope(apply, source, event);
		(void) cdc_envelope_order(image->env, &own->order);
		image->env = NULL;
	}
}

/* Notes the event at hand as the last one on a key; there: it inserted or changed its row. */
static void
note(CdcApply *apply, CdcOrderSeen *own, Seen *at, CdcHash128 key, bool whole, bool there)
{
	at->key = key;
	at->table = own->table.a;
	at->there = there;
	at->seq = apply->work.at.place.seq;
	at->offset = apply->work.at.place.offset;
	at->partition = own->partition;
	at->order = own->order;
	at->whole = whole;
}

/* "key (id)=(1) at seq 4, then at seq 9, t/1@7", which outlives the row. */
static char *
describe(const CdcApply *apply, const Seen *before)
{
	const CdcPlace *place = &apply->work.at.place;

	return MemoryContextStrdup(apply->work.cxt,
							   psprintf("key %s at seq " INT64_FORMAT ", then at seq " INT64_FORMAT ", %s" INT64_FORMAT,
										cdc_blame_key_text(&apply->work.at), before->seq, place->seq, place->file,
										Max(place->offset, 0)));
}

/* Whether the event changes the key, so that it is about two of them. */
static bool
moves(CdcSourceRun *source, char op, const JsonbContainer *old)
{
	int			natts = source->target->target->desc->natts;

	return op == CDC_OP_UPDATE && old != NULL && cdc_json_count(old) > 0 &&
		cdc_source_row_former_key(&source->row, old, palloc(sizeof(Datum) * natts), palloc(sizeof(bool) * natts));
}

/*
 * Whether the event at hand inserts a row of a key whose row is there.  The events that our own
 * publications write so after a new copy are none of the source's log.
 */
static bool
is_second_insert(const CdcOrderSeen *own, const CdcEnvelope *env, const Seen *before)
{
	CdcDoc		origin;

	/* messages of one key are in one partition: one from another has another, as a row that moves to it */
	if (!own->inserts || env == NULL || env->format != CDC_FORMAT_DEBEZIUM || !before->there ||
		!cdc_hash128_equal(before->partition, own->partition) ||
		!cdc_envelope_order_is_before(&before->order, &own->order))
		return false;
	return !cdc_doc_find(&env->body, "source", &origin) ||
		!cdc_string_is(cdc_doc_find_string(&origin, "version"), CDC_PUBLISHER);
}

/* ERROR: the key of the messages does not tell rows apart. */
static void
refuse_second_insert(CdcApply *apply, CdcSourceRun *source, const Seen *before)
{
	const CdcRowImage *image = &source->row.image;
	const CdcMapping *mapping = source->mapping;
	int			nown;
	CdcString  *own = cdc_target_key_names(mapping, &nown);

	apply->of_whole_table = true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s has several rows with the key (%s) of its messages", mapping->source_table, cdc_key_names_text(own, nown)),
			 errdetail("A row of key %s was inserted, and before it, at seq " INT64_FORMAT ", another one, which no message has deleted.",
					   cdc_blame_key_text(&apply->work.at), before->seq),
			 errhint("%s", cdc_other_key_hint(mapping, image))));
}

/*
 * Whether the event at hand, of another partition, is older than the last one on its key.  A row that moves to
 * another message key goes out as a delete and an insert, both at the place of that one change: the delete
 * is the first half of it, wherever it is read.
 */
static bool
is_older(const CdcOrderSeen *own, char op, const Seen *before)
{
	return cdc_envelope_order_is_before(&own->order, &before->order) ||
		(op == CDC_OP_DELETE && before->there && cdc_envelope_order_is_same(&own->order, &before->order));
}

bool
cdc_order_keeps(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcOrderSeen *own = source->order;
	const CdcSourceRow *row = &source->row;
	CdcHash128	key;
	Seen	   *at;

	/* the row that an update changes was inserted, and is seen as such, or not at all */
	if (own->file == NULL || (!own->several && op == CDC_OP_UPDATE && (old == NULL || !moves(source, op, old))))
		return true;
	key = hash_key(own, source->target->target, row->values, row->nulls);
	at = find_seen(key);
	if (at->seq != 0 && at->seq < apply->work.at.place.seq && op == CDC_OP_INSERT &&
		is_second_insert(own, row->image.env, at))
		refuse_second_insert(apply, source, at);
	if (at->seq != 0 && at->seq < apply->work.at.place.seq && !cdc_hash128_equal(at->partition, own->partition))
	{
		if (at->whole && is_older(own, op, at) && !moves(source, op, old))
		{
			if (own->older++ == 0)
				own->first_older = describe(apply, at);
			return false;
		}
		if (own->moved++ == 0)
			own->first_moved = describe(apply, at);
	}
	note(apply, own, at, key, op == CDC_OP_DELETE || row->presence->complete,
		 op == CDC_OP_INSERT || op == CDC_OP_UPDATE);
	return true;
}

void
cdc_order_former(CdcApply *apply, CdcSourceRun *source, const Datum *values, const bool *nulls)
{
	CdcOrderSeen *own = source->order;
	CdcHash128	key;

	if (own == NULL || own->file == NULL)
		return;
	key = hash_key(own, source->target->target, values, nulls);
	note(apply, own, find_seen(key), key, true, false);
}

/* Tells what a run has seen of a source table. */
static void
report(const CdcApply *apply, const CdcSourceRun *source)
{
	const CdcOrderSeen *own = source->order;
	const char *name = source->mapping->name;
	const char *target = source->mapping->target->name;

	if (own->moved > 0)
		tell(apply, psprintf("messages of one key of source table %s come from several partitions", name),
			 psprintf(INT64_FORMAT " of them, such as of %s. Kafka keeps no order between partitions. Have the producer choose partitions by the row's key, into a new topic where their number changes, and compare target %s with its source.",
					  own->moved, own->first_moved, target));
	if (own->older > 0)
		tell(apply, psprintf("older states of rows of source table %s came behind newer ones, from other partitions, and were not applied",
							 name),
			 psprintf(INT64_FORMAT " of them, such as of %s. Their places in the source's log tell. Have the producer choose partitions by the row's key, into a new topic where their number changes.",
					  own->older, own->first_older));
}

void
cdc_order_run_end(const CdcApply *apply)
{
	ListCell   *lc;

	/* one that was begun and has read nothing is no end of another */
	if (open_run == apply->number)
		open_run = 0;
	foreach(lc, apply->sources)
	{
		const CdcSourceRun *source = lfirst(lc);

		if (source->order != NULL)
			report(apply, source);
	}
}

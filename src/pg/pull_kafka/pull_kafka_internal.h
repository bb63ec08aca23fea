/*-------------------------------------------------------------------------
 *
 * pull_kafka_internal.h
 *	  What the parts of pull from Kafka share:
 *
 *	  position.c		cdc.subscription_partition
 *	  check.c			whether the partitions still have what was read
 *	  discover.c		replicas of tables that messages are the first to name
 *	  event.c			a message to a row of the history
 *	  group.c			source transactions, and Kafka's own offsets
 *	  by_segments.c, stretch.c, segment_rows.c
 *						a backlog that the segments of Greenplum read
 *	  stream.c			the consumer, kept open between calls
 *	  pull_kafka.c		the loop of a call, its bounds; the methods of this kind
 *						of source
 *	  wanted.c			the partitions that a subscription wants
 *	  position_text.c	positions as a person writes them
 *	  start.c, set_position.c, topics.c, goal.c
 *						what create_subscription, set_position, add_topic and
 *						remove_topic, and wait_for do
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KAFKA_PULL_KAFKA_INTERNAL_H
#define CDC_PG_PULL_KAFKA_PULL_KAFKA_INTERNAL_H

#include "pg/base/compat.h"
#include "envelope/envelope.h"
#include "nodes/pg_list.h"
#include "pg/base/group_buffer.h"
#include "pg/catalog/position.h"
#include "pg/history/append.h"
#include "pg/pull/kept_stream.h"
#include "pg/pull/source_kind.h"
#include "pg/remote/kafka_client.h"
#include "utils/hsearch.h"

/* The longest name of a topic that Kafka allows, and its NUL. */
#define CDC_TOPIC_NAME		250

/* "topic/partition@offset" */
#define CDC_KAFKA_POSITION_TEXT	(CDC_TOPIC_NAME + 40)

#define CDC_OFFSET_BEGINNING	(-1)	/* of next_offset: where the partition begins */
#define CDC_OFFSET_UNKNOWN		(-1)	/* of all others */

/* Room for the name of a table; longer ones are refused. */
#define CDC_TABLE_NAME		520

/* What the messages of a partition have said that a tombstone of Debezium's lacks. */
typedef struct CdcKafkaRowsOf
{
	char		table[CDC_TABLE_NAME];	/* CdcMessage.rows_of, in UTF-8; "": there were no rows */
	uint64		gone;			/* stands for the key of the row that the last one has said is gone; or 0 */
	bool		in_part;		/* there were others that are not known here */
} CdcKafkaRowsOf;

/* What tells a message from another one at the same place. */
typedef struct CdcMessageMark
{
	int64		offset;			/* or CDC_OFFSET_UNKNOWN: there is none */
	int64		ms;				/* its time, milliseconds since 1970 */
	uint32		sum;			/* cdc_kafka_message_sum() */
} CdcMessageMark;

/* A partition of a subscription: its row, and in a stream where that stands. */
typedef struct CdcKafkaPlace
{
	/* the row of cdc.subscription_partition */
	char		topic[CDC_TOPIC_NAME];
	int32		partition;
	int64		next_offset;	/* the first one that is not in the history */
	int64		low;			/* where the partition began when the broker was asked ... */
	int64		high;			/* ... and the offset behind its end */
	CdcMessageMark last;		/* the last message before next_offset that was read */
	int64		messages;		/* counters since the subscription began */
	int64		bytes;
	CdcKafkaRowsOf rows_of;
	bool		failed;			/* it has a last_error */
	bool		stored;			/* there is a row */
	bool		changed;		/* the row is not what is here */

	/* reading */
	int64		read_offset;	/* what comes next; -1: not assigned to the reader */
	int64		until;			/* the present call ends there; CDC_OFFSET_UNKNOWN: reached */
	CdcMessageMark seen;		/* the last message that came ... */
	CdcMessageMark before;		/* ... and the one before it */

	/* whether the topic is still the one that was read */
	bool		verify;			/* the next message must be the one in seen */
	bool		at_end;			/* it has nothing more just now ... */
	TimestampTz end_at;			/* ... since then */
	bool		rested;			/* no call has read it for a while */

	/* a source transaction whose end has not come yet; next_offset is its start */
	bool		open;
	CdcGroupBuffer *group;		/* its rows; NULL until needed */
	uint64		nrows;			/* in it */
	uint64		xid;			/* its number at the source */
	int64		open_ms;		/* its last message's time, -1 = none */
	TimestampTz open_at;		/* when that message came */
	int64		group_messages; /* read but not in messages and bytes */
	int64		group_bytes;

	int64		committed;		/* the offset that the consumer group was told last */

	/* read by segments of Greenplum, see by_segments.c */
	bool		elsewhere;		/* our reader is not at it */
	int64		ours_until;		/* they could not go on: up to there our reader is at it; or CDC_OFFSET_UNKNOWN */

	/* whose messages it has: of tables that are wanted, or not */
	bool		from_start;		/* this stream has read all that was read of it */
	int64		taken;
	int64		passed;
	char	   *sample;			/* name of a table that is not wanted; NULL: none came */
} CdcKafkaPlace;

/* Whether nothing more of the partition is on its way, as far as is known. */
static inline bool
cdc_kafka_has_no_more(const CdcKafkaPlace *place)
{
	return place->at_end || place->read_offset >= place->high;
}

typedef struct CdcKafkaEventMaker CdcKafkaEventMaker;

/*
 * The stream of one subscription in this backend.  It outlives transactions;
 * one that aborts takes it along.
 */
typedef struct CdcKafkaStream
{
	CdcKeptStream kept;
	MemoryContext context;		/* of everything below */
	CdcSubscription *sub;		/* our copy */
	CdcKafkaEventMaker *maker;	/* messages to rows; lives as long as that copy */
	MemoryContext row_context;	/* reset after each message */

	/* the consumer, and the partitions that it reads */
	CdcKafkaSource *source;
	CdcKafkaReader *reader;
	CdcKafkaPlace *places;		/* a place's number is the reader's tag */
	int			nplaces;
	int			maxplaces;		/* that there is room for */
	HTAB	   *index;			/* number by topic and partition */
	bool		by_message;		/* each message is a transaction */
	int			nopen;			/* places with an open transaction */
	TimestampTz refreshed_at;	/* when metadata was asked for */

	/* the present call, and the last one */
	int			reaching;		/* places whose until is not reached */
	TimestampTz called_at;		/* when the last call ended */
	bool		behind;			/* ... at a bound, with more to read */
	TimestampTz message_at;		/* when the last message came; 0: none */
	int64		last_ms;		/* that message's own time, milliseconds since 1970 */
	bool		by_segments;	/* segments have read in it: the next one is our reader's */

	/* the rows of the places */
	int64		version;		/* of the rows as we last read or wrote them */
	TimestampTz written_at;		/* when they were written */
	bool		moved;			/* places have changed that are not written */

	/* the consumer group, which is told the positions after their commit */
	bool		group_wanted;
	bool		group_due;		/* it has not been told everything */
	bool		group_asked;	/* a request is under way */
	bool		group_failed;	/* the last answer was an error, which is in cdc.log */
	TimestampTz group_at;		/* when it was told last */
	int64	   *group_offsets;	/* of each place, as they were written; group_n of them */
	CdcKafkaBounds *group_bounds;	/* the request; group_n at most */
	int			group_n;
	int			group_max;		/* that both have room for */
} CdcKafkaStream;

/* One call of pull. */
typedef struct CdcKafkaCall
{
	const CdcSubscription *sub;
	const CdcPullBounds *bounds;
	CdcKafkaStream *stream;
	CdcPosition pos;			/* its last_seq moves as rows are written */
	CdcHistory *history;		/* NULL until the first row */
	MemoryContext context;		/* of the call */
	struct CdcKafkaAside *aside;	/* NULL: nothing is to be written */

	/* what was done so far */
	int64		events;			/* rows */
	int64		transactions;
	int64		messages;
	int64		bytes;			/* of keys and values */
	int			restarts;		/* of partitions that were gone for a moment */
	bool		ours;			/* the last one was of segments: this one is our reader's */
	TimestampTz first_event;	/* when the first row was written; 0 = none yet */
	TimestampTz source_ts;		/* of the last row; 0 = none */
} CdcKafkaCall;

/* A position that moved without an event is written this often. */
#define CDC_KAFKA_PERSIST_MS	200

/* Kafka's group is told this often while messages come. */
#define CDC_KAFKA_GROUP_MS		1000

/* ---- position.c ---- */

/* The rows of a subscription as places, by topic and partition; palloc'ed array. */
extern CdcKafkaPlace *cdc_kafka_places_read(const CdcSubscription *sub, int *n);

/* Writes a place that has changed, or is not stored. */
extern void cdc_kafka_place_write(const CdcSubscription *sub, CdcKafkaPlace *place);

/* After a change by hand: open streams, and what pull knows, are void. */
extern void cdc_kafka_new_version(const CdcSubscription *sub);

/* ---- stream.c ---- */

/*
 * The stream that stands where the rows say, opened where there is none.
 * refresh: topics, partitions and watermarks are to be those of now.
 */
extern CdcKafkaStream *cdc_kafka_stream_get(CdcKafkaCall *call, bool refresh);

/* New topics and partitions, watermarks; ERROR where something was lost. */
extern void cdc_kafka_stream_refresh(CdcKafkaCall *call, CdcKafkaStream *stream);

/* Reads on where it is, and first the last message again, which proves the topic. */
extern void cdc_kafka_stream_prove(CdcKafkaStream *stream, CdcKafkaPlace *place);

/*
 * Whether a message that comes now may be of another topic of that name: the place has
 * had nothing for so long that its topic may have been made anew meanwhile.
 */
extern bool cdc_kafka_stream_doubtful(const CdcKafkaPlace *place);

/* The topics of the cluster that the subscription wants: CdcKafkaTopic *. */
extern List *cdc_kafka_wanted_topics(CdcKafkaSource *source, const CdcSubscription *sub);

/* The client for a subscription's server. */
extern CdcKafkaSource *cdc_kafka_subscription_source(const CdcSubscription *sub, bool long_lived);

/* ---- check.c ---- */

/* Asks for the watermarks of n places. */
extern void cdc_kafka_ask_watermarks(CdcKafkaSource *source, CdcKafkaPlace **places, int n);

/*
 * ERROR where messages before its position, or behind it, are gone.  reading: a
 * reader is at it, which tells by itself of what it could not read.
 */
extern void cdc_kafka_check_place(const CdcSubscription *sub, const CdcKafkaPlace *place,
								  bool reading);

/*
 * The first message of a place that was to be proven.  True when it is that
 * one, which was read before; ERROR when it is another one.
 */
extern bool cdc_kafka_check_message(const CdcSubscription *sub, CdcKafkaPlace *place,
									const CdcKafkaMessage *msg, uint32 sum);

/* ERROR: a message that came where none was left. */
pg_noreturn extern void cdc_kafka_check_unexpected(const CdcSubscription *sub,
												   const CdcKafkaPlace *place,
												   const CdcKafkaMessage *msg);

/* ERROR: a topic that was read is not there; or has fewer partitions. */
extern void cdc_kafka_check_missing(CdcKafkaStream *stream, List *topics);

/* Keeps the watermarks for cdc_kafka_failed(). */
extern void cdc_kafka_note_watermarks(const CdcKafkaStream *stream);

/* Notes whose fault an error was, for cdc.subscription_partition.last_error. */
extern void cdc_kafka_blame(const CdcSubscription *sub, const char *topic, int32 partition);

extern uint32 cdc_kafka_message_sum(const CdcKafkaMessage *msg);

/* ---- event.c ---- */

/* What a message says. */
typedef struct CdcKafkaEvent
{
	bool		wanted;			/* there is a row */
	bool		poison;			/* neither JSON nor the format: err says why */
	bool		beyond;			/* only who may ask the database can take it, see below */
	bool		unread;			/* its schema could not be had: err says why */
	bool		empties;		/* a table that has a target was made anew */
	int			commit;			/* as CdcEnvelope's */
	uint64		xid;
	CdcHistoryRow row;			/* without seq and commit; valid until the next call */
	CdcError	err;
} CdcKafkaEvent;

extern CdcKafkaEventMaker *cdc_kafka_event_maker_create(MemoryContext context,
														const CdcSubscription *sub);

/*
 * The same for a process that cannot ask the database, as segments cannot: a message that
 * names a table for the first time is beyond it, but those of the n known ones (in the
 * database's encoding), and so is one that makes a table.
 */
extern CdcKafkaEventMaker *cdc_kafka_event_maker_create_apart(MemoryContext context,
															  const CdcSubscription *sub,
															  char **known, int n);

/* Names of tables whose messages a maker takes without asking: char *, in its memory. */
extern List *cdc_kafka_event_maker_known(const CdcKafkaEventMaker *maker);

/* Gives back what a large message took; the last event is void then. */
extern void cdc_kafka_event_maker_trim(CdcKafkaEventMaker *maker);

/* rows_of: of the message's partition; changes with it. */
extern void cdc_kafka_event_make(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg,
								 CdcKafkaRowsOf *rows_of, CdcKafkaEvent *event);

/* Rows of that table, or several, as in CdcKafkaRowsOf, came behind those in to. */
extern void cdc_kafka_rows_of_add(CdcKafkaRowsOf *to, const char *table, bool tells_gone);

/* ERROR: the message of an event that is unread. */
pg_noreturn extern void cdc_kafka_event_unread(const CdcKafkaEventMaker *maker,
											   const CdcKafkaMessage *msg, CdcKafkaEvent *event);

/* ---- poison.c ---- */

/* ERROR for a poisonous message, or the same as a WARNING. */
extern void cdc_kafka_event_refuse(const CdcSubscription *sub, const CdcKafkaMessage *msg,
								   const CdcKafkaEvent *event, int level);

/* A row in cdc.error for it, by cdc_kafka_aside_write() at the latest; seq: of its event. */
extern void cdc_kafka_aside_keep(CdcKafkaCall *call, const CdcKafkaMessage *msg,
								 const CdcKafkaEvent *event, int64 seq);

/* Writes what was kept and is not written yet: before the position is. */
extern void cdc_kafka_aside_write(CdcKafkaCall *call);

/* ---- by_segments.c ---- */

/*
 * Lets segments read what is worth their while, up to the call's bounds and to where the
 * partitions ended when they were asked.  Nothing where there are none.  Every other call
 * of a worker is left to our reader.
 */
extern void cdc_kafka_read_by_segments(CdcKafkaCall *call);

/*
 * Our reader goes on where they have stopped; a worker's not where they go on in its next
 * call.  Returns whether partitions are left to them.
 */
extern bool cdc_kafka_take_back(const CdcKafkaCall *call);

/* Whether partitions have more for them, behind a message that they could not take. */
extern bool cdc_kafka_left_to_segments(const CdcKafkaStream *stream);

/* ---- group.c ---- */

/* Takes a message's event into its place's transaction, or straight to the history. */
extern void cdc_kafka_take_event(CdcKafkaCall *call, CdcKafkaPlace *place,
								 const CdcKafkaMessage *msg, CdcKafkaEvent *event);

/* Ends those that have waited long enough for their end; returns whether any did. */
extern bool cdc_kafka_end_old_groups(CdcKafkaCall *call);

/* Milliseconds until cdc_kafka_end_old_groups() has something to do; -1: never. */
extern long cdc_kafka_old_group_wait(const CdcKafkaStream *stream);

/* The positions that were written, at commit of their transaction, to Kafka's group. */
extern void cdc_kafka_group_note(CdcKafkaStream *stream);
extern void cdc_kafka_group_tell(CdcKafkaStream *stream, bool at_once);

/* Takes the answer; wait: until there is one, so that the client is free. */
extern void cdc_kafka_group_answer(CdcKafkaStream *stream, bool wait);

/* ---- wanted.c ---- */

/* The place of a partition among n; NULL: it is not there. */
extern CdcKafkaPlace *cdc_kafka_find_place(CdcKafkaPlace **places, int n, const char *topic,
										   int32 partition);

/*
 * The partitions of the topics that the subscription wants, at their beginning and
 * with their watermarks: a palloc'ed array of *n.
 */
extern CdcKafkaPlace **cdc_kafka_wanted_places(const CdcSubscription *sub, CdcKafkaSource *source,
											   int *n);

/*
 * ERROR where a topic that the subscription names is not there; WARNING where none matches a
 * pattern.
 */
extern void cdc_kafka_check_names(const CdcSubscription *sub, CdcKafkaSource *source,
								  CdcKafkaPlace **places, int n);

/* WARNING where others of its topics than the pattern leave out some that match it; whether there are. */
extern bool cdc_kafka_warn_excluded(const CdcSubscription *sub, CdcKafkaSource *source,
									char *pattern);

/* ---- position_text.c ---- */

typedef struct CdcPartitionOffset
{
	char		topic[CDC_TOPIC_NAME];
	int32		partition;
	int64		offset;
} CdcPartitionOffset;

/* A list of CdcPartitionOffset *; NIL when the text is nothing of that kind. */
extern List *cdc_kafka_parse_offsets(const char *text);

/*
 * Sets next_offset of the places that the text means (their watermarks are
 * known) and marks them as changed; of the others nothing changes.
 */
extern void cdc_kafka_resolve(const CdcSubscription *sub, CdcKafkaSource *source,
							  const char *text, CdcKafkaPlace **places, int n);

/* ---- methods of this kind of source, see source_kind.h ---- */

extern bool cdc_kafka_wait(int32 subscription_id, long timeout_ms);
extern void cdc_kafka_disconnect(int32 subscription_id);
extern void cdc_kafka_failed(const CdcSubscription *sub, int sqlerrcode, const char *error);
extern void cdc_kafka_check_arguments(const CdcSubscription *sub);
extern void cdc_kafka_check_options(const CdcSubscription *sub, const CdcSubscription *former);
extern void *cdc_kafka_subscribe_prepare(const CdcSubscription *sub);
extern void cdc_kafka_subscribe(const CdcSubscription *sub, void *prepared);
extern void cdc_kafka_set_position(CdcSubscription *sub, const char *where);
extern void *cdc_kafka_goal(const CdcSubscription *sub, const char *text);
extern bool cdc_kafka_goal_has(const void *goal, const char *gtid, const char *position);
extern bool cdc_kafka_goal_pulled(void *goal, const CdcSubscription *sub,
								  const CdcPosition *pos);

/* ---- discover.c ---- */

/* See CdcSourceMethods; by the messages that the history has of the table. */
extern const CdcTable *cdc_kafka_definition(const CdcSubscription *sub, const char *database,
											const char *table, CdcGeneratedLogged *logged);

#endif							/* CDC_PG_PULL_KAFKA_PULL_KAFKA_INTERNAL_H */

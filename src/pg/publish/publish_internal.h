/*-------------------------------------------------------------------------
 *
 * publish_internal.h
 *	  What the files of publish (history to topics of Kafka) share.
 *
 *	  From the top down:
 *	  publish.c			cdc.publish(): a publication's events, from history
 *	  publication.c		cdc.publication: definition, position, administration
 *	  dispatch.c		what is sent for an event
 *	  whole_table.c		events about all rows of a table
 *	  live_rows.c		the rows that a table has as of an event
 *	  event.c			events of history; what those of copies say
 *	  message.c			an event to its message or messages
 *	  format_*.c		changes of rows in formats of other tools
 *	  claim.c			what two tables must not share
 *	  output.c			topics and keys of messages
 *	  index_name.c		names of Elasticsearch's indexes
 *	  value.c			columns and values for these
 *	  envelope.c		rows of events that are not Maxwell's
 *	  key.c				the columns of a table's primary key
 *	  text.c			templates, keys and values as text
 *	  send.c			sending messages
 *	  context.c			which event an error is about
 *
 *	  Inside of them all text is UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PUBLISH_PUBLISH_INTERNAL_H
#define CDC_PG_PUBLISH_PUBLISH_INTERNAL_H

#include "pg/base/compat.h"
#include "core/json_text.h"
#include "envelope/document.h"
#include "envelope/envelope.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/kafka_outbox.h"
#include "pg/remote/kafka_send.h"
#include "pg/publish/publish.h"
#include "utils/jsonb.h"

/*
 * The definition of a publication as cdc.publish() is given it and cdc.publication
 * stores it: in the database's encoding, not checked yet.
 */
typedef struct CdcPublicationText
{
	const char *subscription;
	const char *server;
	Oid			server_oid;
	const char *topic_template;
	const char *key_template;
	const char *format;
	const Jsonb *options;
} CdcPublicationText;

/* A publication. */
typedef struct CdcPublication
{
	char	   *name;
	CdcSubscription *sub;
	const char *server;
	Oid			server_oid;		/* what that is; InvalidOid: the name says */
	const char *topic_template;
	const char *key_template;
	int			format;			/* CdcPublishFormat */
	CdcPublicationOptions opt;
	const Jsonb *options;		/* these, as they are stored */
	List	   *exclude;		/* patterns of tables; of char *, UTF-8 */

	/* its position */
	int64		published_seq;	/* of the last event that the brokers have confirmed */
	int64		first_seq;		/* that this run begins with; 0 = whatever comes first */
} CdcPublication;

/* An event of the history; valid until the next one. */
typedef struct CdcPublishEvent
{
	/* where it stands */
	int64		seq;
	char		op;				/* CdcOp */
	bool		commit;			/* the last event of its source transaction */
	const char *source_table;	/* or NULL */

	/* what it names */
	CdcString	database;		/* "" where there is none */
	CdcString	table;
	CdcString	type;			/* Maxwell's, "" where there is none */
	int64		source_us;		/* when the source changed it, since 1970; 0: not known */

	/* what it says */
	bool		has_doc;
	CdcDoc		doc;
	const char *raw;			/* the original bytes, where JSONB cannot hold them; or NULL */
	size_t		raw_len;
	bool		has_key;		/* the key of a message that came from Kafka was kept */
	CdcDoc		key;
} CdcPublishEvent;

/* Names of a primary key's columns, in key order; n is 0 where there is none. */
typedef struct CdcPublishKey
{
	int			n;
	char	  **columns;
} CdcPublishKey;

/* A row: as it is now, or, with the values that it had before, as it was. */
typedef struct CdcPublishRow
{
	const CdcDoc *data;
	const CdcDoc *old;			/* or NULL */
} CdcPublishRow;

/* What a column's values are, as far as formats differ in it. */
typedef enum CdcPublishKind
{
	CDC_VALUE_ANY,			/* not known: what the value is */
	CDC_VALUE_INTEGER, CDC_VALUE_DECIMAL, CDC_VALUE_FLOAT, CDC_VALUE_DOUBLE,
	CDC_VALUE_DATE, CDC_VALUE_TIME, CDC_VALUE_DATETIME, CDC_VALUE_TIMESTAMP,
	CDC_VALUE_YEAR, CDC_VALUE_BYTES, CDC_VALUE_BIT, CDC_VALUE_ENUM, CDC_VALUE_SET,
	CDC_VALUE_JSON, CDC_VALUE_TEXT, CDC_VALUE_GEOMETRY
} CdcPublishKind;

typedef struct CdcPublishColumn
{
	CdcString	name;
	CdcPublishKind kind;
	const CdcColumn *source;	/* the source's definition; NULL: not known */
	int			fsp;			/* of times */
	int			scale;			/* of decimals; -1: any */
	int			bits;			/* of CDC_VALUE_BIT, 1 to 64 */
	bool		nullable;
} CdcPublishColumn;

struct CdcPublisher;
struct CdcPublishMethods;

/* A change of a row, while messages are made of it. */
typedef struct CdcPublishChange
{
	const struct CdcPublishMethods *methods;	/* of the format */
	struct CdcPublisher *publisher;
	const CdcPublishEvent *event;
	const CdcPublishKey *key;
	const CdcTable *definition; /* of the source table as of the event; NULL: not known */
	char	   *topic;
	CdcDoc		data;			/* the row after; the deleted one */
	CdcDoc		old;
	CdcPublishRow row;
	CdcPublishRow former;		/* as it was before an update */
	bool		key_changed;	/* or the row has another topic, message key or index */
	const char *type;			/* Maxwell's, where the message is not the event itself; or NULL */
	bool		alone;			/* ... and not of the event's transaction */
	const char *lacks;			/* a column that the message says it does not have, as it did not change; or NULL */
	bool		former_unknown; /* the message of an update does not have the row before it */
} CdcPublishChange;

/* A format. */
typedef struct CdcPublishMethods
{
	/* Sends a change. */
	void		(*send) (CdcPublishChange *change);

	/* Writes what a TRUNCATE is to publisher->value; NULL: it is one of the events of DDL. */
	void		(*truncate) (struct CdcPublisher *publisher, const CdcPublishEvent *event);

	/*
	 * Writes the key of a row to publisher->key, which is empty; false: it has none.  NULL: its
	 * values as text, the names of the table where it has none.
	 */
	bool		(*key) (CdcPublishChange *change, const CdcPublishRow *row);
} CdcPublishMethods;

/* A walk over the columns of a row, in the order of its table where that is known. */
typedef struct CdcPublishRowIter
{
	const CdcPublishRow *row;
	const CdcTable *table;		/* NULL: in the order of the members */
	int			next;
	CdcDocIter	members;
} CdcPublishRowIter;

struct CdcPublishEnvelope;

/* A run of a publication. */
typedef struct CdcPublisher
{
	CdcPublication *publication;
	MemoryContext cxt;			/* of the run */

	/* where messages go */
	CdcKafkaTarget target;
	int64		max_bytes;		/* of a message */
	CdcKafkaSender *sender;		/* NULL until the first message */
	CdcOutlet  *outlet;			/* with a transactional_id: messages wait there instead */

	/* what errors say of the event at hand, and of those whose messages are under way */
	ErrorContextCallback errors;
	bool		in_context;
	const CdcPublishEvent *at;	/* NULL: none */
	const CdcPublishKey *at_key;	/* of the row at hand */
	const CdcPublishRow *at_row;	/* NULL: none */
	struct CdcPublishSent *sent;

	/* making messages */
	struct HTAB *tables;		/* key.c's */
	struct CdcSchema *schema;	/* of definitions; NULL: none yet */
	struct HTAB *names;			/* claim.c's: names of indexes or topics by table */
	struct CdcPublishEnvelope *envelope;	/* envelope.c's; NULL: none yet */
	struct CdcLiveRows *live;	/* where rows are noted, by take, instead of sent; or NULL */
	void		(*take) (struct CdcLiveRows *live, const CdcPublishChange *change);
	CdcJsonText *key;			/* buffers for the message at hand */
	CdcJsonText *value;

	/* counters */
	int64		events;
	int64		messages;
} CdcPublisher;

/*
 * publication.c
 */

/* Checks a definition and fills the fields of p that are parsed from it. */
extern void cdc_publication_parse(CdcPublication *p, const CdcPublicationText *def);

/*
 * Reads a publication and locks its row: one publishes at a time, and the next one
 * sees what was published.  NULL when there is none.
 */
extern CdcPublication *cdc_publication_lock(const char *name);

/*
 * Makes the publication, which then begins at from_seq, or stores what is given
 * differently.
 */
extern void cdc_publication_store(const char *name, const CdcPublicationText *def,
								  int64 from_seq);

/* Moves the position to seq and adds the publisher's counters. */
extern void cdc_publication_advance(const CdcPublisher *publisher, int64 seq);

/* ERROR: there is no publication of that name. */
pg_noreturn extern void cdc_publication_missing(const char *name);

/* As cdc.publish() is given it. */
extern const char *cdc_publish_format_name(int format);

/* Names in a list that is separated by commas, without the blanks around them; of char *. */
extern List *cdc_publish_split_names(const char *list);

/* Whether the publication leaves the event's table out. */
extern bool cdc_publication_excludes(const CdcPublication *p, const CdcPublishEvent *event);

/* The call of cdc.publish() that gives an option another value, for hints; palloc'ed. */
extern char *cdc_publication_statement(const CdcPublication *p, const char *option,
									   const char *value);

/* event.c: an event of history in the form that publish works with. */
struct CdcHistoryEvent;
extern void cdc_publish_read_event(const struct CdcHistoryEvent *row, CdcPublishEvent *event);

/* dispatch.c: sends what an event becomes. */
extern void cdc_publish_event(CdcPublisher *publisher, CdcPublishEvent *event);

/*
 * message.c
 */

/* Sends what is not a change of rows: DDL, and what else there is. */
extern void cdc_publish_ddl(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_other(CdcPublisher *publisher, const CdcPublishEvent *event);

/* Sends a TRUNCATE in formats that have a message for it; false: the publication's has none. */
extern bool cdc_publish_truncate(CdcPublisher *publisher, const CdcPublishEvent *event);

/* Sends the rows of an event of op c, u, d or r; while publisher->live is set, its rows are noted there. */
extern void cdc_publish_change(CdcPublisher *publisher, const CdcPublishEvent *event);

/* Sends, at an event, that a row goes (op 'd') or is there (op 'c') under a key. */
extern void cdc_publish_row(CdcPublisher *publisher, const CdcPublishEvent *event, char op,
							const CdcPublishKey *key, const CdcDoc *data);

/* Sends, at an event of another kind, the format's message of TRUNCATE, where it has one. */
extern void cdc_publish_empty_message(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * live_rows.c
 */

/* A row of a table; valid while it is visited. */
typedef struct CdcLiveRow
{
	int64		seq;			/* of the last event that brought it */
	const CdcPublishKey *key;	/* that it was published under */
	CdcDoc		data;
	CdcArena   *arena;			/* of the row */
} CdcLiveRow;

typedef void (*CdcLiveRowVisitor) (const CdcLiveRow *row, void *arg);
typedef struct CdcLiveRows CdcLiveRows;

/*
 * The rows that the event's table has before the event, as publishing has told them; ERROR
 * where the history cannot tell.  In the current context, with a temporary file.
 */
extern CdcLiveRows *cdc_live_rows_read(CdcPublisher *publisher, const CdcPublishEvent *event);

/* Whether it has rows without a key, which are not among them. */
extern bool cdc_live_rows_are_keyless(const CdcLiveRows *rows);

/* The last event that stands for rows of a copy which the history does not keep; 0: none. */
extern int64 cdc_live_rows_aside(const CdcLiveRows *rows);

/* Visits those, in any order, that no event from "before" on has brought; may be called again. */
extern void cdc_live_rows_visit(CdcLiveRows *rows, int64 before, CdcLiveRowVisitor visit, void *arg);
extern void cdc_live_rows_close(CdcLiveRows *rows);

/*
 * Writes what consumers know a row by: two keys that give the same are one row to them.
 * definition: of the table as of the row; NULL: it is not known.
 */
extern void cdc_live_row_identity(const CdcPublisher *publisher, const CdcTable *definition,
								  const CdcPublishKey *key, const CdcPublishRow *row,
								  CdcJsonText *text);

/* Whether rows are documents, known by the message's key alone: no message is about all of them. */
extern bool cdc_live_rows_are_documents(const CdcPublisher *publisher);

/* Whether consumers know rows by the values of their keys alone, as they are written. */
extern bool cdc_live_rows_by_values(const CdcPublisher *publisher);

/* Whether all rows of the event's table are copied into the history behind the event. */
extern bool cdc_live_rows_come_anew(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * event.c: copies
 */

typedef enum CdcPublishCopyKind
{
	CDC_PUBLISH_COPY_NOTHING,
	CDC_PUBLISH_COPY_BEGINS,
	CDC_PUBLISH_COPY_ROWS,		/* it stands for some, which the history does not keep */
	CDC_PUBLISH_COPY_KEYS,		/* of rows that stay, whether the copy brings them or not */
	CDC_PUBLISH_COPY_ENDS
} CdcPublishCopyKind;

/* What an event of op 'm' says of a copy. */
typedef struct CdcPublishCopy
{
	CdcPublishCopyKind kind;
	bool		replaces;		/* the table has no other rows */
	int64		begin_seq;		/* rows that came before are none of it; 0: not told */
	const char *gone;			/* keys of rows that are gone, as the text of an array; or NULL */
	CdcString	keys;			/* JSON */
} CdcPublishCopy;

extern void cdc_publish_read_copy(const CdcPublisher *publisher, const CdcPublishEvent *event,
								  CdcPublishCopy *copy);

/* Such keys as a set, in the current context. */
typedef struct CdcPublishGone CdcPublishGone;
extern const CdcPublishGone *cdc_publish_gone(CdcPublisher *publisher, const CdcPublishEvent *event,
											  const char *list);
extern bool cdc_publish_is_gone(const CdcPublishGone *gone, const CdcLiveRow *row);

/*
 * whole_table.c
 */

/*
 * What an event of op 't' means for rows; false: it is to be sent as the format's own message.
 */
extern bool cdc_publish_emptied(CdcPublisher *publisher, const CdcPublishEvent *event);

/* ... of op 's', and of op 'm'. */
extern void cdc_publish_key_changed(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_copied(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * output.c
 */

/* Sends a message; key and value may be NULL.  ERROR where no topic can have that name. */
extern void cdc_publish_message(CdcPublisher *publisher, const char *topic, const char *key,
								size_t key_len, const char *value, size_t value_len);

/* The name of a topic that a template gives; row may be NULL. */
extern char *cdc_publish_topic(const char *template, const CdcPublishEvent *event,
							   const CdcPublishKey *key, const CdcPublishRow *row);

/*
 * The message's key for a row, in publisher->key or as text of the template; NULL where
 * there is none.
 */
extern const char *cdc_publish_message_key(CdcPublishChange *change, const CdcPublishRow *row,
										   size_t *len);

/* Sends what is in publisher->value under the key of the row. */
extern void cdc_publish_value(CdcPublishChange *change, const CdcPublishRow *row);

/* Sends a message without a value under the row's key, where its table has one. */
extern void cdc_publish_tombstone(CdcPublishChange *change, const CdcPublishRow *row);

/*
 * Whether a change takes its row to another topic, message key or index, by columns that templates
 * read.  ERROR where the event does not tell such a column.
 */
extern bool cdc_publish_changes_place(const CdcPublishChange *change);

/* ERROR where the key_template gives rows that the table's key tells apart one key. */
extern void cdc_publish_check_key_template(const CdcPublishChange *change);

/* A key of names: {"database":"shop"}, with the table where that is wanted. */
extern const CdcJsonText *cdc_publish_names_key(CdcPublisher *publisher,
												const CdcPublishEvent *event, bool table);

/* text.c: writes a member of an object whose value is text. */
extern void cdc_publish_put_text(CdcJsonText *text, const char *key, const char *value, size_t len);

/*
 * format_*.c: send a change; or write what a TRUNCATE is to publisher->value
 */
extern void cdc_publish_es_bulk(CdcPublishChange *change);
extern void cdc_publish_debezium(CdcPublishChange *change);
extern void cdc_publish_debezium_truncate(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_goldengate_row(CdcPublishChange *change);
extern void cdc_publish_goldengate_op(CdcPublishChange *change);
extern void cdc_publish_goldengate_truncate(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_canal(CdcPublishChange *change);
extern void cdc_publish_canal_truncate(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_quix(CdcPublishChange *change);
extern void cdc_publish_quix_truncate(CdcPublisher *publisher, const CdcPublishEvent *event);

/* A change whose type is set, as Maxwell's event. */
extern void cdc_publish_maxwell_row(CdcJsonText *text, const CdcPublishChange *change);

/* CdcPublishMethods.key */
extern bool cdc_publish_es_key(CdcPublishChange *change, const CdcPublishRow *row);
extern bool cdc_publish_debezium_key(CdcPublishChange *change, const CdcPublishRow *row);

/* Writes the JSON schema of the table's messages to publisher->value. */
extern void cdc_publish_goldengate_schema(CdcPublisher *publisher, const CdcTable *table);

/*
 * index_name.c: ERROR where a template gives a name that no index can have, as far as it is fixed; the name
 * for an event, palloc'ed, or ERROR.
 */
extern void cdc_publish_check_index(const char *template);
extern char *cdc_publish_index_name(const CdcPublisher *publisher, const CdcPublishEvent *event,
									const CdcPublishKey *key, const CdcPublishRow *row);

/*
 * claim.c: ERROR where rows of two source tables would meet under one key: in one index, or
 * in one topic.  The first compares all tables that are registered, the others that of
 * the event with all that came before in the run.
 */
extern void cdc_publish_claim_registered(CdcPublisher *publisher);
extern void cdc_publish_claim_index(CdcPublisher *publisher, const CdcPublishEvent *event,
									const char *name);
extern void cdc_publish_claim_topic(CdcPublisher *publisher, const CdcPublishEvent *event,
									const char *topic);

/*
 * value.c
 */

/* What is known of a column. */
extern void cdc_publish_column(const CdcPublishChange *change, CdcString name,
							   CdcPublishColumn *column);

extern void cdc_publish_row_begin(const CdcPublishChange *change, const CdcPublishRow *row,
								  CdcPublishRowIter *iter);
extern bool cdc_publish_row_next(CdcPublishRowIter *iter, CdcString *name, CdcDoc *value);

/*
 * ERROR where the row of an update lacks columns that its table has: for formats that write
 * a changed key as a delete and an insert, by which these columns would be lost.
 */
extern void cdc_publish_check_whole(const CdcPublishChange *change);

/* A column of the definition that the row lacks, as with partial images; NULL: none, or not known. */
extern const char *cdc_publish_missing_column(const CdcPublishChange *change);

/*
 * The column, or where column is NULL any one, in UTF-8, whose value before the update nobody told;
 * NULL: it is told.  palloc'ed.
 */
extern char *cdc_publish_untold(const CdcPublishEvent *event, const char *column);

/* A value as JSON text, and the bytes of one in base64; palloc'ed. */
extern char *cdc_publish_json_text(const CdcDoc *value, size_t *len);
extern uint8 *cdc_publish_bytes(const CdcPublishColumn *column, CdcString base64, size_t *len);

/* WKT (with "SRID=n;" before it: EWKT) as WKB (EWKB), until the next call. */
extern const uint8 *cdc_publish_wkb(const CdcPublishChange *change, const CdcPublishColumn *column,
							  CdcString text, size_t *len);

/* Writes a value as source's print them into publisher->value: JSON as text; bytes by hex. */
extern void cdc_publish_put_plain(CdcPublishChange *change, const CdcPublishColumn *column,
								  const CdcDoc *value, bool hex);

/* debezium_value.c: a value, and which of bits and numbers have a form of their own. */
extern void cdc_publish_debezium_value(CdcPublishChange *change, CdcJsonText *to,
									   const CdcPublishColumn *column, const CdcDoc *value);
extern bool cdc_publish_is_single_bit(const CdcPublishColumn *column);

/* The number of a value of CDC_VALUE_BIT: a number, a truth value, or as many digits 0 and 1; false: it is none. */
extern bool cdc_publish_bits(const CdcPublishColumn *column, const CdcDoc *value, uint64 *n);
extern bool cdc_publish_is_scaled(const CdcPublishColumn *column);

/* ERROR: what the column has cannot be told in the publication's format. */
pg_noreturn extern void cdc_publish_refuse(const CdcPublishChange *change,
										   const CdcPublishColumn *column, const char *what);

/*
 * send.c
 */

/*
 * Prepares to send to a server as a role sees it, with these options of a producer (of
 * DefElem *) beside its own.
 */
extern void cdc_publish_open(CdcPublisher *publisher, Oid serverid, Oid userid, List *overrides);

/* How many partitions a topic has now; 0: not known. */
extern int	cdc_publish_partitions(CdcPublisher *publisher, const char *topic);

/* Copies the message and counts it. */
extern void cdc_publish_send(CdcPublisher *publisher, const CdcOutMessage *message);

/*
 * Waits until the brokers have confirmed all that was sent; ERROR when one was
 * refused.  last is the seq up to which the events were published.
 */
extern void cdc_publish_flush(CdcPublisher *publisher, int64 last);

/*
 * context.c
 */

/* Between these, errors say which event they are about. */
extern void cdc_publish_context_begin(CdcPublisher *publisher);
extern void cdc_publish_context_end(CdcPublisher *publisher);

/* Notes of which event the message is that has just been counted. */
extern void cdc_publish_note_sent(CdcPublisher *publisher);

/* key.c: the name of a source table, kept as long as the run. */
extern const char *cdc_publish_table_name(CdcPublisher *publisher, const char *name);

/* key.c: the definition of the event's table as of the event; NULL: it is not known. */
extern const CdcTable *cdc_publish_definition(CdcPublisher *publisher,
											  const CdcPublishEvent *event);

/* What an event of DDL did to the primary key of its table, and to names of columns; palloc'ed. */
typedef struct CdcPublishRekey
{
	CdcPublishKey key;			/* the new one; n is 0: the table has none */
	bool	   *kept;			/* of its columns: events have the values of before in the same form */
	bool		same_values;	/* all are, and they are those of the former key, in its order */
	int			nnames;			/* of the columns that there were: */
	char	  **from;
	char	  **to;				/* NULL: it was dropped */
	bool	   *logged;			/* whole row images have it */
} CdcPublishRekey;

/*
 * key.c: whether the event gives the rows of its table, by definitions, another key: of other
 * columns, of other names, or of values that are written in another form.
 */
extern bool cdc_publish_rekeyed(CdcPublisher *publisher, const CdcPublishEvent *event,
								CdcPublishRekey *rekey);

/* key.c: gives columns that are named as their target has them now their names as of the event. */
extern void cdc_publish_names_then(CdcPublisher *publisher, const CdcPublishEvent *event,
								   CdcPublishKey *key);

/* key.c: a row of before as it is after that, in the arena. */
extern void cdc_publish_rename(const CdcPublishRekey *rekey, CdcArena *arena, const CdcDoc *data,
							   CdcDoc *renamed);

/* key.c: whether such a row is whole, and tells the new key as events will. */
extern bool cdc_publish_tells_rekeyed(const CdcPublishRekey *rekey, const CdcDoc *renamed);

/* key.c: whether two are of the same columns; whether a row has values in all of one's. */
extern bool cdc_publish_same_key(const CdcPublishKey *a, const CdcPublishKey *b);
extern bool cdc_publish_tells_key(const CdcDoc *data, const CdcPublishKey *key);

/* key.c: whether a definition is to be announced, as it has not been by this process. */
extern bool cdc_publish_definition_is_new(CdcPublisher *publisher, const CdcPublishEvent *event);

/* key.c: the key that the publication's option key_columns gives a row which has all of them. */
extern const CdcPublishKey *cdc_publish_given_key(const CdcPublisher *publisher,
												  const CdcDoc *data);

/* key.c: the key as of the event. */
extern const CdcPublishKey *cdc_publish_key(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * envelope.c
 */

/*
 * Gives an event that came from Kafka the names of database and table that its envelope has,
 * be it of a row, of all rows or of none; palloc'ed.
 */
extern void cdc_publish_name_table(CdcPublisher *publisher, CdcPublishEvent *event);

/*
 * Reads the envelope of an event of op c, u, d or r that came from Kafka; returns how
 * many rows it has, of which cdc_publish_envelope_row() gives data and old as Maxwell has
 * them ({} where none is told).  0: it is no envelope, but bytes.  Valid until the next event.
 */
extern int	cdc_publish_envelope(CdcPublisher *publisher, const CdcPublishEvent *event);
extern void cdc_publish_envelope_row(CdcPublisher *publisher, int row, CdcDoc *data, CdcDoc *old);

/* What that message lacks of the row of an update, and of the row before it. */
extern void cdc_publish_envelope_lacks(CdcPublisher *publisher, CdcPublishChange *change);

/* The columns of its key: of key, where that has any, else by the target or the message. */
extern const CdcPublishKey *cdc_publish_envelope_key(CdcPublisher *publisher,
													 const CdcPublishKey *key);

/* What the target of the event's table takes in a column; false: not known. */
extern bool cdc_publish_target_hint(const CdcPublisher *publisher, const CdcPublishEvent *event,
									CdcString name, CdcColumnHint *hint);

/*
 * A column of the target of the event's table, filled by the source, that the change does not tell, as
 * UTF-8; NULL: none is known.
 */
extern const char *cdc_publish_target_missing(const CdcPublishChange *change);

/* The columns that the key of the event's target takes; none: it has no target, or no key. */
extern void cdc_publish_target_key(CdcPublisher *publisher, const CdcPublishEvent *event,
								   CdcPublishKey *key);

/* Whether the message that was read last is Maxwell's. */
extern bool cdc_publish_is_maxwell(const CdcPublisher *publisher);

/*
 * Whether an event from Kafka is declared as Maxwell's, and its data and old can be
 * taken as they are.
 */
extern bool cdc_publish_in_place(const CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * The "old" of Maxwell's event, CDC_DOC_NULL where it has none; ERROR where that is neither
 * an object nor null.
 */
extern void cdc_publish_old(const CdcPublishEvent *event, CdcDoc *old);

/*
 * text.c
 */

/* ERROR where a template names something that is not there. */
extern void cdc_publish_check_template(const char *option, const char *template);

/* The template with its names replaced, palloc'ed; row may be NULL. */
extern char *cdc_publish_expand(const char *template, const CdcPublishEvent *event,
								const CdcPublishKey *key, const CdcPublishRow *row);

/* As a name of a topic: other characters than Kafka's become '_'. */
extern void cdc_publish_clean_topic(char *name);

/*
 * Keys and values.  They are written into a text that was reset before.
 */

/*
 * A key as Maxwell's Kafka producer writes it; with a random part where the table has no
 * key, which keyless tells from one whose key is not known.  row may be NULL.
 */
extern void cdc_publish_maxwell_key(CdcJsonText *text, const CdcPublishEvent *event,
									const CdcPublishKey *key, const CdcPublishRow *row, bool keyless);

/* The columns of the key as an object. */
extern void cdc_publish_row_key(CdcJsonText *text, const CdcPublishKey *key, const CdcPublishRow *row);

/* A document with Maxwell's members in Maxwell's order, the others behind them. */
extern void cdc_publish_maxwell_value(CdcJsonText *text, const CdcDoc *doc);

/* A column's value in a row; false: it is not there. */
extern bool cdc_publish_key_value(const CdcPublishRow *row, const char *name, CdcDoc *value);

/* The value of the key as one text: of several columns a JSON array. */
extern char *cdc_publish_key_text(const CdcPublishKey *key, const CdcPublishRow *row);

/* ERROR where writing JSON failed. */
extern void cdc_publish_check(CdcStatus st);

#endif							/* CDC_PG_PUBLISH_PUBLISH_INTERNAL_H */

/*-------------------------------------------------------------------------
 *
 * envelope.h
 *	  What a Kafka message says about rows: the forms in which Maxwell,
 *	  Debezium, GoldenGate, Canal and Quix wrap a change, and plain documents.
 *
 * A message becomes one row of history, whose event is the message's value as
 * it came.  pull asks cdc_envelope_read() what the message is.  apply asks
 * again, and gets the images of each row from cdc_envelope_images(), in
 * Maxwell's meaning and forms of values (doc/event.md).  Nothing here knows of
 * Kafka or PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_ENVELOPE_H
#define CDC_ENVELOPE_ENVELOPE_H

#include "core/arena.h"
#include "core/change.h"
#include "core/sink.h"
#include "envelope/document.h"

typedef enum CdcMessageFormat
{
	CDC_FORMAT_AUTO = 0,		/* the format is recognised, as one of the next ones */
	CDC_FORMAT_MAXWELL,
	CDC_FORMAT_DEBEZIUM,		/* with and without schema */
	CDC_FORMAT_DEBEZIUM_FLAT,	/* after ExtractNewRecordState: the row alone */
	CDC_FORMAT_GOLDENGATE,		/* json_row and json_op */
	CDC_FORMAT_CANAL,
	CDC_FORMAT_QUIX,			/* and other users of wal2json's names */
	/* the following are never recognised; the user has to declare them */
	CDC_FORMAT_JSON,			/* a document is a row, a null value deletes it */
	CDC_FORMAT_RAW,				/* nothing is known of the bytes */
	CDC_FORMAT_AVRO,			/* kept as bytes */
	CDC_FORMAT_PROTOBUF			/* likewise */
} CdcMessageFormat;

/* Finds a format by the name that a user writes ('auto', 'debezium', ...); false: there is none. */
extern bool cdc_format_by_name(const char *name, CdcMessageFormat *format);
extern const char *cdc_format_name(CdcMessageFormat format);

/* Whether the format's values are text that has to be parsed before cdc_envelope_read(). */
static inline bool
cdc_format_is_json(CdcMessageFormat format)
{
	return format < CDC_FORMAT_RAW;
}

/*
 * What the bytes of a key or value are, before they are parsed.  Schema registries put
 * a zero byte and the schema's number (4 bytes, big-endian) in front of them.
 */
typedef enum CdcPayload
{
	CDC_PAYLOAD_TEXT,			/* it may be JSON: parse it from skip on */
	CDC_PAYLOAD_REGISTRY		/* binary by a schema of a registry: Avro, Protobuf */
} CdcPayload;

/* *schema_id is 0 when there is none; *skip counts the bytes before the JSON text (0 or 5). */
extern CdcPayload cdc_payload_look(const uint8_t *bytes, size_t len, uint32_t *schema_id,
								   size_t *skip);

/* Fills the error for a payload that is binary although the format wants JSON, with a hint. */
extern CdcStatus cdc_payload_refuse(CdcMessageFormat format, uint32_t schema_id, CdcError *err);

typedef struct CdcMessage
{
	CdcString	topic;			/* "" = unknown */
	const CdcDoc *key;			/* NULL: the message has none */
	const CdcDoc *value;		/* NULL: null, a tombstone */
	/* names of the table's key columns, if they are known: a key that is not an object is
	 * the value of the only one, and Maxwell's keys have the names in lower case */
	const CdcString *key_columns;
	int			nkey_columns;
	/* of Debezium's tombstones: the table of the rows before it in its partition, or
	 * CDC_ROWS_OF_...; NULL: there were none */
	const char *rows_of;
	bool		told;			/* the message before it has said that the row is gone */
} CdcMessage;

/* Instead of a table's name: several tables; the same where other messages say of rows that they are gone. */
#define CDC_ROWS_OF_SEVERAL	"*"
#define CDC_ROWS_OF_TOLD	"-"

/* For several documents in one message, which are neither JSON nor of one table. */
#define CDC_GOLDENGATE_MODE_HINT \
	"GoldenGate's Kafka handler writes a whole transaction into one message with mode=tx: set gg.handler.NAME.mode=op, NAME being the handler's."

/* What a message says.  Its strings point into the message or into the arena. */
typedef struct CdcEnvelope
{
	CdcMessageFormat	format;			/* never CDC_FORMAT_AUTO */
	CdcMessageFormat	looks_like;		/* of a message that was refused; CDC_FORMAT_AUTO: nothing */
	CdcOp		op;				/* 'm' also for messages that concern no row: heartbeats,
								 * begin and end of transactions, tombstones after a delete */
	const char *database;		/* NUL-terminated; "" where there is none */
	const char *table;			/* likewise */
	const char *source_table;	/* "database.table", or the table alone; NULL: none */
	CdcString	origin;			/* Debezium: whose table that is, as several sources may have
								 * tables of one name: connector and, where tables have schemas,
								 * database; "" = unknown */
	CdcString	type;			/* the operation by the envelope's own name, or "" */
	int64_t		source_us;		/* when the source changed the row, microseconds since
								 * 1970; 0 = unknown */
	CdcString	gtid;			/* or "" */
	CdcString	position;		/* in the source's log, or "" */
	uint64_t	xid;			/* 0 = unknown */
	int64_t		xoffset;		/* row's number in its transaction, from 0; -1 = unknown */
	int			commit;			/* whether it is the last one of its transaction: 1 yes,
								 * 0 no, -1 unknown */
	CdcString	sql;			/* of a schema change, or "" */
	bool		makes_table;	/* the schema change created the table */
	int			nrows;			/* row images in the message; 0 unless op is c, u, d or r.
								 * More than one (Canal): all of the same table and op,
								 * in order; they stay one event */
	int			nkey;			/* 0: the message does not name the key's columns */
	const CdcString *key;		/* names of the key's columns */
	const CdcDoc *key_values;	/* their values, where the message has a key; or NULL */
	const char *not_whole;		/* why the message has not the whole row, which then has no
								 * images and no columns: an error's message; NULL: it has */
	const char *whole_advice;	/* what to set at the source so that it has; a sentence */
	CdcString	unavailable;	/* Debezium: a column of the images that were written last which the
								 * source has not logged, as it did not change; or "" */
	bool		tells_gone;		/* Debezium: such a message would say of its row that it is gone */
	bool		keep_key;		/* nobody understands the event without the message's key,
								 * which has to be stored beside it */
	/* of the formats; CDC_DOC_NULL: none */
	CdcDoc		body;			/* the value without schema block */
	CdcDoc		key_body;		/* the key likewise */
	CdcDoc		after;			/* Canal: arrays of images */
	CdcDoc		before;
	bool		before_partial; /* before lacks columns of after, whose former values it does
								 * not tell in another way */
	CdcDoc		fields;			/* Debezium: the array of the row's fields in the schema */
	CdcString	schema_name;	/* Debezium */
	void	   *cache;			/* Canal: parsed types */
} CdcEnvelope;

/* Whether an update has all of the row's former values, by which one without key is found. */
static inline bool
cdc_envelope_has_before(const CdcEnvelope *env)
{
	return env->before.type != CDC_DOC_NULL && !env->before_partial;
}

/* CDC_ERR_UNSUPPORTED: the message says itself that it has not the whole row. */
extern CdcStatus cdc_envelope_check_whole(const CdcEnvelope *env, CdcError *err);

/* Whether the first row's former image has that column; not of Canal's and Maxwell's, which have what changed. */
extern bool cdc_envelope_former_has(const CdcEnvelope *env, CdcString column);

/*
 * Reads an envelope into *env; memory comes from the arena.  CDC_ERR_VALUE: the message
 * is not in that format.  The error's detail says what was seen; the caller adds topic,
 * partition and offset.
 */
extern CdcStatus cdc_envelope_read(CdcArena *arena, CdcMessageFormat format, const CdcMessage *message,
								   CdcEnvelope *env, CdcError *err);

/* ---- order ---- */

/* Where a change stands in the log of its source. */
typedef struct CdcEnvelopeOrder
{
	bool		known;
	uint64_t	log;			/* stands for the log */
	uint64_t	file;			/* of it, by its number */
	uint64_t	at;				/* place in the file */
	int64_t		us;				/* when the source changed the row, as in CdcEnvelope */
} CdcEnvelopeOrder;

/* Fills *order; returns whether it is known, as the message tells it. */
extern bool cdc_envelope_order(const CdcEnvelope *env, CdcEnvelopeOrder *order);

/*
 * Whether a is certainly the older one: of the same log, at a place before b, and no later by the
 * source's clock.  A log that begins anew, as after a fail-over, has earlier places at later times.
 */
extern bool cdc_envelope_order_is_before(const CdcEnvelopeOrder *a, const CdcEnvelopeOrder *b);

/* Whether both are certainly of one change, such as the delete and the insert of a row that moves. */
extern bool cdc_envelope_order_is_same(const CdcEnvelopeOrder *a, const CdcEnvelopeOrder *b);

/* ---- rows ---- */

/* What the receiver of a column expects, for messages that do not have the column's type. */
typedef enum CdcHintKind
{
	CDC_HINT_NONE = 0,
	CDC_HINT_TEXT,
	CDC_HINT_BYTES,
	CDC_HINT_BOOLEAN,
	CDC_HINT_INTEGER,
	CDC_HINT_DECIMAL,
	CDC_HINT_FLOAT,
	CDC_HINT_BIT,
	CDC_HINT_DATE,
	CDC_HINT_TIME,				/* of a day, or a duration */
	CDC_HINT_DATETIME,			/* without time zone */
	CDC_HINT_TIMESTAMP,			/* an instant */
	CDC_HINT_ARRAY,
	CDC_HINT_JSON,
	CDC_HINT_GEOMETRY,			/* takes WKT */
	CDC_HINT_OTHER				/* has a text form: uuid, inet */
} CdcHintKind;

typedef struct CdcColumnHint
{
	CdcHintKind kind;
	int			scale;			/* CDC_HINT_DECIMAL: -1 = any */
	int			fsp;			/* times: fractional digits, -1 = any */
	int			precision;		/* CDC_HINT_DECIMAL: digits; CDC_HINT_FLOAT, CDC_HINT_BIT: bits; 0 = any */
	bool		duration;		/* CDC_HINT_TIME: it cannot be a time of day */
} CdcColumnHint;

/* What the receiver knows of the columns. */
typedef struct CdcHints
{
	/* fills *hint, or returns false when nothing is known of the column */
	bool		(*find) (void *arg, const char *name, size_t len, CdcColumnHint *hint);
	void	   *arg;
	/* whether the column is to be read at all; NULL: each is */
	bool		(*wants) (void *arg, const char *name, size_t len);
} CdcHints;

/* Where a row's images are written, each as an object. */
typedef struct CdcRowSinks
{
	CdcSink    *data;			/* the row after the change, or before a delete */
	CdcSink    *old;			/* former values of columns that changed; {} where the
								 * message has none */
} CdcRowSinks;

/*
 * Writes the images of row (0 to nrows - 1).  Columns that are not in data have not
 * changed.  hints may be NULL.  Memory comes from the arena.
 */
extern CdcStatus cdc_envelope_images(CdcArena *arena, CdcEnvelope *env, int row,
									 const CdcHints *hints, const CdcRowSinks *sinks,
									 CdcError *err);

/*
 * Whether the "data" and "old" of Maxwell's message are what cdc_envelope_images()
 * would write, so that they can be read in place.  They are not when Maxwell leaves
 * nulls out (output_nulls=false), because a column that is only in "old" has become
 * null; nor when a bootstrap has split an empty set.  old may be CDC_DOC_NULL.
 */
extern bool cdc_maxwell_in_place(CdcOp op, const CdcDoc *data, const CdcDoc *old);

/* ---- definitions ---- */

typedef struct CdcEnvelopeColumn
{
	const char *name;			/* NUL-terminated */
	const char *column_type;	/* of MySQL ("int(10) unsigned"), also where the source is
								 * another one; and "number" (of any digits), "boolean", "string",
								 * "timetz", "array": see internal.h */
	bool		told;			/* the type is the envelope's; else it was made out from the
								 * value */
	bool		nullable;
	int			pk;				/* place in the key, from 0; -1: not in it */
} CdcEnvelopeColumn;

/*
 * Returns the columns of the table that the message's row, or its schema change,
 * belongs to.  Their types are the envelope's or, if it has none, made out from the
 * row's values.  *n is 0 when the message has neither; memory comes from the arena.
 */
extern CdcStatus cdc_envelope_columns(CdcArena *arena, CdcEnvelope *env,
									  CdcEnvelopeColumn **columns, int *n, CdcError *err);

/*
 * The columns by which a message without a key seems to find its row; with *one_of_them
 * they are all columns that it has, and nothing tells which of them it is.  A guess, for a
 * user to judge.  *n is 0 where there is none; names live in the arena and the message.
 */
extern CdcStatus cdc_envelope_likely_key(CdcArena *arena, const CdcEnvelope *env,
										 CdcString **names, int *n, bool *one_of_them,
										 CdcError *err);

/*
 * Whether a value of Debezium's says that the source did not send it again (unchanged TOAST and
 * the like).
 */
extern bool cdc_debezium_unavailable(const CdcDoc *value);

/* The version of the connector in messages of Debezium's form that this project has written. */
#define CDC_PUBLISHER		"cdc_ingest"

#endif							/* CDC_ENVELOPE_ENVELOPE_H */

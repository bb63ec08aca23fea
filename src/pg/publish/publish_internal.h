/*-------------------------------------------------------------------------
 *
 * publish_internal.h
 *	  What the files of publish (history to topics of Kafka) share.
 *
 *	  publish.c			the publication, its position, reading history
 *	  publish_message.c	an event to its message or messages
 *	  publish_envelope.c	rows of events that are not Maxwell's
 *	  publish_send.c	sending them
 *	  publish_text.c	templates, keys, values
 *	  publish_table.c	the columns of a table's primary key
 *
 * Inside of them all text is UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PUBLISH_PUBLISH_INTERNAL_H
#define CDC_PG_PUBLISH_PUBLISH_INTERNAL_H

#include "pg/base/compat.h"
#include "core/json_text.h"
#include "envelope/document.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/kafka_outbox.h"
#include "pg/remote/kafka_send.h"
#include "pg/publish/publish.h"

/* The row of cdc.publication. */
typedef struct CdcPublication
{
	char	   *name;
	CdcSubscription *sub;
	char	   *server;
	const char *topic_template;
	const char *key_template;
	int			format;			/* CdcPublishFormat */
	CdcPublicationOptions opt;
	int64		published_seq;
	int64		first_seq;		/* of this run: 0 = whatever comes first */
} CdcPublication;

/* An event of the history. */
typedef struct CdcPublishEvent
{
	int64		seq;
	char		op;
	bool		commit;
	const char *source_table;	/* or NULL */
	CdcString	database;		/* "" where there is none */
	CdcString	table;
	CdcString	type;			/* Maxwell's, "" where there is none */
	bool		has_doc;
	CdcDoc		doc;
	const char *raw;			/* or NULL */
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

struct CdcPublishEnvelope;

typedef struct CdcPublisher
{
	CdcPublication *publication;
	CdcKafkaTarget target;
	int64		max_bytes;		/* of a message */
	CdcKafkaSender *sender;		/* NULL until the first message */
	CdcOutlet  *outlet;			/* of Kafka's transactions: messages wait there instead */
	MemoryContext cxt;			/* of the run */
	struct HTAB *tables;		/* publish_table.c's */
	struct CdcPublishEnvelope *envelope;	/* publish_envelope.c's */
	int64		events;
	int64		messages;
	CdcJsonText *key;			/* being written */
	CdcJsonText *value;
} CdcPublisher;

/* publish_message.c: sends what an event becomes. */
extern void cdc_publish_event(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * publish_send.c
 */

/* To that server as that role sees it, with these of a producer's options (DefElems). */
extern void cdc_publish_open(CdcPublisher *publisher, Oid serverid, Oid userid, List *overrides);

/* Copies the message and counts it. */
extern void cdc_publish_send(CdcPublisher *publisher, const CdcOutMessage *message);

/*
 * Waits until the brokers have confirmed all that was sent; ERROR when one was
 * refused.
 */
extern void cdc_publish_flush(CdcPublisher *publisher);

/* publish_table.c: the key as of the event. */
extern const CdcPublishKey *cdc_publish_key(CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * publish_envelope.c
 */

/*
 * Reads the envelope of an event of op c, u, d or r that came from Kafka; returns how
 * many rows it has, of which cdc_publish_envelope_row() gives data and old as Maxwell has
 * them ({} where none is told).  0: it is no envelope, but bytes.  The event gets the
 * names of database and table from it.  Valid until the next event.
 */
extern int	cdc_publish_envelope(CdcPublisher *publisher, CdcPublishEvent *event);
extern void cdc_publish_envelope_row(CdcPublisher *publisher, int row, CdcDoc *data, CdcDoc *old);

/* The columns of its key: of key, where that has any, else by the target or the message. */
extern const CdcPublishKey *cdc_publish_envelope_key(CdcPublisher *publisher,
													 const CdcPublishKey *key);

/* Whether the message that was read last is Maxwell's. */
extern bool cdc_publish_is_maxwell(const CdcPublisher *publisher);

/*
 * Whether an event from Kafka is declared as Maxwell's, and its data and old can be
 * taken as they are.
 */
extern bool cdc_publish_in_place(const CdcPublisher *publisher, const CdcPublishEvent *event);

/*
 * publish_text.c
 */

/* ERROR where a template names something that is not there. */
extern void cdc_publish_check_template(const char *option, const char *template);

/* A column's value; false: it is not there. */
extern bool cdc_publish_column(const CdcPublishRow *row, const char *name, CdcDoc *value);

/* The template with its names replaced, palloc'ed; row may be NULL. */
extern char *cdc_publish_expand(const char *template, const CdcPublishEvent *event,
								const CdcPublishKey *key, const CdcPublishRow *row);

/* As a name of a topic: other characters than Kafka's become '_'. */
extern void cdc_publish_clean_topic(char *name);

/* These write into a text that was reset before. */
extern void cdc_publish_maxwell_key(CdcJsonText *text, const CdcPublishEvent *event,
									const CdcPublishKey *key, const CdcPublishRow *row, bool keyless);
extern void cdc_publish_row_key(CdcJsonText *text, const CdcPublishKey *key, const CdcPublishRow *row);
extern void cdc_publish_maxwell_value(CdcJsonText *text, const CdcDoc *doc);

/* The value of the key as one text: of several columns a JSON array. */
extern char *cdc_publish_key_text(const CdcPublishKey *key, const CdcPublishRow *row);

/* Raises when a sink failed. */
extern void cdc_publish_check(CdcStatus st);

#endif							/* CDC_PG_PUBLISH_PUBLISH_INTERNAL_H */

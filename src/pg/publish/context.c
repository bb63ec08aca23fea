/*-------------------------------------------------------------------------
 *
 * context.c
 *	  Which event an error of publish is about: the one at hand, or, where a broker has
 *	  refused a message that was sent before, the one that this was made of.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "pg/base/utf8.h"

/* Of so many messages that were sent last the events are known; a power of two. */
#define KNOWN_MESSAGES	(256 * 1024)

#define SHOWN_KEY		100

typedef struct Sent
{
	int64		seq;
	const char *table;			/* or NULL; stays as long as the run */
} Sent;

struct CdcPublishSent
{
	Sent	   *messages;		/* that with number n is at n modulo room */
	uint64		room;
	const char *last_table;		/* of the message before */
};

void
cdc_publish_note_sent(CdcPublisher *publisher)
{
	struct CdcPublishSent *sent = publisher->sent;
	const CdcPublishEvent *event = publisher->at;
	uint64		number = (uint64) publisher->messages;
	Sent	   *message;

	if (event == NULL)
		return;
	if (sent == NULL)
	{
		sent = MemoryContextAllocZero(publisher->cxt, sizeof(*sent));
		sent->room = 1024;
		sent->messages = MemoryContextAllocZero(publisher->cxt, sizeof(Sent) * sent->room);
		publisher->sent = sent;
	}
	/* up to its size each message has the place of its number, which doubling does not change */
	if (number >= sent->room && sent->room < KNOWN_MESSAGES)
	{
		sent->messages = repalloc(sent->messages, sizeof(Sent) * sent->room * 2);
		sent->room *= 2;
	}
	if (event->source_table == NULL)
		sent->last_table = NULL;
	else if (sent->last_table == NULL || strcmp(sent->last_table, event->source_table) != 0)
		sent->last_table = cdc_publish_table_name(publisher, event->source_table);
	message = &sent->messages[number & (sent->room - 1)];
	message->seq = event->seq;
	message->table = sent->last_table;
}

/* The event of a message that a broker has refused; NULL: it is not known any more. */
static const Sent *
find_sent(const CdcPublisher *publisher, uint64 number)
{
	const struct CdcPublishSent *sent = publisher->sent;

	if (sent == NULL || number == 0 || number > (uint64) publisher->messages ||
		(uint64) publisher->messages - number >= sent->room)
		return NULL;
	return &sent->messages[number & (sent->room - 1)];
}

static void
append_event(StringInfo s, int64 seq, const char *table)
{
	appendStringInfo(s, ", seq " INT64_FORMAT, seq);
	if (table != NULL)
		appendStringInfo(s, ", source table \"%s\"", cdc_from_utf8_copy(table));
}

/* ErrorContextCallback */
static void
publish_context(void *arg)
{
	CdcPublisher *publisher = arg;
	uint64		refused = publisher->sender != NULL ? cdc_kafka_sender_refused(publisher->sender) : 0;
	StringInfoData s;

	/* an error in here must not lead back to here */
	if (publisher->in_context)
		return;
	publisher->in_context = true;
	initStringInfo(&s);
	appendStringInfo(&s, "publication \"%s\"", publisher->publication->name);
	if (refused > 0)
	{
		const Sent *sent = find_sent(publisher, refused);

		if (sent != NULL)
			append_event(&s, sent->seq, sent->table);
		if (cdc_kafka_sender_refused_key(publisher->sender)[0] != '\0')
			appendStringInfo(&s, ", key %s", cdc_kafka_sender_refused_key(publisher->sender));
	}
	else if (publisher->at != NULL)
	{
		append_event(&s, publisher->at->seq, publisher->at->source_table);
		if (publisher->at_row != NULL && publisher->at_key->n > 0)
			appendStringInfo(&s, ", key %.*s", SHOWN_KEY,
							 cdc_from_utf8_copy(cdc_publish_key_text(publisher->at_key,
																	 publisher->at_row)));
	}
	errcontext("%s", s.data);
	publisher->in_context = false;
}

void
cdc_publish_context_begin(CdcPublisher *publisher)
{
	publisher->errors.callback = publish_context;
	publisher->errors.arg = publisher;
	publisher->errors.previous = error_context_stack;
	error_context_stack = &publisher->errors;
}

void
cdc_publish_context_end(CdcPublisher *publisher)
{
	error_context_stack = publisher->errors.previous;
}

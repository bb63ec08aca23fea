/*-------------------------------------------------------------------------
 *
 * kept_stream.c
 *	  Streams of subscriptions that outlive transactions, and what the end of one
 *	  means for them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/kept_stream.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "pg/catalog/changes.h"
#include "pg/remote/server_access.h"

/* So many are kept by a session that pulls for many subscriptions; each has sockets and threads. */
#define KEPT_STREAMS	16

void
cdc_kept_stream_close(CdcKeptStreamKind *kind, CdcKeptStream *stream)
{
	CdcKeptStream **link;

	for (link = &kind->first; *link != NULL; link = &(*link)->next)
	{
		if (*link == stream)
		{
			*link = stream->next;
			break;
		}
	}
	kind->close(stream);
}

/* Streams that the ended transaction used: what they read is lost or stays. */
static void
after_transaction(CdcKeptStreamKind *kind, bool committed)
{
	CdcKeptStream *stream;
	CdcKeptStream *next;

	for (stream = kind->first; stream != NULL; stream = next)
	{
		next = stream->next;
		if (!stream->used)
			continue;
		stream->used = false;
		if (!committed || stream->broken)
			cdc_kept_stream_close(kind, stream);
		else if (kind->committed != NULL)
			kind->committed(stream);
	}
}

/* Closes those that were used longest ago, where there are too many. */
static void
close_surplus(CdcKeptStreamKind *kind)
{
	CdcKeptStream *stream;
	CdcKeptStream *next;
	int			n = 0;

	for (stream = kind->first; stream != NULL; stream = next)
	{
		next = stream->next;
		if (++n > KEPT_STREAMS)
			cdc_kept_stream_close(kind, stream);
	}
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
	{
		after_transaction(arg, true);
		close_surplus(arg);
	}
	else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		after_transaction(arg, false);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	CdcKeptStreamKind *kind = arg;
	CdcKeptStream *stream;

	/* the caller may be inside of a pull that goes on, so it is not closed here */
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (stream = kind->first; stream != NULL; stream = stream->next)
	{
		if (stream->used)
			stream->broken = true;
	}
}

static void
register_callbacks(CdcKeptStreamKind *kind)
{
	if (kind->registered)
		return;
	RegisterXactCallback(at_transaction_end, kind);
	RegisterSubXactCallback(at_subtransaction_end, kind);
	kind->registered = true;
}

void
cdc_kept_stream_add(CdcKeptStreamKind *kind, CdcKeptStream *stream, int32 subscription_id)
{
	register_callbacks(kind);
	stream->subscription_id = subscription_id;
	stream->used = true;
	stream->next = kind->first;
	kind->first = stream;
}

CdcKeptStream *
cdc_kept_stream_find(CdcKeptStreamKind *kind, int32 subscription_id)
{
	CdcKeptStream **link;

	for (link = &kind->first; *link != NULL; link = &(*link)->next)
	{
		CdcKeptStream *stream = *link;

		if (stream->subscription_id != subscription_id)
			continue;
		*link = stream->next;
		stream->next = kind->first;
		kind->first = stream;
		return stream;
	}
	return NULL;
}

void
cdc_kept_stream_drop(CdcKeptStreamKind *kind, int32 subscription_id)
{
	CdcKeptStream *stream = cdc_kept_stream_find(kind, subscription_id);

	if (stream != NULL)
		cdc_kept_stream_close(kind, stream);
}

CdcSubscription *
cdc_kept_stream_read(CdcKeptStream *stream, MemoryContext parent,
					 char *(*define) (const CdcSubscription *sub), bool *same)
{
	MemoryContext context = AllocSetContextCreate(parent, "cdc_ingest subscription", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64		generation = cdc_catalog_generation();
	CdcSubscription *sub;
	char	   *definition;

	stream->used = true;		/* an ERROR, here or later, closes it */
	sub = cdc_subscription_get_by_id(stream->subscription_id);
	if (sub == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscription with id %d does not exist", stream->subscription_id)));
	cdc_subscription_check_source(sub);
	/* a privilege that was revoked ends a connection that was made before */
	cdc_server_check_usage(GetForeignServerByName(sub->server, false), sub->owner_oid);
	definition = define(sub);
	MemoryContextSwitchTo(old);
	*same = stream->definition != NULL && strcmp(stream->definition, definition) == 0;
	if (stream->sub_context != NULL)
		MemoryContextDelete(stream->sub_context);
	stream->sub_context = context;
	stream->generation = generation;
	stream->definition = definition;
	return sub;
}

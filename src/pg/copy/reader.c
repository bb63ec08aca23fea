/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  The connections that a step of the copy reads over.
 *
 * The first one opens a snapshot whose place is known.  What joins it later, in a session
 * with the same server, sees all that the first one sees; so one place speaks for all of
 * them, and the others cost one question.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/remote/answer.h"

/* A further connection that was refused is asked for again after this time. */
#define REFUSED_MS		60000

/* One that was lost is closed. */
static void
check_usable(CdcCopyPace *pace, int i)
{
	CdcSource  *source = pace->sessions[i];

	if (source == NULL || cdc_source_usable(source))
		return;
	pace->sessions[i] = NULL;
	cdc_source_close(source);
}

CdcSource *
cdc_copy_session(const CdcCopy *copy)
{
	CdcCopyPace *pace = copy->pace;

	if (pace->host[0] != '\0')
		cdc_copy_hang_up(pace);
	check_usable(pace, 0);
	if (pace->sessions[0] == NULL)
		pace->sessions[0] = cdc_source_open_at(copy->sub->server, copy->sub->owner_oid,
											   copy->address, true, true);
	return pace->sessions[0];
}

/* One more; NULL: the source refuses it, and the copy goes on with those that there are. */
static CdcSource *
further_session(const CdcCopy *copy, int i)
{
	CdcCopyPace *pace = copy->pace;
	CdcSource  *first = pace->sessions[0];
	CdcSource  *source;
	CdcError	err;

	check_usable(pace, i);
	if (pace->sessions[i] != NULL)
		return pace->sessions[i];
	if (pace->refused > 0 && i >= pace->refused &&
		!TimestampDifferenceExceeds(pace->refused_at, GetCurrentTimestamp(), REFUSED_MS))
		return NULL;
	if (cdc_failed(cdc_source_try_open_at(cdc_source_server(first), copy->sub->owner_oid,
										  cdc_source_info(first)->address, true, &source, &err)))
	{
		pace->refused = i;
		pace->refused_at = GetCurrentTimestamp();
		cdc_log_event(copy->sub->name, "copy", "the copy reads over fewer connections than copy_workers says",
					  cdc_from_utf8_lenient(err.message));
		return NULL;
	}
	pace->sessions[i] = source;
	return source;
}

/* ERROR where an address leads to several servers: what one has another one may lack. */
static void
check_same_server(CdcSource *first, CdcSource *other)
{
	const CdcMysqlServerInfo *a = cdc_source_info(first);
	const CdcMysqlServerInfo *b = cdc_source_info(other);

	if (strcmp(a->server_uuid, b->server_uuid) == 0 && a->server_id == b->server_id)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("two connections to server \"%s\" lead to different servers",
					cdc_source_server(first)),
			 errdetail("\"%s\" is server %u and server %u.", a->address, a->server_id, b->server_id),
			 errhint("Name the hosts themselves in option host, in place of what distributes connections among them; or set copy_workers to 1.")));
}

CdcSource *
cdc_copy_reader(CdcCopyWork *work, int i)
{
	CdcSource  *source;

	if (work->readers[i] != NULL)
		return work->readers[i];
	source = further_session(work->copy, i);
	if (source == NULL)
		return NULL;
	check_same_server(work->readers[0], source);
	cdc_snapshot_join(source, work->snap);
	cdc_copy_bound_waits(source);
	work->readers[i] = source;
	return source;
}

void
cdc_copy_bound_waits(CdcSource *source)
{
	cdc_source_execute(source, "SET SESSION lock_wait_timeout = 1");
}

void
cdc_copy_drop_reader(CdcCopyWork *work, int i)
{
	CdcSource  *source = work->readers[i];

	work->readers[i] = NULL;
	work->copy->pace->sessions[i] = NULL;
	cdc_source_close(source);
}

void
cdc_copy_end_readers(CdcCopyWork *work)
{
	int			i;

	for (i = 1; i < work->max_readers; i++)
		if (work->readers[i] != NULL)
			cdc_snapshot_discard(work->readers[i]);
}

void
cdc_copy_hang_up(CdcCopyPace *pace)
{
	int			i;

	cdc_copy_moment_end(pace);
	pace->host[0] = '\0';
	pace->connecting = pace->checked = false;
	pace->refused = 0;
	for (i = 0; i < CDC_COPY_MAX_WORKERS; i++)
	{
		CdcSource  *source = pace->sessions[i];

		pace->sessions[i] = NULL;
		cdc_source_close(source);
	}
}

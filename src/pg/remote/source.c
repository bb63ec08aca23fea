/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Sessions with a MySQL-family server inside a backend: who may connect,
 *	  with which options, how a wait is interrupted, and that nothing stays
 *	  open after an ERROR.  What we ask such a server for is in
 *	  source_query.c.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/source.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/base/error.h"
#include "pg/options/mysql_options.h"
#include "pg/base/resource.h"
#include "pg/base/snapshot.h"
#include "pg/process/wait_set.h"
#include "pg/remote/server_access.h"

/* Read-ahead of a dump or a SELECT: what a backend may hold beside its own. */
#define READ_AHEAD_BYTES	(4 * 1024 * 1024)

/* Pipe (two), socket, its duplicate. */
#define SOURCE_FDS			4

struct CdcSource
{
	CdcResource resource;		/* unowned: long-lived */
	CdcSession *session;
	CdcWaitSet *wait;			/* for its descriptor; NULL: not made yet */
	char	   *server;
	Oid			user;			/* whose mapping it is */
	bool		asking;			/* a request is posted and not yet answered */
	bool		broken;			/* an answer was a lost connection */
};

static void
close_source(CdcResource *resource)
{
	CdcSource  *source = (CdcSource *) resource;

	cdc_wait_set_free(source->wait);
	cdc_session_close(source->session);
	pfree(source->server);
	pfree(source);
}

static CdcResourceKind sources = {.free = close_source, .wait_exit = cdc_session_wait_exit};

void
cdc_source_close(CdcSource *source)
{
	if (source != NULL)
		cdc_resource_free(&sources, &source->resource);
}

/*
 * The wait of all waits.
 */
bool
cdc_source_wait(CdcSource *source, long timeout_ms)
{
	int64		limit = cdc_session_time_left_ms(source->session);
	bool		let_go;
	int			rc;

	if (limit >= 0 && (timeout_ms < 0 || limit < timeout_ms))
		timeout_ms = (long) limit;
	if (source->wait == NULL)
		source->wait = cdc_wait_set_create(cdc_session_fd(source->session));

	CHECK_FOR_INTERRUPTS();
	let_go = timeout_ms != 0 && cdc_snapshot_let_go();
	rc = cdc_wait_set_wait(source->wait, timeout_ms);
	if (let_go)
		cdc_snapshot_push();
	if (rc & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return (rc & WL_SOCKET_READABLE) != 0;
}

/* What came is read so long before the end of a nap, so that it is there then. */
#define NAP_MARGIN_MS	1

/* A longer nap would keep a burst waiting that begins in it. */
#define MAX_NAP_MS		50

void
cdc_source_nap(CdcSource *source, long ms)
{
	if (ms <= MAX_NAP_MS)
		cdc_session_nap(source->session, ms - NAP_MARGIN_MS);
}

/* ERROR unless user may use the server and has a mapping for it. */
static UserMapping *
check_access(ForeignServer *server, Oid user)
{
	UserMapping *mapping;

	cdc_server_check_wrapper(server, CDC_MYSQL_FDW, "host");
	cdc_server_check_usage(server, user);
	mapping = cdc_server_user_mapping(server, user);
	if (mapping == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no user mapping of role \"%s\" for server \"%s\"",
						CDC_USER_NAME(user), server->servername),
				 errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (user '...', password '...');",
						 quote_identifier(CDC_USER_NAME(user)),
						 quote_identifier(server->servername))));
	cdc_server_check_mysql_identity(server, mapping, user);
	return mapping;
}

static CdcSource *
new_source(const char *server_name, const CdcMysqlOptions *options)
{
	CdcSource  *source = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcSource));

	source->server = MemoryContextStrdup(TopMemoryContext, server_name);
	cdc_resource_add(&sources, &source->resource, SOURCE_FDS);
	source->session = cdc_session_create(options, READ_AHEAD_BYTES);
	if (source->session == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a thread for the connection to server \"%s\"", server_name)));
	return source;
}

char *
cdc_source_identity(const char *server_name, Oid user)
{
	ForeignServer *server = GetForeignServerByName(server_name, false);
	UserMapping *mapping = check_access(server, user);

	return psprintf("%u %s %s", server->serverid, nodeToString(server->options),
					nodeToString(mapping->options));
}

/* Which of a server's hosts a session goes to. */
typedef struct Host
{
	const char *address;		/* preferred; NULL: any */
	bool		only;			/* to that one or to none */
} Host;

/* Starts to connect; what is wrong on our side is an ERROR. */
static CdcSource *
start_open(const char *server_name, Oid user, Host host)
{
	ForeignServer *server = GetForeignServerByName(server_name, false);
	UserMapping *mapping = check_access(server, user);
	CdcMysqlOptions options;
	CdcSource  *source;

	cdc_mysql_options_read(server->options, mapping->options, &options);
	options.prefer = host.address;
	options.only_prefer = host.only && options.unix_socket == NULL;
	source = new_source(server->servername, &options);
	source->user = user;
	source->asking = true;
	cdc_session_connect(source->session);
	return source;
}

static CdcStatus
try_open_at(const char *server_name, Oid user, Host host, bool long_lived, CdcSource **result,
			CdcError *err)
{
	CdcSource  *source = start_open(server_name, user, host);
	CdcStatus	st;

	*result = NULL;
	while ((st = cdc_session_poll(source->session, err)) == CDC_MORE)
		(void) cdc_source_wait(source, -1);
	source->asking = false;
	if (cdc_failed(st))
	{
		cdc_resource_free(&sources, &source->resource);
		return st;
	}
	if (long_lived)
		source->resource.owner = NULL;
	*result = source;
	return CDC_OK;
}

CdcSource *
cdc_source_begin_open(const char *server, Oid user)
{
	Host		any = {NULL, false};
	CdcSource  *source = start_open(server, user, any);

	source->resource.owner = NULL;
	return source;
}

CdcStatus
cdc_source_poll_open(CdcSource *source, int wait_ms, CdcError *err)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);
	CdcStatus	st;
	int64		left;

	while ((st = cdc_session_poll(source->session, err)) == CDC_MORE &&
		   (left = (until - GetCurrentTimestamp()) / 1000) > 0)
		(void) cdc_source_wait(source, (long) left);
	source->asking = st == CDC_MORE;
	source->broken = cdc_failed(st);
	return st;
}

CdcStatus
cdc_source_try_open(const char *server, Oid user, bool long_lived, CdcSource **source,
					CdcError *err)
{
	Host		any = {NULL, false};

	return try_open_at(server, user, any, long_lived, source, err);
}

CdcStatus
cdc_source_try_open_at(const char *server, Oid user, const char *address, bool long_lived,
					   CdcSource **source, CdcError *err)
{
	Host		host = {address, true};

	return try_open_at(server, user, host, long_lived, source, err);
}

CdcSource *
cdc_source_open_at(const char *server, Oid user, const char *address, bool only, bool long_lived)
{
	Host		host = {address, only};
	CdcSource  *source;
	CdcError	err;

	if (cdc_failed(try_open_at(server, user, host, long_lived, &source, &err)))
		cdc_ereport(&err, NULL);
	return source;
}

CdcSource *
cdc_source_open(const char *server, Oid user, bool long_lived)
{
	return cdc_source_open_at(server, user, NULL, false, long_lived);
}

CdcSession *
cdc_source_session(CdcSource *source)
{
	return source->session;
}

const CdcMysqlServerInfo *
cdc_source_info(CdcSource *source)
{
	return cdc_session_info(source->session);
}

const char *
cdc_source_server(CdcSource *source)
{
	return source->server;
}

bool
cdc_source_usable(CdcSource *source)
{
	return !source->asking && !source->broken;
}

/* From malloc'ed to palloc'ed, so that an ERROR in between leaks nothing. */
static CdcRows *
palloc_rows(const CdcRows *rows)
{
	int64		ncells = rows->ncolumns + rows->nrows * rows->ncolumns;
	const CdcString *from = rows->names;	/* the cells follow the names */
	CdcRows    *copy = palloc0(sizeof(CdcRows));
	Size		bytes = ncells * sizeof(CdcString);
	char	   *at;
	int64		i;

	for (i = 0; i < ncells; i++)
		bytes += from[i].data != NULL ? from[i].len + 1 : 0;
	copy->ncolumns = rows->ncolumns;
	copy->nrows = rows->nrows;
	copy->short_rows = rows->short_rows;
	copy->names = MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 1));
	copy->cells = copy->names + rows->ncolumns;
	at = (char *) (copy->names + ncells);
	for (i = 0; i < ncells; i++)
	{
		copy->names[i].data = NULL;
		copy->names[i].len = 0;
		if (from[i].data == NULL)
			continue;
		memcpy(at, from[i].data, from[i].len + 1);
		copy->names[i].data = at;
		copy->names[i].len = from[i].len;
		at += from[i].len + 1;
	}
	return copy;
}

/* The copy; the original is freed in any case. */
static CdcRows *
take_rows(CdcRows *answer)
{
	CdcRows    *volatile rows = NULL;

	PG_TRY();
	{
		rows = palloc_rows(answer);
	}
	PG_CATCH();
	{
		cdc_rows_free(answer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_rows_free(answer);
	return rows;
}

/* Whether the server's list of connections has the id with a statement in work. */
static bool
works_on_statement(CdcSource *witness, uint64 id)
{
	CdcRows    *rows;
	CdcError	err;
	int64		i;

	if (cdc_failed(cdc_source_try_query(witness, NULL, "SHOW PROCESSLIST", &rows, &err)) || rows == NULL)
		return false;
	for (i = 0; i < rows->nrows && rows->ncolumns > 4; i++)
	{
		const char *its_id = cdc_rows_cell(rows, i, 0)->data;
		const char *command = cdc_rows_cell(rows, i, 4)->data;

		if (its_id != NULL && command != NULL && strtoull(its_id, NULL, 10) == id)
			return pg_strcasecmp(command, "Sleep") != 0;
	}
	return false;
}

bool
cdc_source_is_busy(CdcSource *source)
{
	static bool asking_witness = false;
	CdcSource  *witness;
	CdcError	err;
	volatile bool busy = false; /* set between setjmp and longjmp */

	if (!cdc_session_overdue(source->session) || asking_witness)
		return false;
	asking_witness = true;
	PG_TRY();
	{
		Host		same = {cdc_source_info(source)->address, true};

		if (try_open_at(source->server, source->user, same, false, &witness, &err) == CDC_OK)
		{
			busy = works_on_statement(witness, cdc_source_info(source)->connection_id);
			cdc_source_close(witness);
		}
	}
	PG_CATCH();
	{
		asking_witness = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	asking_witness = false;
	if (busy)
		cdc_session_extend(source->session);
	return busy;
}

CdcStatus
cdc_source_try_query(CdcSource *source, const char *asked, const char *sql, CdcRows **rows,
					 CdcError *err)
{
	CdcRows    *answer = NULL;
	CdcStatus	st;

	*rows = NULL;
	if (!cdc_source_usable(source))
	{
		cdc_error(err, CDC_ERR_CONNECT, "the connection to server \"%s\" cannot be used any more",
				  source->server);
		return CDC_ERR_CONNECT;
	}
	source->asking = true;
	cdc_session_query(source->session, asked, sql);
	while ((st = cdc_session_poll_query(source->session, &answer, err)) == CDC_MORE ||
		   cdc_source_is_busy(source))
		(void) cdc_source_wait(source, -1);
	source->asking = false;
	if (st == CDC_ERR_CONNECT || st == CDC_ERR_CORRUPT || st == CDC_ERR_PROTOCOL ||
		st == CDC_ERR_LIMIT || st == CDC_ERR_NOMEM)
		source->broken = true;
	if (cdc_failed(st) || answer == NULL)
		return st;

	*rows = take_rows(answer);
	return st;
}

bool
cdc_source_alive(CdcSource *source)
{
	CdcRows    *rows;
	CdcError	err;

	return cdc_source_try_query(source, NULL, "DO 0", &rows, &err) == CDC_OK;
}

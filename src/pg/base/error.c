/*-------------------------------------------------------------------------
 *
 * error.c
 *	  The one place where errors of the pure layers become errors of
 *	  PostgreSQL, and where errors are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/error.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/interrupt.h"
#include "pg/base/utf8.h"

/* The SQLSTATE that a status stands for. */
static int
sqlstate_of_status(CdcStatus status)
{
	switch (status)
	{
		case CDC_ERR_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case CDC_ERR_UNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case CDC_ERR_SCHEMA:
			return ERRCODE_DATATYPE_MISMATCH;
		case CDC_ERR_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case CDC_ERR_NOMEM:
			return ERRCODE_OUT_OF_MEMORY;
		case CDC_ERR_VALUE:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case CDC_ERR_SYNTAX:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
		case CDC_ERR_CONNECT:
			return ERRCODE_CONNECTION_FAILURE;
		case CDC_ERR_PROTOCOL:
			return ERRCODE_PROTOCOL_VIOLATION;
		case CDC_ERR_AUTH:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case CDC_ERR_PRIVILEGE:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case CDC_ERR_PURGED:
		case CDC_ERR_UNLOGGED:
		case CDC_ERR_CONFIG:
			return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
		case CDC_ERR_SERVER_ID:
			return CDC_ERRCODE_SERVER_ID;
		case CDC_ERR_SOURCE:
			return ERRCODE_FDW_ERROR;
		case CDC_ERR_CANCELLED:
			return ERRCODE_QUERY_CANCELED;
		case CDC_OK:
		case CDC_MORE:
		case CDC_END:
		case CDC_ERR_INTERNAL:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

bool
cdc_sqlstate_is_passing(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('0', '8', '0', '0', '0'):	/* connection */
		case MAKE_SQLSTATE('2', '5', '0', '0', '0'):	/* transaction, e.g. a read-only one */
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* deadlock, serialization */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* memory, disk, connections */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancel, shutdown */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system calls */
			return true;
		case MAKE_SQLSTATE('X', 'X', '0', '0', '0'):
			/* corruption has to be mended, and is not the source table's */
			return sqlstate == ERRCODE_DATA_CORRUPTED || sqlstate == ERRCODE_INDEX_CORRUPTED;
		default:
			return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_OBJECT_IN_USE ||
				sqlstate == ERRCODE_FDW_ERROR || sqlstate == CDC_ERRCODE_SERVER_ID;
	}
}

/*
 * A text in the database's encoding.  It may end inside a character, where it
 * was cut to its buffer's size, or hold bytes that the source sent: reporting an
 * error must not fail by itself, and do nothing to a terminal.
 */
static char *
shown(const char *utf8)
{
	Size		size = strlen(utf8) + 1;

	return cdc_from_utf8_lenient(cdc_clean_lines(palloc(size), size, utf8));
}

/* Where in the source the error happened, for its context; NULL: not known. */
static char *
error_context_text(const CdcError *err, const char *subscription)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (subscription != NULL)
		appendStringInfo(&buf, "subscription \"%s\"", subscription);
	if (err->file[0] != '\0')
		appendStringInfo(&buf, "%sposition %s:" UINT64_FORMAT, buf.len > 0 ? ", " : "",
						 shown(err->file), (uint64) err->offset);
	if (err->table[0] != '\0')
		appendStringInfo(&buf, "%ssource table %s", buf.len > 0 ? ", " : "",
						 shown(err->table));
	if (err->column[0] != '\0')
		appendStringInfo(&buf, "%scolumn \"%s\"", buf.len > 0 ? ", " : "",
						 shown(err->column));
	return buf.len > 0 ? buf.data : NULL;
}

void
cdc_ereport(const CdcError *err, const char *subscription)
{
	const char *message = err->message[0] != '\0' ? shown(err->message) : "unknown error";
	const char *detail = err->detail[0] != '\0' ? shown(err->detail) : NULL;
	const char *hint = err->hint[0] != '\0' ? shown(err->hint) : NULL;
	const char *context = error_context_text(err, subscription);

	ereport(ERROR,
			(errcode(sqlstate_of_status(err->status)),
			 errmsg("%s", message),
			 detail ? errdetail("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 context ? errcontext("%s", context) : 0));
	pg_unreachable();
}

ErrorData *
cdc_attempt(CdcAttempt act, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		if (act(arg))
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *
cdc_attempt_lasting(CdcAttempt act, void *arg)
{
	ErrorData  *error = cdc_attempt(act, arg);

	/* only now: the subtransaction must not be left open to whoever catches it */
	if (error != NULL && cdc_sqlstate_is_passing(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

void
cdc_out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
cdc_interrupts_init(void)
{
	cdc_interrupt_hook = check_interrupts;
}

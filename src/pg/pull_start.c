/*-------------------------------------------------------------------------
 *
 * pull_start.c
 *	  Where a subscription begins that was never pulled.
 *
 * start_position is one of
 *
 *	  NULL					the source's present position
 *	  'earliest'			the oldest binlog that the source still has
 *	  'binlog.000003'		the start of that file
 *	  'binlog.000003:120'	behind that offset
 *	  a GTID set			behind these transactions
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_internal.h"

#include "utils/builtins.h"

#include "pg/error.h"

bool
cdc_position_parse(const char *text, char **file, int64 *offset)
{
	size_t		len;
	int64_t		value;

	if (!cdc_binlog_position_parse(text, &len, &value))
		return false;
	*file = pnstrdup(text, len);
	*offset = value;
	return true;
}

static const char *
first_cell(const CdcRows *rows)
{
	return rows != NULL && rows->nrows > 0 && rows->ncolumns > 0 ? rows->cells[0].data : NULL;
}

/* Whether the source has GTIDs that a dump can start by. */
static bool
has_gtids(CdcSource *control)
{
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	return now.gtid_set != NULL;
}

/*
 * The GTID set that a file begins with, from the event that the server writes
 * at its start.
 */
static char *
mysql_previous_gtids(CdcSource *control, const char *file)
{
	CdcRows    *rows = cdc_source_query(control, "SHOW BINLOG EVENTS IN %s LIMIT 3",
										cdc_source_quote_literal(file));
	int64		i;

	for (i = 0; rows != NULL && rows->nrows > i; i++)
	{
		/* Log_name Pos Event_type Server_id End_log_pos Info */
		const CdcString *type = cdc_rows_cell(rows, i, 2);
		const CdcString *info = cdc_rows_cell(rows, i, 5);

		if (type->data != NULL && strcmp(type->data, "Previous_gtids") == 0)
			return pstrdup(info->data != NULL ? info->data : "");
	}
	return NULL;
}

/* The same of MariaDB. */
static char *
mariadb_gtid_pos(CdcSource *control, const char *file)
{
	CdcRows    *rows = cdc_source_query(control, "SELECT BINLOG_GTID_POS(%s, %d)",
										cdc_source_quote_literal(file), CDC_PULL_FIRST_OFFSET);

	return first_cell(rows) != NULL ? pstrdup(first_cell(rows)) : NULL;
}

/*
 * Starts at file:offset.  The GTIDs before the file are found out, so that later
 * connections can go by GTID.  The stream begins with the file and leaves out
 * what ends up to the offset: that may lie inside of a transaction, and for the
 * start of a file every server tells the GTIDs.
 */
static void
start_at_file(CdcPullCall *call, CdcSource *control, CdcPullStream *stream,
			  const char *file, int64 offset)
{
	CdcPosition *pos = &call->pos;

	pos->file = pstrdup(file);
	pos->file_offset = CDC_PULL_FIRST_OFFSET;
	pos->gtid_set = NULL;
	if (has_gtids(control))
		pos->gtid_set = cdc_source_info(control)->flavor == CDC_MARIADB ?
			mariadb_gtid_pos(control, file) : mysql_previous_gtids(control, file);
	if (offset > CDC_PULL_FIRST_OFFSET)
	{
		stream->skip_file = MemoryContextStrdup(stream->context, file);
		stream->skip_offset = offset;
	}
}

/* Whether the source has been where the set says. */
static bool
source_contains(CdcFlavor flavor, const char *source_set, const char *text)
{
	CdcGtidSet *have = cdc_gtid_set_create(flavor);
	CdcGtidSet *wanted = cdc_gtid_set_create(flavor);
	CdcError	err;
	bool		result = have != NULL && wanted != NULL &&
		cdc_gtid_set_parse(have, source_set, &err) == CDC_OK &&
		cdc_gtid_set_parse(wanted, text, &err) == CDC_OK &&
		cdc_gtid_set_contains(have, wanted);

	cdc_gtid_set_destroy(have);
	cdc_gtid_set_destroy(wanted);
	return result;
}

static void
start_at_gtid_set(CdcPullCall *call, CdcSource *control, const char *text)
{
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	if (now.gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" has no GTIDs to start by", call->sub->name),
				 errhint("Set gtid_mode=ON there, or start at a file and offset.")));
	if (!source_contains(cdc_source_info(control)->flavor, now.gtid_set, text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start_position \"%s\" of subscription \"%s\" is ahead of the source",
						text, call->sub->name),
				 errdetail("The source stands at \"%s\".", now.gtid_set),
				 errhint("Start at a GTID set that the source has had.")));
	call->pos.gtid_set = pstrdup(text);
	/* the server finds the file; until it says so this one stands for it */
	call->pos.file = now.file;
	call->pos.file_offset = CDC_PULL_FIRST_OFFSET;
}

static void
start_earliest(CdcPullCall *call, CdcSource *control, CdcPullStream *stream)
{
	CdcRows    *rows = cdc_source_query(control, "SHOW BINARY LOGS");

	if (first_cell(rows) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" has no binlog", call->sub->name)));
	start_at_file(call, control, stream, first_cell(rows), CDC_PULL_FIRST_OFFSET);
}

/* Whether text is a GTID set of the source's flavour. */
static bool
is_gtid_set(CdcFlavor flavor, const char *text)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;
	bool		ok;

	if (set == NULL)
		cdc_out_of_memory();
	ok = cdc_gtid_set_parse(set, text, &err) == CDC_OK && !cdc_gtid_set_empty(set);
	cdc_gtid_set_destroy(set);
	return ok;
}

/* Whether the source has the file, and the offset lies in it. */
static bool
in_binlog(CdcSource *control, const char *name, int64 offset)
{
	CdcRows    *rows = cdc_source_query(control, "SHOW BINARY LOGS");
	int64		i;

	for (i = 0; rows != NULL && i < rows->nrows; i++)
	{
		/* Log_name File_size */
		if (strcmp(cdc_rows_cell(rows, i, 0)->data, name) == 0)
			return offset <= strtoll(cdc_rows_cell(rows, i, 1)->data, NULL, 10);
	}
	return false;
}

void
cdc_pull_start(CdcPullCall *call, CdcSource *control, CdcPullStream *stream)
{
	const char *start = call->sub->start_position;
	const CdcMysqlServerInfo *info = cdc_source_info(control);
	char	   *file;
	int64		offset;

	if (start == NULL && cdc_copy_pending(call->sub))
		cdc_copy_run(call, stream, true);
	else if (start == NULL)
	{
		CdcSourcePosition now;

		cdc_source_position(control, &now);
		call->pos.file = now.file;
		call->pos.file_offset = now.offset;
		call->pos.gtid_set = now.gtid_set;
	}
	else if (strcmp(start, "earliest") == 0)
		start_earliest(call, control, stream);
	else if (is_gtid_set(info->flavor, start))
		start_at_gtid_set(call, control, start);
	else if (cdc_position_parse(start, &file, &offset) && in_binlog(control, file, offset))
		start_at_file(call, control, stream, file, offset);
	else if (in_binlog(control, start, CDC_PULL_FIRST_OFFSET))
		start_at_file(call, control, stream, start, CDC_PULL_FIRST_OFFSET);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start_position \"%s\" of subscription \"%s\" is not a place in the source's binlog",
						start, call->sub->name),
				 errhint("Use 'earliest', a file and offset such as 'binlog.000001:4' that SHOW BINARY LOGS has, or a GTID set.")));
	/* behind the start's position: what is prepared later comes with the stream */
	if (start == NULL)
		cdc_pull_xa_recover(call, stream);
	call->pos.source_uuid = pstrdup(info->server_uuid);
}

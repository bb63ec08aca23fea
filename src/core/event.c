/*-------------------------------------------------------------------------
 *
 * event.c
 *	  Writes changes as events in Maxwell's JSON format (event.h has the
 *	  fields; Maxwell's own are in its documentation, "Data Format").
 *
 * Sinks return a bare status; write_failed() makes an error report of it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/arena.h"
#include "core/base64.h"
#include "core/event_internal.h"

#include <math.h>
#include <string.h>

const CdcEventOptions cdc_event_defaults = {
	.position = true,
	.gtid = true,
	.server_id = false,
	.thread_id = false,
	.primary_key = false,
	.primary_key_columns = false,
	.xoffset = true,
	.commit_info = true,
	.nulls = true,
	.null_zerodates = false,
	.push_timestamp = false,
	.row_query = false,
	.ddl = true
};

static CdcStatus
write_failed(CdcStatus st, CdcError *err)
{
	switch (st)
	{
		case CDC_OK:
			return CDC_OK;
		case CDC_ERR_NOMEM:
			return cdc_error(err, st, "out of memory for an event");
		case CDC_ERR_LIMIT:
			return cdc_error(err, st, "event is too large or too deeply nested");
		default:
			cdc_error(err, st, "event holds a value that JSON cannot have");
			cdc_error_hint(err, "The source's data are damaged there.");
			return st;
	}
}

static CdcStatus
emit_bytes(CdcSink *sink, CdcString s)
{
	char		small[1024];
	CdcBuf		large = {0};
	CdcStatus	st;
	size_t		len;

	if (s.len > SIZE_MAX / 4)
		return CDC_ERR_LIMIT;
	len = (s.len + 2) / 3 * 4;
	if (len <= sizeof(small))
	{
		len = cdc_base64((const uint8_t *) s.data, s.len, small);
		return sink->ops->string(sink, small, len);
	}
	if (!cdc_buf_reserve(&large, len))
		return CDC_ERR_NOMEM;
	len = cdc_base64((const uint8_t *) s.data, s.len, large.data);
	st = sink->ops->string(sink, large.data, len);
	cdc_buf_free(&large);
	return st;
}

CdcStatus
cdc_float_emit(CdcSink *sink, double d, bool float4)
{
	const char *text = isnan(d) ? "NaN" : d > 0 ? "Infinity" : d < 0 ? "-Infinity" : "-0";

	if (!isfinite(d) || (d == 0 && signbit(d)))
		return sink->ops->string(sink, text, strlen(text));
	if (float4)
		return sink->ops->float4(sink, (float) d);
	return sink->ops->float8(sink, d);
}

static CdcStatus
emit_set(CdcSink *sink, const CdcString *members, int nmembers)
{
	CdcStatus	st = sink->ops->begin_array(sink);

	for (int i = 0; st == CDC_OK && i < nmembers; i++)
		st = sink->ops->string(sink, members[i].data, members[i].len);
	return st == CDC_OK ? sink->ops->end_array(sink) : st;
}

static CdcStatus
emit_temporal(CdcSink *sink, const CdcValue *value)
{
	char		text[CDC_TEMPORAL_TEXT];
	size_t		len = cdc_temporal_text(value->kind, &value->u.t, text);

	return sink->ops->string(sink, text, len);
}

CdcStatus
cdc_value_emit(CdcSink *sink, const CdcValue *value, CdcError *err)
{
	CdcStatus	st = CDC_ERR_INTERNAL;

	switch (value->kind)
	{
		case CDC_ABSENT:
			break;
		case CDC_NULL:
			st = sink->ops->null(sink);
			break;
		case CDC_INT:
			st = sink->ops->int64(sink, value->u.i);
			break;
		case CDC_UINT:
			st = sink->ops->uint64(sink, value->u.u);
			break;
		case CDC_FLOAT:
		case CDC_DOUBLE:
			st = cdc_float_emit(sink, value->u.d, value->kind == CDC_FLOAT);
			break;
		case CDC_DECIMAL:
			st = sink->ops->decimal(sink, value->u.s.data, value->u.s.len);
			break;
		case CDC_TEXT:
			st = sink->ops->string(sink, value->u.s.data, value->u.s.len);
			break;
		case CDC_BYTES:
			st = emit_bytes(sink, value->u.s);
			break;
		case CDC_DATE:
		case CDC_TIME:
		case CDC_DATETIME:
		case CDC_TIMESTAMP:
			st = emit_temporal(sink, value);
			break;
		case CDC_SET:
			st = emit_set(sink, value->u.set.members, value->u.set.nmembers);
			break;
		case CDC_JSON:
			/* reports its errors itself */
			return value->u.json.emit(value->u.json.data, value->u.json.len, sink, err);
	}
	return write_failed(st, err);
}

static bool
strings_equal(CdcString a, CdcString b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
cdc_value_equal(const CdcValue *a, const CdcValue *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind)
	{
		case CDC_ABSENT:
		case CDC_NULL:
			return true;
		case CDC_INT:
			return a->u.i == b->u.i;
		case CDC_UINT:
			return a->u.u == b->u.u;
		case CDC_FLOAT:
		case CDC_DOUBLE:
			return memcmp(&a->u.d, &b->u.d, sizeof(double)) == 0;
		case CDC_DECIMAL:
		case CDC_TEXT:
		case CDC_BYTES:
			return strings_equal(a->u.s, b->u.s);
		case CDC_DATE:
		case CDC_TIME:
		case CDC_DATETIME:
		case CDC_TIMESTAMP:
			return a->u.t.year == b->u.t.year && a->u.t.month == b->u.t.month &&
				a->u.t.day == b->u.t.day && a->u.t.hour == b->u.t.hour &&
				a->u.t.minute == b->u.t.minute && a->u.t.second == b->u.t.second &&
				a->u.t.micros == b->u.t.micros && a->u.t.negative == b->u.t.negative;
		case CDC_SET:
			if (a->u.set.nmembers != b->u.set.nmembers)
				return false;
			for (int i = 0; i < a->u.set.nmembers; i++)
			{
				if (!strings_equal(a->u.set.members[i], b->u.set.members[i]))
					return false;
			}
			return true;
		case CDC_JSON:
			return a->u.json.len == b->u.json.len && a->u.json.emit == b->u.json.emit &&
				(a->u.json.len == 0 ||
				 memcmp(a->u.json.data, b->u.json.data, a->u.json.len) == 0);
	}
	return false;
}

/*
 * The value that stands for column i in "data"; NULL where the event has none.
 * What an update's after image lacks has not changed: it is the value before,
 * where that image has it.  A MINIMAL update's before image has the key, or
 * every column of a table without one.
 */
static const CdcValue *
data_value(const CdcChange *change, int i)
{
	const CdcValue *image = change->after != NULL ? change->after : change->before;

	if (image == NULL)
		return NULL;
	if (image[i].kind != CDC_ABSENT)
		return &image[i];
	if (change->after != NULL && change->before != NULL &&
		change->before[i].kind != CDC_ABSENT)
		return &change->before[i];
	return NULL;
}

/* Whether a value comes out as NULL. */
static bool
is_null(const CdcEventOptions *options, const CdcValue *value)
{
	if (value->kind == CDC_NULL)
		return true;
	return options->null_zerodates &&
		(value->kind == CDC_DATE || value->kind == CDC_DATETIME || value->kind == CDC_TIMESTAMP) &&
		value->u.t.year == 0 && value->u.t.month == 0 && value->u.t.day == 0;
}

/* Names the column in an error about its value. */
static CdcStatus
emit_column(CdcSink *sink, const CdcEventOptions *options, const CdcTable *table, int i,
			const CdcValue *value, CdcError *err)
{
	CdcStatus	st = is_null(options, value) ? write_failed(sink->ops->null(sink), err) :
		cdc_value_emit(sink, value, err);

	if (cdc_failed(st))
		cdc_error_column(err, table->database, table->name, table->columns[i].name);
	return st;
}

static CdcStatus
write_data(CdcSink *sink, const CdcEventOptions *options, const CdcChange *change,
		   CdcError *err)
{
	const CdcTable *table = change->table;
	CdcStatus	st = cdc_put_key(sink, "data");

	if (st == CDC_OK)
		st = sink->ops->begin_object(sink);
	for (int i = 0; st == CDC_OK && i < table->ncolumns; i++)
	{
		const CdcValue *value = data_value(change, i);

		if (value == NULL || (!options->nulls && is_null(options, value)))
			continue;
		st = cdc_put_key(sink, table->columns[i].name);
		if (st != CDC_OK)
			break;
		st = emit_column(sink, options, table, i, value, err);
		if (st != CDC_OK)
			return st;
	}
	if (st == CDC_OK)
		st = sink->ops->end_object(sink);
	return write_failed(st, err);
}

static CdcStatus
write_old(CdcSink *sink, const CdcEventOptions *options, const CdcChange *change,
		  CdcError *err)
{
	const CdcTable *table = change->table;
	CdcStatus	st = CDC_OK;
	bool		open = false;	/* Maxwell has no "old" where it would be empty */

	for (int i = 0; st == CDC_OK && i < table->ncolumns; i++)
	{
		const CdcValue *before = &change->before[i];
		const CdcValue *after = &change->after[i];

		if (before->kind == CDC_ABSENT || after->kind == CDC_ABSENT ||
			cdc_value_equal(before, after))
			continue;			/* NULL is told here whatever the options say */
		if (!open)
		{
			st = cdc_put_key(sink, "old");
			if (st == CDC_OK)
				st = sink->ops->begin_object(sink);
			open = true;
		}
		if (st == CDC_OK)
			st = cdc_put_key(sink, table->columns[i].name);
		if (st != CDC_OK)
			break;
		st = emit_column(sink, options, table, i, before, err);
		if (st != CDC_OK)
			return st;
	}
	if (st == CDC_OK && open)
		st = sink->ops->end_object(sink);
	return write_failed(st, err);
}

/* Whether the value before of column i is not told, though the value after is. */
static bool
lacks_former(const CdcChange *change, int i)
{
	return change->before[i].kind == CDC_ABSENT && change->after[i].kind != CDC_ABSENT &&
		!change->table->columns[i].generated;
}

/* "old_absent": the columns of an update's row whose values before nobody tells. */
static CdcStatus
write_old_absent(CdcSink *sink, const CdcChange *change, CdcError *err)
{
	const CdcTable *table = change->table;
	CdcStatus	st = CDC_OK;
	bool		open = false;

	for (int i = 0; st == CDC_OK && i < table->ncolumns; i++)
	{
		const char *name = table->columns[i].name;

		if (!lacks_former(change, i))
			continue;
		if (!open)
		{
			st = cdc_put_key(sink, "old_absent");
			if (st == CDC_OK)
				st = sink->ops->begin_array(sink);
			open = true;
		}
		if (st == CDC_OK)
			st = sink->ops->string(sink, name, strlen(name));
	}
	if (st == CDC_OK && open)
		st = sink->ops->end_array(sink);
	return write_failed(st, err);
}

/* "absent": the columns that a new row's image left to their defaults. */
static CdcStatus
write_absent(CdcSink *sink, const CdcChange *change, CdcError *err)
{
	const CdcTable *table = change->table;
	CdcStatus	st = cdc_put_key(sink, "absent");

	if (st == CDC_OK)
		st = sink->ops->begin_array(sink);
	for (int i = 0; st == CDC_OK && i < table->ncolumns; i++)
	{
		const char *name = table->columns[i].name;

		if (change->absent[i])
			st = sink->ops->string(sink, name, strlen(name));
	}
	if (st == CDC_OK)
		st = sink->ops->end_array(sink);
	return write_failed(st, err);
}

/* "primary_key": values, or "primary_key_columns": names */
static CdcStatus
write_primary_key(CdcSink *sink, const CdcEventOptions *options, const CdcChange *change,
				  bool values, CdcError *err)
{
	const CdcTable *table = change->table;
	CdcStatus	st = cdc_put_key(sink, values ? "primary_key" : "primary_key_columns");

	if (st == CDC_OK)
		st = sink->ops->begin_array(sink);
	for (int i = 0; st == CDC_OK && i < table->npk; i++)
	{
		int			column = table->pk[i];
		const CdcValue *value = values ? data_value(change, column) : NULL;

		if (!values)
			st = sink->ops->string(sink, table->columns[column].name,
								   strlen(table->columns[column].name));
		else if (value == NULL)
			st = sink->ops->null(sink);
		else
		{
			st = emit_column(sink, options, table, column, value, err);
			if (st != CDC_OK)
				return st;
		}
	}
	if (st == CDC_OK)
		st = sink->ops->end_array(sink);
	return write_failed(st, err);
}

/* What an event that frames copied rows says of the copy. */
static CdcStatus
write_mark(CdcSink *sink, const CdcCopyMark *mark)
{
	CdcStatus	st = mark->rows != 0 ? cdc_put_int64(sink, "rows", mark->rows) : CDC_OK;

	if (st == CDC_OK && mark->replaces)
	{
		st = cdc_put_key(sink, "replaces");
		if (st == CDC_OK)
			st = sink->ops->boolean(sink, true);
	}
	if (st == CDC_OK && mark->gone != NULL)
		st = cdc_put_text(sink, "gone", mark->gone);
	if (st == CDC_OK && mark->keys != NULL)
		st = cdc_put_text(sink, "keys", mark->keys);
	if (st == CDC_OK && mark->begin_seq != 0 && (mark->replaces || mark->gone != NULL))
		st = cdc_put_int64(sink, "begin_seq", mark->begin_seq);
	return st;
}

static CdcStatus
write_control(CdcSink *sink, const CdcEventOptions *options, const CdcTransaction *txn,
			  const CdcChange *change)
{
	CdcString	database = change->database;
	CdcStatus	st;

	if (change->table != NULL)
	{
		database.data = change->table->database;
		database.len = strlen(database.data);
	}
	st = cdc_event_names(sink, database, change->table != NULL ? change->table->name : "",
					 change->sql.data, change->sql.len);
	if (st == CDC_OK)
		st = cdc_event_transaction(sink, options, txn, change);
	if (st == CDC_OK)
		st = cdc_put_key(sink, "data");
	if (st == CDC_OK)
		st = sink->ops->begin_object(sink);
	if (st == CDC_OK && change->copy != NULL)
		st = write_mark(sink, change->copy);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

static CdcStatus
write_row(CdcSink *sink, const CdcEventOptions *options, const CdcTransaction *txn,
		  const CdcChange *change, CdcError *err)
{
	const CdcTable *table = change->table;
	const char *type = change->op == CDC_OP_INSERT ? "insert" :
		change->op == CDC_OP_UPDATE ? "update" :
		change->op == CDC_OP_DELETE ? "delete" : "bootstrap-insert";
	CdcStatus	st;

	if (options->data_only)
		return write_data(sink, options, change, err);
	st = cdc_put_text(sink, "database", table->database);
	if (st == CDC_OK)
		st = cdc_put_text(sink, "table", table->name);
	if (st == CDC_OK && options->row_query && change->query.data != NULL)
		st = cdc_put_string(sink, "query", change->query.data, change->query.len);
	if (st == CDC_OK)
		st = cdc_put_text(sink, "type", type);
	if (st == CDC_OK)
		st = cdc_event_transaction(sink, options, txn, change);
	if (st != CDC_OK)
		return write_failed(st, err);

	/* these report their errors themselves */
	if (options->primary_key)
		st = write_primary_key(sink, options, change, true, err);
	if (st == CDC_OK && options->primary_key_columns)
		st = write_primary_key(sink, options, change, false, err);
	if (st == CDC_OK)
		st = write_data(sink, options, change, err);
	if (st == CDC_OK && change->before != NULL && change->after != NULL)
		st = write_old(sink, options, change, err);
	if (st == CDC_OK && change->before != NULL && change->after != NULL)
		st = write_old_absent(sink, change, err);
	if (st == CDC_OK && change->absent != NULL)
		st = write_absent(sink, change, err);
	return st;
}

CdcStatus
cdc_event_keys_begin(CdcSink *sink, CdcError *err)
{
	return write_failed(sink->ops->begin_array(sink), err);
}

CdcStatus
cdc_event_keys_end(CdcSink *sink, CdcError *err)
{
	return write_failed(sink->ops->end_array(sink), err);
}

CdcStatus
cdc_event_key(CdcSink *sink, const CdcEventOptions *options, const CdcTable *table,
			  const CdcValue *row, CdcError *err)
{
	CdcStatus	st = sink->ops->begin_object(sink);

	for (int i = 0; st == CDC_OK && i < table->npk; i++)
	{
		st = cdc_put_key(sink, table->columns[table->pk[i]].name);
		if (st != CDC_OK)
			break;
		st = emit_column(sink, options, table, table->pk[i], &row[table->pk[i]], err);
		if (st != CDC_OK)
			return st;
	}
	if (st == CDC_OK)
		st = sink->ops->end_object(sink);
	return write_failed(st, err);
}

CdcStatus
cdc_event_open(CdcSink *sink, const CdcEventOptions *options, const CdcTransaction *txn,
			   const CdcChange *change, int64_t xoffset, CdcError *err)
{
	CdcStatus	st = sink->ops->begin_object(sink);

	(void) xoffset;				/* Maxwell has it only where commit is not: see close */
	if (st != CDC_OK)
		return write_failed(st, err);
	switch (change->op)
	{
		case CDC_OP_INSERT:
		case CDC_OP_UPDATE:
		case CDC_OP_DELETE:
		case CDC_OP_SNAPSHOT:
			if (change->table == NULL || (change->before == NULL && change->after == NULL))
				return cdc_error(err, CDC_ERR_INTERNAL, "row change without a table or row");
			return write_row(sink, options, txn, change, err);
		case CDC_OP_TRUNCATE:
		case CDC_OP_SCHEMA:
			return write_failed(cdc_event_ddl(sink, options, txn, change), err);
		case CDC_OP_CONTROL:
			return write_failed(write_control(sink, options, txn, change), err);
	}
	return cdc_error(err, CDC_ERR_INTERNAL, "unknown kind of change %d", (int) change->op);
}

CdcStatus
cdc_event_close(CdcSink *sink, const CdcEventOptions *options, int64_t xoffset, bool last,
				CdcError *err)
{
	CdcStatus	st = CDC_OK;

	if (!options->commit_info || options->data_only)
		st = CDC_OK;
	else if (last)
	{
		st = cdc_put_key(sink, "commit");
		if (st == CDC_OK)
			st = sink->ops->boolean(sink, true);
	}
	else if (options->xoffset)
		st = cdc_put_int64(sink, "xoffset", xoffset);
	if (st == CDC_OK)
		st = sink->ops->end_object(sink);
	return write_failed(st, err);
}

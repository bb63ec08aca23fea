/*-------------------------------------------------------------------------
 *
 * member.c
 *	  The JSON object that a row of a foreign table with format 'json' is.
 *
 * What to write is worked out once, as a list of steps: literal text such as
 * {"a":{"b": between the values.  Columns whose paths begin with the same names
 * share an object, in the place of the first of them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/member.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/utf8.h"

/* row_to_json() of a row with the one column "f" */
#define ROW_PREFIX		"{\"f\":"

typedef struct Step
{
	char	   *text;			/* written before the value */
	const CdcKafkaColumn *column;	/* NULL: text only, the last step */
	bool		by_output;		/* text that is JSON, or needs only quotes */
	bool		quoted;
	FmgrInfo	output;
	TupleDesc	row;			/* for types that row_to_json() is asked about */
} Step;

struct CdcMemberWriter
{
	Step	   *steps;
	int			nsteps;
	StringInfoData pending;		/* literal text of the next step */
	StringInfoData buf;
};

static void
plan_value(Step *step)
{
	Oid			function;
	bool		varlena;

	switch (step->column->basetype)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case JSONOID:
		case JSONBOID:
			step->by_output = true;
			break;
		case TEXTOID:
		case VARCHAROID:
			step->by_output = step->quoted = true;
			break;
		default:
			step->row = CDC_CREATE_TUPLE_DESC(1);
			TupleDescInitEntry(step->row, 1, "f", step->column->typid, step->column->typmod, 0);
			step->row = BlessTupleDesc(step->row);
			return;
	}
	getTypeOutputInfo(step->column->basetype, &function, &varlena);
	fmgr_info(function, &step->output);
}

static void
plan_step(CdcMemberWriter *writer, const CdcKafkaColumn *column)
{
	Step	   *step = &writer->steps[writer->nsteps++];

	step->text = pstrdup(writer->pending.data);
	resetStringInfo(&writer->pending);
	step->column = column;
	if (column != NULL)
		plan_value(step);
}

static bool
same_prefix(const CdcKafkaColumn *a, const CdcKafkaColumn *b, int depth)
{
	int			i;

	if (a->npath <= depth || b->npath <= depth)
		return false;
	for (i = 0; i < depth; i++)
	{
		if (strcmp(a->path[i], b->path[i]) != 0)
			return false;
	}
	return true;
}

/* The members at path[depth] of all columns that share first's names before. */
static void
plan_object(CdcMemberWriter *writer, const CdcKafkaTable *table, bool *done,
			const CdcKafkaColumn *first, int depth)
{
	bool		comma = false;
	int			i;

	appendStringInfoChar(&writer->pending, '{');
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcKafkaColumn *c = &table->columns[i];

		if (done[i] || c->field != CDC_KAFKA_MEMBER ||
			(first != NULL && !same_prefix(first, c, depth)))
			continue;
		if (comma)
			appendStringInfoChar(&writer->pending, ',');
		comma = true;
		escape_json(&writer->pending, c->path[depth]);
		appendStringInfoChar(&writer->pending, ':');
		if (c->npath == depth + 1)
		{
			done[i] = true;
			plan_step(writer, c);
		}
		else
			plan_object(writer, table, done, c, depth + 1);
	}
	appendStringInfoChar(&writer->pending, '}');
}

CdcMemberWriter *
cdc_member_writer(const CdcKafkaTable *table)
{
	CdcMemberWriter *writer = palloc0(sizeof(CdcMemberWriter));
	bool	   *done = palloc0(Max(table->ncolumns, 1));

	initStringInfo(&writer->pending);
	initStringInfo(&writer->buf);
	writer->steps = palloc0(sizeof(Step) * (table->ncolumns + 1));
	plan_object(writer, table, done, NULL, 0);
	plan_step(writer, NULL);
	pfree(done);
	return writer;
}

/* json.c prints any type; what stands around it is cut off. */
static void
write_by_row(StringInfo buf, Step *step, Datum datum)
{
	bool		isnull = false;
	HeapTuple	tuple = heap_form_tuple(step->row, &datum, &isnull);
	Datum		json = DirectFunctionCall1(row_to_json, HeapTupleGetDatum(tuple));
	struct varlena *v = PG_DETOAST_DATUM_PACKED(json);
	int			skip = strlen(ROW_PREFIX);

	appendBinaryStringInfo(buf, VARDATA_ANY(v) + skip, VARSIZE_ANY_EXHDR(v) - skip - 1);
}

static void
write_value(StringInfo buf, Step *step, Datum datum)
{
	char	   *text;

	if (!step->by_output)
	{
		write_by_row(buf, step, datum);
		return;
	}
	text = OutputFunctionCall(&step->output, datum);
	if (step->quoted)
		escape_json(buf, text);
	else
		appendStringInfoString(buf, text);
}

const char *
cdc_member_write(CdcMemberWriter *writer, const Datum *values, const bool *isnull, size_t *len)
{
	bool		any = false;
	int			i;

	resetStringInfo(&writer->buf);
	for (i = 0; i < writer->nsteps; i++)
	{
		Step	   *step = &writer->steps[i];

		appendStringInfoString(&writer->buf, step->text);
		if (step->column == NULL)
			continue;
		if (isnull[step->column->attnum - 1])
		{
			appendStringInfoString(&writer->buf, "null");
			continue;
		}
		any = true;
		write_value(&writer->buf, step, values[step->column->attnum - 1]);
	}
	if (!any)
		return NULL;
	*len = (size_t) writer->buf.len;
	return cdc_to_utf8_n(writer->buf.data, len);
}

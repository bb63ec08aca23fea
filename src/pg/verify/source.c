/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Rows of the source as typed values of the target, by the way that rows of a
 *	  copy take; and comparing such values.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "core/event.h"
#include "core/json_text.h"
#include "pg/apply/apply.h"
#include "pg/base/error.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"
#include "pg/datum/jsonb_view.h"
#include "pg/target/key.h"

/* The event of a row, up to its end, into a sink. */
static void
emit(const CdcVerifyTable *t, const CdcChange *change, CdcSink *sink)
{
	CdcEventOptions options = {0};
	CdcTransaction txn = {0};
	CdcError	err;

	options.nulls = true;
	options.null_zerodates = t->verify->sub->opt.event.null_zerodates;
	CDC_CHECK(cdc_event_open(sink, &options, &txn, change, 0, &err), &err, t->verify->sub->name);
	CDC_CHECK(cdc_event_close(sink, &options, 0, true, &err), &err, t->verify->sub->name);
}

/* The event's text, where JSONB cannot hold it, without its NULs, as apply reads it. */
static const JsonbContainer *
without_nul(const CdcVerifyTable *t, const CdcChange *change)
{
	CdcJsonText text;
	char	   *copy;

	if (t->verify->sub->opt.nul_in_text == CDC_NUL_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("a text of source table \"%s\" contains the character NUL", t->source_table),
				 errhint("Set the subscription's option \"nul_in_text\" to \"strip\".")));
	cdc_json_text_init(&text);
	emit(t, change, &text.sink);
	copy = pnstrdup(text.buf.data, text.buf.len);
	cdc_json_text_free(&text);
	return cdc_event_without_nul(copy);
}

void
cdc_verify_read_row(CdcVerifyTable *t, const CdcValue *values)
{
	CdcJsonbWriter *writer = t->verify->jsonb;
	CdcSink    *sink = cdc_jsonb_writer_sink(writer);
	const JsonbContainer *event;
	CdcChange	change = {0};
	CdcJsonValue data;

	change.op = CDC_OP_SNAPSHOT;
	change.table = t->table;
	change.after = values;
	cdc_jsonb_writer_reset(writer);
	emit(t, &change, sink);
	event = sink->has_nul ? without_nul(t, &change) : &cdc_jsonb_writer_finish(writer)->root;
	if (!cdc_json_find(event, "data", 4, &data) || data.type != JENTRY_ISCONTAINER)
		elog(ERROR, "event of a row has no data");
	cdc_source_row_begin(&t->row, cdc_json_container(&data), PG_INT64_MAX);
	cdc_source_row_finish(&t->row);
}

/* ---- values ---- */

void
cdc_verify_hash_value(CdcHash128 *hash, const CdcTargetColumn *column, Datum value, bool isnull)
{
	if (isnull)
		cdc_hash128_word(hash, PG_UINT64_MAX);
	else if (column->byval)
		cdc_hash128_bytes(hash, &value, sizeof(value));
	else if (column->len == -1)
	{
		struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

		cdc_hash128_bytes(hash, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
		if ((Pointer) v != DatumGetPointer(value))
			pfree(v);
	}
	else
		cdc_hash128_bytes(hash, DatumGetPointer(value), datumGetSize(value, false, column->len));
}

CdcHash128
cdc_verify_hash_row(const CdcTarget *target, const Datum *values, const bool *nulls,
					const bool *attrs)
{
	CdcHash128	hash = CDC_HASH128_START;
	int			c;

	for (c = 0; c < target->ncolumns; c++)
	{
		int			at = target->columns[c].attnum - 1;

		if (attrs == NULL || attrs[at])
			cdc_verify_hash_value(&hash, &target->columns[c], values[at], nulls[at]);
	}
	return hash;
}

CdcHash128
cdc_verify_hash_key(const CdcTarget *target, const Datum *values, const bool *nulls)
{
	CdcHash128	hash = CDC_HASH128_START;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = &target->columns[target->key[i].column];

		cdc_verify_hash_value(&hash, column, values[column->attnum - 1], nulls[column->attnum - 1]);
	}
	return hash;
}

bool
cdc_verify_same_value(const CdcTargetColumn *column, Datum a, bool anull, Datum b, bool bnull)
{
	struct varlena *va;
	struct varlena *vb;
	bool		same;

	if (anull || bnull)
		return anull && bnull;
	if (column->len != -1)
		return datumIsEqual(a, b, column->byval, column->len);
	va = PG_DETOAST_DATUM_PACKED(a);
	vb = PG_DETOAST_DATUM_PACKED(b);
	same = VARSIZE_ANY_EXHDR(va) == VARSIZE_ANY_EXHDR(vb) &&
		memcmp(VARDATA_ANY(va), VARDATA_ANY(vb), VARSIZE_ANY_EXHDR(va)) == 0;
	if ((Pointer) va != DatumGetPointer(a))
		pfree(va);
	if ((Pointer) vb != DatumGetPointer(b))
		pfree(vb);
	return same;
}

int
cdc_verify_begin_texts(void)
{
	static const char *const settings[][2] = {
		{"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"lc_monetary", "C"},
		{"TimeZone", "UTC"}, {"extra_float_digits", "3"}, {"bytea_output", "hex"}
	};
	int			level = NewGUCNestLevel();
	size_t		i;

	for (i = 0; i < lengthof(settings); i++)
		CDC_SET_OPTION(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
	return level;
}

char *
cdc_verify_key_text(const CdcTarget *target, HeapTuple row)
{
	StringInfoData json;
	int			i;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		bool		isnull;
		Datum		value = heap_getattr(row, column->attnum, target->desc, &isnull);

		if (i > 0)
			appendStringInfoString(&json, ", ");
		escape_json(&json, column->name);
		appendStringInfoString(&json, ": ");
		if (isnull)
			appendStringInfoString(&json, "null");
		else
		{
			Oid			output;
			bool		varlena;
			char	   *text;

			getTypeOutputInfo(column->typid, &output, &varlena);
			text = OidOutputFunctionCall(output, value);
			if (column->basetype == INT2OID || column->basetype == INT4OID ||
				column->basetype == INT8OID)
				appendStringInfoString(&json, text);
			else
				escape_json(&json, text);
		}
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

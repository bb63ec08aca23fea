/*-------------------------------------------------------------------------
 *
 * json_text_in.c
 *	  JSON text to JSONB: the parser of core/json_parse.c in front of the
 *	  writer of jsonb_writer.c.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/json_text_in.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/json_parse.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/datum/jsonb_writer_internal.h"

const Jsonb *
cdc_jsonb_from_text(CdcJsonbWriter *writer, const char *text, size_t len, CdcError *err)
{
	CdcStatus	st;

	cdc_jsonb_writer_reset(writer);
	writer->soft = true;
	writer->problem[0] = '\0';
	st = cdc_json_parse((const uint8_t *) text, len, &writer->sink, err);
	if (!cdc_failed(st))
		return cdc_jsonb_writer_finish(writer);
	if (writer->problem[0] != '\0')
		cdc_error_detail(err, "%s.", writer->problem);
	return NULL;
}

/*
 * cdc._jsonb_parse(document, expected): for the comparison with jsonb's input
 * function in sql/jsonb_parse.sql; ERROR where expected, unless it is NULL,
 * has another stored form.
 */
PG_FUNCTION_INFO_V1(cdc_jsonb_parse);

Datum
cdc_jsonb_parse(PG_FUNCTION_ARGS)
{
	static CdcJsonbWriter *writer = NULL;	/* kept: shapes are remembered */
	bytea	   *text;
	const Jsonb *built;
	Jsonb	   *result;
	CdcError	err;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	text = PG_GETARG_BYTEA_PP(0);
	if (writer == NULL)
		writer = cdc_jsonb_writer_create(TopMemoryContext);
	built = cdc_jsonb_from_text(writer, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text), &err);
	if (built == NULL)
		cdc_ereport(&err, NULL);
	if (!PG_ARGISNULL(1))
	{
		const Jsonb *expected = PG_GETARG_JSONB_P(1);

		if (VARSIZE(built) != VARSIZE(expected) ||
			memcmp(VARDATA(built), VARDATA(expected), VARSIZE(expected) - VARHDRSZ) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("parsed document differs in its stored form")));
	}
	result = palloc(VARSIZE(built));
	memcpy(result, built, VARSIZE(built));
	PG_RETURN_POINTER(result);
}

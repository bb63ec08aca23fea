/*-------------------------------------------------------------------------
 *
 * json_text_in.c
 *	  JSON text to JSONB: the parser of core/json_parse.c in front of the
 *	  writer of pg/jsonb_writer.c.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/json_text_in.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/json_parse.h"
#include "pg/error.h"

const Jsonb *
cdc_jsonb_from_text(CdcJsonbWriter *writer, const char *text, size_t len, CdcError *err)
{
	CdcStatus	st;

	cdc_jsonb_writer_reset(writer);
	st = cdc_json_parse((const uint8_t *) text, len, cdc_jsonb_writer_sink(writer), err);
	return cdc_failed(st) ? NULL : cdc_jsonb_writer_finish(writer);
}

/*
 * cdc._jsonb_parse(bytea): for the comparison with jsonb's input function in
 * sql/jsonb_parse.sql.
 */
PG_FUNCTION_INFO_V1(cdc_jsonb_parse);

Datum
cdc_jsonb_parse(PG_FUNCTION_ARGS)
{
	static CdcJsonbWriter *writer = NULL;	/* kept: shapes are remembered */
	bytea	   *text = PG_GETARG_BYTEA_PP(0);
	const Jsonb *built;
	Jsonb	   *result;
	CdcError	err;

	if (writer == NULL)
		writer = cdc_jsonb_writer_create(TopMemoryContext);
	built = cdc_jsonb_from_text(writer, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text), &err);
	if (built == NULL)
		cdc_ereport(&err, NULL);
	result = palloc(VARSIZE(built));
	memcpy(result, built, VARSIZE(built));
	PG_RETURN_POINTER(result);
}

/*-------------------------------------------------------------------------
 *
 * check_report.c
 *	  The result of cdc.check_server(): a row a check.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/check/check_report.h"

#include "utils/builtins.h"

#include "core/status.h"
#include "pg/base/utf8.h"

/* A detail may quote what a server said. */
static Datum
shown(const char *text)
{
	Size		size = strlen(text) + 1;

	return cdc_text_datum_from_utf8(cdc_clean_lines(palloc(size), size, text));
}

void
cdc_check_report(CdcCheckReport *out, const char *name, bool ok, const char *detail,
				 const char *hint)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(ok);
	nulls[2] = detail == NULL || detail[0] == '\0';
	values[2] = nulls[2] ? (Datum) 0 : shown(detail);
	nulls[3] = ok || hint == NULL || hint[0] == '\0';
	values[3] = nulls[3] ? (Datum) 0 : cdc_text_datum_from_utf8(hint);
	tuplestore_putvalues(out->store, out->desc, values, nulls);
}

/*-------------------------------------------------------------------------
 *
 * converter.c
 *	  What all conversions of a column's values share: the way through text, the
 *	  error.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/converter.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

void
cdc_convert_fail(const CdcConverter *conv, const CdcJsonValue *v, const char *detail)
{
	char	   *text = cdc_json_to_cstring(v);
	int			len = strlen(text);

	if (len > 200)
	{
		len = pg_mbcliplen(text, len, 200);
		text[len] = '\0';
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("value \"%s\" of the source does not fit type %s", text,
					format_type_with_typemod(conv->typid, conv->typmod)),
			 detail ? errdetail("%s", detail) : 0,
			 errhint("Change the column's type with ALTER TABLE.")));
}

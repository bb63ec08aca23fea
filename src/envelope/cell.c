/*-------------------------------------------------------------------------
 *
 * cell.c
 *	  Errors about one value of a row image.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell.h"

CdcStatus
cdc_cell_error(const CdcCell *cell, const char *expected, CdcError *err)
{
	cdc_error(err, CDC_ERR_VALUE, "column \"%.*s\" has a value of another form than its type",
			  cdc_clip(cell->name, 200), cell->name.data);
	if (cell->value.type == CDC_DOC_STRING)
		cdc_error_detail(err, "It is the string \"%.*s\"; %s is expected.",
						 cdc_clip(cell->value.string, 100), cell->value.string.data, expected);
	else
		cdc_error_detail(err, "It is %s; %s is expected.", cdc_doc_type_name(&cell->value),
						 expected);
	return CDC_ERR_VALUE;
}

CdcStatus
cdc_cell_no_memory(CdcError *err)
{
	return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a row");
}

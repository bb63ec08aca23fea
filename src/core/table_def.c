/*-------------------------------------------------------------------------
 *
 * table_def.c
 *	  Definitions of source tables; see table_def.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/table_def.h"

#include <string.h>
#include <strings.h>

int
cdc_table_def_find(const CdcTableDef *def, const char *name)
{
	for (int i = 0; i < def->ncolumns; i++)
	{
		if (strcasecmp(def->columns[i].name, name) == 0)
			return i;
	}
	return -1;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
has_word(const char *extra, const char *word)
{
	return extra != NULL && strstr(extra, word) != NULL;
}

bool
cdc_table_def_same_rows(const CdcTableDef *a, const CdcTableDef *b)
{
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
	{
		const CdcColumnDef *x = &a->columns[i];
		const CdcColumnDef *y = &b->columns[i];

		if (!same_text(x->name, y->name) || !same_text(x->column_type, y->column_type) ||
			!same_text(x->charset, y->charset) || !same_text(x->collation, y->collation) ||
			x->nullable != y->nullable || x->json_check != y->json_check || x->pk != y->pk ||
			(x->generated != NULL) != (y->generated != NULL) ||
			has_word(x->extra, "VIRTUAL") != has_word(y->extra, "VIRTUAL") ||
			has_word(x->extra, "INVISIBLE") != has_word(y->extra, "INVISIBLE"))
			return false;
	}
	return true;
}

/*-------------------------------------------------------------------------
 *
 * shared.c
 *	  A target that other source tables fill, too: what the change of one may do to it.
 *
 * Rows of the others are never touched.  So a column only gets a wider type, one that has
 * all values of its present type; what else would have to be altered is the user's to
 * decide, and until then the reason why the one table does not go on.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "catalog/pg_type.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"

#include "pg/schema/type_fit.h"
#include "pg/schema/typemap.h"

/* Places of a list: each has all values of those before it. */
static int
width_of(Oid typid, const Oid *list, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (list[i] == typid)
			return i;
	return -1;
}

static bool
is_wider_numeric(int32 from, int32 to)
{
	int			digits = ((from - VARHDRSZ) >> 16) & 0xFFFF;
	int			scale = (from - VARHDRSZ) & 0xFFFF;
	int			to_digits = ((to - VARHDRSZ) >> 16) & 0xFFFF;
	int			to_scale = (to - VARHDRSZ) & 0xFFFF;

	return to_scale >= scale && to_digits - to_scale >= digits - scale;
}

/* Whether a type has all values of another, as texts that are equal, too. */
static bool
covers(Oid from, int32 from_typmod, Oid to, int32 to_typmod)
{
	static const Oid integers[] = {INT2OID, INT4OID, INT8OID};
	static const Oid floats[] = {FLOAT4OID, FLOAT8OID};
	int			a = width_of(from, integers, lengthof(integers));
	int			b = width_of(to, integers, lengthof(integers));

	if (a >= 0 && b >= 0)
		return b >= a;
	a = width_of(from, floats, lengthof(floats));
	b = width_of(to, floats, lengthof(floats));
	if (a >= 0 && b >= 0)
		return b >= a;
	if ((from == VARCHAROID || from == TEXTOID) && to == TEXTOID)
		return true;
	if (from != to)
		return false;
	if (to_typmod == -1 || to_typmod == from_typmod)
		return true;
	if (from_typmod == -1)
		return false;
	if (from == VARCHAROID)
		return to_typmod > from_typmod;
	return from == NUMERICOID && is_wider_numeric(from_typmod, to_typmod);
}

char *
cdc_evolve_shared_type(CdcEvolve *e, const CdcEvolveColumn *column, bool strict)
{
	CdcTypeFit	fit = cdc_type_fit(column->after, column->typid, column->typmod);
	char	   *type = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	Oid			typid;
	int32		typmod;

	if (fit == CDC_FIT_EXACT)
		return NULL;
	if (type != NULL)
	{
		parseTypeString(type, &typid, &typmod, 0);
		if (typid == column->typid && typmod == column->typmod)
			return NULL;
		if (covers(column->typid, column->typmod, typid, typmod))
			return type;
	}
	if (fit != CDC_FIT_ALTERS && !strict)
		return NULL;
	if (e->trouble == NULL)
		e->trouble = psprintf("column %s of its target %s, which other source tables fill, too, has not all values of %s: type ALTER TABLE %s ALTER COLUMN %s TYPE %s first, or map the column by an expression",
							  quote_identifier(column->target), e->target, column->after->column_type,
							  e->target, quote_identifier(column->target), type != NULL ? type : "text");
	return NULL;
}

/*-------------------------------------------------------------------------
 *
 * shape.c
 *	  Columns of a target that were made anew, or have another type, since they were noted.
 *
 * A column that is dropped and added again has another number, and no values of before.  A type that
 * does not hold all values of the one before has changed some, maybe; one that does is a column
 * that was widened, which users may do at any time.
 *
 * The text has the relation's OID, and a line for each column: number, type, modifier, name.  In a
 * restored database columns have other numbers, and the relation has another OID.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/shape.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

char *
cdc_target_shape(const CdcTarget *target)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	appendStringInfo(&text, "%u\n", target->relid);
	for (i = 0; i < target->ncolumns; i++)
	{
		const CdcTargetColumn *column = &target->columns[i];

		appendStringInfo(&text, "%d %u %d %d %s\n", column->attnum, column->typid, column->typmod,
						 (int) strlen(column->name), column->name);
	}
	return text.data;
}

/* A column as it was noted. */
typedef struct Noted
{
	int			attnum;
	Oid			typid;
	int32		typmod;
} Noted;

/* Finds the column of that name in the lines of a shape. */
static bool
find_column(const char *lines, const char *name, Noted *noted)
{
	while (*lines != '\0')
	{
		int			len;
		int			begin = 0;

		CHECK_FOR_INTERRUPTS();
		if (sscanf(lines, "%d %u %d %d%n", &noted->attnum, &noted->typid, &noted->typmod, &len, &begin) != 4 ||
			begin == 0 || len < 0 || strlen(lines + begin) < (size_t) len + 2)
			return false;
		lines += begin + 1;
		if (strlen(name) == (size_t) len && strncmp(lines, name, len) == 0)
			return true;
		lines += len + 1;
	}
	return false;
}

/* Whether a type's modifier leaves each value as the other one has it. */
static bool
is_wider_modifier(Oid typid, int32 before, int32 now)
{
	if (now == before || now < 0)
		return true;
	if (before < 0)
		return false;
	switch (typid)
	{
		case NUMERICOID:
			{
				int32		precision = ((before - VARHDRSZ) >> 16) & 0xffff;
				int32		scale = (before - VARHDRSZ) & 0x7ff;
				int32		precision_now = ((now - VARHDRSZ) >> 16) & 0xffff;
				int32		scale_now = (now - VARHDRSZ) & 0x7ff;

				return scale_now >= scale && precision_now - scale_now >= precision - scale;
			}
		case VARCHAROID:
		case VARBITOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return now > before;
		default:
			return false;
	}
}

/* Whether each value of the type is the same text in a column of texts. */
static bool
is_as_text(Oid typid)
{
	switch (typid)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case JSONBOID:
		case UUIDOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			return true;
		default:
			return false;
	}
}

/*
 * Whether a type has each value of another one.  What a text cannot be is an error of the ALTER TABLE,
 * but for types that cut it.
 */
static bool
is_wider_type(const Noted *before, const CdcTargetColumn *now)
{
	if (before->typid == now->typid)
		return is_wider_modifier(now->typid, before->typmod, now->typmod);
	switch (now->typid)
	{
		case INT4OID:
			return before->typid == INT2OID;
		case INT8OID:
			return before->typid == INT2OID || before->typid == INT4OID;
		case NUMERICOID:
			return now->typmod < 0 && is_as_text(before->typid);
		case TEXTOID:
		case VARCHAROID:
			return is_as_text(before->typid);
		case JSONOID:
		case JSONBOID:
			return is_as_text(before->typid);
		case CHAROID:
		case NAMEOID:
		case BPCHAROID:
			return false;
		default:
			return now->typmod < 0 && (before->typid == TEXTOID || before->typid == VARCHAROID);
	}
}

char *
cdc_target_column_damage(const CdcTarget *target, int column, const char *shape)
{
	const CdcTargetColumn *now = &target->columns[column];
	char	   *end;
	Noted		noted;

	if (strtoul(shape, &end, 10) != target->relid || *end != '\n' || !find_column(end + 1, now->name, &noted))
		return NULL;
	if (noted.attnum != now->attnum)
		return psprintf("column %s of target %s was dropped and added again by other hands",
						quote_identifier(now->name), target->name);
	if (is_wider_type(&noted, now))
		return NULL;
	return psprintf("column %s of target %s has type %s and had %s: other hands have altered it, and perhaps its values",
					quote_identifier(now->name), target->name, format_type_with_typemod(now->typid, now->typmod),
					format_type_with_typemod(noted.typid, noted.typmod));
}

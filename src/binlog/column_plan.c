/*-------------------------------------------------------------------------
 *
 * column_plan.c
 *	  Chooses how a column is decoded, and checks that the binlog and the
 *	  known definition of the table agree.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/column_plan.h"

#include <stdio.h>
#include <string.h>

#include "core/geometry.h"

/*
 * MariaDB servers before this one store every UUID in reverse (MDEV-29959,
 * which is also in 11.0.3 and all of 11.1).
 */
#define OLD_UUID_BEFORE		10011005

/* What a plan is made from. */
typedef struct PlanInput
{
	const CdcTableMap *map;
	const CdcTable *table;
	const CdcFormat *format;
	CdcFlavor	flavor;
	CdcCharsets *charsets;
	int			i;				/* the column */
	CdcError   *err;
} PlanInput;

static bool
type_is(const CdcColumn *column, const char *name)
{
	return column->data_type != NULL && strcmp(column->data_type, name) == 0;
}

static bool
type_in(const CdcColumn *column, const char *const *names)
{
	for (; *names != NULL; names++)
	{
		if (type_is(column, *names))
			return true;
	}
	return false;
}

static CdcStatus
disagree(const PlanInput *in, const char *wire)
{
	const CdcColumn *column = &in->table->columns[in->i];

	cdc_error(in->err, CDC_ERR_SCHEMA,
			  "column is %s in the binlog, but \"%s\" in the known definition of the table",
			  wire, column->column_type ? column->column_type : "?");
	cdc_error_hint(in->err, "The table was changed at the source; its definition must be read again.");
	return CDC_ERR_SCHEMA;
}

/* Integers: signedness as the binlog has it, or else as defined. */
static CdcStatus
plan_integer(const PlanInput *in, CdcColumnPlan *plan)
{
	static const struct
	{
		uint8_t		type;
		const char *name;
		CdcDecodeFn is_signed;
		CdcDecodeFn is_unsigned;
	}			integers[] = {
		{CDC_WT_TINY, "tinyint", cdc_decode_int8, cdc_decode_uint8},
		{CDC_WT_SHORT, "smallint", cdc_decode_int16, cdc_decode_uint16},
		{CDC_WT_INT24, "mediumint", cdc_decode_int24, cdc_decode_uint24},
		{CDC_WT_LONG, "int", cdc_decode_int32, cdc_decode_uint32},
		{CDC_WT_LONGLONG, "bigint", cdc_decode_int64, cdc_decode_uint64}
	};

	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
	{
		bool		is_unsigned = plan->column->is_unsigned;

		if (integers[i].type != plan->type)
			continue;
		if (!type_is(plan->column, integers[i].name) &&
			!(plan->type == CDC_WT_LONG && type_is(plan->column, "integer")))
			return disagree(in, integers[i].name);
		if (in->map->is_unsigned != NULL && is_unsigned != (in->map->is_unsigned[in->i] != 0))
			return disagree(in, is_unsigned ? "signed" : "unsigned");
		plan->decode = is_unsigned ? integers[i].is_unsigned : integers[i].is_signed;
		return CDC_OK;
	}
	return cdc_error(in->err, CDC_ERR_INTERNAL, "not an integer type: %u", plan->type);
}

static CdcStatus
plan_decimal(const PlanInput *in, CdcColumnPlan *plan)
{
	uint16_t	meta = in->map->meta[in->i];
	int			precision = meta & 0xff;
	int			scale = meta >> 8;

	if (precision < 1 || precision > 65 || scale > 38 || scale > precision)
		return cdc_error(in->err, CDC_ERR_CORRUPT,
						 "table map has the impossible type decimal(%d,%d)", precision, scale);
	if (!type_is(plan->column, "decimal") && !type_is(plan->column, "numeric"))
		return disagree(in, "decimal");
	if (plan->column->precision != 0 &&
		(plan->column->precision != precision || plan->column->scale != scale))
	{
		char		wire[32];

		snprintf(wire, sizeof(wire), "decimal(%d,%d)", precision, scale);
		return disagree(in, wire);
	}
	plan->precision = (uint8_t) precision;
	plan->scale = (uint8_t) scale;
	plan->size = cdc_decimal_wire_size(precision, scale);
	plan->decode = cdc_decode_decimal;
	return CDC_OK;
}

static CdcStatus
plan_float(const PlanInput *in, CdcColumnPlan *plan)
{
	bool		single = plan->type == CDC_WT_FLOAT;

	if (in->map->meta[in->i] != (single ? 4 : 8))
		return cdc_error(in->err, CDC_ERR_CORRUPT, "table map has a float of %u bytes",
						 in->map->meta[in->i]);
	if (single ? !type_is(plan->column, "float") :
		!type_is(plan->column, "double") && !type_is(plan->column, "real"))
		return disagree(in, single ? "float" : "double");
	plan->decode = single ? cdc_decode_float : cdc_decode_double;
	return CDC_OK;
}

static CdcStatus
plan_bit(const PlanInput *in, CdcColumnPlan *plan)
{
	uint16_t	meta = in->map->meta[in->i];
	unsigned	bits = (meta >> 8) * 8u + (meta & 0xff);

	if (bits < 1 || bits > 64 || (meta & 0xff) > 7)
		return cdc_error(in->err, CDC_ERR_CORRUPT, "table map has the impossible type bit(%u)", bits);
	if (!type_is(plan->column, "bit") ||
		(plan->column->length != 0 && plan->column->length != bits))
	{
		char		wire[32];

		snprintf(wire, sizeof(wire), "bit(%u)", bits);
		return disagree(in, wire);
	}
	plan->size = (bits + 7) / 8;
	plan->decode = cdc_decode_bit;
	return CDC_OK;
}

/*
 * Old and new temporal types.  The old ones of MariaDB may have a fraction,
 * which only the definition tells.
 */
static CdcStatus
plan_temporal(const PlanInput *in, CdcColumnPlan *plan)
{
	static const struct
	{
		uint8_t		type;
		const char *name;
		uint8_t		bytes;		/* without fraction */
		CdcDecodeFn decode;
		CdcDecodeFn hires;		/* MariaDB's, with fraction; NULL for new types */
	}			temporals[] = {
		{CDC_WT_DATE, "date", 3, cdc_decode_date, NULL},
		{CDC_WT_NEWDATE, "date", 3, cdc_decode_date, NULL},
		{CDC_WT_TIME, "time", 3, cdc_decode_time_old, cdc_decode_time_hires},
		{CDC_WT_DATETIME, "datetime", 8, cdc_decode_datetime_old, cdc_decode_datetime_hires},
		{CDC_WT_TIMESTAMP, "timestamp", 4, cdc_decode_timestamp_old, cdc_decode_timestamp_hires},
		{CDC_WT_TIME2, "time", 3, cdc_decode_time2, NULL},
		{CDC_WT_DATETIME2, "datetime", 5, cdc_decode_datetime2, NULL},
		{CDC_WT_TIMESTAMP2, "timestamp", 4, cdc_decode_timestamp2, NULL}
	};

	for (size_t i = 0; i < sizeof(temporals) / sizeof(temporals[0]); i++)
	{
		const CdcColumn *column = plan->column;

		if (temporals[i].type != plan->type)
			continue;
		if (!type_is(column, temporals[i].name))
			return disagree(in, temporals[i].name);
		plan->decode = temporals[i].decode;
		if (plan->type >= CDC_WT_TIMESTAMP2 && plan->type <= CDC_WT_TIME2)
		{
			uint16_t	fsp = in->map->meta[in->i];

			if (fsp > 6)
				return cdc_error(in->err, CDC_ERR_CORRUPT,
								 "table map has a time type with %u fractional digits", fsp);
			if (fsp != column->fsp)
			{
				char		wire[32];

				snprintf(wire, sizeof(wire), "%s(%u)", temporals[i].name, fsp);
				return disagree(in, wire);
			}
			plan->fsp = (uint8_t) fsp;
			plan->size = temporals[i].bytes + (fsp + 1u) / 2;
		}
		else if (column->fsp > 0)
		{
			if (in->flavor != CDC_MARIADB || temporals[i].hires == NULL || column->fsp > 6)
				return disagree(in, temporals[i].name);
			plan->fsp = column->fsp;
			plan->size = cdc_hires_wire_size(plan->type, plan->fsp);
			plan->decode = temporals[i].hires;
		}
		return CDC_OK;
	}
	return cdc_error(in->err, CDC_ERR_INTERNAL, "not a time type: %u", plan->type);
}

/* Text: checks the character set and finds its converter. */
static CdcStatus
plan_text(const PlanInput *in, CdcColumnPlan *plan)
{
	const char *charset = plan->column->charset;
	const char *wire = NULL;

	if (in->map->collations != NULL && in->map->collations[in->i] != 0)
		wire = cdc_collation_charset(in->map->collations[in->i]);
	if (wire != NULL && charset != NULL && !cdc_charset_equal(wire, charset))
	{
		char		text[64];

		snprintf(text, sizeof(text), "in character set %s", wire);
		return disagree(in, text);
	}
	if (wire != NULL)
		charset = wire;
	if (charset == NULL)
		return cdc_error(in->err, CDC_ERR_SCHEMA, "character set of text column is not known");
	if (strcmp(charset, "binary") == 0)
	{
		plan->decode = cdc_decode_bytes;
		return CDC_OK;
	}
	plan->decode = cdc_decode_text_utf8;
	if (cdc_charset_is_utf8(charset))
		return CDC_OK;
	plan->decode = cdc_decode_text_converted;
	return cdc_charset_converter(in->charsets, charset, &plan->converter, in->err);
}

/* CHAR, VARCHAR, BINARY, VARBINARY and MariaDB's types of fixed bytes. */
static CdcStatus
plan_string(const PlanInput *in, CdcColumnPlan *plan)
{
	const CdcColumn *column = plan->column;
	uint16_t	bytes = in->map->meta[in->i];

	plan->prefix = bytes > 255 ? 2 : 1;
	if (plan->type == CDC_WT_STRING)
	{
		if (type_is(column, "char"))
			return plan_text(in, plan);
		if (type_is(column, "binary"))
		{
			if (column->length != 0 && column->length != bytes)
				return disagree(in, "binary of another length");
			plan->size = bytes;
			plan->decode = cdc_decode_bytes_padded;
			return CDC_OK;
		}
		if (in->flavor == CDC_MARIADB)
		{
			if (type_is(column, "uuid") && bytes == 16)
			{
				plan->decode = cdc_decode_uuid;
				plan->old_uuid = in->format->version < OLD_UUID_BEFORE;
			}
			else if (type_is(column, "inet6") && bytes == 16)
				plan->decode = cdc_decode_inet6;
			else if (type_is(column, "inet4") && bytes == 4)
				plan->decode = cdc_decode_inet4;
			plan->size = bytes;
			if (plan->decode != NULL)
				return CDC_OK;
		}
		return disagree(in, "char or binary");
	}
	if (type_is(column, "varchar") || (plan->type == CDC_WT_VAR_STRING && type_is(column, "char")))
		return plan_text(in, plan);
	if (type_is(column, "vector") && in->flavor == CDC_MARIADB)
	{
		plan->decode = cdc_decode_vector;
		return CDC_OK;
	}
	if (!type_is(column, "varbinary"))
		return disagree(in, "varchar or varbinary");
	plan->decode = cdc_decode_bytes;
	return CDC_OK;
}

static CdcStatus
plan_blob(const PlanInput *in, CdcColumnPlan *plan)
{
	static const char *const texts[5][2] = {
		{NULL}, {"tinytext"}, {"text"}, {"mediumtext"}, {"longtext"}
	};
	static const char *const blobs[5][2] = {
		{NULL}, {"tinyblob"}, {"blob"}, {"mediumblob"}, {"longblob"}
	};
	uint16_t	prefix = in->map->meta[in->i];

	if (prefix < 1 || prefix > 4)
		return cdc_error(in->err, CDC_ERR_CORRUPT,
						 "table map has a blob with %u bytes of length", prefix);
	plan->prefix = (uint8_t) prefix;
	switch (plan->type)
	{
		case CDC_WT_GEOMETRY:
			if (!cdc_is_geometry_type(plan->column->data_type))
				return disagree(in, "geometry");
			plan->decode = cdc_decode_geometry;
			return CDC_OK;
		case CDC_WT_JSON:
			if (!type_is(plan->column, "json"))
				return disagree(in, "json");
			plan->decode = cdc_decode_json;
			return CDC_OK;
		case CDC_WT_VECTOR:
			if (!type_is(plan->column, "vector"))
				return disagree(in, "vector");
			plan->decode = cdc_decode_vector;
			return CDC_OK;
		default:
			break;
	}
	if (type_in(plan->column, texts[prefix]))
		return plan_text(in, plan);
	/* "json" is what MariaDB's users may write for longtext */
	if (in->flavor == CDC_MARIADB && prefix == 4 && type_is(plan->column, "json"))
		return plan_text(in, plan);
	if (!type_in(plan->column, blobs[prefix]))
		return disagree(in, blobs[prefix][0]);
	plan->decode = cdc_decode_bytes;
	return CDC_OK;
}

/* MariaDB's COMPRESSED columns. */
static CdcStatus
plan_compressed(const PlanInput *in, CdcColumnPlan *plan)
{
	static const char *const texts[] = {
		"varchar", "tinytext", "text", "mediumtext", "longtext", "json", NULL
	};
	static const char *const blobs[] = {
		"varbinary", "tinyblob", "blob", "mediumblob", "longblob", NULL
	};
	uint16_t	meta = in->map->meta[in->i];
	CdcStatus	st;

	if (plan->type == CDC_WT_MARIA_VARCHAR_COMPRESSED)
		plan->prefix = meta > 255 ? 2 : 1;
	else if (meta >= 1 && meta <= 4)
		plan->prefix = (uint8_t) meta;
	else
		return cdc_error(in->err, CDC_ERR_CORRUPT,
						 "table map has a blob with %u bytes of length", meta);
	if (type_in(plan->column, blobs))
	{
		plan->decode = cdc_decode_bytes_compressed;
		return CDC_OK;
	}
	if (!type_in(plan->column, texts))
		return disagree(in, "a compressed string");
	st = plan_text(in, plan);
	if (plan->decode == cdc_decode_bytes)
		plan->decode = cdc_decode_bytes_compressed;
	else
		plan->decode = cdc_decode_text_compressed;
	return st;
}

static CdcStatus
plan_members(const PlanInput *in, CdcColumnPlan *plan)
{
	bool		is_enum = plan->type == CDC_WT_ENUM;
	uint16_t	bytes = in->map->meta[in->i];
	const CdcColumn *column = plan->column;

	if (bytes < 1 || bytes > (is_enum ? 2 : 8))
		return cdc_error(in->err, CDC_ERR_CORRUPT, "table map has an enum or set of %u bytes",
						 bytes);
	if (!type_is(column, is_enum ? "enum" : "set"))
		return disagree(in, is_enum ? "enum" : "set");

	/* the wire's width follows from the number of members */
	if (is_enum ? (column->nmembers > 255) != (bytes == 2) :
		column->nmembers > bytes * 8)
		return disagree(in, is_enum ? "an enum of other members" : "a set of other members");
	if (in->map->members != NULL && in->map->members[in->i] != NULL &&
		in->map->nmembers[in->i] != column->nmembers)
		return disagree(in, is_enum ? "an enum of other members" : "a set of other members");
	plan->size = bytes;
	plan->decode = is_enum ? cdc_decode_enum : cdc_decode_set;
	return CDC_OK;
}

static CdcStatus
plan_column(const PlanInput *in, CdcColumnPlan *plan)
{
	switch (plan->type)
	{
		case CDC_WT_TINY:
		case CDC_WT_SHORT:
		case CDC_WT_INT24:
		case CDC_WT_LONG:
		case CDC_WT_LONGLONG:
			return plan_integer(in, plan);
		case CDC_WT_NEWDECIMAL:
			return plan_decimal(in, plan);
		case CDC_WT_FLOAT:
		case CDC_WT_DOUBLE:
			return plan_float(in, plan);
		case CDC_WT_BIT:
			return plan_bit(in, plan);
		case CDC_WT_YEAR:
			if (!type_is(plan->column, "year"))
				return disagree(in, "year");
			plan->decode = cdc_decode_year;
			return CDC_OK;
		case CDC_WT_DATE:
		case CDC_WT_NEWDATE:
		case CDC_WT_TIME:
		case CDC_WT_DATETIME:
		case CDC_WT_TIMESTAMP:
		case CDC_WT_TIME2:
		case CDC_WT_DATETIME2:
		case CDC_WT_TIMESTAMP2:
			return plan_temporal(in, plan);
		case CDC_WT_STRING:
		case CDC_WT_VAR_STRING:
		case CDC_WT_VARCHAR:
			return plan_string(in, plan);
		case CDC_WT_BLOB:
		case CDC_WT_GEOMETRY:
		case CDC_WT_JSON:
		case CDC_WT_VECTOR:
			return plan_blob(in, plan);
		case CDC_WT_MARIA_VARCHAR_COMPRESSED:
		case CDC_WT_MARIA_BLOB_COMPRESSED:
			return plan_compressed(in, plan);
		case CDC_WT_ENUM:
		case CDC_WT_SET:
			return plan_members(in, plan);
		default:
			return cdc_error(in->err, CDC_ERR_UNSUPPORTED,
							 "type %u of column \"%s\" is not supported", plan->type,
							 plan->column->name);
	}
}

CdcStatus
cdc_column_plans_make(CdcColumnPlan *plans, const CdcTableMap *map, const CdcTable *table,
					  const CdcFormat *format, CdcCharsets *charsets, CdcError *err)
{
	PlanInput	in = {map, table, format, format->flavor, charsets, 0, err};

	if (table->ncolumns != map->ncolumns)
	{
		cdc_error(err, CDC_ERR_SCHEMA,
				  "table has %d columns in the binlog, but %d in its known definition",
				  map->ncolumns, table->ncolumns);
		cdc_error_hint(err, "The table was changed at the source; its definition must be read again.");
		cdc_error_column(err, map->database, map->table, "");
		return CDC_ERR_SCHEMA;
	}
	for (in.i = 0; in.i < map->ncolumns; in.i++)
	{
		CdcColumnPlan *plan = &plans[in.i];
		const CdcColumn *column = &table->columns[in.i];
		CdcStatus	st = CDC_OK;

		memset(plan, 0, sizeof(*plan));
		plan->column = column;
		plan->type = map->types[in.i];
		if (map->names != NULL && strcmp(map->names[in.i], column->name) != 0)
		{
			char		wire[300];

			snprintf(wire, sizeof(wire), "named \"%s\"", map->names[in.i]);
			st = disagree(&in, wire);
		}
		if (st == CDC_OK)
			st = plan_column(&in, plan);
		if (st != CDC_OK)
		{
			cdc_error_detail(err, "The source's type is %s.",
							 column->column_type ? column->column_type : "unknown");
			cdc_error_column(err, map->database, map->table, column->name);
			return st;
		}
	}
	return CDC_OK;
}

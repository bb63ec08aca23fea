/*-------------------------------------------------------------------------
 *
 * text_value.c
 *	  A row that was read with SELECT as the values that the binlog gives for
 *	  the same row.
 *
 * What the client protocol prints loses digits of a float (FLT_DIG of them
 * are shown) and follows FLOAT(m,d); times a double, all digits of the
 * double are shown.  Bits, enums and sets are asked for as numbers, which is
 * what the binlog has; with a cast, as "set + 0" is signed in MariaDB and a
 * double in MySQL 9.
 *
 *-------------------------------------------------------------------------
 */
#include "core/text_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/digits.h"
#include "core/geometry.h"
#include "core/json_parse.h"
#include "core/vector_value.h"

typedef CdcStatus (*ReadFn) (CdcArena *arena, const CdcColumn *column, CdcString cell,
							 CdcValue *value, CdcError *err);

static CdcStatus
bad_text(CdcString cell, CdcError *err)
{
	return cdc_error(err, CDC_ERR_VALUE, "the source sent \"%.*s\" for a column of another type",
					 (int) (cell.len < 100 ? cell.len : 100), cell.data);
}

static CdcStatus
no_memory(CdcError *err)
{
	return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a row");
}

/* The cells of libraries end in a NUL, but their contract does not say so. */
static bool
number_text(CdcString cell, char *buf, size_t size)
{
	if (cell.len == 0 || cell.len >= size)
		return false;
	memcpy(buf, cell.data, cell.len);
	buf[cell.len] = '\0';
	return strlen(buf) == cell.len;
}

static bool
parse_uint(CdcString cell, uint64_t *u)
{
	char		buf[32];
	char	   *end;

	if (!number_text(cell, buf, sizeof(buf)) || buf[0] == '-')
		return false;
	errno = 0;
	*u = strtoull(buf, &end, 10);
	return errno == 0 && *end == '\0';
}

static CdcStatus
read_int(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value, CdcError *err)
{
	char		buf[32];
	char	   *end;

	(void) arena;
	if (column->is_unsigned)
	{
		value->kind = CDC_UINT;
		return parse_uint(cell, &value->u.u) ? CDC_OK : bad_text(cell, err);
	}
	if (!number_text(cell, buf, sizeof(buf)))
		return bad_text(cell, err);
	errno = 0;
	value->kind = CDC_INT;
	value->u.i = strtoll(buf, &end, 10);
	return errno == 0 && *end == '\0' ? CDC_OK : bad_text(cell, err);
}

static CdcStatus
read_uint(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value, CdcError *err)
{
	(void) arena;
	(void) column;
	value->kind = CDC_UINT;
	return parse_uint(cell, &value->u.u) ? CDC_OK : bad_text(cell, err);
}

static CdcStatus
read_year(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value, CdcError *err)
{
	uint64_t	year;

	(void) arena;
	(void) column;
	if (!parse_uint(cell, &year))
		return bad_text(cell, err);
	value->kind = CDC_INT;
	value->u.i = (int64_t) year;
	return CDC_OK;
}

/* Without the zeros of ZEROFILL. */
static CdcStatus
read_decimal(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
			 CdcError *err)
{
	const char *p = cell.data;
	const char *end = cell.data + cell.len;

	(void) arena;
	(void) column;
	while (p + 1 < end && p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		p++;
	for (const char *c = p; c < end; c++)
	{
		if (!((*c >= '0' && *c <= '9') || *c == '.' || (*c == '-' && c == cell.data)))
			return bad_text(cell, err);
	}
	if (p == end)
		return bad_text(cell, err);
	value->kind = CDC_DECIMAL;
	value->u.s.data = p;
	value->u.s.len = (size_t) (end - p);
	return CDC_OK;
}

static CdcStatus
read_float(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
		   CdcError *err)
{
	bool		single = strcmp(column->data_type, "float") == 0;
	char		buf[512];
	char	   *end;
	double		d;

	(void) arena;
	if (!number_text(cell, buf, sizeof(buf)))
		return bad_text(cell, err);
	d = strtod(buf, &end);
	if (*end != '\0' || !isfinite(d))
		return bad_text(cell, err);
	value->kind = single ? CDC_FLOAT : CDC_DOUBLE;
	value->u.d = single ? (double) (float) d : d;
	return CDC_OK;
}

static CdcStatus
read_bytes(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
		   CdcError *err)
{
	(void) arena;
	(void) column;
	(void) err;
	value->kind = CDC_BYTES;
	value->u.s = cell;
	return CDC_OK;
}

static CdcStatus
read_text(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
		  CdcError *err)
{
	if (column->charset != NULL && strcmp(column->charset, "binary") == 0)
		return read_bytes(arena, column, cell, value, err);
	value->kind = CDC_TEXT;
	value->u.s = cell;
	return CDC_OK;
}

static CdcStatus
read_enum(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
		  CdcError *err)
{
	uint64_t	n;

	(void) arena;
	if (!parse_uint(cell, &n) || n > (uint64_t) column->nmembers)
		return bad_text(cell, err);
	value->kind = CDC_TEXT;
	value->u.s.data = "";
	value->u.s.len = 0;
	if (n > 0)
		value->u.s = column->members[n - 1];
	return CDC_OK;
}

static CdcStatus
read_set(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value, CdcError *err)
{
	uint64_t	bits;
	CdcString  *chosen;
	int			n = 0;

	if (!parse_uint(cell, &bits) || column->nmembers > 64 ||
		(column->nmembers < 64 && bits >> column->nmembers != 0))
		return bad_text(cell, err);
	value->kind = CDC_SET;
	value->u.set.members = NULL;
	value->u.set.nmembers = 0;
	if (bits == 0)
		return CDC_OK;
	chosen = cdc_arena_alloc(arena, sizeof(CdcString) * (size_t) __builtin_popcountll(bits));
	if (chosen == NULL)
		return no_memory(err);
	for (int i = 0; i < column->nmembers; i++)
	{
		if (bits >> i & 1)
			chosen[n++] = column->members[i];
	}
	value->u.set.members = chosen;
	value->u.set.nmembers = n;
	return CDC_OK;
}

static CdcStatus
read_json(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value, CdcError *err)
{
	(void) arena;
	(void) column;
	(void) err;
	value->kind = CDC_JSON;
	value->u.json.data = (const uint8_t *) cell.data;
	value->u.json.len = cell.len;
	value->u.json.emit = cdc_json_parse_printed;
	return CDC_OK;
}

/* As many digits as there are: at least so many, at most so many. */
static bool
take_some_digits(const char **p, const char *end, int least, int most, int *n)
{
	int			i;

	*n = 0;
	for (i = 0; i < most && *p < end && cdc_is_digit(**p); i++)
		*n = *n * 10 + (*(*p)++ - '0');
	return i >= least;
}

static bool
take_date(const char **p, const char *end, CdcTemporal *t)
{
	int			year;
	int			month;
	int			day;

	if (!cdc_take_digits(p, end, 4, &year) || !cdc_take_char(p, end, '-') ||
		!cdc_take_digits(p, end, 2, &month) || !cdc_take_char(p, end, '-') ||
		!cdc_take_digits(p, end, 2, &day))
		return false;
	t->year = (uint16_t) year;
	t->month = (uint8_t) month;
	t->day = (uint8_t) day;
	return true;
}

static bool
take_time(const char **p, const char *end, CdcTemporal *t, uint8_t fsp)
{
	int			hour;
	int			minute;
	int			second;
	int			micros = 0;

	if (!take_some_digits(p, end, 2, 3, &hour) || !cdc_take_char(p, end, ':') ||
		!cdc_take_digits(p, end, 2, &minute) || !cdc_take_char(p, end, ':') ||
		!cdc_take_digits(p, end, 2, &second))
		return false;
	if (cdc_take_char(p, end, '.'))
	{
		const char *start = *p;

		if (!take_some_digits(p, end, 1, 6, &micros))
			return false;
		for (int i = (int) (*p - start); i < 6; i++)
			micros *= 10;
	}
	t->hour = (uint16_t) hour;
	t->minute = (uint8_t) minute;
	t->second = (uint8_t) second;
	t->micros = (uint32_t) micros;
	t->fsp = fsp;
	return true;
}

static CdcStatus
read_temporal(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
			  CdcError *err)
{
	const char *p = cell.data;
	const char *end = p + cell.len;
	CdcTemporal *t = &value->u.t;
	bool		ok;

	(void) arena;
	memset(t, 0, sizeof(*t));
	if (strcmp(column->data_type, "date") == 0)
	{
		value->kind = CDC_DATE;
		ok = take_date(&p, end, t);
	}
	else if (strcmp(column->data_type, "time") == 0)
	{
		value->kind = CDC_TIME;
		t->negative = cdc_take_char(&p, end, '-');
		ok = take_time(&p, end, t, column->fsp);
	}
	else
	{
		value->kind = strcmp(column->data_type, "datetime") == 0 ? CDC_DATETIME : CDC_TIMESTAMP;
		ok = take_date(&p, end, t) && cdc_take_char(&p, end, ' ') &&
			take_time(&p, end, t, column->fsp);
	}
	return ok && p == end ? CDC_OK : bad_text(cell, err);
}

static CdcStatus
read_vector(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
			CdcError *err)
{
	(void) arena;
	(void) column;
	return cdc_vector_value((const uint8_t *) cell.data, cell.len, value, err);
}

static CdcStatus
read_geometry(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
			  CdcError *err)
{
	(void) column;
	return cdc_geometry_value(arena, (const uint8_t *) cell.data, cell.len, value, err);
}

/* What to ask for instead of the column itself. */
typedef enum Ask
{
	ASK_COLUMN,
	ASK_NUMBER,					/* CAST(column AS UNSIGNED) */
	ASK_DOUBLE					/* column * 1e0 */
} Ask;

static const struct
{
	const char *data_type;
	Ask			ask;
	ReadFn		read;
}			text_types[] = {
	{"tinyint", ASK_COLUMN, read_int},
	{"smallint", ASK_COLUMN, read_int},
	{"mediumint", ASK_COLUMN, read_int},
	{"int", ASK_COLUMN, read_int},
	{"integer", ASK_COLUMN, read_int},
	{"bigint", ASK_COLUMN, read_int},
	{"year", ASK_COLUMN, read_year},
	{"bit", ASK_NUMBER, read_uint},
	{"decimal", ASK_COLUMN, read_decimal},
	{"numeric", ASK_COLUMN, read_decimal},
	{"float", ASK_DOUBLE, read_float},
	{"double", ASK_DOUBLE, read_float},
	{"real", ASK_DOUBLE, read_float},
	{"char", ASK_COLUMN, read_text},
	{"varchar", ASK_COLUMN, read_text},
	{"tinytext", ASK_COLUMN, read_text},
	{"text", ASK_COLUMN, read_text},
	{"mediumtext", ASK_COLUMN, read_text},
	{"longtext", ASK_COLUMN, read_text},
	{"binary", ASK_COLUMN, read_bytes},
	{"varbinary", ASK_COLUMN, read_bytes},
	{"tinyblob", ASK_COLUMN, read_bytes},
	{"blob", ASK_COLUMN, read_bytes},
	{"mediumblob", ASK_COLUMN, read_bytes},
	{"longblob", ASK_COLUMN, read_bytes},
	{"enum", ASK_NUMBER, read_enum},
	{"set", ASK_NUMBER, read_set},
	{"date", ASK_COLUMN, read_temporal},
	{"time", ASK_COLUMN, read_temporal},
	{"datetime", ASK_COLUMN, read_temporal},
	{"timestamp", ASK_COLUMN, read_temporal},
	{"json", ASK_COLUMN, read_json},
	{"uuid", ASK_COLUMN, read_text},
	{"inet4", ASK_COLUMN, read_text},
	{"inet6", ASK_COLUMN, read_text},
	{"vector", ASK_COLUMN, read_vector},
	{"geometry", ASK_COLUMN, read_geometry}	/* all of the family */
};

int
cdc_text_type(const CdcColumn *column)
{
	const char *name = cdc_is_geometry_type(column->data_type) ? "geometry" : column->data_type;

	for (size_t i = 0; i < sizeof(text_types) / sizeof(text_types[0]); i++)
	{
		if (name != NULL && strcmp(name, text_types[i].data_type) == 0)
			return (int) i;
	}
	return -1;
}

bool
cdc_text_readable(const CdcColumn *column)
{
	return cdc_text_type(column) >= 0;
}

bool
cdc_select_expression(const CdcColumn *column, const char *quoted, CdcBuf *out)
{
	int			type = cdc_text_type(column);

	switch (type < 0 ? ASK_COLUMN : text_types[type].ask)
	{
		case ASK_NUMBER:
			return cdc_buf_printf(out, "CAST(%s AS UNSIGNED)", quoted);
		case ASK_DOUBLE:
			return cdc_buf_printf(out, "%s*1e0", quoted);
		case ASK_COLUMN:
			break;
	}
	return cdc_buf_append(out, quoted, strlen(quoted));
}

CdcStatus
cdc_value_from_text_as(CdcArena *arena, const CdcColumn *column, int type, CdcString cell,
					   CdcValue *value, CdcError *err)
{
	memset(value, 0, sizeof(*value));
	if (type < 0)
		return cdc_error(err, CDC_ERR_UNSUPPORTED, "type \"%s\" cannot be copied yet",
						 column->column_type != NULL ? column->column_type : "?");
	value->kind = CDC_NULL;
	if (cell.data == NULL)
		return CDC_OK;
	return text_types[type].read(arena, column, cell, value, err);
}

CdcStatus
cdc_value_from_text(CdcArena *arena, const CdcColumn *column, CdcString cell, CdcValue *value,
					CdcError *err)
{
	return cdc_value_from_text_as(arena, column, cdc_text_type(column), cell, value, err);
}

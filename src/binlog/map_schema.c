/*-------------------------------------------------------------------------
 *
 * map_schema.c
 *	  A table's definition out of its table map alone: for binlog files whose
 *	  server is not at hand.
 *
 * Where the map lacks what full row metadata tells, placeholders stand in:
 * columns are named @1, @2, ... as the servers' own mysqlbinlog names them.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/map_schema.h"

#include <stdio.h>
#include <string.h>

#include "binlog/events.h"
#include "core/collation.h"

#define TYPE_TEXT	64			/* of column types without members */
#define NAME_TEXT	260			/* 64 characters in UTF-8, a NUL */

typedef struct Maker
{
	const CdcTableMap *map;
	CdcFlavor	flavor;
	CdcCharsets *charsets;
	CdcArena   *arena;
	CdcError   *err;
	bool		placeholders;	/* for what the map does not tell */
} Maker;

static CdcStatus
no_memory(Maker *m)
{
	return cdc_error(m->err, CDC_ERR_NOMEM, "out of memory");
}

/*
 * Members that the map does not tell, by their numbers from 1 on: as many as
 * the value's bytes can mean.
 */
static CdcStatus
number_members(Maker *m, int i, CdcColumn *col)
{
	unsigned	bytes = m->map->meta[i];
	bool		is_enum = m->map->types[i] == CDC_WT_ENUM;
	int			n;
	CdcString  *members;

	if (bytes < 1 || bytes > (is_enum ? 2 : 8))
		return cdc_error(m->err, CDC_ERR_CORRUPT, "table map has an enum or set of %u bytes",
						 bytes);
	n = is_enum ? (1 << (8 * bytes)) - 1 : 8 * (int) bytes;
	members = cdc_arena_zalloc(m->arena, sizeof(CdcString) * (size_t) n);
	if (members == NULL)
		return no_memory(m);
	for (int k = 0; k < n; k++)
	{
		char		digits[16];

		members[k].len = (size_t) snprintf(digits, sizeof(digits), "%d", k + 1);
		members[k].data = cdc_arena_strndup(m->arena, digits, members[k].len);
		if (members[k].data == NULL)
			return no_memory(m);
	}
	col->members = members;
	col->nmembers = n;
	return CDC_OK;
}

/*
 * A member in UTF-8.  Where a server has put a column into another character set and left the
 * bytes of its members alone, these are no text: it shows a question mark then.
 */
static CdcStatus
make_member(Maker *m, CdcCharsetConverter *converter, const CdcString *raw, CdcString *member)
{
	bool		is_text = converter == NULL && cdc_utf8_valid((const uint8_t *) raw->data, raw->len);

	*member = *raw;
	if (converter != NULL)
	{
		CdcStatus	st = cdc_charset_to_utf8(converter, (const uint8_t *) raw->data, raw->len, m->arena, member,
											 m->err);

		if (st == CDC_OK || st == CDC_ERR_NOMEM)
			return st;
	}
	if (!is_text)
		*member = (CdcString) {"?", 1};
	member->data = cdc_arena_strndup(m->arena, member->data, member->len);
	return member->data != NULL ? CDC_OK : no_memory(m);
}

/* Members in UTF-8, and the type's text. */
static CdcStatus
make_members(Maker *m, int i, CdcColumn *col, char **text)
{
	int			n = m->map->nmembers ? m->map->nmembers[i] : 0;
	CdcCharsetConverter *converter = NULL;
	CdcString  *members = cdc_arena_zalloc(m->arena, sizeof(CdcString) * (size_t) n);
	size_t		len = 16;
	char	   *p;

	if (members == NULL)
		return no_memory(m);
	if (col->charset != NULL && !cdc_charset_is_utf8(col->charset) &&
		strcmp(col->charset, "binary") != 0)
	{
		CdcStatus	st = cdc_charset_converter(m->charsets, col->charset, &converter, m->err);

		if (st != CDC_OK)
			return st;
	}
	for (int k = 0; k < n; k++)
	{
		CdcStatus	st = make_member(m, converter, &m->map->members[i][k], &members[k]);

		if (st != CDC_OK)
			return st;
		len += 2 * members[k].len + 3;
	}
	col->members = members;
	col->nmembers = n;

	p = *text = cdc_arena_alloc(m->arena, len);
	if (p == NULL)
		return no_memory(m);
	p += sprintf(p, "%s(", col->data_type);
	for (int k = 0; k < n; k++)
	{
		if (k > 0)
			*p++ = ',';
		*p++ = '\'';
		for (size_t c = 0; c < members[k].len; c++)
		{
			if (members[k].data[c] == '\'')
				*p++ = '\'';
			*p++ = members[k].data[c];
		}
		*p++ = '\'';
	}
	strcpy(p, ")");
	return CDC_OK;
}

static void
make_integer(Maker *m, int i, CdcColumn *col, char *text)
{
	static const char *const names[] = {
		[CDC_WT_TINY] = "tinyint",[CDC_WT_SHORT] = "smallint",[CDC_WT_LONG] = "int",
		[CDC_WT_LONGLONG] = "bigint",[CDC_WT_INT24] = "mediumint"
	};

	col->data_type = names[m->map->types[i]];
	col->is_unsigned = m->map->is_unsigned != NULL && m->map->is_unsigned[i] != 0;
	snprintf(text, TYPE_TEXT, "%s%s", col->data_type, col->is_unsigned ? " unsigned" : "");
}

/* Numbers but integers. */
static void
make_number(Maker *m, int i, CdcColumn *col, char *text)
{
	uint16_t	meta = m->map->meta[i];

	switch (m->map->types[i])
	{
		case CDC_WT_NEWDECIMAL:
			col->data_type = "decimal";
			col->precision = meta & 0xff;
			col->scale = meta >> 8;
			snprintf(text, TYPE_TEXT, "decimal(%u,%u)", col->precision, col->scale);
			break;
		case CDC_WT_BIT:
			col->data_type = "bit";
			col->length = (meta >> 8) * 8u + (meta & 0xff);
			snprintf(text, TYPE_TEXT, "bit(%u)", (unsigned) col->length);
			break;
		case CDC_WT_FLOAT:
			col->data_type = "float";
			break;
		case CDC_WT_DOUBLE:
			col->data_type = "double";
			break;
		default:
			col->data_type = "year";
			break;
	}
}

static void
make_string(Maker *m, int i, CdcColumn *col, char *text)
{
	bool		is_char = m->map->types[i] == CDC_WT_STRING;
	unsigned	bytes = m->map->meta[i];

	if (m->placeholders && m->map->collations == NULL)
	{
		/* text or bytes: the bytes as they are, binary(n) not padded */
		col->charset = "binary";
		col->data_type = is_char ? "char" : "varchar";
		col->length = bytes;
	}
	else if (col->charset != NULL && strcmp(col->charset, "binary") != 0)
	{
		col->data_type = is_char ? "char" : "varchar";
		col->length = bytes / cdc_charset_max_bytes(col->charset);
	}
	else
	{
		col->data_type = is_char ? "binary" : "varbinary";
		col->length = bytes;
	}
	snprintf(text, TYPE_TEXT, "%s(%u)", col->data_type, (unsigned) col->length);
}

static CdcStatus
make_blob(Maker *m, int i, CdcColumn *col)
{
	static const char *const texts[] = {"tinytext", "text", "mediumtext", "longtext"};
	static const char *const blobs[] = {"tinyblob", "blob", "mediumblob", "longblob"};
	unsigned	prefix = m->map->meta[i];
	bool		is_text = col->charset != NULL && strcmp(col->charset, "binary") != 0;

	if (m->map->types[i] == CDC_WT_MARIA_BLOB_COMPRESSED && prefix == 0)
		prefix = 2;
	if (prefix < 1 || prefix > 4)
		return cdc_error(m->err, CDC_ERR_CORRUPT, "table map has a blob with %u bytes of length",
						 prefix);
	col->data_type = is_text ? texts[prefix - 1] : blobs[prefix - 1];
	return CDC_OK;
}

static void
make_temporal(Maker *m, int i, CdcColumn *col, char *text)
{
	switch (m->map->types[i])
	{
		case CDC_WT_DATE:
		case CDC_WT_NEWDATE:
			col->data_type = "date";
			break;
		case CDC_WT_TIME:
		case CDC_WT_TIME2:
			col->data_type = "time";
			break;
		case CDC_WT_DATETIME:
		case CDC_WT_DATETIME2:
			col->data_type = "datetime";
			break;
		default:
			col->data_type = "timestamp";
			break;
	}
	col->fsp = (uint8_t) m->map->meta[i];
	if (col->fsp > 0)
		snprintf(text, TYPE_TEXT, "%s(%u)", col->data_type, col->fsp);
}

static void
make_geometry(Maker *m, int i, CdcColumn *col)
{
	static const char *const names[] = {
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
		"multipolygon", "geomcollection"
	};
	unsigned	type = m->map->geometry_types ? m->map->geometry_types[i] : 0;

	col->data_type = names[type < 8 ? type : 0];
}

static CdcStatus
make_column(Maker *m, int i, CdcColumn *col)
{
	char	   *text = cdc_arena_zalloc(m->arena, TYPE_TEXT);
	char		name[NAME_TEXT];
	CdcStatus	st = CDC_OK;

	if (text == NULL)
		return no_memory(m);
	if (m->map->names != NULL)
		snprintf(name, sizeof(name), "%s", m->map->names[i]);
	else
		snprintf(name, sizeof(name), "@%d", i + 1);
	col->name = cdc_arena_strndup(m->arena, name, strlen(name));
	if (col->name == NULL)
		return no_memory(m);
	col->nullable = m->map->nullable[i] != 0;
	col->invisible = m->map->invisible != NULL && m->map->invisible[i] != 0;
	col->pk_index = -1;
	if (m->map->collations != NULL && m->map->collations[i] != 0)
		col->charset = cdc_collation_charset(m->map->collations[i]);
	switch (m->map->types[i])
	{
		case CDC_WT_TINY:
		case CDC_WT_SHORT:
		case CDC_WT_INT24:
		case CDC_WT_LONG:
		case CDC_WT_LONGLONG:
			make_integer(m, i, col, text);
			break;
		case CDC_WT_NEWDECIMAL:
		case CDC_WT_FLOAT:
		case CDC_WT_DOUBLE:
		case CDC_WT_BIT:
		case CDC_WT_YEAR:
			make_number(m, i, col, text);
			break;
		case CDC_WT_DATE:
		case CDC_WT_NEWDATE:
		case CDC_WT_TIME:
		case CDC_WT_DATETIME:
		case CDC_WT_TIMESTAMP:
		case CDC_WT_TIME2:
		case CDC_WT_DATETIME2:
		case CDC_WT_TIMESTAMP2:
			make_temporal(m, i, col, text);
			break;
		case CDC_WT_STRING:
		case CDC_WT_VAR_STRING:
		case CDC_WT_VARCHAR:
		case CDC_WT_MARIA_VARCHAR_COMPRESSED:
			make_string(m, i, col, text);
			break;
		case CDC_WT_BLOB:
		case CDC_WT_MARIA_BLOB_COMPRESSED:
			st = make_blob(m, i, col);
			break;
		case CDC_WT_GEOMETRY:
			make_geometry(m, i, col);
			break;
		case CDC_WT_JSON:
			col->data_type = "json";
			break;
		case CDC_WT_VECTOR:
			col->data_type = "vector";
			break;
		case CDC_WT_ENUM:
		case CDC_WT_SET:
			col->data_type = m->map->types[i] == CDC_WT_ENUM ? "enum" : "set";
			if (!m->placeholders || (m->map->members != NULL && m->map->members[i] != NULL))
				st = make_members(m, i, col, &text);
			else
				st = number_members(m, i, col);
			break;
		default:
			st = cdc_error(m->err, CDC_ERR_UNSUPPORTED, "type %u is not supported",
						   m->map->types[i]);
			break;
	}
	col->column_type = text[0] != '\0' ? text : col->data_type;
	return st;
}

static CdcStatus
make_key(Maker *m, CdcTable *table, CdcColumn *columns)
{
	int		   *pk = cdc_arena_zalloc(m->arena, sizeof(int) * (size_t) (m->map->npk + 1));

	if (pk == NULL)
		return no_memory(m);
	for (int i = 0; i < m->map->npk; i++)
	{
		pk[i] = m->map->pk[i];
		columns[pk[i]].pk_index = i;
	}
	table->pk = pk;
	table->npk = m->map->npk;
	return CDC_OK;
}

/* *result is NULL when the map tells too little and there are no placeholders. */
static CdcStatus
make_table(Maker *m, const CdcTable **result)
{
	const CdcTableMap *map = m->map;
	CdcTable   *table;
	CdcColumn  *columns;
	size_t		len;
	char	   *name;

	*result = NULL;
	if (map->names == NULL && !m->placeholders)
		return CDC_OK;
	table = cdc_arena_zalloc(m->arena, sizeof(*table));
	columns = cdc_arena_zalloc(m->arena, sizeof(*columns) * (size_t) map->ncolumns);
	len = strlen(map->database) + 1 + strlen(map->table) + 1;
	name = cdc_arena_alloc(m->arena, len);
	if (table == NULL || columns == NULL || name == NULL)
		return no_memory(m);
	snprintf(name, len, "%s.%s", map->database, map->table);
	table->database = cdc_arena_strndup(m->arena, map->database, strlen(map->database));
	table->name = cdc_arena_strndup(m->arena, map->table, strlen(map->table));
	if (table->database == NULL || table->name == NULL)
		return no_memory(m);
	table->full_name = name;
	table->ncolumns = map->ncolumns;
	table->columns = columns;
	for (int i = 0; i < map->ncolumns; i++)
	{
		CdcStatus	st;

		/* a table without any number has no signedness field */
		if (map->types[i] <= CDC_WT_INT24 && map->is_unsigned == NULL && !m->placeholders &&
			map->types[i] != CDC_WT_TIMESTAMP && map->types[i] != CDC_WT_NULL)
			return CDC_OK;
		st = make_column(m, i, &columns[i]);
		if (st != CDC_OK)
		{
			cdc_error_column(m->err, map->database, map->table,
							 map->names != NULL ? map->names[i] : "");
			return st;
		}
	}
	*result = table;
	return make_key(m, table, columns);
}

CdcStatus
cdc_map_schema(const CdcTableMap *map, CdcFlavor flavor, CdcCharsets *charsets,
			   CdcArena *arena, const CdcTable **table, CdcError *err)
{
	Maker		m = {map, flavor, charsets, arena, err, false};

	return make_table(&m, table);
}

CdcStatus
cdc_map_schema_placeholders(const CdcTableMap *map, CdcFlavor flavor, CdcCharsets *charsets,
							CdcArena *arena, const CdcTable **table, CdcError *err)
{
	Maker		m = {map, flavor, charsets, arena, err, true};

	return make_table(&m, table);
}

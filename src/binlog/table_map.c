/*-------------------------------------------------------------------------
 *
 * table_map.c
 *	  The table map event: a table as its row events are written.
 *
 * Post-header: table id (6 bytes; 4 in very old files), flags u16.  Body: the
 * names of database and table (length, text, NUL), the number of columns, a
 * type byte each, the length of the types' metadata and these, a bitmap of
 * nullable columns; then, from MySQL 8.0.1 and MariaDB 10.5 on, optional
 * metadata as type u8, length, value.  Numbers are length-encoded integers.
 * Source: MySQL's libs/mysql/binlog/event/rows_event.h (Table_map_event),
 * MariaDB's sql/log_event_server.cc (Table_map_log_event::init_metadata_fields).
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/table_map.h"

#include <string.h>

enum
{
	META_SIGNEDNESS = 1,
	META_DEFAULT_CHARSET = 2,
	META_COLUMN_CHARSET = 3,
	META_COLUMN_NAME = 4,
	META_SET_STR_VALUE = 5,
	META_ENUM_STR_VALUE = 6,
	META_GEOMETRY_TYPE = 7,
	META_SIMPLE_PRIMARY_KEY = 8,
	META_PRIMARY_KEY_WITH_PREFIX = 9,
	META_ENUM_AND_SET_DEFAULT_CHARSET = 10,
	META_ENUM_AND_SET_COLUMN_CHARSET = 11,
	META_COLUMN_VISIBILITY = 12,
	META_VECTOR_DIMENSIONALITY = 13
};

typedef struct MapParser
{
	CdcTableMap *map;
	CdcFlavor	flavor;
	CdcArena   *arena;
	CdcError   *err;
	uint8_t    *types;
	uint16_t   *meta;
	uint16_t   *collations;		/* NULL until some field tells */
} MapParser;

uint64_t
cdc_read_table_id(CdcReader *r, const CdcFormat *format, uint8_t type)
{
	return cdc_read_le(r, format->post_header[type] == 6 ? 4 : 6);
}

static CdcStatus
malformed(MapParser *mp)
{
	return cdc_error(mp->err, CDC_ERR_CORRUPT, "table map event is malformed");
}

static CdcStatus
no_memory(MapParser *mp)
{
	return cdc_error(mp->err, CDC_ERR_NOMEM, "out of memory");
}

/* A name with its length before and a NUL behind it. */
static const char *
read_name(MapParser *mp, CdcReader *r)
{
	uint64_t	len = cdc_read_packed(r);
	const uint8_t *p = cdc_read_bytes(r, len);

	cdc_read_bytes(r, 1);
	if (r->failed || memchr(p, 0, (size_t) len) != NULL)
	{
		r->failed = true;
		return NULL;
	}
	return cdc_arena_strndup(mp->arena, (const char *) p, (size_t) len);
}

/*
 * One column's metadata.  CHAR, ENUM and SET come as type STRING with the
 * real type in the first byte; of CHAR's length bits 8 and 9 are hidden,
 * inverted, in bits 4 and 5 of that byte.
 */
static void
read_column_meta(CdcReader *r, uint8_t *type, uint16_t *meta)
{
	switch (*type)
	{
		case CDC_WT_FLOAT:
		case CDC_WT_DOUBLE:
		case CDC_WT_BLOB:
		case CDC_WT_TINY_BLOB:
		case CDC_WT_MEDIUM_BLOB:
		case CDC_WT_LONG_BLOB:
		case CDC_WT_GEOMETRY:
		case CDC_WT_JSON:
		case CDC_WT_VECTOR:
		case CDC_WT_TIME2:
		case CDC_WT_DATETIME2:
		case CDC_WT_TIMESTAMP2:
		case CDC_WT_MARIA_BLOB_COMPRESSED:
			*meta = (uint16_t) cdc_read_le(r, 1);
			break;
		case CDC_WT_VARCHAR:
		case CDC_WT_BIT:
		case CDC_WT_MARIA_VARCHAR_COMPRESSED:
			*meta = (uint16_t) cdc_read_le(r, 2);
			break;
		case CDC_WT_NEWDECIMAL:
			*meta = (uint16_t) cdc_read_le(r, 1);	/* precision, then scale */
			*meta |= (uint16_t) (cdc_read_le(r, 1) << 8);
			break;
		case CDC_WT_STRING:
		case CDC_WT_VAR_STRING:
		case CDC_WT_ENUM:
		case CDC_WT_SET:
			{
				unsigned	real = (unsigned) cdc_read_le(r, 1);
				unsigned	len = (unsigned) cdc_read_le(r, 1);

				if (real == CDC_WT_ENUM || real == CDC_WT_SET)
				{
					*type = (uint8_t) real;
					*meta = (uint16_t) len;
				}
				else
					*meta = (uint16_t) (len | ((real & 0x30) ^ 0x30) << 4);
				break;
			}
		default:
			*meta = 0;
			break;
	}
}

static bool
is_numeric(const MapParser *mp, int i)
{
	switch (mp->types[i])
	{
		case CDC_WT_TINY:
		case CDC_WT_SHORT:
		case CDC_WT_INT24:
		case CDC_WT_LONG:
		case CDC_WT_LONGLONG:
		case CDC_WT_NEWDECIMAL:
		case CDC_WT_DECIMAL:
		case CDC_WT_FLOAT:
		case CDC_WT_DOUBLE:
			return true;
		case CDC_WT_YEAR:
			return true;
		default:
			return false;
	}
}

static bool
is_character(const MapParser *mp, int i)
{
	switch (mp->types[i])
	{
		case CDC_WT_STRING:
		case CDC_WT_VAR_STRING:
		case CDC_WT_VARCHAR:
		case CDC_WT_BLOB:
		case CDC_WT_TINY_BLOB:
		case CDC_WT_MEDIUM_BLOB:
		case CDC_WT_LONG_BLOB:
		case CDC_WT_MARIA_BLOB_COMPRESSED:
		case CDC_WT_MARIA_VARCHAR_COMPRESSED:
		case CDC_WT_VECTOR:		/* MySQL's; of the collation "binary" */
			return true;
		case CDC_WT_GEOMETRY:
			return mp->flavor == CDC_MARIADB;
		default:
			return false;
	}
}

static bool
is_enum_or_set(const MapParser *mp, int i)
{
	return mp->types[i] == CDC_WT_ENUM || mp->types[i] == CDC_WT_SET;
}

/* A bitmap, most significant bit first, one bit for each numeric column. */
static CdcStatus
parse_signedness(MapParser *mp, CdcReader *r)
{
	uint8_t    *result = cdc_arena_zalloc(mp->arena, (size_t) mp->map->ncolumns);
	int			bit = 0;

	if (result == NULL)
		return no_memory(mp);
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		if (!is_numeric(mp, i))
			continue;
		if ((size_t) (bit / 8) >= cdc_reader_left(r))
			return malformed(mp);
		result[i] = (r->p[bit / 8] >> (7 - bit % 8)) & 1;
		bit++;
	}
	mp->map->is_unsigned = result;
	return CDC_OK;
}

static CdcStatus
need_collations(MapParser *mp)
{
	if (mp->collations == NULL)
	{
		mp->collations = cdc_arena_zalloc(mp->arena,
										  sizeof(uint16_t) * (size_t) mp->map->ncolumns);
		if (mp->collations == NULL)
			return no_memory(mp);
		mp->map->collations = mp->collations;
	}
	return CDC_OK;
}

/* One collation for most columns, then pairs (index among them, collation). */
static CdcStatus
parse_default_charset(MapParser *mp, CdcReader *r,
					  bool (*concerns) (const MapParser *, int))
{
	uint16_t	collation = (uint16_t) cdc_read_packed(r);
	uint64_t	next = UINT64_MAX;
	uint64_t	n = 0;
	CdcStatus	st = need_collations(mp);

	if (st != CDC_OK)
		return st;
	if (cdc_reader_left(r) > 0)
		next = cdc_read_packed(r);
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		if (!concerns(mp, i))
			continue;
		mp->collations[i] = collation;
		if (n++ == next)
		{
			mp->collations[i] = (uint16_t) cdc_read_packed(r);
			next = cdc_reader_left(r) > 0 ? cdc_read_packed(r) : UINT64_MAX;
		}
	}
	return r->failed ? malformed(mp) : CDC_OK;
}

static CdcStatus
parse_column_charset(MapParser *mp, CdcReader *r,
					 bool (*concerns) (const MapParser *, int))
{
	CdcStatus	st = need_collations(mp);

	if (st != CDC_OK)
		return st;
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		if (concerns(mp, i))
			mp->collations[i] = (uint16_t) cdc_read_packed(r);
	}
	return r->failed ? malformed(mp) : CDC_OK;
}

static CdcStatus
parse_column_names(MapParser *mp, CdcReader *r)
{
	const char **names = cdc_arena_zalloc(mp->arena,
										  sizeof(char *) * (size_t) mp->map->ncolumns);

	if (names == NULL)
		return no_memory(mp);
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		uint64_t	len = cdc_read_packed(r);
		const uint8_t *p = cdc_read_bytes(r, len);

		if (p == NULL || memchr(p, 0, (size_t) len) != NULL)
			return malformed(mp);
		names[i] = cdc_arena_strndup(mp->arena, (const char *) p, (size_t) len);
		if (names[i] == NULL)
			return no_memory(mp);
	}
	mp->map->names = names;
	return CDC_OK;
}

/* For each column of that type: the number of members, then the members. */
static CdcStatus
parse_members(MapParser *mp, CdcReader *r, uint8_t type)
{
	size_t		ncolumns = (size_t) mp->map->ncolumns;
	int		   *nmembers = (int *) mp->map->nmembers;
	const CdcString **members = (const CdcString **) mp->map->members;

	if (nmembers == NULL)
	{
		nmembers = cdc_arena_zalloc(mp->arena, sizeof(int) * ncolumns);
		members = cdc_arena_zalloc(mp->arena, sizeof(CdcString *) * ncolumns);
		if (nmembers == NULL || members == NULL)
			return no_memory(mp);
		mp->map->nmembers = nmembers;
		mp->map->members = members;
	}
	for (size_t i = 0; i < ncolumns; i++)
	{
		uint64_t	n;
		CdcString  *list;

		if (mp->types[i] != type)
			continue;
		n = cdc_read_packed(r);
		if (r->failed || n > cdc_reader_left(r))
			return malformed(mp);	/* each one takes a byte at least */
		list = cdc_arena_zalloc(mp->arena, sizeof(CdcString) * (size_t) (n + 1));
		if (list == NULL)
			return no_memory(mp);
		for (uint64_t k = 0; k < n; k++)
		{
			uint64_t	len = cdc_read_packed(r);
			const uint8_t *p = cdc_read_bytes(r, len);

			if (p == NULL)
				return malformed(mp);
			list[k].data = cdc_arena_strndup(mp->arena, (const char *) p, (size_t) len);
			list[k].len = (size_t) len;
			if (list[k].data == NULL)
				return no_memory(mp);
		}
		nmembers[i] = (int) n;
		members[i] = list;
	}
	return CDC_OK;
}

static CdcStatus
parse_primary_key(MapParser *mp, CdcReader *r, bool with_prefix)
{
	size_t		max = cdc_reader_left(r);
	int		   *pk;
	uint32_t   *prefix;
	int			n = 0;

	if (max > (size_t) mp->map->ncolumns * 6)
		return malformed(mp);
	pk = cdc_arena_zalloc(mp->arena, sizeof(int) * (max + 1));
	prefix = cdc_arena_zalloc(mp->arena, sizeof(uint32_t) * (max + 1));
	if (pk == NULL || prefix == NULL)
		return no_memory(mp);
	while (cdc_reader_left(r) > 0)
	{
		uint64_t	column = cdc_read_packed(r);
		uint64_t	len = with_prefix ? cdc_read_packed(r) : 0;

		if (r->failed || column >= (uint64_t) mp->map->ncolumns || len > UINT32_MAX)
			return malformed(mp);
		pk[n] = (int) column;
		prefix[n++] = (uint32_t) len;
	}
	mp->map->pk = pk;
	mp->map->pk_prefix = prefix;
	mp->map->npk = n;
	return CDC_OK;
}

static CdcStatus
parse_geometry_types(MapParser *mp, CdcReader *r)
{
	uint8_t    *result = cdc_arena_zalloc(mp->arena, (size_t) mp->map->ncolumns);

	if (result == NULL)
		return no_memory(mp);
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		if (mp->types[i] == CDC_WT_GEOMETRY)
			result[i] = (uint8_t) cdc_read_packed(r);
	}
	mp->map->geometry_types = result;
	return r->failed ? malformed(mp) : CDC_OK;
}

/* A bitmap, most significant bit first: 1 = visible. */
static CdcStatus
parse_visibility(MapParser *mp, CdcReader *r)
{
	uint8_t    *result = cdc_arena_zalloc(mp->arena, (size_t) mp->map->ncolumns);

	if (result == NULL)
		return no_memory(mp);
	if (cdc_reader_left(r) < ((size_t) mp->map->ncolumns + 7) / 8)
		return malformed(mp);
	for (int i = 0; i < mp->map->ncolumns; i++)
		result[i] = !((r->p[i / 8] >> (7 - i % 8)) & 1);
	mp->map->invisible = result;
	return CDC_OK;
}

static CdcStatus
parse_dimensions(MapParser *mp, CdcReader *r)
{
	uint32_t   *result = cdc_arena_zalloc(mp->arena,
										  sizeof(uint32_t) * (size_t) mp->map->ncolumns);

	if (result == NULL)
		return no_memory(mp);
	for (int i = 0; i < mp->map->ncolumns; i++)
	{
		if (mp->types[i] == CDC_WT_VECTOR)
			result[i] = (uint32_t) cdc_read_packed(r);
	}
	mp->map->dimensions = result;
	return r->failed ? malformed(mp) : CDC_OK;
}

static CdcStatus
parse_optional_field(MapParser *mp, uint8_t type, CdcReader *r)
{
	switch (type)
	{
		case META_SIGNEDNESS:
			return parse_signedness(mp, r);
		case META_DEFAULT_CHARSET:
			return parse_default_charset(mp, r, is_character);
		case META_COLUMN_CHARSET:
			return parse_column_charset(mp, r, is_character);
		case META_ENUM_AND_SET_DEFAULT_CHARSET:
			return parse_default_charset(mp, r, is_enum_or_set);
		case META_ENUM_AND_SET_COLUMN_CHARSET:
			return parse_column_charset(mp, r, is_enum_or_set);
		case META_COLUMN_NAME:
			return parse_column_names(mp, r);
		case META_SET_STR_VALUE:
			return parse_members(mp, r, CDC_WT_SET);
		case META_ENUM_STR_VALUE:
			return parse_members(mp, r, CDC_WT_ENUM);
		case META_GEOMETRY_TYPE:
			return parse_geometry_types(mp, r);
		case META_SIMPLE_PRIMARY_KEY:
			return parse_primary_key(mp, r, false);
		case META_PRIMARY_KEY_WITH_PREFIX:
			return parse_primary_key(mp, r, true);
		case META_COLUMN_VISIBILITY:
			return parse_visibility(mp, r);
		case META_VECTOR_DIMENSIONALITY:
			return parse_dimensions(mp, r);
		default:
			return CDC_OK;		/* told by a newer server; nothing depends on it */
	}
}

static CdcStatus
parse_columns(MapParser *mp, CdcReader *r)
{
	CdcTableMap *map = mp->map;
	uint64_t	n = cdc_read_packed(r);
	size_t		ncolumns = (size_t) n;
	const uint8_t *types = cdc_read_bytes(r, n);
	uint64_t	meta_len;
	const uint8_t *p;
	uint8_t    *nullable;
	CdcReader	meta;

	if (r->failed || n == 0 || n > CDC_MAX_COLUMNS)
		return malformed(mp);
	map->ncolumns = (int) n;
	mp->types = cdc_arena_alloc(mp->arena, ncolumns);
	mp->meta = cdc_arena_zalloc(mp->arena, sizeof(uint16_t) * ncolumns);
	nullable = cdc_arena_zalloc(mp->arena, ncolumns);
	if (mp->types == NULL || mp->meta == NULL || nullable == NULL)
		return no_memory(mp);
	memcpy(mp->types, types, ncolumns);

	meta_len = cdc_read_packed(r);
	p = cdc_read_bytes(r, meta_len);
	if (p == NULL)
		return malformed(mp);
	cdc_reader_init(&meta, p, (size_t) meta_len);
	for (size_t i = 0; i < ncolumns; i++)
	{
		/* element type and its metadata: no table of a user has such a column */
		if (mp->types[i] == CDC_WT_TYPED_ARRAY)
			return cdc_error(mp->err, CDC_ERR_UNSUPPORTED,
							 "table map has a column of type array");
		read_column_meta(&meta, &mp->types[i], &mp->meta[i]);
	}
	if (meta.failed)
		return malformed(mp);

	p = cdc_read_bytes(r, (n + 7) / 8);
	if (p == NULL)
		return malformed(mp);
	for (size_t i = 0; i < ncolumns; i++)
		nullable[i] = p[i / 8] >> (i % 8) & 1;
	map->types = mp->types;
	map->meta = mp->meta;
	map->nullable = nullable;
	return CDC_OK;
}

CdcStatus
cdc_table_map_parse(CdcTableMap *map, const CdcFormat *format, const uint8_t *event,
					size_t len, CdcArena *arena, CdcError *err)
{
	MapParser	mp = {.map = map,.flavor = format->flavor,.arena = arena,.err = err};
	CdcReader	r;
	CdcStatus	st;

	memset(map, 0, sizeof(*map));
	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	map->table_id = cdc_read_table_id(&r, format, CDC_EV_TABLE_MAP);
	cdc_read_bytes(&r, 2);		/* flags */
	map->database = read_name(&mp, &r);
	if (!r.failed)
		map->table = read_name(&mp, &r);
	if (r.failed)
		return malformed(&mp);
	if (map->database == NULL || map->table == NULL)
		return no_memory(&mp);
	st = parse_columns(&mp, &r);
	while (st == CDC_OK && cdc_reader_left(&r) > 0)
	{
		uint8_t		type = (uint8_t) cdc_read_le(&r, 1);
		uint64_t	field_len = cdc_read_packed(&r);
		const uint8_t *p = cdc_read_bytes(&r, field_len);
		CdcReader	field;

		if (p == NULL)
			return malformed(&mp);
		cdc_reader_init(&field, p, (size_t) field_len);
		st = parse_optional_field(&mp, type, &field);
	}
	return st;
}

#define HIDDEN_NAME		"DB_ROW_HASH_"

int
cdc_table_map_hidden(const CdcTableMap *map, CdcFlavor flavor)
{
	int			n = 0;

	if (flavor != CDC_MARIADB)
		return 0;
	while (n + 1 < map->ncolumns)
	{
		int			i = map->ncolumns - 1 - n;

		if (map->types[i] != CDC_WT_LONGLONG ||
			(map->names != NULL && strncmp(map->names[i], HIDDEN_NAME, strlen(HIDDEN_NAME)) != 0))
			break;
		for (int k = 0; k < map->npk; k++)
			if (map->pk[k] == i)
				return n;
		n++;
	}
	return n;
}

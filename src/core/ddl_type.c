/*-------------------------------------------------------------------------
 *
 * ddl_type.c
 *	  A column's type in DDL, and how information_schema prints it.
 *
 * Synonyms and defaults of lengths: "Data Type Default Values" and "Using Data
 * Types from Other Database Engines" in MySQL's manual, the "Data Types" pages
 * of MariaDB's; what is printed was read off the servers.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_VARCHAR_BYTES	65535
/* how MariaDB shows that a column is compressed, behind its type */
#define COMPRESSED			" /*M!100301 COMPRESSED*/"

typedef struct TypeName
{
	const char *word;			/* as written */
	CdcTypeClass class;
	const char *type;			/* as printed */
} TypeName;

static const TypeName type_names[] = {
	{"tinyint", CDC_TC_INTEGER, "tinyint"}, {"int1", CDC_TC_INTEGER, "tinyint"},
	{"smallint", CDC_TC_INTEGER, "smallint"}, {"int2", CDC_TC_INTEGER, "smallint"},
	{"mediumint", CDC_TC_INTEGER, "mediumint"}, {"int3", CDC_TC_INTEGER, "mediumint"},
	{"middleint", CDC_TC_INTEGER, "mediumint"},
	{"int", CDC_TC_INTEGER, "int"}, {"integer", CDC_TC_INTEGER, "int"},
	{"int4", CDC_TC_INTEGER, "int"},
	{"bigint", CDC_TC_INTEGER, "bigint"}, {"int8", CDC_TC_INTEGER, "bigint"},
	{"decimal", CDC_TC_DECIMAL, "decimal"}, {"numeric", CDC_TC_DECIMAL, "decimal"},
	{"dec", CDC_TC_DECIMAL, "decimal"}, {"fixed", CDC_TC_DECIMAL, "decimal"},
	{"float", CDC_TC_FLOAT, "float"}, {"float4", CDC_TC_FLOAT, "float"},
	{"double", CDC_TC_FLOAT, "double"}, {"float8", CDC_TC_FLOAT, "double"},
	{"real", CDC_TC_FLOAT, "double"},
	{"bit", CDC_TC_BIT, "bit"}, {"year", CDC_TC_YEAR, "year"}, {"date", CDC_TC_DATE, "date"},
	{"time", CDC_TC_TIME, "time"}, {"datetime", CDC_TC_TIME, "datetime"},
	{"timestamp", CDC_TC_TIME, "timestamp"},
	{"char", CDC_TC_CHAR, "char"}, {"character", CDC_TC_CHAR, "char"},
	{"varchar", CDC_TC_CHAR, "varchar"}, {"varcharacter", CDC_TC_CHAR, "varchar"},
	{"binary", CDC_TC_BINARY, "binary"}, {"varbinary", CDC_TC_BINARY, "varbinary"},
	{"tinytext", CDC_TC_TEXT, "tinytext"}, {"text", CDC_TC_TEXT, "text"},
	{"mediumtext", CDC_TC_TEXT, "mediumtext"}, {"longtext", CDC_TC_TEXT, "longtext"},
	{"tinyblob", CDC_TC_BLOB, "tinyblob"}, {"blob", CDC_TC_BLOB, "blob"},
	{"mediumblob", CDC_TC_BLOB, "mediumblob"}, {"longblob", CDC_TC_BLOB, "longblob"},
	{"enum", CDC_TC_MEMBERS, "enum"}, {"set", CDC_TC_MEMBERS, "set"},
	{"json", CDC_TC_JSON, "json"}, {"vector", CDC_TC_VECTOR, "vector"},
	{"geometry", CDC_TC_OTHER, "geometry"}, {"point", CDC_TC_OTHER, "point"},
	{"linestring", CDC_TC_OTHER, "linestring"}, {"polygon", CDC_TC_OTHER, "polygon"},
	{"multipoint", CDC_TC_OTHER, "multipoint"},
	{"multilinestring", CDC_TC_OTHER, "multilinestring"},
	{"multipolygon", CDC_TC_OTHER, "multipolygon"},
	{"geometrycollection", CDC_TC_OTHER, "geometrycollection"},
	{"geomcollection", CDC_TC_OTHER, "geometrycollection"},
	{"uuid", CDC_TC_OTHER, "uuid"}, {"inet4", CDC_TC_OTHER, "inet4"},
	{"inet6", CDC_TC_OTHER, "inet6"}
};

static bool
is_mysql(const CdcDdlParser *p, unsigned from)
{
	const CdcDdlServer *server = p->context->server;

	return server->flavor == CDC_MYSQL && server->version >= from;
}

static bool
read_args(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (!cdc_sql_take_symbol(&p->c, '('))
		return true;
	do
	{
		if (col->nargs == 2)
			return cdc_ddl_give_up(p, "a type has too many numbers");
		if (!cdc_ddl_uint(p, &col->args[col->nargs++]))
			return false;
	} while (cdc_sql_take_symbol(&p->c, ','));
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "a type's numbers do not end");
}

/* Appends a member as append_unescaped() in MySQL's sql/unireg.cc does. */
static bool
put_member(CdcBuf *buf, CdcString member)
{
	bool		ok = cdc_buf_append(buf, buf->len > 0 ? ",'" : "'", buf->len > 0 ? 2 : 1);

	for (size_t i = 0; ok && i < member.len; i++)
	{
		char		c = member.data[i];

		switch (c)
		{
			case '\0':
				ok = cdc_buf_append(buf, "\\0", 2);
				break;
			case '\n':
				ok = cdc_buf_append(buf, "\\n", 2);
				break;
			case '\r':
				ok = cdc_buf_append(buf, "\\r", 2);
				break;
			case '\\':
				ok = cdc_buf_append(buf, "\\\\", 2);
				break;
			case '\'':
				ok = cdc_buf_append(buf, "''", 2);
				break;
			default:
				ok = cdc_buf_append(buf, &c, 1);
				break;
		}
	}
	return ok && cdc_buf_append(buf, "'", 1);
}

static bool
read_members(CdcDdlParser *p, CdcDdlColumn *col)
{
	int			room = 0;

	if (!cdc_sql_take_symbol(&p->c, '('))
		return cdc_ddl_give_up(p, "an enum has no members");
	do
	{
		if (col->nmembers == room)
		{
			CdcString  *more;

			room = room == 0 ? 16 : room * 2;
			more = cdc_ddl_alloc(p, sizeof(CdcString) * (size_t) room);
			if (more == NULL)
				return false;
			if (col->nmembers > 0)
				memcpy(more, col->members, sizeof(CdcString) * (size_t) col->nmembers);
			col->members = more;
		}
		if (!cdc_ddl_string(p, &col->members[col->nmembers]))
			return false;
		col->nmembers++;
	} while (cdc_sql_take_symbol(&p->c, ','));
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "an enum does not end");
}

/* UNSIGNED, CHARACTER SET and the like, directly behind the type. */
static bool
read_type_attributes(CdcDdlParser *p, CdcDdlColumn *col)
{
	for (;;)
	{
		CdcDdlCharset charset = {0};
		bool		taken;

		if (cdc_sql_take_word(&p->c, "unsigned"))
			col->is_unsigned = true;
		else if (cdc_sql_take_word(&p->c, "zerofill"))
			col->is_unsigned = col->zerofill = true;
		else if (cdc_sql_take_word(&p->c, "signed"))
			continue;
		else if (cdc_sql_take_word(&p->c, "ascii"))
			col->charset = "latin1";
		else if (cdc_sql_take_word(&p->c, "unicode"))
			col->charset = "ucs2";
		else if (cdc_sql_take_word(&p->c, "byte"))
			col->charset = "binary";
		else if (cdc_sql_take_word(&p->c, "binary"))
			col->binary = true;
		else if (cdc_sql_at_word(&p->c, "default"))
			return true;		/* a value follows, and no character set */
		else
		{
			if (!cdc_ddl_charset_clause(p, &charset, &taken))
				return false;
			if (!taken)
				return true;
			if (charset.charset != NULL)
				col->charset = charset.charset;
			if (charset.collation != NULL)
				col->collation = charset.collation;
		}
	}
}

static void
set_type(CdcDdlColumn *col, CdcTypeClass class, const char *type)
{
	col->class = class;
	col->type = type;
}

/* VARYING behind CHAR and its synonyms */
static void
take_varying(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (cdc_sql_take_word(&p->c, "varying"))
		col->type = "varchar";
}

/* Types of several words; *taken: there was one. */
static bool
read_compound(CdcDdlParser *p, CdcDdlColumn *col, bool *taken)
{
	*taken = true;
	if (cdc_sql_take_word(&p->c, "national") || cdc_sql_at_word(&p->c, "nchar") ||
		cdc_sql_at_word(&p->c, "nvarchar"))
	{
		col->charset = "utf8";
		if (cdc_sql_take_word(&p->c, "nchar") || cdc_sql_take_word(&p->c, "char") ||
			cdc_sql_take_word(&p->c, "character"))
		{
			set_type(col, CDC_TC_CHAR, "char");
			if (cdc_sql_take_word(&p->c, "varchar"))
				col->type = "varchar";
			take_varying(p, col);
		}
		else if (cdc_sql_take_word(&p->c, "nvarchar") || cdc_sql_take_word(&p->c, "varchar") ||
				 cdc_sql_take_word(&p->c, "varcharacter"))
			set_type(col, CDC_TC_CHAR, "varchar");
		else
			return cdc_ddl_give_up(p, "a national type is not known");
	}
	else if (cdc_sql_take_word(&p->c, "long"))
	{
		if (cdc_sql_take_word(&p->c, "varbinary"))
			set_type(col, CDC_TC_BLOB, "mediumblob");
		else
		{
			set_type(col, CDC_TC_TEXT, "mediumtext");
			if (!cdc_sql_take_word(&p->c, "varchar") && !cdc_sql_take_word(&p->c, "varcharacter") &&
				!cdc_sql_take_words(&p->c, "char", "varying"))
				(void) cdc_sql_take_words(&p->c, "character", "varying");
		}
	}
	else if (cdc_sql_take_word(&p->c, "bool") || cdc_sql_take_word(&p->c, "boolean"))
	{
		set_type(col, CDC_TC_INTEGER, "tinyint");
		col->nargs = 1;
		col->args[0] = 1;
	}
	else if (cdc_sql_take_word(&p->c, "serial"))
	{
		set_type(col, CDC_TC_INTEGER, "bigint");
		col->is_unsigned = col->auto_increment = col->not_null = col->null_given = true;
	}
	else
		*taken = false;
	return true;
}

/* REAL is FLOAT in sql_mode REAL_AS_FLOAT, and in Oracle's nearly all differs. */
#define SQL_REAL_AS_FLOAT	UINT64_C(0x1)
#define SQL_ORACLE			UINT64_C(0x200)

bool
cdc_ddl_type(CdcDdlParser *p, CdcDdlColumn *col)
{
	const TypeName *found = NULL;
	bool		taken;

	if (p->context->server->flavor == CDC_MARIADB && (p->context->sql_mode & SQL_ORACLE) != 0)
		return cdc_ddl_give_up(p, "the statement was run in sql_mode ORACLE");
	if (!read_compound(p, col, &taken))
		return false;
	if (taken)
	{
		if (col->nargs == 0 && !col->auto_increment && !read_args(p, col))
			return false;
		return read_type_attributes(p, col);
	}
	for (size_t i = 0; found == NULL && i < sizeof(type_names) / sizeof(type_names[0]); i++)
	{
		if (cdc_sql_at_word(&p->c, type_names[i].word))
			found = &type_names[i];
	}
	if (found == NULL)
		return cdc_ddl_give_up(p, "a column's type is not known");
	set_type(col, found->class, found->type);
	if (strcmp(found->word, "real") == 0 && (p->context->sql_mode & SQL_REAL_AS_FLOAT) != 0)
		col->type = "float";
	cdc_sql_advance(&p->c);
	if (strcmp(found->word, "double") == 0)
		(void) cdc_sql_take_word(&p->c, "precision");
	if (strcmp(found->type, "char") == 0)
		take_varying(p, col);
	if (col->class == CDC_TC_MEMBERS ? !read_members(p, col) : !read_args(p, col))
		return false;
	return read_type_attributes(p, col);
}

/* ---- printing ---- */

static const char *
integer_text(CdcDdlParser *p, const CdcDdlColumn *col)
{
	static const struct
	{
		const char *type;
		unsigned	width;
		unsigned	unsigned_width;
	}			widths[] = {
		{"tinyint", 4, 3}, {"smallint", 6, 5}, {"mediumint", 9, 8}, {"int", 11, 10}, {"bigint", 20, 20}
	};
	unsigned	width = 0;

	for (int i = 0; i < 5; i++)
	{
		if (strcmp(widths[i].type, col->type) == 0)
			width = col->is_unsigned ? widths[i].unsigned_width : widths[i].width;
	}

	/* 0 asks for the default width */
	if (col->nargs > 0 && col->args[0] > 0)
		width = col->args[0];

	/* from 8.0.19 on MySQL shows widths where they have a meaning only */
	if (is_mysql(p, 80019) && !col->zerofill &&
		!(strcmp(col->type, "tinyint") == 0 && width == 1 && !col->is_unsigned))
		return cdc_ddl_printf(p, "%s%s", col->type, col->is_unsigned ? " unsigned" : "");
	return cdc_ddl_printf(p, "%s(%u)%s%s", col->type, width, col->is_unsigned ? " unsigned" : "",
						  col->zerofill ? " zerofill" : "");
}

static const char *
number_text(CdcDdlParser *p, const CdcDdlColumn *col)
{
	const char *type = col->type;
	const char *sign = col->is_unsigned ? " unsigned" : "";
	const char *fill = col->zerofill ? " zerofill" : "";

	if (col->class == CDC_TC_DECIMAL)
		return cdc_ddl_printf(p, "decimal(%u,%u)%s%s",
							  col->nargs > 0 && col->args[0] > 0 ? col->args[0] : 10,
							  col->nargs > 1 ? col->args[1] : 0, sign, fill);
	if (col->nargs == 2)
		return cdc_ddl_printf(p, "%s(%u,%u)%s%s", type, col->args[0], col->args[1], sign, fill);

	/* a precision in bits */
	if (col->nargs == 1)
		type = col->args[0] > 24 || strcmp(type, "double") == 0 ? "double" : "float";
	return cdc_ddl_printf(p, "%s%s%s", type, sign, fill);
}

/* The smallest text or blob for this many bytes. */
static const char *
blob_text(bool text, uint64_t bytes)
{
	static const char *const texts[] = {"tinytext", "text", "mediumtext", "longtext"};
	static const char *const blobs[] = {"tinyblob", "blob", "mediumblob", "longblob"};
	int			size = bytes < 256 ? 0 : bytes < 65536 ? 1 : bytes < 16777216 ? 2 : 3;

	return text ? texts[size] : blobs[size];
}

/*
 * Strings.  A character set "binary" makes them binary; what is too long for a
 * varchar was made a text or blob, or it would not be in the binlog.
 */
static const char *
string_text(CdcDdlParser *p, const CdcDdlColumn *col, const char *charset)
{
	bool		text = (col->class == CDC_TC_CHAR || col->class == CDC_TC_TEXT) &&
		strcmp(charset, "binary") != 0;
	uint64_t	bytes = text ? cdc_charset_max_bytes(charset) : 1;
	uint32_t	length = col->nargs > 0 ? col->args[0] : 1;
	bool		varying = strncmp(col->type, "var", 3) == 0;

	if (col->class == CDC_TC_TEXT || col->class == CDC_TC_BLOB)
	{
		/* "text" may come with a length, its sizes do not */
		if (col->nargs > 0 && col->args[0] > 0 &&
			(strcmp(col->type, "text") == 0 || strcmp(col->type, "blob") == 0))
			return blob_text(text, bytes * length);
		return strncmp(col->type, "tiny", 4) == 0 ? blob_text(text, 1) :
			strncmp(col->type, "medium", 6) == 0 ? blob_text(text, 65536) :
			strncmp(col->type, "long", 4) == 0 ? blob_text(text, UINT32_MAX) :
			blob_text(text, 256);
	}
	if (varying && bytes * length > MAX_VARCHAR_BYTES)
		return blob_text(text, bytes * length);
	return cdc_ddl_printf(p, "%s(%u)", text ? (varying ? "varchar" : "char") :
						  (varying ? "varbinary" : "binary"), length);
}

/*
 * Whether a member can be told to be the same in the column's character set:
 * what that lacks is converted to '?'.  By the first byte of each character
 * in UTF-8, that is by the alphabet.
 */
static bool
member_fits(CdcString member, const char *charset)
{
	static const struct
	{
		const char *charset;
		uint8_t		from;
		uint8_t		to;
	}			letters[] = {
		{"utf8", 0xC2, 0xEF}, {"utf8mb3", 0xC2, 0xEF}, {"utf8mb4", 0xC2, 0xF4},
		{"ucs2", 0xC2, 0xEF}, {"utf16", 0xC2, 0xF4}, {"utf16le", 0xC2, 0xF4},
		{"utf32", 0xC2, 0xF4}, {"gb18030", 0xC2, 0xF4}, {"binary", 0x80, 0xFF},
		{"latin1", 0xC3, 0xC3},
		{"cp1251", 0xD0, 0xD1}, {"koi8r", 0xD0, 0xD1}, {"koi8u", 0xD0, 0xD1}, {"cp866", 0xD0, 0xD1},
		{"greek", 0xCE, 0xCF}, {"hebrew", 0xD7, 0xD7},
		{"sjis", 0xE3, 0xE9}, {"cp932", 0xE3, 0xE9}, {"ujis", 0xE3, 0xE9}, {"eucjpms", 0xE3, 0xE9},
		{"gbk", 0xE4, 0xE9}, {"gb2312", 0xE4, 0xE9}, {"big5", 0xE4, 0xE9}, {"euckr", 0xEA, 0xED}
	};
	size_t		n = 0;

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
	{
		if (strcmp(letters[i].charset, charset) != 0)
			continue;
		for (n = 0; n < member.len; n++)
		{
			uint8_t		c = (uint8_t) member.data[n];

			if ((c >= 0xC0 || strcmp(charset, "binary") == 0) && c >= 0x80 &&
				(c < letters[i].from || c > letters[i].to))
				return false;
		}
		return true;
	}
	for (n = 0; n < member.len; n++)
	{
		if ((uint8_t) member.data[n] >= 0x80)
			return false;
	}
	return true;
}

/* enum and set; members lose their trailing spaces, but binary ones. */
static const char *
members_text(CdcDdlParser *p, const CdcDdlColumn *col, const char *charset)
{
	CdcBuf		buf = {0};
	bool		ok = true;
	const char *result;

	for (int i = 0; ok && i < col->nmembers; i++)
	{
		CdcString	member = col->members[i];

		while (member.len > 0 && member.data[member.len - 1] == ' ' && strcmp(charset, "binary") != 0)
			member.len--;

		if (!member_fits(member, charset))
			cdc_ddl_give_up(p, "a member does not fit its character set");
		ok = put_member(&buf, member);
	}
	if (!ok || !cdc_buf_append(&buf, "", 1))
	{
		cdc_buf_free(&buf);
		p->no_memory = true;
		return NULL;
	}
	result = cdc_ddl_printf(p, "%s(%s)", col->type, buf.data);
	cdc_buf_free(&buf);
	return p->why == NULL ? result : NULL;
}

static const char *
other_text(CdcDdlParser *p, const CdcDdlColumn *col)
{
	bool		mariadb = p->context->server->flavor == CDC_MARIADB;

	switch (col->class)
	{
		case CDC_TC_BIT:
			return cdc_ddl_printf(p, "bit(%u)", col->nargs > 0 ? col->args[0] : 1);
		case CDC_TC_YEAR:
			if (is_mysql(p, 80019))
				return "year";
			if (col->nargs > 0 && col->args[0] == 2 && !is_mysql(p, 50606))
				return "year(2)";
			return "year(4)";
		case CDC_TC_TIME:
			if (col->nargs > 0 && col->args[0] > 0)
				return cdc_ddl_printf(p, "%s(%u)", col->type, col->args[0]);
			return col->type;
		case CDC_TC_VECTOR:
			if (col->nargs == 0 && mariadb)
				break;
			return cdc_ddl_printf(p, "vector(%u)", col->nargs > 0 ? col->args[0] : 2048);
		case CDC_TC_OTHER:
			if (strcmp(col->type, "geometrycollection") == 0 && is_mysql(p, 80000))
				return "geomcollection";
			return col->type;
		default:
			return col->type;
	}
	return NULL;
}

/* MariaDB's JSON is a longtext. */
static bool
finish_json(CdcDdlParser *p, CdcColumnDef *def)
{
	const CdcDdlServer *server = p->context->server;

	def->column_type = "json";
	if (server->flavor == CDC_MYSQL)
		return true;
	def->column_type = "longtext";
	def->charset = "utf8mb4";
	def->collation = "utf8mb4_bin";
	def->json_check = server->version >= 100403;
	return true;
}

/* The binary character set of enum and set, which MySQL 8 does not show. */
static void
set_charset(CdcDdlParser *p, const CdcDdlColumn *col, const CdcCollation *collation,
			CdcColumnDef *def)
{
	bool		binary = strcmp(collation->charset, "binary") == 0;

	if (binary && (col->class != CDC_TC_MEMBERS || is_mysql(p, 80000)))
		return;
	def->charset = collation->charset;
	def->collation = collation->name;
}

bool
cdc_ddl_finish_type(CdcDdlParser *p, const CdcDdlColumn *col, const char *table_collation,
					CdcColumnDef *def)
{
	const CdcCollation *collation = NULL;
	const char *text;

	def->charset = def->collation = NULL;
	if (col->class == CDC_TC_JSON)
		return finish_json(p, def);
	if (col->class == CDC_TC_CHAR || col->class == CDC_TC_TEXT || col->class == CDC_TC_MEMBERS)
	{
		if (!cdc_ddl_resolve(p, col->charset, col->collation, table_collation, &collation))
			return false;
		if (col->binary && col->collation == NULL)
			collation = cdc_collation_binary(&p->context->server->collations, collation->charset);
		if (collation == NULL)
			return cdc_ddl_give_up(p, "a character set has no binary collation");
		set_charset(p, col, collation, def);
	}
	switch (col->class)
	{
		case CDC_TC_INTEGER:
			text = integer_text(p, col);
			break;
		case CDC_TC_DECIMAL:
		case CDC_TC_FLOAT:
			text = number_text(p, col);
			break;
		case CDC_TC_CHAR:
		case CDC_TC_TEXT:
		case CDC_TC_BINARY:
		case CDC_TC_BLOB:
			text = string_text(p, col, collation != NULL ? collation->charset : "binary");
			break;
		case CDC_TC_MEMBERS:
			text = members_text(p, col, collation->charset);
			break;
		default:
			text = other_text(p, col);
			break;
	}
	if (text == NULL)
		return cdc_ddl_give_up(p, "a column's type is not complete");
	if (col->compressed)
		text = cdc_ddl_printf(p, "%s" COMPRESSED, text);
	return (def->column_type = text) != NULL;
}

static bool
is_wide(const char *charset)
{
	return strcmp(charset, "ucs2") == 0 || strncmp(charset, "utf16", 5) == 0 ||
		strcmp(charset, "utf32") == 0;
}

bool
cdc_ddl_convert_column(CdcDdlParser *p, CdcColumnDef *def, const CdcCollation *to)
{
	unsigned	from_bytes;
	unsigned	to_bytes = cdc_charset_max_bytes(to->charset);
	CdcDdlColumn col = {0};
	unsigned	length = 0;
	const char *compressed = strstr(def->column_type, COMPRESSED);
	const char *type = def->column_type;

	if (def->charset == NULL || strcmp(def->charset, "binary") == 0)
		return true;
	from_bytes = cdc_charset_max_bytes(def->charset);
	if (strcmp(to->charset, "binary") == 0 && strncmp(def->column_type, "enum", 4) != 0 &&
		strncmp(def->column_type, "set", 3) != 0)
		return cdc_ddl_give_up(p, "columns were converted to the binary character set");

	/*
	 * Members: the servers were seen to make '?' or nothing of other letters,
	 * and to leave the bytes of wide characters as they were.
	 */
	for (const char *m = def->column_type; *m != '\0'; m++)
	{
		if ((unsigned char) *m >= 0x80 || (*m == '(' && m[1] == '\'' && is_wide(def->charset)))
			return cdc_ddl_give_up(p, "members were converted to another character set");
	}
	def->charset = to->charset;
	def->collation = to->name;

	/* what does not fit any more takes the next size */
	if (compressed != NULL)
		type = cdc_ddl_printf(p, "%.*s", (int) (compressed - def->column_type), def->column_type);
	if (type == NULL)
		return false;
	if (sscanf(type, "varchar(%u)", &length) == 1)
	{
		col.class = CDC_TC_CHAR;
		col.type = "varchar";
		col.nargs = 1;
		col.args[0] = length;
		type = string_text(p, &col, to->charset);
	}
	else if (to_bytes > from_bytes)
	{
		if (strcmp(type, "tinytext") == 0)
			type = "text";
		else if (strcmp(type, "text") == 0)
			type = "mediumtext";
		else if (strcmp(type, "mediumtext") == 0)
			type = "longtext";
	}
	if (compressed != NULL && type != NULL)
		type = cdc_ddl_printf(p, "%s" COMPRESSED, type);
	def->column_type = type;
	return type != NULL;
}

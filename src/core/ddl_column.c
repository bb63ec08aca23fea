/*-------------------------------------------------------------------------
 *
 * ddl_column.c
 *	  What follows a column's name in CREATE and ALTER TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef enum Taken
{
	TAKEN,
	NOT_TAKEN,
	GAVE_UP
} Taken;

static Taken
result(bool ok)
{
	return ok ? TAKEN : GAVE_UP;
}

/* "[(n)]" of CURRENT_TIMESTAMP; CURRENT_TIMESTAMP() is the same as without. */
static bool
read_fsp(CdcDdlParser *p, int *fsp)
{
	uint32_t	n = 0;

	*fsp = 0;
	if (!cdc_sql_take_symbol(&p->c, '('))
		return true;
	if (!cdc_sql_at_symbol(&p->c, ')') && !cdc_ddl_uint(p, &n))
		return false;
	if (n > 6)
		return cdc_ddl_give_up(p, "a time has too many digits");
	*fsp = (int) n;
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "an argument does not end");
}

static bool
take_now(CdcDdlParser *p)
{
	CdcSqlCursor ahead = p->c;

	if (cdc_sql_take_word(&p->c, "current_timestamp") || cdc_sql_take_word(&p->c, "localtime") ||
		cdc_sql_take_word(&p->c, "localtimestamp"))
		return true;
	if (!cdc_sql_take_word(&ahead, "now") || !cdc_sql_at_symbol(&ahead, '('))
		return false;
	p->c = ahead;
	return true;
}

/* b'101', x'41' and the like: a word and a string without a gap. */
static bool
at_prefixed_string(const CdcDdlParser *p)
{
	const CdcSqlToken *t = &p->c.token;
	CdcSqlCursor ahead = p->c;

	cdc_sql_advance(&ahead);
	return t->kind == CDC_SQL_WORD && ahead.token.kind == CDC_SQL_STRING &&
		ahead.token.text == t->text + t->len;
}

static bool
read_bits(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	CdcString	digits;
	size_t		skip = 0;

	deflt->kind = CDC_DEFAULT_EXPRESSION;
	deflt->text = "";
	if (!cdc_sql_take_word(&p->c, "b"))
	{
		cdc_sql_advance(&p->c);
		cdc_sql_advance(&p->c);
		return true;
	}
	if (!cdc_ddl_string(p, &digits))
		return false;
	while (skip + 1 < digits.len && digits.data[skip] == '0')
		skip++;
	deflt->kind = CDC_DEFAULT_BITS;
	deflt->text = cdc_ddl_printf(p, "b'%.*s'", (int) (digits.len - skip), digits.data + skip);
	return deflt->text != NULL;
}

bool
cdc_ddl_default(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	const char *start = p->c.token.text;
	CdcString	s;

	if (cdc_sql_take_word(&p->c, "null"))
		deflt->kind = CDC_DEFAULT_NULL;
	else if (take_now(p))
	{
		deflt->kind = CDC_DEFAULT_NOW;
		return read_fsp(p, &deflt->fsp);
	}
	else if (cdc_sql_at_word(&p->c, "true") || cdc_sql_at_word(&p->c, "false"))
	{
		deflt->kind = CDC_DEFAULT_NUMBER;
		deflt->text = cdc_sql_at_word(&p->c, "true") ? "1" : "0";
		cdc_sql_advance(&p->c);
	}
	else if (cdc_sql_at_symbol(&p->c, '('))
	{
		deflt->kind = CDC_DEFAULT_EXPRESSION;
		return cdc_ddl_expression(p, &deflt->text);
	}
	else if (cdc_ddl_at_string(p) ||
			 (at_prefixed_string(p) && cdc_sql_at_word(&p->c, "n")))
	{
		deflt->kind = CDC_DEFAULT_STRING;
		if (!cdc_ddl_string(p, &s))
			return false;
		deflt->text = cdc_ddl_copy(p, s.data, s.len);
		deflt->cut = memchr(s.data, '\0', s.len) != NULL;
		return deflt->text != NULL;
	}
	else if (at_prefixed_string(p))
		return read_bits(p, deflt);
	else if (p->c.token.kind == CDC_SQL_WORD &&
			 !(p->c.token.text[0] >= '0' && p->c.token.text[0] <= '9'))
	{
		/* MariaDB: a function without parentheses around it */
		deflt->kind = CDC_DEFAULT_EXPRESSION;
		cdc_sql_advance(&p->c);
		if (cdc_sql_at_symbol(&p->c, '('))
			cdc_sql_skip_parentheses(&p->c);
		deflt->text = cdc_ddl_text_since(p, start);
	}
	else
	{
		deflt->kind = CDC_DEFAULT_NUMBER;
		return cdc_ddl_number(p, &deflt->text);
	}
	return p->why == NULL;
}

/* Behind CHECK: is it MariaDB's "json_valid(`name`)"? */
static bool
read_check(CdcDdlParser *p, CdcDdlColumn *col)
{
	CdcSqlCursor ahead = p->c;
	const char *text;

	if (cdc_sql_take_symbol(&ahead, '(') && cdc_sql_take_word(&ahead, "json_valid") &&
		cdc_sql_take_symbol(&ahead, '(') && cdc_sql_is_identifier(&ahead.token))
	{
		char		name[CDC_DDL_NAME_SIZE];
		bool		same = cdc_sql_identifier(&ahead.token, name, sizeof(name)) &&
			strcasecmp(name, col->name) == 0;

		cdc_sql_advance(&ahead);
		if (same && cdc_sql_take_symbol(&ahead, ')') && cdc_sql_at_symbol(&ahead, ')'))
			col->json_check = true;
	}
	if (!cdc_ddl_expression(p, &text))
		return false;
	if (cdc_sql_take_word(&p->c, "not"))
		return cdc_sql_take_word(&p->c, "enforced") || cdc_ddl_give_up(p, "NOT lacks its word");
	(void) cdc_sql_take_word(&p->c, "enforced");
	return true;
}

/* [GENERATED ALWAYS] AS (expression), or AS ROW START | END */
static Taken
read_generated(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (cdc_sql_take_word(&p->c, "generated") && !cdc_sql_take_word(&p->c, "always"))
		return result(cdc_ddl_give_up(p, "GENERATED lacks ALWAYS"));
	if (!cdc_sql_take_word(&p->c, "as"))
		return NOT_TAKEN;
	if (cdc_sql_take_word(&p->c, "row"))
	{
		col->row_period = col->stored = true;
		col->not_null = col->null_given = true;
		col->generated = cdc_sql_take_word(&p->c, "start") ? "ROW START" : "ROW END";
		(void) cdc_sql_take_word(&p->c, "end");
		return TAKEN;
	}
	return result(cdc_ddl_expression(p, &col->generated));
}

static bool
read_references(CdcDdlParser *p)
{
	const char *database;
	const char *table;

	if (!cdc_ddl_table_name(p, &database, &table))
		return false;
	if (cdc_sql_at_symbol(&p->c, '('))
		cdc_sql_skip_parentheses(&p->c);
	for (;;)
	{
		if (cdc_sql_take_word(&p->c, "match"))
			cdc_sql_advance(&p->c);
		else if (cdc_sql_take_words(&p->c, "on", "delete") || cdc_sql_take_words(&p->c, "on", "update"))
		{
			if (!cdc_sql_take_words(&p->c, "set", "null") && !cdc_sql_take_words(&p->c, "set", "default") &&
				!cdc_sql_take_words(&p->c, "no", "action"))
				cdc_sql_advance(&p->c);
		}
		else
			return true;
	}
}

/* Attributes that say what the column holds. */
static Taken
read_value_attribute(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (cdc_sql_take_words(&p->c, "not", "null"))
		col->not_null = col->null_given = true;
	else if (cdc_sql_take_word(&p->c, "null"))
	{
		col->not_null = false;
		col->null_given = true;
	}
	else if (cdc_sql_take_words(&p->c, "serial", "default"))
	{
		col->not_null = col->null_given = col->auto_increment = true;
		return result(cdc_sql_take_word(&p->c, "value") || cdc_ddl_give_up(p, "SERIAL lacks VALUE"));
	}
	else if (cdc_sql_take_word(&p->c, "default"))
		return result(cdc_ddl_default(p, &col->deflt));
	else if (cdc_sql_take_words(&p->c, "on", "update"))
	{
		col->on_update = true;
		return result((take_now(p) || cdc_ddl_give_up(p, "ON UPDATE lacks a time")) &&
					  read_fsp(p, &col->on_update_fsp));
	}
	else if (cdc_sql_take_word(&p->c, "auto_increment"))
		col->auto_increment = true;
	else if (cdc_sql_at_word(&p->c, "generated") || cdc_sql_at_word(&p->c, "as"))
		return read_generated(p, col);
	else if (cdc_sql_take_word(&p->c, "stored") || cdc_sql_take_word(&p->c, "persistent"))
		col->stored = true;
	else if (cdc_sql_take_word(&p->c, "invisible"))
		col->invisible = true;
	else if (cdc_sql_take_word(&p->c, "virtual") || cdc_sql_take_word(&p->c, "visible"))
		return TAKEN;
	else
		return NOT_TAKEN;
	return TAKEN;
}

static Taken
read_key_attribute(CdcDdlParser *p, CdcDdlColumn *col)
{
	CdcSqlCursor ahead = p->c;
	const char *name;

	if (cdc_sql_take_words(&p->c, "primary", "key") || cdc_sql_take_word(&p->c, "key"))
		col->primary = true;
	else if (cdc_sql_take_word(&p->c, "unique"))
		(void) cdc_sql_take_word(&p->c, "key");
	else if (cdc_sql_take_word(&p->c, "references"))
		return result(read_references(p));
	else if (cdc_sql_take_word(&ahead, "constraint"))
	{
		p->c = ahead;
		if (!cdc_sql_at_word(&p->c, "check") && !cdc_ddl_name(p, &name))
			return GAVE_UP;
		if (cdc_sql_take_word(&p->c, "check"))
			return result(read_check(p, col));
		return result(cdc_sql_take_word(&p->c, "references") ? read_references(p) :
					  cdc_ddl_give_up(p, "a constraint is not known"));
	}
	else if (cdc_sql_take_word(&p->c, "check"))
		return result(read_check(p, col));
	else
		return NOT_TAKEN;
	return TAKEN;
}

/* Attributes that are of no interest, and MariaDB's COMPRESSED. */
static Taken
read_other_attribute(CdcDdlParser *p, CdcDdlColumn *col)
{
	static const char *const with_value[] = {
		"comment", "column_format", "storage", "srid", "ref_system_id", "engine_attribute",
		"secondary_engine_attribute", NULL
	};
	CdcSqlCursor ahead = p->c;

	for (int i = 0; with_value[i] != NULL; i++)
	{
		if (cdc_sql_take_word(&p->c, with_value[i]))
		{
			cdc_ddl_skip_equals(p);
			cdc_sql_advance(&p->c);
			return TAKEN;
		}
	}
	if (cdc_sql_take_word(&p->c, "compressed"))
	{
		col->compressed = true;
		if (cdc_sql_take_symbol(&p->c, '='))
			cdc_sql_advance(&p->c);
		return TAKEN;
	}
	if (cdc_sql_take_words(&p->c, "not", "secondary"))
		return TAKEN;
	if (cdc_sql_take_word(&ahead, "with") || cdc_sql_take_word(&ahead, "without"))
	{
		if (!cdc_sql_take_words(&ahead, "system", "versioning"))
			return NOT_TAKEN;
		p->c = ahead;
		return TAKEN;
	}

	/* MariaDB: a storage engine's own "name = value" */
	if (cdc_sql_is_identifier(&p->c.token))
	{
		cdc_sql_advance(&ahead);
		if (cdc_sql_take_symbol(&ahead, '='))
		{
			cdc_sql_advance(&ahead);
			p->c = ahead;
			return TAKEN;
		}
	}
	return NOT_TAKEN;
}

bool
cdc_ddl_column(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (!cdc_ddl_type(p, col))
		return false;
	for (;;)
	{
		CdcDdlCharset charset = {0};
		bool		taken = false;
		Taken		t = read_value_attribute(p, col);

		if (t == NOT_TAKEN)
			t = read_key_attribute(p, col);
		if (t == NOT_TAKEN && !cdc_ddl_charset_clause(p, &charset, &taken))
			return false;
		if (taken)
		{
			if (charset.charset != NULL)
				col->charset = charset.charset;
			if (charset.collation != NULL)
				col->collation = charset.collation;
			continue;
		}
		if (t == NOT_TAKEN)
			t = read_other_attribute(p, col);
		if (t == GAVE_UP)
			return false;
		if (t == NOT_TAKEN)
			return p->why == NULL;
	}
}

/* ---- what it comes to ---- */

/*
 * Without explicit_defaults_for_timestamp a timestamp is NOT NULL unless NULL is
 * said, and the table's first one keeps the time of the last change.
 */
static bool
implicit_timestamp(CdcDdlParser *p, CdcDdlTableMaker *m, CdcDdlColumn *col)
{
	const CdcSqlSession *session = p->context->session;
	bool		explicit = p->context->server->explicit_timestamp;

	if (session != NULL && session->explicit_timestamp >= 0)
		explicit = session->explicit_timestamp != 0;
	if (col->class != CDC_TC_TIME || strcmp(col->type, "timestamp") != 0 || explicit ||
		col->generated != NULL)
		return true;
	if (!col->null_given)
		col->not_null = true;
	if (!col->not_null)
		return true;
	if (col->deflt.kind == CDC_DEFAULT_NONE && !col->on_update && m->ntimestamps == 0)
	{
		col->deflt.kind = CDC_DEFAULT_NOW;
		col->on_update = true;
		col->deflt.fsp = col->on_update_fsp = col->nargs > 0 ? (int) col->args[0] : 0;
	}
	else if (col->deflt.kind == CDC_DEFAULT_NONE)
	{
		int			fsp = col->nargs > 0 ? (int) col->args[0] : 0;

		col->deflt.kind = CDC_DEFAULT_STRING;
		col->deflt.text = cdc_ddl_printf(p, "0000-00-00 00:00:00%s%.*s", fsp > 0 ? "." : "", fsp, "000000");
	}
	m->ntimestamps++;
	return col->deflt.kind != CDC_DEFAULT_STRING || col->deflt.text != NULL;
}

/* "EXTRA" of information_schema */
static bool
finish_extra(CdcDdlParser *p, const CdcDdlColumn *col, CdcColumnDef *def)
{
	const CdcDdlServer *server = p->context->server;
	bool		mariadb = server->flavor == CDC_MARIADB;
	bool		old = mariadb && server->version < 100203;
	const char *parts[4];
	int			n = 0;
	char		text[200] = "";
	size_t		len = 0;

	if (col->auto_increment)
		parts[n++] = "auto_increment";
	if (!mariadb && server->version >= 80000 && col->generated == NULL &&
		(col->deflt.kind == CDC_DEFAULT_NOW || col->deflt.kind == CDC_DEFAULT_EXPRESSION))
		parts[n++] = "DEFAULT_GENERATED";
	if (col->on_update)
	{
		const char *now = cdc_ddl_now(p, col->on_update_fsp);

		if (now == NULL)
			return false;
		parts[n++] = cdc_ddl_printf(p, "on update %s", now);
	}
	if (col->generated != NULL)
		parts[n++] = old ? (col->stored ? "PERSISTENT" : "VIRTUAL") :
			col->stored ? "STORED GENERATED" : "VIRTUAL GENERATED";
	if (col->invisible && n < 4)
		parts[n++] = "INVISIBLE";
	for (int i = 0; i < n && parts[i] != NULL; i++)
		len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%s",
								 i == 0 ? "" : mariadb ? ", " : " ", parts[i]);
	return (def->extra = cdc_ddl_copy(p, text, strlen(text))) != NULL;
}

bool
cdc_ddl_finish_column(CdcDdlParser *p, CdcDdlTableMaker *m, const CdcDdlColumn *given,
					  CdcColumnDef *def)
{
	CdcDdlColumn col = *given;

	memset(def, 0, sizeof(*def));
	def->name = col.name;
	def->pk = -1;
	if (!implicit_timestamp(p, m, &col) ||
		!cdc_ddl_finish_type(p, &col, m->def.collation, def))
		return false;
	if (col.primary && !cdc_ddl_set_key(p, m, col.name))
		return false;
	def->nullable = !col.not_null && !col.primary && !col.auto_increment;
	if (col.json_check && strcmp(def->column_type, "longtext") == 0)
		def->json_check = true;
	def->generated = col.generated;
	if (col.generated != NULL)
	{
		if (!col.row_period)
			p->approximate = true;
		def->nullable = !col.not_null;
	}
	return finish_extra(p, &col, def) && cdc_ddl_finish_default(p, &col.deflt, def);
}

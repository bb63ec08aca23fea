/*-------------------------------------------------------------------------
 *
 * typemap.c
 *	  The PostgreSQL type for a column of the source: one that holds each of
 *	  its values exactly.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/typemap.h"

#include "binlog/charset.h"
#include "core/arena.h"
#include "core/geometry.h"

typedef enum Rule
{
	AS_IS,						/* the names below, signed and unsigned */
	TINYINT,
	DECIMAL,
	BIT,
	FSP,						/* with the digits of the fraction */
	CHARACTERS					/* with a length */
} Rule;

typedef struct TypeRule
{
	const char *source;			/* first word of the source's type */
	Rule		rule;
	const char *type;
	const char *type_unsigned;	/* NULL: the same */
} TypeRule;

/* MySQL 5.0 to 9.x and MariaDB 5.5 to 12. */
static const TypeRule rules[] = {
	{"tinyint", TINYINT, "smallint", NULL},
	{"smallint", AS_IS, "smallint", "integer"},
	{"mediumint", AS_IS, "integer", NULL},
	{"int", AS_IS, "integer", "bigint"},
	{"integer", AS_IS, "integer", "bigint"},
	{"bigint", AS_IS, "bigint", "numeric(20,0)"},
	{"year", AS_IS, "smallint", NULL},
	{"decimal", DECIMAL, "numeric", NULL},
	{"numeric", DECIMAL, "numeric", NULL},
	{"float", AS_IS, "real", NULL},
	{"double", AS_IS, "double precision", NULL},
	{"bit", BIT, "bit", NULL},
	{"date", AS_IS, "date", NULL},
	{"datetime", FSP, "timestamp", NULL},
	{"timestamp", FSP, "timestamptz", NULL},
	{"time", FSP, "interval", NULL},
	{"char", CHARACTERS, "varchar", NULL},
	{"varchar", CHARACTERS, "varchar", NULL},
	{"tinytext", AS_IS, "text", NULL},
	{"text", AS_IS, "text", NULL},
	{"mediumtext", AS_IS, "text", NULL},
	{"longtext", AS_IS, "text", NULL},
	{"binary", AS_IS, "bytea", NULL},
	{"varbinary", AS_IS, "bytea", NULL},
	{"tinyblob", AS_IS, "bytea", NULL},
	{"blob", AS_IS, "bytea", NULL},
	{"mediumblob", AS_IS, "bytea", NULL},
	{"longblob", AS_IS, "bytea", NULL},
	{"enum", AS_IS, "text", NULL},
	{"set", AS_IS, "text[]", NULL},
	{"json", AS_IS, "jsonb", NULL},
	{"vector", AS_IS, "real[]", NULL},
	{"uuid", AS_IS, "uuid", NULL},
	{"inet4", AS_IS, "inet", NULL},
	{"inet6", AS_IS, "inet", NULL},
	{"geometry", AS_IS, "bytea", NULL},	/* all of the family, as EWKB */
	/* of other sources, by way of Kafka: see envelope/internal.h */
	{"number", AS_IS, "numeric", NULL},
	{"boolean", AS_IS, "boolean", NULL},
	{"string", AS_IS, "text", NULL},
	{"timetz", AS_IS, "timetz", NULL},
	{"array", AS_IS, "jsonb", NULL},
};

static const char *
apply_rule(const TypeRule *rule, const CdcColumn *column, const CdcSubscriptionOptions *opt)
{
	switch (rule->rule)
	{
		case AS_IS:
			break;
		case TINYINT:
			if (column->length == 1 && !column->is_unsigned && opt->tinyint1_boolean)
				return "boolean";
			break;
		case DECIMAL:
			return psprintf("%s(%d,%d)", rule->type, column->precision, column->scale);
		case BIT:
			if (column->length <= 1 && opt->bit1_boolean)
				return "boolean";
			return psprintf("%s(%u)", rule->type, Max(column->length, 1));
		case FSP:
			return psprintf("%s(%d)", rule->type, column->fsp);
		case CHARACTERS:
			/* char(0) and varchar(0) exist at the source only; MariaDB counts the bytes of a compressed one */
			if (column->length == 0 ||
				(column->column_type != NULL && strstr(column->column_type, "COMPRESSED") != NULL))
				return "text";
			return psprintf("%s(%u)", rule->type, column->length);
	}
	if (column->is_unsigned && rule->type_unsigned != NULL)
		return rule->type_unsigned;
	return rule->type;
}

static const TypeRule *
find_rule(const CdcColumn *column)
{
	const char *name = cdc_is_geometry_type(column->data_type) ? "geometry" : column->data_type;
	int			i;

	for (i = 0; i < lengthof(rules); i++)
	{
		if (name != NULL && strcmp(name, rules[i].source) == 0)
			return &rules[i];
	}
	return NULL;
}

const char *
cdc_column_trouble(const CdcColumn *column)
{
	static CdcCharsets charsets;	/* one a process */
	const TypeRule *rule = find_rule(column);
	CdcCharsetConverter *converter;
	CdcError	err;

	if (rule == NULL)
		return "which is not known";
	/* members of enum and set come by their number */
	if (column->charset == NULL ||
		(rule->rule != CHARACTERS && strstr(column->data_type, "text") == NULL) ||
		cdc_charset_is_utf8(column->charset) || strcmp(column->charset, "binary") == 0 ||
		!cdc_failed(cdc_charset_converter(&charsets, column->charset, &converter, &err)))
		return NULL;
	return pstrdup(err.message);
}

bool
cdc_column_is_logged(const CdcColumn *column, CdcGeneratedLogged logged)
{
	if (!column->generated || column->pk_index >= 0 || logged == CDC_GENERATED_ALL)
		return true;
	return logged == CDC_GENERATED_STORED && !column->virtual_generated;
}

const char *
cdc_pg_type(const CdcColumn *column, const CdcSubscriptionOptions *opt, const char **reason)
{
	const TypeRule *rule = find_rule(column);

	*reason = cdc_column_trouble(column);
	if (*reason != NULL)
		return NULL;
	if (rule != NULL)
		return apply_rule(rule, column, opt);
	*reason = psprintf("no PostgreSQL type is known for \"%s\"",
					   column->column_type ? column->column_type : "?");
	return NULL;
}

char *
cdc_pg_type_of_definition(const CdcColumnDef *def, const CdcSubscriptionOptions *opt)
{
	CdcArena   *arena = cdc_arena_create(0);
	const char *type = NULL;
	char	   *result = NULL;
	const char *reason;
	CdcColumn	col;
	CdcError	err;

	if (arena == NULL)
		return NULL;
	memset(&col, 0, sizeof(col));
	col.name = def->name;
	col.column_type = def->column_type;
	col.charset = def->charset;
	col.collation = def->collation;
	col.json_check = def->json_check;
	if (!cdc_failed(cdc_column_type_parse(arena, col.column_type, &col, &err)))
		type = cdc_pg_type(&col, opt, &reason);
	if (type != NULL)
		result = pstrdup(type);
	cdc_arena_destroy(arena);
	return result;
}

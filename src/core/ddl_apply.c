/*-------------------------------------------------------------------------
 *
 * ddl_apply.c
 *	  Statements on whole tables and databases; see ddl_apply.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>
#include <strings.h>

static void
apply_create(CdcDdlParser *p, const CdcDdl *ddl)
{
	static const char *const options[] = {"or", "replace", NULL};
	CdcDdlEffect *effect;
	bool		if_not_exists;

	cdc_sql_advance(&p->c);
	cdc_sql_skip_words(&p->c, options);
	cdc_sql_advance(&p->c);		/* TABLE */
	if_not_exists = cdc_sql_take_if_exists(&p->c);
	effect = cdc_ddl_table_effect(p, ddl->kind);
	if (effect == NULL)
		return;
	effect->if_not_exists = if_not_exists;
	if (if_not_exists && effect->old_def == NULL)
		cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the table may have existed before"));
	else if (if_not_exists && effect->old_def->ncolumns > 0)
	{
		effect->new_def = effect->old_def;
		effect->no_change = true;
	}
	else if (ddl->has_select)
		cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the columns are those of a query"));
	else
		cdc_ddl_end_effect(p, effect, cdc_ddl_create_table(p, effect));
}

/* [CREATE | DROP] INDEX name ON table */
static void
apply_index(CdcDdlParser *p, CdcDdlKind kind)
{
	bool		drop = cdc_sql_at_word(&p->c, "drop");
	bool		primary = false;
	CdcDdlEffect *effect;

	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_word(&p->c, "on"))
	{
		char		name[16];

		primary = cdc_sql_is_identifier(&p->c.token) &&
			cdc_sql_identifier(&p->c.token, name, sizeof(name)) && strcasecmp(name, "primary") == 0;
		cdc_sql_advance(&p->c);
	}
	cdc_sql_advance(&p->c);
	effect = cdc_ddl_table_effect(p, kind);
	if (effect == NULL)
		return;
	if (drop && primary)
		cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the primary key was dropped as an index"));
	else
	{
		effect->new_def = effect->old_def;
		if (effect->old_def == NULL)
			cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the definition before it is not known"));
	}
}

static void
apply_alter(CdcDdlParser *p, const CdcDdl *ddl)
{
	static const char *const options[] = {"online", "offline", NULL};
	CdcSqlCursor ahead = p->c;
	CdcDdlEffect *effect;
	bool		if_exists;

	if (!cdc_sql_take_word(&ahead, "alter"))
	{
		apply_index(p, ddl->kind);
		return;
	}
	p->c = ahead;
	cdc_sql_skip_words(&p->c, options);
	p->ignore = cdc_sql_take_word(&p->c, "ignore");
	cdc_sql_skip_words(&p->c, options);
	cdc_sql_advance(&p->c);		/* TABLE */
	if_exists = cdc_sql_take_if_exists(&p->c);
	effect = cdc_ddl_table_effect(p, ddl->kind);
	if (effect == NULL)
		return;
	cdc_sql_skip_wait(&p->c);
	if (effect->old_def == NULL)
		cdc_ddl_give_up(p, "the definition before it is not known");
	else if (effect->old_def->ncolumns == 0 && if_exists)
	{
		effect->new_def = effect->old_def;
		effect->no_change = true;
		return;
	}
	else if (effect->old_def->ncolumns == 0)
		cdc_ddl_give_up(p, "the table is not known");
	else
	{
		cdc_ddl_end_effect(p, effect, cdc_ddl_alter_table(p, effect));
		return;
	}
	cdc_ddl_end_effect(p, effect, false);

	/* it may be renamed all the same */
	if (ddl->ntables == 2 && !ddl->moves_rows)
	{
		effect->new_database = cdc_ddl_folded(p, cdc_ddl_copy(p, ddl->tables[1].database,
															  strlen(ddl->tables[1].database)));
		effect->new_table = cdc_ddl_folded(p, cdc_ddl_copy(p, ddl->tables[1].table,
														   strlen(ddl->tables[1].table)));
	}
}

static void
apply_drop(CdcDdlParser *p, const CdcDdl *ddl)
{
	static const char *const options[] = {"online", "offline", NULL};
	bool		if_exists;

	cdc_sql_advance(&p->c);
	cdc_sql_skip_words(&p->c, options);
	cdc_sql_advance(&p->c);		/* TABLE */
	if_exists = cdc_sql_take_if_exists(&p->c);
	do
	{
		CdcDdlEffect *effect = cdc_ddl_table_effect(p, ddl->kind);

		if (effect == NULL)
			return;
		effect->new_def = &cdc_ddl_gone;
		effect->no_change = if_exists && effect->old_def != NULL && effect->old_def->ncolumns == 0;
	} while (cdc_sql_take_symbol(&p->c, ','));
}

static bool
has_name(const char *database, const char *table, const char *other_database, const char *other_table)
{
	return database != NULL && table != NULL && other_database != NULL && other_table != NULL &&
		strcmp(database, other_database) == 0 && strcmp(table, other_table) == 0;
}

/* How many of the effects from that one on take the name, or give it. */
static int
count_uses(const CdcDdlEffects *effects, int from, const char *database, const char *table)
{
	int			n = 0;

	for (int i = from; i < effects->n; i++)
	{
		const CdcDdlEffect *e = &effects->list[i];

		n += has_name(e->database, e->table, database, table);
		n += has_name(e->new_database, e->new_table, database, table);
	}
	return n;
}

/*
 * A table that gets its own name back in the same statement, when nobody else has had any of its names
 * meanwhile, was not renamed.
 */
static void
drop_round_trips(CdcDdlEffects *effects, int first)
{
	for (int i = first; i < effects->n; i++)
	{
		bool		chain[CDC_DDL_MAX_TABLES] = {false};
		CdcDdlEffect *last = &effects->list[i];
		int			left = i;

		for (int k = i; k < effects->n && k - i < CDC_DDL_MAX_TABLES; k++)
		{
			CdcDdlEffect *e = &effects->list[k];

			if (k > i && !has_name(e->database, e->table, last->new_database, last->new_table))
				continue;
			if (count_uses(effects, first, e->database, e->table) != 2)
				break;
			chain[k - i] = true;
			last = e;
		}
		if (!has_name(last->new_database, last->new_table, effects->list[i].database, effects->list[i].table))
			continue;
		for (int k = i; k < effects->n; k++)
			if (k - i >= CDC_DDL_MAX_TABLES || !chain[k - i])
				effects->list[left++] = effects->list[k];
		effects->n = left;
		i--;
	}
}

static void
apply_rename(CdcDdlParser *p, const CdcDdl *ddl)
{
	int			pair = 0;
	int			first = p->effects->n;

	cdc_sql_advance(&p->c);
	cdc_sql_advance(&p->c);		/* TABLE */
	(void) cdc_sql_take_if_exists(&p->c);
	do
	{
		CdcDdlEffect *effect = cdc_ddl_table_effect(p, ddl->kind);

		if (effect == NULL)
			return;
		cdc_sql_skip_wait(&p->c);
		if (!cdc_sql_take_word(&p->c, "to") ||
			!cdc_ddl_table_name(p, &effect->new_database, &effect->new_table))
		{
			p->effects->n--;
			return;
		}
		effect->new_def = effect->old_def;
		if (effect->old_def == NULL || effect->old_def->ncolumns == 0)
			cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the table that is renamed was not known"));
		if (pair < ddl->ntables && ddl->tables[pair].table[0] == '\0')
			p->effects->n--;
		pair += 2;
	} while (cdc_sql_take_symbol(&p->c, ','));
	drop_round_trips(p->effects, first);
}

static void
apply_truncate(CdcDdlParser *p, const CdcDdl *ddl)
{
	CdcDdlEffect *effect;

	cdc_sql_advance(&p->c);
	cdc_sql_take_word(&p->c, "table");
	effect = cdc_ddl_table_effect(p, ddl->kind);
	if (effect != NULL)
	{
		effect->new_def = effect->old_def;
		if (effect->old_def == NULL)
			cdc_ddl_end_effect(p, effect, cdc_ddl_give_up(p, "the definition before it is not known"));
	}
}

/* The default character set that CREATE or ALTER DATABASE leads to. */
static const CdcCollation *
database_collation(CdcDdlParser *p, CdcDdlKind kind, const char *database,
				   const CdcDdlCharset *given)
{
	const CdcSqlSession *session = p->context->session;
	const CdcCollation *server = session != NULL ?
		cdc_collation_by_id(&p->context->server->collations, session->server_collation) : NULL;
	const CdcCollation *result = NULL;

	if (given->charset != NULL || given->collation != NULL)
	{
		if (!cdc_ddl_resolve(p, given->charset, given->collation,
							 server != NULL ? server->name : NULL, &result))
			return NULL;
		return result;
	}
	if (given->is_default || kind == CDC_DDL_DATABASE_CREATE)
		return server;
	return cdc_ddl_database_collation(p, database, &result) ? result : NULL;
}

static void
apply_database(CdcDdlParser *p, const CdcDdl *ddl)
{
	CdcDdlEffect *effect;
	CdcDdlCharset charset = {0};
	const CdcCollation *collation;
	bool		taken;

	if (ddl->ntables == 0)
		return;
	effect = cdc_ddl_new_effect(p, ddl->kind);
	if (effect == NULL)
		return;
	effect->database = cdc_ddl_folded(p, cdc_ddl_copy(p, ddl->tables[0].database,
													  strlen(ddl->tables[0].database)));
	if (p->no_memory)
		return;
	effect->new_database = effect->database;
	if (ddl->kind == CDC_DDL_DATABASE_DROP)
		return;
	while (!cdc_sql_at_end(&p->c))
	{
		if (!cdc_ddl_charset_clause(p, &charset, &taken))
			return;
		if (!taken)
			cdc_sql_advance(&p->c);
	}
	collation = database_collation(p, ddl->kind, effect->database, &charset);
	if (collation != NULL)
	{
		effect->charset = collation->charset;
		effect->collation = collation->name;
	}
}

CdcStatus
cdc_ddl_apply(CdcArena *arena, CdcString sql, const CdcDdlContext *context, const CdcDdl *ddl,
			  CdcDdlEffects *effects, CdcError *err)
{
	CdcDdlParser p = {.arena = arena,.context = context,.effects = effects};

	effects->n = 0;
	effects->list = NULL;
	if (ddl->temporary)
		return CDC_OK;
	cdc_sql_lexer_init(&p.c.lexer, sql, context->sql_mode);
	p.c.lexer.mysql = context->server->flavor == CDC_MYSQL;
	cdc_sql_advance(&p.c);
	cdc_sql_skip_set_statement(&p.c);
	switch (ddl->kind)
	{
		case CDC_DDL_OTHER:
			break;
		case CDC_DDL_TABLE_CREATE:
			apply_create(&p, ddl);
			break;
		case CDC_DDL_TABLE_ALTER:
			apply_alter(&p, ddl);
			break;
		case CDC_DDL_TABLE_DROP:
			apply_drop(&p, ddl);
			break;
		case CDC_DDL_TABLE_RENAME:
			apply_rename(&p, ddl);
			break;
		case CDC_DDL_TABLE_TRUNCATE:
			apply_truncate(&p, ddl);
			break;
		case CDC_DDL_DATABASE_CREATE:
		case CDC_DDL_DATABASE_ALTER:
		case CDC_DDL_DATABASE_DROP:
			apply_database(&p, ddl);
			break;
	}

	/* what broke off in the middle of a name has no effect */
	if (effects->n > 0 && (effects->list[effects->n - 1].database == NULL ||
						   effects->list[effects->n - 1].table == NULL ||
						   effects->list[effects->n - 1].new_database == NULL ||
						   effects->list[effects->n - 1].new_table == NULL))
		effects->n--;
	if (p.no_memory)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for the definition of a table");
	return CDC_OK;
}

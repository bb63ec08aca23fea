/*-------------------------------------------------------------------------
 *
 * ddl_effect.c
 *	  The effects that a statement has so far, and what is known of a table
 *	  after them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>

const CdcTableDef cdc_ddl_gone = {0};

CdcDdlEffect *
cdc_ddl_new_effect(CdcDdlParser *p, CdcDdlKind kind)
{
	CdcDdlEffects *all = p->effects;
	CdcDdlEffect *effect;

	/* the room doubles each time that it is used up */
	if ((all->n & (all->n - 1)) == 0)
	{
		CdcDdlEffect *more = cdc_ddl_alloc(p, sizeof(CdcDdlEffect) * (size_t) (all->n * 2 + 1));

		if (more == NULL)
			return NULL;
		if (all->n > 0)
			memcpy(more, all->list, sizeof(CdcDdlEffect) * (size_t) all->n);
		all->list = more;
	}
	effect = &all->list[all->n++];
	memset(effect, 0, sizeof(*effect));
	effect->kind = kind;
	effect->change.known = true;
	effect->change.created = kind == CDC_DDL_TABLE_CREATE;
	effect->database = effect->table = effect->new_database = effect->new_table = "";
	p->why = NULL;
	p->approximate = false;
	return effect;
}

static bool
is_table(const char *database, const char *table, const char *db, const char *name)
{
	return strcmp(database, db) == 0 && strcmp(table, name) == 0;
}

/* The last effect is the one that is being made. */
const CdcTableDef *
cdc_ddl_lookup(CdcDdlParser *p, const char *database, const char *table)
{
	for (int i = p->effects->n - 2; i >= 0; i--)
	{
		const CdcDdlEffect *e = &p->effects->list[i];

		if (is_table(e->new_database, e->new_table, database, table))
			return e->new_def;
		if (is_table(e->database, e->table, database, table))
			return &cdc_ddl_gone;
	}
	return p->context->table(p->context->arg, database, table);
}

CdcDdlEffect *
cdc_ddl_table_effect(CdcDdlParser *p, CdcDdlKind kind)
{
	CdcDdlEffect *effect = cdc_ddl_new_effect(p, kind);

	if (effect == NULL)
		return NULL;
	if (!cdc_ddl_table_name(p, &effect->database, &effect->table))
	{
		p->effects->n--;
		return NULL;
	}
	effect->new_database = effect->database;
	effect->new_table = effect->table;
	effect->old_def = cdc_ddl_lookup(p, effect->database, effect->table);
	return effect;
}

void
cdc_ddl_end_effect(CdcDdlParser *p, CdcDdlEffect *effect, bool known)
{
	effect->approximate = p->approximate;
	if (known)
		return;
	effect->new_def = NULL;
	effect->change.known = false;
	effect->touches_columns = true;
	effect->why = p->why != NULL ? p->why : "the statement is not understood";
}

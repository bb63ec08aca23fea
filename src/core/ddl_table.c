/*-------------------------------------------------------------------------
 *
 * ddl_table.c
 *	  A table's definition while a statement is read: its columns' room, its
 *	  key, its checks.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>

bool
cdc_ddl_maker_room(CdcDdlParser *p, CdcDdlTableMaker *m, int n)
{
	if (n > CDC_DDL_MAX_COLUMNS)
		return cdc_ddl_give_up(p, "a table has too many columns");
	m->room = n;
	m->def.columns = cdc_ddl_alloc(p, sizeof(CdcColumnDef) * (size_t) n);
	return m->def.columns != NULL;
}

/* Adds to a list of names, whose room doubles each time that it is used up. */
static bool
add_name(CdcDdlParser *p, const char ***list, int *n, const char *name)
{
	if (*n == CDC_DDL_MAX_COLUMNS)
		return cdc_ddl_give_up(p, "a key has too many columns");
	if ((*n & (*n - 1)) == 0)
	{
		const char **more = cdc_ddl_alloc(p, sizeof(char *) * (size_t) (*n * 2 + 1));

		if (more == NULL)
			return false;
		if (*n > 0)
			memcpy(more, *list, sizeof(char *) * (size_t) *n);
		*list = more;
	}
	(*list)[(*n)++] = name;
	return true;
}

bool
cdc_ddl_set_key(CdcDdlParser *p, CdcDdlTableMaker *m, const char *column)
{
	return add_name(p, &m->key, &m->nkey, column);
}

bool
cdc_ddl_set_json_check(CdcDdlParser *p, CdcDdlTableMaker *m, const char *column)
{
	return add_name(p, &m->checks, &m->nchecks, column);
}

bool
cdc_ddl_finish_table(CdcDdlParser *p, CdcDdlTableMaker *m)
{
	for (int i = 0; i < m->nkey; i++)
	{
		int			at = cdc_table_def_find(&m->def, m->key[i]);

		if (at < 0)
			return cdc_ddl_give_up(p, "a key's column is not known");
		if (m->def.columns[at].pk < 0)
			m->def.columns[at].pk = i;
		if (m->def.columns[at].nullable && m->def.columns[at].default_value != NULL &&
			strcmp(m->def.columns[at].default_value, "NULL") == 0)
			m->def.columns[at].default_value = NULL;

		/* where that was not said, MySQL before 5.7 gave the column a default */
		if (m->def.columns[at].nullable && p->context->server->version < 50700)
			p->approximate = true;
		m->def.columns[at].nullable = false;
	}
	for (int i = 0; i < m->nchecks; i++)
	{
		int			at = cdc_table_def_find(&m->def, m->checks[i]);

		if (at >= 0)
			m->def.columns[at].json_check = true;
	}
	return true;
}

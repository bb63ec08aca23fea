/*-------------------------------------------------------------------------
 *
 * ddl_alter_apply.c
 *	  From the clauses of ALTER TABLE to the table's new definition.
 *
 * The clauses of a statement do not follow one another: columns are found by
 * the names they had before it, so that two RENAME COLUMN can swap names; the
 * new list is the old one with columns dropped and changed in place, into
 * which those with FIRST or AFTER and the new ones then go, in the order of the
 * statement (mysql_prepare_alter_table() in both servers' sql/sql_table.cc).
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_alter_apply.h"

#include <string.h>
#include <strings.h>

/* Puts a column at a place of the new list; the others move behind it. */
static bool
insert_at(CdcAlter *a, int at, const CdcColumnDef *def)
{
	CdcTableDef *t = &a->m.def;

	if (t->ncolumns == a->m.room)
		return cdc_ddl_give_up(a->p, "a table has too many columns");
	memmove(&t->columns[at + 1], &t->columns[at], sizeof(CdcColumnDef) * (size_t) (t->ncolumns - at));
	t->columns[at] = *def;
	t->ncolumns++;
	return true;
}

/* Adds or takes away INVISIBLE from EXTRA. */
static bool
set_invisible(CdcDdlParser *p, CdcColumnDef *def, bool invisible)
{
	const char *extra = def->extra != NULL ? def->extra : "";
	const char *at = strstr(extra, "INVISIBLE");
	const char *comma = p->context->server->flavor == CDC_MARIADB ? ", " : " ";

	if (invisible == (at != NULL))
		return true;
	if (invisible)
		def->extra = cdc_ddl_printf(p, "%s%sINVISIBLE", extra, extra[0] != '\0' ? comma : "");
	else
	{
		size_t		len = (size_t) (at - extra);

		while (len > 0 && (extra[len - 1] == ' ' || extra[len - 1] == ','))
			len--;
		def->extra = cdc_ddl_copy(p, extra, len);
	}
	return def->extra != NULL;
}

/* What RENAME COLUMN and ALTER COLUMN do to a column that stays. */
static bool
apply_small(CdcAlter *a, const char *name, CdcColumnDef *def)
{
	for (CdcAlterAction *x = a->first; x != NULL; x = x->next)
	{
		if (strcasecmp(x->name, name) != 0)
			continue;
		if (x->kind == CDC_ALTER_RENAME)
			def->name = x->column.name;
		else if (x->kind == CDC_ALTER_VISIBLE || x->kind == CDC_ALTER_INVISIBLE)
		{
			if (!set_invisible(a->p, def, x->kind == CDC_ALTER_INVISIBLE))
				return false;
		}
		else if (x->kind == CDC_ALTER_DEFAULT)
		{
			if (!cdc_ddl_finish_default(a->p, &x->deflt, def))
				return false;
			if (x->deflt.kind == CDC_DEFAULT_NONE)
				def->default_value = NULL;	/* dropped, which is not NULL */
			a->p->approximate = true;	/* EXTRA may have changed with it */
		}
	}
	return true;
}

/* A column that the statement defines. */
static bool
make_column(CdcAlter *a, CdcAlterAction *x, CdcColumnDef *def)
{
	int			old = x->kind == CDC_ALTER_CHANGE ? cdc_table_def_find(a->old, x->name) : -1;
	CdcDdlColumn col = x->column;

	if (a->convert && (col.charset == NULL || strcasecmp(col.charset, "binary") != 0))
		col.charset = col.collation = NULL;
	if (!cdc_ddl_finish_column(a->p, &a->m, &col, def))
		return false;
	if (old >= 0 && !a->m.drops_key && a->old->columns[old].pk >= 0)
	{
		def->pk = a->old->columns[old].pk;
		if (def->nullable && a->p->context->server->version < 50700)
			a->p->approximate = true;	/* see cdc_ddl_finish_table() */
		def->nullable = false;
		if (def->default_value != NULL && strcmp(def->default_value, "NULL") == 0 &&
			x->column.deflt.kind != CDC_DEFAULT_STRING)
			def->default_value = NULL;
	}
	return true;
}

static CdcAlterAction *
find_action(CdcAlter *a, CdcAlterKind kind, const char *name)
{
	for (CdcAlterAction *x = a->first; x != NULL; x = x->next)
	{
		if (x->kind == kind && strcasecmp(x->name, name) == 0)
			return x;
	}
	return NULL;
}

/* The columns that were there, those with a new place still at their old one. */
static bool
keep_columns(CdcAlter *a, const CdcCollation *convert)
{
	for (int i = 0; i < a->old->ncolumns; i++)
	{
		CdcColumnDef def = a->old->columns[i];
		CdcAlterAction *change = find_action(a, CDC_ALTER_CHANGE, def.name);

		if (find_action(a, CDC_ALTER_DROP, def.name) != NULL)
			continue;
		if (change != NULL)
		{
			if (!make_column(a, change, &def))
				return false;
		}
		else
		{
			if (a->m.drops_key)
				def.pk = -1;
			if ((convert != NULL && !cdc_ddl_convert_column(a->p, &def, convert)) ||
				!apply_small(a, a->old->columns[i].name, &def))
				return false;
		}
		if (!insert_at(a, a->m.def.ncolumns, &def))
			return false;
	}
	return true;
}

/* The place of a column that make_column() made of x. */
static int
find_made(const CdcAlter *a, const CdcAlterAction *x)
{
	for (int i = 0; i < a->m.def.ncolumns; i++)
	{
		if (a->m.def.columns[i].name == x->column.name)
			return i;
	}
	return -1;
}

/* A column that the statement adds, with what the table's rows have in it. */
static bool
note_added(CdcAlter *a, const CdcAlterAction *x, const CdcColumnDef *def)
{
	CdcAddedColumn *added = &a->change.added[a->change.nadded++];

	added->name = def->name;
	return cdc_ddl_fill(a->p, &x->column, def, added);
}

/* New columns, and those that move: they leave the place they had at their turn. */
static bool
place_columns(CdcAlter *a)
{
	for (CdcAlterAction *x = a->first; x != NULL; x = x->next)
	{
		CdcTableDef *t = &a->m.def;
		CdcColumnDef def;
		int			at;

		if (x->kind == CDC_ALTER_CHANGE && (x->column.first || x->column.after != NULL) &&
			(at = find_made(a, x)) >= 0)
		{
			def = t->columns[at];
			t->ncolumns--;
			memmove(&t->columns[at], &t->columns[at + 1],
					sizeof(CdcColumnDef) * (size_t) (t->ncolumns - at));
		}
		else if (x->kind != CDC_ALTER_ADD)
			continue;
		else if (!make_column(a, x, &def) || !note_added(a, x, &def))
			return false;
		at = t->ncolumns;
		if (x->column.first)
			at = 0;
		else if (x->column.after != NULL)
		{
			at = cdc_table_def_find(t, x->column.after) + 1;
			if (at == 0)
				return cdc_ddl_give_up(a->p, "the column named behind AFTER is not known");
		}
		if (!insert_at(a, at, &def))
			return false;
	}
	return true;
}

/* No two columns of one name: then the old definition was not the one. */
static bool
names_differ(const CdcTableDef *def)
{
	for (int i = 0; i < def->ncolumns; i++)
	{
		if (cdc_table_def_find(def, def->columns[i].name) != i)
			return false;
	}
	return true;
}

/* The key's places without the columns that were dropped. */
static void
close_key(CdcTableDef *def)
{
	int			floor = -1;

	for (int place = 0; place < def->ncolumns; place++)
	{
		CdcColumnDef *next = NULL;

		for (int i = 0; i < def->ncolumns; i++)
		{
			CdcColumnDef *c = &def->columns[i];

			if (c->pk > floor && (next == NULL || c->pk < next->pk))
				next = c;
		}
		if (next == NULL)
			return;
		floor = next->pk;
		next->pk = place;
	}
}

/*
 * MySQL before 5.7 takes CONVERT TO by itself for nothing where each column has that collation
 * already, or none, and keeps the table's default.
 */
static bool
is_void_convert(const CdcAlter *a, const CdcCollation *collation)
{
	const CdcDdlServer *server = a->p->context->server;

	if (!a->convert || a->others || server->flavor != CDC_MYSQL || server->version >= 50700)
		return false;
	for (int i = 0; i < a->old->ncolumns; i++)
	{
		const CdcColumnDef *column = &a->old->columns[i];

		if (column->charset != NULL && strcmp(column->charset, "binary") != 0 &&
			(column->collation == NULL || strcmp(column->collation, collation->name) != 0))
			return false;
	}
	return true;
}

/* Which columns have other names now; room for the new ones. */
static bool
note_renames(CdcAlter *a, int nadded)
{
	CdcTableChange *change = &a->change;

	change->known = true;
	change->added = cdc_ddl_alloc(a->p, sizeof(CdcAddedColumn) * (size_t) (nadded + 1));
	change->renames = cdc_ddl_alloc(a->p, sizeof(CdcColumnRename) * (size_t) (a->old->ncolumns + 1));
	if (change->added == NULL || change->renames == NULL)
		return false;
	for (int i = 0; i < a->old->ncolumns; i++)
	{
		const char *name = a->old->columns[i].name;
		CdcAlterAction *x = find_action(a, CDC_ALTER_CHANGE, name);

		if (x == NULL)
			x = find_action(a, CDC_ALTER_RENAME, name);
		if (x == NULL || strcmp(x->column.name, name) == 0)
			continue;
		change->renames[change->nrenames].from = name;
		change->renames[change->nrenames++].to = x->column.name;
	}
	return true;
}

/* The table's default collation after the statement. */
static bool
set_charset(CdcAlter *a, const char *database, const CdcCollation **convert)
{
	const CdcDdlCharset *given = &a->charset;
	const CdcCollation *collation;

	*convert = NULL;
	a->m.def.charset = a->old->charset;
	a->m.def.collation = a->old->collation;
	if (!given->given)
		return true;
	if (given->is_default)
	{
		if (!cdc_ddl_database_collation(a->p, database, &collation))
			return false;
		/* MariaDB 11 takes the compiled default of the database's character set */
		if (a->p->context->server->flavor == CDC_MARIADB && a->p->context->server->version >= 110200)
			return cdc_ddl_give_up(a->p, "the character set is DEFAULT");
		if (given->collation != NULL &&
			!cdc_ddl_resolve(a->p, NULL, given->collation, collation->name, &collation))
			return false;
	}
	else if (!cdc_ddl_resolve(a->p, given->charset, given->collation, a->old->collation, &collation))
		return false;
	if (is_void_convert(a, collation))
		return true;
	a->m.def.charset = collation->charset;
	a->m.def.collation = collation->name;
	if (a->convert)
		*convert = collation;
	return true;
}

bool
cdc_ddl_alter_apply(CdcAlter *a, const char *database)
{
	const CdcCollation *convert;
	int			n = a->old->ncolumns;
	int			nadded;

	for (const CdcAlterAction *x = a->first; x != NULL; x = x->next)
	{
		n += x->kind == CDC_ALTER_ADD ? 1 : 0;

		/* MySQL 9.7 was seen to give a column the length of another one then */
		if (a->convert && x->kind == CDC_ALTER_RENAME)
			return cdc_ddl_give_up(a->p, "columns were renamed and converted in one statement");
	}
	nadded = n - a->old->ncolumns;
	if (!cdc_ddl_maker_room(a->p, &a->m, n) || !note_renames(a, nadded) || !set_charset(a, database, &convert) ||
		!keep_columns(a, convert) || !place_columns(a))
		return false;
	close_key(&a->m.def);
	if (!names_differ(&a->m.def))
		return cdc_ddl_give_up(a->p, "the statement leads to two columns of one name");
	return true;
}

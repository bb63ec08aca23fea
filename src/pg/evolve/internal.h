/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the parts of evolve share, from the top down:
 *
 *	  evolve.c	the target follows: columns and names
 *	  refit.c	a target in the shape of a new copy
 *	  key.c		its primary key
 *	  mapping.c	the mapping of columns that the user gave
 *	  computed.c	its expressions, and the row filter
 *	  shared.c	a target that other source tables fill, too
 *	  value.c	SQL of values: conversions, checks, what new columns are filled with
 *	  column.c	the target's lock and columns
 *	  run.c		running SQL on the target
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EVOLVE_INTERNAL_H
#define CDC_PG_EVOLVE_INTERNAL_H

#include "pg/evolve/evolve.h"

/* A column of the source's, before or after, and the target's that it fills. */
typedef struct CdcEvolveColumn
{
	const CdcShapeColumn *shape;
	const CdcColumnDef *before; /* NULL: it is new */
	const CdcColumnDef *after;	/* NULL: it was dropped */
	char	   *target;			/* name of the target's column, as it is at the moment; or NULL */
	Oid			typid;			/* its type */
	int32		typmod;
	bool		not_null;
	char	   *type;			/* the type that it gets, as SQL; NULL: it keeps its own */
	bool		again;			/* an entry before this one is of the same column of the source */
} CdcEvolveColumn;

typedef struct CdcEvolve
{
	CdcEvolution *out;
	Oid			relid;
	char	   *target;			/* its name, qualified and quoted */
	bool		empty;			/* it has no row */
	bool		all;			/* all columns of the source are to be in it, under their names */
	bool		shared;			/* other source tables fill it, too */
	char	   *trouble;		/* why it cannot be altered as it would have to be; or NULL */
	int			ncolumns;
	CdcEvolveColumn *columns;
} CdcEvolve;

/* ---- run.c ---- */

/* Runs a statement on the target, and notes it. */
extern void cdc_evolve_run(CdcEvolve *e, const char *sql);

/* Whether the query has a row. */
extern bool cdc_evolve_finds(const char *sql);

/* Says in a sentence, without its full stop, what was done, or left. */
extern void cdc_evolve_note(CdcEvolve *e, const char *sentence);

/* ---- value.c ---- */

/* The column's value in another type. */
extern char *cdc_evolve_cast(const char *column, Oid typid, const char *type);

/*
 * The condition by which rows are found whose value the source may have made another one
 * of; NULL: there are none.
 */
extern char *cdc_evolve_doubt(const CdcEvolveColumn *column);

/*
 * The condition by which rows are found whose date, as the target keeps it, a copy of the table at the
 * source may have made a zero date; NULL: the target has none of these, or shows no such difference.
 */
extern char *cdc_evolve_cut_dates(const CdcEvolveColumn *column);

/*
 * The value, as SQL, that rows have in a column that was added; NULL with *reason where
 * that is not known.
 */
extern char *cdc_evolve_fill(const CdcEvolve *e, const CdcEvolveColumn *column, const char *type,
							 const char **reason);

/* ---- key.c ---- */

/* Takes the primary key away where it is that of before; then gives the one of after, or says in e->trouble why not. */
extern void cdc_evolve_drop_key(CdcEvolve *e);
extern void cdc_evolve_add_key(CdcEvolve *e);

/*
 * Whether the target's primary key is another one than that of after.  Of before, where
 * that is not known, any primary key counts as the source's.
 */
extern bool cdc_evolve_key_differs(const CdcEvolve *e);
extern void cdc_evolve_drop_any_key(CdcEvolve *e);

/* The actions of ALTER TABLE that make its primary key that of after; NULL: it lacks a column of it. */
extern char *cdc_evolve_key_actions(const CdcEvolve *e);

/* ---- column.c ---- */

/* What the target has of a column's name: its type; target becomes NULL where it has none. */
extern void cdc_evolve_find(CdcEvolveColumn *column, Oid relid);

/* A name of the source's as the target would have it; the one that a mapping gives. */
extern char *cdc_evolve_own_name(const char *source);
extern char *cdc_evolve_mapped_name(const CdcEvolve *e, const char *source);
extern void cdc_evolve_drop_not_null(CdcEvolve *e, const char *name);

/* Whether the mapping says that something else than a column fills the target's column of that name. */
extern bool cdc_evolve_is_computed(const CdcEvolve *e, const char *name);

/*
 * computed.c: why the expressions of the mapping and the row filter cannot go on, a
 * palloc'ed sentence without its full stop; NULL: they can.
 */
extern char *cdc_evolve_computed_trouble(const CdcEvolve *e);

/* The same of rows that are all computed anew: whether they are expressions of the definition after. */
extern char *cdc_evolve_expressions_trouble(const CdcEvolve *e);

/* A column's type as a reason names it, with what else is not as in the other definition; palloc'ed. */
extern char *cdc_evolve_describe(const CdcColumnDef *def, const CdcColumnDef *other);

/* ---- mapping.c ---- */

/* Whether all columns of the source are to be in the target, as none was chosen. */
extern bool cdc_evolve_takes_all(const CdcEvolve *e);

/* Whether all columns of that definition are in the target: by no mapping, or by one of all of them. */
extern bool cdc_evolve_takes_definition(const CdcEvolve *e, const CdcTableDef *def);

/* The target's columns that the mapping fills by the source's column of that name, of char *. */
extern List *cdc_evolve_mapped_names(const CdcEvolve *e, const char *source);

/*
 * Whether the mapping names a column that the source did not have right before: one that
 * was dropped, by this statement or an earlier one, and is there again.
 */
extern bool cdc_evolve_is_back(const CdcEvolve *e, const CdcEvolveColumn *column);

/*
 * Whether a column of the source has the name of one that the target's mode fills.  It fills none
 * of that name: without a mapping, which says so, that is a reason why the target cannot follow,
 * a palloc'ed sentence without its full stop; NULL: there is none.
 */
extern bool cdc_evolve_is_modes(const CdcEvolve *e, const CdcColumnDef *def);
extern char *cdc_evolve_mode_trouble(const CdcEvolve *e);

/*
 * Why a column that got the name of one that was dropped, and that the mapping names, is not known
 * here: its values were not asked for; as cdc_evolve_mode_trouble().
 */
extern char *cdc_evolve_back_trouble(const CdcEvolve *e);

/* Says in e->out what the user's mapping is with the names that its columns have now; nothing else of it changes. */
extern void cdc_evolve_rename_fills(CdcEvolve *e);

/* Says in e->out what cdc.subscription_table.columns is to be. */
extern void cdc_evolve_mapping(CdcEvolve *e);

/*
 * key.c: why the key that the user gave does not tell the rows apart any more, a palloc'ed
 * sentence without its full stop; NULL: it does, or it never followed from the source's.
 */
extern char *cdc_evolve_key_trouble(CdcEvolve *e);

/* ---- shared.c ---- */

/*
 * The type that a column of a target gets that other source tables fill, too: a wider one,
 * or NULL: it keeps its own.  Says in e->trouble where neither will do.  strict: also what
 * would only be an error for some values.
 */
extern char *cdc_evolve_shared_type(CdcEvolve *e, const CdcEvolveColumn *column, bool strict);

/* Sets up for the target, locked so that nobody looks at it meanwhile, or not yet. */
extern void cdc_evolve_begin(CdcEvolve *e, CdcEvolution *out);
extern void cdc_evolve_lock(CdcEvolve *e);

#endif							/* CDC_PG_EVOLVE_INTERNAL_H */

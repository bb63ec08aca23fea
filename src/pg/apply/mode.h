/*-------------------------------------------------------------------------
 *
 * mode.h
 *	  Modes of targets: what a target shows of its source's rows.
 *
 *	  The argument "mode" of cdc.add_table and cdc.replay and the column of
 *	  cdc.subscription_table name one.  A mode decides how an event folds into
 *	  what is to be written, and nothing else in apply knows which it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_MODE_H
#define CDC_PG_APPLY_MODE_H

#include "pg/target/presence.h"

struct CdcApply;
struct CdcSourceRun;
struct CdcTargetRun;
struct JsonbContainer;

typedef struct CdcApplyMode
{
	const char *name;

	/*
	 * Folds the row at hand, which source->row has, into the entries of its
	 * target, by the event's op c, u, d or r.  old: the former values that the
	 * event tells, or NULL.
	 */
	void		(*fold) (struct CdcApply *apply, struct CdcSourceRun *source, char op,
						 const struct JsonbContainer *old);

	/*
	 * Whether a later event on the same key leaves nothing of an earlier one, so
	 * that the earlier need not be applied.  Both are given by the columns that
	 * they write, NULL where they delete the row.  NULL: no event ever does.
	 */
	bool		(*supersedes) (const CdcPresences *presences, const CdcPresence *later,
							   const CdcPresence *earlier);

	/* TRUNCATE of the source table: what was collected before it is not written yet. */
	void		(*truncate) (struct CdcApply *apply, struct CdcTargetRun *run);

	/*
	 * The source table has this row now, of which presence says what is known, or, where existing, only of a
	 * row that the target has.  NULL: it is the last state of its key.
	 */
	void		(*put) (struct CdcApply *apply, struct CdcTargetRun *run, Datum *values, bool *nulls,
						const CdcPresence *presence, bool existing);

	/*
	 * The row of a key as the target will have it: fills values and nulls, by attribute; false: there is none.  Put
	 * and row go together.
	 */
	bool		(*row) (struct CdcApply *apply, struct CdcTargetRun *run, const Datum *key, const bool *key_nulls,
						Datum *values, bool *nulls);

	/*
	 * The source table has no row with the key in values and nulls (by attribute) any more.
	 * run->source is set.  NULL: that changes nothing of what the target has.
	 */
	void		(*remove) (struct CdcApply *apply, struct CdcTargetRun *run, const Datum *values,
						   const bool *nulls);

	/*
	 * Whether a row of the target, in values and nulls, is there only because the mode keeps
	 * what the source has not any more.  NULL: none is.
	 */
	bool		(*is_gone) (const struct CdcTargetRun *run, const Datum *values, const bool *nulls);
} CdcApplyMode;

/* The mode of a registered source table; ERROR where there is none of that name. */
extern const CdcApplyMode *cdc_apply_mode_of_table(const char *name, const char *source_table);

/* The mode that an argument of cdc.add_table or cdc.replay names; ERROR where there is none. */
extern const CdcApplyMode *cdc_apply_mode_of_argument(const char *name);

#endif							/* CDC_PG_APPLY_MODE_H */

/*-------------------------------------------------------------------------
 *
 * source_kind.h
 *	  Kinds of source: what pull and the administration of subscriptions do in a
 *	  way of its own for each, as a table of methods that the kind registers when
 *	  the module is loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_SOURCE_KIND_H
#define CDC_PG_PULL_SOURCE_KIND_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "pg/catalog/position.h"
#include "pg/catalog/subscription.h"
#include "pg/schema/typemap.h"

typedef struct CdcPullBounds
{
	int64		max_events;		/* stop at the first commit at or behind; 0 = none */
	int64		max_bytes;		/* likewise, bytes read from the source; 0 = none */
	int			max_ms;			/* likewise, since the first event; 0 = none */
	bool		until_now;		/* true: up to where the source stood at the call (waits for
								 * it); false: what has arrived */
} CdcPullBounds;

typedef struct CdcPullResult
{
	int64		events;			/* appended to history */
	int64		transactions;
	int64		bytes;
	int64		changes;		/* of tables, that apply is to act on; events or not */
	bool		more;			/* stopped at a bound: call again at once */
	bool		moved;			/* the position was written */
	bool		synced;			/* copies of tables have come to the place of the stream */
} CdcPullResult;

/*
 * Unless it says otherwise a method runs in a transaction and raises what goes wrong.
 * A method that may be NULL says so.
 */
typedef struct CdcSourceMethods
{
	/* ---- pull; streams that are kept between its calls ---- */

	/* See cdc_pull_run(), which has locked the subscription; result is zeroed. */
	void		(*run) (const CdcSubscription *sub, const CdcPullBounds *bounds,
						CdcPullResult *result);

	/*
	 * Outside of a transaction: waits until the subscription's stream has something,
	 * the latch is set, or timeout_ms (-1 = for ever); false, at once: this kind
	 * has no stream of that subscription open here.
	 */
	bool		(*wait) (int32 subscription_id, long timeout_ms);

	/* Closes the subscription's stream, where there is one; in or out of a transaction. */
	void		(*disconnect) (int32 subscription_id);

	/* See cdc_pull_failed(); NULL: nothing is shown. */
	void		(*failed) (const CdcSubscription *sub, int sqlerrcode, const char *error);

	/* ---- cdc.create_subscription ---- */

	/* ERROR where topics or format cannot be for this kind. */
	void		(*check_arguments) (const CdcSubscription *sub);

	/*
	 * The slow part, before anything is locked: asks the source what create needs
	 * and returns that, palloc'ed or closed on abort.
	 */
	void	   *(*prepare) (const CdcSubscription *sub);

	/* Once the subscription exists: registers what there is, and frees prepared. */
	void		(*create) (const CdcSubscription *sub, void *prepared);

	/* ---- cdc.alter_subscription ---- */

	/*
	 * ERROR where the source cannot be read as options and format of sub say, which were
	 * former's.  NULL: there is nothing to ask.
	 */
	void		(*check_options) (const CdcSubscription *sub, const CdcSubscription *former);

	/* ---- cdc.add_table ---- */

	/*
	 * The table's present definition (palloc'ed), stored as its newest version, and
	 * which of its generated columns the source logs; ERROR when there is no such
	 * table.  It returns NULL where nobody can be asked, and nothing is known so far.
	 */
	const CdcTable *(*definition) (const CdcSubscription *sub, const char *database,
								   const char *table, CdcGeneratedLogged *logged);

	/*
	 * Whether the source sees to it that these columns (n of them, UTF-8) tell the table's rows apart.
	 * NULL: nobody can be asked.
	 */
	bool		(*is_unique) (const CdcSubscription *sub, const CdcTable *table, const char *const *columns,
							  int n);

	/* ---- cdc.add_table, cdc.resync_table ---- */

	/*
	 * ERROR where the source refuses a condition on the rows of a table that are to be
	 * copied.  NULL: this kind has no copies.
	 */
	void		(*check_condition) (const CdcSubscription *sub, const char *source_table,
									const char *condition);

	/* ---- cdc.set_position ---- */

	/* The next pull reads from there. */
	void		(*set_position) (CdcSubscription *sub, const char *where);

	/* ---- cdc.restart_subscription ---- */

	/*
	 * The same from whatever state pull is in, and forgets what belongs to the place
	 * where it stood.  resync: all tables are copied anew, those that the source has
	 * got meanwhile too.  NULL: this kind has no copies.
	 */
	void		(*restart) (CdcSubscription *sub, const char *where, bool resync);

	/* ---- cdc.wait_for ---- */

	/*
	 * What is waited for: the place that text means, or where the source stands
	 * now (NULL).  palloc'ed, but for what goal_free frees (NULL: nothing).
	 */
	void	   *(*goal) (const CdcSubscription *sub, const char *text);
	void		(*goal_free) (void *goal);

	/* Whether pull, whose position row was just read, has come to it. */
	bool		(*goal_pulled) (void *goal, const CdcSubscription *sub,
								const CdcPosition *pos);

	/*
	 * Whether a transaction of the history (either text may be NULL) belongs to what
	 * is waited for.  NULL: nobody can say, and all that was pulled counts.
	 */
	bool		(*goal_has) (const void *goal, const char *gtid, const char *position);

	/* Events have places of their own, in no order: goal_has is asked for each, and of a place in a text only. */
	bool		goal_is_of_events;
} CdcSourceMethods;

/* Kinds are numbers from 0 on. */
#define CDC_SOURCE_KINDS	(CDC_SERVER_KAFKA + 1)

/* From _PG_init() of each kind; methods has to stay. */
extern void cdc_source_kind_register(CdcServerKind kind, const CdcSourceMethods *methods);
extern const CdcSourceMethods *cdc_source_kind(CdcServerKind kind);

#endif							/* CDC_PG_PULL_SOURCE_KIND_H */

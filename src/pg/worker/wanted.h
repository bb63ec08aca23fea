/*-------------------------------------------------------------------------
 *
 * wanted.h
 *	  Which workers the subscriptions of a database want, as its catalogs say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WORKER_WANTED_H
#define CDC_PG_WORKER_WANTED_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"

#include "pg/process/shmem.h"

/* One of the workers of a subscription. */
typedef struct CdcWantedWorker
{
	CdcWorkerKind kind;
	int32		publication_id; /* of those that publish; else 0 */
	const char *worker;			/* as in cdc.subscription_failure */
	int			unfinished;		/* see failure.h */
} CdcWantedWorker;

/* A subscription that wants its workers; one in a copied database does not. */
typedef struct CdcWanted
{
	int32		id;
	char	   *name;
	Oid			owner;
	NameData	owner_name;
	int			role_limit;		/* workers that its owner may have */
	const char *trouble;		/* why they cannot be started, or NULL */
	CdcWantedWorker pull;
	CdcWantedWorker apply;
	List	   *publish;		/* of CdcWantedWorker *: one a publication */
} CdcWanted;

/*
 * The enabled subscriptions of this place, a list of CdcWanted *, palloc'ed; in a
 * transaction.
 */
extern List *cdc_wanted_read(void);

/* A copy of that with all that it points to, which outlives the transaction. */
extern List *cdc_wanted_copy(List *wanted);

#endif							/* CDC_PG_WORKER_WANTED_H */

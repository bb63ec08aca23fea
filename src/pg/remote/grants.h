/*-------------------------------------------------------------------------
 *
 * grants.h
 *	  What the user of a source's user mapping may do there, as SHOW GRANTS tells.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_GRANTS_H
#define CDC_PG_REMOTE_GRANTS_H

#include "pg/base/compat.h"

#include "pg/remote/answer.h"

/* palloc'ed; NULL: the source does not tell. */
extern CdcAnswer *cdc_grants_ask(CdcSource *source);

/*
 * Whether the privilege is granted on *.*, or, with any_level, on anything.  Privileges through
 * roles do not show in all versions.  grants may be NULL.
 */
extern bool cdc_grants_have(const CdcAnswer *grants, const char *privilege, bool any_level);

/*
 * Which of the privileges are lacking without which the source does not show what views and
 * triggers change, as a list; palloc'ed; NULL: none.
 */
extern char *cdc_grants_lacking_for_programs(const CdcAnswer *grants);

#endif							/* CDC_PG_REMOTE_GRANTS_H */

/*-------------------------------------------------------------------------
 *
 * resource.h
 *	  Handles of client libraries that belong to a resource owner: they are
 *	  freed when it ends, by an ERROR or in peace, and at the backend's exit.
 *
 * A handle's struct begins with a CdcResource.  Handles that are freed in the
 * same way are a CdcResourceKind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_RESOURCE_H
#define CDC_PG_BASE_RESOURCE_H

#include "pg/base/compat.h"
#include "utils/resowner.h"

typedef struct CdcResource
{
	struct CdcResource *next;	/* of its kind; the newest one is the first */
	ResourceOwner owner;		/* NULL: lives until it is freed, or the exit; may be set */
	int			fds;			/* accounted for */
} CdcResource;

typedef struct CdcResourceKind
{
	/* Closes the handle and frees the struct, which may be in part made only. No ERROR. */
	void		(*free) (CdcResource *resource);

	/* Waits for threads of freed handles, at exit; returns how many are left. */
	int			(*wait_exit) (int timeout_ms);

	CdcResource *first;			/* all there are */
	bool		registered;		/* for the ends of owners and of the backend */
} CdcResourceKind;

/*
 * From now on the zeroed struct, in TopMemoryContext, belongs to the current
 * resource owner.  Accounts for the file descriptors that its handle is going to
 * use, so call it before the handle is made: ERROR where there are none left.
 */
extern void cdc_resource_add(CdcResourceKind *kind, CdcResource *resource, int fds);
extern void cdc_resource_free(CdcResourceKind *kind, CdcResource *resource);

#endif							/* CDC_PG_BASE_RESOURCE_H */

/*-------------------------------------------------------------------------
 *
 * resource.h
 *	  Handles of client libraries that belong to a resource owner: they are
 *	  freed when it ends, with or without an error, and when the backend exits.
 *
 * A handle's struct begins with a CdcResource.  All handles that are freed in the
 * same way belong to one CdcResourceKind.
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
	ResourceOwner owner;		/* whose end frees it; its user may set another, or NULL:
								 * then it lives until it is freed, or the exit */
	int			fds;			/* descriptors that the server counts for it */
} CdcResource;

typedef struct CdcResourceKind
{
	/*
	 * Closes the handle and frees the struct, which may have been made in part
	 * only.  Must not raise an error.
	 */
	void		(*free) (CdcResource *resource);

	/*
	 * At exit: waits for the threads of handles that were freed; returns how many
	 * still run.  NULL: they have none.
	 */
	int			(*wait_exit) (int timeout_ms);

	/* of resource.c */
	CdcResource *first;			/* all handles of the kind */
	bool		registered;		/* the callbacks at the ends of owners and of the backend */
} CdcResourceKind;

/*
 * Gives a struct, which is zeroed and in TopMemoryContext, to the current resource
 * owner.  The server counts the file descriptors that the handle is going to use,
 * so this is called before the handle is made: ERROR where none are left.
 */
extern void cdc_resource_add(CdcResourceKind *kind, CdcResource *resource, int fds);

/* Frees a handle before its owner ends. */
extern void cdc_resource_free(CdcResourceKind *kind, CdcResource *resource);

#endif							/* CDC_PG_BASE_RESOURCE_H */

/*-------------------------------------------------------------------------
 *
 * resource.c
 *	  Handles of client libraries that belong to a resource owner: nothing stays
 *	  open after an ERROR, no thread of theirs runs when the backend has ended,
 *	  and the server knows of the file descriptors that they use.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/resource.h"

#include "storage/fd.h"
#include "storage/ipc.h"

#include "pg/base/compat_storage.h"

#define EXIT_WAIT_MS		1000	/* for threads to end, when the backend exits */

void
cdc_resource_free(CdcResourceKind *kind, CdcResource *resource)
{
	CdcResource **link;
	int			fds = resource->fds;

	for (link = &kind->first; *link != NULL; link = &(*link)->next)
	{
		if (*link == resource)
		{
			*link = resource->next;
			break;
		}
	}
	kind->free(resource);
	for (; fds > 0; fds--)
		CDC_RELEASE_FD();
}

/* Libraries are unloaded after this, and none of their threads may run then. */
static void
free_all_at_exit(int code, Datum arg)
{
	CdcResourceKind *kind = (CdcResourceKind *) DatumGetPointer(arg);

	while (kind->first != NULL)
		cdc_resource_free(kind, kind->first);
	if (kind->wait_exit != NULL)
		(void) kind->wait_exit(EXIT_WAIT_MS);
}

/*
 * A resource owner ends: its handles are freed, or pass to its parent where a
 * subtransaction commits.
 */
static void
free_at_release(ResourceReleasePhase phase, bool isCommit, bool isTopLevel, void *arg)
{
	CdcResourceKind *kind = arg;
	ResourceOwner parent = NULL;
	CdcResource *resource;
	CdcResource *next;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	if (isCommit && !isTopLevel)
		parent = ResourceOwnerGetParent(CurrentResourceOwner);
	for (resource = kind->first; resource != NULL; resource = next)
	{
		next = resource->next;
		if (resource->owner == NULL || resource->owner != CurrentResourceOwner)
			continue;
		if (parent != NULL)
			resource->owner = parent;
		else
			cdc_resource_free(kind, resource);
	}
}

static void
register_callbacks(CdcResourceKind *kind)
{
	if (kind->registered)
		return;
	RegisterResourceReleaseCallback(free_at_release, kind);
	on_proc_exit(free_all_at_exit, PointerGetDatum(kind));
	kind->registered = true;
}

void
cdc_resource_add(CdcResourceKind *kind, CdcResource *resource, int fds)
{
	register_callbacks(kind);
	resource->owner = CurrentResourceOwner;
	resource->next = kind->first;
	kind->first = resource;
	while (resource->fds < fds)
	{
		if (!CDC_ACQUIRE_FD())
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many open connections to sources"),
					 errhint("Raise max_files_per_process.")));
		resource->fds++;
	}
}

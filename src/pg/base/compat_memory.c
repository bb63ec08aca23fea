/*-------------------------------------------------------------------------
 *
 * compat_memory.c
 *	  Callbacks at the reset of a memory context, for servers without them.
 *
 * Children are reset and deleted before their parent.  So a callback is run by the
 * reset or deletion of a child that holds nothing else, whose methods are replaced.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#if !CDC_HAVE_CONTEXT_CALLBACKS

#include "nodes/memnodes.h"
#include "utils/memutils.h"

/* A child that carries a callback; in TopMemoryContext. */
typedef struct Carrier
{
	MemoryContext context;		/* the child */
	MemoryContextMethods methods;	/* those that it had before */
	MemoryContextCallback *callback;	/* belongs to the caller, in the parent */
	struct Carrier *next;
} Carrier;

static Carrier *carriers = NULL;

/* Runs the child's callback, once, and gives the child its methods back. */
static void
run_callback(MemoryContext context)
{
	Carrier   **link;
	Carrier    *carrier;

	for (link = &carriers; (*link)->context != context; link = &(*link)->next)
		;
	carrier = *link;
	*link = carrier->next;
	context->methods = carrier->methods;
	carrier->callback->func(carrier->callback->arg);
	pfree(carrier);
}

static void
carrier_reset(MemoryContext context)
{
	run_callback(context);
	context->methods.reset(context);
}

static void
carrier_delete(MemoryContext context)
{
	run_callback(context);
	context->methods.delete_context(context);
}

void
MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *cb)
{
	Carrier    *carrier = MemoryContextAlloc(TopMemoryContext, sizeof(Carrier));

	carrier->context = AllocSetContextCreate(context, "cdc_ingest callback", 0, 1024, 1024);
	/* the server does not reset a context that holds nothing */
	(void) MemoryContextAlloc(carrier->context, 1);
	carrier->methods = carrier->context->methods;
	carrier->callback = cb;
	carrier->next = carriers;
	carriers = carrier;
	carrier->context->methods.reset = carrier_reset;
	carrier->context->methods.delete_context = carrier_delete;
}

#endif							/* !CDC_HAVE_CONTEXT_CALLBACKS */

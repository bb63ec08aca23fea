/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The modules beside ours, which are loaded when they are used: each for a library.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/module.h"

#include "fmgr.h"

const void *
cdc_module_methods(const char *module, const char *function, int version)
{
	/* a copy of the name, as PostgreSQL 9.4 wants it to be writable; all methods begin with their version */
	char	   *file = psprintf("$libdir/%s", module);
	const int  *(*get) (void) = (const int *(*) (void)) (void (*) (void))
		load_external_function(file, pstrdup(function), true, NULL);

	if (*get() != version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("module %s is of another version of cdc_ingest", file),
				 errhint("Install all modules of one build: make install.")));
	return get();
}

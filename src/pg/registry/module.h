/*-------------------------------------------------------------------------
 *
 * module.h
 *	  The modules beside ours, which are loaded when they are used: each for a library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_MODULE_H
#define CDC_PG_REGISTRY_MODULE_H

#include "pg/base/compat.h"

/*
 * What the function of the module returns: its methods, a struct that begins with the int
 * version.  ERROR where the module is not installed, or has another version.
 */
extern const void *cdc_module_methods(const char *module, const char *function, int version);

#endif							/* CDC_PG_REGISTRY_MODULE_H */

/*-------------------------------------------------------------------------
 *
 * fetch.h
 *	  Asking a schema registry: one GET after the other, each of which can be
 *	  cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_FETCH_H
#define CDC_PG_REGISTRY_FETCH_H

#include "pg/base/compat.h"
#include "http/http.h"
#include "pg/options/kafka_options.h"

typedef struct CdcFetch CdcFetch;

/* Whether the extension was built with what speaks HTTP, and what to do where it was not. */
extern bool cdc_fetch_is_built(void);
#define CDC_FETCH_BUILD_HINT \
	"Give the schema with the option value_schema (key_schema), or install libcurl4-openssl-dev and build with WITH_REGISTRY=yes."

/* ERROR where it was not. */
extern void cdc_fetch_check_built(void);

/*
 * Loads what speaks HTTP.  ERROR where the extension was built without it, or it is not
 * installed.  The fetch is the current resource owner's.
 */
extern CdcFetch *cdc_fetch_begin(void);

/*
 * Gets the registry's path, until the deadline (cdc_now_ms()).  The answer is the
 * fetch's, until the next one.  Waits as the rest of the backend does.
 */
extern CdcStatus cdc_fetch_get(CdcFetch *fetch, const CdcRegistryOptions *registry,
							   const char *path, int64 deadline, CdcHttpAnswer *answer,
							   CdcError *err);

extern void cdc_fetch_end(CdcFetch *fetch);

#endif							/* CDC_PG_REGISTRY_FETCH_H */

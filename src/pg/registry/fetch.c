/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  Asking a schema registry: one GET after the other.
 *
 *	  What speaks HTTP is a module of its own, loaded here.  It never waits longer than
 *	  it is told, so that a cancel is seen a moment later.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/fetch.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/base/resource.h"
#include "pg/base/snapshot.h"
#include "pg/base/utf8.h"
#include "pg/registry/module.h"
#include "source/thread.h"

/* Between two looks whether somebody cancels. */
#define LOOK_MS			100

/* A connection, and what resolves a name. */
#define FETCH_FDS		4

/* Of an answer: the largest schemas there are have some 100 kB. */
#define MAX_ANSWER		(4 * 1024 * 1024)

struct CdcFetch
{
	CdcResource resource;
	CdcHttp    *http;
};

static const CdcHttpMethods *methods;

static void
free_fetch(CdcResource *resource)
{
	CdcFetch   *fetch = (CdcFetch *) resource;

	if (fetch->http != NULL)
		methods->destroy(fetch->http);
	pfree(fetch);
}

static CdcResourceKind fetches = {.free = free_fetch};

bool
cdc_fetch_is_built(void)
{
#ifdef CDC_WITH_REGISTRY
	return true;
#else
	return false;
#endif
}

void
cdc_fetch_check_built(void)
{
	if (!cdc_fetch_is_built())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this build of cdc_ingest cannot ask schema registries"),
				 errdetail("It was built without libcurl."),
				 errhint("%s", CDC_FETCH_BUILD_HINT)));
}

static void
load_methods(void)
{
	cdc_fetch_check_built();
	if (methods == NULL)
		methods = cdc_module_methods("cdc_ingest_http", "cdc_http_methods", CDC_HTTP_VERSION);
}

CdcFetch *
cdc_fetch_begin(void)
{
	CdcFetch   *fetch;

	load_methods();
	fetch = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcFetch));
	cdc_resource_add(&fetches, &fetch->resource, FETCH_FDS);
	fetch->http = methods->create();
	if (fetch->http == NULL)
	{
		cdc_resource_free(&fetches, &fetch->resource);
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	}
	return fetch;
}

void
cdc_fetch_end(CdcFetch *fetch)
{
	cdc_resource_free(&fetches, &fetch->resource);
}

static CdcStatus
wait_for_answer(CdcFetch *fetch, CdcHttpAnswer *answer, CdcError *err)
{
	CdcStatus	st;

	do
	{
		bool		let_go;

		CHECK_FOR_INTERRUPTS();
		let_go = cdc_snapshot_let_go();
		st = methods->wait(fetch->http, LOOK_MS, answer, err);
		if (let_go)
			cdc_snapshot_push();
	} while (st == CDC_MORE);
	return st;
}

CdcStatus
cdc_fetch_get(CdcFetch *fetch, const CdcRegistryOptions *registry, const char *path,
			  int64 deadline, CdcHttpAnswer *answer, CdcError *err)
{
	CdcHttpRequest request;
	int64		left = deadline - cdc_now_ms();
	CdcStatus	st;

	memset(&request, 0, sizeof(request));
	request.url = psprintf("%s%s", registry->url, path);
	request.accept = "application/vnd.schemaregistry.v1+json, application/json";
	request.user = registry->user;
	request.password = registry->password;
	request.token = registry->token;
	request.ca_file = registry->ca_file;
	request.cert_file = registry->cert_file;
	request.key_file = registry->key_file;
	request.key_password = registry->key_password;
	/* what comes too late is told by libcurl, in its own words */
	request.timeout_ms = (int) Max(left, 1);
	request.max_bytes = MAX_ANSWER;
	st = methods->get(fetch->http, &request, err);
	return st == CDC_OK ? wait_for_answer(fetch, answer, err) : st;
}

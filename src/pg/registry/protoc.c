/*-------------------------------------------------------------------------
 *
 * protoc.c
 *	  Descriptors of .proto text, by the module beside ours, which is loaded here.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/protoc.h"

#include "fmgr.h"

#define MODULE			"$libdir/cdc_ingest_protobuf"

static const CdcProtocMethods *methods;

static void
load_methods(void)
{
#ifdef CDC_WITH_PROTOBUF
	const CdcProtocMethods *(*get) (void);

	if (methods != NULL)
		return;
	get = (const CdcProtocMethods *(*) (void)) (void (*) (void))
		load_external_function(MODULE, "cdc_protoc_methods", true, NULL);
	if (get()->version != CDC_PROTOC_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("module %s is of another version of cdc_ingest", MODULE),
				 errhint("Install both modules of one build: make install.")));
	methods = get();
#else
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("this build of cdc_ingest cannot read schemas of Protobuf"),
			 errdetail("It was built without libprotobuf."),
			 errhint("Install g++, libprotobuf-dev and libprotoc-dev, and build with WITH_PROTOBUF=yes.")));
#endif
}

CdcStatus
cdc_protoc_parse(const CdcProtoFile *files, int n, CdcArena *arena, char **set, size_t *len,
				 CdcError *err)
{
	char	   *parsed;
	CdcStatus	st;

	load_methods();
	cdc_error(err, CDC_OK, "%s", "");
	st = methods->parse(files, n, &parsed, len, err);
	if (st != CDC_OK)
		return st;
	*set = cdc_arena_alloc(arena, *len + 1);
	if (*set != NULL)
		memcpy(*set, parsed, *len);
	methods->release(parsed);
	return *set != NULL ? CDC_OK : cdc_error(err, CDC_ERR_NOMEM, "out of memory");
}

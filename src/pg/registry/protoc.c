/*-------------------------------------------------------------------------
 *
 * protoc.c
 *	  Descriptors of .proto text, by the module beside ours, which is loaded here.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/protoc.h"

#include "pg/registry/module.h"

static const CdcProtocMethods *methods;

void
cdc_protoc_check_built(void)
{
#ifndef CDC_WITH_PROTOBUF
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("this build of cdc_ingest cannot read schemas of Protobuf"),
			 errdetail("It was built without libprotobuf."),
			 errhint("Install g++, libprotobuf-dev and libprotoc-dev, and build with WITH_PROTOBUF=yes.")));
#endif
}

static void
load_methods(void)
{
	cdc_protoc_check_built();
	if (methods == NULL)
		methods = cdc_module_methods("cdc_ingest_protobuf", "cdc_protoc_methods", CDC_PROTOC_VERSION);
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

/*-------------------------------------------------------------------------
 *
 * protoc.h
 *	  Descriptors of .proto text, by the module beside ours.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_PROTOC_H
#define CDC_PG_REGISTRY_PROTOC_H

#include "pg/base/compat.h"
#include "core/arena.h"
#include "protoc/protoc.h"

/* ERROR where the extension was built without libprotobuf. */
extern void cdc_protoc_check_built(void);

/*
 * The descriptors of the last of n files, in the arena.  ERROR where the extension was
 * built without libprotobuf, or the module is not installed; else what the methods return.
 */
extern CdcStatus cdc_protoc_parse(const CdcProtoFile *files, int n, CdcArena *arena, char **set,
								  size_t *len, CdcError *err);

#endif							/* CDC_PG_REGISTRY_PROTOC_H */

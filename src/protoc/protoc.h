/*-------------------------------------------------------------------------
 *
 * protoc.h
 *	  Text of .proto files to descriptors: what the module beside ours offers, which
 *	  alone is linked with libprotobuf.
 *
 * Behind this header is C++.  No exception leaves it, and nothing of ours that could
 * leave by longjmp() is called from it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOC_PROTOC_H
#define CDC_PROTOC_PROTOC_H

#ifdef __cplusplus
extern "C"
{
#endif

#include "core/status.h"

/* A file as others import it. */
typedef struct CdcProtoFile
{
	const char *name;			/* "shop/order.proto" */
	const char *text;
	size_t		len;
} CdcProtoFile;

/* Bytes of all texts; levels of braces in one. */
#define CDC_PROTOC_MAX_TEXT		((size_t) 1024 * 1024)
#define CDC_PROTOC_MAX_DEPTH	64

/* To be raised with each change of what is above or below. */
#define CDC_PROTOC_VERSION	1

/* The symbol cdc_protoc_methods() of the module returns this. */
typedef struct CdcProtocMethods
{
	int			version;

	/*
	 * Reads the last of n files; it may import the others, which may import each other,
	 * and what everybody has (google/protobuf, google/type, confluent).  The result is a
	 * google.protobuf.FileDescriptorSet, serialized, whose last file is that one and whose
	 * type names are all full; it is released by the caller.  CDC_ERR_VALUE: it is no
	 * schema, the detail says where; CDC_ERR_LIMIT: it is too large.
	 */
	CdcStatus	(*parse) (const CdcProtoFile *files, int n, char **set, size_t *len, CdcError *err);
	void		(*release) (char *set);
} CdcProtocMethods;

extern const CdcProtocMethods *cdc_protoc_libprotobuf(void);

/* Files that schemas import without bringing them; name is NULL behind the last. */
extern const CdcProtoFile cdc_protoc_known_files[];

#ifdef __cplusplus
}
#endif

#endif							/* CDC_PROTOC_PROTOC_H */

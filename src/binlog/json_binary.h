/*-------------------------------------------------------------------------
 *
 * json_binary.h
 *	  MySQL's binary form of JSON documents.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_JSON_BINARY_H
#define CDC_BINLOG_JSON_BINARY_H

#include "core/bytes.h"
#include "core/arena.h"
#include "core/sink.h"

/* The first byte of a value. */
enum
{
	CDC_JB_SMALL_OBJECT = 0,
	CDC_JB_LARGE_OBJECT = 1,
	CDC_JB_SMALL_ARRAY = 2,
	CDC_JB_LARGE_ARRAY = 3,
	CDC_JB_LITERAL = 4,
	CDC_JB_INT16 = 5,
	CDC_JB_UINT16 = 6,
	CDC_JB_INT32 = 7,
	CDC_JB_UINT32 = 8,
	CDC_JB_INT64 = 9,
	CDC_JB_UINT64 = 10,
	CDC_JB_DOUBLE = 11,
	CDC_JB_STRING = 12,
	CDC_JB_OPAQUE = 15
};

enum
{
	CDC_JB_NULL = 0,
	CDC_JB_TRUE = 1,
	CDC_JB_FALSE = 2
};

/* Servers refuse deeper documents (JSON_DOCUMENT_MAX_DEPTH). */
#define CDC_JSON_MAX_DEPTH	100

/* A value inside a document: its type, and its bytes without the type. */
typedef struct CdcJbValue
{
	uint8_t		type;
	const uint8_t *data;
	size_t		len;			/* exact, as far as the type tells it */
} CdcJbValue;

/* An array or object, its header checked. */
typedef struct CdcJbContainer
{
	const uint8_t *data;
	size_t		size;			/* as it says itself; within the value's bytes */
	uint32_t	count;
	bool		object;
	uint8_t		width;			/* 2 (small) or 4 (large): bytes of offsets and sizes */
} CdcJbContainer;

/* The document's outermost value; an empty document is JSON null. */
extern CdcStatus cdc_jb_root(const uint8_t *data, size_t len, CdcJbValue *value, CdcError *err);

extern bool cdc_jb_is_container(uint8_t type);
extern CdcStatus cdc_jb_open(const CdcJbValue *value, CdcJbContainer *c, CdcError *err);

/* Element i of a container (object: the value of key i); i < count. */
extern CdcStatus cdc_jb_element(const CdcJbContainer *c, uint32_t i, CdcJbValue *value,
								CdcError *err);
extern CdcStatus cdc_jb_key(const CdcJbContainer *c, uint32_t i, CdcString *key, CdcError *err);

/* Writes the document into the sink; see CdcJsonDoc in core/value.h. */
extern CdcStatus cdc_json_binary_emit(const uint8_t *data, size_t len, struct CdcSink *sink,
									  CdcError *err);

/*
 * Applies diff, the list of differences of a partial update, to a document.  *result
 * becomes the changed document, in memory of the arena.  Fails where diff is malformed
 * or does not fit the document (CDC_ERR_CORRUPT), and at the arena's limit.
 */
extern CdcStatus cdc_json_apply_diff(CdcString document, CdcString diff, CdcArena *arena,
									 CdcString *result, CdcError *err);

#endif							/* CDC_BINLOG_JSON_BINARY_H */

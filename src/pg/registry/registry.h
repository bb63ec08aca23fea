/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  The schemas of a server's schema registry, by their numbers.
 *
 * A number stands for the same schema for ever, so that a backend asks once for each:
 * schemas are kept for its life, for who asks with the same options of the server and
 * the same user mapping.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_REGISTRY_H
#define CDC_PG_REGISTRY_REGISTRY_H

#include "pg/base/compat.h"
#include "pg/registry/message_schema.h"

typedef struct CdcRegistry CdcRegistry;

/*
 * The registry of the server, as user (who needs no USAGE here: whoever opened the
 * server's client was asked).  It lives as long as the context.  ERROR where the server
 * names none.
 */
extern CdcRegistry *cdc_registry_open(MemoryContext context, Oid serverid, Oid user);

/*
 * Whether there is a registry that answers the user: CDC_OK; or err says what to do, its
 * message how the registry behaves: CDC_ERR_CONNECT, it cannot be reached (TLS included);
 * CDC_ERR_AUTH, CDC_ERR_PRIVILEGE, it does not answer that user; else it is none, or has a
 * trouble of its own.  ERROR where the server names none.
 */
extern CdcStatus cdc_registry_probe(Oid serverid, Oid user, CdcError *err);

/*
 * The schema with that number, which has to be of that format; valid until the next call.
 * Where there is none, the status says whether the registry could not be asked; else it has no
 * such schema, or one that is no use: then it is the message that is wrong.
 */
extern CdcStatus cdc_registry_schema(CdcRegistry *registry, uint32 id, CdcPayloadFormat format,
									 const CdcMessageSchema **schema, CdcError *err);
extern bool cdc_registry_has_failed(CdcStatus status);

#endif							/* CDC_PG_REGISTRY_REGISTRY_H */

/*-------------------------------------------------------------------------
 *
 * envelope.h
 *	  What readers of envelopes ask of a target, and a target of an envelope.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_ENVELOPE_H
#define CDC_PG_MAPPING_ENVELOPE_H

#include "envelope/envelope.h"
#include "pg/mapping/mapping.h"

/* For CdcHints: what the column expects that a name fills; arg is a CdcMapping. */
extern bool cdc_target_hint(void *arg, const char *name, size_t len, CdcColumnHint *hint);

/* For CdcHints: whether the target's key is made of it, by itself or in an expression. */
extern bool cdc_target_key_reads(void *arg, const char *name, size_t len);

/*
 * The names of the target's key in events, in UTF-8, palloc'ed; *n is 0 where it has
 * none.
 */
extern CdcString *cdc_target_key_names(const CdcMapping *mapping, int *n);

/*
 * The names of all columns of messages that make up the target's key, in UTF-8, palloc'ed:
 * also those that expressions of it read.
 */
extern CdcString *cdc_target_key_inputs(const CdcMapping *mapping, int *n);

/*
 * The PostgreSQL type for a column of a message, as SQL text; NULL where the message
 * does not tell.  It lives in the arena or is constant.
 */
extern const char *cdc_envelope_column_type(CdcArena *arena, CdcEnvelope *env,
											const CdcSubscriptionOptions *opt, const char *name);

/* The topic of a position, "topic/partition@offset"; "" of other positions. */
extern CdcString cdc_position_topic(const char *position, size_t len);

#endif							/* CDC_PG_MAPPING_ENVELOPE_H */

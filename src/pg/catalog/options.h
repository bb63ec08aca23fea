/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of servers, user mappings and subscriptions: one table of
 *	  names, types, defaults and texts; the validators and parsers read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_H
#define CDC_PG_OPTIONS_H

#include "pg/base/compat.h"
#include "pg/catalog/catalog.h"
#include "pg/publish/publish.h"
#include "utils/jsonb.h"

/*
 * Fills *opt from a subscription's options (a JSON object; NULL or {} = all
 * defaults).  ERROR with a hint that lists the valid names or values when an
 * option is unknown or does not fit.
 */
extern void cdc_subscription_options_parse(const Jsonb *options, CdcSubscriptionOptions *opt);

/* The same for a publication's. */
extern void cdc_publication_options_parse(const Jsonb *options, CdcPublicationOptions *opt);

/* ERROR when apply could not work with the events as they are asked for. */
extern void cdc_subscription_options_check_replicas(const CdcSubscriptionOptions *opt);

#endif							/* CDC_PG_OPTIONS_H */

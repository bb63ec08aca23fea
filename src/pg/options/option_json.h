/*-------------------------------------------------------------------------
 *
 * option_json.h
 *	  Reading the options of subscriptions and publications, which the extension's
 *	  tables keep as JSON objects.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_OPTION_JSON_H
#define CDC_PG_OPTIONS_OPTION_JSON_H

#include "pg/base/compat.h"
#include "pg/options/options.h"
#include "utils/jsonb.h"

/*
 * Fills *opt from a subscription's options, a JSON object; NULL or {} stand for all
 * defaults.  Strings are UTF-8 and palloc'ed in the current context, or constant.
 * ERROR with a hint that lists the valid names or values when an option is unknown
 * or does not fit.
 */
extern void cdc_subscription_options_parse(const Jsonb *options, CdcSubscriptionOptions *opt);

/* The same for a publication's. */
extern void cdc_publication_options_parse(const Jsonb *options, CdcPublicationOptions *opt);

/* ERROR when events would lack what apply needs. */
extern void cdc_subscription_options_check_replicas(const CdcSubscriptionOptions *opt);

#endif							/* CDC_PG_OPTIONS_OPTION_JSON_H */

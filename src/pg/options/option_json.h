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

/* A table's options, over those of its subscription; NULL: it has none of its own. */
extern void cdc_table_options_parse(const Jsonb *options, const CdcTableOptions *subscription,
									CdcTableOptions *opt);

/*
 * Options as they are stored, with those that are given in their place; null takes one
 * away.  stored may be NULL.  ERROR where given is no object.
 */
extern Jsonb *cdc_options_merge(const Jsonb *stored, const Jsonb *given);

/* The same for a publication's. */
extern void cdc_publication_options_parse(const Jsonb *options, CdcPublicationOptions *opt);

/* ERROR when events would lack what apply needs. */
extern void cdc_subscription_options_check_replicas(const CdcSubscriptionOptions *opt);

/* ERROR where what only superusers may turn on was not on before, and the user is none. */
extern void cdc_subscription_options_check_superuser(const CdcSubscriptionOptions *opt,
													 const CdcSubscriptionOptions *before);

#endif							/* CDC_PG_OPTIONS_OPTION_JSON_H */

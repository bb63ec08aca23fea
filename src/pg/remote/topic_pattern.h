/*-------------------------------------------------------------------------
 *
 * topic_pattern.h
 *	  Which topics a subscription wants: a list of names and patterns.
 *
 *	  shop.orders		the topic of that name
 *	  shop.*			'*' stands for any run of characters, '?' for one
 *	  ~^shop\.[0-9]+$	a regular expression of PostgreSQL
 *	  !shop.tmp*		not what the rest says, whatever the others say
 *
 * Topics of Kafka's own (__consumer_offsets) match only when written without
 * a wildcard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_TOPIC_PATTERN_H
#define CDC_PG_REMOTE_TOPIC_PATTERN_H

#include "pg/base/compat.h"

/* ERROR where one cannot be, or the list has nothing but exclusions. */
extern void cdc_topic_patterns_check(char **patterns, int n);

/* Whether it stands for one topic only, whose name it is. */
extern bool cdc_topic_pattern_is_name(const char *pattern);

extern bool cdc_topic_wanted(char **patterns, int n, const char *topic);

#endif							/* CDC_PG_REMOTE_TOPIC_PATTERN_H */

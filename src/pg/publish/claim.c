/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Names under which rows of one source table only may stand, as their keys tell rows of
 *	  one table apart and no more: indexes of Elasticsearch, topics.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"


#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"

#define NAME_BYTES	1024

typedef struct Claim
{
	char		name[NAME_BYTES];	/* of an index, or of a topic and what keys in it begin with; the key */
	const char *table;
} Claim;

/* ERROR: two tables have one name. */
static void
refuse(const CdcPublication *p, const char *table, const char *other, const char *name)
{
	bool		index = p->format == CDC_PUBLISH_ES_BULK;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("publication \"%s\" gives source tables %s and %s one %s: \"%s\"", p->name,
					cdc_from_utf8_copy(other), cdc_from_utf8_copy(table), index ? "index" : "topic",
					cdc_from_utf8_copy(name)),
			 index || p->format == CDC_PUBLISH_JSON ?
			 errdetail("Rows of both with the same key would be one.") :
			 errdetail("Rows of both with the same key would have messages of one key: where the topic is compacted, one would be lost."),
			 index ?
			 errhint("Call cdc.publish() with another option \"index\", for example '${database}-${table}'.") :
			 errhint("Call cdc.publish() with another topic_template, for example '${database}.${table}', or with a key_template that names the table, for example '${database}.${table}/${primary_key}'.")));
}

/* Takes a name, told as shown, for a table. */
static void
claim(CdcPublisher *publisher, const char *table, const char *name, const char *shown)
{
	char		key[NAME_BYTES] = {0};
	Claim	   *entry;
	bool		found;

	if (publisher->names == NULL)
	{
		publisher->names = cdc_hash_of_strings("cdc_ingest published names", 64, NAME_BYTES,
											   sizeof(Claim), publisher->cxt);
	}
	strlcpy(key, name, sizeof(key));
	entry = hash_search(publisher->names, key, HASH_ENTER, &found);
	if (!found)
		entry->table = MemoryContextStrdup(publisher->cxt, table);
	else if (strcmp(entry->table, table) != 0)
		refuse(publisher->publication, table, entry->table, shown);
}

/* Whether what a template gives depends on the row. */
static bool
is_of_rows(const char *template)
{
	return strstr(template, "${column:") != NULL || strstr(template, "${primary_key") != NULL;
}

/*
 * Whether names depend on tables only, and keys tell the rows of one apart.  What is keyed by
 * anything else than the row's key shares keys as somebody has wanted it.
 */
static bool
is_claimed(const CdcPublication *p)
{
	if (p->format == CDC_PUBLISH_ES_BULK)
		return !is_of_rows(p->opt.index_template);
	/* Maxwell's own key names the table */
	if (p->format == CDC_PUBLISH_MAXWELL && strcmp(p->key_template, "${primary_key}") == 0)
		return false;
	return !is_of_rows(p->topic_template) && strstr(p->key_template, "${primary_key") != NULL;
}

void
cdc_publish_claim_index(CdcPublisher *publisher, const CdcPublishEvent *event, const char *name)
{
	if (is_claimed(publisher->publication) && event->source_table != NULL)
		claim(publisher, event->source_table, name, name);
}

void
cdc_publish_claim_topic(CdcPublisher *publisher, const CdcPublishEvent *event, const char *topic)
{
	static const CdcPublishKey none = {0, NULL};
	const CdcPublication *p = publisher->publication;

	if (p->format == CDC_PUBLISH_ES_BULK || !is_claimed(p) || event->source_table == NULL)
		return;
	/* no name of a topic has a line's end */
	claim(publisher, event->source_table,
		  psprintf("%s\n%s", topic, cdc_publish_expand(p->key_template, event, &none, NULL)), topic);
}

/* Whether rows of the table have keys: one without has messages under its names, or under none. */
static bool
has_key(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	const CdcPublication *p = publisher->publication;
	CdcPublishKey key;

	if (p->format == CDC_PUBLISH_ES_BULK || p->format == CDC_PUBLISH_JSON ||
		p->opt.key_columns != NULL || cdc_publish_key(publisher, event)->n > 0)
		return true;
	cdc_publish_target_key(publisher, event, &key);
	return key.n > 0;
}

void
cdc_publish_claim_registered(CdcPublisher *publisher)
{
	const CdcPublication *p = publisher->publication;
	static const CdcPublishKey none = {0, NULL};
	ListCell   *lc;

	if (!is_claimed(p))
		return;
	foreach(lc, cdc_subscription_tables(p->sub))
	{
		const CdcSubscriptionTable *table = lfirst(lc);
		CdcPublishEvent event;
		const char *dot;

		memset(&event, 0, sizeof(event));
		event.source_table = cdc_to_utf8(table->source_table);
		dot = strchr(event.source_table, '.');
		event.table.data = dot != NULL ? dot + 1 : event.source_table;
		event.table.len = strlen(event.table.data);
		event.database.data = event.source_table;
		event.database.len = dot != NULL ? (size_t) (dot - event.source_table) : 0;
		event.type.data = "";
		event.seq = p->published_seq + 1;
		if (cdc_publication_excludes(p, &event) || !has_key(publisher, &event))
			continue;
		if (p->format == CDC_PUBLISH_ES_BULK)
			cdc_publish_claim_index(publisher, &event,
									cdc_publish_index_name(publisher, &event, &none, NULL));
		else
			cdc_publish_claim_topic(publisher, &event,
									cdc_publish_topic(p->topic_template, &event, &none, NULL));
	}
}

/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Names under which rows of one source table only may stand, as their keys tell rows of
 *	  one table apart and no more: indexes of Elasticsearch, topics of format json.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"


#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"

#define NAME_BYTES	520

typedef struct Claim
{
	char		name[NAME_BYTES];	/* of an index or topic; the key */
	const char *table;
} Claim;

static void
claim(CdcPublisher *publisher, const char *table, const char *name)
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
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("publication \"%s\" gives source tables %s and %s one %s: \"%s\"",
						publisher->publication->name, cdc_from_utf8_copy(entry->table),
						cdc_from_utf8_copy(table),
						publisher->publication->format == CDC_PUBLISH_ES_BULK ? "index" : "topic",
						cdc_from_utf8_copy(name)),
				 errdetail("Rows of both with the same key would be one."),
				 publisher->publication->format == CDC_PUBLISH_ES_BULK ?
				 errhint("Call cdc.publish() with another option \"index\", for example '${database}-${table}'.") :
				 errhint("Call cdc.publish() with another topic_template, for example '${database}.${table}', or with a key_template that names the table.")));
}

/* Whether names depend on tables only, and keys on rows only. */
static bool
is_claimed(const CdcPublication *p)
{
	return (p->format == CDC_PUBLISH_ES_BULK && strstr(p->opt.index_template, "${column:") == NULL &&
			strstr(p->opt.index_template, "${primary_key") == NULL) ||
		(p->format == CDC_PUBLISH_JSON && strcmp(p->key_template, "${primary_key}") == 0 &&
		 strstr(p->topic_template, "${column:") == NULL &&
		 strstr(p->topic_template, "${primary_key") == NULL);
}

void
cdc_publish_claim(CdcPublisher *publisher, const CdcPublishEvent *event, const char *name)
{
	if (is_claimed(publisher->publication) && event->source_table != NULL)
		claim(publisher, event->source_table, name);
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
		if (cdc_publication_excludes(p, &event))
			continue;
		claim(publisher, event.source_table, p->format == CDC_PUBLISH_ES_BULK ?
			  cdc_publish_index_name(publisher, &event, &none, NULL) :
			  cdc_publish_topic(p->topic_template, &event, &none, NULL));
	}
}

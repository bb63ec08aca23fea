/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Events of Kafka whose order is not known.
 *
 * A partition has the order of its source for all messages of one key.  An event that concerns
 * more than its own message's key (TRUNCATE, an update that changes the key) may be read before
 * what it follows, or behind what follows it, where events of its table come from several
 * partitions.  The messages do not tell, so that the user is told.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/memutils.h"

#include "pg/catalog/log.h"

static void
tell(const CdcApply *apply, const CdcMapping *mapping)
{
	char	   *message = psprintf("order of events of source table %s is not known, as they come from several partitions",
								   mapping->name);
	char	   *detail = psprintf("%s Compare target %s with its source. An order is sure in a topic, or for a table, of one partition, and where a changed key is sent as a delete and an insert.",
								  mapping->beyond_key, mapping->target->name);

	if (cdc_log_event(apply->sub->name, "order", message, detail))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%s", message),
				 errdetail("%s", detail)));
}

void
cdc_order_note(CdcApply *apply, CdcSourceRun *source)
{
	const char *partition = apply->work.at.place.file;
	CdcMapping *mapping = source->mapping;

	if (apply->sub->kind != CDC_SERVER_KAFKA || partition == NULL || partition == source->partition)
		return;
	source->partition = partition;
	if (mapping->partition == NULL)
		mapping->partition = MemoryContextStrdup(mapping->cxt, partition);
	else if (!mapping->several && strcmp(mapping->partition, partition) != 0)
	{
		mapping->several = true;
		if (mapping->beyond_key != NULL && apply->replay == NULL)
			tell(apply, mapping);
	}
}

void
cdc_order_beyond_key(CdcApply *apply, CdcSourceRun *source, const char *what)
{
	CdcMapping *mapping = source->mapping;
	const CdcPlace *place = &apply->work.at.place;

	if (apply->sub->kind != CDC_SERVER_KAFKA || apply->replay != NULL || place->file == NULL)
		return;
	if (mapping->beyond_key == NULL || mapping->several)
	{
		char	   *text = psprintf("%s at %s" INT64_FORMAT " (seq " INT64_FORMAT ") concerns rows of other partitions.",
									what, place->file, Max(place->offset, 0), place->seq);

		if (mapping->beyond_key != NULL)
			pfree(mapping->beyond_key);
		mapping->beyond_key = MemoryContextStrdup(mapping->cxt, text);
		pfree(text);
	}
	if (mapping->several)
		tell(apply, mapping);
}

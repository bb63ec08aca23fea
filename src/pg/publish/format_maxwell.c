/*-------------------------------------------------------------------------
 *
 * format_maxwell.c
 *	  Rows as Maxwell's events, where the history has no such event: the halves of an
 *	  update, and rows that something else than their own event tells of.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

/* What the message of a row has of its event, where it is not that itself. */
static bool
is_of_event(CdcString member, bool alone)
{
	static const char *const always[] = {"ts", "position", "gtid", "server_id", "thread_id", "primary_key_columns"};
	static const char *const within[] = {"xid", "xoffset"};
	int			i;

	for (i = 0; i < (int) lengthof(always); i++)
		if (cdc_string_is(member, always[i]))
			return true;
	for (i = 0; !alone && i < (int) lengthof(within); i++)
		if (cdc_string_is(member, within[i]))
			return true;
	return false;
}

void
cdc_publish_maxwell_row(CdcJsonText *text, const CdcPublishChange *change)
{
	const CdcPublishEvent *event = change->event;
	CdcPublishRowIter iter;
	CdcDocIter	members;
	CdcString	name;
	CdcDoc		value;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_put_text(text, "database", event->database.data, event->database.len);
	cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_publish_put_text(text, "type", change->type, strlen(change->type));
	if (event->has_doc)
		cdc_doc_begin(&event->doc, &members);
	while (event->has_doc && cdc_doc_next(&members, &name, &value))
	{
		/* the last message of the event is the one that ends the transaction */
		if (!is_of_event(name, change->alone) &&
			!(cdc_string_is(name, "commit") && !change->alone && event->op != 'd'))
			continue;
		cdc_publish_check(text->sink.ops->key(&text->sink, name.data, name.len));
		cdc_publish_check(cdc_doc_emit(&value, &text->sink));
	}
	cdc_publish_check(text->sink.ops->key(&text->sink, "data", 4));
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_row_begin(change, &change->row, &iter);
	while (cdc_publish_row_next(&iter, &name, &value))
	{
		cdc_publish_check(text->sink.ops->key(&text->sink, name.data, name.len));
		cdc_publish_check(cdc_doc_emit(&value, &text->sink));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

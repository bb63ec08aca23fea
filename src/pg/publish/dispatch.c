/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  What is sent for an event, by its kind.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

/* Whether the format has a message of TRUNCATE that is not one of DDL. */
static bool
has_truncate(const CdcPublisher *publisher)
{
	int			format = publisher->publication->format;

	return format != CDC_PUBLISH_MAXWELL && format != CDC_PUBLISH_JSON && format != CDC_PUBLISH_ES_BULK;
}

/*
 * An event behind which the table has no rows: TRUNCATE, or it was made anew.  Where its
 * rows were deleted one by one, Maxwell's message of TRUNCATE, which readers would follow
 * at another moment, is left out.
 */
static void
send_emptied(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	bool		by_rows = cdc_publish_emptied(publisher, event);

	if (by_rows && has_truncate(publisher))
		return;
	if (by_rows && publisher->publication->format == CDC_PUBLISH_MAXWELL &&
		cdc_string_is(event->type, "table-truncate"))
		return;
	if (!cdc_publish_truncate(publisher, event))
		cdc_publish_ddl(publisher, event);
}

/* Whether an event of a copy is of a type that Maxwell does not have. */
static bool
is_our_own(const CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcPublishCopy copy;

	cdc_publish_read_copy(publisher, event, &copy);
	return copy.kind == CDC_PUBLISH_COPY_ROWS || copy.kind == CDC_PUBLISH_COPY_KEYS;
}

void
cdc_publish_event(CdcPublisher *publisher, CdcPublishEvent *event)
{
	cdc_publish_name_table(publisher, event);
	if (cdc_publication_excludes(publisher->publication, event))
		return;
	switch (event->op)
	{
		case 'c':
		case 'u':
		case 'd':
		case 'r':
			cdc_publish_change(publisher, event);
			break;
		case 't':
			send_emptied(publisher, event);
			break;
		case 's':
			cdc_publish_key_changed(publisher, event);
			cdc_publish_ddl(publisher, event);
			break;
		case 'm':
			cdc_publish_copied(publisher, event);
			if (!is_our_own(publisher, event))
				cdc_publish_other(publisher, event);
			break;
		default:
			cdc_publish_other(publisher, event);
			break;
	}
}

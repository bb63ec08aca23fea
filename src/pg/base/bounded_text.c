/*-------------------------------------------------------------------------
 *
 * bounded_text.c
 *	  Texts of errors, whose size the source decides: cut to what may be kept.
 *
 *	  A message of PostgreSQL about a value has the whole value, and the worker
 *	  meets it anew at each try.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/bounded_text.h"

#include <limits.h>

#include "mb/pg_wchar.h"

/* Room for the ellipsis and the longest number. */
#define ELLIPSIS_SIZE	40

/*
 * Writes into text, which has len bytes and more than bound.  Called for errors
 * that are being reported: allocates nothing.
 */
static void
cut(char *text, size_t len, size_t bound)
{
	int			keep = pg_mbcliplen(text, (int) Min(len, (size_t) INT_MAX), (int) bound - ELLIPSIS_SIZE);

	snprintf(text + keep, ELLIPSIS_SIZE, "... (%lu bytes)", (unsigned long) len);
}

char *
cdc_bounded_text(const char *text, size_t bound)
{
	size_t		len = text != NULL ? strlen(text) : 0;
	char	   *result;

	if (len <= bound)
		return (char *) text;
	result = pnstrdup(text, bound);
	cut(result, len, bound);
	return result;
}

static emit_log_hook_type next_hook = NULL;
static bool marked = false;		/* the message at hand */
static bool all = false;		/* in this process */

/* The texts are copies that belong to the error. */
static void
bound_texts(ErrorData *edata)
{
	char	   *texts[] = {edata->message, edata->detail, edata->detail_log, edata->hint,
		edata->context, edata->internalquery};
	size_t		i;

	for (i = 0; i < lengthof(texts); i++)
	{
		size_t		len = texts[i] != NULL ? strlen(texts[i]) : 0;

		if (len > CDC_TEXT_BOUND)
			cut(texts[i], len, CDC_TEXT_BOUND);
	}
}

static void
bound_message(ErrorData *edata)
{
	if (marked || all)
		bound_texts(edata);
	marked = false;
	if (next_hook != NULL)
		next_hook(edata);
}

void
cdc_bound_messages_init(void)
{
	next_hook = emit_log_hook;
	emit_log_hook = bound_message;
}

void
cdc_bound_all_messages(void)
{
	all = true;
}

void
cdc_bound_this_message(void)
{
	marked = true;
}

/*-------------------------------------------------------------------------
 *
 * bounded_text.c
 *	  Texts of errors, whose size and characters the source decides: cut to what
 *	  may be kept, and without what a terminal would obey.
 *
 *	  A message of PostgreSQL about a value has the whole value, and the worker
 *	  meets it anew at each try.  Names of tables and columns may have escape
 *	  sequences and line breaks, which would make a line of a message of their own.
 *
 *	  The primary message, detail and hint are changed as soon as the message is
 *	  made, so that who catches an error gets them clean.  The context, which later
 *	  callbacks add to, and the sizes follow on the way to the server's log.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/bounded_text.h"

#include <limits.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "core/status.h"

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

/*
 * Characters that a terminal obeys, in place; lines: line breaks and tabs stay.
 * Allocates nothing.
 */
static void
clean(char *text, bool lines)
{
	size_t		size = strlen(text) + 1;
	char	   *p;

	if (GetDatabaseEncoding() == PG_UTF8)
	{
		if (lines)
			(void) cdc_clean_lines(text, size, text);
		else
			(void) cdc_clean_text(text, size, text);
		return;
	}
	/* in every encoding of a server, bytes below 128 that begin a character are ASCII */
	for (p = text; *p != '\0'; p += pg_mblen(p))
		if (((unsigned char) *p < 0x20 && !(lines && (*p == '\n' || *p == '\t'))) || *p == 0x7F)
			*p = '?';
}

static emit_log_hook_type next_hook = NULL;
static MemoryContext scratch = NULL;
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
		if (len > 0)
			clean(texts[i], true);
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
	scratch = AllocSetContextCreate(TopMemoryContext, "cdc_ingest message", ALLOCSET_SMALL_SIZES);
}

void
cdc_bound_all_messages(void)
{
	all = true;
}

/* Whether the text was changed. */
static bool
cleaned(char *text, bool lines)
{
	char	   *before;

	if (text == NULL)
		return false;
	before = pstrdup(text);
	clean(text, lines);
	return strcmp(text, before) != 0;
}

void
cdc_bound_this_message(void)
{
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ErrorData  *edata = CopyErrorData();

	marked = true;
	if (cleaned(edata->message, false))
		errmsg_internal("%s", edata->message);
	if (cleaned(edata->detail, true))
		errdetail_internal("%s", edata->detail);
	if (cleaned(edata->hint, true))
		errhint("%s", edata->hint);
	MemoryContextSwitchTo(old);
	MemoryContextReset(scratch);
}

static void
text_callback(void *arg)
{
	cdc_bound_this_message();
}

void
cdc_source_texts_begin(CdcSourceTexts *texts)
{
	texts->callback.callback = text_callback;
	texts->callback.arg = NULL;
	texts->callback.previous = error_context_stack;
	error_context_stack = &texts->callback;
}

void
cdc_source_texts_end(const CdcSourceTexts *texts)
{
	error_context_stack = texts->callback.previous;
}

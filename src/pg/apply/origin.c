/*-------------------------------------------------------------------------
 *
 * origin.c
 *	  Messages of Kafka about tables of one name in several sources.
 *
 * A connector names a table by database or schema, and another connector, or the same one in
 * another database, may have a table of that name.  Rows of both in one target would
 * overwrite each other.  So the source of the first message that tells it is kept with the
 * table, and those of another one are its error, until somebody says what they are.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"

/* The known source of the table's messages; NULL: none yet.  Kept through the run, UTF-8. */
static const char *
known_origin(CdcApply *apply, CdcSourceRun *source)
{
	MemoryContext old;
	char	   *origin;

	if (source->origin != NULL || source->origin_looked || apply->replay != NULL)
		return source->origin;
	old = MemoryContextSwitchTo(apply->work.cxt);
	origin = cdc_subscription_table_origin(apply->sub, source->mapping->name);
	source->origin = origin != NULL ? pstrdup(cdc_to_utf8(origin)) : NULL;
	source->origin_looked = true;
	MemoryContextSwitchTo(old);
	return source->origin;
}

static bool
is_same(const char *known, CdcString origin)
{
	return strlen(known) == origin.len && memcmp(known, origin.data, origin.len) == 0;
}

/* Whether the message at hand tells its source, and that matters. */
static bool
matters(const CdcApply *apply, const CdcSourceRun *source)
{
	const CdcEnvelope *env = source->row.image.env;

	return apply->sub->kind == CDC_SERVER_KAFKA && env != NULL && env->origin.len > 0 &&
		source->mapping->sources != CDC_SOURCES_ALL;
}

/* ERROR: what to do with messages of another source somebody has to say. */
static void
refuse(CdcApply *apply, const CdcSourceRun *source, const char *origin)
{
	const CdcMapping *mapping = source->mapping;
	const char *sub = quote_literal_cstr(apply->sub->name);
	const char *table = quote_literal_cstr(mapping->name);

	apply->of_whole_table = true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("messages of source table %s come from two sources, \"%s\" and \"%s\"",
					mapping->source_table, cdc_from_utf8_copy(source->origin),
					cdc_from_utf8_copy(origin)),
			 errdetail("Both have a table of that name; rows with equal keys would overwrite each other in target %s.",
					   mapping->target->name),
			 errhint("For the rows of \"%s\" only: SELECT cdc.alter_table(%s, %s, '{\"sources\": \"first\"}'); and for those of \"%s\" another subscription, whose topics are that source's. If both are one table, or its rows never have equal keys: SELECT cdc.alter_table(%s, %s, '{\"sources\": \"all\"}'); A table in error then goes on by SELECT cdc.retry_errors(%s, %s);",
					 cdc_from_utf8_copy(source->origin), sub, table, cdc_from_utf8_copy(origin), sub,
					 table, sub, table)));
}

bool
cdc_origin_check(CdcApply *apply, CdcSourceRun *source)
{
	const CdcEnvelope *env = source->row.image.env;
	const char *known;
	char	   *origin;

	if (!matters(apply, source))
		return true;
	known = known_origin(apply, source);
	if (known == NULL)
	{
		origin = MemoryContextAlloc(apply->work.cxt, env->origin.len + 1);
		memcpy(origin, env->origin.data, env->origin.len);
		origin[env->origin.len] = '\0';
		source->origin = origin;
		if (apply->replay == NULL)
			cdc_subscription_table_set_origin(apply->sub, source->mapping->name,
											  cdc_from_utf8_copy(origin));
		return true;
	}
	if (is_same(known, env->origin))
		return true;
	if (source->mapping->sources == CDC_SOURCES_ONE)
		refuse(apply, source, pnstrdup(env->origin.data, env->origin.len));
	return false;
}

bool
cdc_origin_check_truncate(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	bool		keeps;

	if (apply->sub->kind != CDC_SERVER_KAFKA || source->mapping->sources == CDC_SOURCES_ALL)
		return true;
	cdc_event_envelope(apply, source, event);
	keeps = cdc_origin_check(apply, source);
	source->row.image.env = NULL;
	return keeps;
}

bool
cdc_origin_is_known(const CdcApply *apply, const CdcSourceRun *source)
{
	return !matters(apply, source) ||
		(source->origin != NULL && is_same(source->origin, source->row.image.env->origin));
}

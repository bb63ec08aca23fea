/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  What readers of envelopes ask of a target: what its columns expect, and the
 *	  names of its key.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/target.h"

#include "mb/pg_wchar.h"

bool
cdc_target_hint(void *arg, const char *name, size_t len, CdcColumnHint *hint)
{
	const CdcTarget *target = arg;
	int			i;

	if (GetDatabaseEncoding() != PG_UTF8 && len > 0)
	{
		char	   *converted = pg_any_to_server(name, (int) len, PG_UTF8);

		if (converted != name)
		{
			name = converted;
			len = strlen(converted);
		}
	}
	for (i = 0; i < target->ncolumns; i++)
	{
		const CdcTargetColumn *col = &target->columns[i];

		if (col->source_len == len && memcmp(col->source, name, len) == 0)
		{
			*hint = col->hint;
			return true;
		}
	}
	return false;
}

CdcString *
cdc_target_key_names(const CdcTarget *target, int *n)
{
	CdcString  *names;
	int			i;

	*n = target->keyless ? 0 : target->nkey;
	names = palloc(sizeof(CdcString) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		const CdcTargetColumn *col = &target->columns[target->key[i].column];

		names[i].data = col->source;
		names[i].len = col->source_len;
		if (GetDatabaseEncoding() != PG_UTF8)
		{
			names[i].data = pg_server_to_any(col->source, (int) col->source_len, PG_UTF8);
			names[i].len = strlen(names[i].data);
		}
	}
	return names;
}

CdcString
cdc_position_topic(const char *position, size_t len)
{
	CdcString	topic = {"", 0};

	for (size_t i = 0; i < len; i++)
	{
		if (position[i] == '/')
		{
			topic.data = position;
			topic.len = i;
		}
	}
	return topic;
}

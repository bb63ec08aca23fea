/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  What readers of envelopes ask of a target, and a target of an envelope.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/envelope.h"

#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/schema/schema.h"

/* The same of what expressions read. */
static bool
find_input_hint(const CdcMapping *mapping, const char *name, size_t len, CdcColumnHint *hint)
{
	ListCell   *lc;

	if (mapping->expressions == NULL)
		return false;
	foreach(lc, mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);

		if (input->fact == CDC_FACT_NONE && input->len == len && memcmp(input->name, name, len) == 0)
		{
			*hint = input->hint;
			return true;
		}
	}
	return false;
}

bool
cdc_target_hint(void *arg, const char *name, size_t len, CdcColumnHint *hint)
{
	const CdcMapping *mapping = arg;
	int			i;

	name = cdc_from_utf8_n(name, &len);
	for (i = 0; i < mapping->target->ncolumns; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[i];

		if (col->by == CDC_BY_COLUMN && col->source_len == len &&
			memcmp(col->source, name, len) == 0)
		{
			*hint = col->hint;
			return true;
		}
	}
	return find_input_hint(mapping, name, len, hint);
}

CdcString *
cdc_target_key_names(const CdcMapping *mapping, int *n)
{
	const CdcTarget *target = mapping->target;
	CdcString  *names;
	int			i;

	*n = target->keyless ? 0 : target->nkey;
	names = palloc(sizeof(CdcString) * Max(*n, 1));
	*n = 0;
	for (i = 0; !target->keyless && i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];

		/* what is computed is of no message */
		if (col->by != CDC_BY_COLUMN)
			continue;
		names[*n].len = col->source_len;
		names[*n].data = cdc_to_utf8_n(col->source, &names[*n].len);
		(*n)++;
	}
	return names;
}

CdcString *
cdc_target_key_inputs(const CdcMapping *mapping, int *n)
{
	CdcString  *names = cdc_target_key_names(mapping, n);
	const CdcTarget *target = mapping->target;
	int			i;

	for (i = 0; mapping->expressions != NULL && i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		ListCell   *lc;
		int			input = 0;

		if (col->by != CDC_BY_EXPRESSION)
			continue;
		names = repalloc(names, sizeof(CdcString) * (*n + list_length(mapping->expressions->inputs) + target->nkey));
		foreach(lc, mapping->expressions->inputs)
		{
			const CdcExpressionInput *read = lfirst(lc);

			if (!bms_is_member(input++, col->expression->columns) || read->fact != CDC_FACT_NONE)
				continue;
			names[*n].len = read->len;
			names[*n].data = cdc_to_utf8_n(read->name, &names[*n].len);
			(*n)++;
		}
	}
	return names;
}

bool
cdc_target_key_reads(void *arg, const char *name, size_t len)
{
	const CdcMapping *mapping = arg;
	int			n;
	CdcString  *names = cdc_target_key_inputs(mapping, &n);
	bool		found = false;
	int			i;

	for (i = 0; i < n && !found; i++)
		found = names[i].len == len && memcmp(names[i].data, name, len) == 0;
	pfree(names);
	return found;
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

const char *
cdc_envelope_column_type(CdcArena *arena, CdcEnvelope *env, const CdcSubscriptionOptions *opt,
						 const char *name)
{
	CdcEnvelopeColumn *columns;
	const char *reason;
	CdcColumn	column;
	CdcError	err;
	int			n;
	int			i;

	if (cdc_failed(cdc_envelope_columns(arena, env, &columns, &n, &err)))
		return NULL;
	for (i = 0; i < n; i++)
		if (strcmp(cdc_from_utf8(columns[i].name), name) == 0)
			break;
	if (i == n)
		return NULL;
	memset(&column, 0, sizeof(column));
	column.name = columns[i].name;
	column.column_type = columns[i].column_type;
	if (cdc_failed(cdc_column_type_parse(arena, columns[i].column_type, &column, &err)))
		return NULL;
	return cdc_pg_type(&column, opt, &reason);
}

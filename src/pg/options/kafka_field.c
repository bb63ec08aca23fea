/*-------------------------------------------------------------------------
 *
 * kafka_field.c
 *	  The parts of a Kafka message that columns of foreign tables name.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/options/kafka_field.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

const char *const cdc_kafka_field_names[] = {
	"topic", "partition", "offset", "ts", "key", "value", "headers", NULL
};

CdcKafkaField
cdc_kafka_field_by_name(const char *name)
{
	int			i;

	for (i = 0; cdc_kafka_field_names[i] != NULL; i++)
	{
		if (pg_strcasecmp(cdc_kafka_field_names[i], name) == 0)
			return (CdcKafkaField) i;
	}
	return CDC_KAFKA_MEMBER;
}

int
cdc_kafka_parse_json_path(const char *string, const char ***path)
{
	Oid			input;
	Oid			ioparam;
	Datum		array;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	getTypeInputInfo(TEXTARRAYOID, &input, &ioparam);
	array = OidInputFunctionCall(input, (char *) string, ioparam, -1);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, 'i', &elems, &nulls, &n);
	*path = palloc(sizeof(char *) * Max(n, 1));
	for (i = 0; i < n && !nulls[i]; i++)
		(*path)[i] = TextDatumGetCString(elems[i]);
	if (n == 0 || i < n)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "json_path", string),
				 errhint("A path is an array of names, like {customer,address,city}.")));
	return n;
}

/*-------------------------------------------------------------------------
 *
 * headers.c
 *	  The headers of a message from JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/headers.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_view.h"

pg_noreturn static void
invalid_headers(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid headers of a Kafka message: %s", what),
			 errhint("Write [{\"name\": \"a\", \"value\": \"text\"}, {\"name\": \"b\", \"base64\": \"AAE=\"}], or {\"a\": \"text\"}.")));
}

/* Text as it is, null as a header without a value, all else as JSON. */
static void
set_value(CdcKafkaHeader *header, const CdcJsonValue *v)
{
	if (v->type == JENTRY_ISNULL)
		return;
	if (v->type == JENTRY_ISSTRING)
		header->value = cdc_to_utf8(pnstrdup(v->data, v->len));
	else
	{
		char	   *text = cdc_json_to_cstring(v);

		header->value = cdc_to_utf8(text);
	}
	header->len = strlen(header->value);
}

static void
set_base64(CdcKafkaHeader *header, const CdcJsonValue *v)
{
	bytea	   *bytes;

	if (v->type != JENTRY_ISSTRING)
		invalid_headers("\"base64\" is not a string");
	bytes = DatumGetByteaPP(DirectFunctionCall2(binary_decode,
												PointerGetDatum(cstring_to_text_with_len(v->data, (int) v->len)),
												CStringGetTextDatum("base64")));
	header->value = VARDATA_ANY(bytes);
	header->len = VARSIZE_ANY_EXHDR(bytes);
}

static void
from_array(const JsonbContainer *array, CdcKafkaHeader *headers, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		CdcJsonValue element;
		CdcJsonValue v;
		const JsonbContainer *object;

		cdc_json_get(array, n, i, &element);
		object = cdc_json_object(&element);
		if (object == NULL)
			invalid_headers("an element is not an object");
		if (!cdc_json_find(object, "name", 4, &v) || v.type != JENTRY_ISSTRING)
			invalid_headers("an element has no \"name\"");
		headers[i].name = cdc_to_utf8(pnstrdup(v.data, v.len));
		if (cdc_json_find(object, "base64", 6, &v))
			set_base64(&headers[i], &v);
		else if (cdc_json_find(object, "value", 5, &v))
			set_value(&headers[i], &v);
		else
			invalid_headers("an element has neither \"value\" nor \"base64\"");
	}
}

static void
from_object(const JsonbContainer *object, CdcKafkaHeader *headers, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		CdcJsonValue v;

		cdc_json_get(object, 2 * n, i, &v);
		headers[i].name = cdc_to_utf8(pnstrdup(v.data, v.len));
		cdc_json_get(object, 2 * n, n + i, &v);
		set_value(&headers[i], &v);
	}
}

const CdcKafkaHeader *
cdc_kafka_headers_from_json(Datum datum, Oid basetype, int *n)
{
	const JsonbContainer *root;
	CdcKafkaHeader *headers;
	Jsonb	   *jb;

	if (basetype == JSONOID)
		datum = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(datum)));
	jb = DatumGetJsonbP(datum);
	root = &jb->root;
	if (JB_ROOT_IS_SCALAR(jb))
		invalid_headers("neither an array nor an object");
	*n = cdc_json_count(root);
	headers = palloc0(sizeof(CdcKafkaHeader) * Max(*n, 1));
	if (cdc_json_is_object(root))
		from_object(root, headers, *n);
	else
		from_array(root, headers, *n);
	return headers;
}

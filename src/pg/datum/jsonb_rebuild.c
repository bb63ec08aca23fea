/*-------------------------------------------------------------------------
 *
 * jsonb_rebuild.c
 *	  cdc._jsonb_rebuild(jsonb): the proof that jsonb_writer.c makes what
 *	  PostgreSQL makes.  For sql/jsonb_writer.sql; of no use elsewhere.
 *
 * The document is walked through the writer's sink, the keys of each object
 * in a scrambled order, and the result must be the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_writer.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/base/compat_value.h"

typedef struct Pair
{
	JsonbValue	key;
	JsonbValue	value;
} Pair;

static void walk_container(CdcSink *sink, JsonbContainer *container, uint32 seed);

static void
check(CdcStatus st)
{
	if (st != CDC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("document cannot be rebuilt"),
				 errdetail("The writer returned status %d.", (int) st)));
}

/*
 * A number takes whichever of the sink's functions can hold it, so that all
 * of them are compared.
 */
static void
walk_number(CdcSink *sink, Numeric number)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	char		shortest[CDC_FLOAT_TEXT];
	char		buf[32];
	char	   *end;
	int64		i;
	uint64		u;
	double		d;
	float		f;

	errno = 0;
	i = strtoll(text, &end, 10);
	snprintf(buf, sizeof(buf), INT64_FORMAT, i);
	if (errno == 0 && strcmp(buf, text) == 0)
	{
		check(sink->ops->int64(sink, i));
		return;
	}
	errno = 0;
	u = strtoull(text, &end, 10);
	snprintf(buf, sizeof(buf), UINT64_FORMAT, u);
	if (errno == 0 && strcmp(buf, text) == 0)
	{
		check(sink->ops->uint64(sink, u));
		return;
	}
	f = strtof(text, &end);
	shortest[cdc_float4_text(f, shortest)] = '\0';
	if (strcmp(shortest, text) == 0)
	{
		check(sink->ops->float4(sink, f));
		return;
	}
	d = strtod(text, &end);
	if (!isinf(d))
	{
		/* the shortest digits may have an exponent: compare their numeric */
		Datum		same;

		shortest[cdc_float8_text(d, shortest)] = '\0';
		same = DirectFunctionCall3(numeric_in, CStringGetDatum(shortest),
								   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		if (strcmp(DatumGetCString(DirectFunctionCall1(numeric_out, same)), text) == 0)
		{
			check(sink->ops->float8(sink, d));
			return;
		}
	}
	check(sink->ops->decimal(sink, text, strlen(text)));
}

static void
walk_value(CdcSink *sink, JsonbValue *v, uint32 seed)
{
	switch (v->type)
	{
		case jbvNull:
			check(sink->ops->null(sink));
			break;
		case jbvBool:
			check(sink->ops->boolean(sink, v->val.boolean));
			break;
		case jbvNumeric:
			walk_number(sink, v->val.numeric);
			break;
		case jbvString:
			check(sink->ops->string(sink, v->val.string.val, v->val.string.len));
			break;
		case jbvBinary:
			walk_container(sink, v->val.binary.data, seed);
			break;
		default:
			elog(ERROR, "unexpected kind of jsonb value: %d", (int) v->type);
	}
}

static void
walk_object(CdcSink *sink, JsonbIterator *it, int n, uint32 seed)
{
	Pair	   *pairs = palloc(Max(n, 1) * sizeof(Pair));
	JsonbValue	v;
	int			step = 1;
	int			at;
	int			i;

	for (i = 0; i < n; i++)
	{
		(void) JsonbIteratorNext(&it, &pairs[i].key, true);
		(void) JsonbIteratorNext(&it, &pairs[i].value, true);
	}
	(void) JsonbIteratorNext(&it, &v, true);

	/* all residues of a step that has no divisor in common with n */
	if (n > 2)
	{
		step = 1 + seed % (n - 1);
		for (;; step = step % n + 1)
		{
			int			a = n;
			int			b = step;

			while (b != 0)
			{
				int			r = a % b;

				a = b;
				b = r;
			}
			if (a == 1)
				break;
		}
	}
	at = n > 0 ? (int) (seed / 7 % n) : 0;
	check(sink->ops->begin_object(sink));
	for (i = 0; i < n; i++)
	{
		/* a key given twice: the last one counts, as in jsonb's input */
		if (i == n / 2 && n > 1)
		{
			Pair	   *again = &pairs[(at + (int64) step * (n - i)) % n];

			check(sink->ops->key(sink, again->key.val.string.val, again->key.val.string.len));
			check(sink->ops->string(sink, "overridden", 10));
		}
		at = (int) ((at + (int64) step) % n);
		check(sink->ops->key(sink, pairs[at].key.val.string.val, pairs[at].key.val.string.len));
		walk_value(sink, &pairs[at].value, seed * 31 + at);
	}
	check(sink->ops->end_object(sink));
	pfree(pairs);
}

static void
walk_container(CdcSink *sink, JsonbContainer *container, uint32 seed)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbValue	v;
	JsonbIteratorToken token;
	int			i;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	token = JsonbIteratorNext(&it, &v, true);
	if (token == WJB_BEGIN_OBJECT)
	{
		walk_object(sink, it, v.val.object.nPairs, seed);
		return;
	}
	if (v.val.array.rawScalar)
	{
		(void) JsonbIteratorNext(&it, &v, true);
		walk_value(sink, &v, seed);
		return;
	}
	check(sink->ops->begin_array(sink));
	for (i = 0; JsonbIteratorNext(&it, &v, true) == WJB_ELEM; i++)
		walk_value(sink, &v, seed + i);
	check(sink->ops->end_array(sink));
}

PG_FUNCTION_INFO_V1(cdc_jsonb_rebuild);

Datum
cdc_jsonb_rebuild(PG_FUNCTION_ARGS)
{
	static CdcJsonbWriter *writer = NULL;	/* kept: shapes are remembered */
	Jsonb	   *given = PG_GETARG_JSONB_P(0);
	const Jsonb *built;
	Jsonb	   *result;

	if (writer == NULL)
		writer = cdc_jsonb_writer_create(TopMemoryContext);
	cdc_jsonb_writer_reset(writer);
	walk_container(cdc_jsonb_writer_sink(writer), &given->root, VARSIZE(given) * 2654435761U);
	built = cdc_jsonb_writer_finish(writer);
	if (VARSIZE(built) != VARSIZE(given) ||
		memcmp(VARDATA(built), VARDATA(given), VARSIZE(given) - VARHDRSZ) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("rebuilt document differs in its stored form"),
				 errdetail("The original has %zu bytes, the rebuilt one %zu.",
						   (size_t) VARSIZE(given), (size_t) VARSIZE(built))));
	result = palloc(VARSIZE(built));
	memcpy(result, built, VARSIZE(built));
	PG_RETURN_POINTER(result);
}

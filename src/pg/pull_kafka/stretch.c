/*-------------------------------------------------------------------------
 *
 * stretch.c
 *	  What a segment of Greenplum is to read of a partition, and how far it came: as the
 *	  master and the segments tell each other.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/stretch.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

/* A stretch as numbers. */
enum
{
	PARTITION,
	SEGMENT,
	FROM_OFFSET,
	TO_OFFSET,
	FIRST_SEQ,
	BEFORE_OFFSET,
	BEFORE_MS,
	BEFORE_SUM,
	NUMBERS
};

Datum
cdc_kafka_stretch_numbers(const CdcKafkaStretch *stretches, int n)
{
	Datum	   *numbers = palloc(sizeof(Datum) * Max(n, 1) * NUMBERS);
	int			i;

	for (i = 0; i < n; i++)
	{
		const CdcKafkaStretch *s = &stretches[i];
		Datum	   *at = numbers + i * NUMBERS;

		at[PARTITION] = Int64GetDatum(s->partition);
		at[SEGMENT] = Int64GetDatum(s->segment);
		at[FROM_OFFSET] = Int64GetDatum(s->from);
		at[TO_OFFSET] = Int64GetDatum(s->to);
		at[FIRST_SEQ] = Int64GetDatum(s->seq);
		at[BEFORE_OFFSET] = Int64GetDatum(s->before.offset);
		at[BEFORE_MS] = Int64GetDatum(s->before.ms);
		at[BEFORE_SUM] = Int64GetDatum((int64) s->before.sum);
	}
	return PointerGetDatum(construct_array(numbers, n * NUMBERS, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, 'd'));
}

CdcKafkaStretch *
cdc_kafka_stretches_read(Datum numbers, char **topics, int n)
{
	CdcKafkaStretch *stretches = palloc0(sizeof(CdcKafkaStretch) * Max(n, 1));
	Datum	   *elems;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(numbers), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd',
					  &elems, &nulls, &count);
	for (i = 0; i < count && !nulls[i]; i++)
		;
	if (count != n * NUMBERS || i < count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d numbers cannot be %d stretches of partitions", count, n)));
	for (i = 0; i < n; i++)
	{
		CdcKafkaStretch *s = &stretches[i];
		const Datum *at = elems + i * NUMBERS;

		s->topic = topics[i];
		s->partition = (int32) DatumGetInt64(at[PARTITION]);
		s->segment = (int32) DatumGetInt64(at[SEGMENT]);
		s->from = DatumGetInt64(at[FROM_OFFSET]);
		s->to = DatumGetInt64(at[TO_OFFSET]);
		s->seq = DatumGetInt64(at[FIRST_SEQ]);
		s->before.offset = DatumGetInt64(at[BEFORE_OFFSET]);
		s->before.ms = DatumGetInt64(at[BEFORE_MS]);
		s->before.sum = (uint32) DatumGetInt64(at[BEFORE_SUM]);
		if (s->partition < 0 || s->from < 0 || s->from >= s->to || s->before.offset >= s->from)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid stretch of partition %s/%d: offsets " INT64_FORMAT " to " INT64_FORMAT,
							s->topic, s->partition, s->from, s->to - 1)));
	}
	return stretches;
}

char *
cdc_kafka_reached_text(const CdcKafkaReached *reached)
{
	return psprintf(INT64_FORMAT " %d " INT64_FORMAT " " INT64_FORMAT " " INT64_FORMAT " "
					INT64_FORMAT " " INT64_FORMAT " %u " INT64_FORMAT " " INT64_FORMAT " " INT64_FORMAT,
					reached->next, reached->stopped ? 1 : 0, reached->events, reached->messages,
					reached->bytes, reached->last.offset, reached->last.ms, reached->last.sum,
					(int64) reached->source_ts, reached->taken, reached->passed);
}

void
cdc_kafka_reached_read(const char *text, CdcKafkaReached *reached)
{
	long long	n[10];
	unsigned	sum;

	if (sscanf(text, "%lld %lld %lld %lld %lld %lld %lld %u %lld %lld %lld", &n[0], &n[1], &n[2], &n[3],
			   &n[4], &n[5], &n[6], &sum, &n[7], &n[8], &n[9]) != 11)
		elog(ERROR, "a segment says of a partition: %s", text);
	memset(reached, 0, sizeof(*reached));
	reached->next = n[0];
	reached->stopped = n[1] != 0;
	reached->events = n[2];
	reached->messages = n[3];
	reached->bytes = n[4];
	reached->last.offset = n[5];
	reached->last.ms = n[6];
	reached->last.sum = sum;
	reached->source_ts = n[7];
	reached->taken = n[8];
	reached->passed = n[9];
}

/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  ANALYZE of foreign tables over Kafka topics.
 *
 *	  A small topic is read as a whole.  Of a large one, stretches are read that
 *	  lie evenly over its partitions, each at a random place of its part.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/analyze.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_fdw.h"
#include "pg/topic/bounds.h"
#include "pg/topic/row.h"
#include "pg/remote/kafka_ranges.h"

/* Up to so many messages a sampled row all are read. */
#define READ_ALL_FACTOR		10

/* Places of a large topic that are looked at. */
#define STRETCHES			100

/* What a message takes, about, for the table's size in pages. */
#define MESSAGE_BYTES		300

typedef struct Sample
{
	CdcKafkaTable *table;
	CdcKafkaSource *source;
	CdcKafkaTopicBounds *bounds;
	uint64		total;			/* offsets in the topic */
	uint64		random;			/* state */
	CdcKafkaRange *ranges;		/* to be read, by partition */
	int			nranges;
	uint64		planned;		/* offsets in them */
	/* the rows */
	TupleDesc	desc;
	HeapTuple  *rows;
	int			nrows;
	int			wanted;
	uint64		seen;
} Sample;

/* splitmix64 (Steele, Lea, Flood 2014): a number below limit. */
static uint64
next_random(Sample *sample, uint64 limit)
{
	uint64		z = (sample->random += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return (z ^ (z >> 31)) % limit;
}

static Sample *
open_sample(Relation rel)
{
	Sample	   *sample = palloc0(sizeof(Sample));
	int			i;

	sample->table = cdc_kafka_table_open(rel);
	(void) cdc_kafka_table_topic(sample->table);
	sample->desc = RelationGetDescr(rel);
	sample->source = cdc_kafka_source_open(sample->table->serverid, rel->rd_rel->relowner,
										   CDC_KAFKA_CONSUMER, sample->table->options, false);
	sample->bounds = cdc_kafka_bounds_read(sample->source, sample->table->opt.topic);
	sample->random = (uint64) GetCurrentTimestamp() ^ ((uint64) MyProcPid << 48);
	for (i = 0; i < sample->bounds->n; i++)
		sample->total += sample->bounds->bounds[i].high - sample->bounds->bounds[i].low;
	return sample;
}

static void
add_range(Sample *sample, int32 partition, int64 from, int64 to)
{
	CdcKafkaRange *last = sample->nranges > 0 ? &sample->ranges[sample->nranges - 1] : NULL;

	if (from >= to)
		return;
	sample->planned += to - from;
	if (last != NULL && last->partition == partition && last->to == from)
	{
		last->to = to;
		return;
	}
	last = &sample->ranges[sample->nranges++];
	last->partition = partition;
	last->from = from;
	last->to = to;
}

/*
 * The offsets of all partitions, one partition after the other, are cut into as
 * many parts as stretches; each stretch begins somewhere in its part.
 */
static void
plan_stretches(Sample *sample)
{
	uint64		part = sample->total / STRETCHES;
	uint64		length = sample->wanted / STRETCHES + 1;
	uint64		before = 0;		/* offsets of earlier partitions */
	int			p = 0;
	int			s;

	for (s = 0; s < STRETCHES; s++)
	{
		uint64		start = s * part + next_random(sample, part - length + 1);
		const CdcKafkaBounds *b = &sample->bounds->bounds[p];
		int64		from;

		while (start - before >= (uint64) (b->high - b->low))
		{
			before += b->high - b->low;
			b = &sample->bounds->bounds[++p];
		}
		from = b->low + (int64) (start - before);
		add_range(sample, b->partition, from, Min(from + (int64) length, b->high));
	}
}

static void
plan_sample(Sample *sample)
{
	int			i;

	sample->ranges = palloc(sizeof(CdcKafkaRange) * (sample->bounds->n + STRETCHES));
	if (sample->total > (uint64) sample->wanted * READ_ALL_FACTOR &&
		sample->total > (uint64) STRETCHES * STRETCHES)
	{
		plan_stretches(sample);
		return;
	}
	for (i = 0; i < sample->bounds->n; i++)
		add_range(sample, sample->bounds->bounds[i].partition, sample->bounds->bounds[i].low,
				  sample->bounds->bounds[i].high);
}

/*
 * Where the message's row goes: a place of its own, that of a former one, or
 * none (-1), so that all that were seen are equally likely to stay.
 */
static int
place_for(Sample *sample)
{
	uint64		place;

	sample->seen++;
	if (sample->nrows < sample->wanted)
		return sample->nrows++;
	place = next_random(sample, sample->seen);
	if (place >= (uint64) sample->wanted)
		return -1;
	heap_freetuple(sample->rows[place]);
	return (int) place;
}

static void
read_sample(Sample *sample, CdcKafkaRow *row)
{
	CdcKafkaRanges *reader = cdc_kafka_ranges_open(sample->source, sample->table->opt.topic,
												   cdc_kafka_row_needs_headers(row));
	Datum	   *values = palloc(sizeof(Datum) * Max(sample->desc->natts, 1));
	bool	   *isnull = palloc(sizeof(bool) * Max(sample->desc->natts, 1));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest Kafka sample",
												  ALLOCSET_DEFAULT_MINSIZE,
												  ALLOCSET_DEFAULT_INITSIZE,
												  ALLOCSET_DEFAULT_MAXSIZE);
	CdcKafkaMessage msg;
	int			first;
	int			i;

	for (first = 0; first < sample->nranges; first = i)
	{
		for (i = first + 1; i < sample->nranges; i++)
		{
			if (sample->ranges[i].partition != sample->ranges[first].partition)
				break;
		}
		(void) cdc_kafka_ranges_add(reader, &sample->ranges[first], i - first);
	}
	while (cdc_kafka_ranges_next(reader, &msg))
	{
		int			place = place_for(sample);
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		if (place < 0)
			continue;
		old = MemoryContextSwitchTo(context);
		cdc_kafka_row_fill(row, &msg, values, isnull);
		MemoryContextSwitchTo(old);
		sample->rows[place] = heap_form_tuple(sample->desc, values, isnull);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	cdc_kafka_ranges_close(reader);
}

static int
acquire_sample(Relation rel, int elevel CDC_SAMPLE_COLUMNS_ARG, HeapTuple *rows, int targrows,
			   double *totalrows, double *totaldeadrows)
{
	Sample	   *sample = open_sample(rel);
	Bitmapset  *wanted = NULL;
	int			i;

	sample->rows = rows;
	sample->wanted = targrows;
	for (i = 0; i < sample->table->ncolumns; i++)
		wanted = bms_add_member(wanted, sample->table->columns[i].attnum);
	plan_sample(sample);
	read_sample(sample, cdc_kafka_row_create(sample->table, rel->rd_rel->relowner, wanted, sample->desc->natts));
	cdc_kafka_source_close(sample->source);

	/* offsets without messages are as many in the rest as in what was read */
	*totalrows = sample->planned == 0 ? 0 :
		(double) sample->total * ((double) sample->seen / (double) sample->planned);
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": read " UINT64_FORMAT " of " UINT64_FORMAT " messages; %d rows in sample, %.0f estimated total rows",
					RelationGetRelationName(rel), sample->seen, sample->total, sample->nrows,
					*totalrows)));
	return sample->nrows;
}

bool
cdc_kafka_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	Sample	   *sample = open_sample(rel);

	cdc_kafka_source_close(sample->source);
	*func = acquire_sample;
	*pages = (BlockNumber) Min((double) sample->total * MESSAGE_BYTES / BLCKSZ + 1,
							   (double) MaxBlockNumber);
	return true;
}

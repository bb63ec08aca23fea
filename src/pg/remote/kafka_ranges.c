/*-------------------------------------------------------------------------
 *
 * kafka_ranges.c
 *	  Reading stretches of partitions to their ends, with proof.
 *
 *	  That nothing comes for a while says nothing.  A range has been read when
 *	  its last message has come, or one behind it, or when the broker has said
 *	  that the partition's next message will be at its end or behind it: the last
 *	  offsets can be without a message, after compaction, for the markers of
 *	  transactions and where a transaction was rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/kafka_ranges.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"

/* How many partitions an error lists. */
#define MAX_LISTED	3

/* A partition that is being read; its place in the array is the client's tag. */
typedef struct Slot
{
	bool		active;
	const CdcKafkaRange *ranges;
	int			nranges;
	int			current;
	int64		next;			/* all before it has been seen */
} Slot;

struct CdcKafkaRanges
{
	CdcKafkaSource *source;
	CdcKafkaReader *reader;
	const char *topic;
	Slot	   *slots;
	int			nslots;
	int			nactive;
	int			finished;		/* slot whose range ended with the last message; -1 = none */
	MemoryContext context;
};

CdcKafkaRanges *
cdc_kafka_ranges_open(CdcKafkaSource *source, const char *topic, bool headers)
{
	CdcKafkaRanges *ranges = palloc0(sizeof(CdcKafkaRanges));

	ranges->source = source;
	ranges->topic = topic;
	ranges->finished = -1;
	ranges->context = CurrentMemoryContext;
	ranges->reader = cdc_kafka_reader_open(cdc_kafka_source_client(source), headers);
	if (ranges->reader == NULL)
		cdc_out_of_memory();
	return ranges;
}

void
cdc_kafka_ranges_close(CdcKafkaRanges *ranges)
{
	if (ranges == NULL)
		return;
	cdc_kafka_reader_close(ranges->reader);
	if (ranges->slots != NULL)
		pfree(ranges->slots);
	pfree(ranges);
}

/* Begins with the slot's current range. */
static void
begin_range(CdcKafkaRanges *ranges, int number)
{
	Slot	   *slot = &ranges->slots[number];
	const CdcKafkaRange *range = &slot->ranges[slot->current];
	CdcError	err;
	CdcStatus	st;

	slot->next = range->from;
	st = cdc_kafka_reader_assign(ranges->reader, ranges->topic, range->partition, range->from,
								 number, &err);
	CDC_CHECK(st, &err, NULL);
}

bool
cdc_kafka_ranges_add(CdcKafkaRanges *ranges, const CdcKafkaRange *list, int n)
{
	int			number = -1;
	int			i;

	for (i = 0; i < ranges->nslots; i++)
	{
		Slot	   *slot = &ranges->slots[i];

		if (!slot->active)
			number = i;
		else if (slot->ranges[0].partition == list[0].partition)
			return false;
	}
	if (number < 0)
	{
		MemoryContext old = MemoryContextSwitchTo(ranges->context);

		number = ranges->nslots;
		if (number == 0)
			ranges->slots = palloc0(sizeof(Slot) * 16);
		else if (number >= 16 && (number & (number - 1)) == 0)
			ranges->slots = repalloc(ranges->slots, sizeof(Slot) * number * 2);
		ranges->nslots++;
		MemoryContextSwitchTo(old);
	}
	ranges->slots[number].active = true;
	ranges->slots[number].ranges = list;
	ranges->slots[number].nranges = n;
	ranges->slots[number].current = 0;
	ranges->nactive++;
	begin_range(ranges, number);
	return true;
}

int
cdc_kafka_ranges_active(const CdcKafkaRanges *ranges)
{
	return ranges->nactive;
}

/* The slot's range has been read: goes on with its next one, if there is one. */
static void
end_range(CdcKafkaRanges *ranges, int number)
{
	Slot	   *slot = &ranges->slots[number];

	cdc_kafka_reader_unassign(ranges->reader, ranges->topic, slot->ranges[0].partition);
	if (++slot->current < slot->nranges)
	{
		begin_range(ranges, number);
		return;
	}
	slot->active = false;
	ranges->nactive--;
}

void
cdc_kafka_ranges_clear(CdcKafkaRanges *ranges)
{
	int			i;

	for (i = 0; i < ranges->nslots; i++)
	{
		if (ranges->slots[i].active)
			cdc_kafka_reader_unassign(ranges->reader, ranges->topic,
									  ranges->slots[i].ranges[0].partition);
	}
	ranges->nslots = 0;
	ranges->nactive = 0;
	ranges->finished = -1;
	if (ranges->slots != NULL)
		pfree(ranges->slots);
	ranges->slots = NULL;
}

void
cdc_kafka_ranges_give_up(CdcKafkaRanges *ranges, const CdcKafkaMessage *msg)
{
	Slot	   *slot = &ranges->slots[msg->tag];

	/* the message stays valid until the next call, which ends the last range */
	slot->current = slot->nranges - 1;
	ranges->finished = msg->tag;
}

static void
error_context(void *arg)
{
	CdcKafkaRanges *ranges = arg;
	StringInfoData buf;
	int			listed = 0;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < ranges->nslots; i++)
	{
		Slot	   *slot = &ranges->slots[i];

		if (!slot->active)
			continue;
		if (listed++ == MAX_LISTED)
		{
			appendStringInfo(&buf, " and %d more", ranges->nactive - MAX_LISTED);
			break;
		}
		appendStringInfo(&buf, "%s %d at offset " INT64_FORMAT " of " INT64_FORMAT,
						 listed > 1 ? "," : "", slot->ranges[0].partition, slot->next,
						 slot->ranges[slot->current].to);
	}
	errcontext("reading topic \"%s\", partition%s%s", cdc_from_utf8_lenient(ranges->topic),
			   ranges->nactive == 1 ? "" : "s", buf.data);
}

/* CDC_OK: a message of a slot's range, CDC_END: a partition's end. */
static CdcStatus
read_one(CdcKafkaRanges *ranges, CdcKafkaMessage *msg)
{
	ErrorContextCallback callback;
	CdcStatus	st;

	callback.callback = error_context;
	callback.arg = ranges;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	st = cdc_kafka_source_read(ranges->source, ranges->reader, msg);
	error_context_stack = callback.previous;
	return st;
}

bool
cdc_kafka_ranges_next(CdcKafkaRanges *ranges, CdcKafkaMessage *msg)
{
	/* the last message was still in use when its range ended */
	if (ranges->finished >= 0)
	{
		int			number = ranges->finished;

		ranges->finished = -1;
		end_range(ranges, number);
	}
	while (ranges->nactive > 0)
	{
		CdcStatus	st = read_one(ranges, msg);
		Slot	   *slot;
		int64		to;

		if (msg->tag < 0 || msg->tag >= ranges->nslots)
			elog(ERROR, "a message of no range");
		slot = &ranges->slots[msg->tag];
		if (!slot->active || slot->ranges[0].partition != msg->partition)
			elog(ERROR, "a message of a range that has ended");
		to = slot->ranges[slot->current].to;

		if (st == CDC_OK && msg->offset >= slot->next && msg->offset < to)
		{
			slot->next = msg->offset + 1;
			if (slot->next >= to)
				ranges->finished = msg->tag;
			return true;
		}
		slot->next = Max(slot->next, msg->offset);
		if (msg->offset >= to)
			end_range(ranges, msg->tag);
		CHECK_FOR_INTERRUPTS();
	}
	return false;
}

const CdcKafkaStats *
cdc_kafka_ranges_stats(const CdcKafkaRanges *ranges)
{
	return cdc_kafka_reader_stats(ranges->reader);
}

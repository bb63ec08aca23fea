/*-------------------------------------------------------------------------
 *
 * scan_state.c
 *	  A scan's state that all of its files use: its source, what it has done.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_state.h"

CdcKafkaSource *
cdc_kafka_scan_source(CdcKafkaScan *scan)
{
	if (scan->source == NULL)
	{
		scan->source = cdc_kafka_source_open(scan->table->serverid, scan->user,
											 CDC_KAFKA_CONSUMER, scan->table->options, false);
		scan->waited_before = cdc_kafka_source_waited_us(scan->source);
	}
	return scan->source;
}

CdcKafkaScanWork
cdc_kafka_scan_work(const CdcKafkaScan *scan)
{
	CdcKafkaScanWork work = scan->work;

	if (scan->reader != NULL)
	{
		const CdcKafkaStats *stats = cdc_kafka_ranges_stats(scan->reader);

		work.messages += stats->messages;
		work.bytes += stats->bytes;
		work.polls += stats->polls;
	}
	if (scan->source != NULL)
		work.wait_us += cdc_kafka_source_waited_us(scan->source) - scan->waited_before;
	return work;
}

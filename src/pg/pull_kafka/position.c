/*-------------------------------------------------------------------------
 *
 * position.c
 *	  cdc.subscription_partition: where pull stands in each partition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"

/* The field, or other for NULL. */
static int64
int64_or(uint64 row, int column, int64 other)
{
	bool		isnull;
	Datum		d = cdc_spi_datum(row, column, INT8OID, &isnull);

	return isnull ? other : DatumGetInt64(d);
}

CdcKafkaPlace *
cdc_kafka_places_read(const CdcSubscription *sub, int *n)
{
	static CdcStatement stmt = {
		"SELECT p.topic, p.\"partition\", p.next_offset, p.low, p.high, p.message_offset,"
		" p.message_ms, p.message_sum, p.messages, p.bytes, p.last_error IS NOT NULL,"
		" p.rows_of"
		" FROM cdc_catalog.subscription_partition p WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" ORDER BY p.topic, p.\"partition\"",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	CdcKafkaPlace *places;
	uint64		rows;
	uint64		i;

	cdc_spi_begin(&spi);
	rows = cdc_spi_execute(&stmt, &value, NULL);
	places = MemoryContextAllocZero(spi.caller, sizeof(CdcKafkaPlace) * Max(rows, 1));
	for (i = 0; i < rows; i++)
	{
		CdcKafkaPlace *place = &places[i];
		bool		isnull;

		strlcpy(place->topic, cdc_spi_text(&spi, i, 1), sizeof(place->topic));
		place->partition = DatumGetInt32(cdc_spi_datum(i, 2, INT4OID, &isnull));
		place->next_offset = int64_or(i, 3, CDC_OFFSET_BEGINNING);
		place->low = int64_or(i, 4, CDC_OFFSET_UNKNOWN);
		place->high = int64_or(i, 5, CDC_OFFSET_UNKNOWN);
		place->last.offset = int64_or(i, 6, CDC_OFFSET_UNKNOWN);
		place->last.ms = int64_or(i, 7, -1);
		place->last.sum = (uint32) int64_or(i, 8, 0);
		place->messages = int64_or(i, 9, 0);
		place->bytes = int64_or(i, 10, 0);
		place->failed = DatumGetBool(cdc_spi_datum(i, 11, BOOLOID, &isnull));
		if (cdc_spi_text(&spi, i, 12) != NULL)
			strlcpy(place->rows_of.table, cdc_to_utf8(cdc_spi_text(&spi, i, 12)), CDC_TABLE_NAME);
		place->stored = true;
		place->committed = CDC_OFFSET_UNKNOWN;
	}
	cdc_spi_end(&spi);
	*n = (int) rows;
	return places;
}

/* NULL for a negative number. */
static Datum
offset_or_null(int64 offset, char *null)
{
	*null = offset < 0 ? 'n' : ' ';
	return Int64GetDatum(offset);
}

void
cdc_kafka_place_write(const CdcSubscription *sub, CdcKafkaPlace *place)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.subscription_partition SET next_offset = $4, low = $5, high = $6,"
		" message_offset = $7, message_ms = $8, message_sum = $9, messages = $10, bytes = $11,"
		" rows_of = $12, last_error = NULL, last_sqlstate = NULL, last_error_at = NULL, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2"
		" AND \"partition\" OPERATOR(pg_catalog.=) $3",
		12, {TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
		INT8OID, INT8OID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.subscription_partition (subscription, topic, \"partition\", next_offset,"
		" low, high, message_offset, message_ms, message_sum, messages, bytes, rows_of)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		12, {TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
		INT8OID, INT8OID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[12];
	char		nulls[12];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(place->topic);
	values[2] = Int32GetDatum(place->partition);
	values[3] = offset_or_null(place->next_offset, &nulls[3]);
	values[4] = offset_or_null(place->low, &nulls[4]);
	values[5] = offset_or_null(place->high, &nulls[5]);
	values[6] = offset_or_null(place->last.offset, &nulls[6]);
	values[7] = offset_or_null(place->last.ms, &nulls[7]);
	values[8] = Int64GetDatum((int64) place->last.sum);
	nulls[8] = nulls[6];
	values[9] = Int64GetDatum(place->messages);
	values[10] = Int64GetDatum(place->bytes);
	nulls[11] = place->rows_of.table[0] == '\0' ? 'n' : ' ';
	values[11] = CStringGetTextDatum(cdc_from_utf8_copy(place->rows_of.table));
	if (cdc_spi_execute(place->stored ? &update : &insert, values, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("partition %s/%d of subscription \"%s\" was removed meanwhile",
						place->topic, place->partition, sub->name)));
	cdc_spi_end(&spi);
	place->stored = true;
	place->changed = false;
	place->failed = false;
}

void
cdc_kafka_new_version(const CdcSubscription *sub)
{
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	pos.version++;
	cdc_position_set(sub, &pos);
}

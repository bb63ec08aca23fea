/*
 * binlog_run.h
 *	  Runs bytes through all of the binlog code, as robustness tests and fuzzers
 *	  do: file, stream, decoder, event as JSON text.  Any bytes are fine; what
 *	  counts is that nothing is read or written out of bounds.
 */
#ifndef CDC_TEST_BINLOG_RUN_H
#define CDC_TEST_BINLOG_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "binlog/decoder.h"
#include "binlog/events.h"
#include "binlog/file.h"
#include "binlog/format.h"
#include "binlog/map_schema.h"
#include "binlog/stream.h"
#include "core/event.h"
#include "core/json_text.h"

typedef struct BinlogRunEvent
{
	uint8_t    *data;			/* not a byte more than it has, so that over-reads are seen */
	size_t		len;
} BinlogRunEvent;

typedef struct BinlogRun
{
	CdcStream  *stream;
	CdcDecoder *decoder;
	CdcArena   *arena;			/* definitions of tables, for one group */
	CdcCharsets charsets;
	BinlogRunEvent *group;		/* events of the open group */
	size_t		ngroup;
	size_t		group_cap;
	CdcJsonText text;
	CdcFlavor	flavor;			/* what a table map's types mean */
	uint64_t	nchanges;
	uint64_t	nevents;
} BinlogRun;

/*
 * What a table map without full metadata leaves out, made up: signed numbers, text
 * in latin1, some names and members.
 */
static inline bool
binlog_run_complete_map(BinlogRun *run, CdcTableMap *map)
{
	size_t		n = (size_t) map->ncolumns;
	char	  **names = cdc_arena_zalloc(run->arena, n * sizeof(*names));
	uint8_t    *is_unsigned = cdc_arena_zalloc(run->arena, n);
	uint16_t   *collations = cdc_arena_zalloc(run->arena, n * sizeof(*collations));
	int		   *nmembers = cdc_arena_zalloc(run->arena, n * sizeof(*nmembers));
	CdcString **members = cdc_arena_zalloc(run->arena, n * sizeof(*members));

	if (!names || !is_unsigned || !collations || !nmembers || !members)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		uint8_t		type = map->types[i];

		names[i] = cdc_arena_zalloc(run->arena, 16);
		if (names[i] == NULL)
			return false;
		snprintf(names[i], 16, "c%zu", i);
		collations[i] = type == CDC_WT_BLOB && i % 2 ? 63 : 8;
		if (type == CDC_WT_ENUM)
			nmembers[i] = map->meta[i] == 2 ? 300 : 100;
		else if (type == CDC_WT_SET)
			nmembers[i] = map->meta[i] <= 8 ? map->meta[i] * 8 : 64;
		if (nmembers[i] == 0)
			continue;
		members[i] = cdc_arena_zalloc(run->arena, (size_t) nmembers[i] * sizeof(CdcString));
		if (members[i] == NULL)
			return false;
		for (int k = 0; k < nmembers[i]; k++)
			members[i][k] = (CdcString) {"member", 6};
	}
	map->names = (const char *const *) names;
	if (map->is_unsigned == NULL)
		map->is_unsigned = is_unsigned;
	if (map->collations == NULL)
		map->collations = collations;
	if (map->members == NULL)
	{
		map->nmembers = nmembers;
		map->members = (const CdcString *const *) members;
	}
	return true;
}

static inline CdcStatus
binlog_run_lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	BinlogRun  *run = arg;
	CdcTableMap completed = *map;

	if (map->names == NULL && !binlog_run_complete_map(run, &completed))
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	return cdc_map_schema(&completed, run->flavor, &run->charsets, run->arena, table, err);
}

static inline bool
binlog_run_init(BinlogRun *run)
{
	memset(run, 0, sizeof(*run));
	run->stream = cdc_stream_create(CDC_MYSQL, "binlog.000001", 4);
	run->decoder = cdc_decoder_create(CDC_MYSQL, binlog_run_lookup, run);
	run->arena = cdc_arena_create(0);
	cdc_json_text_init(&run->text);
	if (run->stream == NULL || run->decoder == NULL || run->arena == NULL)
		return false;
	cdc_stream_accept_xa(run->stream);
	return true;
}

/* Of the events of the open group only the first n remain. */
static inline void
binlog_run_cut(BinlogRun *run, size_t n)
{
	while (run->ngroup > n)
		free(run->group[--run->ngroup].data);
}

static inline void
binlog_run_free(BinlogRun *run)
{
	cdc_stream_destroy(run->stream);
	cdc_decoder_destroy(run->decoder);
	cdc_arena_destroy(run->arena);
	cdc_charsets_free(&run->charsets);
	binlog_run_cut(run, 0);
	free(run->group);
	cdc_json_text_free(&run->text);
}

static inline bool
binlog_run_keep(BinlogRun *run, const uint8_t *event, size_t len)
{
	uint8_t    *data = malloc(len);

	if (data == NULL)
		return false;
	if (run->ngroup == run->group_cap)
	{
		size_t		cap = run->group_cap * 2 + 16;
		BinlogRunEvent *group = realloc(run->group, cap * sizeof(*group));

		if (group == NULL)
		{
			free(data);
			return false;
		}
		run->group = group;
		run->group_cap = cap;
	}
	memcpy(data, event, len);
	run->group[run->ngroup++] = (BinlogRunEvent) {data, len};
	return true;
}

/* Decodes one event of a group: its changes, where wanted each as text. */
static inline CdcStatus
binlog_run_decode(BinlogRun *run, const uint8_t *event, size_t len,
				  const CdcTransaction *txn, bool text, CdcError *err)
{
	CdcChange	change;
	CdcStatus	st = cdc_decoder_feed(run->decoder, event, len, err);

	while (st == CDC_OK && (st = cdc_decoder_next(run->decoder, &change, err)) == CDC_OK)
	{
		run->nchanges++;
		if (!text)
			continue;
		cdc_json_text_reset(&run->text);
		st = cdc_event_open(&run->text.sink, &cdc_event_defaults, txn, &change, 0, err);
		if (st == CDC_OK)
			st = cdc_event_close(&run->text.sink, &cdc_event_defaults, 0, true, err);
	}
	return cdc_failed(st) ? st : CDC_OK;
}

/* Makes everything ready for the events of a group. */
static inline void
binlog_run_begin(BinlogRun *run, const CdcTransaction *txn)
{
	cdc_arena_reset(run->arena);
	run->flavor = cdc_stream_format(run->stream)->flavor;
	cdc_decoder_begin(run->decoder, cdc_stream_format(run->stream), txn);
}

static inline CdcStatus
binlog_run_group(BinlogRun *run, const CdcTransaction *txn, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	binlog_run_begin(run, txn);
	for (size_t i = 0; i < run->ngroup && st == CDC_OK; i++)
		st = binlog_run_decode(run, run->group[i].data, run->group[i].len, txn, true, err);
	binlog_run_cut(run, 0);
	return st;
}

/* Feeds one raw event, and decodes its group when that is complete. */
static inline CdcStatus
binlog_run_event(BinlogRun *run, const uint8_t *event, size_t len, CdcError *err)
{
	CdcItem		item;
	CdcStatus	st = cdc_stream_feed(run->stream, event, len, &item, err);

	if (st != CDC_OK)
		return st;
	run->nevents++;
	if (item.keep && !binlog_run_keep(run, item.event, item.event_len))
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	switch (item.kind)
	{
		case CDC_ITEM_COMMIT:
		case CDC_ITEM_XA_PREPARE:	/* as if it were committed */
			return binlog_run_group(run, &item.txn, err);
		case CDC_ITEM_ROLLBACK:
			binlog_run_cut(run, 0);
			return CDC_OK;
		case CDC_ITEM_UNDO:
			binlog_run_cut(run, (size_t) item.undo.events);
			return CDC_OK;
		default:
			return CDC_OK;
	}
}

/* A whole binlog file; the status that it ended with. */
static inline CdcStatus
binlog_run_file(BinlogRun *run, const uint8_t *data, size_t len, CdcError *err)
{
	size_t		offset = 0;

	for (;;)
	{
		const uint8_t *event;
		size_t		event_len;
		CdcStatus	st = cdc_binlog_file_next(data, len, &offset, &event, &event_len, err);

		if (st == CDC_OK)
			st = binlog_run_event(run, event, event_len, err);
		if (st != CDC_OK)
			return st;
	}
}

/*
 * Turns the checksums of a file off, in place, so that changed bytes reach the
 * code behind them.  Returns the new length.
 */
static inline size_t
binlog_strip_checksums(uint8_t *data, size_t len)
{
	size_t		in = 4;
	size_t		out = 4;

	while (len - in >= CDC_EV_HEADER_LEN)
	{
		size_t		size = cdc_le32(data + in + 9);
		size_t		kept = size - CDC_EV_CHECKSUM_LEN;

		if (size > len - in)
			break;
		if (data[in + 4] == CDC_EV_FORMAT_DESCRIPTION)
		{
			if (data[in + size - 5] == 0)
				return len;		/* it has none */
			kept = size;		/* keeps its four bytes in any case */
			data[in + size - 5] = 0;
		}
		memmove(data + out, data + in, kept);
		for (int i = 0; i < 4; i++)
			data[out + 9 + i] = (uint8_t) (kept >> (8 * i));
		in += size;
		out += kept;
	}
	return out;
}

#endif							/* CDC_TEST_BINLOG_RUN_H */

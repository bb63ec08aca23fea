/*
 * binlog_json.c
 *	  Prints the events of binlog files as JSON lines, by way of the stream, the
 *	  decoder and the event writer.
 *
 *	binlog_json [options] FILE...
 *		--columns FILE	definitions of tables (see read_columns); without it they
 *						are made from the table maps (full row metadata)
 *		--until N		stops in front of the first group that ends behind offset N
 *						of the last file
 *		--count			prints no events, only their number
 *		--repeat N		decodes everything N times (to measure the rate)
 *		--plain			ends after decoding, without making events
 *
 * Exit status 0; 1 after an error, which stands as {"error": ...} on the last
 * line; 2 for wrong use.  XA transactions are kept until they are committed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "binlog/decoder.h"
#include "binlog/file.h"
#include "binlog/format.h"
#include "binlog/map_schema.h"
#include "binlog/stream.h"
#include "core/event.h"
#include "core/json_text.h"

#define MAX_TABLES	10000

typedef struct Definition
{
	char	   *file;			/* valid for groups from this file ("": any) ... */
	uint64_t	from;			/* ... and offset on */
	CdcTable	table;
	CdcColumn  *columns;
	int		   *pk;
} Definition;

typedef struct Group
{
	CdcBuf		bytes;			/* events, each with its length (size_t) before it */
	char		xa[300];
} Group;

static Definition definitions[MAX_TABLES];
static int	ndefinitions;
static bool from_maps = true;
static bool only_count;
static bool plain;
static uint64_t until = UINT64_MAX;
static uint64_t nchanges;
static uint64_t group_start;
static char group_file[300];

static CdcArena *schema_arena;
static CdcCharsets charsets;
static CdcFlavor flavor;
static Group open_group;
static Group prepared[100];
static int	nprepared;
static CdcJsonText text;

static void
die(const char *message)
{
	fprintf(stderr, "binlog_json: %s\n", message);
	exit(2);
}

static char *
dup_text(const char *s)
{
	char	   *copy = cdc_arena_strndup(schema_arena, s, strlen(s));

	if (copy == NULL)
		die("out of memory");
	return copy;
}

/* Undoes \t, \n, \\ and \0 (for "none") of a field. */
static char *
unescape(char *s)
{
	char	   *in = s;
	char	   *out = s;

	if (strcmp(s, "\\0") == 0)
		return NULL;
	for (; *in != '\0'; in++)
	{
		if (*in == '\\' && in[1] != '\0')
		{
			in++;
			*out++ = *in == 't' ? '\t' : *in == 'n' ? '\n' : *in;
		}
		else
			*out++ = *in;
	}
	*out = '\0';
	return s;
}

/* Room for one more column of a definition. */
static CdcColumn *
add_column(Definition *d)
{
	size_t		n = (size_t) d->table.ncolumns;

	if (n % 16 == 0)
	{
		d->columns = realloc(d->columns, (n + 16) * sizeof(CdcColumn));
		d->pk = realloc(d->pk, (n + 16) * sizeof(int));
		if (d->columns == NULL || d->pk == NULL)
			die("out of memory");
		d->table.columns = d->columns;
		d->table.pk = d->pk;
	}
	memset(&d->columns[n], 0, sizeof(CdcColumn));
	return &d->columns[n];
}

/*
 * Lines of fields divided by tabs: "T from database table" starts a table, which is
 * such from there on, an offset or file:offset; "C name column_type charset
 * pk_index" is its next column (pk_index -1: none).
 */
static void
read_columns(const char *path)
{
	FILE	   *f = fopen(path, "r");
	static char line[1 << 20];
	Definition *d = NULL;

	if (f == NULL)
		die("cannot read the file of columns");
	while (fgets(line, sizeof(line), f) != NULL)
	{
		char	   *fields[6] = {0};
		int			n = 0;

		line[strcspn(line, "\n")] = '\0';
		for (char *p = line; p != NULL && n < 6;)
		{
			fields[n++] = p;
			p = strchr(p, '\t');
			if (p != NULL)
				*p++ = '\0';
		}
		for (int i = 0; i < n; i++)
			fields[i] = unescape(fields[i]);
		if (n >= 4 && strcmp(fields[0], "T") == 0 && ndefinitions < MAX_TABLES)
		{
			char		full[1024];
			char	   *colon;

			d = &definitions[ndefinitions++];
			colon = strrchr(fields[1], ':');
			d->from = strtoull(colon ? colon + 1 : fields[1], NULL, 10);
			d->file = colon ? cdc_arena_strndup(schema_arena, fields[1], (size_t) (colon - fields[1])) : dup_text("");
			d->table.database = dup_text(fields[2]);
			d->table.name = dup_text(fields[3]);
			snprintf(full, sizeof(full), "%s.%s", fields[2], fields[3]);
			d->table.full_name = dup_text(full);
		}
		else if (n >= 5 && strcmp(fields[0], "C") == 0 && d != NULL)
		{
			CdcColumn  *c = add_column(d);
			CdcError	err;

			if (cdc_failed(cdc_column_type_parse(schema_arena, fields[2], c, &err)))
				die(err.message);
			c->name = dup_text(fields[1]);
			c->column_type = dup_text(fields[2]);
			c->charset = fields[3] ? dup_text(fields[3]) : NULL;
			c->pk_index = atoi(fields[4]);
			if (c->pk_index >= 0)
			{
				d->pk[c->pk_index] = d->table.ncolumns;
				d->table.npk++;
			}
			d->table.ncolumns++;
		}
		else
			die("malformed file of columns");
	}
	fclose(f);
	from_maps = false;
}

static bool
is_valid(const Definition *d)
{
	int			order = d->file[0] == '\0' ? 0 : strcmp(d->file, group_file);

	return order < 0 || (order == 0 && d->from <= group_start);
}

/* As any provider does: a map that the decoder has seen has the same definition. */
static struct
{
	uint64_t	serial;
	const CdcTable *table;
}			known[256];

static CdcStatus
lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	size_t		slot = map->serial % 256;
	CdcStatus	st;

	(void) arg;
	*table = NULL;
	if (!from_maps)
	{
		for (int i = ndefinitions - 1; i >= 0; i--)
		{
			if (strcmp(definitions[i].table.database, map->database) == 0 &&
				strcmp(definitions[i].table.name, map->table) == 0 &&
				is_valid(&definitions[i]))
			{
				*table = &definitions[i].table;
				return CDC_OK;
			}
		}
		return CDC_OK;
	}
	if (map->serial != 0 && known[slot].serial == map->serial)
	{
		*table = known[slot].table;
		return CDC_OK;
	}
	st = cdc_map_schema(map, flavor, &charsets, schema_arena, table, err);
	if (st == CDC_OK && *table == NULL)
		return cdc_error(err, CDC_ERR_SCHEMA, "the table map of %s.%s has no full metadata",
						 map->database, map->table);
	known[slot].serial = map->serial;
	known[slot].table = *table;
	return st;
}

static CdcStatus
emit(const CdcTransaction *txn, const CdcChange *change, int64_t xoffset, CdcError *err)
{
	CdcStatus	st;

	cdc_json_text_reset(&text);
	st = cdc_event_open(&text.sink, &cdc_event_defaults, txn, change, xoffset, err);
	if (st == CDC_OK)
		st = cdc_event_close(&text.sink, &cdc_event_defaults, xoffset, false, err);
	if (st == CDC_OK && !only_count)
	{
		fwrite(text.buf.data, 1, text.buf.len, stdout);
		putchar('\n');
	}
	return st;
}

/* All changes of a committed group. */
static CdcStatus
decode_group(CdcDecoder *decoder, CdcStream *stream, const Group *group,
			 const CdcTransaction *txn, CdcError *err)
{
	int64_t		xoffset = 0;
	size_t		at = 0;

	group_start = txn->start_offset;
	snprintf(group_file, sizeof(group_file), "%s", cdc_stream_file(stream));
	cdc_decoder_begin(decoder, cdc_stream_format(stream), txn);
	while (at < group->bytes.len)
	{
		size_t		len;
		CdcChange	change;
		CdcStatus	st;

		memcpy(&len, group->bytes.data + at, sizeof(len));
		st = cdc_decoder_feed(decoder, (const uint8_t *) group->bytes.data + at + sizeof(len),
							  len, err);
		while (st == CDC_OK)
		{
			st = cdc_decoder_next(decoder, &change, err);
			if (st != CDC_OK)
				break;
			nchanges++;
			if (!plain)
				st = emit(txn, &change, xoffset++, err);
		}
		if (cdc_failed(st))
			return st;
		at += sizeof(len) + len;
	}
	return CDC_OK;
}

static Group *
find_prepared(const char *xa)
{
	for (int i = 0; i < nprepared; i++)
	{
		if (strcmp(prepared[i].xa, xa) == 0)
			return &prepared[i];
	}
	return NULL;
}

static CdcStatus
take_item(CdcDecoder *decoder, CdcStream *stream, const CdcItem *item, CdcError *err)
{
	CdcStatus	st = CDC_OK;
	Group	   *group;

	if (item->kind == CDC_ITEM_BEGIN)
		cdc_buf_reset(&open_group.bytes);
	if (item->keep)
	{
		size_t		len = item->event_len;

		if (!cdc_buf_append(&open_group.bytes, &len, sizeof(len)) ||
			!cdc_buf_append(&open_group.bytes, item->event, len))
			die("out of memory");
	}
	switch (item->kind)
	{
		case CDC_ITEM_COMMIT:
			st = decode_group(decoder, stream, &open_group, &item->txn, err);
			cdc_buf_reset(&open_group.bytes);
			break;
		case CDC_ITEM_ROLLBACK:
			cdc_buf_reset(&open_group.bytes);
			break;
		case CDC_ITEM_UNDO:
			open_group.bytes.len = (size_t) (item->undo.bytes + item->undo.events * sizeof(size_t));
			break;
		case CDC_ITEM_XA_PREPARE:
			group = find_prepared("");
			if (group == NULL)
			{
				if (nprepared == 100)
					die("too many prepared transactions");
				group = &prepared[nprepared++];
			}
			cdc_buf_free(&group->bytes);
			*group = open_group;
			snprintf(group->xa, sizeof(group->xa), "%s", item->xa);
			memset(&open_group, 0, sizeof(open_group));
			break;
		case CDC_ITEM_XA_COMMIT:
		case CDC_ITEM_XA_ROLLBACK:
			group = find_prepared(item->xa);
			if (group == NULL)
				return cdc_error(err, CDC_ERR_VALUE, "no prepared transaction %s", item->xa);
			if (item->kind == CDC_ITEM_XA_COMMIT)
				st = decode_group(decoder, stream, group, &item->txn, err);
			group->xa[0] = '\0';
			break;
		default:
			break;
	}
	return st;
}

static CdcStatus
run_file(const char *path, const uint8_t *data, size_t len, bool last, CdcError *err)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	CdcStream  *stream = cdc_stream_create(CDC_MYSQL, name, 4);
	CdcDecoder *decoder = NULL;
	size_t		offset = 0;
	CdcStatus	st;

	if (stream == NULL)
		die("out of memory");
	cdc_stream_accept_xa(stream);
	for (;;)
	{
		const uint8_t *event;
		size_t		event_len;
		CdcItem		item;

		st = cdc_binlog_file_next(data, len, &offset, &event, &event_len, err);
		if (st != CDC_OK)
			break;
		st = cdc_stream_feed(stream, event, event_len, &item, err);
		if (st != CDC_OK)
			break;
		if (decoder == NULL)
		{
			flavor = cdc_stream_format(stream) ? cdc_stream_format(stream)->flavor : CDC_MYSQL;
			decoder = cdc_decoder_create(flavor, lookup, NULL);
			memset(known, 0, sizeof(known));	/* each decoder counts anew */
			if (decoder == NULL)
				die("out of memory");
		}
		if (last && item.kind != CDC_ITEM_NONE && item.kind != CDC_ITEM_BEGIN &&
			item.txn.end_offset > until)
		{
			st = CDC_END;
			break;
		}
		st = take_item(decoder, stream, &item, err);
		if (cdc_failed(st))
			break;
		if (cdc_stream_offset(stream) != offset && item.kind != CDC_ITEM_POSITION)
		{
			st = cdc_error(err, CDC_ERR_INTERNAL, "stream stands at %" PRIu64 ", file at %zu",
						   cdc_stream_offset(stream), offset);
			break;
		}
	}
	cdc_decoder_destroy(decoder);
	cdc_stream_destroy(stream);
	return st == CDC_END ? CDC_OK : st;
}

static uint8_t *
read_file(const char *path, size_t *len)
{
	FILE	   *f = fopen(path, "rb");
	long		size;
	uint8_t    *data;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		die("cannot read the binlog file");
	rewind(f);
	data = malloc((size_t) size + 1);
	if (data == NULL || fread(data, 1, (size_t) size, f) != (size_t) size)
		die("cannot read the binlog file");
	fclose(f);
	*len = (size_t) size;
	return data;
}

static void
print_error(CdcStatus st, const CdcError *err)
{
	CdcJsonText t;
	CdcSink    *s = &t.sink;

	cdc_json_text_init(&t);
	s->ops->begin_object(s);
	s->ops->key(s, "error", 5);
	s->ops->string(s, err->message, strlen(err->message));
	s->ops->key(s, "status", 6);
	s->ops->int64(s, st);
	s->ops->key(s, "detail", 6);
	s->ops->string(s, err->detail, strlen(err->detail));
	s->ops->key(s, "table", 5);
	s->ops->string(s, err->table, strlen(err->table));
	s->ops->key(s, "column", 6);
	s->ops->string(s, err->column, strlen(err->column));
	s->ops->key(s, "file", 4);
	s->ops->string(s, err->file, strlen(err->file));
	s->ops->key(s, "offset", 6);
	s->ops->uint64(s, err->offset);
	s->ops->end_object(s);
	printf("%.*s\n", (int) t.buf.len, t.buf.data);
	cdc_json_text_free(&t);
}

int
main(int argc, char **argv)
{
	int			repeat = 1;
	int			first = 1;
	struct timespec start,
				end;
	size_t		total = 0;
	CdcError	err;
	CdcStatus	st = CDC_OK;

	schema_arena = cdc_arena_create(0);
	for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++)
	{
		if (strcmp(argv[first], "--count") == 0)
			only_count = true;
		else if (strcmp(argv[first], "--plain") == 0)
			plain = only_count = true;
		else if (first + 1 >= argc)
			die("option without value");
		else if (strcmp(argv[first], "--columns") == 0)
			read_columns(argv[++first]);
		else if (strcmp(argv[first], "--until") == 0)
			until = strtoull(argv[++first], NULL, 10);
		else if (strcmp(argv[first], "--repeat") == 0)
			repeat = atoi(argv[++first]);
		else
			die("unknown option");
	}
	if (first >= argc)
		die("no files");
	cdc_json_text_init(&text);
	for (int i = first; i < argc && st == CDC_OK; i++)
	{
		size_t		len;
		uint8_t    *data = read_file(argv[i], &len);

		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int k = 0; k < repeat && st == CDC_OK; k++)
			st = run_file(argv[i], data, len, i == argc - 1, &err);
		clock_gettime(CLOCK_MONOTONIC, &end);
		total += len * (size_t) repeat;
		free(data);
	}
	if (st == CDC_MORE)
	{
		printf("{\"error\":\"file ends in the middle of an event\",\"status\":%d}\n", st);
		return 1;
	}
	if (cdc_failed(st))
	{
		print_error(st, &err);
		return 1;
	}
	if (only_count)
	{
		double		s = (double) (end.tv_sec - start.tv_sec) +
			(double) (end.tv_nsec - start.tv_nsec) / 1e9;

		printf("%" PRIu64 " changes, %.3f s, %.0f MB/s, %.0f changes/s\n", nchanges, s,
			   (double) total / s / 1e6, (double) nchanges / s);
	}
	cdc_json_text_free(&text);
	cdc_buf_free(&open_group.bytes);
	for (int i = 0; i < nprepared; i++)
		cdc_buf_free(&prepared[i].bytes);
	for (int i = 0; i < ndefinitions; i++)
	{
		free(definitions[i].columns);
		free(definitions[i].pk);
	}
	cdc_charsets_free(&charsets);
	cdc_arena_destroy(schema_arena);
	return 0;
}

/*
 * binlog_bytes.c
 *	  Every single-byte change of the recorded binlogs ends in an error or a result,
 *	  never in a crash, a hang or a read out of bounds (this runs under
 *	  AddressSanitizer).
 *
 * Each byte of the small files gets all of its 255 other values; of the larger ones
 * the first event of each type, and bytes evenly spread.  That is some 50 million
 * trials, so a trial must be cheap, and leaves out what the change cannot concern:
 *
 * - It begins at a snapshot: the stream as it stands before the changed event.
 * - Row events before the changed one are not decoded again; table maps are, where rows
 *	 follow.
 * - Behind it its group is run to the end, and one more where the stream does not stand
 *	 then as it would without the change.  Of the row events there the next one is
 *	 decoded; behind a changed table map all of them.
 * - The decoder goes on through the trials of a byte, as it does from group to group: the
 *	 trials are each other's "group behind".
 *
 * Each event has memory of its own without a spare byte.  Changed sizes, which move
 * where events begin, are run through the splitting of the file.  Two processes share
 * the work.  CDC_TEST_BYTES_SECONDS (70) bounds the time for the small files; all of them
 * want about 250 s.  Files with long events, whose trials cost most, come last and begin
 * elsewhere each day; how many bytes are left out is printed.  CDC_TEST_BYTES_FILES=text
 * takes only the files with that in their name.
 */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "binlog/rows.h"
#include "binlog/stream_internal.h"
#include "tools/binlog_files.h"
#include "tools/binlog_run.h"

#define NWORKERS		2
#define SECONDS			70
#define LARGE_BYTES		(15 << 20)	/* decoded for each larger file, beside its first events */
#define LONG_EVENT		1000
#define FIRST_LEN		600		/* of an event of a larger file that is attacked whole */
#define MAX_TAIL		20		/* row events that are decoded behind a changed one */
#define HANG_SECONDS	20		/* for the trials of one byte */

typedef enum Use
{
	SKIP,						/* kept, but not decoded */
	DECODE,
	WRITE						/* and its changes are written as JSON */
} Use;

typedef struct Event
{
	const uint8_t *data;
	size_t		len;
	Use			use;
} Event;

typedef struct Counts
{
	uint64_t	errors;
	uint64_t	results;
	uint64_t	bytes;			/* of the small files, all values of which were tried */
	uint64_t	bytes_left;		/* ... and those for which time did not suffice */
} Counts;

typedef struct Attack
{
	const char *name;			/* of the file */
	Event	   *events;			/* of the file */
	size_t		nevents;
	CdcStream  *before;			/* has been fed the events before the changed one */
	Event	   *kept_before;	/* events of its open group */
	size_t		nkept_before;

	BinlogRun	run;
	Event	   *kept;			/* of the trial's open group */
	size_t		nkept;
	size_t		nkept_cap;
	int			groups;			/* that the trial has completed */

	/* definitions of tables, for all trials of one byte */
	CdcArena   *definitions;
	struct
	{
		uint64_t	serial;		/* of the table map */
		const CdcTable *table;
	}			known[8];
	size_t		nknown;
	bool		unchanged;		/* the event that is decoded is not the changed one */

	/* what is changed */
	size_t		event;			/* its number */
	uint8_t    *changed;		/* a copy of it */
	size_t		at;				/* the byte in it */
	int			stride;			/* 0: all values are tried, of each byte */
	uint64_t	nth;			/* number of the byte, for sharing the work */

	Counts		counts;
} Attack;

static Attack attack;			/* one a process; also for the report of a crash */

static void
report_trial(void)
{
	if (attack.changed == NULL)
		return;
	fprintf(stderr, "# %s: event %zu (%s), its byte %zu changed to 0x%02x\n", attack.name,
			attack.event, cdc_event_type_name(attack.events[attack.event].data[4]),
			attack.at, attack.changed[attack.at]);
}

#ifdef __SANITIZE_ADDRESS__
extern void __sanitizer_set_death_callback(void (*callback) (void));
extern const char *__asan_default_options(void);

/* Freed memory is not kept back for long: that would cost half of the time. */
const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=3";
}
#endif

static void
hung(int sig)
{
	(void) sig;
	fprintf(stderr, "# hangs\n");
	report_trial();
	_exit(1);
}

static void
require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "# %s\n", what);
	report_trial();
	_exit(1);
}

/* --- one trial */

static void
keep(Event event)
{
	if (attack.nkept == attack.nkept_cap)
	{
		attack.nkept_cap = attack.nkept_cap * 2 + 64;
		attack.kept = realloc(attack.kept, attack.nkept_cap * sizeof(Event));
		require(attack.kept != NULL, "out of memory");
	}
	attack.kept[attack.nkept++] = event;
}

/*
 * The stream as it was before the changed event.  What its buffers had there it
 * needs of the savepoints alone.
 */
static void
restore(bool maps)
{
	CdcStream  *stream = attack.run.stream;
	const CdcBuf *savepoints = &attack.before->savepoints.list;

	cdc_savepoints_free(&stream->savepoints);
	cdc_buf_free(&stream->dml);
	cdc_buf_free(&stream->dml_database);
	cdc_buf_free(&stream->scratch);
	cdc_payload_destroy(stream->payload);
	*stream = *attack.before;
	stream->savepoints.list = stream->dml = stream->dml_database = stream->scratch = (CdcBuf) {0};
	stream->payload = NULL;
	if (savepoints->len > 0)
		require(cdc_buf_append(&stream->savepoints.list, savepoints->data, savepoints->len),
				"out of memory");
	attack.nkept = attack.groups = 0;
	for (size_t i = 0; i < attack.nkept_before; i++)
	{
		Event		e = attack.kept_before[i];

		e.use = maps && !cdc_is_rows_event(e.data[4]) ? DECODE : SKIP;
		keep(e);
	}
}

/* Definitions for table maps that no trial with this byte changes are made once. */
static CdcStatus
lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcArena   *arena = attack.run.arena;
	CdcStatus	st;

	for (size_t i = 0; i < attack.nknown; i++)
	{
		if (attack.known[i].serial == map->serial)
		{
			*table = attack.known[i].table;
			return CDC_OK;
		}
	}
	if (!attack.unchanged || attack.nknown == lengthof(attack.known))
		return binlog_run_lookup(arg, map, table, err);
	attack.run.arena = attack.definitions;
	st = binlog_run_lookup(arg, map, table, err);
	attack.run.arena = arena;
	if (st == CDC_OK)
	{
		attack.known[attack.nknown].serial = map->serial;
		attack.known[attack.nknown++].table = *table;
	}
	return st;
}

static CdcStatus
decode_group(const CdcTransaction *txn, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	binlog_run_begin(&attack.run, txn);
	for (size_t i = 0; i < attack.nkept && st == CDC_OK; i++)
	{
		const Event *e = &attack.kept[i];

		attack.unchanged = e->data != attack.changed && attack.event > 0;
		if (e->use != SKIP)
			st = binlog_run_decode(&attack.run, e->data, e->len, txn, e->use == WRITE, err);
	}
	attack.nkept = 0;
	attack.groups++;
	return st;
}

static CdcStatus
feed(const uint8_t *event, size_t len, Use use, CdcError *err)
{
	CdcItem		item;
	CdcStatus	st = cdc_stream_feed(attack.run.stream, event, len, &item, err);

	if (st != CDC_OK)
		return st;
	if (item.keep)
		keep((Event) {item.event, item.event_len, use});
	switch (item.kind)
	{
		case CDC_ITEM_COMMIT:
		case CDC_ITEM_XA_PREPARE:
			return decode_group(&item.txn, err);
		case CDC_ITEM_ROLLBACK:
			attack.nkept = 0;
			return CDC_OK;
		case CDC_ITEM_UNDO:
			if (item.undo.events < attack.nkept)
				attack.nkept = (size_t) item.undo.events;
			return CDC_OK;
		default:
			return CDC_OK;
	}
}

/* Whether the stream stands as if nothing had been changed. */
static bool
is_as_before(void)
{
	const CdcStream *stream = attack.run.stream;
	const CdcStream *before = attack.before;

	return stream->state == CDC_GROUP_NONE && before->has_format && !stream->after_encryption &&
		memcmp(&stream->format, &before->format, sizeof(CdcFormat)) == 0;
}

/*
 * The events behind the changed one that it may have an influence on; of their row
 * events at most nrows are decoded.
 */
static CdcStatus
run_tail(int nrows, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	for (size_t i = attack.event + 1; i < attack.nevents && st == CDC_OK; i++)
	{
		const Event *e = &attack.events[i];

		if (attack.groups > 1 || (attack.groups == 1 && is_as_before()))
			break;
		st = feed(e->data, e->len,
				  cdc_is_rows_event(e->data[4]) && nrows-- <= 0 ? SKIP : WRITE, err);
	}
	return st;
}

/* The file from the changed event on, as its size says where the next one begins. */
static CdcStatus
run_resized(CdcError *err)
{
	static const uint8_t magic[4] = {0xfe, 'b', 'i', 'n'};
	size_t		len = 4;
	size_t		last = attack.event + 8 < attack.nevents ? attack.event + 8 : attack.nevents;
	size_t		offset = 0;
	uint8_t    *image;
	const uint8_t *event;
	size_t		event_len;
	CdcStatus	st;

	for (size_t i = attack.event; i < last; i++)
		len += attack.events[i].len;
	image = malloc(len);
	require(image != NULL, "out of memory");
	memcpy(image, magic, 4);
	memcpy(image + 4, attack.changed, attack.events[attack.event].len);
	len = 4 + attack.events[attack.event].len;
	for (size_t i = attack.event + 1; i < last; i++)
	{
		memcpy(image + len, attack.events[i].data, attack.events[i].len);
		len += attack.events[i].len;
	}
	while ((st = cdc_binlog_file_next(image, len, &offset, &event, &event_len, err)) == CDC_OK)
	{
		st = feed(event, event_len, WRITE, err);
		if (st != CDC_OK)
			break;
	}
	free(image);
	return st;
}

static void
run_trial(void)
{
	const Event *e = &attack.events[attack.event];
	bool		in_header = attack.at < CDC_EV_HEADER_LEN;
	CdcError	err;
	CdcStatus	st;

	restore(in_header || cdc_is_rows_event(e->data[4]));
	if (attack.at >= 9 && attack.at < 13)
		st = run_resized(&err);
	else
	{
		st = feed(attack.changed, e->len, WRITE, &err);
		if (st == CDC_OK)
			st = run_tail(attack.stride == 0 &&
						  (e->data[4] == CDC_EV_TABLE_MAP || in_header) ? MAX_TAIL : 1, &err);
	}
	require(st == CDC_OK || st == CDC_END || st == CDC_MORE || cdc_failed(st), "unknown status");
	if (cdc_failed(st))
	{
		/* every error says what, and none is the code's own */
		require(err.status == st, "status and error differ");
		require(err.message[0] != '\0', "error without a message");
		require(st != CDC_ERR_INTERNAL && st != CDC_ERR_NOMEM, err.message);
		attack.counts.errors++;
	}
	else
		attack.counts.results++;
}

/* --- what is changed, to what */

/* Values that lead far out as a length or code, and near ones. */
static void
change_some(uint8_t was)
{
	uint8_t    *p = &attack.changed[attack.at];
	const uint8_t values[] = {0xff, 0, was + 1, was - 1, was ^ (uint8_t) (1 << attack.at % 8)};

	for (size_t i = 0; i < lengthof(values); i++)
	{
		*p = values[i];
		run_trial();
	}
	*p = was;
}

static void
change_all(uint8_t was)
{
	uint8_t    *p = &attack.changed[attack.at];

	for (int v = 0; v < 256; v++)
	{
		*p = (uint8_t) v;
		if (v != was)
			run_trial();
	}
	*p = was;
}

/* A new decoder, which has not seen the changes of another byte. */
static void
renew_decoder(void)
{
	cdc_decoder_destroy(attack.run.decoder);
	attack.run.decoder = cdc_decoder_create(CDC_MYSQL, lookup, &attack.run);
	require(attack.run.decoder != NULL, "out of memory");
	cdc_arena_reset(attack.definitions);
	attack.nknown = 0;
}

/*
 * Changes the bytes of the event that are this process's share; false when time is
 * up.
 */
static bool
change_event(unsigned worker, bool whole, time_t until)
{
	const Event *e = &attack.events[attack.event];
	bool		in_time = true;

	attack.changed = malloc(e->len);
	require(attack.changed != NULL, "out of memory");
	memcpy(attack.changed, e->data, e->len);
	for (attack.at = 0; attack.at < e->len; attack.at++)
	{
		uint64_t	nth = attack.nth++;

		if (nth % NWORKERS != worker)
			continue;
		alarm(HANG_SECONDS);
		renew_decoder();
		if (whole && attack.stride == 0 && in_time)
			in_time = time(NULL) < until;
		if (whole && in_time)
		{
			change_all(e->data[attack.at]);
			attack.counts.bytes += attack.stride == 0;
		}
		else if (whole)
			attack.counts.bytes_left++;
		else if (nth / NWORKERS % (uint64_t) attack.stride == 0)
			change_some(e->data[attack.at]);
	}
	alarm(0);
	free(attack.changed);
	attack.changed = NULL;
	return in_time;
}

/* --- a file */

/* Its events, without checksums, so that changed bytes reach the parsers. */
static void
split_file(const File *f)
{
	uint8_t    *data = malloc(f->len);
	size_t		len;
	size_t		offset = 0;
	const uint8_t *event;
	size_t		event_len;
	CdcError	err;

	memcpy(data, f->data, f->len);
	len = binlog_strip_checksums(data, f->len);
	attack.name = f->name;
	attack.events = NULL;
	attack.nevents = 0;
	while (cdc_binlog_file_next(data, len, &offset, &event, &event_len, &err) == CDC_OK)
	{
		uint8_t    *copy = malloc(event_len);

		memcpy(copy, event, event_len);
		if ((attack.nevents & (attack.nevents - 1)) == 0)
			attack.events = realloc(attack.events, sizeof(Event) * (attack.nevents * 2 + 1));
		attack.events[attack.nevents++] = (Event) {copy, event_len, SKIP};
	}
	require(offset == len && attack.nevents > 2, "recording cannot be split");
	free(data);
}

static void
free_events(void)
{
	for (size_t i = 0; i < attack.nevents; i++)
		free((uint8_t *) attack.events[i].data);
	free(attack.events);
	free(attack.kept_before);
	attack.kept_before = NULL;
	attack.nkept_before = 0;
}

/* Moves the snapshot behind an unchanged event. */
static void
pass_event(const Event *e)
{
	CdcItem		item;
	CdcError	err;

	require(cdc_stream_feed(attack.before, e->data, e->len, &item, &err) == CDC_OK,
			"recording has an error");
	if (item.keep)
	{
		size_t		n = attack.nkept_before;

		if ((n & (n - 1)) == 0)
			attack.kept_before = realloc(attack.kept_before, sizeof(Event) * (n * 2 + 1));
		attack.kept_before[attack.nkept_before++] =
			(Event) {item.event, item.event_len, SKIP};
	}
	if (item.kind == CDC_ITEM_UNDO)
		attack.nkept_before = (size_t) item.undo.events;
	else if (!cdc_stream_in_group(attack.before))
		attack.nkept_before = 0;
}

/* Which bytes of a larger file are changed: each one costs what its event costs. */
static int
find_stride(void)
{
	uint64_t	cost = 0;

	for (size_t i = 0; i < attack.nevents; i++)
		cost += 5 * attack.events[i].len * (attack.events[i].len + 500);
	return (int) (1 + cost / LARGE_BYTES);
}

/* Attacks the events from first to before last, as far as the file has them. */
static void
change_file(const File *f, size_t first, size_t last, unsigned worker, time_t until)
{
	bool		seen[256] = {false};

	split_file(f);
	attack.before = cdc_stream_create(CDC_MYSQL, "binlog.000001", 4);
	require(attack.before != NULL && binlog_run_init(&attack.run), "out of memory");
	cdc_stream_accept_xa(attack.before);
	attack.stride = f->len <= SMALL ? 0 : find_stride();
	for (attack.event = 0; attack.event < attack.nevents && attack.event < last; attack.event++)
	{
		const Event *e = &attack.events[attack.event];
		bool		is_first = e->len <= FIRST_LEN && !seen[e->data[4]];

		seen[e->data[4]] |= is_first;
		if (attack.event >= first && !change_event(worker, attack.stride == 0 || is_first, until))
			until = 0;
		pass_event(e);
	}
	cdc_stream_destroy(attack.before);
	binlog_run_free(&attack.run);
	free_events();
}

typedef enum Class
{
	SMALL_FILE,
	SMALL_FILE_LONG_EVENTS,
	LARGE_FILE
} Class;

static Class
classify(const File *f, size_t *nevents)
{
	Class		class = f->len <= SMALL ? SMALL_FILE : LARGE_FILE;

	split_file(f);
	*nevents = attack.nevents;
	for (size_t i = 0; i < attack.nevents; i++)
	{
		if (class == SMALL_FILE && attack.events[i].len > LONG_EVENT)
			class = SMALL_FILE_LONG_EVENTS;
	}
	free_events();
	return class;
}

/* --- the processes */

static void
work(unsigned worker, int out)
{
	const char *seconds = getenv("CDC_TEST_BYTES_SECONDS");
	const char *only = getenv("CDC_TEST_BYTES_FILES");
	time_t		now = time(NULL);
	size_t		day = (size_t) (now / 86400);
	time_t		until = now + (seconds != NULL ? atoi(seconds) : SECONDS);

	signal(SIGALRM, hung);
	attack.definitions = cdc_arena_create(0);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_set_death_callback(report_trial);
#endif
	for (Class class = SMALL_FILE; class <= LARGE_FILE; class++)
	{
		for (size_t i = 0; i < nfiles; i++)
		{
			const File *f = &files[(i + day) % nfiles];
			size_t		nevents;
			size_t		start;

			if ((only != NULL && strstr(f->name, only) == NULL) || classify(f, &nevents) != class)
				continue;
			start = class == SMALL_FILE_LONG_EVENTS ? day * 37 % nevents : 0;
			change_file(f, start, SIZE_MAX, worker, until);
			change_file(f, 0, start, worker, until);
		}
	}
	free(attack.kept);
	cdc_arena_destroy(attack.definitions);
	require(write(out, &attack.counts, sizeof(Counts)) == sizeof(Counts), "pipe is broken");
}

static void
test_changed_bytes(void **state)
{
	Counts		all = {0};
	pid_t		pids[NWORKERS];
	int			fds[2];
	bool		failed = false;

	(void) state;
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	for (unsigned i = 0; i < NWORKERS; i++)
	{
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
		{
			work(i, fds[1]);
			_exit(0);
		}
	}
	close(fds[1]);
	for (unsigned i = 0; i < NWORKERS; i++)
	{
		int			status;
		pid_t		ended = wait(&status);

		assert_true(ended > 0);
		if (status == 0 || failed)
			continue;
		failed = true;			/* it said why; the other need not go on */
		for (unsigned k = 0; k < NWORKERS; k++)
		{
			if (pids[k] != ended)
				kill(pids[k], SIGKILL);
		}
	}
	assert_false(failed);
	for (unsigned i = 0; i < NWORKERS; i++)
	{
		Counts		c;

		assert_int_equal(read(fds[0], &c, sizeof(c)), sizeof(c));
		all.errors += c.errors;
		all.results += c.results;
		all.bytes += c.bytes;
		all.bytes_left += c.bytes_left;
	}
	close(fds[0]);
	print_message("# small files: %lu bytes changed to all values, %lu left out for lack of time\n",
				  (unsigned long) all.bytes, (unsigned long) all.bytes_left);
	print_message("# %lu trials: %lu errors, %lu results\n",
				  (unsigned long) (all.errors + all.results),
				  (unsigned long) all.errors, (unsigned long) all.results);
	assert_true(all.bytes > 0 && all.errors > 100000 && all.results > 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed_bytes),
	};

	return cmocka_run_group_tests(tests, read_files, free_files);
}

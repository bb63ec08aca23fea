/*-------------------------------------------------------------------------
 *
 * proof.c
 *	  What proves that a source's binlog is the one that the position was taken
 *	  from, and what to say when it is not.
 *
 * A binlog that was begun anew (RESET MASTER, a server set up again or set back to
 * an older state) has the same names of files and the same numbers of transactions
 * as the one before: a position seems to mean something there, and what is between is
 * lost in silence.  So the position row keeps an event that was read: its place, when
 * its file was begun, and a sum of its bytes.  Whenever a dump is opened at the server
 * that it came from, that event is read again from its place first.  An event holds
 * its time, and the number of the transaction in that server's life; another log does
 * not have the same at the same place.
 *
 * At another server (fail-over by GTID) files have other places: see server.c.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"

/*
 * Where nothing was read yet, so many of a file's first events have to do, and no more
 * than so many bytes.  (The first one only tells the second in which the file was begun.)
 */
#define FIRST_EVENTS		20
#define FIRST_BYTES			65536

/* ---- the proof as it is kept ---- */

/*
 * "file:start+events created sum": when the file was begun in seconds since 1970; hex.
 * Then what lineage.c has of MariaDB.
 */
char *
cdc_binlog_proof_text(CdcBinlogStream *stream)
{
	CdcBinlogProof *proof = &stream->proof;

	if (!proof->set)
		return NULL;
	if (proof->len > 0)
	{
		proof->sum = cdc_event_sum(0, proof->bytes, proof->len);
		proof->len = 0;
	}
	return psprintf("%s:" INT64_FORMAT "+%d %u %08x%s", proof->file, proof->start, proof->events,
					proof->created, proof->sum, cdc_binlog_lineage_text(&stream->lineage));
}

void
cdc_binlog_proof_parse(CdcBinlogStream *stream, const char *text)
{
	CdcBinlogProof *proof = &stream->proof;
	const char *colon;
	long long	start;
	int			len = 0;

	proof->set = false;
	stream->lineage.set = false;
	if (text == NULL)
		return;
	colon = strrchr(text, ':');
	if (colon == NULL ||
		sscanf(colon, ":%lld+%d %u %x%n", &start, &proof->events, &proof->created, &proof->sum, &len) < 4 ||
		len == 0 || !cdc_binlog_lineage_parse(&stream->lineage, colon + len) ||
		start < CDC_BINLOG_FIRST_OFFSET || proof->events < 1 || proof->events > FIRST_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid last_event \"%s\" of subscription \"%s\"", text, stream->sub->name)));
	cdc_binlog_replace_text(stream->context, &proof->file, pnstrdup(text, colon - text));
	proof->start = start;
	proof->len = 0;
	proof->set = true;
}

/*
 * Only ends of transactions and the event that a file begins with are taken: all
 * others a server may change on their way, or leave out.
 */
void
cdc_binlog_proof_note(CdcBinlogStream *stream, const CdcItem *item)
{
	CdcBinlogProof *proof = &stream->proof;
	const char *file = cdc_stream_file(stream->stream);
	int64		start = (int64) cdc_stream_event_start(stream->stream);
	CdcEventHeader h;

	cdc_event_header(item->event, &h);
	/* what ends a group that was never committed is no end of a transaction */
	if (h.type == CDC_EV_ROTATE || (h.flags & CDC_EVF_ARTIFICIAL) != 0)
		return;
	if (h.type == CDC_EV_FORMAT_DESCRIPTION)
	{
		stream->created = h.timestamp;
		/* it is sent at the start of a dump too, wherever that begins */
		if (start != CDC_BINLOG_FIRST_OFFSET || h.log_pos != (uint32) (start + h.size) ||
			(proof->set && strcmp(proof->file, file) == 0))
			return;
	}
	else if (item->kind == CDC_ITEM_POSITION)
		return;
	cdc_binlog_replace_text(stream->context, &proof->file, file);
	proof->start = start;
	proof->events = 1;
	proof->created = stream->created;
	memcpy(proof->bytes, item->event, Min(item->event_len, CDC_EVENT_SUM_BYTES));
	proof->len = item->event_len;
	proof->set = true;
}

/* ---- what is at a place of the source's binlog ---- */

typedef struct Look
{
	bool		inside;			/* of the file: what describes it is no event of there */
	int			wanted;			/* so many events */
	int			events;			/* so many there are */
	size_t		bytes;			/* of them */
	uint32		sum;			/* of them */
	uint32		created;		/* of the file; 0: there is none */
	CdcError	err;			/* why there are not more; status CDC_OK: the binlog ends there */
} Look;

/* Takes an event of the dump; true: these are enough. */
static bool
take_look(void *arg, const CdcEventHeader *h, const uint8 *event, size_t len)
{
	Look	   *look = arg;

	switch (h->type)
	{
		case CDC_EV_ROTATE:
		case CDC_EV_HEARTBEAT:
		case CDC_EV_HEARTBEAT_V2:
		case CDC_EV_MARIA_START_ENCRYPTION:
			return false;
		case CDC_EV_FORMAT_DESCRIPTION:
			look->created = h->timestamp;
			if (look->inside)
				return false;
			break;
		default:
			break;
	}
	look->sum = cdc_event_sum(look->sum, event, len);
	look->bytes += len;
	look->events++;
	return look->events >= look->wanted || look->bytes >= FIRST_BYTES;
}

/* Reads events from a place of a file of the source's binlog on, as far as there are some. */
static void
look_at(CdcBinlogStream *stream, const char *file, int64 offset, Look *look)
{
	CdcDumpRequest request = {0};

	request.file = file;
	request.offset = (uint64) offset;
	look->inside = offset > CDC_BINLOG_FIRST_OFFSET;
	if (cdc_binlog_peek(stream, &request, take_look, look, &look->err) == CDC_END)
		look->err.status = CDC_OK;
}

/* ---- the proof itself ---- */

/* ERROR: the event is not where it was. */
static void
report_other_log(CdcBinlogStream *stream, const Look *look)
{
	const CdcBinlogProof *proof = &stream->proof;
	char	   *detail = psprintf("Read was an event at %s:" INT64_FORMAT ", in a file that was begun at %s UTC.",
								  proof->file, proof->start, cdc_binlog_time_text(proof->created));

	if (look->created != 0 && look->created != proof->created)
		detail = psprintf("%s The source has a file of that name that was begun at %s UTC.", detail,
						  cdc_binlog_time_text(look->created));
	else if (look->err.status != CDC_OK)
		detail = psprintf("%s %s", detail,
						  cdc_from_utf8_lenient(look->err.detail[0] != '\0' ? look->err.detail : look->err.message));
	else if (look->events == proof->events)
		detail = psprintf("%s The source has another event there.", detail);
	else
		detail = psprintf("%s The source's binlog ends before it.", detail);
	cdc_binlog_gap(stream->sub,
				   psprintf("the binlog of the source of subscription \"%s\" is not the one that was read",
							stream->sub->name), detail);
}

char *
cdc_binlog_removed_gtids(CdcSource *control, const char *oldest)
{
	if (cdc_source_info(control)->flavor == CDC_MARIADB)
		return cdc_source_gtids_before_file(control, oldest);
	return pstrdup(cdc_answer_text(cdc_source_ask(control, "SELECT @@global.gtid_purged", 1,
												  "SELECT @@global.gtid_purged"), 0, 0));
}

/* What is known of MySQL's gtid_mode since a time of its clock: whether only transactions with GTIDs could be made. */
typedef enum GtidMode
{
	MODE_UNKNOWN,
	MODE_WAS_ON,
	MODE_WAS_SET
} GtidMode;

/* Up to 5.6 it cannot be set while the server runs. */
#define SETTABLE_SINCE	50700

static GtidMode
gtid_mode_since(CdcSource *control, uint32 since)
{
	CdcAnswer  *uptime = cdc_source_ask(control, "SHOW GLOBAL STATUS LIKE 'Uptime'", 2,
										"SHOW GLOBAL STATUS LIKE 'Uptime'");
	CdcAnswer  *set;
	int64		now;
	bool		running;

	set = cdc_source_try_ask(control, "when gtid_mode was set", 3,
							 "SELECT VARIABLE_SOURCE, CAST(UNIX_TIMESTAMP(SET_TIME) AS SIGNED), UNIX_TIMESTAMP()"
							 " FROM performance_schema.variables_info WHERE VARIABLE_NAME = 'gtid_mode'");
	if (set != NULL && cdc_answer_rows(set) == 1 && strcmp(cdc_answer_text(set, 0, 0), "DYNAMIC") == 0)
		return cdc_answer_nullable(set, 0, 1) != NULL &&
			cdc_answer_int(set, 0, 1, 0, PG_INT64_MAX / 2) < (int64) since ? MODE_WAS_ON : MODE_WAS_SET;
	if (cdc_answer_rows(uptime) == 0 ||
		((set == NULL || cdc_answer_rows(set) == 0) && cdc_source_info(control)->version >= SETTABLE_SINCE))
		return MODE_UNKNOWN;
	now = cdc_answer_int(cdc_source_ask(control, "SELECT UNIX_TIMESTAMP()", 1, "SELECT UNIX_TIMESTAMP()"),
						 0, 0, 0, PG_INT64_MAX / 2);
	running = now - cdc_answer_int(uptime, 0, 1, 0, PG_INT64_MAX / 2) < (int64) since;
	return running ? MODE_WAS_ON : MODE_UNKNOWN;
}

/* Whether a file of the binlog is the one that was begun when the other was ended. */
static bool
is_next_file(const char *file, const char *next)
{
	const char *number = strrchr(file, '.');
	const char *next_number = strrchr(next, '.');

	return number != NULL && next_number != NULL &&
		strtoull(next_number + 1, NULL, 10) == strtoull(number + 1, NULL, 10) + 1;
}

/*
 * The file that the stream stands in is gone, and all GTIDs that the source knows to be removed were
 * read.  Whether something else was behind our place.  The file's size is not known any more: a
 * transaction may have been there that no GTID tells of, by MySQL without one, by MariaDB of a
 * domain that it was told to forget since.
 *
 * Each of the two begins a file: MySQL when its gtid_mode is set; and MariaDB forgets a domain only
 * when no file has transactions of it, so that the file behind it still lists it.  So the next file
 * proves it, if it is there.  Else there is a proof only where MySQL tells when its mode was set.
 */
static void
judge_removed(CdcBinlogStream *stream, const char *oldest, const char *removed, const CdcGtidSet *removed_set)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	const char *why;

	if (cdc_binlog_file_compare(oldest, stream->file) <= 0)
		return;					/* only that of the event is gone */
	if (cdc_source_info(control)->flavor == CDC_MARIADB)
	{
		if (!cdc_gtid_set_contains(stream->executed, removed_set))
			why = psprintf("Before that were %s; read are %s.", removed, cdc_binlog_stream_gtid_text(stream));
		else if (is_next_file(stream->file, oldest))
			return;
		else
			why = "A GTID domain that was deleted since is not listed any more.";
	}
	else
	{
		GtidMode	mode = gtid_mode_since(control, stream->proof.created);

		if (mode == MODE_WAS_ON || (mode == MODE_UNKNOWN && is_next_file(stream->file, oldest)))
			return;
		why = mode == MODE_WAS_SET ? "The source's gtid_mode was set meanwhile: transactions without a GTID are not listed." :
			"It is not known that the source's gtid_mode was ON all the time: transactions without a GTID are not listed.";
	}
	cdc_binlog_replace_text(stream->context, &stream->removed,
							psprintf("Read was up to %s:" INT64_FORMAT "; the oldest file is %s. %s", stream->file,
									 stream->offset, oldest, why));
}

/*
 * Nothing is at the place.  Whether the file is gone, and the source only has removed it,
 * as it does when it is old: all files are newer ones then, and what was removed contains
 * all that was read.
 */
static bool
was_removed(CdcBinlogStream *stream, const Look *look)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcAnswer  *files;
	const char *oldest;
	char	   *removed;
	CdcGtidSet *set;
	bool		result;

	if (strstr(look->err.detail, "Could not find first log file") == NULL)
		return false;
	files = cdc_source_try_ask(control, "SHOW BINARY LOGS", CDC_OR_MORE(2), "SHOW BINARY LOGS");
	if (files == NULL)
	{
		/* MySQL 5.5: where it stands behind the file, the dump itself says it */
		CdcSourcePosition now;

		cdc_source_position(control, &now);
		return stream->executed == NULL && cdc_binlog_file_compare(now.file, stream->proof.file) > 0;
	}
	if (cdc_answer_rows(files) == 0)
		return false;
	oldest = cdc_answer_text(files, 0, 0);
	if (cdc_binlog_file_compare(oldest, stream->proof.file) <= 0)
		return false;
	if (stream->executed == NULL)
		return true;			/* what is at the position is asked for by its place */
	removed = cdc_binlog_removed_gtids(control, oldest);
	if (removed == NULL)
		return false;
	set = cdc_position_parse_gtids(cdc_source_info(control)->flavor, removed, stream->sub->name);
	result = cdc_gtid_set_contains(set, stream->executed);
	PG_TRY();
	{
		if (result)
			judge_removed(stream, oldest, removed, set);
	}
	PG_CATCH();
	{
		cdc_gtid_set_destroy(set);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_gtid_set_destroy(set);
	return result;
}

/* A position that no event was read at: the start of its file has to do. */
static void
begin_proof(CdcBinlogStream *stream)
{
	CdcBinlogProof *proof = &stream->proof;
	Look		look = {0};

	look.wanted = FIRST_EVENTS;
	look_at(stream, stream->file, CDC_BINLOG_FIRST_OFFSET, &look);
	if (look.events == 0)
		return;					/* the dump will say the same */
	cdc_binlog_replace_text(stream->context, &proof->file, stream->file);
	proof->start = CDC_BINLOG_FIRST_OFFSET;
	proof->events = look.events;
	proof->created = look.created;
	proof->sum = look.sum;
	proof->len = 0;
	proof->set = true;
	if (cdc_source_info(stream->control)->flavor == CDC_MARIADB)
		cdc_binlog_lineage_begin(stream);
}

void
cdc_binlog_prove(CdcBinlogStream *stream)
{
	CdcBinlogProof *proof = &stream->proof;
	Look		look = {0};
	bool		whole;

	if (stream->proved)
		return;
	(void) cdc_binlog_proof_text(stream);	/* makes its sum */
	if (!proof->set)
		begin_proof(stream);
	else
	{
		/* an offset has 32 bits in the request: behind that the file's start has to do */
		whole = proof->start <= PG_UINT32_MAX;
		look.wanted = proof->events;
		look_at(stream, proof->file, whole ? proof->start : CDC_BINLOG_FIRST_OFFSET, &look);
		if (look.created == 0 ? !was_removed(stream, &look) :
			(look.created != proof->created || look.events != proof->events ||
			 (whole && look.sum != proof->sum)))
			report_other_log(stream, &look);
	}
	stream->proved = true;
}

/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Where a change stands in the log of its source, as far as messages tell that in a form
 *	  that can be compared.
 *
 * Debezium has file and offset of MySQL's and MariaDB's binlogs, and PostgreSQL's LSN, Maxwell
 * the same with output_binlog_position, GoldenGate a place in its trail; what our own publications
 * write in Debezium's form has the number of the event.  Numbers of transactions
 * say when one began, and times which clock: neither is an order of what happened to a row.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

/* Digits of GoldenGate's offset in a trail's file; those before it are the file's number. */
#define TRAIL_OFFSET_DIGITS	10

/* ---- which log ---- */

/* Mixes bytes and their number into what stands for a log. */
static void
add_log(CdcEnvelopeOrder *order, CdcString text)
{
	uint64_t	h = order->log ^ (text.len + UINT64_C(0x9e3779b97f4a7c15));

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (uint8_t) text.data[i]) * UINT64_C(0x100000001b3);
	order->log = h;
}

/* ---- places ---- */

/* The digits at the end of a text as a number, which are taken from it; false: there are none, or too many. */
static bool
take_number(CdcString *text, uint64_t *n)
{
	size_t		digits = 0;

	while (digits < text->len && text->data[text->len - 1 - digits] >= '0' &&
		   text->data[text->len - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits > 18)
		return false;
	*n = 0;
	text->len -= digits;
	for (size_t i = 0; i < digits; i++)
		*n = *n * 10 + (uint64_t) (text->data[text->len + i] - '0');
	return true;
}

/* "mysql-bin.000007:4711" */
static bool
read_binlog_place(CdcString position, CdcEnvelopeOrder *order)
{
	if (!take_number(&position, &order->at) || position.len == 0 || position.data[position.len - 1] != ':')
		return false;
	position.len--;
	if (!take_number(&position, &order->file))
		return false;
	add_log(order, position);
	return true;
}

/* "00000000010000004711" */
static bool
read_trail_place(CdcString position, CdcEnvelopeOrder *order)
{
	CdcString	file = {position.data, position.len - TRAIL_OFFSET_DIGITS};
	CdcString	at = {position.data + file.len, TRAIL_OFFSET_DIGITS};

	return position.len > TRAIL_OFFSET_DIGITS && take_number(&at, &order->at) && at.len == 0 &&
		take_number(&file, &order->file) && file.len == 0;
}

/* What its source says; an incremental snapshot's rows are of no place in the log. */
static bool
read_debezium_place(const CdcEnvelope *env, CdcEnvelopeOrder *order)
{
	CdcDoc		source;
	CdcString	snapshot;
	CdcString	sequence;
	int64_t		n;

	if (!cdc_doc_find_type(&env->body, "source", CDC_DOC_OBJECT, &source))
		return false;
	snapshot = cdc_doc_find_string(&source, "snapshot");
	if (snapshot.len == strlen("incremental") && memcmp(snapshot.data, "incremental", snapshot.len) == 0)
		return false;
	add_log(order, cdc_doc_find_string(&source, "connector"));
	add_log(order, cdc_doc_find_string(&source, "name"));
	if (cdc_doc_find_int64(&source, "server_id", &n))
		order->log ^= (uint64_t) n * UINT64_C(0x9e3779b97f4a7c15);
	if (env->position.len > 0)
		return read_binlog_place(env->position, order);
	sequence = cdc_doc_find_string(&source, "sequence");
	if (cdc_string_is(cdc_doc_find_string(&source, "version"), CDC_PUBLISHER))
		return take_number(&sequence, &order->at) && sequence.len == 0;
	if (!cdc_doc_find_int64(&source, "lsn", &n) || n <= 0)
		return false;
	order->at = (uint64_t) n;
	return true;
}

/* ---- what the folder offers ---- */

bool
cdc_envelope_order(const CdcEnvelope *env, CdcEnvelopeOrder *order)
{
	memset(order, 0, sizeof(*order));
	order->us = env->source_us;
	switch (env->format)
	{
		case CDC_FORMAT_DEBEZIUM:
			order->known = read_debezium_place(env, order);
			break;
		case CDC_FORMAT_GOLDENGATE:
			order->known = read_trail_place(env->position, order);
			break;
		case CDC_FORMAT_MAXWELL:
			/* rows of a bootstrap are not of the log */
			order->known = env->op != CDC_OP_SNAPSHOT && read_binlog_place(env->position, order);
			break;
		default:
			break;
	}
	order->known = order->known && order->us > 0;
	return order->known;
}

bool
cdc_envelope_order_is_before(const CdcEnvelopeOrder *a, const CdcEnvelopeOrder *b)
{
	if (!a->known || !b->known || a->log != b->log || a->us > b->us)
		return false;
	return a->file != b->file ? a->file < b->file : a->at < b->at;
}

bool
cdc_envelope_order_is_same(const CdcEnvelopeOrder *a, const CdcEnvelopeOrder *b)
{
	return a->known && b->known && a->log == b->log && a->us == b->us && a->file == b->file && a->at == b->at;
}

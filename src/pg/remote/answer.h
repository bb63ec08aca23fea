/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  What a source answers, looked at before it is believed.
 *
 * Who answers may be hostile, broken, or something between us and the source.
 * Every question says how many columns its answer has; a cell is there and
 * not NULL, a text is UTF-8 and a number a number, or there is an ERROR that
 * names the question.  This is the only way to ask: the functions of source.h below
 * it hand out what the server sent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_ANSWER_H
#define CDC_PG_REMOTE_ANSWER_H

#include "pg/remote/source.h"

typedef struct CdcAnswer CdcAnswer;

/* Number of columns of an answer that newer versions of a server may add some to. */
#define CDC_OR_MORE(columns)	(-(columns))

/*
 * Sends a statement that returns rows and waits; ERROR on failure.  asked: what to
 * call it in messages, a constant.  The answer is palloc'ed.
 */
extern CdcAnswer *cdc_source_ask(CdcSource *source, const char *asked, int columns,
								 const char *fmt,...) pg_attribute_printf(4, 5);

/*
 * The same, but NULL where the server refuses, because a privilege is missing or it does
 * not know the statement.  A connection that is no good any more is an ERROR.
 */
extern CdcAnswer *cdc_source_try_ask(CdcSource *source, const char *asked, int columns,
									 const char *sql);

/* The same, and err says why the server refuses. */
extern CdcAnswer *cdc_source_ask_why(CdcSource *source, const char *asked, int columns,
									 const char *sql, CdcError *err);

/*
 * The same of what is only looked at, and nothing rests on: NULL also where the answer has another
 * shape, and cells that a row leaves out are NULL.
 */
extern CdcAnswer *cdc_source_look(CdcSource *source, const char *asked, int columns, const char *sql);

/* Sends a statement that returns no rows. */
extern void cdc_source_execute(CdcSource *source, const char *sql);

extern int64 cdc_answer_rows(const CdcAnswer *answer);

/* A cell, counted from 0; its memory is the answer's. */
extern const char *cdc_answer_text(const CdcAnswer *answer, int64 row, int column);
extern const char *cdc_answer_nullable(const CdcAnswer *answer, int64 row, int column);
extern int64 cdc_answer_int(const CdcAnswer *answer, int64 row, int column, int64 min, int64 max);

/* Where nothing rests on it: what is no such number, or not there (column -1), is otherwise. */
extern int64 cdc_answer_int_else(const CdcAnswer *answer, int64 row, int column, int64 min, int64 max,
								 int64 otherwise);

/*
 * The same of what users have written there, any bytes: what is no text in UTF-8 becomes '?',
 * and *exact false (which may be NULL).  NULL stays NULL; palloc'ed.
 */
extern char *cdc_answer_lenient(const CdcAnswer *answer, int64 row, int column, bool *exact);

/* Any bytes, but not NULL. */
extern const CdcString *cdc_answer_bytes(const CdcAnswer *answer, int64 row, int column);

/* Whether a cell's bytes have this text in them, in any letter case; NULL has none. */
extern bool cdc_answer_matches(const CdcAnswer *answer, int64 row, int column, const char *text);

/* Whether the answer has a column of that name, and a cell of it is this text. */
extern bool cdc_answer_says(const CdcAnswer *answer, int64 row, const char *name,
							const char *text);

/* The column of that name, where an answer's columns have no fixed place. */
extern int	cdc_answer_column(const CdcAnswer *answer, const char *name);
extern int	cdc_answer_find_column(const CdcAnswer *answer, const char *name);	/* -1: none */

/* ERROR: the answer is not what it should be; why is a sentence. */
pg_noreturn extern void cdc_answer_refuse(const CdcAnswer *answer, const char *why,...)
			pg_attribute_printf(2, 3);

#endif							/* CDC_PG_REMOTE_ANSWER_H */

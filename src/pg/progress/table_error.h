/*-------------------------------------------------------------------------
 *
 * table_error.h
 *	  Tables with events that could not be applied: what cdc.error keeps of them, where
 *	  they have stopped, and what was left out.
 *
 *	  A table in state 'e' is one of three: it is held without a place, as its target is
 *	  not what its source had at any place (only a new copy helps); it is held at a place,
 *	  held_seq, from which it can go on; or it goes on and lacks what is kept in cdc.error or
 *	  was left out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_TABLE_ERROR_H
#define CDC_PG_PROGRESS_TABLE_ERROR_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"

/* An event that could not be applied. */
typedef struct CdcTableError
{
	const char *name;			/* of the table */
	int64		seq;			/* 0: none in particular */
	const char *key;			/* for people; or NULL */
	int			sqlerrcode;
	const char *text;			/* cdc_failure_text() of the error */
} CdcTableError;

/*
 * The table stops: state 'e', with a notification.  Its target has all of its events up to
 * held_seq, unless a copy of it is under way: then it has no place.  Returns whether it has one.
 */
extern bool cdc_table_error_hold(const CdcSubscription *sub, const CdcTableError *error, int64 held_seq);

/* An event that is put aside. */
typedef struct CdcKeptEvent
{
	const char *name;			/* of the table */
	const char *source_table;
	int64		seq;
	char		op;
	const char *position;		/* or NULL */
	int			sqlerrcode;		/* 0: it only follows another one */
	const char *message;
	Datum		event;			/* jsonb; 0: none */
	const char *raw;			/* original bytes, or NULL */
	size_t		raw_len;
} CdcKeptEvent;

/* Puts it into cdc.error.  To be followed by cdc_table_error_kept(). */
extern void cdc_table_error_keep(const CdcSubscription *sub, const CdcKeptEvent *kept);

/* So many more events are kept; the table gets state 'e' for it, with the error where that is not NULL. */
extern void cdc_table_error_kept(const CdcSubscription *sub, const char *name, int64 events,
								 const CdcTableError *error);

/* Events of the key (n texts), from that seq on, are kept. */
extern void cdc_table_error_block(const CdcSubscription *sub, const char *name, char **key, int n,
								  int64 seq);

/* Those keys, each a list of so many texts: a list of char **.  ERROR where one has another number. */
extern List *cdc_table_error_blocked(const CdcSubscription *sub, const char *name, int n);

/* The seqs of the table's kept events behind after, in order, at most limit; palloc'ed. */
extern int64 *cdc_table_error_seqs(const CdcSubscription *sub, const char *name, int64 after, int limit,
								   int *n);

/* All that is kept of the table, or the one event, is forgotten; returns how many. */
extern int64 cdc_table_error_forget(const CdcSubscription *sub, const char *name, int64 seq);

/* Rows of cdc.error that pull wrote, which belong to no table in error; returns how many. */
extern int64 cdc_table_error_forget_pulled(const CdcSubscription *sub);

/*
 * What was left out, a sentence without its full stop: the table is in state 'e' until it is
 * verified or copied anew.  Of topics it is shown only, as they cannot be verified.
 */
extern void cdc_table_error_differs(const CdcSubscription *sub, const char *name, const char *what);

/* A new copy begins: nothing is kept, left out or held.  Its state stays. */
extern void cdc_table_error_clear(const CdcSubscription *sub, const char *name);

/* The source was emptied, and so is the target: nothing is kept or left out.  To be settled then. */
extern void cdc_table_error_emptied(const CdcSubscription *sub, const char *name);

/* It was verified and found equal: what was left out is there. */
extern void cdc_table_error_verified(const CdcSubscription *sub, const char *name);

/*
 * The source dropped the table, or gave it another name: where nothing but a new copy would
 * help a table filled from it, whose state is 'e', that is its reason from now on.
 */
extern void cdc_table_error_dropped(const CdcSubscription *sub, const char *source_table);

/* The source has a table of that name again: where it was in error for having none, that is told. */
extern void cdc_table_error_made_again(const CdcSubscription *sub, const char *source_table);

/* The reason of a table that the source has not, and what to type for it; the latter palloc'ed. */
#define CDC_NO_SOURCE_TABLE			"the source has no such table"
#define CDC_ERRCODE_NO_SOURCE_TABLE ERRCODE_FDW_TABLE_NOT_FOUND
extern char *cdc_table_error_gone_hint(const CdcSubscription *sub, const char *name);

/* What to type for a table that could not have a target.  palloc'ed. */
extern char *cdc_table_error_left_out_hint(const CdcSubscription *sub, const char *name);

/* What to type for a table in error: it has a place from which it can go on, or not.  palloc'ed. */
extern char *cdc_table_error_hint(const CdcSubscription *sub, const char *name, bool has_place);

/* A source transaction that apply passes over. */
typedef struct CdcSkip
{
	int64		first;			/* seq of its first event, */
	int64		last;			/* ... and of its last one */
} CdcSkip;

/* Those behind after and up to upto, in order; of CdcSkip *. */
extern List *cdc_skips(const CdcSubscription *sub, int64 after, int64 upto);

/* Notes one; false: it is noted already. */
extern bool cdc_skip_add(const CdcSubscription *sub, const CdcSkip *skip, const char *position, const char *gtid);

#endif							/* CDC_PG_PROGRESS_TABLE_ERROR_H */

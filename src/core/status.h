/*-------------------------------------------------------------------------
 *
 * status.h
 *	  Result codes and the error report of the pure layers.
 *
 * Nothing below src/pg knows PostgreSQL: a function that can fail returns a
 * CdcStatus and fills a CdcError that the caller owns.  One function,
 * cdc_ereport() in src/pg/base/error.c, turns the two into an ereport with the
 * right SQLSTATE.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_STATUS_H
#define CDC_CORE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CdcStatus
{
	CDC_OK = 0,
	CDC_MORE,					/* nothing now; call again with more input */
	CDC_END,					/* the input has ended where it may end */
	/* errors: everything from here on; see cdc_failed() */
	CDC_ERR_CORRUPT,			/* the bytes do not follow their format */
	CDC_ERR_UNSUPPORTED,		/* well-formed, but we cannot decode it */
	CDC_ERR_SCHEMA,				/* bytes and known table definition disagree */
	CDC_ERR_LIMIT,				/* a stated bound (memory, depth) was exceeded */
	CDC_ERR_NOMEM,
	CDC_ERR_VALUE,				/* a value that was given is not valid */
	CDC_ERR_SYNTAX,				/* text of people or programs that breaks its grammar */
	CDC_ERR_CONNECT,			/* unreachable, unknown host, link lost */
	CDC_ERR_PROTOCOL,			/* what the source answers is not what was asked for */
	CDC_ERR_AUTH,				/* wrong password, unknown user */
	CDC_ERR_PRIVILEGE,			/* the source refuses for a missing privilege */
	CDC_ERR_PURGED,				/* the position is gone from the source */
	CDC_ERR_UNLOGGED,			/* the source makes, or made, changes that it never sends */
	CDC_ERR_CONFIG,				/* the source is set up in a way we cannot use */
	CDC_ERR_SERVER_ID,			/* another replica of the source uses our server id */
	CDC_ERR_SOURCE,				/* any other error that the source reported */
	CDC_ERR_CANCELLED,			/* interrupted by our own side */
	CDC_ERR_INTERNAL			/* a bug of ours */
} CdcStatus;

#define CDC_ERROR_TEXT	1024

typedef struct CdcError
{
	CdcStatus	status;
	unsigned	source_errno;	/* the source's own error number, or 0 */
	char		message[CDC_ERROR_TEXT];	/* errmsg style, UTF-8 */
	char		detail[CDC_ERROR_TEXT]; /* a sentence, or "" */
	char		hint[CDC_ERROR_TEXT];	/* what to do, or "" */
	char		file[256];		/* binlog file, or "" */
	uint64_t	offset;			/* offset of the event in it */
	char		table[520];		/* database.table, or "" */
	char		column[260];	/* or "" */
} CdcError;

static inline bool
cdc_failed(CdcStatus st)
{
	return st >= CDC_ERR_CORRUPT;
}

/*
 * Sets status and message (truncated to fit), clears the other fields and
 * returns st, so that "return cdc_error(err, CDC_ERR_CORRUPT, ...)" reads
 * well.  err may be NULL.
 */
extern CdcStatus cdc_error(CdcError *err, CdcStatus st, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* These add to an error already set; they keep the first value that was set. */
extern void cdc_error_detail(CdcError *err, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void cdc_error_hint(CdcError *err, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void cdc_error_at(CdcError *err, const char *file, uint64_t offset);
extern void cdc_error_column(CdcError *err, const char *database, const char *table,
							 const char *column);

/*
 * Copies a text that somebody else chose (a server's version, its error) for
 * people to read: what is not UTF-8, control characters (line breaks and tabs
 * too) and characters that turn the direction of writing become '?'.  Cut to
 * size, with "..." then.  dst may be src.  Returns dst.
 */
extern char *cdc_clean_text(char *dst, size_t size, const char *src);

/* The same for a text of several lines: line breaks and tabs stay. */
extern char *cdc_clean_lines(char *dst, size_t size, const char *src);

#endif							/* CDC_CORE_STATUS_H */

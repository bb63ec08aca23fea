/*-------------------------------------------------------------------------
 *
 * retype.h
 *	  What ALTER TABLE makes of a column's values when it changes its type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_RETYPE_H
#define CDC_CORE_RETYPE_H

#include "change.h"
#include "table_def.h"

typedef struct CdcAddedColumn CdcAddedColumn;	/* see table_change.h */

/* What becomes of the values of a column that stays. */
typedef enum CdcRetype
{
	CDC_RETYPE_NONE,			/* values and type are the same */
	CDC_RETYPE_EXACT,			/* each value stays what it is, in another type */
	CDC_RETYPE_CHECK,			/* so do those that pass the checks; the others are unknown */
	CDC_RETYPE_UNKNOWN			/* only the source knows */
} CdcRetype;

/* Checks of CDC_RETYPE_CHECK; NULL passes all but the first. */
#define CDC_CHECK_NOT_NULL		0x001	/* there is no NULL */
#define CDC_CHECK_ROUND_TRIP	0x002	/* cast to the new type and back it is the same */
#define CDC_CHECK_RANGE			0x004	/* from min to max */
#define CDC_CHECK_NOT_NEGATIVE	0x008
#define CDC_CHECK_CHARACTERS	0x010	/* at most `characters` of them */
#define CDC_CHECK_BYTES			0x020	/* at most `bytes` of them, at the source */
#define CDC_CHECK_TRAILING		0x040	/* no space at the end */
#define CDC_CHECK_ASCII			0x080
#define CDC_CHECK_MEMBERS		0x100	/* one of the members, or the empty string; a set: some */
#define CDC_CHECK_NOT_ZERO		0x200

typedef struct CdcShapeColumn
{
	int			from;			/* index in the old definition; -1: it is new */
	int			to;				/* index in the new one; -1: it was dropped */
	CdcRetype	retype;
	bool		rewritten;		/* events have a value that stays what it is in another form */
	unsigned	checks;
	const char *min;
	const char *max;
	uint32_t	characters;
	uint32_t	bytes;
	unsigned	bytes_each;		/* bytes of a character at the source; 0: as in UTF-8 */
	int			nmembers;
	const CdcString *members;
	const CdcAddedColumn *added;	/* of a new one; NULL: nobody knows what it has */
} CdcShapeColumn;

/*
 * What becomes of values of one column; fills retype, rewritten, checks and what they need.  why of a
 * generated column is the caller's to say.  The strings are static or the columns' own.
 */
extern void cdc_retype(const CdcColumnDef *before, const CdcColumn *from,
					   const CdcColumnDef *after, const CdcColumn *to, CdcShapeColumn *result);

#endif							/* CDC_CORE_RETYPE_H */

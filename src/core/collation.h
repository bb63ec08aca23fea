/*-------------------------------------------------------------------------
 *
 * collation.h
 *	  The character sets and collations that a server has, as its
 *	  information_schema lists them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_COLLATION_H
#define CDC_CORE_COLLATION_H

#include "value.h"

typedef struct CdcCollation
{
	uint32_t	id;
	const char *name;			/* "utf8mb4_bin" */
	const char *charset;		/* "utf8mb4" */
	bool		is_default;		/* of its character set, as it was compiled */
} CdcCollation;

typedef struct CdcCollations
{
	int			n;
	const CdcCollation *list;
} CdcCollations;

/* These return NULL for what the server does not have. */
extern const CdcCollation *cdc_collation_by_id(const CdcCollations *all, uint32_t id);

/*
 * By name, in any case; "utf8" and "utf8mb3" stand for one another.  charset
 * (may be NULL) completes MariaDB's names without a character set, such as
 * "uca1400_ai_ci".
 */
extern const CdcCollation *cdc_collation_by_name(const CdcCollations *all, const char *name,
												 const char *charset);

/* The compiled default and the binary collation of a character set. */
extern const CdcCollation *cdc_collation_default(const CdcCollations *all, const char *charset);
extern const CdcCollation *cdc_collation_binary(const CdcCollations *all, const char *charset);

/* The most bytes that a character takes; 1 for sets that are not known. */
extern unsigned cdc_charset_max_bytes(const char *charset);

#endif							/* CDC_CORE_COLLATION_H */

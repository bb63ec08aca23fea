/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  How a row image of a certain shape is read: which of its values go to
 *	  which columns of the target.
 *
 *	  As JSONB sorts keys, all images with the same columns begin with the same
 *	  bytes.  A layout is made once for each such beginning; to find it again
 *	  takes a comparison of memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_LAYOUT_H
#define CDC_PG_MAPPING_LAYOUT_H

#include "pg/datum/jsonb_view.h"
#include "pg/mapping/row_image.h"

/* Whether an expression's value is known of an image. */
typedef enum CdcComputable
{
	CDC_COMPUTABLE_NO,			/* the image has none of its columns: it is what it was */
	CDC_COMPUTABLE_PARTLY,		/* it has some of them */
	CDC_COMPUTABLE_YES
} CdcComputable;

typedef struct CdcLayout
{
	/* the beginning of the image: its keys as stored */
	int			nkeys;
	JEntry	   *entries;		/* of the keys */
	char	   *keys;
	uint32		keys_len;

	/* what becomes of the values, in the order of the image */
	int			nops;
	int			nkeyops;		/* behind so many of them the target's key is complete */
	struct CdcLayoutOp
	{
		int			index;		/* of the value, ascending */
		int			column;		/* of CdcMapping.columns */
	}		   *ops;

	/* the same of what expressions read; each in the order of the image */
	int			ninputs;
	struct CdcLayoutInput
	{
		int			index;		/* of the value */
		int			input;		/* of CdcExpressions.inputs */
	}		   *inputs;
	CdcComputable *computable;	/* by column, of those that expressions fill */
	CdcComputable filter;
	bool		reads;			/* something computed needs more of the row than the image has */

	/* what such a row is */
	const CdcPresence *presence;
	char	   *lacks;			/* a column of the source by which rows are found and which is not in
								 * it; NULL: the row can be found */
	bool		partial;		/* it lacks columns that the source has of each row */
	char	   *stale;			/* a column that the source generates and does not tell, so
								 * that it must not be kept in an update; or NULL */
} CdcLayout;

/*
 * The layout of a row image, made at its first sight.  It is valid until the next
 * call.  ERROR where the target lacks a column of the image, with the statement
 * that adds it as the hint, and where it needs one that the image lacks.
 */
extern const CdcLayout *cdc_layout_of(CdcMapping *mapping, const CdcRowImage *image);

/*
 * Forgets the layouts of a mapping and the presences of its target.  Nothing may be
 * collected for the target, nor any row of it be at hand.
 */
extern void cdc_layout_forget(CdcMapping *mapping);

/* Whether a key of an image names the column; PostgreSQL cuts names, MySQL's may be longer. */
extern bool cdc_layout_is_named(const char *name, size_t name_len, const CdcJsonValue *key);

/* Whether the target's key is filled by that column of the source, or computed from it. */
extern bool cdc_layout_key_reads(const CdcMapping *mapping, const CdcJsonValue *name);

/* ERROR: the image does not say which row it is (layout->lacks). */
pg_noreturn extern void cdc_layout_refuse_partial(const CdcMapping *mapping, const CdcRowImage *image,
												  const CdcLayout *layout);

/* ERROR: a row lacks a value that must not stay as it was. */
pg_noreturn extern void cdc_layout_refuse_stale(const CdcMapping *mapping, const CdcLayout *layout);

#endif							/* CDC_PG_MAPPING_LAYOUT_H */

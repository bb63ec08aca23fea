/*-------------------------------------------------------------------------
 *
 * converter.h
 *	  What converts the values of one column, and what all of the conversions
 *	  share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_CONVERTER_H
#define CDC_PG_DATUM_CONVERTER_H

#include "pg/base/compat.h"
#include "fmgr.h"

#include "pg/datum/jsonb_view.h"

typedef enum CdcZeroDate
{
	CDC_ZERO_DATE_NULL,
	CDC_ZERO_DATE_ERROR,
	CDC_ZERO_DATE_INFINITY,		/* -infinity */
	CDC_ZERO_DATE_KEY,			/* -infinity for 0000-00-00, an error for others: keys stay apart */
	CDC_ZERO_DATE_REFUSED		/* an error, where no option says otherwise */
} CdcZeroDate;

typedef enum CdcNulInText
{
	CDC_NUL_ERROR,
	CDC_NUL_STRIP
} CdcNulInText;

/* Of rows with the same values in a unique index of a target, beside its key's. */
typedef enum CdcConflict
{
	CDC_CONFLICT_ERROR,
	CDC_CONFLICT_OVERWRITE
} CdcConflict;

/* What is known of the source's column beyond the event. */
typedef enum CdcContentKind
{
	CDC_SOURCE_UNKNOWN,			/* nothing: the target's type tells */
	CDC_SOURCE_TEXT,			/* characters */
	CDC_SOURCE_STRING,			/* a text of which only the source knows what it says */
	CDC_SOURCE_BINARY,			/* bytes, base64 in the event */
	CDC_SOURCE_JSON,
	CDC_SOURCE_GEOMETRY,		/* WKT in the event */
	CDC_SOURCE_OTHER
} CdcContentKind;

/* On what, beside its argument, a type's input function depends; a later one includes the earlier. */
typedef enum CdcTextRule
{
	CDC_TEXT_PLAIN,				/* on nothing */
	CDC_TEXT_SETTINGS,			/* on settings of the session */
	CDC_TEXT_TIME,				/* on the clock and on names of time zones */
	CDC_TEXT_CATALOGS			/* on what names mean in this database */
} CdcTextRule;

/* How texts have to be written that the type's input function reads. */
typedef enum CdcTextForm
{
	CDC_FORM_ANY,
	CDC_FORM_AS_WRITTEN,		/* as the type writes its value */
	CDC_FORM_ANY_CASE			/* the same, in letters of either case */
} CdcTextForm;

/* What a type's input function does to a text without a word. */
typedef enum CdcTextLoss
{
	CDC_LOSS_NONE,
	CDC_LOSS_BY_TYPMOD,			/* elements of an array become as long, or as exact, as they may be */
	CDC_LOSS_OF_CENTS,			/* amounts are rounded */
	CDC_LOSS_UNLESS_DIGITS,		/* other numbers become one of the type's, which writes a name */
	CDC_LOSS_UNLESS_WRITTEN		/* what it would write in another way may have become another value */
} CdcTextLoss;

typedef struct CdcConverter CdcConverter;

/* Never called with JSON null.  The result may point into v. */
typedef Datum (*CdcConvertFunction) (CdcConverter *conv, const CdcJsonValue *v, bool *isnull);

struct CdcConverter
{
	CdcConvertFunction convert;
	Oid			typid;
	int32		typmod;
	Oid			basetype;		/* below domains */
	CdcContentKind source;
	CdcZeroDate zero_date;
	int			limit;			/* characters, bits, fraction digits or scale; -1: none */
	FmgrInfo	input;			/* of the type, where text is needed */
	Oid			ioparam;
	CdcTextRule text_rule;
	CdcTextForm form;
	CdcTextLoss loss;
	CdcConverter *element;		/* of an array's elements, or of the type below a domain */
	void	   *domain_checks;	/* kept by domain_check(), in context */
	MemoryContext context;
	int16		elem_len;
	bool		elem_byval;
	char		elem_align;
};

/* ERROR: the value is not one of the column's type. */
pg_noreturn extern void cdc_convert_fail(const CdcConverter *conv, const CdcJsonValue *v,
										 const char *detail);

#endif							/* CDC_PG_DATUM_CONVERTER_H */

/*-------------------------------------------------------------------------
 *
 * program.h
 *	  What the source runs that a statement names: views, triggers, functions, procedures.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DOUBT_PROGRAM_H
#define CDC_PG_DOUBT_PROGRAM_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/remote/source.h"

typedef enum CdcProgramKind
{
	CDC_PROGRAM_VIEW,
	CDC_PROGRAM_TRIGGER,		/* all of the table of that name */
	CDC_PROGRAM_FUNCTION,
	CDC_PROGRAM_PROCEDURE
} CdcProgramKind;

/* One text of it, in UTF-8. */
typedef struct CdcProgramText
{
	const char *text;			/* NULL: the source does not show it */
	uint64		sql_mode;		/* that it was made with */
} CdcProgramText;

typedef struct CdcProgram
{
	List	   *texts;			/* of CdcProgramText *; NIL: there is none of that name */
	uint64		visited;		/* the caller's */
} CdcProgram;

typedef struct CdcPrograms CdcPrograms;

/* Lives in parent; control stays the caller's. */
extern CdcPrograms *cdc_programs_create(MemoryContext parent, const CdcControl *control);

/* They may be others from here on. */
extern void cdc_programs_forget(CdcPrograms *programs);

/* As the source has it when it is asked first; names in UTF-8.  Valid until they are forgotten. */
extern CdcProgram *cdc_program_find(CdcPrograms *programs, CdcProgramKind kind, const char *database,
									const char *name);

/* Begins anew where they have become many: nothing found before may be used any more. */
extern void cdc_programs_trim(CdcPrograms *programs);

#endif							/* CDC_PG_DOUBT_PROGRAM_H */

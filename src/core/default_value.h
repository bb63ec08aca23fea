/*-------------------------------------------------------------------------
 *
 * default_value.h
 *	  What a row has in a column that its INSERT did not name, as the binlog would
 *	  give it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DEFAULT_VALUE_H
#define CDC_CORE_DEFAULT_VALUE_H

#include "arena.h"
#include "change.h"

/*
 * The constant default of the column or, where it has none, what its type implies: NULL,
 * or the zero of a type that is NOT NULL.  literals: the definition has defaults as SQL
 * literals (MariaDB from 10.2.7 on).  The value may point into the column or comes from
 * the arena.  false: it is not known, or no constant (a server writes the others to each
 * row's image).
 */
extern bool cdc_default_value(CdcArena *arena, const CdcColumn *column, bool literals,
							  CdcValue *value);

#endif							/* CDC_CORE_DEFAULT_VALUE_H */

/*-------------------------------------------------------------------------
 *
 * recipe.h
 *	  A mapping on its way to segments, which cannot read the extension's tables: what
 *	  they need to convert whole rows of a source table just as the master does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_RECIPE_H
#define CDC_PG_MAPPING_RECIPE_H

#include "pg/mapping/mapping.h"
#include "utils/array.h"

/* As arguments of a statement. */
typedef struct CdcRecipe
{
	ArrayType  *names;			/* text[]: the source's column of each column of the target */
	ArrayType  *numbers;		/* integer[]: see recipe.c */
} CdcRecipe;

/*
 * Makes the recipe of a mapping; false where there cannot be one: something is computed, a
 * column is not filled, or has a type that is not the server's own.
 */
extern bool cdc_recipe_make(const CdcMapping *mapping, CdcRecipe *recipe);

/*
 * The mapping by a recipe, in the current memory context.  It takes whole rows only, others
 * are an ERROR.  Anybody may have made the recipe: ERROR where it does not fit the relation.
 */
extern CdcMapping *cdc_recipe_mapping(const CdcRecipe *recipe, Relation rel);

#endif							/* CDC_PG_MAPPING_RECIPE_H */

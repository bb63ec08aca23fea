/*-------------------------------------------------------------------------
 *
 * source_kind.c
 *	  The kinds of source that there are.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/source_kind.h"

static const CdcSourceMethods *kinds[CDC_SOURCE_KINDS];

void
cdc_source_kind_register(CdcServerKind kind, const CdcSourceMethods *methods)
{
	kinds[kind] = methods;
}

const CdcSourceMethods *
cdc_source_kind(CdcServerKind kind)
{
	Assert(kinds[kind] != NULL);
	return kinds[kind];
}

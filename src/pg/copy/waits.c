/*-------------------------------------------------------------------------
 *
 * waits.c
 *	  What the copy waits for, as the views show it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/log.h"

void
cdc_copy_note_wait(const CdcCopy *copy, const char *what)
{
	CdcCopyPace *pace = copy->pace;
	uint32		hash = what != NULL ? DatumGetUInt32(hash_any((const unsigned char *) what, (int) strlen(what))) | 1 : 0;

	if (pace->waits_known && pace->waits == hash)
		return;
	cdc_copy_waits_for(copy->sub, what);
	pace->waits = hash;
	pace->waits_known = true;
	if (what != NULL)
		cdc_log_event(copy->sub->name, "copy", "the copy of tables waits", what);
}

/*-------------------------------------------------------------------------
 *
 * mode.c
 *	  The modes that there are, by their names.
 *
 * A new mode is a file of its own, mode_NAME.c, and an entry of the array here.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

static const CdcApplyMode *const modes[] = {&cdc_mode_replica, &cdc_mode_soft_delete, &cdc_mode_append};

#define VALID_MODES	"Valid modes are: replica, soft_delete, append."

/* NULL where there is none of that name. */
static const CdcApplyMode *
find_mode(const char *name)
{
	size_t		i;

	for (i = 0; i < lengthof(modes); i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	return NULL;
}

const CdcApplyMode *
cdc_apply_mode_of_table(const char *name, const char *source_table)
{
	const CdcApplyMode *mode = find_mode(name);

	if (mode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mode \"%s\" of source table \"%s\" is not supported", name, source_table),
				 errhint(VALID_MODES)));
	return mode;
}

const CdcApplyMode *
cdc_apply_mode_of_argument(const char *name)
{
	const CdcApplyMode *mode = find_mode(name);

	if (mode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid mode \"%s\"", name),
				 errhint(VALID_MODES)));
	return mode;
}

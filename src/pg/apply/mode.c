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

static const CdcApplyMode *const modes[] = {&cdc_mode_replica};

/* Modes that the documentation names and that this version does not have. */
static const char *const future_modes[] = {"append", "soft_delete", "scd2"};

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
				 errhint("Valid modes are: replica.")));
	return mode;
}

const CdcApplyMode *
cdc_apply_mode_of_replay(const char *name)
{
	const CdcApplyMode *mode = find_mode(name);

	if (mode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"%s\" is not supported", name),
				 errhint("Valid modes are: replica.")));
	return mode;
}

const CdcApplyMode *
cdc_apply_mode_to_add(const char *name)
{
	const CdcApplyMode *mode = find_mode(name);
	size_t		i;

	if (mode != NULL)
		return mode;
	for (i = 0; i < lengthof(future_modes); i++)
		if (strcmp(future_modes[i], name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("mode \"%s\" is not supported by this version", name),
					 errhint("The mode that there is: replica.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid mode \"%s\"", name),
			 errhint("Valid: replica.")));
	return NULL;
}

/*-------------------------------------------------------------------------
 *
 * grants.c
 *	  What the user of a source's user mapping may do there, as SHOW GRANTS tells.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/grants.h"

CdcAnswer *
cdc_grants_ask(CdcSource *source)
{
	return cdc_source_try_ask(source, "its own privileges", 1, "SHOW GRANTS");
}

bool
cdc_grants_have(const CdcAnswer *grants, const char *privilege, bool any_level)
{
	int64		i;

	for (i = 0; grants != NULL && i < cdc_answer_rows(grants); i++)
	{
		const char *grant = cdc_answer_text(grants, i, 0);
		const char *on = strstr(grant, " ON ");
		char	   *list;

		if (strncmp(grant, "GRANT ", 6) != 0 || on == NULL ||
			(!any_level && strncmp(on, " ON *.* ", 8) != 0))
			continue;
		list = psprintf(", %s,", pnstrdup(grant + 6, on - grant - 6));
		if (strstr(list, psprintf(", %s,", privilege)) != NULL ||
			strstr(list, ", ALL PRIVILEGES,") != NULL)
			return true;
	}
	return false;
}

char *
cdc_grants_lacking_for_programs(const CdcAnswer *grants)
{
	bool		views = cdc_grants_have(grants, "SHOW VIEW", true);
	bool		triggers = cdc_grants_have(grants, "TRIGGER", true);

	if (views && triggers)
		return NULL;
	return pstrdup(views ? "TRIGGER" : triggers ? "SHOW VIEW" : "SHOW VIEW, TRIGGER");
}

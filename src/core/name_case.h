/*-------------------------------------------------------------------------
 *
 * name_case.h
 *	  Names of tables and databases that have no case.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_NAME_CASE_H
#define CDC_CORE_NAME_CASE_H

/*
 * Gives a name, in UTF-8, the letters under which a server with lower_case_table_names = 1 keeps it.
 * It gets no longer.  Bytes that are no UTF-8 stay as they are.
 */
extern void cdc_name_to_lower(char *name);

#endif							/* CDC_CORE_NAME_CASE_H */

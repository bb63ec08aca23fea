/*-------------------------------------------------------------------------
 *
 * option_table.h
 *	  The table of options: what each is, how its value is checked and stored.
 *	  Validators and readers of options in any form are built on this.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_OPTION_TABLE_H
#define CDC_PG_OPTIONS_OPTION_TABLE_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"

/* Where an option is set, and which struct its scope fills. */
typedef enum CdcOptionScope
{
	SCOPE_MYSQL_SERVER,			/* CdcMysqlOptions */
	SCOPE_MYSQL_USER,			/* CdcMysqlOptions */
	SCOPE_KAFKA_SERVER,			/* CdcKafkaOptions */
	SCOPE_KAFKA_USER,			/* CdcKafkaOptions */
	SCOPE_KAFKA_OVERRIDE,		/* CdcKafkaOptions; set at a foreign table, for its client */
	SCOPE_KAFKA_TABLE,			/* CdcKafkaTableOptions */
	SCOPE_KAFKA_COLUMN,			/* none */
	SCOPE_SUBSCRIPTION,			/* CdcSubscriptionOptions */
	SCOPE_TABLE,				/* CdcTableOptions */
	SCOPE_PUBLICATION			/* CdcPublicationOptions */
} CdcOptionScope;

/* What a value looks like, and the field that it is stored in. */
typedef enum CdcOptionType
{
	TYPE_TEXT,					/* const char *, UTF-8 */
	TYPE_BOOL,					/* bool */
	TYPE_INT,					/* int */
	TYPE_MS,					/* int, milliseconds: "250", "250ms", "5s", "2 min" */
	TYPE_SECONDS,				/* int, the same in whole seconds; a bare number is seconds */
	TYPE_BYTES,					/* int: "1048576", "64kB", "16MB" */
	TYPE_CHOICE,				/* int or enum: the word's place in the list of words */
	TYPE_WORD					/* const char *: the word itself, as the list spells it */
} CdcOptionType;

typedef struct CdcOption
{
	CdcOptionScope scope;
	const char *name;
	CdcOptionType type;
	const char *default_value;	/* as a user would write it; NULL: there is none */

	/* values that are allowed */
	int64		min;			/* of numbers, in the field's unit */
	int64		max;
	const char *const *words;	/* of TYPE_CHOICE and TYPE_WORD, NULL-terminated */

	bool		secret;			/* its value is never shown */
	int			offset;			/* of the field in the scope's struct; -1: it fills none */
	const char *description;	/* for cdc.option_list() and the documentation */
} CdcOption;

/* The option of a scope by its name; NULL: there is none. */
extern const CdcOption *cdc_option_find(CdcOptionScope scope, const char *name);

/*
 * Checks the value of a scope's option and stores it in the field of target (the
 * scope's struct; NULL: nowhere).  Strings are palloc'ed in the current context or
 * constant.  Returns false when the scope has no such option; ERROR with a hint
 * where the value does not fit.
 */
extern bool cdc_option_set(CdcOptionScope scope, const char *name, const char *value, void *target);

/* Stores the defaults of all options of the scope that have one. */
extern void cdc_option_set_defaults(CdcOptionScope scope, void *target);

/* The value of an option in a list of DefElem; NULL: it is not set. */
extern const char *cdc_option_value(List *options, const char *name);

/* ERROR for a name that is no option of the scope; the hint says where it belongs. */
pg_noreturn extern void cdc_option_unknown(CdcOptionScope scope, const char *name);

/*
 * For validators of user mappings: ERROR where the option is password_required and
 * somebody else than a superuser turns it off, or changes a mapping where it is off.
 */
extern void cdc_option_check_password_required(const char *option, const char *value);

/*
 * Texts for messages; the palloc'ed ones are the caller's.  The scope as in "server
 * of cdc_mysql"; the names of its options, separated by commas; what the values of
 * an option may be; the word that stands at a place of its list.
 */
extern const char *cdc_option_scope_name(CdcOptionScope scope);
extern char *cdc_option_names(CdcOptionScope scope);
extern char *cdc_option_valid_values(const CdcOption *option);
extern const char *cdc_option_word(CdcOptionScope scope, const char *name, int place);

#endif							/* CDC_PG_OPTIONS_OPTION_TABLE_H */

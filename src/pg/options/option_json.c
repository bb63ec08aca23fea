/*-------------------------------------------------------------------------
 *
 * option_json.c
 *	  Reading the options of subscriptions and publications, which the extension's
 *	  tables keep as JSON objects.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/options/option_json.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "pg/base/compat_value.h"
#include "pg/options/option_table.h"

/* A scalar of JSON as text, as options are set everywhere else; ERROR for other JSON. */
static const char *
scalar_text(const CdcOption *opt, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvBool:
			return value->val.boolean ? "on" : "off";
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		default:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\"", opt->name),
			 errhint("Valid values are: %s.", cdc_option_valid_values(opt))));
	return NULL;
}

/*
 * Fills the scope's struct from a JSON object; NULL: all defaults.  A member that
 * is null stands for the default, too.
 */
static void
parse_object(CdcOptionScope scope, const Jsonb *json, void *target)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	cdc_option_set_defaults(scope, target);
	if (json == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of a %s must be a JSON object", cdc_option_scope_name(scope)),
				 errhint("For example '{%s}'.", scope == SCOPE_SUBSCRIPTION ?
						 "\"batch_events\": 5000" : "\"tombstones\": true")));

	it = JsonbIteratorInit((JsonbContainer *) &json->root);
	(void) JsonbIteratorNext(&it, &v, false);	/* the object itself */
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_END_OBJECT)
	{
		const CdcOption *opt;
		char	   *name;

		Assert(token == WJB_KEY);
		name = pnstrdup(v.val.string.val, v.val.string.len);
		opt = cdc_option_find(scope, name);
		if (opt == NULL)
			cdc_option_unknown(scope, name);
		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type != jbvNull)
			(void) cdc_option_set(scope, name, scalar_text(opt, &v), target);
	}
}

void
cdc_table_options_parse(const Jsonb *json, const CdcTableOptions *subscription, CdcTableOptions *opt)
{
	/* an option of a table has no default that would cover the subscription's */
	*opt = *subscription;
	parse_object(SCOPE_TABLE, json, opt);
}

/* Appends the members of an object except those that other has, and nulls. */
static void
append_members(StringInfo json, const Jsonb *object, const Jsonb *other)
{
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) &object->root);
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvNull ||
			(other != NULL && findJsonbValueFromContainer((JsonbContainer *) &other->root, JB_FOBJECT, &key) != NULL))
			continue;
		if (json->len > 1)
			appendStringInfoChar(json, ',');
		escape_json(json, pnstrdup(key.val.string.val, key.val.string.len));
		appendStringInfoChar(json, ':');
		if (value.type == jbvBinary)
			(void) JsonbToCString(json, value.val.binary.data, value.val.binary.len);
		else
		{
			Jsonb	   *scalar = JsonbValueToJsonb(&value);

			(void) JsonbToCString(json, &scalar->root, VARSIZE(scalar));
		}
	}
}

Jsonb *
cdc_options_merge(const Jsonb *stored, const Jsonb *given)
{
	StringInfoData json;

	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object")));
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (stored != NULL)
		append_members(&json, stored, given);
	append_members(&json, given, NULL);
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

void
cdc_publication_options_parse(const Jsonb *json, CdcPublicationOptions *opt)
{
	memset(opt, 0, sizeof(*opt));
	parse_object(SCOPE_PUBLICATION, json, opt);
}

void
cdc_subscription_options_parse(const Jsonb *json, CdcSubscriptionOptions *opt)
{
	memset(opt, 0, sizeof(*opt));
	parse_object(SCOPE_SUBSCRIPTION, json, opt);
	if (opt->event.null_zerodates && opt->zero_date != CDC_ZERO_DATE_NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"output_null_zerodates\" leaves nothing for \"zero_date\" %s to be done with",
						cdc_option_word(SCOPE_SUBSCRIPTION, "zero_date", opt->zero_date)),
				 errhint("Set zero_date to null, or output_null_zerodates to off.")));
}

void
cdc_subscription_options_check_replicas(const CdcSubscriptionOptions *opt)
{
	if (!opt->event.nulls)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"output_nulls\" cannot be off where tables are replicated"),
				 errdetail("Apply could not tell a column that became NULL from one that did not change."),
				 errhint("Set it to on, or create the subscription without target_schema.")));
}

void
cdc_subscription_options_check_superuser(const CdcSubscriptionOptions *opt,
										 const CdcSubscriptionOptions *before)
{
	if (opt->disable_others_triggers && !before->disable_others_triggers && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to turn on option \"%s\"", "disable_others_triggers"),
				 errdetail("Triggers and foreign keys of tables that others own would be passed over.")));
}

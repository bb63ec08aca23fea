/*-------------------------------------------------------------------------
 *
 * expression.c
 *	  SQL expressions over the rows of a source table: parsed, checked, run.
 *
 * The parser is told of columns by a hook, as PL/pgSQL does it, so that no relation
 * stands behind them: each that an expression names becomes an input, which is a column
 * of a virtual row.
 *
 * Texts are parsed anew when a mapping is made, under the search_path and the settings
 * of that moment: both are fixed, so that they mean the same each time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/expression/expression.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/catalog/access.h"
#include "pg/datum/fixed_text.h"
#include "pg/schema/typemap.h"
#include "pg/expression/content.h"
#include "pg/expression/hint.h"

/* By this name expressions call what is known of the event. */
#define EVENT	"event"

static const struct
{
	const char *name;
	CdcEventFact fact;
	Oid			typid;
}			facts[] = {
	{"seq", CDC_FACT_SEQ, INT8OID},
	{"op", CDC_FACT_OP, TEXTOID},
	{"source_ts", CDC_FACT_SOURCE_TS, TIMESTAMPTZOID},
	{"position", CDC_FACT_POSITION, TEXTOID},
	{"gtid", CDC_FACT_GTID, TEXTOID},
	{"source_table", CDC_FACT_SOURCE_TABLE, TEXTOID},
	{"database", CDC_FACT_DATABASE, TEXTOID},
	{"table", CDC_FACT_TABLE, TEXTOID},
	{"xid", CDC_FACT_MEMBER, INT8OID},
	{"xoffset", CDC_FACT_MEMBER, INT8OID},
	{"server_id", CDC_FACT_MEMBER, INT8OID},
	{"thread_id", CDC_FACT_MEMBER, INT8OID}
};

/* One expression while it is parsed. */
typedef struct Parsing
{
	CdcExpressions *set;
	CdcExpression *expression;
	const CdcExpressionUse *use;
	char	   *sql;			/* what the parser is given */
	ErrorContextCallback context;
} Parsing;

/* ------------------------------------------------------------------------
 * In the owner's place
 * ------------------------------------------------------------------------
 */

typedef struct Place
{
	Oid			userid;
	int			sec_context;
} Place;

static void
become_owner(const CdcExpressions *set, Place *saved)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	if (saved->userid != set->owner)
		SetUserIdAndSecContext(set->owner, saved->sec_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
}

static void
become_former(const CdcExpressions *set, const Place *saved)
{
	if (saved->userid != set->owner)
		SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/* ------------------------------------------------------------------------
 * Inputs
 * ------------------------------------------------------------------------
 */

/* The place of a column in the source's definition; -1: none.  Its names ignore case. */
static int
find_column(const CdcTableDef *def, const char *name)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(def->columns[i].name, name) == 0)
			return i;
	for (i = 0; i < def->ncolumns; i++)
		if (pg_strcasecmp(def->columns[i].name, name) == 0)
			return i;
	return -1;
}

/* ERROR with what there is. */
pg_noreturn static void
refuse_name(const CdcExpressions *set, ParseState *pstate, const ColumnRef *ref, const char *name)
{
	StringInfoData columns;
	StringInfoData known;
	size_t		f;
	int			i;

	initStringInfo(&columns);
	initStringInfo(&known);
	for (i = 0; i < set->def->ncolumns; i++)
		appendStringInfo(&columns, "%s, ", quote_identifier(set->def->columns[i].name));
	for (f = 0; f < lengthof(facts); f++)
		appendStringInfo(&known, "%s%s.%s", f > 0 ? ", " : "", EVENT, facts[f].name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("source table \"%s\" has no column %s", set->source_table, name),
			 errhint("There is: %s%s.", columns.data, known.data),
			 parser_errposition(pstate, ref->location)));
	pg_unreachable();
}

/* The number of the input, added where it is new. */
static int
add_input(CdcExpressions *set, const char *name, CdcEventFact fact, Oid typid, int32 typmod)
{
	CdcExpressionInput *input;
	ListCell   *lc;
	int			n = 0;

	foreach(lc, set->inputs)
	{
		input = lfirst(lc);
		if ((input->fact == CDC_FACT_NONE) == (fact == CDC_FACT_NONE) && strcmp(input->name, name) == 0)
			return n;
		n++;
	}
	input = palloc0(sizeof(CdcExpressionInput));
	input->name = pstrdup(name);
	input->len = strlen(name);
	input->fact = fact;
	input->typid = typid;
	input->typmod = typmod;
	input->copy = -1;
	cdc_converter_init(&input->conv, CurrentMemoryContext, typid, typmod,
					   fact == CDC_FACT_NONE ? cdc_content_kind(set->def, name) : CDC_SOURCE_OTHER,
					   set->sub->opt.zero_date);
	cdc_column_hint(typid, typmod, &input->hint);
	if (input->conv.source == CDC_SOURCE_GEOMETRY)
		input->hint.kind = CDC_HINT_GEOMETRY;
	set->inputs = lappend(set->inputs, input);
	return n;
}

/* A column of the source; its type is the one that a replica has. */
static int
column_input(Parsing *parsing, ParseState *pstate, const ColumnRef *ref, const char *name)
{
	CdcExpressions *set = parsing->set;
	Oid			typid = TEXTOID;
	int32		typmod = -1;
	int			at;

	if (set->def->ncolumns > 0)
	{
		char	   *type;

		at = find_column(set->def, name);
		if (at < 0)
			refuse_name(set, pstate, ref, quote_identifier(name));
		name = set->def->columns[at].name;
		type = cdc_pg_type_of_definition(&set->def->columns[at], &set->sub->opt);
		if (type == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of source table \"%s\" has no type in PostgreSQL", name,
							set->source_table),
					 errdetail("Its type at the source is %s.", set->def->columns[at].column_type)));
		parseTypeString(type, &typid, &typmod, 0);
	}
	at = add_input(set, name, CDC_FACT_NONE, typid, typmod);
	parsing->expression->columns = bms_add_member(parsing->expression->columns, at);
	return at;
}

/* What is known of the event; -1: there is nothing of that name. */
static int
fact_input(Parsing *parsing, const char *name)
{
	size_t		f;

	for (f = 0; f < lengthof(facts); f++)
	{
		if (strcmp(facts[f].name, name) != 0)
			continue;
		if (facts[f].fact < CDC_FACT_SOURCE_TABLE || facts[f].fact > CDC_FACT_TABLE)
			parsing->expression->event = true;
		return add_input(parsing->set, name, facts[f].fact, facts[f].typid, -1);
	}
	return -1;
}

/* PreParseColumnRefHook: what a name in the expression stands for. */
static Node *
resolve_name(ParseState *pstate, ColumnRef *ref)
{
	Parsing    *parsing = pstate->p_ref_hook_state;
	const CdcExpressionInput *input;
	Node	   *first = linitial(ref->fields);
	Node	   *last = llast(ref->fields);
	int			at = -1;

	if (IsA(last, A_Star))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"*\" is no value of one column"),
				 parser_errposition(pstate, ref->location)));
	if (list_length(ref->fields) == 1)
		at = column_input(parsing, pstate, ref, strVal(first));
	else if (list_length(ref->fields) == 2 && strcmp(strVal(first), EVENT) == 0)
		at = fact_input(parsing, strVal(last));
	if (at < 0)
		refuse_name(parsing->set, pstate, ref, quote_identifier(strVal(first)));
	input = list_nth(parsing->set->inputs, at);
	return (Node *) makeVar(1, at + 1, input->typid, input->typmod, get_typcollation(input->typid), 0);
}

/* ------------------------------------------------------------------------
 * Parsing
 * ------------------------------------------------------------------------
 */

/* Error context callback: which expression, and the place in it rather than in the caller's SQL. */
static void
parse_context(void *arg)
{
	const Parsing *parsing = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(parsing->sql);
	}
	if (parsing->use->column != NULL)
		errcontext("expression of column \"%s\" for source table \"%s\"", parsing->use->column,
				   parsing->set->source_table);
	else
		errcontext("row filter of source table \"%s\"", parsing->set->source_table);
}

/* The one expression that the text is, not transformed; ERROR where it is anything else. */
static Node *
raw_expression(const char *sql)
{
	List	   *list = CDC_RAW_PARSER(sql);
	SelectStmt *stmt;
	ResTarget  *target;

	if (list_length(list) == 1 && IsA(CDC_RAW_STATEMENT(linitial(list)), SelectStmt))
	{
		stmt = (SelectStmt *) CDC_RAW_STATEMENT(linitial(list));
		if (stmt->op == SETOP_NONE && list_length(stmt->targetList) == 1 &&
			stmt->distinctClause == NIL && stmt->intoClause == NULL && stmt->fromClause == NIL &&
			stmt->whereClause == NULL && stmt->groupClause == NIL && stmt->havingClause == NULL &&
			stmt->windowClause == NIL && stmt->valuesLists == NIL && stmt->sortClause == NIL &&
			stmt->limitOffset == NULL && stmt->limitCount == NULL && stmt->lockingClause == NIL &&
			stmt->withClause == NULL)
		{
			target = linitial(stmt->targetList);
			if (target->name == NULL && target->indirection == NIL)
				return target->val;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("this is no single SQL expression"),
			 errdetail("%s", sql + strlen("SELECT "))));
	return NULL;
}

/* Of the type that the use wants. */
static Node *
coerce(Parsing *parsing, ParseState *pstate, Node *node)
{
	const CdcExpressionUse *use = parsing->use;
	Node	   *result;

	if (use->column == NULL)
		return coerce_to_boolean(pstate, node, "row_filter");
	if (!OidIsValid(use->typid))
		return exprType(node) == UNKNOWNOID ?
			coerce_to_common_type(pstate, node, TEXTOID, "columns") : node;
	result = coerce_to_target_type(pstate, node, exprType(node), use->typid, use->typmod,
								   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s but its expression is of type %s", use->column,
						format_type_with_typemod(use->typid, use->typmod),
						format_type_be(exprType(node))),
				 errhint("Cast it in the expression.")));
	return result;
}

/* Whether a function gives the same for the same arguments until something else is changed on purpose. */
static bool
is_settled(Oid function)
{
	static const char *const clocks[] = {
		"now", "transaction_timestamp", "statement_timestamp", "age", "current_setting"
	};
	const char *name;
	size_t		i;

	switch (func_volatile(function))
	{
		case PROVOLATILE_IMMUTABLE:
			return true;
		case PROVOLATILE_VOLATILE:
			return false;
		default:
			break;
	}
	/* functions of users may read tables */
	if (function >= FirstNormalObjectId)
		return false;
	name = get_func_name(function);
	for (i = 0; i < lengthof(clocks); i++)
		if (name == NULL || strcmp(name, clocks[i]) == 0)
			return false;
	return true;
}

/* expression_tree_walker: whether something in it is not settled. */
static bool
find_unsettled(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (CDC_IS_SQL_VALUE_FUNCTION(node))
		return true;
	if (IsA(node, FuncExpr) && !is_settled(((FuncExpr *) node)->funcid))
		return true;
	if (IsA(node, OpExpr) && !is_settled(get_opcode(((OpExpr *) node)->opno)))
		return true;
	return expression_tree_walker(node, find_unsettled, arg);
}

/* What the executor runs; notes how far its value can be relied on. */
static void
examine(CdcExpression *expression, Node *node)
{
	expression->immutable = !contain_mutable_functions(node);
	expression->settings = !expression->immutable;
	expression->unsettled = expression->event || contain_volatile_functions(node) ||
		find_unsettled(node, NULL);
	expression->node = (Node *) expression_planner((Expr *) node);
}

static void
parse(Parsing *parsing)
{
	ParseState *pstate = make_parsestate(NULL);
	Node	   *node;

	pstate->p_sourcetext = parsing->sql;
	pstate->p_pre_columnref_hook = resolve_name;
	pstate->p_ref_hook_state = parsing;
	node = transformExpr(pstate, raw_expression(parsing->sql), EXPR_KIND_ALTER_COL_TRANSFORM);
	if (expression_returns_set(node))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-returning functions are not allowed here")));
	node = coerce(parsing, pstate, node);
	assign_expr_collations(pstate, node);
	examine(parsing->expression, node);
	free_parsestate(pstate);
}

CdcExpression *
cdc_expressions_add(CdcExpressions *set, const char *text, const CdcExpressionUse *use)
{
	CdcExpression *expression = palloc0(sizeof(CdcExpression));
	Parsing		parsing = {set, expression, use};
	CdcScope	scope;
	int			level;

	expression->text = pstrdup(text);
	parsing.sql = psprintf("SELECT %s", text);
	cdc_scope_begin(set->owner, &scope);
	level = cdc_fixed_settings_begin();
	parsing.context.callback = parse_context;
	parsing.context.arg = &parsing;
	parsing.context.previous = error_context_stack;
	error_context_stack = &parsing.context;
	parse(&parsing);
	error_context_stack = parsing.context.previous;
	cdc_fixed_settings_end(level);
	cdc_scope_end(&scope);
	set->all = lappend(set->all, expression);
	return expression;
}

CdcExpressions *
cdc_expressions_create(const CdcSubscription *sub, const char *source_table, const CdcTableDef *def)
{
	CdcExpressions *set = palloc0(sizeof(CdcExpressions));

	set->sub = sub;
	set->owner = sub->owner_oid;
	set->source_table = pstrdup(source_table);
	set->def = def;
	return set;
}

/* ------------------------------------------------------------------------
 * Running
 * ------------------------------------------------------------------------
 */

void
cdc_expressions_finish(CdcExpressions *set)
{
	TupleDesc	desc = CDC_CREATE_TUPLE_DESC(Max(list_length(set->inputs), 1));
	AttrNumber	at = 1;
	ListCell   *lc;
	Place		saved;

	/* a row without inputs has one column that nobody reads */
	if (set->inputs == NIL)
		TupleDescInitEntry(desc, 1, "none", BOOLOID, -1, 0);
	foreach(lc, set->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);

		TupleDescInitEntry(desc, at++, input->name, input->typid, input->typmod, 0);
	}
	set->slot = CDC_VIRTUAL_SLOT(desc);
	set->econtext = CreateStandaloneExprContext();
	become_owner(set, &saved);
	foreach(lc, set->all)
	{
		CdcExpression *expression = lfirst(lc);

		expression->state = ExecInitExpr((Expr *) expression->node, NULL);
	}
	become_former(set, &saved);
	/* both live no longer than who has made the mapping */
	set->def = NULL;
	set->sub = NULL;
}

void
cdc_expressions_begin_row(CdcExpressions *set, Datum **values, bool **nulls)
{
	ExecClearTuple(set->slot);
	*values = CDC_SLOT_VALUES(set->slot);
	*nulls = CDC_SLOT_ISNULL(set->slot);
	memset(*nulls, true, sizeof(bool) * Max(list_length(set->inputs), 1));
	ExecStoreVirtualTuple(set->slot);
}

void
cdc_expressions_row(CdcExpressions *set, Datum **values, bool **nulls)
{
	*values = CDC_SLOT_VALUES(set->slot);
	*nulls = CDC_SLOT_ISNULL(set->slot);
}

/* A text, or NULL where there is none. */
static Datum
text_fact(const char *text, size_t len, bool *isnull)
{
	*isnull = (text == NULL);
	return text != NULL ? PointerGetDatum(cstring_to_text_with_len(text, (int) len)) : (Datum) 0;
}

/* A part of "database.table"; messages may have names without a database. */
static Datum
name_fact(const CdcExpressions *set, CdcEventFact fact, bool *isnull)
{
	const char *name = set->source_table;
	const char *dot = strchr(name, '.');

	if (fact == CDC_FACT_SOURCE_TABLE || (fact == CDC_FACT_TABLE && dot == NULL))
		return text_fact(name, strlen(name), isnull);
	if (fact == CDC_FACT_TABLE)
		return text_fact(dot + 1, strlen(dot + 1), isnull);
	return text_fact(dot != NULL ? name : NULL, dot != NULL ? dot - name : 0, isnull);
}

static Datum
member_fact(CdcExpressionInput *input, const CdcEventFacts *event, bool *isnull)
{
	CdcJsonValue v;

	*isnull = event->document == NULL || !cdc_json_is_object(event->document) ||
		!cdc_json_find(event->document, input->name, input->len, &v) || v.type == JENTRY_ISNULL;
	return *isnull ? (Datum) 0 : input->conv.convert(&input->conv, &v, isnull);
}

Datum
cdc_expression_fact(const CdcExpressions *set, CdcExpressionInput *input,
					const CdcEventFacts *event, bool *isnull)
{
	*isnull = true;
	switch (input->fact)
	{
		case CDC_FACT_SOURCE_TABLE:
		case CDC_FACT_DATABASE:
		case CDC_FACT_TABLE:
			return name_fact(set, input->fact, isnull);
		default:
			break;
	}
	if (event == NULL)
		return (Datum) 0;
	switch (input->fact)
	{
		case CDC_FACT_SEQ:
			*isnull = false;
			return Int64GetDatum(event->seq);
		case CDC_FACT_OP:
			return text_fact(&event->op, 1, isnull);
		case CDC_FACT_SOURCE_TS:
			*isnull = event->source_ts == 0;
			return TimestampTzGetDatum(event->source_ts);
		case CDC_FACT_POSITION:
			return text_fact(event->position, event->position_len, isnull);
		case CDC_FACT_GTID:
			return text_fact(event->gtid, event->gtid_len, isnull);
		case CDC_FACT_MEMBER:
			return member_fact(input, event, isnull);
		default:
			return (Datum) 0;
	}
}

Datum
cdc_expression_evaluate(CdcExpressions *set, CdcExpression *expression, bool *isnull)
{
	Place		saved;
	Datum		result;
	int			level = 0;

	become_owner(set, &saved);
	if (expression->settings)
		level = cdc_fixed_settings_begin();
	set->econtext->ecxt_scantuple = set->slot;
	result = CDC_EVAL_EXPR_HERE(expression->state, set->econtext, isnull);
	if (expression->settings)
		cdc_fixed_settings_end(level);
	become_former(set, &saved);
	return result;
}

/* ------------------------------------------------------------------------
 * Names
 * ------------------------------------------------------------------------
 */

/* raw_expression_tree_walker */
static bool
collect_names(Node *node, void *arg)
{
	List	  **names = arg;

	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef))
	{
		const ColumnRef *ref = (ColumnRef *) node;

		if (list_length(ref->fields) == 1 && !IsA(linitial(ref->fields), A_Star))
			*names = lappend(*names, strVal(linitial(ref->fields)));
		return false;
	}
	return raw_expression_tree_walker(node, collect_names, arg);
}

List *
cdc_expression_names(const char *text)
{
	List	   *names = NIL;

	(void) collect_names(raw_expression(psprintf("SELECT %s", text)), &names);
	return names;
}

bool
cdc_expression_names_column(List *names, const char *column)
{
	ListCell   *lc;

	foreach(lc, names)
		if (pg_strcasecmp(lfirst(lc), column) == 0)
			return true;
	return false;
}

/*-------------------------------------------------------------------------
 *
 * pushdown_tree.c
 *	  From clauses to trees of conditions on partition, offset and time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/pushdown_internal.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/base/compat_fdw.h"

/* Whether a variable of the relation is in the expression. */
static bool
has_var_of(Node *node, void *relid)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == 0 && ((Var *) node)->varno == *(Index *) relid;
	return expression_tree_walker(node, has_var_of, relid);
}

/* A cast of one argument to the type, also where its function is called: date(ts). */
static bool
is_cast(Node *node, Oid type)
{
	FuncExpr   *func = (FuncExpr *) node;
	Oid			function;

	if (node == NULL || !IsA(node, FuncExpr) || func->funcresulttype != type ||
		list_length(func->args) != 1)
		return false;
	return find_coercion_pathway(type, exprType(linitial(func->args)), COERCION_EXPLICIT,
								 &function) == COERCION_PATH_FUNC && function == func->funcid;
}

static Node *
strip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/*
 * Whether the expression is a column that bounds what is read, as it is or cast
 * to a type in which it has the same order: *type.
 */
static bool
match_column(const CdcKafkaPushdown *push, Node *node, CdcComparison *cmp, Oid *type)
{
	const CdcKafkaColumn *column;
	Oid			cast = InvalidOid;

	node = strip_relabel(node);
	if (is_cast(node, INT8OID))
		cast = INT8OID, node = strip_relabel(linitial(((FuncExpr *) node)->args));
	if (is_cast(node, NUMERICOID))
		cast = NUMERICOID, node = strip_relabel(linitial(((FuncExpr *) node)->args));
	else if (is_cast(node, TIMESTAMPOID))
		cast = TIMESTAMPOID, node = strip_relabel(linitial(((FuncExpr *) node)->args));
	else if (is_cast(node, DATEOID))
		cast = DATEOID, node = strip_relabel(linitial(((FuncExpr *) node)->args));

	if (node == NULL || !IsA(node, Var) || ((Var *) node)->varlevelsup != 0 ||
		((Var *) node)->varno != push->relid)
		return false;
	column = cdc_kafka_table_column(push->table, ((Var *) node)->varattno);
	if (column == NULL)
		return false;

	cmp->field = column->field;
	*type = OidIsValid(cast) ? cast : column->basetype;
	switch (column->field)
	{
		case CDC_KAFKA_PARTITION:
		case CDC_KAFKA_OFFSET:
			cmp->form = CDC_FORM_NUMBER;
			return cast != DATEOID && cast != TIMESTAMPOID;
		case CDC_KAFKA_TS:
			cmp->form = cast == DATEOID ? CDC_FORM_DATE :
				cast == TIMESTAMPOID ? CDC_FORM_LOCAL : CDC_FORM_TIME;
			return cast == InvalidOid || cast == DATEOID || cast == TIMESTAMPOID;
		default:
			return false;
	}
}

/* What the operator says of a column of that type, and the other side's type. */
static bool
match_operator(Oid opno, Oid type, CdcCompare *compare, Oid *valuetype)
{
	Oid			family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	Oid			negator;
	int			strategy = get_op_opfamily_strategy(opno, family);
	Oid			left;
	Oid			right;

	if (strategy != 0)
		*compare = (CdcCompare) strategy;
	else
	{
		negator = get_negator(opno);
		if (!OidIsValid(negator) ||
			get_op_opfamily_strategy(negator, family) != CDC_COMPARE_EQUAL)
			return false;
		*compare = CDC_COMPARE_NOT_EQUAL;
	}
	op_input_types(opno, &left, &right);
	*valuetype = right;
	return left == type;
}

/* Whether the value is known before the table is read. */
static bool
is_known(const CdcKafkaPushdown *push, Node *value)
{
	Index		relid = push->relid;

	return !has_var_of(value, &relid) && !contain_volatile_functions(value) &&
		!contain_subplans(value);
}

/*
 * "column op value", or NULL.  Other offsets and times than some bound nothing, but
 * can be left out without a look at the rest of a message.
 */
static CdcComparison *
make_comparison(const CdcKafkaPushdown *push, Node *left, Oid opno, Node *right)
{
	CdcComparison	cmp = {0};
	CdcComparison *result;
	Oid			type;

	if (!match_column(push, left, &cmp, &type) ||
		!match_operator(opno, type, &cmp.compare, &cmp.valuetype) ||
		!cdc_compare_takes(cmp.form, cmp.valuetype) || !is_known(push, right))
		return NULL;
	cmp.expr = (Expr *) right;
	result = palloc(sizeof(CdcComparison));
	*result = cmp;
	return result;
}

static CdcBranch *
make_leaf(CdcBranchKind kind, List *comparisons)
{
	CdcBranch  *leaf = palloc0(sizeof(CdcBranch));

	leaf->kind = kind;
	leaf->comparisons = comparisons;
	return leaf;
}

static CdcBranch *
build_operator(const CdcKafkaPushdown *push, OpExpr *op)
{
	CdcComparison *cmp;
	Oid			commutator;

	if (list_length(op->args) != 2)
		return NULL;
	cmp = make_comparison(push, linitial(op->args), op->opno, lsecond(op->args));
	if (cmp == NULL)
	{
		commutator = get_commutator(op->opno);
		if (OidIsValid(commutator))
			cmp = make_comparison(push, lsecond(op->args), commutator, linitial(op->args));
	}
	return cmp == NULL ? NULL : make_leaf(CDC_BRANCH_COMPARE, list_make1(cmp));
}

static CdcBranch *
build_array(const CdcKafkaPushdown *push, ScalarArrayOpExpr *op)
{
	CdcComparison *cmp = make_comparison(push, linitial(op->args), op->opno, lsecond(op->args));

	if (cmp == NULL)
		return NULL;
	cmp->array = true;
	cmp->any = op->useOr;
	return make_leaf(CDC_BRANCH_COMPARE, list_make1(cmp));
}

/*
 * (a, b) > (1, 2): the first columns that can be used, up to one that cannot.
 * The operators of the earlier columns are those of their own order.
 */
static CdcBranch *
build_row(CdcKafkaPushdown *push, RowCompareExpr *row)
{
	CdcBranch  *leaf = make_leaf(CDC_BRANCH_ROW, NIL);
	ListCell   *left;
	ListCell   *right;
	ListCell   *opno;

	forthree(left, row->largs, right, row->rargs, opno, row->opnos)
	{
		CdcComparison *cmp = make_comparison(push, lfirst(left), lfirst_oid(opno), lfirst(right));

		if (cmp == NULL || cmp->compare == CDC_COMPARE_EQUAL ||
			cmp->compare == CDC_COMPARE_NOT_EQUAL)
		{
			leaf->open = push->partial = true;
			break;
		}
		cmp->in_row = true;
		leaf->comparisons = lappend(leaf->comparisons, cmp);
	}
	return leaf->comparisons == NIL ? NULL : leaf;
}

/* NOT (column IS DISTINCT FROM value): "=", as partitions and offsets are never NULL. */
static CdcBranch *
build_not(const CdcKafkaPushdown *push, Node *arg)
{
	CdcBranch  *leaf;

	if (!IsA(arg, DistinctExpr))
		return NULL;
	leaf = build_operator(push, (OpExpr *) arg);
	return leaf == NULL ||
		((CdcComparison *) linitial(leaf->comparisons))->field == CDC_KAFKA_TS ? NULL : leaf;
}

/* Of AND what is known; of OR only if all is. */
static CdcBranch *
build_bool(CdcKafkaPushdown *push, BoolExpr *expr)
{
	CdcBranch  *branch = palloc0(sizeof(CdcBranch));
	ListCell   *lc;

	if (expr->boolop == NOT_EXPR)
		return build_not(push, linitial(expr->args));
	branch->kind = expr->boolop == AND_EXPR ? CDC_BRANCH_AND : CDC_BRANCH_OR;
	foreach(lc, expr->args)
	{
		CdcBranch  *child = cdc_kafka_pushdown_tree(push, lfirst(lc));

		if (child != NULL)
			branch->children = lappend(branch->children, child);
		else if (branch->kind == CDC_BRANCH_OR)
			return NULL;
		else
			push->partial = true;
	}
	return branch->children == NIL ? NULL : branch;
}

CdcBranch *
cdc_kafka_pushdown_tree(CdcKafkaPushdown *push, Node *clause)
{
	check_stack_depth();
	switch (nodeTag(clause))
	{
		case T_OpExpr:
			return build_operator(push, (OpExpr *) clause);
		case T_ScalarArrayOpExpr:
			return build_array(push, (ScalarArrayOpExpr *) clause);
		case T_RowCompareExpr:
			return build_row(push, (RowCompareExpr *) clause);
		case T_BoolExpr:
			return build_bool(push, (BoolExpr *) clause);
		default:
			return NULL;
	}
}

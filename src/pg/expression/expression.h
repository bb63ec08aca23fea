/*-------------------------------------------------------------------------
 *
 * expression.h
 *	  SQL expressions over the rows of a source table: what fills a column of a target
 *	  where that is no column of the source, and the condition that rows must meet.
 *
 *	  An expression names columns of the source table, which have the types that a
 *	  replica would have, and what is known of the event (event.seq, event.op, ...).
 *	  It is parsed once, with names that mean what they mean in pg_catalog, and run by
 *	  the executor without SQL, with the rights of the subscription's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EXPRESSION_EXPRESSION_H
#define CDC_PG_EXPRESSION_EXPRESSION_H

#include "pg/base/compat.h"
#include "core/table_def.h"
#include "datatype/timestamp.h"
#include "envelope/envelope.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/datum/convert.h"

/* What an event tells beside its row. */
typedef enum CdcEventFact
{
	CDC_FACT_NONE,				/* none of it: a column of the source */
	CDC_FACT_SEQ,
	CDC_FACT_OP,
	CDC_FACT_SOURCE_TS,
	CDC_FACT_POSITION,
	CDC_FACT_GTID,
	CDC_FACT_SOURCE_TABLE,
	CDC_FACT_DATABASE,
	CDC_FACT_TABLE,
	CDC_FACT_MEMBER				/* a member of Maxwell's document: xid, xoffset, ... */
} CdcEventFact;

/* Of the event that a row image belongs to. */
typedef struct CdcEventFacts
{
	int64		seq;
	char		op;
	bool		commit;			/* the last event of its source transaction */
	TimestampTz source_ts;		/* 0: not known */
	const char *position;		/* not terminated, as gtid; NULL: not known */
	size_t		position_len;
	const char *gtid;
	size_t		gtid_len;
	const JsonbContainer *document; /* or NULL */
} CdcEventFacts;

/* What an expression reads. */
typedef struct CdcExpressionInput
{
	const char *name;			/* of the source's column, or of the fact */
	size_t		len;
	CdcEventFact fact;
	bool		member;			/* of the document; else of the history's row */
	Oid			typid;
	int32		typmod;
	CdcConverter conv;
	CdcColumnHint hint;
	int			copy;			/* column of the mapping that keeps the same value; -1: none */
} CdcExpressionInput;

typedef struct CdcExpression
{
	const char *text;
	Node	   *node;			/* parsed, of the wanted type */
	ExprState  *state;			/* after cdc_expressions_finish() */
	Bitmapset  *columns;		/* inputs that are columns of the source */
	bool		event;			/* it reads what differs from event to event */
	bool		immutable;
	bool		settings;		/* it may depend on settings of the session */
	bool		unsettled;		/* the same row may give something else another time */
} CdcExpression;

/* The expressions of one mapping. */
typedef struct CdcExpressions
{
	const CdcSubscription *sub;
	Oid			owner;
	const char *source_table;
	const CdcTableDef *def;		/* of the source table; without columns: not known */
	List	   *inputs;			/* of CdcExpressionInput *; numbered from 0 */
	List	   *all;			/* of CdcExpression * */
	ExprContext *econtext;
	TupleTableSlot *slot;		/* of the inputs */
} CdcExpressions;

/* What an expression is for. */
typedef struct CdcExpressionUse
{
	const char *column;			/* of the target; NULL: it is the row filter */
	Oid			typid;			/* of that column; InvalidOid: the expression's own */
	int32		typmod;
} CdcExpressionUse;

/*
 * None yet, of the source table with that definition, which is used while expressions
 * are added; all live in the current memory context.
 */
extern CdcExpressions *cdc_expressions_create(const CdcSubscription *sub, const char *source_table,
											  const CdcTableDef *def);

/*
 * Parses one more.  ERROR where it is none, names no column, has no value of that type,
 * or is more than an expression over one row: has a subquery, an aggregate, a set.
 */
extern CdcExpression *cdc_expressions_add(CdcExpressions *set, const char *text,
										  const CdcExpressionUse *use);

/* Makes them ready to run; ERROR where the owner may not call a function of theirs. */
extern void cdc_expressions_finish(CdcExpressions *set);

/*
 * The row of the inputs: who evaluates fills its values, by cdc_expression_fact() where
 * an input is no column.  begin_row makes all of them NULL.
 */
extern void cdc_expressions_begin_row(CdcExpressions *set, Datum **values, bool **nulls);
extern void cdc_expressions_row(CdcExpressions *set, Datum **values, bool **nulls);
extern Datum cdc_expression_fact(const CdcExpressions *set, CdcExpressionInput *input,
								 const CdcEventFacts *facts, bool *isnull);

/* Its value, in the current memory context, as the subscription's owner. */
extern Datum cdc_expression_evaluate(CdcExpressions *set, CdcExpression *expression, bool *isnull);

/*
 * The names of the columns that an expression would read (char *), as it spells them,
 * whatever the source table has; NIL where it cannot be parsed.
 */
extern List *cdc_expression_names(const char *text);

/* Whether it is the name of a column, as an expression spells it. */
extern bool cdc_expression_names_column(List *names, const char *column);

#endif							/* CDC_PG_EXPRESSION_EXPRESSION_H */

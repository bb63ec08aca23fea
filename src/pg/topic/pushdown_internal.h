/*-------------------------------------------------------------------------
 *
 * pushdown_internal.h
 *	  Conditions on partition, offset and time as trees; see pushdown.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_PUSHDOWN_INTERNAL_H
#define CDC_PG_TOPIC_PUSHDOWN_INTERNAL_H

#include "pg/topic/compare.h"
#include "pg/topic/pushdown.h"

typedef enum CdcBranchKind
{
	CDC_BRANCH_AND,
	CDC_BRANCH_OR,
	CDC_BRANCH_COMPARE,
	CDC_BRANCH_ROW
} CdcBranchKind;

/* A column and what it is compared with. */
typedef struct CdcComparison
{
	CdcKafkaField field;
	CdcNumberForm form;
	CdcCompare	compare;
	Oid			valuetype;		/* of the value, or of the array's elements */
	bool		array;
	bool		any;			/* ANY, not ALL, of the array */
	bool		in_row;			/* one of a row comparison's columns */
	Expr	   *expr;
	ExprState  *state;
	CdcIntervals set;			/* once evaluated */
	CdcIntervals strict;		/* in a row: < for <=, > for >= ... */
	CdcIntervals equal;			/* ... and = */
} CdcComparison;

typedef struct CdcBranch
{
	CdcBranchKind kind;
	List	   *children;		/* of AND and OR: CdcBranch */
	List	   *comparisons;	/* of the others: CdcComparison */
	bool		open;			/* a row comparison that goes on with other columns */
} CdcBranch;

struct CdcKafkaPushdown
{
	const CdcKafkaTable *table;
	Index		relid;
	CdcBranch  *root;			/* NULL: no condition */
	List	   *comparisons;	/* all of the tree */
	MemoryContext context;		/* of the values, reset when they are made anew */
	int			ntimes;
	int64	   *times;
	bool		partial;		/* the clauses say more than the tree */
};

/*
 * pushdown_tree.c: the tree of a clause; NULL where it bounds nothing.
 * Sets partial where it leaves something out.
 */
extern CdcBranch *cdc_kafka_pushdown_tree(CdcKafkaPushdown *push, Node *clause);

#endif							/* CDC_PG_TOPIC_PUSHDOWN_INTERNAL_H */

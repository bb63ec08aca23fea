/*-------------------------------------------------------------------------
 *
 * doc_tree.h
 *	  A JSON document as a tree in an arena, filled through a CdcSink: for
 *	  whoever has no JSONB.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_DOC_TREE_H
#define CDC_ENVELOPE_DOC_TREE_H

#include "core/arena.h"
#include "envelope/document.h"

struct CdcDocNode;

typedef struct CdcDocTree
{
	CdcSink		sink;			/* pass &tree->sink to producers */
	CdcArena   *arena;
	struct CdcDocNode *root;	/* NULL: nothing was written yet */
	struct CdcDocNode *open;	/* the container that is being filled */
	CdcString	key;			/* of the next value */
	int			depth;
} CdcDocTree;

extern void cdc_doc_tree_init(CdcDocTree *tree, CdcArena *arena);

/* The finished document; false when there is none. */
extern bool cdc_doc_tree_root(const CdcDocTree *tree, CdcDoc *doc);

/* Parses JSON text into a document of the arena. */
extern CdcStatus cdc_doc_parse(CdcArena *arena, const char *text, size_t len, CdcDoc *doc,
							   CdcError *err);

#endif							/* CDC_ENVELOPE_DOC_TREE_H */

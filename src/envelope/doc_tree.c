/*-------------------------------------------------------------------------
 *
 * doc_tree.c
 *	  A JSON document as a tree in an arena.
 *
 * Members of an object are a list and looked for one by one, in one with many of
 * them by a table; of two with the same key the later one counts, as in JSONB.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/doc_tree.h"

#include <stdio.h>

#include "core/json_parse.h"

/* With so many members an object gets its table. */
#define TABLE_FROM	32

/* As core/json_text.c. */
#define MAX_DEPTH	1024

typedef struct CdcDocNode
{
	CdcDocType	type;
	CdcString	key;			/* within an object */
	CdcString	text;			/* of strings and numbers */
	bool		is_float;		/* a number that came as float8 or float4 */
	double		d;
	struct CdcDocNode *parent;
	struct CdcDocNode *first;
	struct CdcDocNode *last;
	struct CdcDocNode *next;
	size_t		count;

	/* of an object with many members: chains of them by their keys */
	struct CdcDocNode **table;	/* NULL: there is none */
	size_t		nchains;		/* a power of two */
	/* of a member of such an object */
	struct CdcDocNode *chained;
	struct CdcDocNode *previous;
} CdcDocNode;

/* ---- reading ---- */

static const CdcDocOps tree_ops;

static void
node_doc(const CdcDocNode *node, CdcDoc *doc)
{
	memset(doc, 0, sizeof(*doc));
	doc->ops = &tree_ops;
	doc->type = node->type;
	if (node->type == CDC_DOC_STRING)
		doc->string = node->text;
	doc->node = node;
}

static size_t
chain_of(const CdcDocNode *object, const char *key, size_t len)
{
	uint32_t	h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char) key[i]) * 16777619u;
	return h & (object->nchains - 1);
}

/* The member of that key; or NULL. */
static CdcDocNode *
find_member(const CdcDocNode *object, const char *key, size_t len)
{
	bool		table = object->table != NULL;
	CdcDocNode *node = table ? object->table[chain_of(object, key, len)] : object->first;

	for (; node != NULL; node = table ? node->chained : node->next)
		if (node->key.len == len && memcmp(node->key.data, key, len) == 0)
			return node;
	return NULL;
}

static bool
tree_find(const CdcDoc *object, const char *key, size_t len, CdcDoc *value)
{
	const CdcDocNode *node = find_member(object->node, key, len);

	if (node != NULL)
		node_doc(node, value);
	return node != NULL;
}

static size_t
tree_count(const CdcDoc *container)
{
	return ((const CdcDocNode *) container->node)->count;
}

static void
tree_begin(const CdcDoc *container, CdcDocIter *iter)
{
	iter->node = ((const CdcDocNode *) container->node)->first;
}

static bool
tree_next(CdcDocIter *iter, CdcString *key, CdcDoc *value)
{
	const CdcDocNode *node = iter->node;

	if (node == NULL)
		return false;
	*key = node->key;
	node_doc(node, value);
	iter->node = node->next;
	return true;
}

static CdcString
tree_number(const CdcDoc *number)
{
	return ((const CdcDocNode *) number->node)->text;
}

static bool
tree_int64(const CdcDoc *number, int64_t *value)
{
	CdcString	text = tree_number(number);
	bool		negative = text.len > 0 && text.data[0] == '-';
	uint64_t	n = 0;
	size_t		i = negative ? 1 : 0;

	if (i == text.len)
		return false;
	for (; i < text.len; i++)
	{
		unsigned	digit = (unsigned) text.data[i] - '0';

		if (digit > 9 || n > UINT64_MAX / 10 || n * 10 > UINT64_MAX - digit)
			return false;
		n = n * 10 + digit;
	}
	if (n > (uint64_t) INT64_MAX + (negative ? 1 : 0))
		return false;
	*value = (int64_t) (negative ? 0 - n : n);
	return true;
}

static CdcStatus
tree_emit_number(const CdcDoc *number, CdcSink *sink)
{
	const CdcDocNode *node = number->node;
	int64_t		n;

	if (node->is_float)
		return sink->ops->float8(sink, node->d);
	if (tree_int64(number, &n))
		return sink->ops->int64(sink, n);
	return sink->ops->decimal(sink, node->text.data, node->text.len);
}

static const CdcDocOps tree_ops = {
	tree_find, tree_count, tree_begin, tree_next, tree_number, tree_int64, tree_emit_number
};

/* ---- filling ---- */

static inline CdcDocTree *
doc_tree(CdcSink *sink)
{
	return (CdcDocTree *) sink;
}

static bool
copy_text(CdcArena *arena, const char *s, size_t len, CdcString *copy)
{
	copy->data = cdc_arena_strndup(arena, s, len);
	copy->len = len;
	return copy->data != NULL;
}

/* Takes the member out that the object has under the key, if any. */
static void
drop_member(CdcDocNode *object, CdcString key)
{
	CdcDocNode *node = find_member(object, key.data, key.len);

	if (node == NULL)
		return;
	if (node->previous == NULL)
		object->first = node->next;
	else
		node->previous->next = node->next;
	if (node->next == NULL)
		object->last = node->previous;
	else
		node->next->previous = node->previous;
	object->count--;
	if (object->table != NULL)
	{
		CdcDocNode **at = &object->table[chain_of(object, key.data, key.len)];

		while (*at != node)
			at = &(*at)->chained;
		*at = node->chained;
	}
}

static void
chain_member(CdcDocNode *object, CdcDocNode *node)
{
	CdcDocNode **chain = &object->table[chain_of(object, node->key.data, node->key.len)];

	node->chained = *chain;
	*chain = node;
}

/* Makes the table, or doubles it, when the object has as many members as that has chains. */
static bool
grow_table(CdcArena *arena, CdcDocNode *object)
{
	size_t		nchains = object->table == NULL ? TABLE_FROM * 2 : object->nchains * 2;
	CdcDocNode *node;

	object->table = cdc_arena_zalloc(arena, nchains * sizeof(CdcDocNode *));
	if (object->table == NULL)
		return false;
	object->nchains = nchains;
	for (node = object->first; node != NULL; node = node->next)
		chain_member(object, node);
	return true;
}

static CdcDocNode *
add_node(CdcDocTree *tree, CdcDocType type)
{
	CdcDocNode *node = cdc_arena_zalloc(tree->arena, sizeof(CdcDocNode));
	CdcDocNode *parent = tree->open;

	if (node == NULL)
		return NULL;
	node->type = type;
	node->parent = parent;
	if (parent == NULL)
	{
		tree->root = node;
		return node;
	}
	if (parent->type == CDC_DOC_OBJECT)
	{
		node->key = tree->key;
		drop_member(parent, node->key);
	}
	node->previous = parent->last;
	if (parent->last == NULL)
		parent->first = node;
	else
		parent->last->next = node;
	parent->last = node;
	parent->count++;
	if (parent->type != CDC_DOC_OBJECT)
		return node;
	if (parent->count >= (parent->table == NULL ? TABLE_FROM : parent->nchains))
		return grow_table(tree->arena, parent) ? node : NULL;
	if (parent->table != NULL)
		chain_member(parent, node);
	return node;
}

static CdcStatus
add_scalar(CdcSink *sink, CdcDocType type)
{
	return add_node(doc_tree(sink), type) != NULL ? CDC_OK : CDC_ERR_NOMEM;
}

static CdcStatus
add_text(CdcSink *sink, CdcDocType type, const char *s, size_t len)
{
	CdcDocTree *tree = doc_tree(sink);
	CdcDocNode *node = add_node(tree, type);

	return node != NULL && copy_text(tree->arena, s, len, &node->text) ? CDC_OK : CDC_ERR_NOMEM;
}

static CdcStatus
open_container(CdcSink *sink, CdcDocType type)
{
	CdcDocTree *tree = doc_tree(sink);
	CdcDocNode *node;

	if (tree->depth >= MAX_DEPTH)
		return CDC_ERR_LIMIT;
	node = add_node(tree, type);
	if (node == NULL)
		return CDC_ERR_NOMEM;
	tree->open = node;
	tree->depth++;
	return CDC_OK;
}

static CdcStatus
close_container(CdcSink *sink)
{
	CdcDocTree *tree = doc_tree(sink);

	if (tree->open == NULL)
		return CDC_ERR_INTERNAL;
	tree->open = tree->open->parent;
	tree->depth--;
	return CDC_OK;
}

static CdcStatus
tree_begin_object(CdcSink *sink)
{
	return open_container(sink, CDC_DOC_OBJECT);
}

static CdcStatus
tree_begin_array(CdcSink *sink)
{
	return open_container(sink, CDC_DOC_ARRAY);
}

static CdcStatus
tree_key(CdcSink *sink, const char *s, size_t len)
{
	CdcDocTree *tree = doc_tree(sink);

	return copy_text(tree->arena, s, len, &tree->key) ? CDC_OK : CDC_ERR_NOMEM;
}

static CdcStatus
tree_null(CdcSink *sink)
{
	return add_scalar(sink, CDC_DOC_NULL);
}

static CdcStatus
tree_boolean(CdcSink *sink, bool v)
{
	return add_scalar(sink, v ? CDC_DOC_TRUE : CDC_DOC_FALSE);
}

static CdcStatus
sink_int64(CdcSink *sink, int64_t v)
{
	char		text[24];
	int			len = snprintf(text, sizeof(text), "%lld", (long long) v);

	return add_text(sink, CDC_DOC_NUMBER, text, (size_t) len);
}

static CdcStatus
sink_uint64(CdcSink *sink, uint64_t v)
{
	char		text[24];
	int			len = snprintf(text, sizeof(text), "%llu", (unsigned long long) v);

	return add_text(sink, CDC_DOC_NUMBER, text, (size_t) len);
}

/* The digits of a double without exponent: at most 309 before, 1074 behind the point. */
static CdcStatus
add_float(CdcSink *sink, double v, int digits)
{
	char		shortest[40];
	char		text[1500];
	int			exponent;
	int			len;
	CdcDocNode *node;
	CdcDocTree *tree = doc_tree(sink);

	for (; digits < 17; digits++)
	{
		double		back = 0;

		snprintf(shortest, sizeof(shortest), "%.*e", digits - 1, v);
		if (sscanf(shortest, "%lf", &back) == 1 && back == v)
			break;
	}
	snprintf(shortest, sizeof(shortest), "%.*e", digits - 1, v);
	if (sscanf(strchr(shortest, 'e') + 1, "%d", &exponent) != 1)
		return CDC_ERR_INTERNAL;
	len = snprintf(text, sizeof(text), "%.*f", digits - 1 - exponent > 0 ? digits - 1 - exponent : 0, v);
	node = add_node(tree, CDC_DOC_NUMBER);
	if (node == NULL)
		return CDC_ERR_NOMEM;
	node->is_float = true;
	node->d = v;
	return copy_text(tree->arena, text, (size_t) len, &node->text) ? CDC_OK : CDC_ERR_NOMEM;
}

static CdcStatus
tree_float4(CdcSink *sink, float v)
{
	return add_float(sink, (double) v, 6);
}

static CdcStatus
tree_float8(CdcSink *sink, double v)
{
	return add_float(sink, v, 1);
}

static CdcStatus
tree_decimal(CdcSink *sink, const char *s, size_t len)
{
	return add_text(sink, CDC_DOC_NUMBER, s, len);
}

static CdcStatus
tree_string(CdcSink *sink, const char *s, size_t len)
{
	if (len > 0 && memchr(s, '\0', len) != NULL)
		sink->has_nul = true;
	return add_text(sink, CDC_DOC_STRING, s, len);
}

static const CdcSinkOps sink_ops = {
	tree_begin_object, close_container, tree_begin_array, close_container, tree_key,
	tree_null, tree_boolean, sink_int64, sink_uint64, tree_float4, tree_float8, tree_decimal,
	tree_string
};

void
cdc_doc_tree_init(CdcDocTree *tree, CdcArena *arena)
{
	memset(tree, 0, sizeof(*tree));
	tree->sink.ops = &sink_ops;
	tree->arena = arena;
}

bool
cdc_doc_tree_root(const CdcDocTree *tree, CdcDoc *doc)
{
	if (tree->root == NULL || tree->open != NULL)
		return false;
	node_doc(tree->root, doc);
	return true;
}

CdcStatus
cdc_doc_parse(CdcArena *arena, const char *text, size_t len, CdcDoc *doc, CdcError *err)
{
	CdcDocTree	tree;
	CdcStatus	st;

	cdc_doc_tree_init(&tree, arena);
	st = cdc_json_parse((const uint8_t *) text, len, &tree.sink, err);
	if (st == CDC_OK && !cdc_doc_tree_root(&tree, doc))
		return cdc_error(err, CDC_ERR_INTERNAL, "JSON text without a document");
	return st;
}

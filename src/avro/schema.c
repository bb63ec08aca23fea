/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  From the JSON text of a schema to nodes.
 *
 *	  Names follow the specification: one with a dot is full, another one is of the
 *	  namespace of the definition that it stands in.  A name is a reference to what
 *	  was defined before it in the text, or in a text before.
 *
 * Facts of format: the Avro specification, version 1.11; what Connect's converter adds
 * ("connect.name", "connect.parameters") from schemas that it registered.
 *
 *-------------------------------------------------------------------------
 */
#include "avro/internal.h"

#include "core/interrupt.h"
#include "envelope/decode_place.h"
#include "envelope/doc_tree.h"

/* A place of the table of names; a power of two. */
#define NAME_BUCKETS	256

typedef struct Name
{
	CdcString	name;
	const CdcAvroNode *node;
	struct Name *next;
} Name;

typedef struct Parser
{
	CdcArena   *arena;
	CdcError   *err;
	Name	   *names[NAME_BUCKETS];
	int			depth;
	int			nfields;		/* that the type at hand is inside of: fewer than depth */
	const CdcString *fields[CDC_AVRO_MAX_DEPTH];	/* their names */
} Parser;

static CdcStatus parse_type(Parser *p, const CdcDoc *doc, CdcString space,
							const CdcAvroNode **result);

static CdcStatus
no_memory(Parser *p)
{
	return cdc_error(p->err, CDC_ERR_LIMIT, "schema is too large");
}

static CdcStatus
refuse(Parser *p, const char *reason, CdcString name)
{
	char		path[CDC_ERROR_TEXT / 2];

	cdc_decode_path(p->fields, p->nfields, path, sizeof(path));
	cdc_error(p->err, CDC_ERR_VALUE, "schema is not a valid Avro schema");
	cdc_error_detail(p->err, "%s%s%.*s%s%s%s%s.", reason, name.len > 0 ? " \"" : "",
					 cdc_clip(name, 200), name.data, name.len > 0 ? "\"" : "",
					 path[0] != '\0' ? " (field \"" : "", path, path[0] != '\0' ? "\")" : "");
	return CDC_ERR_VALUE;
}

static const CdcString no_name = {"", 0};

/* ---- names ---- */

static unsigned
bucket_of(CdcString name)
{
	unsigned	h = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char) name.data[i]) * 16777619u;
	return h % NAME_BUCKETS;
}

static bool
same(CdcString a, CdcString b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static const CdcAvroNode *
find_name(const Parser *p, CdcString name)
{
	for (const Name *n = p->names[bucket_of(name)]; n != NULL; n = n->next)
		if (same(n->name, name))
			return n->node;
	return NULL;
}

/* "space.name", in the arena; data is NULL when there is no memory. */
static CdcString
join(Parser *p, CdcString space, CdcString name)
{
	CdcString	result = {NULL, 0};
	char	   *s;

	if (space.len == 0 || memchr(name.data, '.', name.len) != NULL)
		space.len = 0;
	s = cdc_arena_alloc(p->arena, space.len + name.len + 2);
	if (s == NULL)
		return result;
	result.data = s;
	if (space.len > 0)
	{
		memcpy(s, space.data, space.len);
		s[space.len] = '.';
		result.len = space.len + 1;
	}
	memcpy(s + result.len, name.data, name.len);
	result.len += name.len;
	s[result.len] = '\0';
	return result;
}

/* What is before the last dot of a full name. */
static CdcString
space_of(CdcString name)
{
	size_t		len = name.len;

	while (len > 0 && name.data[len - 1] != '.')
		len--;
	return (CdcString) {name.data, len > 0 ? len - 1 : 0};
}

/* Gives the node its full name, and makes that known. */
static CdcStatus
define(Parser *p, CdcAvroNode *node, const CdcDoc *object, CdcString space)
{
	CdcString	name = cdc_doc_find_string(object, "name");
	CdcDoc		own;
	Name	   *entry;
	unsigned	bucket;

	if (name.len == 0)
		return refuse(p, "A record, enum or fixed has no name", no_name);
	if (cdc_doc_find_type(object, "namespace", CDC_DOC_STRING, &own))
		space = own.string;
	node->name = join(p, space, name);
	entry = cdc_arena_alloc(p->arena, sizeof(Name));
	if (node->name.data == NULL || entry == NULL)
		return no_memory(p);
	if (find_name(p, node->name) != NULL)
		return refuse(p, "There are two definitions of", node->name);
	bucket = bucket_of(node->name);
	entry->name = node->name;
	entry->node = node;
	entry->next = p->names[bucket];
	p->names[bucket] = entry;
	return CDC_OK;
}

static CdcStatus
parse_name(Parser *p, CdcString name, CdcString space, const CdcAvroNode **result)
{
	CdcString	full;

	*result = cdc_avro_primitive(name);
	if (*result != NULL)
		return CDC_OK;
	full = join(p, space, name);
	if (full.data == NULL)
		return no_memory(p);
	*result = find_name(p, full);
	if (*result == NULL)
		*result = find_name(p, name);
	return *result != NULL ? CDC_OK : refuse(p, "There is no definition of the type", name);
}

/* ---- parts ---- */

static CdcStatus
copy_string(Parser *p, CdcString from, CdcString *to)
{
	to->data = cdc_arena_strndup(p->arena, from.data, from.len);
	to->len = from.len;
	return to->data != NULL ? CDC_OK : no_memory(p);
}

/* What Connect's converter says of its own schema. */
static CdcStatus
parse_connect(Parser *p, CdcAvroNode *node, const CdcDoc *object)
{
	CdcDoc		parameters;
	CdcDoc		value;
	CdcDocIter	iter;
	CdcString	key;
	CdcStatus	st = copy_string(p, cdc_doc_find_string(object, "connect.name"),
								 &node->connect_name);
	size_t		n;

	if (st == CDC_OK)
		st = copy_string(p, cdc_doc_find_string(object, "connect.type"), &node->connect_type);
	if (st != CDC_OK || !cdc_doc_find_type(object, "connect.parameters", CDC_DOC_OBJECT, &parameters))
		return st;
	n = cdc_doc_count(&parameters);
	node->parameters = cdc_arena_alloc(p->arena, (n + 1) * 2 * sizeof(CdcString));
	if (node->parameters == NULL)
		return no_memory(p);
	cdc_doc_begin(&parameters, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &key, &value))
	{
		CdcString  *pair = node->parameters + 2 * node->nparameters;

		if (value.type != CDC_DOC_STRING)
			continue;
		st = copy_string(p, key, &pair[0]);
		if (st == CDC_OK)
			st = copy_string(p, value.string, &pair[1]);
		node->nparameters++;
	}
	return st;
}

static CdcStatus
parse_fields(Parser *p, CdcAvroNode *node, const CdcDoc *object)
{
	CdcDoc		fields;
	CdcDoc		field;
	CdcDoc		type;
	CdcDocIter	iter;
	CdcString	key;
	CdcString	name;
	CdcStatus	st = CDC_OK;

	if (!cdc_doc_find_type(object, "fields", CDC_DOC_ARRAY, &fields))
		return refuse(p, "There are no fields in the record", node->name);
	node->fields = cdc_arena_alloc(p->arena, (cdc_doc_count(&fields) + 1) * sizeof(CdcAvroField));
	if (node->fields == NULL)
		return no_memory(p);
	cdc_doc_begin(&fields, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &key, &field))
	{
		CdcAvroField *to = &node->fields[node->n];

		name = cdc_doc_find_string(&field, "name");
		if (name.len == 0)
			return refuse(p, "A field without a name is in the record", node->name);
		if (!cdc_doc_find(&field, "type", &type))
			return refuse(p, "There is no type of the field", name);
		st = copy_string(p, name, &to->name);
		p->fields[p->nfields++] = &to->name;
		if (st == CDC_OK)
			st = parse_type(p, &type, space_of(node->name), &to->type);
		/* where it failed has been told */
		p->nfields--;
		node->n++;
	}
	return st;
}

static CdcStatus
parse_symbols(Parser *p, CdcAvroNode *node, const CdcDoc *object)
{
	CdcDoc		symbols;
	CdcDoc		symbol;
	CdcDocIter	iter;
	CdcString	key;
	CdcStatus	st = CDC_OK;

	if (!cdc_doc_find_type(object, "symbols", CDC_DOC_ARRAY, &symbols))
		return refuse(p, "There are no symbols of the enum", node->name);
	node->symbols = cdc_arena_alloc(p->arena, (cdc_doc_count(&symbols) + 1) * sizeof(CdcString));
	if (node->symbols == NULL)
		return no_memory(p);
	cdc_doc_begin(&symbols, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &key, &symbol))
	{
		if (symbol.type != CDC_DOC_STRING)
			return refuse(p, "A symbol that is no string is in the enum", node->name);
		st = copy_string(p, symbol.string, &node->symbols[node->n++]);
	}
	return st;
}

static CdcString
branch_name(const CdcAvroNode *node)
{
	static const char *const names[] = {
		"null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum",
		"fixed", "array", "map", "union"
	};

	if (node->name.len > 0)
		return node->name;
	return (CdcString) {names[node->type], strlen(names[node->type])};
}

static CdcStatus
parse_union(Parser *p, const CdcDoc *array, CdcString space, const CdcAvroNode **result)
{
	CdcAvroNode *node = cdc_arena_zalloc(p->arena, sizeof(CdcAvroNode));
	CdcDoc		branch;
	CdcDocIter	iter;
	CdcString	key;
	CdcStatus	st = CDC_OK;
	int			others = 0;

	if (node != NULL)
		node->fields = cdc_arena_alloc(p->arena, (cdc_doc_count(array) + 1) * sizeof(CdcAvroField));
	if (node == NULL || node->fields == NULL)
		return no_memory(p);
	node->type = CDC_AVRO_UNION;
	node->name = node->connect_name = node->connect_type = no_name;
	*result = node;
	cdc_doc_begin(array, &iter);
	while (cdc_doc_next(&iter, &key, &branch))
	{
		CdcAvroField *to = &node->fields[node->n];

		st = parse_type(p, &branch, space, &to->type);
		if (st != CDC_OK)
			return st;
		if (to->type->type == CDC_AVRO_UNION)
			return refuse(p, "A union stands directly in another one", no_name);
		to->name = branch_name(to->type);
		if (to->type->type == CDC_AVRO_NULL)
			node->nullable = true;
		else
		{
			node->only = to->type;
			others++;
		}
		node->n++;
	}
	if (others != 1)
		node->only = NULL;
	return CDC_OK;
}

/* ---- types ---- */

/* An object whose type is a name: a definition, or a primitive with attributes. */
static CdcStatus
parse_named_kind(Parser *p, CdcAvroNode *node, CdcString kind, const CdcDoc *object,
				 CdcString space)
{
	CdcDoc		part;
	int64_t		size;
	CdcStatus	st;

	if (cdc_string_is(kind, "record") || cdc_string_is(kind, "error"))
	{
		node->type = CDC_AVRO_RECORD;
		st = define(p, node, object, space);
		return st == CDC_OK ? parse_fields(p, node, object) : st;
	}
	if (cdc_string_is(kind, "enum"))
	{
		node->type = CDC_AVRO_ENUM;
		st = define(p, node, object, space);
		return st == CDC_OK ? parse_symbols(p, node, object) : st;
	}
	if (cdc_string_is(kind, "fixed"))
	{
		node->type = CDC_AVRO_FIXED;
		if (!cdc_doc_find_int64(object, "size", &size) || size < 0 || size > INT32_MAX)
			return refuse(p, "There is no size of the fixed", cdc_doc_find_string(object, "name"));
		node->size = (size_t) size;
		return define(p, node, object, space);
	}
	node->type = cdc_string_is(kind, "map") ? CDC_AVRO_MAP : CDC_AVRO_ARRAY;
	if (!cdc_doc_find(object, node->type == CDC_AVRO_MAP ? "values" : "items", &part))
		return refuse(p, "There is no type of the elements of an", kind);
	return parse_type(p, &part, space, &node->element);
}

static bool
is_kind(CdcString kind)
{
	static const char *const kinds[] = {"record", "error", "enum", "fixed", "array", "map"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (cdc_string_is(kind, kinds[i]))
			return true;
	return false;
}

static CdcStatus
parse_object(Parser *p, const CdcDoc *object, CdcString space, const CdcAvroNode **result)
{
	CdcAvroNode *node;
	const CdcAvroNode *base;
	CdcDoc		type;
	CdcStatus	st;

	if (!cdc_doc_find(object, "type", &type))
		return refuse(p, "An object has no type", no_name);
	if (type.type != CDC_DOC_STRING)
		return parse_type(p, &type, space, result);
	node = cdc_arena_zalloc(p->arena, sizeof(CdcAvroNode));
	if (node == NULL)
		return no_memory(p);
	node->name = node->connect_name = node->connect_type = no_name;
	if (is_kind(type.string))
		st = parse_named_kind(p, node, type.string, object, space);
	else
	{
		st = parse_name(p, type.string, space, &base);
		if (st == CDC_OK)
			*node = *base;
	}
	if (st == CDC_OK)
		st = parse_connect(p, node, object);
	if (st != CDC_OK)
		return st;
	cdc_avro_set_meaning(node, cdc_doc_find_string(object, "logicalType"), object);
	*result = node;
	return CDC_OK;
}

static CdcStatus
parse_type(Parser *p, const CdcDoc *doc, CdcString space, const CdcAvroNode **result)
{
	CdcStatus	st;

	cdc_interrupt_point();
	if (p->depth >= CDC_AVRO_MAX_DEPTH)
		return cdc_error(p->err, CDC_ERR_LIMIT, "schema is nested more than %d levels deep",
						 CDC_AVRO_MAX_DEPTH);
	p->depth++;
	if (doc->type == CDC_DOC_STRING)
		st = parse_name(p, doc->string, space, result);
	else if (doc->type == CDC_DOC_ARRAY)
		st = parse_union(p, doc, space, result);
	else if (doc->type == CDC_DOC_OBJECT)
		st = parse_object(p, doc, space, result);
	else
		st = refuse(p, "A type is neither a name, nor an object, nor a union", no_name);
	p->depth--;
	return st;
}

CdcStatus
cdc_avro_parse(CdcArena *arena, CdcArena *scratch, const CdcString *texts, int n,
			   CdcAvroSchema **schema, CdcError *err)
{
	Parser		p = {.arena = arena,.err = err};
	CdcAvroSchema *result = cdc_arena_zalloc(arena, sizeof(CdcAvroSchema));
	CdcStatus	st = CDC_OK;
	CdcDoc		doc;
	CdcError	json;

	cdc_error(err, CDC_OK, "%s", "");
	if (result == NULL)
		st = no_memory(&p);
	for (int i = 0; i < n && st == CDC_OK; i++)
	{
		if (cdc_doc_parse(scratch, texts[i].data, texts[i].len, &doc, &json) == CDC_OK)
			st = parse_type(&p, &doc, no_name, &result->root);
		else
		{
			st = cdc_error(err, json.status == CDC_ERR_LIMIT ? CDC_ERR_LIMIT : CDC_ERR_VALUE,
						   "schema is not a valid Avro schema");
			cdc_error_detail(err, "%s.", json.message);
		}
	}
	if (st == CDC_OK && result->root == NULL)
		st = refuse(&p, "It is empty", no_name);
	*schema = result;
	return st;
}

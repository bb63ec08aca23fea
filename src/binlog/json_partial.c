/*-------------------------------------------------------------------------
 *
 * json_partial.c
 *	  Partial updates of JSON documents: applies logged differences.
 *
 * With binlog_row_value_options=PARTIAL_JSON an after image may have, in place
 * of a document, a list of differences to the document of the before image:
 * operation u8 (0 replace, 1 insert, 2 remove), path (length, text), and unless
 * it is a remove the new value (length, binary JSON).  An insert into an array
 * moves the later elements.  Source: MySQL's sql-common/json_diff.h.
 *
 * Only the containers that a path leads through are taken apart into a tree.
 * All the rest stays as bytes, which do not depend on where they stand.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/json_binary.h"

#include <string.h>

#include "binlog/values.h"
#include "core/digits.h"

enum
{
	DIFF_REPLACE = 0,
	DIFF_INSERT = 1,
	DIFF_REMOVE = 2
};

#define SMALL_MAX	65535		/* size of a container in the small form */

typedef struct Node
{
	CdcJbValue	raw;			/* the bytes of a node that is not taken apart */
	bool		apart;
	bool		object;
	bool		large;			/* set by measure() */
	uint32_t	count;
	uint32_t	capacity;
	size_t		size;			/* set by measure(), without the type byte */
	struct Entry *entries;
} Node;

typedef struct Entry
{
	CdcString	key;			/* objects */
	Node		node;
} Entry;

typedef struct Patcher
{
	CdcArena   *arena;
	CdcError   *err;
} Patcher;

static CdcStatus
misfit(Patcher *p, const char *what)
{
	cdc_error(p->err, CDC_ERR_CORRUPT, "partial JSON update does not fit: %s", what);
	return CDC_ERR_CORRUPT;
}

static CdcStatus
no_memory(Patcher *p)
{
	return cdc_error(p->err, CDC_ERR_LIMIT, "row needs more memory than a row may take");
}

/* Takes one level of a container apart. */
static CdcStatus
take_apart(Patcher *p, Node *node)
{
	CdcJbContainer c;
	CdcStatus	st;

	if (node->apart)
		return CDC_OK;
	if (!cdc_jb_is_container(node->raw.type))
		return misfit(p, "path leads into a scalar");
	st = cdc_jb_open(&node->raw, &c, p->err);
	if (st != CDC_OK)
		return st;
	node->object = c.object;
	node->count = c.count;
	node->capacity = c.count + 4;
	node->entries = cdc_arena_zalloc(p->arena, sizeof(Entry) * (size_t) node->capacity);
	if (node->entries == NULL)
		return no_memory(p);
	for (uint32_t i = 0; i < c.count; i++)
	{
		Entry	   *e = &node->entries[i];

		if (c.object)
			st = cdc_jb_key(&c, i, &e->key, p->err);
		if (st == CDC_OK)
			st = cdc_jb_element(&c, i, &e->node.raw, p->err);
		if (st != CDC_OK)
			return st;
	}
	node->apart = true;
	return CDC_OK;
}

static int
compare_keys(CdcString a, CdcString b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}

/* Finds the place of key in an object: where it stands, or where it would have to be inserted. */
static bool
find_key(const Node *node, CdcString key, uint32_t *index)
{
	uint32_t	low = 0;
	uint32_t	high = node->count;

	while (low < high)
	{
		uint32_t	mid = low + (high - low) / 2;
		int			cmp = compare_keys(key, node->entries[mid].key);

		if (cmp == 0)
		{
			*index = mid;
			return true;
		}
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	*index = low;
	return false;
}

/* One leg of a path: a member's name or an element's number. */
typedef struct Leg
{
	bool		member;
	CdcString	key;
	uint64_t	index;
} Leg;

/* Reads the four digits of \uXXXX; -1 when they are malformed. */
static long
read_escape(CdcString *path)
{
	long		v = 0;

	if (path->len < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			digit = cdc_hex_digit(path->data[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	path->data += 4;
	path->len -= 4;
	return v;
}

static char *
put_utf8(char *out, unsigned long c)
{
	if (c < 0x80)
		*out++ = (char) c;
	else if (c < 0x800)
	{
		*out++ = (char) (0xc0 | c >> 6);
		*out++ = (char) (0x80 | (c & 0x3f));
	}
	else if (c < 0x10000)
	{
		*out++ = (char) (0xe0 | c >> 12);
		*out++ = (char) (0x80 | (c >> 6 & 0x3f));
		*out++ = (char) (0x80 | (c & 0x3f));
	}
	else
	{
		*out++ = (char) (0xf0 | c >> 18);
		*out++ = (char) (0x80 | (c >> 12 & 0x3f));
		*out++ = (char) (0x80 | (c >> 6 & 0x3f));
		*out++ = (char) (0x80 | (c & 0x3f));
	}
	return out;
}

/* Reads a name in double quotes, with JSON's escapes; path stands behind the first quote. */
static CdcStatus
read_quoted(Patcher *p, CdcString *path, CdcString *key)
{
	static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	char	   *out = cdc_arena_alloc(p->arena, path->len + 1);
	char	   *o = out;

	if (out == NULL)
		return no_memory(p);
	while (path->len > 0 && *path->data != '"')
	{
		char		c = *path->data;
		const char *e = escapes;

		path->data++, path->len--;
		if (c != '\\')
		{
			*o++ = c;
			continue;
		}
		if (path->len == 0)
			break;
		c = *path->data;
		path->data++, path->len--;
		if (c == 'u')
		{
			long		v = read_escape(path);

			if (v >= 0xd800 && v < 0xdc00 && path->len >= 6 &&
				path->data[0] == '\\' && path->data[1] == 'u')
			{
				long		low;

				path->data += 2, path->len -= 2;
				low = read_escape(path);
				v = low >= 0xdc00 && low < 0xe000 ?
					0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00) : -1;
			}
			if (v < 0 || (v >= 0xd800 && v < 0xe000))
				return misfit(p, "path has a malformed escape");
			o = put_utf8(o, (unsigned long) v);
			continue;
		}
		while (*e != '\0' && *e != c)
			e += 2;
		if (*e == '\0')
			return misfit(p, "path has a malformed escape");
		*o++ = e[1];
	}
	if (path->len == 0)
		return misfit(p, "path has an unterminated name");
	path->data++, path->len--;
	key->data = out;
	key->len = (size_t) (o - out);
	return CDC_OK;
}

/* Takes the next leg off the path, which is not empty. */
static CdcStatus
read_leg(Patcher *p, CdcString *path, Leg *leg)
{
	char		kind = *path->data;

	path->data++, path->len--;
	if (kind == '.')
	{
		leg->member = true;
		if (path->len > 0 && *path->data == '"')
		{
			path->data++, path->len--;
			return read_quoted(p, path, &leg->key);
		}
		leg->key.data = path->data;
		leg->key.len = 0;
		while (path->len > 0 && *path->data != '.' && *path->data != '[')
		{
			path->data++, path->len--;
			leg->key.len++;
		}
		return leg->key.len > 0 ? CDC_OK : misfit(p, "path has an empty name");
	}
	if (kind != '[')
		return misfit(p, "path is malformed");
	leg->member = false;
	leg->index = 0;
	if (path->len == 0 || *path->data < '0' || *path->data > '9')
		return misfit(p, "path is malformed");
	while (path->len > 0 && *path->data >= '0' && *path->data <= '9')
	{
		leg->index = leg->index * 10 + (uint64_t) (*path->data - '0');
		if (leg->index > UINT32_MAX)
			return misfit(p, "path has a number out of range");
		path->data++, path->len--;
	}
	if (path->len == 0 || *path->data != ']')
		return misfit(p, "path is malformed");
	path->data++, path->len--;
	return CDC_OK;
}

/* Makes room for an element at index. */
static CdcStatus
insert_entry(Patcher *p, Node *node, uint32_t index, Entry **result)
{
	if (node->count == node->capacity)
	{
		uint32_t	capacity = node->capacity * 2 + 4;
		Entry	   *entries = cdc_arena_alloc(p->arena, sizeof(Entry) * (size_t) capacity);

		if (entries == NULL)
			return no_memory(p);
		memcpy(entries, node->entries, sizeof(Entry) * (size_t) node->count);
		node->entries = entries;
		node->capacity = capacity;
	}
	memmove(&node->entries[index + 1], &node->entries[index],
			sizeof(Entry) * (size_t) (node->count - index));
	memset(&node->entries[index], 0, sizeof(Entry));
	node->count++;
	*result = &node->entries[index];
	return CDC_OK;
}

/* Applies one difference to the element of parent that the last leg names. */
static CdcStatus
change_element(Patcher *p, Node *parent, const Leg *leg, int operation, const CdcJbValue *value)
{
	uint32_t	index;
	bool		exists;
	Entry	   *e = NULL;
	CdcStatus	st;

	if (parent->object != leg->member)
		return misfit(p, "path leads into another kind of container");
	if (leg->member)
		exists = find_key(parent, leg->key, &index);
	else
	{
		/* beyond the end: append */
		exists = leg->index < parent->count;
		index = exists ? (uint32_t) leg->index : parent->count;
	}
	switch (operation)
	{
		case DIFF_REPLACE:
			if (!exists)
				return misfit(p, "element to replace does not exist");
			memset(&parent->entries[index].node, 0, sizeof(Node));
			parent->entries[index].node.raw = *value;
			return CDC_OK;
		case DIFF_INSERT:
			if (leg->member && exists)
				return misfit(p, "member to insert exists");
			if (leg->member && leg->key.len > UINT16_MAX)
				return misfit(p, "name is too long");
			st = insert_entry(p, parent, index, &e);
			if (st != CDC_OK)
				return st;
			e->key = leg->key;
			e->node.raw = *value;
			return CDC_OK;
		default:
			if (!exists)
				return misfit(p, "element to remove does not exist");
			memmove(&parent->entries[index], &parent->entries[index + 1],
					sizeof(Entry) * (size_t) (parent->count - index - 1));
			parent->count--;
			return CDC_OK;
	}
}

static CdcStatus
apply_one(Patcher *p, Node *root, int operation, CdcString path, const CdcJbValue *value)
{
	Node	   *node = root;
	int			depth = 0;

	if (path.len > 0 && *path.data == '$')
		path.data++, path.len--;
	if (path.len == 0)
	{
		if (operation != DIFF_REPLACE)
			return misfit(p, "operation on the whole document");
		memset(root, 0, sizeof(*root));
		root->raw = *value;
		return CDC_OK;
	}
	for (;;)
	{
		Leg			leg = {0};
		uint32_t	index;
		CdcStatus	st = read_leg(p, &path, &leg);

		if (st == CDC_OK)
			st = take_apart(p, node);
		if (st != CDC_OK)
			return st;
		if (path.len == 0)
			return change_element(p, node, &leg, operation, value);
		if (node->object != leg.member)
			return misfit(p, "path leads into another kind of container");
		if (leg.member)
		{
			if (!find_key(node, leg.key, &index))
				return misfit(p, "path leads nowhere");
		}
		else
		{
			if (leg.index >= node->count)
				return misfit(p, "path leads nowhere");
			index = (uint32_t) leg.index;
		}
		node = &node->entries[index].node;
		if (++depth > CDC_JSON_MAX_DEPTH)
			return cdc_error(p->err, CDC_ERR_LIMIT,
							 "JSON document is more than %d levels deep", CDC_JSON_MAX_DEPTH);
	}
}

static uint8_t
node_type(const Node *node)
{
	if (!node->apart)
		return node->raw.type;
	if (node->object)
		return node->large ? CDC_JB_LARGE_OBJECT : CDC_JB_SMALL_OBJECT;
	return node->large ? CDC_JB_LARGE_ARRAY : CDC_JB_SMALL_ARRAY;
}

/* Whether a container's entry holds the value itself. */
static bool
is_inlined(const Node *node, bool large)
{
	uint8_t		type = node_type(node);

	return type == CDC_JB_LITERAL || type == CDC_JB_INT16 || type == CDC_JB_UINT16 ||
		(large && (type == CDC_JB_INT32 || type == CDC_JB_UINT32));
}

static size_t
header_size(const Node *node, bool large)
{
	size_t		width = large ? 4 : 2;

	return 2 * width + (size_t) node->count *
		((node->object ? width + 2 : 0) + 1 + width);
}

/* Sets size and form of the node and of all below it, bottom up. */
static void
measure(Node *node)
{
	if (!node->apart)
	{
		node->size = node->raw.len;
		return;
	}
	for (uint32_t i = 0; i < node->count; i++)
		measure(&node->entries[i].node);
	node->large = false;
	for (;;)
	{
		node->size = header_size(node, node->large);
		for (uint32_t i = 0; i < node->count; i++)
		{
			const Entry *e = &node->entries[i];

			node->size += e->key.len;
			if (!is_inlined(&e->node, node->large))
				node->size += e->node.size;
		}
		if (node->large || node->size <= SMALL_MAX)
			return;
		node->large = true;
	}
}

static void
put_le(uint8_t *p, uint64_t v, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i++)
		p[i] = (uint8_t) (v >> (8 * i));
}

/* Writes the node's node->size bytes. */
static void
write_node(const Node *node, uint8_t *out)
{
	size_t		width = node->large ? 4 : 2;
	uint8_t    *entry = out + 2 * width;
	size_t		offset;

	if (!node->apart)
	{
		memcpy(out, node->raw.data, node->raw.len);
		return;
	}
	put_le(out, node->count, width);
	put_le(out + width, node->size, width);
	offset = header_size(node, node->large);
	if (node->object)
	{
		for (uint32_t i = 0; i < node->count; i++)
		{
			const CdcString *key = &node->entries[i].key;

			put_le(entry, offset, width);
			put_le(entry + width, key->len, 2);
			if (key->len > 0)
				memcpy(out + offset, key->data, key->len);
			entry += width + 2;
			offset += key->len;
		}
	}
	for (uint32_t i = 0; i < node->count; i++)
	{
		const Node *child = &node->entries[i].node;

		entry[0] = node_type(child);
		if (is_inlined(child, node->large))
		{
			memset(entry + 1, 0, width);
			memcpy(entry + 1, child->raw.data, child->raw.len);
		}
		else
		{
			put_le(entry + 1, offset, width);
			write_node(child, out + offset);
			offset += child->size;
		}
		entry += 1 + width;
	}
}

CdcStatus
cdc_json_apply_diff(CdcString document, CdcString diff, CdcArena *arena, CdcString *result,
					CdcError *err)
{
	Patcher		p = {arena, err};
	Node		root;
	CdcReader	r;
	uint8_t    *out;
	CdcStatus	st;

	memset(&root, 0, sizeof(root));
	st = cdc_jb_root((const uint8_t *) document.data, document.len, &root.raw, err);
	cdc_reader_init(&r, (const uint8_t *) diff.data, diff.len);
	while (st == CDC_OK && cdc_reader_left(&r) > 0)
	{
		int			operation = (int) cdc_read_le(&r, 1);
		uint64_t	path_len = cdc_read_packed(&r);
		CdcString	path;
		CdcJbValue	value = {0};

		path.data = (const char *) cdc_read_bytes(&r, path_len);
		path.len = (size_t) path_len;
		if (operation != DIFF_REMOVE)
		{
			uint64_t	value_len = cdc_read_packed(&r);
			const uint8_t *p_value = cdc_read_bytes(&r, value_len);

			if (p_value == NULL || value_len == 0)
				return misfit(&p, "difference is cut short");
			st = cdc_jb_root(p_value, (size_t) value_len, &value, err);
		}
		if (r.failed || operation > DIFF_REMOVE)
			return misfit(&p, "difference is malformed");
		if (st == CDC_OK)
			st = apply_one(&p, &root, operation, path, &value);
	}
	if (st != CDC_OK)
		return st;
	measure(&root);
	out = cdc_arena_alloc(arena, root.size + 1);
	if (out == NULL)
		return no_memory(&p);
	out[0] = node_type(&root);
	write_node(&root, out + 1);
	result->data = (const char *) out;
	result->len = root.size + 1;
	return CDC_OK;
}

CdcStatus
cdc_decode_json_diff(CdcRowReader *r, const CdcColumnPlan *plan, const CdcValue *before,
					 CdcValue *value)
{
	const uint8_t *diff;
	size_t		len;
	CdcString	document;
	CdcString	result;
	CdcStatus	st;

	if (!cdc_take_string(r, plan, &diff, &len))
		return cdc_row_cut_short(r);
	if (before->kind == CDC_ABSENT)
	{
		/* binlog_row_image=MINIMAL: the changed document was not logged */
		cdc_error(r->err, CDC_ERR_UNSUPPORTED,
				  "partial JSON update of a document that the before image lacks");
		cdc_error_hint(r->err, "Set binlog_row_image to FULL, or binlog_row_value_options to '', "
					   "at the source, for its running sessions too, before the table is copied anew.");
		return CDC_ERR_UNSUPPORTED;
	}
	if (before->kind != CDC_JSON)
		return cdc_error(r->err, CDC_ERR_CORRUPT, "partial JSON update of what is no document");
	document = (CdcString) {(const char *) before->u.json.data, before->u.json.len};
	st = cdc_json_apply_diff(document, (CdcString) {(const char *) diff, len}, r->arena, &result,
							 r->err);
	if (st != CDC_OK)
		return st;
	value->kind = CDC_JSON;
	value->u.json.data = (const uint8_t *) result.data;
	value->u.json.len = result.len;
	value->u.json.emit = cdc_json_binary_emit;
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * jsonb_view.h
 *	  Reading JSONB in its stored form in place, without JsonbValue, iterators
 *	  or copies.
 *
 * The form is described in PostgreSQL's utils/jsonb.h: an object of n pairs
 * has 2n JEntrys, keys first, sorted by length and then by bytes; the data
 * follows in the same order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_JSONB_VIEW_H
#define CDC_PG_DATUM_JSONB_VIEW_H

#include "pg/base/compat.h"
#include "utils/jsonb.h"

/* A value inside a container.  data belongs to the container. */
typedef struct CdcJsonValue
{
	uint32		type;			/* JENTRY_ISSTRING and so on */
	uint32		len;
	const char *data;			/* numbers and containers: aligned */
} CdcJsonValue;

static inline int
cdc_json_count(const JsonbContainer *c)
{
	return (int) (c->header & JB_CMASK);
}

static inline bool
cdc_json_is_object(const JsonbContainer *c)
{
	return (c->header & JB_FOBJECT) != 0;
}

static inline bool
cdc_json_is_array(const JsonbContainer *c)
{
	return (c->header & JB_FARRAY) != 0;
}

/* Where the data of a container begins; nentries: JEntrys, not pairs. */
static inline const char *
cdc_json_base(const JsonbContainer *c, int nentries)
{
	return (const char *) &c->children[nentries];
}

/*
 * Fills v with the entry at index, whose data begins at *offset behind base,
 * and moves *offset behind it.
 */
static inline void
cdc_json_step(const JsonbContainer *c, const char *base, int index, uint32 *offset,
			  CdcJsonValue *v)
{
	JEntry		entry = c->children[index];
	uint32		start = *offset;
	uint32		end = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) : start + JBE_OFFLENFLD(entry);

	*offset = end;
	v->type = entry & JENTRY_TYPEMASK;
	if (v->type == JENTRY_ISNUMERIC || v->type == JENTRY_ISCONTAINER)
		start = INTALIGN(start);
	v->data = base + start;
	v->len = end - start;
}

/* The entry at index, wherever it is. */
static inline void
cdc_json_get(const JsonbContainer *c, int nentries, int index, CdcJsonValue *v)
{
	uint32		offset = getJsonbOffset(c, index);

	cdc_json_step(c, cdc_json_base(c, nentries), index, &offset, v);
}

/* ERROR: a value that is no object or array is about to be read as one. */
pg_noreturn extern void cdc_json_no_container(void);

/* The object or array that the value is; ERROR where it is neither. */
static inline const JsonbContainer *
cdc_json_container(const CdcJsonValue *v)
{
	if (v->type != JENTRY_ISCONTAINER)
		cdc_json_no_container();
	return (const JsonbContainer *) v->data;
}

/* The object that the value is; NULL where it is none. */
static inline const JsonbContainer *
cdc_json_object(const CdcJsonValue *v)
{
	return v->type == JENTRY_ISCONTAINER && cdc_json_is_object(cdc_json_container(v)) ?
		cdc_json_container(v) : NULL;
}

/* Looks a key up; false also where it is an array. */
extern bool cdc_json_find(const JsonbContainer *object, const char *key, size_t keylen,
						  CdcJsonValue *v);

/* The value as text: strings as they are, all else as JSON; palloc'ed. */
extern char *cdc_json_to_cstring(const CdcJsonValue *v);

/* A Jsonb datum of its own; palloc'ed. */
extern Jsonb *cdc_json_to_jsonb(const CdcJsonValue *v);

#endif							/* CDC_PG_DATUM_JSONB_VIEW_H */

/*-------------------------------------------------------------------------
 *
 * bytes.h
 *	  Reading numbers from bytes that came from outside.
 *
 * cdc_le*() and cdc_be*() load from memory whose length the caller checked.
 * A CdcReader checks by itself: once a read goes beyond the end, it returns
 * zero (or NULL), and the reader stays failed, so that a parser may read a
 * whole structure and look at "failed" once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_BYTES_H
#define CDC_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t
cdc_le16(const uint8_t *p)
{
	return (uint16_t) (p[0] | p[1] << 8);
}

static inline uint32_t
cdc_le24(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16;
}

static inline uint32_t
cdc_le32(const uint8_t *p)
{
	return cdc_le24(p) | (uint32_t) p[3] << 24;
}

static inline uint64_t
cdc_le64(const uint8_t *p)
{
	return cdc_le32(p) | (uint64_t) cdc_le32(p + 4) << 32;
}

static inline uint64_t
cdc_be(const uint8_t *p, int nbytes)
{
	uint64_t	v = 0;

	while (nbytes-- > 0)
		v = v << 8 | *p++;
	return v;
}

static inline uint64_t
cdc_le(const uint8_t *p, int nbytes)
{
	uint64_t	v = 0;

	while (nbytes-- > 0)
		v = v << 8 | p[nbytes];
	return v;
}

typedef struct CdcReader
{
	const uint8_t *p;
	const uint8_t *end;
	bool		failed;
} CdcReader;

static inline void
cdc_reader_init(CdcReader *r, const uint8_t *data, size_t len)
{
	r->p = data;
	r->end = data + len;
	r->failed = false;
}

static inline size_t
cdc_reader_left(const CdcReader *r)
{
	return (size_t) (r->end - r->p);
}

/* Takes len bytes; NULL (and failed) when there are fewer. */
static inline const uint8_t *
cdc_read_bytes(CdcReader *r, uint64_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || len > cdc_reader_left(r))
	{
		r->failed = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static inline uint64_t
cdc_read_le(CdcReader *r, int nbytes)
{
	const uint8_t *p = cdc_read_bytes(r, (uint64_t) nbytes);

	return p ? cdc_le(p, nbytes) : 0;
}

/*
 * MySQL's length-encoded integer: one byte up to 250, else 252, 253 or 254
 * and 2, 3 or 8 bytes.  251 (NULL in the client protocol) and 255 are not
 * numbers.
 */
static inline uint64_t
cdc_read_packed(CdcReader *r)
{
	uint64_t	first = cdc_read_le(r, 1);

	if (first <= 250)
		return first;
	if (first == 252)
		return cdc_read_le(r, 2);
	if (first == 253)
		return cdc_read_le(r, 3);
	if (first == 254)
		return cdc_read_le(r, 8);
	r->failed = true;
	return 0;
}

#endif							/* CDC_CORE_BYTES_H */

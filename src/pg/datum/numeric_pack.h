/*-------------------------------------------------------------------------
 *
 * numeric_pack.h
 *	  PostgreSQL's numeric in its stored form, straight from a machine integer
 *	  or from decimal text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_NUMERIC_PACK_H
#define CDC_PG_DATUM_NUMERIC_PACK_H

#include "pg/base/compat.h"
#include "core/status.h"

/* Room that any 64-bit integer needs: varlena header, short header, 5 digits. */
#define CDC_NUMERIC_INT_SIZE	(VARHDRSZ + sizeof(uint16) + 5 * sizeof(int16))

/* Room for text of len characters; zeros that an exponent adds are not stored. */
#define CDC_NUMERIC_TEXT_SIZE(len)	(VARHDRSZ + 2 * sizeof(uint16) + ((len) / 4 + 2) * sizeof(int16))

/*
 * Both write a numeric with a 4-byte varlena header at out, which must be
 * aligned for int32, and return (in *size) its length in bytes.  The result is
 * what numeric_in() makes of the same digits, byte for byte.
 */
extern size_t cdc_numeric_pack_int(char *out, uint64 magnitude, bool negative);

/*
 * text: [-]digits[.digits][e[+-]digits].  CDC_ERR_VALUE where it is not of
 * that form, CDC_ERR_LIMIT where numeric cannot hold it.
 */
extern CdcStatus cdc_numeric_pack_text(char *out, size_t *size, const char *text, size_t len);

/* Compares a few results with numeric_in()'s; ERROR when they differ. */
extern void cdc_numeric_pack_verify(void);

#endif							/* CDC_PG_DATUM_NUMERIC_PACK_H */

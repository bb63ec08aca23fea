/*-------------------------------------------------------------------------
 *
 * numeric_pack.c
 *	  PostgreSQL's numeric in its stored form, straight from a machine integer
 *	  or from decimal text.
 *
 * numeric_in() works through several palloc'ed intermediate forms; an event
 * has a dozen numbers, so that this was a third of the time that an event
 * took.  The form is the one that numeric.c of PostgreSQL (9.1 and later; it
 * must stay as it is for pg_upgrade) calls NumericShort and NumericLong:
 *
 *	  varlena header
 *	  short: uint16 1 0 sign(1) dscale(6) weight(7, two's complement)
 *	  long:  uint16 sign(2) dscale(14), int16 weight
 *	  int16 digits of base 10000, the first with the weight 10000^weight,
 *	  without zero digits at either end
 *
 * Since the declarations are private to numeric.c, cdc_numeric_pack_verify()
 * compares with numeric_in() before the first use in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/numeric_pack.h"
#include "pg/base/bounded_text.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define DIGITS_PER_GROUP	4

#define SHORT_FLAG			0x8000
#define SHORT_NEGATIVE		0x2000
#define SHORT_DSCALE_SHIFT	7
#define SHORT_DSCALE_MAX	63
#define SHORT_WEIGHT_MASK	0x007F
#define SHORT_WEIGHT_MAX	63
#define SHORT_WEIGHT_MIN	(-64)
#define LONG_NEGATIVE		0x4000
#define LONG_DSCALE_MAX		0x3FFF

/* the most digits before the decimal point, as documented for numeric */
#define MAX_INTEGER_DIGITS	131072

/* numeric_in() refuses larger ones, even of zero */
#define MAX_EXPONENT		(PG_INT32_MAX / 2 - 1)

/* Writes the headers and returns where the digits go. */
static inline int16 *
put_header(char *out, bool negative, int dscale, int weight, int ndigits, size_t *size)
{
	uint16	   *header = (uint16 *) (out + VARHDRSZ);

	if (dscale <= SHORT_DSCALE_MAX && weight <= SHORT_WEIGHT_MAX && weight >= SHORT_WEIGHT_MIN)
	{
		header[0] = SHORT_FLAG | (negative ? SHORT_NEGATIVE : 0) |
			(dscale << SHORT_DSCALE_SHIFT) | (weight & SHORT_WEIGHT_MASK);
		*size = VARHDRSZ + sizeof(uint16) + ndigits * sizeof(int16);
		SET_VARSIZE(out, *size);
		return (int16 *) (header + 1);
	}
	header[0] = (negative ? LONG_NEGATIVE : 0) | dscale;
	((int16 *) header)[1] = (int16) weight;
	*size = VARHDRSZ + 2 * sizeof(uint16) + ndigits * sizeof(int16);
	SET_VARSIZE(out, *size);
	return (int16 *) (header + 2);
}

size_t
cdc_numeric_pack_int(char *out, uint64 magnitude, bool negative)
{
	int16		groups[5];		/* least significant first */
	int			n = 0;
	int			low = 0;
	int16	   *digits;
	size_t		size;
	int			i;

	while (magnitude != 0)
	{
		groups[n++] = (int16) (magnitude % 10000);
		magnitude /= 10000;
	}
	if (n == 0)
	{
		(void) put_header(out, false, 0, 0, 0, &size);
		return size;
	}
	while (groups[low] == 0)
		low++;
	digits = put_header(out, negative, 0, n - 1, n - low, &size);
	for (i = n - 1; i >= low; i--)
		*digits++ = groups[i];
	return size;
}

/* What the text consists of. */
typedef struct DecimalText
{
	bool		negative;
	const char *integer;		/* digits before the point */
	int			ninteger;
	const char *fraction;		/* digits behind it */
	int			nfraction;
	int			exponent;
} DecimalText;

static inline int
digit_run(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (int) (p - s);
}

static CdcStatus
parse_decimal(const char *text, size_t len, DecimalText *d)
{
	const char *p = text;
	const char *end = text + len;

	if (len > MAX_EXPONENT)
		return CDC_ERR_LIMIT;
	d->negative = (p < end && *p == '-');
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	d->integer = p;
	d->ninteger = digit_run(p, end);
	p += d->ninteger;
	d->fraction = p;
	d->nfraction = 0;
	if (p < end && *p == '.')
	{
		d->fraction = ++p;
		d->nfraction = digit_run(p, end);
		p += d->nfraction;
	}
	if (d->ninteger + d->nfraction == 0)
		return CDC_ERR_VALUE;
	d->exponent = 0;
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		bool		minus;
		int			n;

		p++;
		minus = (p < end && *p == '-');
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		n = digit_run(p, end);
		if (n == 0)
			return CDC_ERR_VALUE;
		for (; n > 0; n--)
		{
			int			digit = *p++ - '0';

			if (d->exponent > (MAX_EXPONENT - digit) / 10)
				return CDC_ERR_LIMIT;
			d->exponent = d->exponent * 10 + digit;
		}
		if (minus)
			d->exponent = -d->exponent;
	}
	return p == end ? CDC_OK : CDC_ERR_VALUE;
}

static inline int
digit_at(const DecimalText *d, int index)
{
	if (index < 0 || index >= d->ninteger + d->nfraction)
		return 0;
	if (index < d->ninteger)
		return d->integer[index] - '0';
	return d->fraction[index - d->ninteger] - '0';
}

static inline int
floor_div4(int n)
{
	return n >= 0 ? n / DIGITS_PER_GROUP : -((-n + DIGITS_PER_GROUP - 1) / DIGITS_PER_GROUP);
}

CdcStatus
cdc_numeric_pack_text(char *out, size_t *size, const char *text, size_t len)
{
	DecimalText d;
	CdcStatus	st = parse_decimal(text, len, &d);
	int			point;			/* decimal digits before the decimal point */
	int			dscale;
	int			first = 0;
	int			last;
	int			weight;
	int			low_weight;
	int			w;
	int16	   *digits;

	if (st != CDC_OK)
		return st;
	point = d.ninteger + d.exponent;
	dscale = Max(0, d.nfraction - d.exponent);
	last = d.ninteger + d.nfraction - 1;
	while (first <= last && digit_at(&d, first) == 0)
		first++;
	while (last > first && digit_at(&d, last) == 0)
		last--;
	if (dscale > LONG_DSCALE_MAX)
		return CDC_ERR_LIMIT;
	if (first > last)			/* zero has no sign */
	{
		(void) put_header(out, false, dscale, 0, 0, size);
		return CDC_OK;
	}
	if (point - first > MAX_INTEGER_DIGITS)
		return CDC_ERR_LIMIT;

	/* the digit with the index i counts 10^(point - 1 - i) */
	weight = floor_div4(point - 1 - first);
	low_weight = floor_div4(point - 1 - last);
	digits = put_header(out, d.negative, dscale, weight, weight - low_weight + 1, size);
	for (w = weight; w >= low_weight; w--)
	{
		int			i = point - 1 - (w * DIGITS_PER_GROUP + 3);

		*digits++ = (int16) (((digit_at(&d, i) * 10 + digit_at(&d, i + 1)) * 10 +
							  digit_at(&d, i + 2)) * 10 + digit_at(&d, i + 3));
	}
	return CDC_OK;
}

static void
verify_one(const char *text, const char *packed, size_t size)
{
	Datum		expected = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	char	   *image = DatumGetPointer(expected);

	if (VARSIZE_ANY(image) != size || memcmp(image, packed, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("stored form of numeric is not the one that cdc_ingest knows"),
				 errdetail("The value %s differs.", cdc_bounded_text(text, 200)),
				 errhint("This build of cdc_ingest does not fit this server; please report it.")));
	pfree(image);
}

void
cdc_numeric_pack_verify(void)
{
	static const char *const texts[] = {
		"0", "-0.00", "1", "-1", "10000", "99999999", "12345678.90", "0.0001", "-0.00012",
		"1e30", "1.5e-7", "1.7976931348623157e+308", "2.2250738585072014e-308",
		"1000000000000000000000000000000000000000000000000000000000000000000000000.5"
	};
	static const int64 integers[] = {
		0, 1, -1, 9999, 10000, -120000, INT64CONST(9223372036854775807), -INT64CONST(9223372036854775807)
	};
	static bool verified = false;
	union
	{
		int32		align;
		char		bytes[CDC_NUMERIC_TEXT_SIZE(100)];
	}			buf;
	size_t		size;
	size_t		i;

	if (verified)
		return;
	for (i = 0; i < lengthof(texts); i++)
	{
		if (cdc_numeric_pack_text(buf.bytes, &size, texts[i], strlen(texts[i])) != CDC_OK)
			elog(ERROR, "cdc_ingest cannot pack the number %s", texts[i]);
		verify_one(texts[i], buf.bytes, size);
	}
	for (i = 0; i < lengthof(integers); i++)
	{
		char		text[32];

		snprintf(text, sizeof(text), INT64_FORMAT, integers[i]);
		size = cdc_numeric_pack_int(buf.bytes,
									integers[i] < 0 ? -(uint64) integers[i] : (uint64) integers[i],
									integers[i] < 0);
		verify_one(text, buf.bytes, size);
	}
	verified = true;
}

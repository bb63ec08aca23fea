/*-------------------------------------------------------------------------
 *
 * md5.c
 *	  MD5 of bytes (RFC 1321).
 *
 *-------------------------------------------------------------------------
 */
#include "core/md5.h"

#include <stdint.h>
#include <string.h>

#define BLOCK	64

/* The first 32 bits of the fractions of |sin(1)|, |sin(2)|, ... */
static const uint32_t round_constants[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391
};

static const int shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline uint32_t
rotated(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static inline uint32_t
read_word(const unsigned char *p)
{
	return (uint32_t) p[3] << 24 | (uint32_t) p[2] << 16 | (uint32_t) p[1] << 8 | p[0];
}

/* A step: a takes what the round's function makes of the others, and the four change places. */
static inline void
step(uint32_t s[4], uint32_t mixed, int i, uint32_t word)
{
	uint32_t	sum = s[0] + mixed + round_constants[i] + word;

	s[0] = s[3];
	s[3] = s[2];
	s[2] = s[1];
	s[1] += rotated(sum, shifts[i / 16][i % 4]);
}

static void
take_block(uint32_t state[4], const unsigned char *block)
{
	uint32_t	w[16];
	uint32_t	s[4];
	int			i;

	for (i = 0; i < 16; i++)
		w[i] = read_word(block + 4 * i);
	memcpy(s, state, sizeof(s));
	for (i = 0; i < 16; i++)
		step(s, (s[1] & s[2]) | (~s[1] & s[3]), i, w[i]);
	for (; i < 32; i++)
		step(s, (s[3] & s[1]) | (~s[3] & s[2]), i, w[(5 * i + 1) % 16]);
	for (; i < 48; i++)
		step(s, s[1] ^ s[2] ^ s[3], i, w[(3 * i + 5) % 16]);
	for (; i < 64; i++)
		step(s, s[2] ^ (s[1] | ~s[3]), i, w[7 * i % 16]);
	for (i = 0; i < 4; i++)
		state[i] += s[i];
}

void
cdc_md5(const void *data, size_t len, unsigned char digest[CDC_MD5_BYTES])
{
	uint32_t	state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	const unsigned char *p = data;
	unsigned char last[2 * BLOCK] = {0};
	uint64_t	bits = (uint64_t) len * 8;
	size_t		rest = len % BLOCK;
	size_t		end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
	size_t		i;

	for (i = 0; i < len / BLOCK; i++, p += BLOCK)
		take_block(state, p);
	if (rest > 0)
		memcpy(last, p, rest);
	last[rest] = 0x80;
	for (i = 0; i < 8; i++)
		last[end - 8 + i] = (unsigned char) (bits >> (8 * i));
	for (i = 0; i < end; i += BLOCK)
		take_block(state, last + i);
	for (i = 0; i < CDC_MD5_BYTES; i++)
		digest[i] = (unsigned char) (state[i / 4] >> (8 * (i % 4)));
}

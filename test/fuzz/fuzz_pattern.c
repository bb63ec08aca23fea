/*
 * fuzz_pattern.c
 *	  Hostile table patterns: pattern, database and table with a line feed between
 *	  them.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pattern.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;
	char	   *parts[3];
	CdcError	err;

	if (size > 2000)
		return 0;
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	parts[0] = text;
	for (int i = 1; i < 3; i++)
	{
		parts[i] = parts[i - 1] + strcspn(parts[i - 1], "\n");
		if (*parts[i] == '\n')
			*parts[i]++ = '\0';
	}
	for (int i = 0; i < 3; i++)
	{
		/* copies of exact size, so that over-reads are seen */
		parts[i] = strdup(parts[i]);
	}
	if (cdc_pattern_check(parts[0], &err) == CDC_OK)
	{
		const char *pattern = parts[0];
		char		escaped[8200];
		size_t		n = 0;
		bool		match = cdc_pattern_match(pattern, parts[1], parts[2]);

		if (cdc_pattern_wanted(&pattern, 1, NULL, 0, parts[1], parts[2]) != match)
			abort();
		if (cdc_pattern_wanted(&pattern, 1, &pattern, 1, parts[1], parts[2]))
			abort();			/* an exclusion takes at least what the pattern takes */

		/* a name with each byte escaped matches itself */
		for (int i = 1; i < 3; i++)
		{
			for (const char *p = parts[i]; *p != '\0'; p++)
			{
				escaped[n++] = '\\';
				escaped[n++] = *p;
			}
			escaped[n++] = i == 1 ? '.' : '\0';
		}
		if (!cdc_pattern_match(escaped, parts[1], parts[2]))
			abort();
	}
	else if (err.message[0] == '\0')
		abort();
	for (int i = 0; i < 3; i++)
		free(parts[i]);
	free(text);
	return 0;
}

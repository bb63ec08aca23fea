/*
 * binlog_files.h
 *	  The recorded binlog files, for tests that break them.
 */
#ifndef CDC_TEST_BINLOG_FILES_H
#define CDC_TEST_BINLOG_FILES_H

#include "unit.h"

#include <glob.h>
#include <zlib.h>

#define MAX_FILE	(4 << 20)	/* larger recordings only repeat themselves */
#define SMALL		40000		/* a file up to this size is attacked in each byte */

typedef struct File
{
	char		name[64];		/* directory and file */
	uint8_t    *data;
	size_t		len;
} File;

static File files[100];
static size_t nfiles;

static int
read_files(void **state)
{
	glob_t		paths;

	(void) state;
	if (glob(TEST_DATA "/binlogs/*/*.0*.gz", 0, NULL, &paths) != 0)
		return -1;
	for (size_t i = 0; i < paths.gl_pathc && nfiles < lengthof(files); i++)
	{
		File	   *f = &files[nfiles];
		uint8_t    *data = malloc(MAX_FILE);
		gzFile		in = gzopen(paths.gl_pathv[i], "rb");
		int			n = in != NULL ? gzread(in, data, MAX_FILE) : -1;
		const char *name = strstr(paths.gl_pathv[i], "/binlogs/") + strlen("/binlogs/");

		if (n <= 0)
			return -1;
		gzclose(in);
		if (n < MAX_FILE)
		{
			snprintf(f->name, sizeof(f->name), "%s", name);
			f->data = realloc(data, (size_t) n);
			f->len = (size_t) n;
			nfiles++;
		}
		else
			free(data);
	}
	globfree(&paths);
	return nfiles > 20 ? 0 : -1;
}

static int
free_files(void **state)
{
	(void) state;
	while (nfiles > 0)
		free(files[--nfiles].data);
	return 0;
}

#endif							/* CDC_TEST_BINLOG_FILES_H */

/*
 * check.c
 *	  What the tests of src/source share: checks that print TAP, and what the
 *	  process has open.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static int	tests;
static int	failures;

void
check(bool ok, int line, const char *fmt,...)
{
	va_list		args;

	printf("%s %d - ", ok ? "ok" : "not ok", ++tests);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(ok ? "\n" : " (line %d)\n", line);
	fflush(stdout);
	if (!ok)
		failures++;
}

bool
checks_passed(void)
{
	printf("1..%d\n", tests);
	return failures == 0;
}

void
bail_out(const char *fmt,...)
{
	va_list		args;

	printf("Bail out! ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	exit(2);
}

static int
entries(const char *path)
{
	DIR		   *dir = opendir(path);
	int			n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
open_fds(void)
{
	return entries("/proc/self/fd");
}

int
threads(void)
{
	return entries("/proc/self/task");
}

/*
 * check.h
 *	  What the tests of src/source share: checks that print TAP, and what the
 *	  process has open.
 */
#ifndef CDC_SESSION_CHECK_H
#define CDC_SESSION_CHECK_H

#include <stdbool.h>

/* A condition, then what is checked, as of printf(). */
#define CHECK(cond, ...) check((cond), __LINE__, __VA_ARGS__)

extern void check(bool ok, int line, const char *fmt,...) __attribute__((format(printf, 3, 4)));

/* Prints how many checks there were; whether all passed. */
extern bool checks_passed(void);

/* What cannot go on ends the program. */
extern void bail_out(const char *fmt,...) __attribute__((format(printf, 1, 2), noreturn));

/* Descriptors (and one for looking) and threads of this process. */
extern int	open_fds(void);
extern int	threads(void);

#endif							/* CDC_SESSION_CHECK_H */

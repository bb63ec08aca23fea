/*
 * session_test.h
 *	  What the tests of sessions share: requests that wait for their answer.
 */
#ifndef CDC_SESSION_TEST_H
#define CDC_SESSION_TEST_H

#include <sys/types.h>

#include "check.h"
#include "source/session.h"
#include "source/thread.h"

#define PATIENCE	20000		/* ms; a wait without an end is a failure, not a hang */

extern CdcMysqlOptions base;	/* of the server that is tested against */
extern pid_t server_pid;

extern bool wait_fd(CdcSession *s, int limit_ms);
extern CdcStatus do_connect(CdcSession *s, CdcError *err);
extern CdcStatus do_query(CdcSession *s, const char *sql, CdcRows **rows, CdcError *err);
extern CdcStatus poll_query(CdcSession *s, int limit_ms, CdcRows **rows, int *took, CdcError *err);
extern void must(CdcSession *s, const char *sql);
extern char *value_of(CdcSession *s, const char *sql, int column);
extern CdcSession *connected(const CdcMysqlOptions *o, size_t limit);
extern void check_nothing_left(int fds, const char *after);
extern void start_dump(CdcSession *s, uint32_t server_id, const char *file, uint64_t offset, const CdcGtidSet *set);
extern const char *status_sql(CdcSession *s);
extern void close_timed(CdcSession *s, const char *state);

/* session_dump_test.c */
extern void test_dump(void);
extern void test_tls(void);
extern void test_faults(void);

#endif

/*-------------------------------------------------------------------------
 *
 * http.h
 *	  A GET by HTTP or HTTPS whose user never blocks: what the module beside ours
 *	  offers, which alone is linked with libcurl.
 *
 * Nothing but http and https is spoken, no redirect is followed, no proxy and no file
 * of the operating system's user (.netrc) is used, and an answer has a bound in size
 * and time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_HTTP_HTTP_H
#define CDC_HTTP_HTTP_H

#include "core/status.h"

typedef struct CdcHttp CdcHttp;

/* Texts may be NULL where there is nothing of the kind. */
typedef struct CdcHttpRequest
{
	const char *url;
	const char *accept;			/* types of content */
	const char *user;			/* basic authentication */
	const char *password;
	const char *token;			/* bearer */
	const char *ca_file;		/* the system's where NULL */
	const char *cert_file;
	const char *key_file;
	const char *key_password;
	int			timeout_ms;		/* of all */
	size_t		max_bytes;		/* of the answer's body */
} CdcHttpRequest;

typedef struct CdcHttpAnswer
{
	long		code;			/* 200, ... */
	const char *body;			/* not terminated; until the next request */
	size_t		len;
} CdcHttpAnswer;

/* To be raised with each change of what is above or below. */
#define CDC_HTTP_VERSION	1

/* The symbol cdc_http_methods() of the module returns this. */
typedef struct CdcHttpMethods
{
	int			version;
	/* NULL: out of memory */
	CdcHttp    *(*create) (void);
	/* Begins a request; texts are copied. */
	CdcStatus	(*get) (CdcHttp *http, const CdcHttpRequest *request, CdcError *err);
	/*
	 * Goes on with it for at most that long: CDC_MORE, it is not there yet; CDC_OK, it
	 * is; CDC_ERR_CONNECT, CDC_ERR_LIMIT, ...: it never will be.
	 */
	CdcStatus	(*wait) (CdcHttp *http, int ms, CdcHttpAnswer *answer, CdcError *err);
	/* Closes connections, whatever goes on. */
	void		(*destroy) (CdcHttp *http);
} CdcHttpMethods;

extern const CdcHttpMethods *cdc_http_curl(void);

#endif							/* CDC_HTTP_HTTP_H */

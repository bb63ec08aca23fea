/*-------------------------------------------------------------------------
 *
 * curl.c
 *	  The methods of http.h by libcurl; its only user.
 *
 *	  libcurl calls us back for the bytes of an answer alone, and gets along without
 *	  signals.  The thread that it may start to resolve a name blocks them all: they
 *	  are the database server's.
 *
 *-------------------------------------------------------------------------
 */
#include "http/http.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

struct CdcHttp
{
	CURLM	   *multi;
	CURL	   *easy;			/* of the request at hand; NULL: none */
	struct curl_slist *headers;
	char	   *body;
	size_t		len;
	size_t		size;
	size_t		max;
	bool		too_large;
	char		reason[CURL_ERROR_SIZE];
};

static size_t
take_body(char *data, size_t one, size_t n, void *arg)
{
	CdcHttp    *http = arg;

	(void) one;
	if (n > http->max - http->len)
	{
		http->too_large = true;
		return 0;
	}
	if (n > http->size - http->len)
	{
		size_t		size = (http->len + n) * 2 + 4096;
		char	   *body = realloc(http->body, size);

		if (body == NULL)
			return 0;
		http->body = body;
		http->size = size;
	}
	memcpy(http->body + http->len, data, n);
	http->len += n;
	return n;
}

/* Ends the request at hand, if there is one. */
static void
end_request(CdcHttp *http)
{
	if (http->easy == NULL)
		return;
	(void) curl_multi_remove_handle(http->multi, http->easy);
	curl_easy_cleanup(http->easy);
	curl_slist_free_all(http->headers);
	http->easy = NULL;
	http->headers = NULL;
}

static void
curl_destroy(CdcHttp *http)
{
	end_request(http);
	if (http->multi != NULL)
		(void) curl_multi_cleanup(http->multi);
	free(http->body);
	free(http);
}

static CdcHttp *
curl_create(void)
{
	static bool started = false;
	CdcHttp    *http;

	if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	started = true;
	http = calloc(1, sizeof(CdcHttp));
	if (http == NULL)
		return NULL;
	http->multi = curl_multi_init();
	if (http->multi == NULL)
	{
		free(http);
		return NULL;
	}
	return http;
}

/* What may be spoken, by the names or, before 7.85, the bits of protocols. */
static bool
set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
}

/* A name that is being resolved does not hold up who gives up. */
static bool
set_quick_exit(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
	(void) easy;
	return true;
#endif
}

static bool
set_text(CURL *easy, CURLoption option, const char *value)
{
	return value == NULL || value[0] == '\0' || curl_easy_setopt(easy, option, value) == CURLE_OK;
}

/* Whether a text can stand in a header without ending it. */
static bool
is_header_text(const char *text)
{
	const char *p;

	for (p = text; p != NULL && *p != '\0'; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			return false;
	return true;
}

static bool
set_authentication(CURL *easy, const CdcHttpRequest *request)
{
	if (!is_header_text(request->token) || !is_header_text(request->user))
		return false;
	if (request->token != NULL && request->token[0] != '\0')
		return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->token) == CURLE_OK;
	if (request->user == NULL || request->user[0] == '\0')
		return true;
	return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERNAME, request->user) == CURLE_OK &&
		set_text(easy, CURLOPT_PASSWORD, request->password);
}

static bool
set_tls(CURL *easy, const CdcHttpRequest *request)
{
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		set_text(easy, CURLOPT_CAINFO, request->ca_file) &&
		set_text(easy, CURLOPT_SSLCERT, request->cert_file) &&
		set_text(easy, CURLOPT_SSLKEY, request->key_file) &&
		set_text(easy, CURLOPT_KEYPASSWD, request->key_password);
}

static bool
set_options(CdcHttp *http, const CdcHttpRequest *request)
{
	CURL	   *easy = http->easy;
	char		accept[256] = "Accept: ";

	if (request->accept != NULL)
	{
		strncat(accept, request->accept, sizeof(accept) - strlen(accept) - 1);
		http->headers = curl_slist_append(NULL, accept);
		if (http->headers == NULL ||
			curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) != CURLE_OK)
			return false;
	}
	return set_protocols(easy) && set_quick_exit(easy) &&
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) request->timeout_ms) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) request->timeout_ms) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->reason) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
		set_authentication(easy, request) && set_tls(easy, request);
}

static CdcStatus
curl_get(CdcHttp *http, const CdcHttpRequest *request, CdcError *err)
{
	end_request(http);
	http->len = 0;
	http->max = request->max_bytes;
	http->too_large = false;
	http->reason[0] = '\0';
	http->easy = curl_easy_init();
	if (http->easy == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	if (!set_options(http, request))
	{
		end_request(http);
		return cdc_error(err, CDC_ERR_CONFIG, "libcurl does not take a request's options");
	}
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
	{
		end_request(http);
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	}
	return CDC_OK;
}

/* What a transfer that came to its end ended with. */
static CdcStatus
result(CdcHttp *http, CURLcode code, CdcHttpAnswer *answer, CdcError *err)
{
	CdcStatus	st = CDC_ERR_CONNECT;

	if (code == CURLE_OK)
	{
		answer->code = 0;
		(void) curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->code);
		answer->body = http->body != NULL ? http->body : "";
		answer->len = http->len;
		return CDC_OK;
	}
	if (http->too_large)
	{
		cdc_error(err, CDC_ERR_LIMIT, "answer has more than %zu bytes", http->max);
		return CDC_ERR_LIMIT;
	}
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR)
		st = CDC_ERR_NOMEM;
	return cdc_error(err, st, "%s", http->reason[0] != '\0' ? http->reason : curl_easy_strerror(code));
}

static CdcStatus
perform(CdcHttp *http, int ms, CdcHttpAnswer *answer, CdcError *err)
{
	CURLMsg    *message;
	CURLMcode	rc;
	int			running;
	int			left;

	if (http->easy == NULL)
		return cdc_error(err, CDC_ERR_INTERNAL, "no request is under way");
	rc = curl_multi_perform(http->multi, &running);
	if (rc == CURLM_OK && running > 0)
	{
		rc = curl_multi_wait(http->multi, NULL, 0, ms, NULL);
		if (rc == CURLM_OK)
			rc = curl_multi_perform(http->multi, &running);
	}
	if (rc != CURLM_OK)
		return cdc_error(err, CDC_ERR_CONNECT, "%s", curl_multi_strerror(rc));
	if (running > 0)
		return CDC_MORE;
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE && message->easy_handle == http->easy)
			return result(http, message->data.result, answer, err);
	return cdc_error(err, CDC_ERR_CONNECT, "the request ended without a result");
}

static CdcStatus
curl_wait(CdcHttp *http, int ms, CdcHttpAnswer *answer, CdcError *err)
{
	sigset_t	all;
	sigset_t	before;
	CdcStatus	st;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	st = perform(http, ms, answer, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return st;
}

const CdcHttpMethods *
cdc_http_curl(void)
{
	static const CdcHttpMethods methods = {
		CDC_HTTP_VERSION, curl_create, curl_get, curl_wait, curl_destroy
	};

	return &methods;
}

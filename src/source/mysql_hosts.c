/*-------------------------------------------------------------------------
 *
 * source/mysql_hosts.c
 *	  The hosts of a source: the list of the option, and connecting to the first
 *	  one that answers.
 *
 * The host that a stream was read from last is tried before the others, so that
 * a dead one in front of it costs its timeout once, and a stream does not
 * wander between servers that are all alive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/mysql_internal.h"

#define DEFAULT_PORT			3306
#define DEFAULT_CONNECT_TIMEOUT	10	/* seconds */

unsigned
cdc_connect_timeout_s(const CdcMysqlOptions *options)
{
	return options->connect_timeout_s > 0 ? options->connect_timeout_s : DEFAULT_CONNECT_TIMEOUT;
}

/*
 * Takes the next entry off a list "host, host:port, [v6 address]:port, v6
 * address".  Returns where to go on, or NULL at the list's end.
 */
static const char *
next_host(const char *list, unsigned default_port, CdcHostPort *hp)
{
	const char *end;
	const char *colon;
	size_t		len;

	while (*list == ' ' || *list == ',')
		list++;
	if (*list == '\0')
		return NULL;
	len = strcspn(list, ",");
	end = list + len;
	while (len > 0 && list[len - 1] == ' ')
		len--;

	hp->port = default_port;
	if (*list == '[' && memchr(list, ']', len) != NULL)
	{
		const char *close = memchr(list, ']', len);

		if (close + 1 < list + len && close[1] == ':')
			hp->port = (unsigned) strtoul(close + 2, NULL, 10);
		list++;
		len = close - list;
	}
	else if ((colon = memchr(list, ':', len)) != NULL &&
			 memchr(colon + 1, ':', len - (colon + 1 - list)) == NULL)
	{
		hp->port = (unsigned) strtoul(colon + 1, NULL, 10);
		len = colon - list;
	}
	if (len >= sizeof(hp->host))
		len = sizeof(hp->host) - 1;
	memcpy(hp->host, list, len);
	hp->host[len] = '\0';
	return end;
}

static unsigned
default_port(const CdcMysqlOptions *options)
{
	return options->port > 0 ? options->port : DEFAULT_PORT;
}

bool
cdc_uses_socket(const CdcMysqlOptions *options)
{
	return options->unix_socket != NULL && options->unix_socket[0] != '\0';
}

static const char *
host_list(const CdcMysqlOptions *options)
{
	if (options->host != NULL && options->host[strspn(options->host, " ,")] != '\0')
		return options->host;
	return "localhost";
}

int64_t
cdc_mysql_connect_limit_ms(const CdcMysqlOptions *options)
{
	const char *rest = host_list(options);
	CdcHostPort	hp;
	int64_t		hosts = 0;

	while ((rest = next_host(rest, 0, &hp)) != NULL)
		hosts++;
	/* twice: Oracle's library applies its limit to each step of a connect */
	return (hosts > 0 ? hosts : 1) * 2000 * (int64_t) cdc_connect_timeout_s(options);
}

void
cdc_host_address(const CdcHostPort *hp, char *buf, size_t size)
{
	snprintf(buf, size, strchr(hp->host, ':') ? "[%s]:%u" : "%s:%u", hp->host, hp->port);
}

/* Whether the next host is worth a try: this one cannot be reached or is not ready. */
static bool
try_next(CdcStatus st)
{
	return st == CDC_ERR_CONNECT;
}

/* Finds the preferred address in the list. */
static bool
find_preferred(const CdcMysqlOptions *options, CdcHostPort *hp)
{
	const char *rest = host_list(options);
	char		address[CDC_MYSQL_ADDRESS];

	if (options->prefer == NULL)
		return false;
	while ((rest = next_host(rest, default_port(options), hp)) != NULL)
	{
		cdc_host_address(hp, address, sizeof(address));
		if (strcmp(address, options->prefer) == 0)
			return true;
	}
	return false;
}

/*
 * One host after the other.  When none answers the last one's error is
 * reported, and in its detail what was tried.
 */
CdcStatus
cdc_mysql_connect(CdcMysql *conn, CdcError *err)
{
	const CdcMysqlOptions *options = &conn->options;
	const char *rest = host_list(options);
	CdcHostPort preferred;
	CdcHostPort hp;
	bool		has_preferred;
	CdcStatus	st = CDC_ERR_VALUE;
	int			tried = 0;

	if (cdc_uses_socket(options))
		return cdc_mysql_connect_one(conn, NULL, err);
	has_preferred = find_preferred(options, &preferred);
	if (has_preferred)
	{
		st = cdc_mysql_connect_one(conn, &preferred, err);
		if (!try_next(st) || options->only_prefer)
			return st;
		tried++;
	}
	else if (options->only_prefer)
		return cdc_error(err, CDC_ERR_CONNECT, "MySQL server \"%s\" is not among the hosts any more",
						 options->prefer);
	while ((rest = next_host(rest, default_port(options), &hp)) != NULL)
	{
		if (has_preferred && hp.port == preferred.port && strcmp(hp.host, preferred.host) == 0)
			continue;
		st = cdc_mysql_connect_one(conn, &hp, err);
		if (!try_next(st))
			return st;
		tried++;
	}
	if (tried > 1)
		cdc_error_hint(err, "None of the %d hosts of the server option host could be used; this is the last one's error.", tried);
	return st;
}

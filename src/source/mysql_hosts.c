/*-------------------------------------------------------------------------
 *
 * source/mysql_hosts.c
 *	  The hosts of a source: the list of the option, its defaults.
 *
 *-------------------------------------------------------------------------
 */
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

const char *
cdc_host_next(const char *list, unsigned default_port, CdcHostPort *hp)
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

unsigned
cdc_default_port(const CdcMysqlOptions *options)
{
	return options->port > 0 ? options->port : DEFAULT_PORT;
}

bool
cdc_uses_socket(const CdcMysqlOptions *options)
{
	return options->unix_socket != NULL && options->unix_socket[0] != '\0';
}

const char *
cdc_host_list(const CdcMysqlOptions *options)
{
	if (options->host != NULL && options->host[strspn(options->host, " ,")] != '\0')
		return options->host;
	return "localhost";
}

int64_t
cdc_mysql_connect_limit_ms(const CdcMysqlOptions *options)
{
	const char *rest = cdc_host_list(options);
	CdcHostPort	hp;
	int64_t		hosts = 0;

	while ((rest = cdc_host_next(rest, 0, &hp)) != NULL)
		hosts++;
	/* twice: Oracle's library applies its limit to each step of a connect */
	return (hosts > 0 ? hosts : 1) * 2000 * (int64_t) cdc_connect_timeout_s(options);
}

void
cdc_host_address(const CdcHostPort *hp, char *buf, size_t size)
{
	snprintf(buf, size, strchr(hp->host, ':') ? "[%s]:%u" : "%s:%u", hp->host, hp->port);
}

bool
cdc_host_find_preferred(const CdcMysqlOptions *options, CdcHostPort *hp)
{
	const char *rest = cdc_host_list(options);
	char		address[CDC_MYSQL_ADDRESS];

	if (options->prefer == NULL)
		return false;
	while ((rest = cdc_host_next(rest, cdc_default_port(options), hp)) != NULL)
	{
		cdc_host_address(hp, address, sizeof(address));
		if (strcmp(address, options->prefer) == 0)
			return true;
	}
	return false;
}

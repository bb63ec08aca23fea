/*-------------------------------------------------------------------------
 *
 * read_raw.c
 *	  The floor under any reader: fetches a part of the binlog through the client
 *	  library and looks at nothing but the events' headers.
 *
 *	  read_raw PORT FILE OFFSET END_FILE END_OFFSET
 *
 *	  Prints the number of events, of bytes, and the seconds.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/mysql.h"

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static uint32_t
read_u32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

int
main(int argc, char **argv)
{
	CdcMysqlOptions options = {.host = "127.0.0.1", .user = "root", .password = ""};
	CdcDumpRequest request = {.server_id = 4000001};
	CdcError	err = {0};
	CdcMysql   *conn;
	const uint8_t *event;
	size_t		len;
	uint64_t	events = 0,
				bytes = 0,
				end;
	bool		in_end_file;
	double		began;

	if (argc != 6)
	{
		fprintf(stderr, "usage: read_raw PORT FILE OFFSET END_FILE END_OFFSET\n");
		return 2;
	}
	options.port = (unsigned) atoi(argv[1]);
	request.file = argv[2];
	request.offset = strtoull(argv[3], NULL, 10);
	end = strtoull(argv[5], NULL, 10);
	in_end_file = strcmp(argv[2], argv[4]) == 0;

	if (!cdc_mysql_library_init() || (conn = cdc_mysql_create(&options)) == NULL)
	{
		fprintf(stderr, "out of memory\n");
		return 1;
	}
	if (cdc_failed(cdc_mysql_connect(conn, &err)) ||
		cdc_failed(cdc_mysql_dump(conn, &request, &err)))
	{
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	began = now();
	for (;;)
	{
		CdcStatus	st = cdc_mysql_dump_event(conn, &event, &len, &err);

		if (st != CDC_OK)
		{
			fprintf(stderr, "%s\n", err.message);
			return 1;
		}
		if (len < 19)
			continue;
		events++;
		bytes += len;
		/* ROTATE_EVENT: 8 bytes of position, then the next file's name */
		if (event[4] == 4 && len >= 27 + strlen(argv[4]))
			in_end_file = memcmp(event + 27, argv[4], strlen(argv[4])) == 0;
		/* the event's end position, 32 bits of it (files here are smaller) */
		if (in_end_file && event[4] != 4 && read_u32(event + 13) >= end)
			break;
	}
	printf("%" PRIu64 " %" PRIu64 " %f\n", events, bytes, now() - began);
	cdc_mysql_close(conn);
	return 0;
}

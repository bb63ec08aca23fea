/*-------------------------------------------------------------------------
 *
 * source/mysql_dump.c
 *	  The dump of a server's binlog, as a replica asks for it.
 *
 * The events are handed on as they came: the libraries' own decoders know
 * fewer events than servers send, and check fewer lengths.
 *
 * Formats: MySQL's internals manual, COM_REGISTER_SLAVE, COM_BINLOG_DUMP,
 * COM_BINLOG_DUMP_GTID; MariaDB's knowledge base, "Replica Protocol".
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/mysql_internal.h"

#define DEFAULT_HEARTBEAT_MS	5000
#define BINLOG_START			4	/* behind a file's magic */

#define MAX_EVENT				((size_t) 1024 * 1024 * 1024)	/* the protocol's own limit */

#define DOING					"reading the binlog"

/* One statement whose answer does not matter; unknown variables are allowed. */
static CdcStatus
set_variable(CdcMysql *conn, const char *sql, CdcError *err)
{
	enum
	{
		SRV_UNKNOWN_SYSTEM_VARIABLE = 1193
	};
	CdcStatus	st = cdc_mysql_query(conn, NULL, sql, NULL, err);

	if (st == CDC_ERR_SOURCE && mysql_errno(conn->mysql) == SRV_UNKNOWN_SYSTEM_VARIABLE)
		return CDC_OK;
	return st;
}

/*
 * What a server looks at in the session of a replica.  All are user
 * variables, so that a server which does not know one does not mind.
 */
static CdcStatus
announce(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err)
{
	unsigned	heartbeat = conn->options.heartbeat_ms;
	char		sql[256];
	CdcStatus	st;

	/* we verify checksums where the server writes them */
	st = set_variable(conn, "SET @master_binlog_checksum = @@global.binlog_checksum, "
					  "@source_binlog_checksum = @@global.binlog_checksum", err);
	if (cdc_failed(st))
		return st;

	if (heartbeat == 0)
		heartbeat = DEFAULT_HEARTBEAT_MS;
	snprintf(sql, sizeof(sql),
			 "SET @master_heartbeat_period = %" PRIu64 ", @source_heartbeat_period = %" PRIu64,
			 heartbeat * UINT64_C(1000000), heartbeat * UINT64_C(1000000));
	st = set_variable(conn, sql, err);
	if (cdc_failed(st))
		return st;

	/*
	 * The server ends an older dump of the same uuid: our own one that it still
	 * believes to be alive after the link broke.
	 */
	snprintf(sql, sizeof(sql),
			 "SET @slave_uuid = '6364635f-696e-4765-8374-0000%08" PRIx32 "', "
			 "@replica_uuid = '6364635f-696e-4765-8374-0000%08" PRIx32 "'",
			 request->server_id, request->server_id);
	return set_variable(conn, sql, err);
}

/* MariaDB takes the GTID position in the session, not in the request. */
static CdcStatus
announce_mariadb(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err)
{
	CdcBuf		sql = {0};
	CdcStatus	st;

	/* 4: we understand MariaDB's GTID events */
	st = set_variable(conn, "SET @mariadb_slave_capability = 4", err);
	if (cdc_failed(st) || request->gtid_set == NULL)
		return st;

	if (!cdc_buf_append(&sql, "SET @slave_connect_state = '", 28) ||
		cdc_gtid_set_print(request->gtid_set, &sql) != CDC_OK ||
		/* strict: a position that the binlog does not have is an error, never a jump */
		!cdc_buf_printf(&sql, "', @slave_gtid_strict_mode = %d, @slave_gtid_ignore_duplicates = 0",
						request->holes ? 0 : 1) ||
		!cdc_buf_append(&sql, "", 1))
		st = cdc_error(err, CDC_ERR_NOMEM, "out of memory for a GTID position");
	else
		st = set_variable(conn, sql.data, err);
	cdc_buf_free(&sql);
	return st;
}

/* Flags of a dump by file, which is how MariaDB's is asked for in any case. */
static unsigned
dump_flags(const CdcMysql *conn, const CdcDumpRequest *request)
{
	enum
	{
		DO_NOT_WAIT_AT_END = 1,
		MARIADB_SEND_ANNOTATE_ROWS = 2
	};

	return (request->to_end ? DO_NOT_WAIT_AT_END : 0) |
		(conn->info.flavor == CDC_MARIADB && request->annotate ? MARIADB_SEND_ANNOTATE_ROWS : 0);
}

#if CDC_LIBMARIADB

/* COM_BINLOG_DUMP_GTID has this number; libmariadb's header has no name for it. */
#define CMD_BINLOG_DUMP_GTID	((enum enum_server_command) 30)
#define FLAG_THROUGH_GTID		4

static bool
put_uint(CdcBuf *buf, uint64_t value, int bytes)
{
	uint8_t		raw[8];
	int			i;

	for (i = 0; i < bytes; i++)
		raw[i] = (uint8_t) (value >> (8 * i));
	return cdc_buf_append(buf, raw, bytes);
}

static bool
put_short_string(CdcBuf *buf, const char *s)
{
	size_t		len = strlen(s);

	return put_uint(buf, len, 1) && cdc_buf_append(buf, s, len);
}

/*
 * Puts us on the server's list of replicas, where others look for a server id
 * that is still free.
 */
static CdcStatus
register_replica(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err)
{
	CdcBuf		payload = {0};
	CdcStatus	st = CDC_OK;

	if (!put_uint(&payload, request->server_id, 4) ||
		!put_short_string(&payload, "cdc_ingest") ||	/* host */
		!put_short_string(&payload, "") ||	/* user */
		!put_short_string(&payload, "") ||	/* password */
		!put_uint(&payload, 0, 2) ||	/* port */
		!put_uint(&payload, 0, 4) ||	/* rank, unused */
		!put_uint(&payload, 0, 4))	/* the source's id, unused */
		st = cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	else if (conn->mysql->methods->db_command(conn->mysql, COM_REGISTER_SLAVE, payload.data,
											  payload.len, 0, NULL) != 0)
		st = cdc_mysql_failure(conn, conn->mysql, DOING, err);
	cdc_buf_free(&payload);
	return st;
}

static bool
put_dump_gtid(CdcBuf *payload, const CdcDumpRequest *request, CdcStatus *st)
{
	const char *file = request->file ? request->file : "";
	CdcBuf		set = {0};
	bool		ok;

	*st = cdc_gtid_set_encode(request->gtid_set, &set);
	ok = *st == CDC_OK &&
		put_uint(payload, FLAG_THROUGH_GTID, 2) &&
		put_uint(payload, request->server_id, 4) &&
		put_uint(payload, strlen(file), 4) &&
		cdc_buf_append(payload, file, strlen(file)) &&
		put_uint(payload, BINLOG_START, 8) &&
		put_uint(payload, set.len, 4) &&
		cdc_buf_append(payload, set.data, set.len);
	cdc_buf_free(&set);
	return ok;
}

static CdcStatus
send_dump(CdcMysql *conn, const CdcDumpRequest *request, bool by_gtid, const char *file,
		  uint32_t offset, CdcError *err)
{
	CdcBuf		payload = {0};
	CdcStatus	st = register_replica(conn, request, err);
	bool		ok;

	if (cdc_failed(st))
		return st;
	if (by_gtid)
		ok = put_dump_gtid(&payload, request, &st);
	else
		ok = put_uint(&payload, offset, 4) &&
			put_uint(&payload, dump_flags(conn, request), 2) &&
			put_uint(&payload, request->server_id, 4) &&
			cdc_buf_append(&payload, file, strlen(file));
	if (!ok)
		st = cdc_error(err, cdc_failed(st) ? st : CDC_ERR_NOMEM, "could not build the request for the binlog");
	else if (conn->mysql->methods->db_command(conn->mysql,
											  by_gtid ? CMD_BINLOG_DUMP_GTID : COM_BINLOG_DUMP,
											  payload.data, payload.len, 1, NULL) != 0)
		st = cdc_mysql_failure(conn, conn->mysql, DOING, err);
	cdc_buf_free(&payload);
	return st;
}

#else							/* Oracle's library */

static CdcStatus
send_dump(CdcMysql *conn, const CdcDumpRequest *request, bool by_gtid, const char *file,
		  uint32_t offset, CdcError *err)
{
	CdcBuf		set = {0};
	CdcStatus	st = CDC_OK;

	memset(&conn->rpl, 0, sizeof(conn->rpl));
	conn->rpl.file_name = file;
	conn->rpl.file_name_length = strlen(file);
	conn->rpl.start_position = by_gtid ? BINLOG_START : offset;
	conn->rpl.server_id = request->server_id;
	conn->rpl.flags = dump_flags(conn, request);
	if (by_gtid)
	{
		if (cdc_gtid_set_encode(request->gtid_set, &set) != CDC_OK)
		{
			cdc_buf_free(&set);
			return cdc_error(err, CDC_ERR_NOMEM, "could not build the request for the binlog");
		}
		conn->rpl.flags = MYSQL_RPL_GTID;
		conn->rpl.gtid_set_encoded_size = set.len;
		conn->rpl.gtid_set_arg = set.data;
	}
	if (mysql_binlog_open(conn->mysql, &conn->rpl) != 0)
		st = cdc_mysql_failure(conn, conn->mysql, DOING, err);
	else
		conn->rpl_open = true;
	/* the library has sent both by now */
	conn->rpl.gtid_set_arg = NULL;
	conn->rpl.file_name = NULL;
	cdc_buf_free(&set);
	return st;
}

#endif

static const CdcString *
find_row(const CdcRows *rows, const char *file, int64_t *row)
{
	for (*row = 0; *row < rows->nrows; (*row)++)
	{
		const CdcString *cell = cdc_rows_cell(rows, *row, 0);

		if (cell->data != NULL && strcmp(cell->data, file) == 0)
			return cell;
	}
	return NULL;
}

/*
 * The request by file has 32 bits for the offset.  A place beyond can only be
 * behind a transaction so large that the server began the next file right
 * after it: *file is then set to that one, *rows keeps its name alive.  The
 * only thing between the place and the file's end may be the Rotate event.
 */
static CdcStatus
skip_to_next_file(CdcMysql *conn, const CdcDumpRequest *request, CdcRows **rows,
				  const char **file, CdcError *err)
{
	/* header, position, name, checksum */
	const uint64_t rotate = 19 + 8;
	CdcStatus	st;
	int64_t		row;

	st = cdc_mysql_query(conn, NULL, "SHOW BINARY LOGS", rows, err);
	if (cdc_failed(st))
		return st;
	if (*rows != NULL && (*rows)->ncolumns >= 2 && find_row(*rows, request->file, &row) != NULL &&
		row + 1 < (*rows)->nrows)
	{
		const CdcString *size = cdc_rows_cell(*rows, row, 1);
		const CdcString *next = cdc_rows_cell(*rows, row + 1, 0);

		/* what is no number is not the size that is looked for */
		if (size->data != NULL && next->data != NULL && strlen(next->data) == next->len)
		{
			uint64_t	left = strtoull(size->data, NULL, 10) - request->offset;

			if (left == 0 || left == rotate + next->len || left == rotate + next->len + 4)
			{
				*file = next->data;
				return CDC_OK;
			}
		}
	}
	cdc_error(err, CDC_ERR_UNSUPPORTED,
			  "a position beyond 4 GB inside a binlog file cannot be asked of MySQL server \"%s\"",
			  conn->address);
	cdc_error_at(err, request->file, request->offset);
	cdc_error_hint(err, "Use a source with GTIDs, or set the position to the start of the next file.");
	return CDC_ERR_UNSUPPORTED;
}

CdcStatus
cdc_mysql_dump(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err)
{
	bool		mariadb = conn->info.flavor == CDC_MARIADB;
	bool		by_gtid = request->gtid_set != NULL;
	const char *file = request->file ? request->file : "";
	uint64_t	offset = request->offset < BINLOG_START ? BINLOG_START : request->offset;
	CdcRows    *rows = NULL;
	CdcStatus	st;

	st = announce(conn, request, err);
	if (!cdc_failed(st) && mariadb)
		st = announce_mariadb(conn, request, err);
	if (!cdc_failed(st) && by_gtid)
	{
		/* MariaDB would take a file literally, in spite of the GTID position */
		if (mariadb)
			file = "";
		offset = BINLOG_START;
	}
	if (!cdc_failed(st) && offset > UINT32_MAX)
	{
		st = skip_to_next_file(conn, request, &rows, &file, err);
		offset = BINLOG_START;
	}
	if (!cdc_failed(st))
		st = send_dump(conn, request, by_gtid && !mariadb, file, (uint32_t) offset, err);
	cdc_rows_free(rows);
	return st;
}

CdcStatus
cdc_mysql_dump_event(CdcMysql *conn, const uint8_t **event, size_t *len, CdcError *err)
{
	const uint8_t *packet = NULL;
	size_t		n = 0;
	CdcStatus	st = cdc_mysql_read_packet(conn, DOING, MAX_EVENT, &packet, &n, err);

	if (cdc_failed(st))
		return st;
	if (n > 0 && packet[0] == 0xFE && n < 9)
		return CDC_END;
	if (n < 2 || packet[0] != 0)
		return cdc_error(err, CDC_ERR_CORRUPT, "MySQL server \"%s\" sent a packet that is not a binlog event",
						 conn->address);
	*event = packet + 1;
	*len = n - 1;
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * query.c
 *	  The Query event: a statement, and what kind of statement it is.
 *
 * Post-header: thread id u32, execution time u32, length of the default
 * database u8, error code u16, length of the status variables u16.  Then the
 * status variables (a code byte and a value each, no lengths: an unknown code
 * ends the parse, as it does in the servers, which is why they write the
 * important ones first), the database and a NUL, the statement without a
 * terminator.  Codes: MySQL's libs/mysql/binlog/event/statement_events.h,
 * MariaDB's sql/log_event.h; 21 is Percona Server's.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/query.h"

#include <string.h>

#include "binlog/compress.h"
#include "core/ddl.h"

#define QUERY_POST_HEADER_LEN	13

enum
{
	Q_FLAGS2 = 0,
	Q_SQL_MODE = 1,
	Q_CATALOG = 2,
	Q_AUTO_INCREMENT = 3,
	Q_CHARSET = 4,
	Q_TIME_ZONE = 5,
	Q_CATALOG_NZ = 6,
	Q_LC_TIME_NAMES = 7,
	Q_CHARSET_DATABASE = 8,
	Q_TABLE_MAP_FOR_UPDATE = 9,
	Q_MASTER_DATA_WRITTEN = 10,
	Q_INVOKERS = 11,
	Q_UPDATED_DB_NAMES = 12,
	Q_MICROSECONDS = 13,
	Q_COMMIT_TS = 14,
	Q_COMMIT_TS2 = 15,
	Q_EXPLICIT_DEFAULTS_FOR_TIMESTAMP = 16,
	Q_DDL_LOGGED_WITH_XID = 17,
	Q_DEFAULT_COLLATION_FOR_UTF8MB4 = 18,
	Q_SQL_REQUIRE_PRIMARY_KEY = 19,
	Q_DEFAULT_TABLE_ENCRYPTION = 20,
	Q_PERCONA_DDL_SKIP_REWRITE = 21,
	Q_MARIA_HRNOW = 128,
	Q_MARIA_XID = 129,
	Q_MARIA_GTID_FLAGS3 = 130,
	Q_MARIA_CHARACTER_SET_COLLATIONS = 131
};

/* Flags of Q_MARIA_GTID_FLAGS3 with which the number of START ALTER follows. */
#define GTID_FLAGS3_END_OF_ALTER	(CDC_MARIA_EXTRA_COMMIT_ALTER | CDC_MARIA_EXTRA_ROLLBACK_ALTER)

/* Of MariaDB's Q_FLAGS2: explicit_defaults_for_timestamp, once it is a session's own. */
#define FLAGS2_EXPLICIT_TIMESTAMP	0x01000000
#define FLAGS2_HAS_IT_FROM			10011000	/* whose event says OFF where it is not set */

#define OVER_MAX_DBS	254		/* the list of updated databases was too long to log */

static CdcString
read_short_string(CdcReader *r)
{
	uint64_t	len = cdc_read_le(r, 1);
	const uint8_t *p = cdc_read_bytes(r, len);

	return (CdcString) {(const char *) p, p ? (size_t) len : 0};
}

static CdcString
read_pairs(CdcReader *r)
{
	uint64_t	len = 4 * cdc_read_le(r, 1);
	const uint8_t *p = cdc_read_bytes(r, len);

	return (CdcString) {(const char *) p, p ? (size_t) len : 0};
}

static void
skip_updated_databases(CdcReader *r)
{
	uint64_t	count = cdc_read_le(r, 1);

	if (count == OVER_MAX_DBS)
		return;
	while (count-- > 0 && !r->failed)
	{
		while (cdc_read_le(r, 1) != 0 && !r->failed)
			;
	}
}

/* Reads one status variable; false when its code is unknown. */
static bool
read_status_variable(CdcQuery *query, CdcReader *r)
{
	int			code = (int) cdc_read_le(r, 1);

	switch (code)
	{
		case Q_SQL_MODE:
			query->sql_mode = cdc_read_le(r, 8);
			query->has_sql_mode = true;
			return true;
		case Q_CHARSET:
			query->client_collation = (uint16_t) cdc_read_le(r, 2);
			query->connection_collation = (uint16_t) cdc_read_le(r, 2);
			query->server_collation = (uint16_t) cdc_read_le(r, 2);
			return true;
		case Q_CHARSET_DATABASE:
			query->database_collation = (uint16_t) cdc_read_le(r, 2);
			return true;
		case Q_DEFAULT_COLLATION_FOR_UTF8MB4:
			query->utf8mb4_collation = (uint16_t) cdc_read_le(r, 2);
			return true;
		case Q_TIME_ZONE:
			query->time_zone = read_short_string(r);
			return true;
		case Q_DDL_LOGGED_WITH_XID:
		case Q_MARIA_XID:
			query->xid = cdc_read_le(r, 8);
			return true;
		case Q_CATALOG:
			read_short_string(r);
			cdc_read_bytes(r, 1);
			return true;
		case Q_CATALOG_NZ:
			read_short_string(r);
			return true;
		case Q_INVOKERS:
			read_short_string(r);
			read_short_string(r);
			return true;
		case Q_UPDATED_DB_NAMES:
			skip_updated_databases(r);
			return true;
		case Q_MARIA_CHARACTER_SET_COLLATIONS:
			query->charset_collations = read_pairs(r);
			return true;
		case Q_MARIA_GTID_FLAGS3:
			if (cdc_read_le(r, 1) & GTID_FLAGS3_END_OF_ALTER)
				cdc_read_bytes(r, 8);
			return true;
		case Q_EXPLICIT_DEFAULTS_FOR_TIMESTAMP:
			query->explicit_timestamp = cdc_read_le(r, 1) != 0;
			return true;
		case Q_PERCONA_DDL_SKIP_REWRITE:
		case Q_SQL_REQUIRE_PRIMARY_KEY:
		case Q_DEFAULT_TABLE_ENCRYPTION:
			cdc_read_bytes(r, 1);
			return true;
		case Q_LC_TIME_NAMES:
			cdc_read_bytes(r, 2);
			return true;
		case Q_MICROSECONDS:
		case Q_MARIA_HRNOW:
			cdc_read_bytes(r, 3);
			return true;
		case Q_FLAGS2:
			query->flags2 = (uint32_t) cdc_read_le(r, 4);
			query->has_flags2 = true;
			return true;
		case Q_AUTO_INCREMENT:
		case Q_MASTER_DATA_WRITTEN:
			cdc_read_bytes(r, 4);
			return true;
		case Q_TABLE_MAP_FOR_UPDATE:
		case Q_COMMIT_TS:
		case Q_COMMIT_TS2:
			cdc_read_bytes(r, 8);
			return true;
		default:
			query->unknown_variable = code;
			return false;
	}
}

/* MySQL has a variable of its own for it. */
static void
note_mariadb_timestamp(CdcQuery *query, const CdcFormat *format)
{
	if (format->flavor != CDC_MARIADB || !query->has_flags2)
		return;
	if ((query->flags2 & FLAGS2_EXPLICIT_TIMESTAMP) != 0)
		query->explicit_timestamp = 1;
	else if (format->version >= FLAGS2_HAS_IT_FROM)
		query->explicit_timestamp = 0;
}

CdcStatus
cdc_query_parse(CdcQuery *query, const CdcFormat *format, const uint8_t *event, size_t len,
				CdcBuf *scratch, CdcError *err)
{
	CdcReader	r;
	CdcReader	status;
	uint64_t	db_len,
				status_len,
				post_header;
	const uint8_t *p;

	memset(query, 0, sizeof(*query));
	query->unknown_variable = -1;
	query->explicit_timestamp = -1;
	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	query->thread_id = (uint32_t) cdc_read_le(&r, 4);
	cdc_read_bytes(&r, 4);
	db_len = cdc_read_le(&r, 1);
	query->error_code = (uint16_t) cdc_read_le(&r, 2);
	status_len = cdc_read_le(&r, 2);

	/* a longer post-header than the one we know: skip what was added */
	post_header = format->post_header[event[4]];
	if (post_header > QUERY_POST_HEADER_LEN)
		cdc_read_bytes(&r, post_header - QUERY_POST_HEADER_LEN);

	p = cdc_read_bytes(&r, status_len);
	if (p != NULL)
	{
		cdc_reader_init(&status, p, (size_t) status_len);
		while (cdc_reader_left(&status) > 0 && !status.failed &&
			   read_status_variable(query, &status))
			;
		r.failed = status.failed;
		note_mariadb_timestamp(query, format);
	}
	query->database.data = (const char *) cdc_read_bytes(&r, db_len);
	query->database.len = (size_t) db_len;
	cdc_read_bytes(&r, 1);
	if (r.failed)
		return cdc_error(err, CDC_ERR_CORRUPT, "query event is malformed");

	query->sql.len = cdc_reader_left(&r);
	query->sql.data = (const char *) cdc_read_bytes(&r, query->sql.len);
	if (event[4] == CDC_EV_MARIA_QUERY_COMPRESSED)
	{
		CdcStatus	st;

		cdc_buf_reset(scratch);
		st = cdc_maria_uncompress((const uint8_t *) query->sql.data, query->sql.len,
								  scratch, err);
		if (cdc_failed(st))
			return st;
		query->sql.data = scratch->data;
		query->sql.len = scratch->len;
	}
	return CDC_OK;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Skips white space and comments.  The content of a comment that servers execute
 * ("/" "*!50100 ..." and MariaDB's "/" "*M!...") counts as text, not as a comment.
 */
static CdcString
skip_blank(CdcString s)
{
	for (;;)
	{
		size_t		n = 0;

		while (s.len > 0 && (is_space(*s.data) || *s.data == ';'))
			s.data++, s.len--;
		if (s.len >= 2 && s.data[0] == '/' && s.data[1] == '*')
		{
			n = 2;
			if (n < s.len && s.data[n] == 'M')
				n++;
			if (n < s.len && s.data[n] == '!')
			{
				for (n++; n < s.len && s.data[n] >= '0' && s.data[n] <= '9'; n++)
					;
			}
			else
			{
				for (n = 2; n < s.len; n++)
				{
					if (s.data[n] == '/' && s.data[n - 1] == '*' && n > 2)
						break;
				}
				n += (n < s.len);
			}
		}
		else if (s.len >= 1 && (s.data[0] == '#' ||
								(s.len >= 3 && s.data[0] == '-' && s.data[1] == '-' &&
								 is_space(s.data[2]))))
		{
			while (n < s.len && s.data[n] != '\n')
				n++;
		}
		else
			return s;
		s.data += n;
		s.len -= n;
	}
}

/* Removes word, in any case, and the blanks behind it from the front of *s, if it is there. */
static bool
take_word(CdcString *s, const char *word)
{
	size_t		n = strlen(word);

	if (s->len < n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		char		c = s->data[i];

		if (c >= 'a' && c <= 'z')
			c = (char) (c - 'a' + 'A');
		if (c != word[i])
			return false;
	}
	if (s->len > n)
	{
		char		c = s->data[n];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '$' || (c & 0x80))
			return false;
	}
	*s = skip_blank((CdcString) {s->data + n, s->len - n});
	return true;
}

static CdcStatementKind
xa_kind(CdcString *s)
{
	if (take_word(s, "START") || take_word(s, "BEGIN"))
		return CDC_STMT_XA_START;
	if (take_word(s, "END"))
		return CDC_STMT_XA_END;
	if (take_word(s, "PREPARE"))
		return CDC_STMT_XA_PREPARE;
	if (take_word(s, "COMMIT"))
		return CDC_STMT_XA_COMMIT;
	if (take_word(s, "ROLLBACK"))
		return CDC_STMT_XA_ROLLBACK;
	return CDC_STMT_OTHER;
}

CdcStatementKind
cdc_statement_kind(const CdcQuery *query, CdcString *rest)
{
	CdcString	sql = query->sql;
	CdcString	s = skip_blank(sql);
	CdcStatementKind kind = CDC_STMT_OTHER;

	if (take_word(&s, "BEGIN"))
		kind = s.len == 0 ? CDC_STMT_BEGIN : CDC_STMT_OTHER;
	else if (take_word(&s, "COMMIT"))
		kind = CDC_STMT_COMMIT;
	else if (take_word(&s, "ROLLBACK"))
	{
		(void) take_word(&s, "WORK");
		kind = take_word(&s, "TO") ? CDC_STMT_ROLLBACK_TO : CDC_STMT_ROLLBACK;
	}
	else if (take_word(&s, "SAVEPOINT"))
		kind = CDC_STMT_SAVEPOINT;
	else if (take_word(&s, "RELEASE"))
		kind = CDC_STMT_RELEASE;
	else if (take_word(&s, "XA"))
		kind = xa_kind(&s);
	else if (take_word(&s, "TRUNCATE"))
		kind = CDC_STMT_TRUNCATE;
	else if (take_word(&s, "CREATE"))
		kind = CDC_STMT_OTHER;	/* with SELECT it changes data as well */
	else if (cdc_ddl_is_dml(sql, query->sql_mode))
		kind = CDC_STMT_DML;
	if (rest != NULL)
		*rest = s;
	return kind;
}

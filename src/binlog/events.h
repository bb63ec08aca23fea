/*-------------------------------------------------------------------------
 *
 * events.h
 *	  Numbers of the binlog format: event types, flags, column types.
 *
 * Sources: MySQL's libs/mysql/binlog/event/binlog_event.h (event types 0 to
 * 42, header layout), include/field_types.h (column types) and MariaDB's
 * sql/log_event.h (event types 160 to 171, GTID flags).  Offsets and flags
 * were checked against files written by MySQL 5.6.24 and 9.7.4 and by
 * MariaDB 10.11 and 11.8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_EVENTS_H
#define CDC_BINLOG_EVENTS_H

/*
 * The common header of binlog format 4: timestamp u32, type u8, server_id
 * u32, event size u32 (header and checksum included), end position u32 (low
 * 32 bits), flags u16; all little-endian.
 */
#define CDC_EV_HEADER_LEN		19
#define CDC_EV_CHECKSUM_LEN		4
#define CDC_EV_MAX_SIZE			((size_t) 1 << 30)	/* servers' max_allowed_packet ends there */

typedef enum CdcEventType
{
	CDC_EV_UNKNOWN = 0,
	CDC_EV_START_V3 = 1,
	CDC_EV_QUERY = 2,
	CDC_EV_STOP = 3,
	CDC_EV_ROTATE = 4,
	CDC_EV_INTVAR = 5,
	CDC_EV_LOAD = 6,
	CDC_EV_SLAVE = 7,
	CDC_EV_CREATE_FILE = 8,
	CDC_EV_APPEND_BLOCK = 9,
	CDC_EV_EXEC_LOAD = 10,
	CDC_EV_DELETE_FILE = 11,
	CDC_EV_NEW_LOAD = 12,
	CDC_EV_RAND = 13,
	CDC_EV_USER_VAR = 14,
	CDC_EV_FORMAT_DESCRIPTION = 15,
	CDC_EV_XID = 16,
	CDC_EV_BEGIN_LOAD_QUERY = 17,
	CDC_EV_EXECUTE_LOAD_QUERY = 18,
	CDC_EV_TABLE_MAP = 19,
	CDC_EV_WRITE_ROWS_V0 = 20,	/* 5.1 before its release; refused */
	CDC_EV_UPDATE_ROWS_V0 = 21,
	CDC_EV_DELETE_ROWS_V0 = 22,
	CDC_EV_WRITE_ROWS_V1 = 23,
	CDC_EV_UPDATE_ROWS_V1 = 24,
	CDC_EV_DELETE_ROWS_V1 = 25,
	CDC_EV_INCIDENT = 26,
	CDC_EV_HEARTBEAT = 27,
	CDC_EV_IGNORABLE = 28,
	CDC_EV_ROWS_QUERY = 29,
	CDC_EV_WRITE_ROWS_V2 = 30,
	CDC_EV_UPDATE_ROWS_V2 = 31,
	CDC_EV_DELETE_ROWS_V2 = 32,
	CDC_EV_GTID = 33,
	CDC_EV_ANONYMOUS_GTID = 34,
	CDC_EV_PREVIOUS_GTIDS = 35,
	CDC_EV_TRANSACTION_CONTEXT = 36,
	CDC_EV_VIEW_CHANGE = 37,
	CDC_EV_XA_PREPARE = 38,
	CDC_EV_PARTIAL_UPDATE_ROWS = 39,
	CDC_EV_TRANSACTION_PAYLOAD = 40,
	CDC_EV_HEARTBEAT_V2 = 41,
	CDC_EV_GTID_TAGGED = 42,

	CDC_EV_MARIA_ANNOTATE_ROWS = 160,
	CDC_EV_MARIA_CHECKPOINT = 161,
	CDC_EV_MARIA_GTID = 162,
	CDC_EV_MARIA_GTID_LIST = 163,
	CDC_EV_MARIA_START_ENCRYPTION = 164,
	CDC_EV_MARIA_QUERY_COMPRESSED = 165,
	CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1 = 166,
	CDC_EV_MARIA_UPDATE_ROWS_COMPRESSED_V1 = 167,
	CDC_EV_MARIA_DELETE_ROWS_COMPRESSED_V1 = 168,
	CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V2 = 169,
	CDC_EV_MARIA_UPDATE_ROWS_COMPRESSED_V2 = 170,
	CDC_EV_MARIA_DELETE_ROWS_COMPRESSED_V2 = 171
} CdcEventType;

/* Flags of the common header. */
#define CDC_EVF_THREAD_SPECIFIC	0x0004	/* see CdcChange.session_only */
#define CDC_EVF_ARTIFICIAL		0x0020	/* made by the dump thread, not in the file */
#define CDC_EVF_IGNORABLE		0x0080	/* whoever does not know the type may skip it */

/*
 * In a format description event, behind the header: u32, when the server was started, in the
 * first file from then on; 0 in the others.
 */
#define CDC_FDE_CREATED			52

/* Flags of MariaDB's GTID event. */
#define CDC_MARIA_STANDALONE		0x01	/* no COMMIT or Xid event follows */
#define CDC_MARIA_GROUP_COMMIT_ID	0x02
#define CDC_MARIA_PREPARED_XA		0x40	/* the group ends in XA PREPARE */
#define CDC_MARIA_COMPLETED_XA		0x80	/* the group is XA COMMIT or XA ROLLBACK */
/* flags_extra, behind the fixed part */
#define CDC_MARIA_EXTRA_MULTI_ENGINE	0x01
#define CDC_MARIA_EXTRA_START_ALTER		0x02
#define CDC_MARIA_EXTRA_COMMIT_ALTER	0x04
#define CDC_MARIA_EXTRA_ROLLBACK_ALTER	0x08
#define CDC_MARIA_EXTRA_THREAD_ID		0x10

/* Flags of row events. */
#define CDC_ROWS_STMT_END		0x0001

/* Column types as table maps have them. */
typedef enum CdcWireType
{
	CDC_WT_DECIMAL = 0,			/* before 5.0; never with row events */
	CDC_WT_TINY = 1,
	CDC_WT_SHORT = 2,
	CDC_WT_LONG = 3,
	CDC_WT_FLOAT = 4,
	CDC_WT_DOUBLE = 5,
	CDC_WT_NULL = 6,
	CDC_WT_TIMESTAMP = 7,
	CDC_WT_LONGLONG = 8,
	CDC_WT_INT24 = 9,
	CDC_WT_DATE = 10,
	CDC_WT_TIME = 11,
	CDC_WT_DATETIME = 12,
	CDC_WT_YEAR = 13,
	CDC_WT_NEWDATE = 14,
	CDC_WT_VARCHAR = 15,
	CDC_WT_BIT = 16,
	CDC_WT_TIMESTAMP2 = 17,
	CDC_WT_DATETIME2 = 18,
	CDC_WT_TIME2 = 19,
	CDC_WT_TYPED_ARRAY = 20,
	CDC_WT_MARIA_BLOB_COMPRESSED = 140,
	CDC_WT_MARIA_VARCHAR_COMPRESSED = 141,
	CDC_WT_VECTOR = 242,
	CDC_WT_JSON = 245,
	CDC_WT_NEWDECIMAL = 246,
	CDC_WT_ENUM = 247,
	CDC_WT_SET = 248,
	CDC_WT_TINY_BLOB = 249,
	CDC_WT_MEDIUM_BLOB = 250,
	CDC_WT_LONG_BLOB = 251,
	CDC_WT_BLOB = 252,
	CDC_WT_VAR_STRING = 253,
	CDC_WT_STRING = 254,
	CDC_WT_GEOMETRY = 255
} CdcWireType;

#endif							/* CDC_BINLOG_EVENTS_H */

/*-------------------------------------------------------------------------
 *
 * format.h
 *	  The format description event: what the events behind it look like.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_FORMAT_H
#define CDC_BINLOG_FORMAT_H

#include "core/bytes.h"
#include "binlog/events.h"
#include "core/gtid.h"

typedef struct CdcFormat
{
	CdcFlavor	flavor;			/* recognised by the server version's text */
	bool		checksum;		/* events end in a CRC32 */
	char		server_version[51];
	unsigned	version;		/* x.y.z as x * 1000000 + y * 1000 + z; 0 = unreadable */
	uint8_t		post_header[256];	/* length of the fixed part by event type; 0 = unknown */
} CdcFormat;

/* The common header, taken apart. */
typedef struct CdcEventHeader
{
	uint32_t	timestamp;		/* seconds since 1970 */
	uint32_t	server_id;
	uint32_t	size;			/* as written: with checksum */
	uint32_t	log_pos;		/* low 32 bits of the event's end; 0 = artificial */
	uint16_t	flags;
	uint8_t		type;			/* CdcEventType */
} CdcEventHeader;

/* "x.y.z..." as x * 1000000 + y * 1000 + z, which orders versions; 0 when it is none. */
extern unsigned cdc_server_version_number(const char *text);

/* data has at least CDC_EV_HEADER_LEN bytes. */
extern void cdc_event_header(const uint8_t *data, CdcEventHeader *h);

/*
 * Parses a whole format description event, checksum included where there is
 * one.  *checksum_len is what its own end has: 4 or 0.
 */
extern CdcStatus cdc_format_parse(CdcFormat *format, const uint8_t *event, size_t len,
								  size_t *checksum_len, CdcError *err);

/* Whether the event's last four bytes are the CRC32 of the rest. */
extern bool cdc_checksum_matches(const uint8_t *event, size_t len);

/*
 * A sum by which an event is known again when it is read a second time, whatever
 * the checksums that it is sent with: of its time, type and server, its length and
 * the first of its bytes.  Of a format description only of time and server, as a
 * server changes the rest of it.  The event comes without checksum.  sum: of the
 * events before it, 0 for the first.
 */
extern uint32_t cdc_event_sum(uint32_t sum, const uint8_t *event, size_t len);

/* So much of an event goes into its sum: a copy of so many bytes will do. */
#define CDC_EVENT_SUM_BYTES		256

/* "Write_rows" and the like, for messages; never NULL. */
extern const char *cdc_event_type_name(uint8_t type);

#endif							/* CDC_BINLOG_FORMAT_H */

/*-------------------------------------------------------------------------
 *
 * binlog_position.h
 *	  Places in a binlog as file and offset: their text "binlog.000042:1234"
 *	  and their order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_BINLOG_POSITION_H
#define CDC_CORE_BINLOG_POSITION_H

#include "status.h"

/*
 * Splits "file:offset", where the file's name ends in a dot and digits.  false
 * when text is not of that form; a GTID never is.
 */
extern bool cdc_binlog_position_parse(const char *text, size_t *file_len, int64_t *offset);

/* File names are cut to what leaves room for the rest. */
#define CDC_POSITION_TEXT	600

/*
 * Writes "file:offset" with a NUL into buf and returns its length; without
 * printf, as each event has one.
 */
extern size_t cdc_binlog_position_text(char buf[CDC_POSITION_TEXT], const char *file,
									   uint64_t offset);

/*
 * Order of two files of one server, as strcmp(): by the number behind the last
 * dot, which gains a digit after 999999.
 */
extern int	cdc_binlog_file_compare(const char *a, const char *b);

/* Order of two places, as strcmp(). */
extern int	cdc_binlog_position_compare(const char *file_a, int64_t offset_a,
										const char *file_b, int64_t offset_b);

#endif							/* CDC_CORE_BINLOG_POSITION_H */

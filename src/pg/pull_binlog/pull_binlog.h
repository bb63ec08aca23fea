/*-------------------------------------------------------------------------
 *
 * pull_binlog.h
 *	  pull for subscriptions whose source is MySQL or MariaDB.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_BINLOG_PULL_BINLOG_H
#define CDC_PG_PULL_BINLOG_PULL_BINLOG_H

/* From _PG_init(): registers this kind of source. */
extern void cdc_pull_binlog_init(void);

#endif							/* CDC_PG_PULL_BINLOG_PULL_BINLOG_H */

/*-------------------------------------------------------------------------
 *
 * source/mysql_packet.c
 *	  Packets of the protocol, as they come.
 *
 * The libraries' own readers of results believe what a server says about the
 * number of columns and the length of an answer; a hostile one makes them
 * write where they should not, or fill the memory.  So only packets are taken
 * from them, of a size that is given for each.
 *
 *-------------------------------------------------------------------------
 */
#include "source/mysql_internal.h"

#if CDC_LIBMARIADB

bool
cdc_mysql_take_packet(MYSQL *mysql, const uint8_t **packet, size_t *len)
{
	unsigned long n = mysql_net_read_packet(mysql);

	*packet = mysql->net.read_pos;
	*len = n;
	return n != packet_error;
}

#else							/* Oracle's library */

/*
 * Its only function that hands out a packet is that of the binlog's dump, which needs
 * nothing that opening one sets.  It hides what a short end of data says.
 */
bool
cdc_mysql_take_packet(MYSQL *mysql, const uint8_t **packet, size_t *len)
{
	static const uint8_t end[] = {0xFE};
	MYSQL_RPL	rpl = {0};

	if (mysql_binlog_fetch(mysql, &rpl) != 0)
		return false;
	*packet = rpl.size > 0 ? rpl.buffer : end;
	*len = rpl.size > 0 ? rpl.size : sizeof(end);
	return true;
}

#endif

CdcStatus
cdc_mysql_read_packet(CdcMysql *conn, const char *doing, size_t limit,
					  const uint8_t **packet, size_t *len, CdcError *err)
{
	conn->mysql->net.max_packet_size = limit;
	if (!cdc_mysql_take_packet(conn->mysql, packet, len))
		return cdc_mysql_failure(conn, conn->mysql, doing, err);
	return CDC_OK;
}

/*-------------------------------------------------------------------------
 *
 * vector_value.h
 *	  Vectors of MySQL 9 and MariaDB 11.7: numbers of 4 bytes, IEEE 754, little
 *	  endian, as the binlog and SELECT both give them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_VECTOR_VALUE_H
#define CDC_CORE_VECTOR_VALUE_H

#include "value.h"

/*
 * The value, a JSON array, of data[0..len), which it refers to.  CDC_ERR_CORRUPT
 * when that is no vector.
 */
extern CdcStatus cdc_vector_value(const uint8_t *data, size_t len, CdcValue *value,
								  CdcError *err);

#endif							/* CDC_CORE_VECTOR_VALUE_H */

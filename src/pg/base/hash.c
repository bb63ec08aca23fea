/*-------------------------------------------------------------------------
 *
 * hash.c
 *	  Numbers that hashes begin with.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/timestamp.h"

uint64
cdc_hash_seed(void)
{
	static uint64 state = 0;
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	state = cdc_mix_word(state ^ (uint64) GetCurrentTimestamp());
	state = cdc_mix_word(state ^ (uint64) INSTR_TIME_GET_MICROSEC(now) ^ ((uint64) MyProcPid << 40));
	return cdc_mix_word(state ^ (uint64) (uintptr_t) &now);
}

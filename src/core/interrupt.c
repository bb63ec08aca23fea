/*-------------------------------------------------------------------------
 *
 * interrupt.c
 *	  Where loops whose length a source decides can be cancelled; see interrupt.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/interrupt.h"

void		(*cdc_interrupt_hook) (void) = 0;

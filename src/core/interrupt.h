/*-------------------------------------------------------------------------
 *
 * interrupt.h
 *	  Where loops whose length a source decides can be cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_INTERRUPT_H
#define CDC_CORE_INTERRUPT_H

/*
 * What such a loop calls now and then, in the thread of its caller; it may leave the
 * loop by longjmp(), after which what the loop worked on is only good for being
 * destroyed.  NULL: nothing is called.
 */
extern void (*cdc_interrupt_hook) (void);

static inline void
cdc_interrupt_point(void)
{
	if (cdc_interrupt_hook != 0)
		cdc_interrupt_hook();
}

#endif							/* CDC_CORE_INTERRUPT_H */

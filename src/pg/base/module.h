/*-------------------------------------------------------------------------
 *
 * module.h
 *	  What _PG_init() calls: one function a module that has to register
 *	  something when the library is loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MODULE_H
#define CDC_PG_MODULE_H

/* catalog.c: watches for changes of the extension's tables. */
extern void cdc_catalog_init(void);

/* background.c: what is woken at commit. */
extern void cdc_background_init(void);

/* kafka_outbox.c: sends before commit. */
extern void cdc_outbox_init(void);

#endif							/* CDC_PG_MODULE_H */

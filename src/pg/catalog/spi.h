/*-------------------------------------------------------------------------
 *
 * spi.h
 *	  SQL on the extension's own tables: kept plans, run as the extension's
 *	  owner, so that a subscription's owner needs no rights on them.
 *
 * As the statements run with more rights than the caller's while his
 * search_path is in force, each name in them is qualified, operators too:
 * OPERATOR(pg_catalog.=).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_SPI_H
#define CDC_PG_CATALOG_SPI_H

#include "pg/base/compat.h"
#include "executor/spi.h"

/* Where the tables are; nobody else may use it.  Schema cdc has views of them. */
#define CDC_CATALOG_SCHEMA	"cdc_catalog"

#define CDC_STATEMENT_ARGS	16

/* A static one each; the plan is made at first use and kept. */
typedef struct CdcStatement
{
	const char *sql;
	int			nargs;
	Oid			argtypes[CDC_STATEMENT_ARGS];
	SPIPlanPtr	plan;
} CdcStatement;

typedef struct CdcSpi
{
	MemoryContext caller;		/* current at cdc_spi_begin() */
	Oid			userid;			/* whose rights cdc_spi_end() puts back */
	int			sec_context;
} CdcSpi;

/* Connects and becomes the extension's owner; undone by cdc_spi_end() or abort. */
extern void cdc_spi_begin(CdcSpi *spi);
extern void cdc_spi_end(CdcSpi *spi);

/*
 * Runs the statement and returns the number of rows; the result is in
 * SPI_tuptable.  nulls may be NULL.
 */
extern uint64 cdc_spi_execute(CdcStatement *stmt, Datum *values, const char *nulls);

/*
 * The same, begin and end included, for a statement of which only the number
 * of rows matters and whose arguments are all text: as many strings as it has
 * arguments, NULL allowed.
 */
extern uint64 cdc_spi_run(CdcStatement *stmt,...);

/*
 * Fields of the result's rows; columns count from 1.  ERROR where a column has another
 * type than the one that is read: superusers may alter the tables.
 */
extern char *cdc_spi_text(CdcSpi *spi, uint64 row, int column);	/* in spi->caller; NULL for NULL */
extern Datum cdc_spi_datum(uint64 row, int column, Oid type, bool *isnull);
extern int64 cdc_spi_int64(uint64 row, int column); /* 0 for NULL */
extern char **cdc_spi_text_array(CdcSpi *spi, uint64 row, int column, int *n);	/* NULL for NULL */

/* A text datum, or NULL noted in *null ('n' or ' '). */
extern Datum cdc_text_or_null(const char *s, char *null);

/* A text[] of n strings. */
extern Datum cdc_text_array(const char *const *strings, int n);

/* The owner of the extension's tables; ERROR when it is not installed here. */
extern Oid	cdc_extension_owner(void);

#endif							/* CDC_PG_CATALOG_SPI_H */

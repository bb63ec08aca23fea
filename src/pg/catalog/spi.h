/*-------------------------------------------------------------------------
 *
 * spi.h
 *	  SQL from within: statements on the extension's own tables, which run as the
 *	  extension's owner, and statements that run as the current user.
 *
 * The former let a subscription's owner do without rights on those tables.  They
 * run with more rights than the caller has, while the caller's search_path is in
 * force.  So they are constant, and each name in them is qualified, operators too:
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

#define CDC_STATEMENT_ARGS	20

/* A static variable each; the plan is made at first use and kept by the session. */
typedef struct CdcStatement
{
	const char *sql;
	int			nargs;
	Oid			argtypes[CDC_STATEMENT_ARGS];
	SPIPlanPtr	plan;			/* NULL until the first use */
	bool		looks_around;	/* an UPDATE or DELETE that reads more than the rows it changes */
} CdcStatement;

/*
 * As the extension's owner
 */

/* What cdc_spi_end() puts back. */
typedef struct CdcSpi
{
	MemoryContext caller;		/* current at cdc_spi_begin(); texts of results go there */
	Oid			userid;			/* whose rights were in force */
	int			sec_context;
} CdcSpi;

/* ERROR when the extension is not installed in this database. */
extern Oid	cdc_extension_owner(void);

/* Connects to SPI and becomes the extension's owner, until cdc_spi_end() or abort. */
extern void cdc_spi_begin(CdcSpi *spi);
extern void cdc_spi_end(CdcSpi *spi);

/*
 * Runs a statement between begin and end.  Returns the number of rows, which are
 * in SPI_tuptable until the next statement or the end.  nulls has ' ' or 'n' for
 * each argument; it may be NULL.
 */
extern uint64 cdc_spi_execute(CdcStatement *stmt, Datum *values, const char *nulls);

/* The same for a SELECT, as the active snapshot sees the tables: not a newer one. */
extern uint64 cdc_spi_look(CdcStatement *stmt, Datum *values);

/*
 * Begin, execute and end for a statement of which only the number of rows matters,
 * and whose arguments are all text: as many strings as it has arguments, which may
 * be NULL.
 */
extern uint64 cdc_spi_run(CdcStatement *stmt,...);

/* The same for a SELECT of one text: those of all rows, of char *, in the caller's context. */
extern List *cdc_spi_texts(CdcStatement *stmt, Datum *values);

/*
 * Fields of the result's rows; columns count from 1.  Texts and arrays are copied
 * into spi->caller, and are NULL for NULL; cdc_spi_int64() gives 0 for NULL, and
 * the datum of cdc_spi_datum() lives as long as the result.  ERROR where a column has
 * another type than the one that is read: superusers may alter the tables.
 */
extern char *cdc_spi_text(CdcSpi *spi, uint64 row, int column);
extern char **cdc_spi_text_array(CdcSpi *spi, uint64 row, int column, int *n);
extern int64 cdc_spi_int64(uint64 row, int column);
extern Datum cdc_spi_datum(uint64 row, int column, Oid type, bool *isnull);

/* A field's value, what it points to copied into spi->caller; ERROR as above. */
extern Datum cdc_spi_copy(CdcSpi *spi, uint64 row, int column, Oid type, bool *isnull);

/* An argument of type text; for NULL, *null becomes 'n', else ' '. */
extern Datum cdc_text_or_null(const char *s, char *null);

/* An argument of type text[] from n strings. */
extern Datum cdc_text_array(const char *const *strings, int n);
extern Datum cdc_text_list_array(List *strings);	/* of char * */

/*
 * As the current user
 */

/* Connects to SPI, until cdc_spi_disconnect() or abort. */
extern void cdc_spi_connect(void);
extern void cdc_spi_disconnect(void);

/*
 * Options under which a statement is planned, whatever the planner believes about the
 * sizes of its tables; for all that follows until cdc_planner_end() with the level that
 * is returned, or abort.  Those that this server does not have are passed over.
 */
typedef struct CdcPlannerOption
{
	const char *name;
	const char *value;
} CdcPlannerOption;

extern int	cdc_planner_begin(const CdcPlannerOption *options, int n);
extern void cdc_planner_end(int level);

/*
 * Where rows are distributed, segments learn of a worker's lock_timeout here, as they do not by
 * themselves: they wait for locks no longer than the master.  Once a transaction that writes,
 * while no query is open.
 */
extern void cdc_spi_bound_waits(void);

/* Runs one statement that returns no rows; connects and disconnects. */
extern void cdc_spi_command(const char *sql);

#endif							/* CDC_PG_CATALOG_SPI_H */

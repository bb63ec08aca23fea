/*-------------------------------------------------------------------------
 *
 * sum.c
 *	  The number of a range's rows and the sum of their hashes, made at the source by
 *	  SQL, and of the target here.
 *
 * A row's hash is the first 64 bits of MD5 of its text (canonical.h), or of SHA-256 where the
 * source has no MD5 (MySQL 9.6, or where it is forbidden), which costs it half as much again.
 * Texts with the same 64 bits can be made of either; by chance neither has more of them.
 * Hashes are added up, so that neither the order of rows matters nor do two equal ones cancel
 * each other.
 *
 * Sums that are not the same say nothing but that the rows are to be read.  Those that are
 * say that the rows are the same, unless 64 bits agree by chance.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "core/digest.h"
#include "pg/base/compat_value.h"
#include "pg/remote/answer.h"
#include "pg/verify/canonical.h"

/* A column of the text. */
typedef struct SumColumn
{
	const CdcCanonical *canonical;
	CdcCanonicalRules rules;
	int			at;				/* attribute of the target, from 0 */
} SumColumn;

struct CdcVerifySums
{
	char	   *expression;		/* of the source's SQL: a row's hash */
	bool		md5;			/* it is by MD5, not SHA-256 */
	int			ncolumns;
	SumColumn  *columns;
};

static const CdcColumn *
find_source(const CdcTable *table, const char *name)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

/*
 * How many characters the source has room for in the text of a double; 0: as many as there
 * are.  It is asked for the text of one that needs most of them, computed row by row as a
 * column's is.
 */
static int
double_width(CdcVerifyTable *t)
{
	static const char longest[] = "-1.2345678901234567e-100";
	CdcAnswer  *answer = cdc_source_ask(t->verify->control, "the text of a double", 1,
										"SELECT CONCAT(IFNULL((%s+RAND()*0)*1e0,'N'))", longest);
	const char *text = cdc_answer_text(answer, 0, 0);

	return strcmp(text, longest) == 0 ? 0 : (int) strlen(text);
}

/* The columns that the source fills; false: one of them has no text that both sides write. */
static bool
find_columns(CdcVerifyTable *t, CdcVerifySums *sums)
{
	const CdcTarget *target = t->mapping->target;
	int			c;

	sums->columns = palloc0(sizeof(SumColumn) * Max(target->ncolumns, 1));
	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcMappedColumn *mapped = &t->mapping->columns[c];
		const CdcColumn *source;
		SumColumn  *column = &sums->columns[sums->ncolumns];

		if (mapped->by != CDC_BY_COLUMN)
			return false;
		source = find_source(t->table, mapped->source);
		if (source == NULL)
			continue;			/* rows of the source do not have it, whichever way they are read */
		column->canonical = cdc_canonical_find(source, &target->columns[c]);
		column->rules.source = source;
		column->at = target->columns[c].attnum - 1;
		if (column->canonical == NULL)
			return false;
		if (cdc_canonical_is_double(column->canonical))
			column->rules.double_width = double_width(t);
		sums->ncolumns++;
	}
	return sums->ncolumns > 0;
}

/* Whether the source has MD5(), and lets it be used. */
static bool
has_md5(CdcVerifyTable *t)
{
	CdcAnswer  *answer = cdc_source_try_ask(t->verify->control, "an MD5", 1, "SELECT MD5('abc')");
	const char *text = answer != NULL ? cdc_answer_nullable(answer, 0, 0) : NULL;

	return text != NULL && strcmp(text, "900150983cd24fb0d6963f7d28e17f72") == 0;
}

void
cdc_verify_find_sums(CdcVerifyTable *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	CdcVerifySums *sums = palloc0(sizeof(CdcVerifySums));
	StringInfoData sql;
	int			i;

	t->sums = NULL;
	if (t->spans != NULL && GetDatabaseEncoding() == PG_UTF8 && find_columns(t, sums))
	{
		sums->md5 = has_md5(t);
		initStringInfo(&sql);
		appendStringInfo(&sql, "CAST(CONV(LEFT(%s(CONCAT(", sums->md5 ? "MD5" : "SHA2");
		for (i = 0; i < sums->ncolumns; i++)
		{
			const SumColumn *column = &sums->columns[i];

			if (i > 0)
				appendStringInfoChar(&sql, ',');
			cdc_canonical_source(column->canonical, column->rules.source,
								 cdc_source_quote_ident(column->rules.source->name), &sql);
		}
		appendStringInfo(&sql, ")%s),16),16,10) AS UNSIGNED)", sums->md5 ? "" : ",256");
		sums->expression = sql.data;
		t->sums = sums;
	}
	MemoryContextSwitchTo(old);
}

bool
cdc_verify_source_sum(CdcVerifyTable *t, const CdcChunkRange *range, CdcVerifySum *sum)
{
	char	   *sql = psprintf("SELECT COUNT(*), IFNULL(MOD(SUM(%s), 18446744073709551616), 0) FROM %s.%s%s",
							   t->sums->expression, cdc_source_quote_ident(t->table->database),
							   cdc_source_quote_ident(t->table->name),
							   cdc_chunk_rest(t->table, &t->key, range, false));
	CdcAnswer  *answer = cdc_source_try_ask(t->verify->reader, "the sum of a table's rows", 2, sql);
	const char *text;
	char	   *end;

	if (answer == NULL || cdc_answer_rows(answer) != 1)
		return false;
	sum->rows = cdc_answer_int(answer, 0, 0, 0, PG_INT64_MAX);
	text = cdc_answer_text(answer, 0, 1);
	sum->hashes = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

typedef struct Adding
{
	CdcVerifyTable *t;
	CdcVerifySum *sum;
	StringInfoData text;
	MemoryContext row;			/* reset now and then */
} Adding;

/* CdcVerifyVisitor */
static bool
add_row(const Datum *values, const bool *nulls, void *arg)
{
	Adding	   *adding = arg;
	const CdcVerifySums *sums = adding->t->sums;
	MemoryContext old = MemoryContextSwitchTo(adding->row);
	unsigned char digest[Max(CDC_MD5_BYTES, CDC_SHA256_BYTES)];
	uint64		hash = 0;
	int			i;

	resetStringInfo(&adding->text);
	for (i = 0; i < sums->ncolumns; i++)
	{
		const SumColumn *column = &sums->columns[i];

		cdc_canonical_value(column->canonical, &column->rules, values[column->at], nulls[column->at],
							&adding->text);
	}
	if (sums->md5)
		cdc_md5(adding->text.data, adding->text.len, digest);
	else
		cdc_sha256(adding->text.data, adding->text.len, digest);
	for (i = 0; i < (int) sizeof(hash); i++)
		hash = hash << 8 | digest[i];
	adding->sum->hashes += hash;
	MemoryContextSwitchTo(old);
	if (++adding->sum->rows % 256 == 0)
		MemoryContextReset(adding->row);
	return true;
}

void
cdc_verify_target_sum(CdcVerifyTable *t, const CdcVerifySpan *span, CdcVerifySum *sum)
{
	Adding		adding = {t, sum};

	sum->rows = 0;
	sum->hashes = 0;
	initStringInfo(&adding.text);
	adding.row = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify sum", ALLOCSET_DEFAULT_SIZES);
	cdc_verify_scan(t, span, true, add_row, &adding);
	MemoryContextDelete(adding.row);
	pfree(adding.text.data);
}

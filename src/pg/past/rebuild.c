/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  A target as it was at a place: the events from a copy on up to it, by the rules of apply, and
 *	  the source's changes of the table in between, as a target follows them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/past/past_internal.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/apply/apply.h"
#include "pg/evolve/evolve.h"
#include "pg/mapping/mapping.h"

/* The scratch table as the target of the registered one's mapping. */
static void
make_spec(const CdcPast *past, CdcMappingSpec *spec)
{
	const CdcSubscriptionTable *table = past->table;

	memset(spec, 0, sizeof(*spec));
	spec->source_table = table->source_table;
	spec->target = past->scratch_name;
	spec->target_oid = past->scratch;
	spec->mode = table->mode;
	spec->key = table->key;
	spec->nkey = table->nkey;
	spec->columns = table->columns;
	spec->row_filter = table->row_filter;
	spec->keeps_rows = past->options.truncate == CDC_TRUNCATE_IGNORE;
	spec->sources = past->options.sources;
	spec->leaves_out = past->options.ddl == CDC_DDL_IGNORE;
	spec->quiet = true;
	spec->base_seq = past->begin_seq;
}

/* Events behind after, up to upto, between which no change of the table stands. */
static void
replay(const CdcPast *past, int64 after, int64 upto)
{
	const CdcSubscription *sub = past->sub;
	const char *source_table = past->table->source_table;
	CdcMappingSpec spec;
	CdcTableVersion version;

	make_spec(past, &spec);
	while (after < upto)
	{
		CdcTableDef before;
		int64		end;

		CHECK_FOR_INTERRUPTS();
		(void) cdc_table_version_at(sub->name, source_table, after + 1, GetDatabaseEncoding(), &version);
		end = Min(upto, version.next_seq - 1);
		(void) cdc_replay_stretch(sub, &spec, after, end);
		after = end;
		if (after >= upto)
			break;
		before = version.def;
		(void) cdc_table_version_at(sub->name, source_table, after + 1, GetDatabaseEncoding(), &version);
		if (before.ncolumns > 0 && version.def.ncolumns > 0 && !cdc_table_def_same_rows(&before, &version.def))
			cdc_past_refuse(past, after + 1, "no statement tells how");
	}
}

/* The scratch table follows a change, as the target has done it. */
static void
follow(const CdcPast *past, const CdcPendingChange *change)
{
	CdcSubscriptionTable table = *past->table;
	CdcEvolution evolution;
	char	   *reason;

	if (!cdc_past_changes_shape(change))
		return;
	if (change->change.rows != NULL)
		cdc_past_refuse(past, change->from_seq, change->change.rows);
	if (!past->plain)
		cdc_past_refuse(past, change->from_seq, "what the mapping made of it before is not known today");
	memset(&evolution, 0, sizeof(evolution));
	table.target_oid = past->scratch;
	evolution.sub = past->sub;
	evolution.table = &table;
	evolution.change = change;
	evolution.dropped = past->options.drop_column;
	reason = cdc_evolve(&evolution);
	if (reason != NULL)
		cdc_past_refuse(past, change->from_seq, reason);
}

void
cdc_past_rebuild(CdcPast *past)
{
	CdcTableVersion version;
	int64		after = past->begin_seq - 1;
	ListCell   *lc;

	(void) cdc_table_version_at(past->sub->name, past->table->source_table, past->begin_seq, GetDatabaseEncoding(),
								&version);
	if (!past->plain)
		foreach(lc, past->changes)
			if (cdc_past_changes_shape(lfirst(lc)))
				cdc_past_refuse(past, ((CdcPendingChange *) lfirst(lc))->from_seq,
								"its mapping, key, row_filter or option ddl of today need not be those of before");
	cdc_past_scratch_shape(past, &version.def);
	foreach(lc, past->changes)
	{
		const CdcPendingChange *change = lfirst(lc);

		if (change->from_seq > past->shape_seq)
			break;
		replay(past, after, change->from_seq - 1);
		after = Max(after, change->from_seq - 1);
		follow(past, change);
	}
	replay(past, after, past->seq);
}

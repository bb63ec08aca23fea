/*-------------------------------------------------------------------------
 *
 * target.h
 *	  What apply knows of a target: its relation, columns with their
 *	  conversions, key, and the layouts of the events seen so far.  Kept
 *	  between calls; rebuilt when relation or catalogs have changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_TARGET_H
#define CDC_PG_TARGET_TARGET_H

#include "pg/catalog/subscription.h"
#include "access/tupdesc.h"
#include "envelope/envelope.h"
#include "pg/datum/convert.h"
#include "utils/relcache.h"

/* A column of the target that events may fill. */
typedef struct CdcTargetColumn
{
	AttrNumber	attnum;
	char	   *name;
	char	   *source;			/* its name in events */
	size_t		source_len;
	bool		byval;
	int16		len;
	bool		in_key;
	CdcConverter conv;
	CdcColumnHint hint;			/* for envelopes that do not tell types */
} CdcTargetColumn;

/* How values of a key column are hashed and compared. */
typedef enum CdcKeyClass
{
	CDC_KEY_WORD,				/* the Datum itself */
	CDC_KEY_BYTES,				/* the bytes of a varlena */
	CDC_KEY_FIXED,				/* the bytes of a fixed-length type by reference */
	CDC_KEY_FUNCTION			/* by the type's functions */
} CdcKeyClass;

typedef struct CdcKeyColumn
{
	int			column;			/* index in CdcTarget.columns */
	AttrNumber	attnum;
	CdcKeyClass class;
	int16		len;
	Oid			collation;
	FmgrInfo	hash;
	FmgrInfo	equal;
	FmgrInfo	output;
} CdcKeyColumn;

/*
 * Which of the target's columns a row image filled.  Interned: equal ones are
 * the same pointer.
 */
typedef struct CdcPresence
{
	int			id;				/* place in CdcTarget.presences */
	bool		complete;		/* all columns that can be written */
	bool	   *attrs;			/* natts */
} CdcPresence;

/*
 * The keys of a "data" object as stored, and what becomes of each value.  As
 * JSONB sorts keys, all images with the same columns begin with the same
 * bytes.
 */
typedef struct CdcLayout
{
	int			nkeys;
	uint32		keys_len;
	JEntry	   *entries;		/* of the keys */
	char	   *keys;
	int			nops;
	int			nkeyops;		/* behind so many ops the key is complete */
	struct CdcLayoutOp
	{
		int			index;		/* of the pair, ascending */
		int			column;		/* of CdcTarget.columns */
	}		   *ops;
	const CdcPresence *presence;
	bool		has_key;		/* all key columns are in it */
	char	   *stale;			/* a column that the source generates and does not tell, so
								 * that it must not be kept in an update; or NULL */
} CdcLayout;

typedef struct CdcApplyBackend CdcApplyBackend;

typedef struct CdcTarget
{
	char	   *source_table;
	Oid			relid;			/* InvalidOid: history only */
	char	   *name;			/* qualified and quoted */
	MemoryContext cxt;
	bool		stale;
	uint64		run;			/* that used it last: never rebuilt inside one */
	bool		mapped;			/* by a "columns" mapping: the rest is left out */
	TupleDesc	desc;
	int			ncolumns;
	CdcTargetColumn *columns;
	bool		keyless;		/* rows are matched as a whole: key = all columns */
	int			nkey;
	CdcKeyColumn *key;
	Oid			key_index;		/* unique index on exactly the key; or InvalidOid */
	bool		key_by_image;	/* equal keys have equal bytes */
	bool		row_by_row;		/* other unique constraints demand source order */
	const CdcApplyBackend *backend;
	List	   *presences;		/* of CdcPresence * */
	List	   *layouts;		/* of CdcLayout * */
	CdcLayout  *last_layout;
	List	   *plans;			/* of the SQL back-end */
	const CdcPresence *whole;	/* see cdc_target_whole_row(); NULL: not asked for yet */
	struct CdcEnvelopeReader *reader;	/* of the message at hand; NULL: an event of Maxwell's */
} CdcTarget;

/* What cdc.replay gives in place of a row of cdc.subscription_table. */
typedef struct CdcTargetSpec
{
	const char *source_table;
	const char *target;			/* as the user wrote it */
	char	  **key;
	int			nkey;
	Jsonb	   *columns;
} CdcTargetSpec;

/*
 * The target of a source table, its relation locked for writing until the end
 * of the transaction and the current user's rights on it checked.  seq: of the
 * event at hand.
 */
extern CdcTarget *cdc_target_get(const CdcSubscription *sub, const char *source_table,
								 size_t len, int64 seq, uint64 run);

/* ERROR unless the current user may write it. */
extern void cdc_target_check(const CdcTarget *target);

/* One that is not kept; it lives in the current memory context. */
extern CdcTarget *cdc_target_make(const CdcSubscription *sub, const CdcTargetSpec *spec,
								  int64 seq);

/* The layout of an event's row image; made at its first sight. */
extern const CdcLayout *cdc_target_layout(CdcTarget *target, const CdcSubscription *sub,
										  const JsonbContainer *data, int64 seq);

/* The one that fills exactly attrs (natts). */
extern const CdcPresence *cdc_presence_intern(CdcTarget *target, const bool *attrs);

/* The union of two. */
extern const CdcPresence *cdc_presence_union(CdcTarget *target, const CdcPresence *a,
											 const CdcPresence *b);

/*
 * The columns that a document leaves NULL which does not have them: all that events
 * may fill and that may be NULL.
 */
extern const CdcPresence *cdc_target_whole_row(CdcTarget *target);

/* Whether the subscription has the source table, with or without a target. */
extern bool cdc_target_is_registered(const CdcSubscription *sub, const char *source_table);

/* target_envelope.c: CdcHintFunction, by the columns of a CdcTarget. */
extern bool cdc_target_hint(void *target, const char *name, size_t len, CdcColumnHint *hint);

/* Names of its key in events, in UTF-8, palloc'ed; n is 0 where it has none. */
extern CdcString *cdc_target_key_names(const CdcTarget *target, int *n);

/* The topic of a position, "topic/partition@offset"; "" of others. */
extern CdcString cdc_position_topic(const char *position, size_t len);

/* What cdc.table_version knows of a source table's columns as of seq. */
typedef struct CdcSourceColumn
{
	const char *name;
	const char *column_type;
	const char *charset;
	const char *collation;
	int			pk;				/* place in the primary key, 0-based; -1: not in it */
	bool		generated;
	bool		virtual_generated;
	bool		json_check;		/* MariaDB's JSON: longtext with json_valid() */
} CdcSourceColumn;

/* NULL when nothing is known; newest version at or before seq, else the oldest. */
extern CdcSourceColumn *cdc_source_columns(const CdcSubscription *sub, const char *source_table,
										   int64 seq, int *n);

/* ERROR: the target lacks a column; says what to type. */
pg_noreturn extern void cdc_target_missing_column(const CdcTarget *target,
												  const CdcSubscription *sub,
												  const char *source_table, const char *column,
												  const CdcJsonValue *value, int64 seq);

/* ERROR: an event does not have a value that must not stay as it was. */
pg_noreturn extern void cdc_target_stale_column(const CdcTarget *target, const CdcLayout *layout);

#endif							/* CDC_PG_TARGET_TARGET_H */

/*-------------------------------------------------------------------------
 *
 * target.h
 *	  What is known of a target, whatever fills it: its relation, the columns
 *	  that rows may fill, and its key.
 *
 *	  Which source tables fill it, and how, is in mapping.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_TARGET_H
#define CDC_PG_TARGET_TARGET_H

#include "pg/base/compat.h"
#include "lib/stringinfo.h"
#include "access/attnum.h"
#include "fmgr.h"
#include "pg/catalog/subscription.h"
#include "pg/target/presence.h"
#include "utils/relcache.h"

/* A column that rows may fill. */
typedef struct CdcTargetColumn
{
	AttrNumber	attnum;
	char	   *name;
	bool		byval;
	int16		len;			/* pg_attribute.attlen */
	Oid			typid;
	int32		typmod;
	Oid			basetype;		/* typid, below domains */
	bool		in_key;
} CdcTargetColumn;

/* How values of a key column are hashed and compared. */
typedef enum CdcKeyClass
{
	CDC_KEY_WORD,				/* the Datum itself */
	CDC_KEY_BYTES,				/* the bytes of a varlena */
	CDC_KEY_FIXED,				/* the bytes of a fixed-length type by reference */
	CDC_KEY_FUNCTION			/* by the type's functions */
} CdcKeyClass;

/* How messages show values of a key column. */
typedef enum CdcKeyShown
{
	CDC_KEY_NOT_SHOWN,			/* by functions that users may have made, or by catalogs */
	CDC_KEY_SHOWN_TEXT,			/* as they are stored */
	CDC_KEY_SHOWN_OUTPUT		/* by the type's output function, which is harmless */
} CdcKeyShown;

typedef struct CdcKeyColumn
{
	int			column;			/* index in CdcTarget.columns */
	AttrNumber	attnum;
	CdcKeyClass class;
	int16		len;			/* of CDC_KEY_FIXED, in bytes */
	Oid			collation;
	FmgrInfo	hash;			/* of CDC_KEY_FUNCTION, as equal */
	FmgrInfo	equal;
	CdcKeyShown shown;			/* in messages */
	FmgrInfo	output;			/* of CDC_KEY_SHOWN_OUTPUT */
	Oid			index_equal;	/* operator, of the class of the key's index; InvalidOid: no index */
} CdcKeyColumn;

typedef struct CdcTarget
{
	/* the relation */
	Oid			relid;
	char	   *name;			/* qualified and quoted */
	MemoryContext cxt;			/* of the target and all that hangs on it */
	TupleDesc	desc;			/* a copy */

	/* its columns that rows may fill */
	int			ncolumns;
	CdcTargetColumn *columns;
	CdcPresences presences;
	const CdcPresence *whole;	/* see cdc_target_whole_row(); NULL: not asked for yet */

	/* its key; without one rows are matched as a whole: the key is all columns */
	bool		keyless;
	int			nkey;
	CdcKeyColumn *key;
	bool		key_by_image;	/* equal keys have equal bytes */
	Oid			key_index;		/* unique index on exactly the key, or InvalidOid */
	bool		row_by_row;		/* other unique constraints demand source order */
	char	   *own_rows;		/* SQL condition of the rows that its source table fills; NULL: all */
	const char *alive;			/* ... of those of them that the source has, as its mode keeps others; NULL: all */

	/*
	 * What the user of the target keeps with it, such as plans; release, where
	 * it is set, frees what does not live in cxt.
	 */
	void	   *kept;
	void		(*release_kept) (void *kept);
} CdcTarget;

/*
 * A target without columns, in the current memory context, which has to live as
 * long as the target.
 */
extern CdcTarget *cdc_target_create(Relation rel);

/* Adds a column of the relation; returns its index in CdcTarget.columns. */
extern int	cdc_target_add_column(CdcTarget *target, Form_pg_attribute att);

/*
 * Sets the key to these attributes (a list of int); NIL: the target has none.
 * Looks for its index.  ERROR where a column of it cannot be compared.
 */
extern void cdc_target_set_key(CdcTarget *target, Relation rel, List *attnums);

/* The attributes of the relation's primary key; NIL where rows do not fill all of it. */
extern List *cdc_target_primary_key(const CdcTarget *target, Relation rel);

/* The name of the relation's primary key, palloc'ed; NULL: it has none.  The relation is locked. */
extern char *cdc_target_primary_key_name(Oid relid);

/*
 * With whose rights a target is written, and which of its triggers fire.
 *
 * As in PostgreSQL 16 a target is written as its owner where the subscription's owner
 * may become that role, so that what he put on his table (triggers, defaults, checks,
 * domains) gets no rights of the subscription's owner.  Else it is written as the
 * subscription's owner, like any table of others that one may write to.
 *
 * Foreign keys and triggers are passed over, as by a replica, where the subscription's
 * owner could switch them off himself because he has the rights of the table's owner.
 */
typedef struct CdcTargetRights
{
	Oid			writer;
	bool		replica;		/* only triggers that are ENABLEd REPLICA or ALWAYS fire */
	bool		replica_role;	/* session_replication_role may be replica meanwhile: the code
								 * that runs then is a superuser's, or a superuser wants it so */
} CdcTargetRights;

extern void cdc_target_rights(Oid relid, const CdcSubscription *sub, CdcTargetRights *rights);

/*
 * ERROR unless the target is a table that a subscription may fill, of which the writer
 * may write all rows.
 */
extern void cdc_target_check(const CdcTarget *target, const CdcSubscription *sub);

/*
 * The columns that a document leaves NULL which does not have them: all that rows
 * may fill and that may be NULL.
 */
extern const CdcPresence *cdc_target_whole_row(CdcTarget *target);

/* SQL condition of the rows that the source table has, palloc'ed; NULL: all rows. */
extern char *cdc_target_live_rows(const CdcTarget *target);

/*
 * Forgets which columns rows had so far, and what the target's user keeps with it.
 * No row and no layout may be left that says so.
 */
extern void cdc_target_forget_presences(CdcTarget *target);

/* Frees what the target's user keeps with it, before its memory context goes. */
extern void cdc_target_release(CdcTarget *target);

/*
 * For messages: a key's value, of a type whose output function is harmless, and
 * any text, cut where it is long.
 */
extern void cdc_key_append_value(StringInfo text, const CdcKeyColumn *key, Datum value);
extern void cdc_append_clipped(StringInfo text, const char *value, size_t len);

#endif							/* CDC_PG_TARGET_TARGET_H */

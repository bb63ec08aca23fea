/*-------------------------------------------------------------------------
 *
 * content.c
 *	  What the source's definition says of the values of a column.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/expression/content.h"

#include "core/geometry.h"

CdcContentKind
cdc_content_kind(const CdcTableDef *def, const char *name)
{
	static const struct
	{
		const char *prefix;
		CdcContentKind kind;
	}			kinds[] = {
		{"char", CDC_SOURCE_TEXT}, {"varchar", CDC_SOURCE_TEXT}, {"text", CDC_SOURCE_TEXT},
		{"tinytext", CDC_SOURCE_TEXT}, {"mediumtext", CDC_SOURCE_TEXT},
		{"longtext", CDC_SOURCE_TEXT}, {"enum", CDC_SOURCE_TEXT}, {"json", CDC_SOURCE_JSON}, {"string", CDC_SOURCE_STRING},
		{"binary", CDC_SOURCE_BINARY}, {"varbinary", CDC_SOURCE_BINARY},
		{"blob", CDC_SOURCE_BINARY}, {"tinyblob", CDC_SOURCE_BINARY},
		{"mediumblob", CDC_SOURCE_BINARY}, {"longblob", CDC_SOURCE_BINARY}
	};
	int			i;
	size_t		k;

	for (i = 0; i < def->ncolumns; i++)
	{
		const char *type = def->columns[i].column_type;
		size_t		len;

		if (strcmp(def->columns[i].name, name) != 0)
			continue;
		/* a document is a text there, whatever a JSON string in it may look like */
		if (def->columns[i].json_check)
			return CDC_SOURCE_TEXT;
		len = strcspn(type, "( ");
		if (cdc_is_geometry_type(pnstrdup(type, len)))
			return CDC_SOURCE_GEOMETRY;
		for (k = 0; k < lengthof(kinds); k++)
			if (strlen(kinds[k].prefix) == len && strncmp(kinds[k].prefix, type, len) == 0)
				return kinds[k].kind;
		return CDC_SOURCE_OTHER;
	}
	return CDC_SOURCE_UNKNOWN;
}

/*-------------------------------------------------------------------------
 *
 * index_name.c
 *	  Names of Elasticsearch's indexes: what they can be.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include <locale.h>
#include <wchar.h>
#include <wctype.h>

#include "mb/pg_wchar.h"

#include "pg/base/utf8.h"

/* Elasticsearch's limit, in bytes. */
#define INDEX_NAME_MAX	255

/*
 * Lower case by Unicode, whatever locale the database has: as the server compares names
 * with Java's toLowerCase().
 */
static wint_t
lower(wint_t c)
{
	static locale_t unicode = (locale_t) 0;
	static bool asked = false;

	if (!asked)
	{
		asked = true;
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
		if (unicode == (locale_t) 0)
			unicode = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", (locale_t) 0);
	}
	if (unicode != (locale_t) 0)
		return towlower_l(c, unicode);
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* The text in lower case; palloc'ed.  It is UTF-8. */
static char *
lower_text(const char *text)
{
	size_t		len = strlen(text);
	char	   *result = palloc(len * 2 + 8);
	char	   *to = result;
	const unsigned char *p = (const unsigned char *) text;

	while (*p != '\0')
	{
		int			n = pg_utf_mblen(p);
		unsigned char buf[8];

		unicode_to_utf8((pg_wchar) lower((wint_t) utf8_to_unicode(p)), buf);
		memcpy(to, buf, pg_utf_mblen(buf));
		to += pg_utf_mblen(buf);
		p += n;
	}
	*to = '\0';
	return result;
}

/* What names of indexes cannot have becomes a '_'. */
static void
clean(char *name)
{
	char	   *p;

	for (p = name; *p != '\0'; p++)
		if (strchr("\\/*?\"<>| ,#:", *p) != NULL || (unsigned char) *p < 0x20)
			*p = '_';
}

/* Why no index can have that name; NULL: one can. */
static const char *
name_trouble(const char *name)
{
	if (name[0] == '\0')
		return "It is empty.";
	if (strchr("-_+", name[0]) != NULL)
		return "It must not begin with '-', '_' or '+'.";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "It must not be \".\" or \"..\".";
	if (strlen(name) > INDEX_NAME_MAX)
		return "It has more than 255 bytes.";
	return NULL;
}

void
cdc_publish_check_index(const char *template)
{
	const char *begin = strstr(template, "${");
	char	   *fixed = lower_text(begin != NULL ? pnstrdup(template, begin - template) : template);
	const char *trouble = name_trouble(fixed);

	/* what begins with a name is looked at when that is known */
	if (begin == template)
		trouble = NULL;
	if (trouble == NULL && strpbrk(begin == NULL ? fixed : "", "\\/*?\"<>| ,#:") != NULL)
		trouble = "It has one of the characters \\ / * ? \" < > | , # : or a space.";
	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"index\" gives a name that no index of Elasticsearch can have: \"%s\"",
						cdc_from_utf8_copy(template)),
				 errdetail("%s", trouble)));
}

char *
cdc_publish_index_name(const CdcPublisher *publisher, const CdcPublishEvent *event,
					   const CdcPublishKey *key, const CdcPublishRow *row)
{
	char	   *name = lower_text(cdc_publish_expand(publisher->publication->opt.index_template,
													 event, key, row));
	const char *trouble;

	clean(name);
	trouble = name_trouble(name);
	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("no index of Elasticsearch can have the name \"%s\"", cdc_from_utf8_copy(name)),
				 errdetail("%s", trouble),
				 errhint("Call cdc.publish() with another option \"index\", for example 'x-${database}-${table}'.")));
	return name;
}

/*-------------------------------------------------------------------------
 *
 * image_walk.c
 *	  A walk over the columns of a row's image, in whichever way the envelope
 *	  has them.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

void
cdc_image_begin(const CdcEnvelope *env, const CdcImage *image, CdcImageIter *iter)
{
	const CdcDoc *walked = &image->values;

	memset(iter, 0, sizeof(*iter));
	iter->image = image;
	if (image->values.type == CDC_DOC_NULL)
		return;
	if (image->names.type == CDC_DOC_ARRAY)
	{
		cdc_doc_begin(&image->names, &iter->names);
		if (image->types.type == CDC_DOC_ARRAY)
			cdc_doc_begin(&image->types, &iter->types);
	}
	else if (env->fields.type == CDC_DOC_ARRAY)
		walked = iter->fields = &env->fields;
	cdc_doc_begin(walked, &iter->iter);
}

/* The next of two arrays beside each other. */
static bool
next_of_arrays(CdcImageIter *iter, CdcString *name, CdcDoc *value, CdcDoc *type)
{
	const CdcImage *image = iter->image;
	CdcString	ignored;
	CdcDoc		name_value;

	for (;;)
	{
		if (!cdc_doc_next(&iter->names, &ignored, &name_value) ||
			!cdc_doc_next(&iter->iter, &ignored, value))
			return false;
		if (image->types.type == CDC_DOC_ARRAY &&
			!cdc_doc_next(&iter->types, &ignored, type))
			cdc_doc_set_null(type);
		if (name_value.type == CDC_DOC_STRING)
		{
			*name = name_value.string;
			return true;
		}
	}
}

bool
cdc_image_next(CdcImageIter *iter, CdcString *name, CdcDoc *value, CdcDoc *field)
{
	const CdcImage *image = iter->image;
	CdcString	ignored;

	cdc_doc_set_null(field);
	if (image->values.type == CDC_DOC_NULL)
		return false;
	if (image->names.type == CDC_DOC_ARRAY)
		return next_of_arrays(iter, name, value, field);
	if (iter->fields == NULL)
	{
		while (cdc_doc_next(&iter->iter, name, value))
			if (image->skip == NULL || !image->skip(*name, value))
				return true;
		return false;
	}
	while (cdc_doc_next(&iter->iter, &ignored, field))
	{
		*name = cdc_doc_find_string(field, "field");
		if (cdc_doc_get(&image->values, name->data, name->len, value) &&
			(image->skip == NULL || !image->skip(*name, value)))
			return true;
	}
	return false;
}

bool
cdc_image_find(const CdcImage *image, CdcString name, CdcDoc *value)
{
	CdcImageIter iter;
	CdcEnvelope none;
	CdcString	other;
	CdcDoc		field;

	if (image->values.type == CDC_DOC_NULL)
		return false;
	if (image->names.type != CDC_DOC_ARRAY)
		return cdc_doc_get(&image->values, name.data, name.len, value) &&
			(image->skip == NULL || !image->skip(name, value));
	memset(&none, 0, sizeof(none));
	cdc_image_begin(&none, image, &iter);
	while (cdc_image_next(&iter, &other, value, &field))
		if (other.len == name.len && memcmp(other.data, name.data, name.len) == 0)
			return true;
	return false;
}

bool
cdc_image_covers(const CdcImage *image, const CdcImage *other)
{
	CdcImageIter iter;
	CdcEnvelope none;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		field;

	memset(&none, 0, sizeof(none));
	cdc_image_begin(&none, other, &iter);
	while (cdc_image_next(&iter, &name, &value, &field))
		if (!cdc_image_find(image, name, &value))
			return false;
	return true;
}

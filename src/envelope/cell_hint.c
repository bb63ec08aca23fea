/*-------------------------------------------------------------------------
 *
 * cell_hint.c
 *	  In which form a value is of which the envelope tells no type: by what the
 *	  receiver's column expects.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_hint.h"

/*
 * Decimals are base64 unless the connector was told to make strings.  Base64 has
 * neither point nor sign.  Digits alone may be either where there is nothing behind the
 * point: they are numbers where base64 could not be read, or not without a scale.
 */
static CdcCellForm
decimal_form(CdcString text, int scale)
{
	bool		digits = true;
	size_t		i;

	for (i = 0; i < text.len; i++)
	{
		if (text.data[i] == '.' || text.data[i] == '-')
			return CDC_CELL_NUMBER_TEXT;
		if (text.data[i] < '0' || text.data[i] > '9')
			digits = false;
	}
	if (digits && scale == 0 && text.len > 0)
		return text.len % 4 != 0 ? CDC_CELL_NUMBER_TEXT : CDC_CELL_UNCLEAR_DIGITS;
	if (scale >= 0)
		return CDC_CELL_DECIMAL_BYTES;
	return digits ? CDC_CELL_NUMBER_TEXT : CDC_CELL_UNCLEAR;
}

bool
cdc_cell_wrapped(const CdcColumnHint *hint, const CdcDoc *value)
{
	int64_t		n;

	return hint->kind == CDC_HINT_DECIMAL && hint->precision == 20 && hint->scale == 0 &&
		value->type == CDC_DOC_NUMBER && cdc_doc_int64(value, &n) && n < 0;
}

void
cdc_cell_by_hint(const CdcColumnHint *hint, const CdcDoc *value, CdcCellType *type)
{
	bool		number = value->type == CDC_DOC_NUMBER;

	CdcDoc		wkb;

	type->form = CDC_CELL_AS_IS;
	type->fsp = hint->fsp;
	if (hint->kind != CDC_HINT_JSON && cdc_doc_find_type(value, "wkb", CDC_DOC_STRING, &wkb))
	{
		type->form = CDC_CELL_GEOMETRY;
		type->bytes = hint->kind == CDC_HINT_BYTES;
		type->ewkb = type->bytes || hint->kind == CDC_HINT_GEOMETRY;
		type->hex = hint->kind == CDC_HINT_OTHER;
		return;
	}
	switch (hint->kind)
	{
		case CDC_HINT_DATE:
			type->form = number ? CDC_CELL_DATE_DAYS : CDC_CELL_DATETIME_TEXT;
			break;
		case CDC_HINT_DATETIME:
		case CDC_HINT_TIMESTAMP:
			if (!number)
				type->form = CDC_CELL_DATETIME_TEXT;
			else
				type->form = hint->fsp < 0 ? CDC_CELL_UNCLEAR : CDC_CELL_DATETIME_NUMBER;
			break;
		case CDC_HINT_TIME:
			type->form = number ? CDC_CELL_TIME_MICROS : CDC_CELL_TIME_TEXT;
			break;
		case CDC_HINT_DECIMAL:
			if (cdc_cell_wrapped(hint, value))
			{
				type->form = CDC_CELL_UNCLEAR;
				type->wrapped = true;
			}
			else if (value->type == CDC_DOC_OBJECT)
				type->form = CDC_CELL_DECIMAL_STRUCT;
			else if (value->type == CDC_DOC_STRING)
			{
				type->form = decimal_form(value->string, hint->scale);
				type->scale = hint->scale;
			}
			break;
		case CDC_HINT_BIT:
			type->form = CDC_CELL_BITS;
			type->scale = 0;
			break;
		case CDC_HINT_ARRAY:
			type->form = CDC_CELL_SET_TEXT;
			break;
		case CDC_HINT_JSON:
			type->form = CDC_CELL_JSON_TEXT;
			break;
		default:
			break;
	}
}

void
cdc_cell_by_text_hint(const CdcColumnHint *hint, const CdcDoc *value, bool json_text,
					  CdcCellType *type)
{
	(void) value;
	type->form = CDC_CELL_AS_IS;
	type->fsp = hint->fsp;
	switch (hint->kind)
	{
		case CDC_HINT_DATE:
		case CDC_HINT_DATETIME:
		case CDC_HINT_TIMESTAMP:
			type->form = CDC_CELL_DATETIME_TEXT;
			break;
		case CDC_HINT_TIME:
			type->form = CDC_CELL_TIME_TEXT;
			break;
		case CDC_HINT_INTEGER:
		case CDC_HINT_DECIMAL:
			type->form = CDC_CELL_NUMBER_TEXT;
			break;
		case CDC_HINT_JSON:
			type->form = json_text ? CDC_CELL_JSON_TEXT : CDC_CELL_AS_IS;
			break;
		default:
			break;
	}
}

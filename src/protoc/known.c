/*-------------------------------------------------------------------------
 *
 * known.c
 *	  Files that schemas import without bringing them, beside those of
 *	  google/protobuf, which libprotobuf has itself: Google's common types, and what
 *	  the converters of Confluent's registry import.
 *
 * Facts of format: names, types and numbers of the fields of these types.
 *
 *-------------------------------------------------------------------------
 */
#include "protoc/protoc.h"

#define FILE_OF(name, text)	{name, "syntax = \"proto3\";\n" text, sizeof("syntax = \"proto3\";\n" text) - 1}
#define GOOGLE_TYPE(name, text) \
	FILE_OF("google/type/" name ".proto", "package google.type;\n" text)

const CdcProtoFile cdc_protoc_known_files[] = {
	FILE_OF("confluent/meta.proto",
			"package confluent;\n"
			"import \"google/protobuf/descriptor.proto\";\n"
			"message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }\n"
			"extend google.protobuf.FileOptions { Meta file_meta = 1088; }\n"
			"extend google.protobuf.MessageOptions { Meta message_meta = 1088; }\n"
			"extend google.protobuf.FieldOptions { Meta field_meta = 1088; }\n"
			"extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }\n"
			"extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }\n"),
	FILE_OF("confluent/type/decimal.proto",
			"package confluent.type;\n"
			"message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }\n"),
	GOOGLE_TYPE("calendar_period",
				"enum CalendarPeriod { CALENDAR_PERIOD_UNSPECIFIED = 0; DAY = 1; WEEK = 2; FORTNIGHT = 3;"
				" MONTH = 4; QUARTER = 5; HALF = 6; YEAR = 7; }\n"),
	GOOGLE_TYPE("color",
				"import \"google/protobuf/wrappers.proto\";\n"
				"message Color { float red = 1; float green = 2; float blue = 3;"
				" google.protobuf.FloatValue alpha = 4; }\n"),
	GOOGLE_TYPE("date", "message Date { int32 year = 1; int32 month = 2; int32 day = 3; }\n"),
	GOOGLE_TYPE("datetime",
				"import \"google/protobuf/duration.proto\";\n"
				"message DateTime { int32 year = 1; int32 month = 2; int32 day = 3; int32 hours = 4;"
				" int32 minutes = 5; int32 seconds = 6; int32 nanos = 7;"
				" oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; } }\n"
				"message TimeZone { string id = 1; string version = 2; }\n"),
	GOOGLE_TYPE("dayofweek",
				"enum DayOfWeek { DAY_OF_WEEK_UNSPECIFIED = 0; MONDAY = 1; TUESDAY = 2; WEDNESDAY = 3;"
				" THURSDAY = 4; FRIDAY = 5; SATURDAY = 6; SUNDAY = 7; }\n"),
	GOOGLE_TYPE("decimal", "message Decimal { string value = 1; }\n"),
	GOOGLE_TYPE("expr",
				"message Expr { string expression = 1; string title = 2; string description = 3;"
				" string location = 4; }\n"),
	GOOGLE_TYPE("fraction", "message Fraction { int64 numerator = 1; int64 denominator = 2; }\n"),
	GOOGLE_TYPE("interval",
				"import \"google/protobuf/timestamp.proto\";\n"
				"message Interval { google.protobuf.Timestamp start_time = 1;"
				" google.protobuf.Timestamp end_time = 2; }\n"),
	GOOGLE_TYPE("latlng", "message LatLng { double latitude = 1; double longitude = 2; }\n"),
	GOOGLE_TYPE("localized_text",
				"message LocalizedText { string text = 1; string language_code = 2; }\n"),
	GOOGLE_TYPE("money",
				"message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }\n"),
	GOOGLE_TYPE("month",
				"enum Month { MONTH_UNSPECIFIED = 0; JANUARY = 1; FEBRUARY = 2; MARCH = 3; APRIL = 4;"
				" MAY = 5; JUNE = 6; JULY = 7; AUGUST = 8; SEPTEMBER = 9; OCTOBER = 10; NOVEMBER = 11;"
				" DECEMBER = 12; }\n"),
	GOOGLE_TYPE("phone_number",
				"message PhoneNumber { message ShortCode { string region_code = 1; string number = 2; }"
				" oneof kind { string e164_number = 1; ShortCode short_code = 2; }"
				" string extension = 3; }\n"),
	GOOGLE_TYPE("postal_address",
				"message PostalAddress { int32 revision = 1; string region_code = 2;"
				" string language_code = 3; string postal_code = 4; string sorting_code = 5;"
				" string administrative_area = 6; string locality = 7; string sublocality = 8;"
				" repeated string address_lines = 9; repeated string recipients = 10;"
				" string organization = 11; }\n"),
	GOOGLE_TYPE("quaternion",
				"message Quaternion { double x = 1; double y = 2; double z = 3; double w = 4; }\n"),
	GOOGLE_TYPE("timeofday",
				"message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3;"
				" int32 nanos = 4; }\n"),
	{NULL, NULL, 0}
};

/*-------------------------------------------------------------------------
 *
 * protoc.cc
 *	  Text of .proto files to descriptors, by libprotobuf's own parser.
 *
 *	  The parser and the pool of descriptors are made for people's own schemas; here
 *	  they come from outside.  What could grow without a bound, or recurse, is looked at
 *	  before they see it: the texts' length, levels of braces, lengths of names, which are
 *	  kept in full for each thing in them.  What does not say how bytes are to be read is
 *	  taken away: services, reserved numbers, and options, which could be of
 *	  extensions that nobody brought.  So a schema is read in a second at most, which
 *	  nothing can cancel.
 *
 *-------------------------------------------------------------------------
 */
#include "protoc/protoc.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

/* These are libprotobuf's before it took up Abseil, whose interfaces differ. */
#if GOOGLE_PROTOBUF_VERSION >= 4022000
#error "this file is for libprotobuf 3.6 to 3.21: build with WITH_PROTOBUF=no"
#endif

namespace pb = google::protobuf;

namespace
{

/* Bytes of all full names, and of what is returned. */
const size_t MAX_NAMES = 32 * 1024 * 1024;

/* Ranges of numbers for extensions in a file: each extension is looked for in all of them. */
const int	MAX_RANGES = 1000;

/* What is wrong with a schema. */
struct Refusal
{
	CdcStatus	status;
	std::string what;
};

[[noreturn]] void
refuse(const std::string &what)
{
	throw Refusal{CDC_ERR_VALUE, what};
}

[[noreturn]] void
too_large(const std::string &what)
{
	throw Refusal{CDC_ERR_LIMIT, what};
}

/* libprotobuf writes to stderr by itself; of this thread's schemas it does not. */
class Silence
{
public:
	Silence() : former(pb::SetLogHandler(nullptr)) {}
	~Silence() { pb::SetLogHandler(former); }
private:
	pb::LogHandler *former;
};

/* Keeps the first error of a text. */
class TextErrors : public pb::io::ErrorCollector
{
public:
	explicit TextErrors(const std::string &file) : file(file) {}

	void AddError(int line, int column, const std::string &message) override
	{
		if (first.empty())
			first = file + ":" + std::to_string(line + 1) + ":" + std::to_string(column + 1) +
				": " + message;
	}

	std::string first;
private:
	std::string file;
};

/* Keeps the first error of descriptors. */
class PoolErrors : public pb::DescriptorPool::ErrorCollector
{
public:
	void AddError(const std::string &file, const std::string &element, const pb::Message *,
				  ErrorLocation, const std::string &message) override
	{
		if (first.empty())
			first = file + ": " + element + ": " + message;
	}

	std::string first;
};

/* ---- before the parser ---- */

/* Levels of brackets outside of strings and comments. */
void
check_depth(const char *p, const char *end)
{
	int			depth = 0;

	for (; p < end; p++)
	{
		if (*p == '"' || *p == '\'')
		{
			char		quote = *p;

			for (p++; p < end && *p != quote && *p != '\n'; p++)
				if (*p == '\\' && p + 1 < end)
					p++;
		}
		else if (*p == '/' && p + 1 < end && p[1] == '/')
		{
			while (p < end && *p != '\n')
				p++;
		}
		else if (*p == '/' && p + 1 < end && p[1] == '*')
		{
			for (p += 2; p + 1 < end && !(p[0] == '*' && p[1] == '/'); p++)
				;
			p++;
		}
		else if (*p == '{' || *p == '[' || *p == '<' || *p == '(')
		{
			if (++depth > CDC_PROTOC_MAX_DEPTH)
				too_large("It is nested more than " + std::to_string(CDC_PROTOC_MAX_DEPTH) + " levels deep");
		}
		else if ((*p == '}' || *p == ']' || *p == '>' || *p == ')') && depth > 0)
			depth--;
	}
}

/* ---- between parser and pool ---- */

/* Keeps of the options that are not known yet those by the name. */
template<class Options> void
keep_option(Options *options, const char *extension, const char *plain)
{
	Options		kept;

	for (const pb::UninterpretedOption &option : options->uninterpreted_option())
	{
		if (option.name_size() == 0)
			continue;
		const pb::UninterpretedOption::NamePart &first = option.name(0);
		const char *wanted = first.is_extension() ? extension : plain;
		std::string name = first.name_part();

		if (first.is_extension() && !name.empty() && name[0] == '.')
			name.erase(0, 1);
		if (wanted != nullptr && name == wanted)
			*kept.add_uninterpreted_option() = option;
	}
	*options = kept;
}

/* Leaves what says how bytes are read, and counts the bytes of full names. */
class Pruner
{
public:
	void file(pb::FileDescriptorProto *file)
	{
		size_t		scope = file->package().size();

		file->clear_service();
		file->clear_options();
		file->clear_source_code_info();
		for (int i = 0; i < file->message_type_size(); i++)
			message(file->mutable_message_type(i), scope);
		for (int i = 0; i < file->enum_type_size(); i++)
			enumeration(file->mutable_enum_type(i), scope);
		for (int i = 0; i < file->extension_size(); i++)
			field(file->mutable_extension(i), scope);
	}

private:
	size_t		names = 0;
	int			ranges = 0;

	void name(size_t scope, const std::string &own)
	{
		names += scope + own.size() + 1;
		if (names > MAX_NAMES)
			too_large("The full names in it have more than 32 MB");
	}

	void field(pb::FieldDescriptorProto *field, size_t scope)
	{
		name(scope, field->name());
		if (field->has_options())
			keep_option(field->mutable_options(), "confluent.field_meta", nullptr);
	}

	void enumeration(pb::EnumDescriptorProto *type, size_t scope)
	{
		name(scope, type->name());
		type->clear_reserved_range();
		type->clear_reserved_name();
		if (type->has_options())
			keep_option(type->mutable_options(), nullptr, "allow_alias");
		for (int i = 0; i < type->value_size(); i++)
		{
			/* a value's full name has no name of its type */
			name(scope, type->value(i).name());
			type->mutable_value(i)->clear_options();
		}
	}

	void message(pb::DescriptorProto *type, size_t scope)
	{
		name(scope, type->name());
		scope += type->name().size() + 1;
		type->clear_reserved_range();
		type->clear_reserved_name();
		/* a map's entry has the option already; what is read of others is how their bytes are */
		if (type->has_options() && !type->options().map_entry())
			keep_option(type->mutable_options(), nullptr, "message_set_wire_format");
		ranges += type->extension_range_size();
		if (ranges > MAX_RANGES)
			too_large("There are more than " + std::to_string(MAX_RANGES) + " ranges of extensions");
		for (int i = 0; i < type->extension_range_size(); i++)
			type->mutable_extension_range(i)->clear_options();
		for (int i = 0; i < type->oneof_decl_size(); i++)
		{
			name(scope, type->oneof_decl(i).name());
			type->mutable_oneof_decl(i)->clear_options();
		}
		for (int i = 0; i < type->field_size(); i++)
			field(type->mutable_field(i), scope);
		for (int i = 0; i < type->extension_size(); i++)
			field(type->mutable_extension(i), scope);
		for (int i = 0; i < type->enum_type_size(); i++)
			enumeration(type->mutable_enum_type(i), scope);
		for (int i = 0; i < type->nested_type_size(); i++)
			message(type->mutable_nested_type(i), scope);
	}
};

/* ---- files and what they import ---- */

class Schema
{
public:
	Schema(const CdcProtoFile *files, int n) :
		pool(pb::DescriptorPool::generated_pool()), last(files[n - 1].name)
	{
		size_t		bytes = 0;

		for (const CdcProtoFile *file = cdc_protoc_known_files; file->name != nullptr; file++)
			texts[file->name] = file;
		for (int i = 0; i < n; i++)
		{
			bytes += files[i].len;
			if (bytes > CDC_PROTOC_MAX_TEXT || files[i].len > CDC_PROTOC_MAX_TEXT)
				too_large("It has, with what it imports, more than 1 MB");
			texts[files[i].name] = &files[i];
		}
	}

	std::string descriptors()
	{
		pb::FileDescriptorSet set;
		std::set<const pb::FileDescriptor *> added;
		std::string result;

		const pb::FileDescriptor *root = build(last);

		check_size(root, added);
		added.clear();
		add(root, added, &set);
		if (!set.SerializeToString(&result))
			too_large("Its descriptors have more than 2 GB");
		return result;
	}

private:
	pb::DescriptorPool pool;
	std::string last;
	std::map<std::string, const CdcProtoFile *> texts;
	std::set<std::string> open;
	Pruner		pruner;
	size_t		size = 0;

	/* The file in the pool, after those that it imports. */
	const pb::FileDescriptor *build(const std::string &name)
	{
		const pb::FileDescriptor *found = pool.FindFileByName(name);
		auto		file = texts.find(name);

		if (found != nullptr && name != last)
			return found;
		if (file == texts.end())
			refuse("It imports \"" + name.substr(0, 200) + "\", which is not among its references, nor one of those that everybody has");
		if (!open.insert(name).second)
			refuse("\"" + name.substr(0, 200) + "\" imports itself");

		pb::FileDescriptorProto parsed;

		parse(*file->second, &parsed);
		for (const std::string &import : parsed.dependency())
			build(import);
		pruner.file(&parsed);

		PoolErrors	errors;

		found = pool.BuildFileCollectingErrors(parsed, &errors);
		if (found == nullptr)
			refuse(errors.first.empty() ? "It cannot be made out" : errors.first);
		open.erase(name);
		return found;
	}

	void parse(const CdcProtoFile &file, pb::FileDescriptorProto *parsed)
	{
		TextErrors	errors(file.name);
		pb::io::ArrayInputStream input(file.text, static_cast<int>(file.len));
		pb::io::Tokenizer tokens(&input, &errors);
		pb::compiler::Parser parser;

		check_depth(file.text, file.text + file.len);
		parser.RecordErrorsTo(&errors);
		if (!parser.Parse(&tokens, parsed) || !errors.first.empty())
			refuse(errors.first.empty() ? "It cannot be made out" : errors.first);
		parsed->set_name(file.name);
	}

	/* A type's full name stands at each field that is of it. */
	void count(const pb::Descriptor *type)
	{
		for (int i = 0; i < type->field_count(); i++)
			count(type->field(i));
		for (int i = 0; i < type->extension_count(); i++)
			count(type->extension(i));
		for (int i = 0; i < type->nested_type_count(); i++)
			count(type->nested_type(i));
	}

	void count(const pb::FieldDescriptor *field)
	{
		if (field->message_type() != nullptr)
			size += field->message_type()->full_name().size();
		if (field->enum_type() != nullptr)
			size += field->enum_type()->full_name().size();
		if (field->is_extension())
			size += field->containing_type()->full_name().size();
		if (size > MAX_NAMES)
			too_large("The names of types in it have more than 32 MB");
	}

	void check_size(const pb::FileDescriptor *file, std::set<const pb::FileDescriptor *> &seen)
	{
		if (!seen.insert(file).second)
			return;
		for (int i = 0; i < file->dependency_count(); i++)
			check_size(file->dependency(i), seen);
		for (int i = 0; i < file->message_type_count(); i++)
			count(file->message_type(i));
		for (int i = 0; i < file->extension_count(); i++)
			count(file->extension(i));
	}

	void add(const pb::FileDescriptor *file, std::set<const pb::FileDescriptor *> &added,
			 pb::FileDescriptorSet *set)
	{
		if (!added.insert(file).second)
			return;
		for (int i = 0; i < file->dependency_count(); i++)
			add(file->dependency(i), added, set);
		file->CopyTo(set->add_file());
	}
};

/* ---- what C sees ---- */

CdcStatus
report(CdcError *err, CdcStatus st, const std::string &what)
{
	cdc_error(err, st, st == CDC_ERR_LIMIT ? "schema is too large" :
			  "schema is not a valid Protobuf schema");
	/* some of libprotobuf's own words end with a point */
	cdc_error_detail(err, "%s%s", what.substr(0, 800).c_str(),
					 !what.empty() && what.back() == '.' && what.size() < 800 ? "" : ".");
	return st;
}

CdcStatus
parse(const CdcProtoFile *files, int n, char **set, size_t *len, CdcError *err) noexcept
{
	*set = nullptr;
	try
	{
		Silence		silence;
		std::string result = Schema(files, n).descriptors();

		*set = static_cast<char *>(malloc(result.size() + 1));
		if (*set == nullptr)
			throw std::bad_alloc();
		memcpy(*set, result.data(), result.size());
		*len = result.size();
		return CDC_OK;
	}
	catch (const Refusal &refusal)
	{
		return report(err, refusal.status, refusal.what);
	}
	catch (const std::bad_alloc &)
	{
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	}
	catch (const std::exception &e)
	{
		return report(err, CDC_ERR_VALUE, std::string("libprotobuf says: ") + e.what());
	}
	catch (...)
	{
		return report(err, CDC_ERR_VALUE, "libprotobuf failed");
	}
}

void
release(char *set) noexcept
{
	free(set);
}

const CdcProtocMethods methods = {CDC_PROTOC_VERSION, parse, release};

} // namespace

extern "C" const CdcProtocMethods *
cdc_protoc_libprotobuf(void)
{
	return &methods;
}

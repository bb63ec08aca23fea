"""Messages in Protobuf, by protoc and Google's package for Python."""
import base64
import functools
import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

KNOWN = {
    'confluent/meta.proto': '''syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }''',
    'confluent/type/decimal.proto': '''syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }''',
    'google/type/date.proto': '''syntax = "proto3"; package google.type;
message Date { int32 year = 1; int32 month = 2; int32 day = 3; }''',
    'google/type/timeofday.proto': '''syntax = "proto3"; package google.type;
message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }''',
}


@functools.lru_cache(None)
def pool_of(text, others):
    """The pool of a schema, and the descriptor of its file."""
    with tempfile.TemporaryDirectory() as dir:
        for name, body in list(KNOWN.items()) + list(others) + [('the_schema.proto', text)]:
            path = os.path.join(dir, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as f:
                f.write(body)
        subprocess.check_call(['protoc', '-I', dir, '--include_imports', '--descriptor_set_out=' + dir + '/out', 'the_schema.proto'])
        with open(dir + '/out', 'rb') as f:
            files = descriptor_pb2.FileDescriptorSet.FromString(f.read()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool, files[-1]


def zigzag(n):
    out, n = b'', n * 2
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def place_of(file, name):
    """The numbers that say which message of a file it is; entries of maps do not count."""
    def search(messages, prefix, path):
        for i, m in enumerate([m for m in messages if not m.options.map_entry]):
            full = prefix + m.name
            found = path + [i] if full == name else search(m.nested_type, full + '.', path + [i])
            if found:
                return found
        return None
    path = search(file.message_type, file.package + '.' if file.package else '', [])
    return b'\0' if path == [0] else b''.join(map(zigzag, [len(path)] + path))


def encode(text, others, name, value):
    pool, file = pool_of(text, tuple(sorted(others.items())))
    name = name or (file.package + '.' if file.package else '') + file.message_type[0].name
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
    json_format.ParseDict(value, message, descriptor_pool=pool)
    return place_of(file, name), message.SerializeToString(deterministic=True)


# ---- Connect's schemas, as Confluent's converter turns them into files, with optional.for.nullables

PLAIN = {'int8': 'int32', 'int16': 'int32', 'int32': 'int32', 'int64': 'int64', 'float': 'float', 'float32': 'float',
         'double': 'double', 'float64': 'double', 'boolean': 'bool', 'string': 'string', 'bytes': 'bytes'}
LOGICAL = {'Decimal': 'confluent.type.Decimal', 'Date': 'google.type.Date', 'Time': 'google.type.TimeOfDay',
           'Timestamp': 'google.protobuf.Timestamp'}
CONNECT = 'org.apache.kafka.connect.data.'


def logical(c):
    name = c.get('name') or ''
    return LOGICAL.get(name[len(CONNECT):]) if name.startswith(CONNECT) else None


def short(name):
    return name.rpartition('.')[2]


def type_name(c, field):
    """Its type, and what the converter keeps beside it."""
    parameters = {}
    if logical(c) == 'confluent.type.Decimal':
        given = c.get('parameters') or {}
        if 'connect.decimal.precision' in given:
            parameters['precision'] = given['connect.decimal.precision']
        parameters['scale'] = given['scale']
    elif c['type'] in ('int8', 'int16'):
        parameters['connect.type'] = c['type']
    if logical(c):
        return logical(c), parameters
    if c['type'] == 'struct':
        name = short(c['name'])
        return name + 'Message' if name == field else name, parameters
    return PLAIN[c['type']], parameters


def message_text(c, name, seen):
    lines = ['message %s {' % name]
    for number, f in enumerate(c['fields'], 1):
        inner = f['items'] if f['type'] == 'array' else f
        type, parameters = type_name(inner, f['field'])
        if inner['type'] == 'struct' and inner['name'] not in seen:
            seen.add(inner['name'])
            lines.append(message_text(inner, type, seen))
        label = 'repeated ' if f['type'] == 'array' else ''
        if not label and f.get('optional') and inner['type'] != 'struct' and not logical(f):
            label = 'optional '
        option = ''
        if parameters:
            option = ' [(confluent.field_meta) = {params: [%s]}]' % ', '.join(
                '{key: "%s", value: "%s"}' % p for p in sorted(parameters.items()))
        lines.append('%s%s %s = %d%s;' % (label, type, f['field'], number, option))
    return '\n'.join(lines + ['}'])


def json_value(c, v):
    """As Protobuf's JSON has it; None: left out."""
    if v is None:
        return None
    kind = logical(c)
    if kind == 'confluent.type.Decimal':
        return {'value': v, 'scale': int(c['parameters']['scale'])}
    if kind == 'google.type.Date':
        import datetime
        d = datetime.date(1970, 1, 1) + datetime.timedelta(days=v)
        return {'year': d.year, 'month': d.month, 'day': d.day}
    if kind == 'google.type.TimeOfDay':
        return {'hours': v // 3600000, 'minutes': v // 60000 % 60, 'seconds': v // 1000 % 60, 'nanos': v % 1000 * 1000000}
    if kind == 'google.protobuf.Timestamp':
        import datetime
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=v)).isoformat() + 'Z'
    if c['type'] == 'struct':
        return {f['field']: json_value(f, v.get(f['field'])) for f in c['fields'] if v.get(f['field']) is not None}
    if c['type'] == 'array':
        return [json_value(c['items'], w) for w in v]
    return float(v) if c['type'].startswith(('float', 'double')) else v


def of_connect(message):
    schema = message['schema']
    package, _, name = (schema.get('name') or 'ConnectDefault1').rpartition('.')
    text = 'syntax = "proto3";\n' + ('package %s;\n' % package if package else '')
    body = message_text(schema, name, {schema.get('name')})
    for file, word in (('confluent/meta.proto', 'confluent.field_meta'), ('confluent/type/decimal.proto', 'confluent.type.Decimal'),
                       ('google/type/date.proto', 'google.type.Date'), ('google/type/timeofday.proto', 'google.type.TimeOfDay'),
                       ('google/protobuf/timestamp.proto', 'google.protobuf.Timestamp')):
        if word in body:
            text += 'import "%s";\n' % file
    return {'proto': text + body + '\n', 'value': json_value(schema, message['payload'])}

#!/usr/bin/env python3
"""Writes cases.tsv: messages as an independent encoder, Google's for Python, writes them.

Lines are "set NAME HEX", a FileDescriptorSet that protoc made, and "case NAME MESSAGE HEX
JSON", bytes of a message and what they are.  The JSON is made here, from the Python
objects, not from the bytes.  Needs protoc, and the package protobuf.
"""
import base64
import json
import math
import os
import random
import subprocess
import struct
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from json_text import Text, dump  # noqa: E402

rnd = random.Random(11)
lines = []


def load(name):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.check_call(['protoc', '-I', here, '--include_imports', '--descriptor_set_out=' + out.name, name])
        data = out.read()
    lines.append('set\t%s\t%s' % (name, data.hex()))
    pool = descriptor_pool.DescriptorPool()
    for f in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(f) if hasattr(pool, 'Add') else pool.AddSerializedFile(f.SerializeToString())
    return pool


# ---- what messages are in JSON

def floating(v, single):
    if math.isnan(v):
        return 'NaN'
    if math.isinf(v):
        return 'Infinity' if v > 0 else '-Infinity'
    if single:
        # the shortest digits that are this float
        for digits in range(1, 10):
            text = '%.*g' % (digits, v)
            if struct.pack('f', float(text)) == struct.pack('f', v):
                break
        v = float(text)
    return Text(repr(v).removesuffix('.0').replace('e+', 'e+'))


def scalar(f, v):
    if f.type == f.TYPE_BYTES:
        return base64.b64encode(v).decode()
    if f.type in (f.TYPE_DOUBLE, f.TYPE_FLOAT):
        return floating(v, f.type == f.TYPE_FLOAT)
    if f.type == f.TYPE_ENUM:
        if f.enum_type.full_name == 'google.protobuf.NullValue':
            return None
        names = [x.name for x in f.enum_type.values if x.number == v]
        return names[0] if names else v
    return v


def fraction(nanos):
    if nanos == 0:
        return ''
    text = '%09d' % nanos
    for n in (3, 6, 9):
        if text[n:].strip('0') == '':
            return '.' + text[:n]


def value(f, v):
    return message(v) if f.type in (f.TYPE_MESSAGE, f.TYPE_GROUP) else scalar(f, v)


def is_map(f):
    return f.type == f.TYPE_MESSAGE and f.message_type.GetOptions().map_entry


def is_list(f):
    return f.is_repeated if hasattr(f, 'is_repeated') else f.label == f.LABEL_REPEATED


def key(k):
    return ('true' if k else 'false') if isinstance(k, bool) else str(k)


def field(m, f):
    if is_map(f):
        entry = f.message_type.fields_by_name['value']
        return {key(k): value(entry, v) for k, v in sorted(getattr(m, f.name).items())}
    if is_list(f):
        return [value(f, v) for v in getattr(m, f.name)]
    if f.has_presence and not m.HasField(f.name) and not f.has_default_value:
        return None
    return value(f, getattr(m, f.name))


def members(m):
    result = {}
    for f in m.DESCRIPTOR.fields:
        real = f.containing_oneof and not (len(f.containing_oneof.fields) == 1 and f.containing_oneof.name.startswith('_'))
        if real and not m.HasField(f.name):
            continue
        result[f.name] = field(m, f)
    for f, v in m.ListFields():
        if f.is_extension:
            result['[%s]' % f.full_name] = [value(f, w) for w in v] if is_list(f) else value(f, v)
    return result


def message(m):
    name = m.DESCRIPTOR.full_name
    short = name.rpartition('.')[2]
    if not name.startswith('google.protobuf.'):
        return members(m)
    if short == 'Timestamp':
        import datetime
        t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=m.seconds)
        return t.strftime('%Y-%m-%d %H:%M:%S').rjust(19, '0') + fraction(m.nanos) + 'Z'
    if short == 'Duration':
        text = '%d%s' % (abs(m.seconds), ('.%09d' % abs(m.nanos)).rstrip('0').rstrip('.'))
        return ('-' if m.seconds < 0 or m.nanos < 0 else '') + text + 's'
    if short.endswith('Value') and short not in ('Value', 'ListValue', 'NullValue'):
        return scalar(m.DESCRIPTOR.fields_by_name['value'], m.value)
    if short == 'Struct':
        return {k: message(v) for k, v in sorted(m.fields.items())}
    if short == 'ListValue':
        return [message(v) for v in m.values]
    if short == 'Value':
        kind = m.WhichOneof('kind')
        return None if kind is None else value(m.DESCRIPTOR.fields_by_name[kind], getattr(m, kind))
    if short == 'Any':
        try:
            inside = message_factory.GetMessageClass(pool.FindMessageTypeByName(m.type_url.rpartition('/')[2]))()
        except KeyError:
            return {'@type': m.type_url, 'value': base64.b64encode(m.value).decode()}
        inside.ParseFromString(m.value)
        v = message(inside)
        return dict({'@type': m.type_url}, **(v if isinstance(v, dict) and not inside.DESCRIPTOR.full_name.startswith('google.')
                                              else {'value': v}))
    if short == 'FieldMask':
        return ','.join(m.paths)
    return members(m)


# ---- random messages

INTS = {'INT32': (-2**31, 2**31 - 1), 'SINT32': (-2**31, 2**31 - 1), 'SFIXED32': (-2**31, 2**31 - 1),
        'UINT32': (0, 2**32 - 1), 'FIXED32': (0, 2**32 - 1), 'INT64': (-2**63, 2**63 - 1),
        'SINT64': (-2**63, 2**63 - 1), 'SFIXED64': (-2**63, 2**63 - 1), 'UINT64': (0, 2**64 - 1),
        'FIXED64': (0, 2**64 - 1)}
TYPES = {getattr(descriptor_pb2.FieldDescriptorProto, 'TYPE_' + n): n for n in INTS}
TEXTS = ['', 'a', 'Zürich \U0001F600', 'quote " \\ \n', 'x' * 300]


def random_value(f):
    if f.type in TYPES:
        low, high = INTS[TYPES[f.type]]
        return rnd.choice([low, high, 0, 1, rnd.randrange(low, high), max(low, rnd.randrange(-200, 200))])
    if f.type == f.TYPE_DOUBLE:
        return rnd.choice([0.0, 1.5, -2.25, 0.1, math.nan, math.inf, -math.inf, rnd.uniform(-1e6, 1e6)])
    if f.type == f.TYPE_FLOAT:
        return rnd.choice([0.0, 0.5, -3.0, 0.1, math.nan, math.inf])
    if f.type == f.TYPE_BOOL:
        return rnd.random() < 0.5
    if f.type == f.TYPE_STRING:
        return rnd.choice(TEXTS)
    if f.type == f.TYPE_BYTES:
        return rnd.choice([b'', b'\0', b'abc', bytes(range(256))])
    return rnd.choice([v.number for v in f.enum_type.values])


def fill(m, depth):
    name = m.DESCRIPTOR.full_name
    if name == 'google.protobuf.Timestamp':
        m.seconds = rnd.choice([0, -1, -62135596800, 253402300799, rnd.randrange(-10**10, 10**11)])
        m.nanos = rnd.choice([0, 1, 999999999, 123000000, 123456000])
        return
    if name == 'google.protobuf.Duration':
        sign = rnd.choice([1, -1])
        m.seconds, m.nanos = sign * rnd.choice([0, 1, 315576000000]), sign * rnd.choice([0, 1, 500000000])
        return
    if name == 'google.protobuf.Any':
        inside = message_factory.GetMessageClass(pool.FindMessageTypeByName(
            rnd.choice(['test.types.All.Inner', 'google.protobuf.Duration'])))()
        fill(inside, depth + 1)
        m.value = inside.SerializeToString(deterministic=True)
        m.type_url = 'type.googleapis.com/' + inside.DESCRIPTOR.full_name if rnd.random() < 0.7 else 'x/unknown.Type'
        return
    for f in m.DESCRIPTOR.fields:
        if rnd.random() < 0.45 or (f.message_type and depth > 3):
            continue
        if is_map(f):
            k, v = f.message_type.fields_by_name['key'], f.message_type.fields_by_name['value']
            # one entry: what order an encoder gives several is its own
            for _ in range(rnd.randrange(2)):
                if v.message_type:
                    fill(getattr(m, f.name)[random_value(k)], depth + 1)
                else:
                    getattr(m, f.name)[random_value(k)] = random_value(v)
        elif is_list(f):
            for _ in range(rnd.randrange(4)):
                if f.message_type:
                    fill(getattr(m, f.name).add(), depth + 1)
                else:
                    getattr(m, f.name).append(random_value(f))
        elif f.message_type:
            getattr(m, f.name).SetInParent()
            fill(getattr(m, f.name), depth + 1)
        else:
            setattr(m, f.name, random_value(f))


def case(file, m):
    data = m.SerializeToString(deterministic=True)
    if len(data) < 8000:
        lines.append('case\t%s\t%s\t%s\t%s' % (file, m.DESCRIPTOR.full_name, data.hex(), dump(message(m))))


def raw(file, name, data, expected):
    lines.append('case\t%s\t%s\t%s\t%s' % (file, name, data, expected))


pool = load('types.proto')
All = message_factory.GetMessageClass(pool.FindMessageTypeByName('test.types.All'))
Known = message_factory.GetMessageClass(pool.FindMessageTypeByName('test.types.Known'))
case('types.proto', All())
case('types.proto', Known())
for _ in range(50):
    for what in (All, Known):
        m = what()
        fill(m, 0)
        case('types.proto', m)
INNER = 'test.types.All.Inner'
# in parts: the last number counts, messages are one; what is not known is passed over
raw('types.proto', INNER, '0801' + '1a030a0161' + '0802' + '1a00', '{"id":2,"name":"","deep":{"b":"YQ=="}}')
raw('types.proto', INNER, '2001' + '2801' + '3205' + '0102030405' + '3b' + '0801' + '3c' + '4500000000' + '490000000000000000', '{"id":0,"name":"","deep":null}')
# entries of maps without key, without value; enums without name
m = message(All())
m.update(m_string={'': 0, 'a': 0}, v_color=77, m_sint64={'0': {'id': 0, 'name': '', 'deep': None}})
raw('types.proto', 'test.types.All', '704d' + 'c20200' + 'c202030a0161' + 'ca0200', dump(m))
raw('types.proto', 'test.types.All', 'c202050a01621002' + 'c202050a01611001',
    dump(dict(message(All()), m_string={'b': 2, 'a': 1})))
# one of several, then another one, then the first again
m = message(All())
m['c_inner'] = {'id': 2, 'name': '', 'deep': None}
m = {k: m[k] for k in list(message(All()))[:list(message(All())).index('inner')] + ['c_inner'] + list(message(All()))[list(message(All())).index('inner'):]}
raw('types.proto', 'test.types.All', 'a203020803' + '900305' + 'a203020802', dump(m))
# a moment, date or duration that is none
raw('types.proto', 'google.protobuf.Timestamp', '08ffffffffffffffff7f', '{"seconds":9223372036854775807,"nanos":0}')
raw('types.proto', 'google.protobuf.Timestamp', '10ffffffffffffffffff01', '{"seconds":0,"nanos":-1}')
raw('types.proto', 'google.protobuf.Duration', '080110ffffffffffffffffff01', '{"seconds":1,"nanos":-1}')
pool = load('old.proto')
Old = message_factory.GetMessageClass(pool.FindMessageTypeByName('test.old.Old'))
case('old.proto', Old(id=0))
for i in range(60):
    m = Old(id=i)
    fill(m, 0)
    m.id = i
    if i % 3 == 0:
        m.Extensions[pool.FindExtensionByName('test.old.note')] = 'n%d' % i
        m.Extensions[pool.FindExtensionByName('test.old.marks')].extend([i, -1])
    case('old.proto', m)
with open(os.path.join(here, 'cases.tsv'), 'w') as out:
    out.write('\n'.join(lines) + '\n')

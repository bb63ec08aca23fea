#!/usr/bin/env python3
"""Writes cases.tsv: Avro data as an independent encoder, fastavro 1.13, writes them.

A line has the schema, the bytes in hexadecimal digits and, as JSON, what they are in the
readable form; the latter is made here from the Python values, not from the bytes.
"""
import base64
import datetime as dt
import decimal
import io
import json
import math
import os
import random
import struct
import sys
import uuid

import fastavro

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from json_text import Text, dump  # noqa: E402

D = decimal.Decimal
UTC = dt.timezone.utc
rnd = random.Random(7)


def clock(t):
    """A time with as many digits as it takes: none, three or six."""
    text = t.strftime('%H:%M:%S')
    if t.microsecond % 1000:
        return text + '.%06d' % t.microsecond
    return text + ('.%03d' % (t.microsecond // 1000) if t.microsecond else '')


def b64(b):
    return base64.b64encode(b).decode()


cases = []


def case(schema, value, expected):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    cases.append((json.dumps(schema), out.getvalue().hex(), dump(expected)))


def rec(**fields):
    return {'type': 'record', 'name': 'R', 'fields': [{'name': k, 'type': v} for k, v in fields.items()]}


def one(schema, value, expected):
    case(rec(v=schema), {'v': value}, {'v': expected})


def logical(base, name, **more):
    return dict({'type': base, 'logicalType': name}, **more)


case('null', None, None)
for v in (True, False):
    case('boolean', v, v)
for bits, name in ((31, 'int'), (63, 'long')):
    edges = {0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**bits - 1, -2**bits}
    edges |= {rnd.randrange(-2**rnd.randrange(1, bits), 2**rnd.randrange(1, bits)) for _ in range(40)}
    for v in sorted(edges):
        case(name, v, v)
for v in (0.0, 1.5, -2.25, 1e300, 5e-324, 0.1):
    case('double', v, Text(repr(v).removesuffix('.0')))
for v, name in ((math.nan, 'NaN'), (math.inf, 'Infinity'), (-math.inf, '-Infinity')):
    case('double', v, name)
    case('float', v, name)
for v in (0.5, -3.0, 0.1):
    case('float', v, Text(repr(v).removesuffix('.0')))
for v in ('', 'a', 'Zürich \U0001F600', 'quote " and \\ and \n', 'x' * 1000):
    case('string', v, v)
for v in (b'', b'\x00', b'abc', bytes(range(256)), b'x' * 1000):
    case('bytes', v, b64(v))
case({'type': 'fixed', 'name': 'F', 'size': 5}, b'12345', b64(b'12345'))
case({'type': 'enum', 'name': 'E', 'symbols': ['A', 'B', 'C']}, 'C', 'C')
case({'type': 'array', 'items': 'int'}, [], [])
case({'type': 'array', 'items': 'int'}, list(range(300)), list(range(300)))
case({'type': 'map', 'values': 'string'}, {'a': 'x', 'b': 'y'}, {'a': 'x', 'b': 'y'})
case({'type': 'map', 'values': {'type': 'array', 'items': ['null', 'int']}},
     {'k': [1, None, -7]}, {'k': [1, None, -7]})

# unions: of null and one more, and of several
one(['null', 'string'], None, None)
one(['null', 'string'], 'x', 'x')
one(['string', 'null'], 'x', 'x')
one(['string'], 'x', 'x')
one(['null', 'int', 'string', 'bytes'], 5, {'int': 5})
one(['null', 'int', 'string', 'bytes'], 'five', {'string': 'five'})
one(['null', 'int', 'string', 'bytes'], b'five', {'bytes': b64(b'five')})
one(['null', 'int', 'string', 'bytes'], None, None)
one(['null', {'type': 'record', 'name': 'a.B', 'fields': [{'name': 'x', 'type': 'int'}]},
     {'type': 'map', 'values': 'int'}], ('a.B', {'x': 1}), {'a.B': {'x': 1}})

# decimals, as bytes and fixed
for text in ('0', '1', '-1', '0.01', '-0.01', '12.30', '-128', '127', '128', '255', '256',
             '99999999999999999999999999999999.99', '-99999999999999999999999999999999.99'):
    v = D(text)
    for scale in (2, 5):
        q = v.quantize(D(1).scaleb(-scale), context=decimal.Context(prec=80))
        one(logical('bytes', 'decimal', precision=60, scale=scale), v, Text(format(q, 'f')))
one({'type': 'fixed', 'name': 'D', 'size': 9, 'logicalType': 'decimal', 'precision': 20, 'scale': 3},
    D('-123.456'), Text('-123.456'))
one(logical('bytes', 'decimal', precision=5), D(77), Text('77'))
# a logical type that does not fit is none
cases.append((json.dumps(rec(v=logical('bytes', 'decimal', precision=0))), '02' + '05', '{"v":"BQ=="}'))
cases.append((json.dumps(rec(v=logical('string', 'date'))), '02' + '35', '{"v":"5"}'))

# dates and times
for d in (dt.date(1970, 1, 1), dt.date(2024, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1969, 12, 31)):
    one(logical('int', 'date'), d, d.isoformat())
for t in (dt.time(0), dt.time(23, 59, 59, 999000), dt.time(1, 2, 3)):
    one(logical('int', 'time-millis'), t, clock(t))
for t in (dt.time(0), dt.time(23, 59, 59, 999999), dt.time(1, 2, 3, 500000)):
    one(logical('long', 'time-micros'), t, clock(t))
for t in (dt.datetime(1970, 1, 1, tzinfo=UTC), dt.datetime(2024, 2, 29, 12, 30, 15, 123000, UTC),
          dt.datetime(1900, 1, 1, 1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
    one(logical('long', 'timestamp-millis'), t, t.strftime('%Y-%m-%d ') + clock(t) + 'Z')
    local = t.replace(tzinfo=None)
    one(logical('long', 'local-timestamp-millis'), local, local.strftime('%Y-%m-%d ') + clock(t))
for t in (dt.datetime(2024, 2, 29, 12, 30, 15, 123456, UTC), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)):
    one(logical('long', 'timestamp-micros'), t, t.strftime('%Y-%m-%d ') + clock(t) + 'Z')
    local = t.replace(tzinfo=None)
    one(logical('long', 'local-timestamp-micros'), local, local.strftime('%Y-%m-%d ') + clock(t))
# outside of the years that four digits print: the number
cases.append((json.dumps(rec(v=logical('long', 'timestamp-millis'))), 'feffffffffffffffff01',
              '{"v":9223372036854775807}'))
u = uuid.UUID('12345678-9abc-def0-1234-56789abcdef0')
one(logical('string', 'uuid'), u, str(u))
cases.append((json.dumps(rec(v={'type': 'fixed', 'size': 16, 'name': 'U', 'logicalType': 'uuid'})),
              u.bytes.hex(), dump({'v': str(u)})))
cases.append((json.dumps(rec(v={'type': 'fixed', 'size': 12, 'name': 'U', 'logicalType': 'duration'})),
              struct.pack('<III', 1, 2, 3004).hex(), dump({'v': 'P1M2DT3.004S'})))

# what Connect and Debezium call theirs
one({'type': 'long', 'connect.name': 'io.debezium.time.MicroTimestamp'}, 1700000000123456, '2023-11-14 22:13:20.123456')
one({'type': 'long', 'connect.name': 'io.debezium.time.MicroTime'}, -90061000000, '-25:01:01')
one({'type': 'int', 'connect.name': 'io.debezium.time.Date'}, 19000, '2022-01-08')
one({'type': 'record', 'name': 'io.debezium.data.VariableScaleDecimal', 'connect.name': 'io.debezium.data.VariableScaleDecimal',
     'fields': [{'name': 'scale', 'type': 'int'}, {'name': 'value', 'type': 'bytes'}]},
    {'scale': 3, 'value': (-123456).to_bytes(3, 'big', signed=True)}, Text('-123.456'))

# names: namespaces, references, recursion
case({'type': 'record', 'name': 'List', 'namespace': 'n', 'fields': [
    {'name': 'v', 'type': 'int'}, {'name': 'next', 'type': ['null', 'List']}]},
     {'v': 1, 'next': {'v': 2, 'next': None}}, {'v': 1, 'next': {'v': 2, 'next': None}})
case({'type': 'record', 'name': 'a.b.Outer', 'fields': [
    {'name': 'e', 'type': {'type': 'enum', 'name': 'Color', 'symbols': ['RED', 'GREEN']}},
    {'name': 'again', 'type': 'a.b.Color'}, {'name': 'short', 'type': 'Color'},
    {'name': 'in', 'type': {'type': 'record', 'name': 'Inner', 'namespace': 'c', 'fields': [
        {'name': 'f', 'type': {'type': 'fixed', 'name': 'Two', 'size': 2}}, {'name': 'g', 'type': 'Two'}]}},
    {'name': 'out', 'type': 'c.Two'}]},
     {'e': 'GREEN', 'again': 'RED', 'short': 'GREEN', 'in': {'f': b'ab', 'g': b'cd'}, 'out': b'ef'},
     {'e': 'GREEN', 'again': 'RED', 'short': 'GREEN', 'in': {'f': b64(b'ab'), 'g': b64(b'cd')}, 'out': b64(b'ef')})


# random schemas with random values of them
def random_type(depth):
    kinds = ['int', 'long', 'string', 'bytes', 'boolean', 'date', 'decimal']
    if depth < 4:
        kinds += ['record', 'array', 'map', 'optional'] * 2
    kind = rnd.choice(kinds)
    n = rnd.randrange(10**9)
    if kind == 'record':
        parts = [(('f%d' % i),) + random_type(depth + 1) for i in range(rnd.randrange(0, 5))]
        return ({'type': 'record', 'name': 'R%d' % n, 'fields': [{'name': a, 'type': t} for a, t, _ in parts]},
                lambda: pairs(parts))
    if kind == 'array':
        t, make = random_type(depth + 1)
        return {'type': 'array', 'items': t}, lambda: both_list([make() for _ in range(rnd.randrange(0, 4))])
    if kind == 'map':
        t, make = random_type(depth + 1)
        return {'type': 'map', 'values': t}, lambda: both_dict({'k%d' % i: make() for i in range(rnd.randrange(0, 3))})
    if kind == 'optional':
        t, make = random_type(depth + 1)
        if isinstance(t, list):
            return t, make
        return ['null', t], lambda: make() if rnd.random() < 0.7 else (None, None)
    if kind == 'date':
        def make():
            d = dt.date.fromordinal(rnd.randrange(1, 3652059))
            return d, d.isoformat()
        return logical('int', 'date'), make
    if kind == 'decimal':
        def make():
            d = D(rnd.randrange(-10**12, 10**12)).scaleb(-4)
            return d, Text(format(d, 'f'))
        return logical('bytes', 'decimal', precision=20, scale=4), make

    def make():
        if kind == 'string':
            v = ''.join(rnd.choice('aü€\U0001F600 ') for _ in range(rnd.randrange(0, 20)))
        elif kind == 'bytes':
            b = bytes(rnd.randrange(256) for _ in range(rnd.randrange(0, 20)))
            return b, b64(b)
        elif kind == 'boolean':
            v = rnd.random() < 0.5
        else:
            bits = 31 if kind == 'int' else 63
            v = rnd.randrange(-2**bits, 2**bits)
        return v, v
    return kind, make


def pairs(parts):
    made = [(a, make()) for a, _, make in parts]
    return {a: v for a, (v, _) in made}, {a: e for a, (_, e) in made}


def both_list(made):
    return [v for v, _ in made], [e for _, e in made]


def both_dict(made):
    return {k: v for k, (v, _) in made.items()}, {k: e for k, (_, e) in made.items()}


for _ in range(60):
    schema, make = random_type(0)
    if isinstance(schema, list):
        continue
    value, expected = make()
    case(schema, value, expected)

with open('cases.tsv', 'w', encoding='utf-8') as f:
    for line in cases:
        assert not any('\t' in part or '\n' in part for part in line)
        f.write('\t'.join(line) + '\n')
print(len(cases), 'cases')

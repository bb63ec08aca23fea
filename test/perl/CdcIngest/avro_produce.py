#!/usr/bin/env python3
"""avro_produce.py BROKERS REGISTRY: messages in Avro and Protobuf, by encoders that are not ours.

Each line of the input is {"topic", "key", "value"} where key and value are null or one of

	{"schema": S, "value": V}		Avro by that schema, registered: zero byte, number, fastavro's bytes;
									with "subject" under another name, with "references" as the registry
									has them, with "bare" without number
	{"connect": {"schema", "payload"}}	what Kafka Connect's JSON converter wrote; its schema becomes
									Avro's as Connect's Avro converter makes it
	{"json_schema": S, "value": V}	JSON behind the number of a JSON schema
	{"proto": TEXT, "message": M, "value": V}	Protobuf by that text, registered: zero byte, number, the
									place of the message, Google's bytes; see protobuf_encode.py
	{"connect": ..., "as": "protobuf"}	likewise, as Connect's Protobuf converter makes it
	{"hex": "00ff"}, {"text": "..."}	these bytes

Bytes in values are base64, decimals strings.  Prints the numbers of the schemas of values.
"""
import base64
import decimal
import io
import json
import struct
import sys
import urllib.request

import confluent_kafka
import fastavro

brokers, registry = sys.argv[1:]
registered = {}


def register(subject, body):
    key = (subject, json.dumps(body, sort_keys=True))
    if key not in registered:
        request = urllib.request.Request('%s/subjects/%s/versions' % (registry, subject), json.dumps(body).encode(),
                                         {'Content-Type': 'application/vnd.schemaregistry.v1+json'})
        registered[key] = json.load(urllib.request.urlopen(request))['id']
    return registered[key]


# ---- Connect's schemas

PLAIN = {'int8': 'int', 'int16': 'int', 'int32': 'int', 'int64': 'long', 'float': 'float', 'float32': 'float',
         'double': 'double', 'float64': 'double', 'boolean': 'boolean', 'string': 'string', 'bytes': 'bytes'}
LOGICAL = {'Date': 'date', 'Time': 'time-millis', 'Timestamp': 'timestamp-millis'}


def avro_of_connect(c, seen):
    """The Avro schema of one of Connect's; seen: records that are defined already."""
    kind, name = c['type'], c.get('name')
    if kind == 'struct':
        full = name or 'ConnectDefault'
        if full in seen:
            result = full
        else:
            seen.add(full)
            result = {'type': 'record', 'name': full.rpartition('.')[2], 'namespace': full.rpartition('.')[0],
                      'fields': [dict(name=f['field'], type=avro_of_connect(f, seen),
                                      **({'default': None} if f.get('optional') else {})) for f in c['fields']],
                      'connect.name': full}
    elif kind == 'array':
        result = {'type': 'array', 'items': avro_of_connect(c['items'], seen)}
    elif kind == 'map':
        result = {'type': 'map', 'values': avro_of_connect(c['values'], seen)}
    else:
        result = {'type': PLAIN[kind]}
        if kind in ('int8', 'int16'):
            result['connect.type'] = kind
    if isinstance(result, dict) and kind != 'struct':
        if name:
            result['connect.name'] = name
        if 'version' in c:
            result['connect.version'] = c['version']
        if 'parameters' in c:
            result['connect.parameters'] = c['parameters']
        if name == 'org.apache.kafka.connect.data.Decimal':
            parameters = c['parameters']
            result.update(logicalType='decimal', scale=int(parameters['scale']),
                          precision=int(parameters.get('connect.decimal.precision', 64)))
        elif name and name.startswith('org.apache.kafka.connect.data.') and name.rpartition('.')[2] in LOGICAL:
            result['logicalType'] = LOGICAL[name.rpartition('.')[2]]
    return ['null', result] if c.get('optional') else result


def datum_of_connect(c, v):
    if v is None:
        return None
    kind = c['type']
    if kind == 'struct':
        return {f['field']: datum_of_connect(f, v.get(f['field'])) for f in c['fields']}
    if kind == 'array':
        return [datum_of_connect(c['items'], w) for w in v]
    if kind == 'map':
        return {k: datum_of_connect(c['values'], w) for k, w in v.items()}
    if kind == 'bytes':
        return base64.b64decode(v)
    return float(v) if kind.startswith(('float', 'double')) else v


# ---- values by Avro's own schemas

def datum(schema, v):
    if v is None or isinstance(schema, str):
        return base64.b64decode(v) if schema == 'bytes' and v is not None else v
    if isinstance(schema, list):
        others = [s for s in schema if s != 'null']
        return datum(others[0], v) if len(others) == 1 else v
    kind = schema['type']
    if isinstance(kind, (dict, list)):
        return datum(kind, v)
    if schema.get('logicalType') == 'decimal':
        return decimal.Decimal(v)
    if kind == 'record':
        return {f['name']: datum(f['type'], v.get(f['name'])) for f in schema['fields']}
    if kind == 'array':
        return [datum(schema['items'], w) for w in v]
    if kind == 'map':
        return {k: datum(schema['values'], w) for k, w in v.items()}
    return base64.b64decode(v) if kind in ('bytes', 'fixed') else v


def avro(schema, value, named=None):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas=named), value)
    return out.getvalue()


def prefixed(number, data):
    return struct.pack('>bI', 0, number) + data


schemas = {}


def protobuf(subject, what):
    import protobuf_encode
    if 'connect' in what:
        what = dict(what, **protobuf_encode.of_connect(what['connect']))
    texts = {r['name']: schemas[r['subject']] for r in what.get('references', [])}
    schemas[subject] = what['proto']
    number = 0
    if not what.get('bare'):
        number = register(subject, {'schema': what['proto'], 'schemaType': 'PROTOBUF',
                                    'references': what.get('references', [])})
    if what.get('define'):
        return None, number
    place, data = protobuf_encode.encode(what['proto'], texts, what.get('message'), what['value'])
    return data if what.get('bare') else prefixed(number, place + data), number


def encode(topic, part, what):
    """The bytes of a key or value, and its schema's number, or 0."""
    if what is None:
        return None, 0
    if 'hex' in what:
        return bytes.fromhex(what['hex']), 0
    if 'text' in what:
        return what['text'].encode(), 0
    subject = what.get('subject', '%s-%s' % (topic, part))
    if 'json_schema' in what:
        number = register(subject, {'schema': json.dumps(what['json_schema']), 'schemaType': 'JSON'})
        return prefixed(number, json.dumps(what['value']).encode()), number
    if 'proto' in what or what.get('as') == 'protobuf':
        return protobuf(subject, what)
    if 'connect' in what:
        schema = avro_of_connect(what['connect']['schema'], set())
        value = datum_of_connect(what['connect']['schema'], what['connect']['payload'])
    else:
        schema, value = what['schema'], datum(what['schema'], what['value'])
    if what.get('bare'):
        return avro(schema, value), 0
    body = {'schema': json.dumps(schema)}
    named = None
    if 'references' in what:
        body['references'] = what['references']
        named = {}
        for reference in what['references']:
            fastavro.parse_schema(schemas[reference['subject']], named_schemas=named)
    schemas[subject] = schema
    number = register(subject, body)
    if 'define' in what:
        return None, number
    return prefixed(number, avro(schema, value, named)), number


producer = confluent_kafka.Producer({'bootstrap.servers': brokers, 'linger.ms': 5})
numbers = []
for line in sys.stdin:
    message = json.loads(line, parse_float=decimal.Decimal)
    key, _ = encode(message['topic'], 'key', message.get('key'))
    value, number = encode(message['topic'], 'value', message.get('value'))
    numbers.append(number)
    if not (message.get('value') or {}).get('define'):
        producer.produce(message['topic'], value=value, key=key, partition=message.get('partition', 0))
        producer.poll(0)
if producer.flush(60):
    sys.exit('messages were not delivered')
print(*numbers)

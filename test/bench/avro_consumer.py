#!/usr/bin/env python3
"""avro_consumer.py BROKERS REGISTRY produce|consume N: N orders in Avro into the topic orders, or
read as a consumer in Python reads them: messages in batches, the schema by its number, kept,
fastavro for the rest.  Prints how many there were, the sum of their numbers, and messages a second.
"""
import datetime
import decimal
import io
import json
import random
import struct
import sys
import time
import urllib.request

import confluent_kafka
import fastavro

brokers, registry, what, n = sys.argv[1:]
n = int(n)
SCHEMA = {'type': 'record', 'name': 'Order', 'namespace': 'shop', 'fields': [
    {'name': 'id', 'type': 'long'}, {'name': 'customer', 'type': 'string'},
    {'name': 'amount', 'type': {'type': 'bytes', 'logicalType': 'decimal', 'precision': 12, 'scale': 2}},
    {'name': 'placed', 'type': {'type': 'long', 'logicalType': 'timestamp-micros'}},
    {'name': 'quantity', 'type': 'int'}, {'name': 'weight', 'type': 'double'}, {'name': 'paid', 'type': 'boolean'},
    {'name': 'note', 'type': ['null', 'string']}]}


def produce():
    request = urllib.request.Request(registry + '/subjects/orders-value/versions', json.dumps({'schema': json.dumps(SCHEMA)}).encode(),
                                     {'Content-Type': 'application/vnd.schemaregistry.v1+json'})
    header = struct.pack('>bI', 0, json.load(urllib.request.urlopen(request))['id'])
    schema = fastavro.parse_schema(SCHEMA)
    producer = confluent_kafka.Producer({'bootstrap.servers': brokers, 'linger.ms': 20})
    rnd = random.Random(7)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    for i in range(n):
        out = io.BytesIO()
        out.write(header)
        fastavro.schemaless_writer(out, schema, {
            'id': i, 'customer': 'customer %d' % rnd.randrange(10**6), 'amount': decimal.Decimal(rnd.randrange(10**6)).scaleb(-2),
            'placed': start + datetime.timedelta(microseconds=rnd.randrange(10**13)), 'quantity': rnd.randrange(20),
            'weight': rnd.random(), 'paid': i % 2 == 0, 'note': None if i % 3 else 'leave it at the door'})
        while True:
            try:
                producer.produce('orders', out.getvalue(), partition=0)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60):
        sys.exit('messages were not delivered')
    return n, 0, 0


def consume():
    consumer = confluent_kafka.Consumer({'bootstrap.servers': brokers, 'group.id': 'bench', 'enable.auto.commit': False})
    consumer.assign([confluent_kafka.TopicPartition('orders', 0, 0)])
    schemas = {}
    seen = total = 0
    amount = decimal.Decimal(0)
    began = None
    while seen < n:
        batch = consumer.consume(10000, 1)
        began = began or time.time()
        for message in batch:
            data = io.BytesIO(message.value())
            _, number = struct.unpack('>bI', data.read(5))
            if number not in schemas:
                answer = json.load(urllib.request.urlopen('%s/schemas/ids/%d' % (registry, number)))
                schemas[number] = fastavro.parse_schema(json.loads(answer['schema']))
            row = fastavro.schemaless_reader(data, schemas[number])
            total += row['id']
            amount += row['amount']
            seen += 1
    return seen, total, n / (time.time() - began)


print(*(produce() if what == 'produce' else consume()))

#!/usr/bin/env python3
"""protobuf_consumer.py BROKERS REGISTRY produce|consume N: N orders in Protobuf into the topic
orders_protobuf, or read as a consumer in Python reads them: messages in batches, their class known,
Google's package (upb, in C) for the rest.  Prints how many there were, the sum of their numbers,
and messages a second.
"""
import decimal
import json
import os
import random
import struct
import sys
import time
import urllib.request

import confluent_kafka
from google.protobuf import message_factory

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../perl/CdcIngest'))
sys.dont_write_bytecode = True
import protobuf_encode  # noqa: E402

brokers, registry, what, n = sys.argv[1:]
n = int(n)
TOPIC = 'orders_protobuf'
SCHEMA = '''syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "confluent/type/decimal.proto";
message Order {
  int64 id = 1;
  string customer = 2;
  confluent.type.Decimal amount = 3;
  google.protobuf.Timestamp placed = 4;
  int32 quantity = 5;
  double weight = 6;
  bool paid = 7;
  optional string note = 8;
}
'''
pool, _ = protobuf_encode.pool_of(SCHEMA, ())
Order = message_factory.GetMessageClass(pool.FindMessageTypeByName('shop.Order'))


def produce():
    request = urllib.request.Request('%s/subjects/%s-value/versions' % (registry, TOPIC),
                                     json.dumps({'schema': SCHEMA, 'schemaType': 'PROTOBUF'}).encode(),
                                     {'Content-Type': 'application/vnd.schemaregistry.v1+json'})
    header = struct.pack('>bI', 0, json.load(urllib.request.urlopen(request))['id']) + b'\0'
    producer = confluent_kafka.Producer({'bootstrap.servers': brokers, 'linger.ms': 20})
    rnd = random.Random(7)
    for i in range(n):
        order = Order(id=i, customer='customer %d' % rnd.randrange(10**6), quantity=rnd.randrange(20),
                      weight=rnd.random(), paid=i % 2 == 0)
        order.amount.value = rnd.randrange(10**6).to_bytes(4, 'big', signed=True)
        order.amount.scale = 2
        order.placed.seconds = 1767225600 + rnd.randrange(10**7)
        order.placed.nanos = rnd.randrange(10**6) * 1000
        if i % 3 == 0:
            order.note = 'leave it at the door'
        while True:
            try:
                producer.produce(TOPIC, header + order.SerializeToString(), partition=0)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60):
        sys.exit('messages were not delivered')
    return n, 0, 0


def consume():
    consumer = confluent_kafka.Consumer({'bootstrap.servers': brokers, 'group.id': 'bench', 'enable.auto.commit': False})
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, 0, 0)])
    seen = total = 0
    amount = decimal.Decimal(0)
    latest = None
    began = None
    while seen < n:
        batch = consumer.consume(10000, 1)
        began = began or time.time()
        for message in batch:
            data = message.value()
            order = Order.FromString(data[6:])
            # a row, as the other side has one
            row = (order.id, order.customer, decimal.Decimal(int.from_bytes(order.amount.value, 'big', signed=True)).scaleb(-order.amount.scale),
                   order.placed.ToDatetime(), order.quantity, order.weight, order.paid, order.note if order.HasField('note') else None)
            total += row[0]
            amount += row[2]
            latest = max(latest, row[3]) if latest else row[3]
            seen += 1
    return seen, total, n / (time.time() - began)


print(*(produce() if what == 'produce' else consume()))

#!/usr/bin/env python3
"""Makes the seeds of the binlog fuzzers out of the recorded files:
    corpus_binlog.py
writes corpus/binlog_{stream,rows,json}/ (small ones only, the same in each run).
"""
import glob
import gzip
import hashlib
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
MAX = 1500
PER_FUZZER = 60


def save(fuzzer, data, count={}):
    if len(data) > MAX or count.get(fuzzer, 0) >= PER_FUZZER:
        return
    directory = os.path.join(HERE, 'corpus', 'binlog_' + fuzzer)
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, hashlib.sha1(data).hexdigest()[:16])
    if not os.path.exists(path):
        count[fuzzer] = count.get(fuzzer, 0) + 1
        with open(path, 'wb') as f:
            f.write(data)


def events(data):
    """(type, flags, body) of all events, checksums removed."""
    at, checksum = 4, None
    while at + 19 <= len(data):
        kind, size = data[at + 4], struct.unpack_from('<I', data, at + 9)[0]
        flags = struct.unpack_from('<H', data, at + 17)[0]
        end = at + size
        if kind == 15:
            checksum = data[end - 5]
        yield kind, flags, data[at + 19:end - (4 if checksum or kind == 15 else 0)]
        at += size


def main():
    rows = {23: 0, 24: 1, 25: 2, 30: 3, 31: 4, 39: 5, 166: 6, 170: 7}
    for path in sorted(glob.glob(os.path.join(HERE, '../data/binlogs/*/*.0*.gz'))):
        maria = 'mariadb' in path
        group, table_map, seen = b'', None, set()
        for kind, flags, body in events(gzip.open(path).read()):
            if kind == 15 or len(body) > MAX:
                continue
            piece = struct.pack('<HBB', len(body) + 2, kind, flags & 255) + body
            group = piece if kind in (33, 34, 42, 162) else group + piece
            if kind in (16, 40) or (kind == 2 and len(group) > len(piece)):
                shape = tuple([kind, len(group) // 100])
                if shape not in seen:
                    seen.add(shape)
                    save('stream', bytes([maria]) + group)
            if kind == 19:
                table_map = body[8:]
            if kind in rows and table_map:
                shape = (table_map[:30], kind)
                if shape not in seen:
                    seen.add(shape)
                    save('rows', bytes([rows[kind] | (0x80 if maria else 0)]) +
                         struct.pack('<H', len(table_map)) + b'\0' + table_map + body[8:])
    small = [b'\x04\x00', b'\x05\xff\xff', b'\x0c\x03abc', b'\x02\x00\x00\x04\x00',
             b'\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x07\x00a',
             b'\x02\x02\x00\x0a\x00\x05\x01\x00\x04\x01\x00',
             b'\x0f\xf6\x04\x03\x02\x81\x32', b'\x0f\x0c\x08' + bytes(8),
             b'\x0b' + struct.pack('<d', 1.5)]
    for doc in small:
        save('json', b'\0' + doc)
        for diff in (b'\x00\x01$' + bytes([len(doc)]) + doc, b'\x02\x03$.a',
                     b'\x01\x04$[0]\x03\x05\x01\x00', b'\x00\x05$."a"\x02\x04\x01'):
            save('json', b'\1' + struct.pack('<H', len(doc)) + doc + diff)


if __name__ == '__main__':
    main()

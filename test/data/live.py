#!/usr/bin/env python3
"""Round trips through a real server: makes tables of all types, changes them at
random, reads the binlog that the server wrote, folds it and compares with the
server's own SELECT, for row images x metadata x checksums x compression.

    live.py [options] TOOL
        --mariadbd PATH     starts a private MariaDB (default: mariadbd, found by name)
        --port PORT         uses a server that runs on 127.0.0.1, as root without password
        --seed N            other random changes (default 1)
        --statements N      how many (default 400)
        --keep DIR          leaves the recordings there, as cases for fold.py
        --only TEXT         only combinations with TEXT in their name

Prints TAP.  Needs the client "mariadb" or "mysql".
"""
import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import fold

DB = 'roundtrip'
CODES = 'all characters'


class Server:
    """A server that answers on a port of 127.0.0.1."""

    def __init__(self, port):
        self.port = port
        self.client = shutil.which('mariadb') or shutil.which('mysql')
        version = self.value('SELECT VERSION()')
        self.mariadb = 'MariaDB' in version
        self.version = tuple(int(x) for x in version.split('-')[0].split('.')[:3])

    def sql(self, text, database=None):
        """Runs statements in one session; returns rows of strings."""
        args = [self.client, '-h127.0.0.1', '-P%d' % self.port, '-uroot', '-N', '-B', '--raw',
                '--default-character-set=utf8mb4', '--max-allowed-packet=1G',
                '--binary-mode'] + ([database] if database else [])
        run = subprocess.run(args, input=text.encode(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        if run.returncode != 0:
            raise RuntimeError('%s\n%s' % (run.stderr.decode(), text[:3000]))
        return [line.split('\t') for line in run.stdout.decode().split('\n') if line]

    def value(self, text):
        return self.sql(text)[0][0]

    def position(self):
        for statement in ('SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS'):
            try:
                row = self.sql(statement)[0]
                return row[0], int(row[1])
            except RuntimeError:
                pass
        raise RuntimeError('no binlog')

    def has(self, variable):
        return bool(self.sql("SHOW VARIABLES LIKE '%s'" % variable))


class PrivateServer(Server):
    """A MariaDB of our own in a temporary directory."""

    def __init__(self, mariadbd):
        self.dir = tempfile.mkdtemp(prefix='cdc_live_')
        os.chmod(self.dir, 0o755)
        data = os.path.join(self.dir, 'data')
        os.mkdir(data)
        user = []
        if os.getuid() == 0:
            user = ['--user=mysql']
            shutil.chown(self.dir, 'mysql')
            shutil.chown(data, 'mysql')
        subprocess.run(['mariadb-install-db', '--no-defaults', '--datadir=' + data,
                        '--auth-root-authentication-method=normal', '--skip-test-db'] + user,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.process = subprocess.Popen(
            [mariadbd, '--no-defaults', '--datadir=' + data, '--port=%d' % port,
             '--bind-address=127.0.0.1', '--socket=' + os.path.join(self.dir, 'sock'),
             '--log-bin=' + os.path.join(self.dir, 'bin'), '--server-id=1',
             '--binlog-format=ROW', '--character-set-server=utf8mb4', '--skip-name-resolve',
             '--innodb-flush-log-at-trx-commit=2', '--pid-file=' + os.path.join(self.dir, 'pid'),
             '--log-error=' + os.path.join(self.dir, 'log')] + user)
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(('127.0.0.1', port), timeout=5):
                    pass
                super().__init__(port)
                return
            except (OSError, RuntimeError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)     # polls

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.dir)


def text(s):
    """A literal that is the same in all charsets of the session."""
    return "CONVERT(x'%s' USING utf8mb4)" % s.encode().hex() if s else "''"


def temporal(values, fsp):
    return ["'%s'" % v for v in values] + (
        ["'%s.%s'" % (v, '987654'[:fsp]) for v in values if v[:4] != '0000'] +
        ["'%s.%s1'" % (v, '0' * (fsp - 1)) for v in values if v[:4] != '0000'] if fsp else [])


def tables_for(server):
    """name -> [(column, type, literals)]; each table gets a key "id" besides."""
    t = {}
    t['ints'] = [(k + s, k.replace('_', ' ') + (' unsigned' if s == '_u' else ''),
                  ['0', '1'] + (['-1', str(-2 ** (b - 1)), str(2 ** (b - 1) - 1)] if not s
                                else [str(2 ** b - 1), str(2 ** (b - 1))]))
                 for k, b in (('tinyint', 8), ('smallint', 16), ('mediumint', 24), ('int', 32),
                              ('bigint', 64)) for s in ('', '_u')]
    t['ints'] += [('z', 'int(10) unsigned zerofill', ['0', '42', '4294967295']),
                  ('b1', 'tinyint(1)', ['0', '1', '-128', '127'])]
    t['decs'] = [('d%d_%d' % (p, s), 'decimal(%d,%d)' % (p, s) + u,
                  ['0'] + [sign + (n * (p - s))[:p - s] + ('.' + (n * s)[:s] if s else '')
                           if p > s else sign + '0.' + (n * s)[:s]
                           for n in ('9', '1', '0000000001', '1234567890', '100000000')
                           for sign in (('', '-') if not u else ('',))])
                 for p, s, u in ((1, 0, ''), (1, 1, ''), (5, 2, ''), (9, 0, ''), (9, 9, ''),
                                 (10, 0, ''), (10, 2, ' unsigned'), (18, 9, ''), (19, 10, ''),
                                 (20, 1, ''), (30, 30, ''), (38, 0, ''), (64, 30, ''),
                                 (65, 0, ''), (65, 30, ''))]
    t['flts'] = [('f', 'float', ['0', '-1.5', '3.40282e38', '1.17549e-38', '0.1', '16777217']),
                 ('fu', 'float unsigned', ['0', '1e10', '0.3']),
                 ('d', 'double', ['0', '-0.1', '1.7976931348623157e308', '2.2250738585072014e-308',
                                  '123456789.123456789', '1e-10']),
                 ('dp', 'double(20,4)', ['0', '-1234.5678', '9999999999999.9999'])]
    t['bits'] = [('b%d' % n, 'bit(%d)' % n, ["b'0'", "b'1'", "b'%s'" % ('1' * n),
                                             "b'1%s'" % ('0' * (n - 1))])
                 for n in (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64)]
    words = {'utf8mb4': ['é', '😀', '日本語', 'a\0b', 'x' * 60, 'naïve "q" \\ \n\t'],
             'utf8': ['é', '日本語', 'ß'], 'ascii': ['plain', '~!@'],
             'latin1': ['é', '€', '\x81\x8d\x8f\x90\x9d', 'ÿ', 'Ÿ'],
             'latin2': ['ő', 'Ł'], 'cp1250': ['ő'], 'cp1251': ['Ж', 'я'], 'koi8r': ['Ж', 'я'],
             'cp866': ['Ж'], 'cp850': ['é', 'ß'], 'greek': ['Ω'], 'hebrew': ['א'],
             'latin5': ['ğ'], 'latin7': ['Ģ'], 'cp1257': ['Ģ'], 'cp1256': ['ش'],
             'macroman': ['é'], 'cp852': ['ő'], 'tis620': ['ไทย'], 'koi8u': ['ї'],
             'gbk': ['中文', '汉'], 'gb2312': ['中文'], 'big5': ['中文'], 'sjis': ['日本', 'ｱ'],
             'cp932': ['日本', '①'], 'ujis': ['日本'], 'eucjpms': ['日本', '①'], 'euckr': ['한국'],
             'ucs2': ['é', '日本'], 'utf16': ['é', '😀'], 'utf16le': ['é', '😀'],
             'utf32': ['é', '😀'], 'armscii8': ['Ա'], 'dec8': ['é'], 'hp8': ['é'], 'macce': ['ő']}
    known = {r[0] for r in server.sql('SELECT CHARACTER_SET_NAME FROM '
                                      'information_schema.CHARACTER_SETS')}
    if (not server.mariadb) and server.version >= (5, 7, 4):
        words['gb18030'] = ['中文', '😀']
    literals = {cs: ["''", "'a'", "'trail  '"] + [text(w) for w in ws]
                for cs, ws in words.items() if cs in known or cs == 'utf8'}
    t['charsets'] = [(cs, 'varchar(80) CHARACTER SET ' + cs, ls) for cs, ls in literals.items()]
    t['texts'] = [(k + '_' + cs, k + ' CHARACTER SET ' + cs, literals[cs] + more)
                  for cs in ('utf8mb4', 'latin1', 'utf16')
                  for k, more in (('char(63)', []), ('char(255)', []), ('varchar(63)', []),
                                  ('varchar(64)', []), ('varchar(300)', ["repeat('x',256)"]),
                                  ('tinytext', []), ('text', ["repeat('y',5000)"]),
                                  ('mediumtext', ["repeat('z',70000)"]), ('longtext', []))]
    t['texts'] = [(n.replace('(', '').replace(')', ''), k, ls) for n, k, ls in t['texts']]
    blob = ["x''", "x'00'", "x'61'", "x'6100'", "x'00ff80'", "x'00000000'"]
    t['blobs'] = [('b1', 'binary(1)', blob[:3]), ('b4', 'binary(4)', blob),
                  ('b255', 'binary(255)', blob), ('vb', 'varbinary(9)', blob),
                  ('vb300', 'varbinary(300)', blob + ["repeat(x'fe',256)"]),
                  ('tb', 'tinyblob', blob), ('bl', 'blob', blob), ('mb', 'mediumblob', blob),
                  ('lb', 'longblob', blob + ["repeat(x'ff',100000)"]),
                  ('cb', 'varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', ["'b'", "''"])]
    many = ','.join("'m%d'" % i for i in range(300))
    t['members'] = [('e', "enum('a','b''c','d,e','')", ["'a'", "2", "3", "0", "4"]),
                    ('big', 'enum(%s)' % many, ['1', '255', '256', '300', '0']),
                    ('el', "enum('é','ß') CHARACTER SET latin1", ['1', '2']),
                    ('eu', "enum('é','日') CHARACTER SET ucs2", ['1', '2']),
                    ('s', "set('x','y','z')", ['0', '1', '5', '7']),
                    ('sl', "set('é','b c') CHARACTER SET latin1", ['0', '1', '2', '3']),
                    ('s9', 'set(%s)' % ','.join("'s%d'" % i for i in range(9)), ['0', '256', '511']),
                    ('s64', 'set(%s)' % ','.join("'s%d'" % i for i in range(64)),
                     ['0', '1', '9223372036854775808', '18446744073709551615'])]
    dates = ['0000-00-00', '2024-00-00', '2024-05-00', '1000-01-01', '0001-01-01', '2024-02-29',
             '9999-12-31']
    times = ['00:00:00', '-00:00:01', '23:59:59', '-01:02:03', '838:59:59', '-838:59:59', '100:00:00']
    # unsigned behind YEAR: whether the map's signedness counts that among the numbers
    t['times'] = [('d', 'date', ["'%s'" % d for d in dates]),
                  ('y', 'year', ['0', '1901', '2024', '2155']),
                  ('u', 'int unsigned', ['0', '4294967295']),
                  ('y2', 'year', ['0', '2000']),
                  ('n', 'bigint', ['-1', '5'])]
    stamps = ["'0000-00-00 00:00:00'"] if True else []
    for f in range(7):
        t['times'] += [
            ('t%d' % f, 'time(%d)' % f if f else 'time', temporal(times[:4], f) +
             ["'%s'" % x for x in times[4:]]),
            ('dt%d' % f, 'datetime(%d)' % f if f else 'datetime',
             temporal([d + ' 00:00:00' for d in dates] + ['2024-02-29 23:59:59'], f)),
            ('ts%d' % f, 'timestamp(%d) NULL' % f if f else 'timestamp NULL',
             stamps + temporal(['1970-01-01 00:00:01', '2038-01-19 03:14:07',
                                '2024-02-29 12:34:56'], f))]
    point = "ST_GeomFromText('%s')" if not server.mariadb and server.version >= (8, 0, 0) else \
        "GeomFromText('%s')"
    shapes = ['POINT(1 -2.5)', 'LINESTRING(0 0,1e20 1,2.25 1e-7)',
              'POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,4 2,4 4,2 4,2 2))',
              'MULTIPOINT(1 1,2 2)', 'MULTILINESTRING((0 0,1 1),(2 2,3 3))',
              'MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))',
              'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))']
    t['geo'] = [('g', 'geometry', [point % s for s in shapes]), ('p', 'point', [point % shapes[0]]),
                ('ls', 'linestring', [point % shapes[1]]), ('po', 'polygon', [point % shapes[2]])]
    if not server.mariadb and server.version >= (5, 7, 8):
        docs = ['{}', '[]', 'null', 'true', '1', '-1', '65536', '-2147483649', '18446744073709551615',
                '1.5', '1e300', '"s"', '""', '"\\u0000"', '[1,[2,[3]]]', '{"a":{"b":[null,false]},"":1}',
                json.dumps({'k%d' % i: i for i in range(300)}), json.dumps(['x' * 200] * 500),
                json.dumps('y' * 70000), '[' * 90 + ']' * 90]
        t['docs'] = [('j', 'json', ["'%s'" % d.replace('\\', '\\\\') for d in docs] + [
            "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('-12:00:00.5' AS TIME(6)),"
            " CAST('2024-02-29 23:59:59.25' AS DATETIME(6)), TIMESTAMP'2024-01-01 00:00:00')",
            "JSON_ARRAY(CAST(1.50 AS DECIMAL(10,2)), 1.5e0, CAST(-99999999999999999999 AS DECIMAL(65,0)),"
            " CAST(x'00ff' AS BINARY), b'101')"])]
        if server.version >= (8, 0, 3):
            t['docs'] += [('k', 'json', ["'{\"a\": 1, \"b\": [1, 2, 3], \"c d\": {\"e\": \"text\"}}'"])]
    if not server.mariadb and server.version >= (9, 0, 0):
        t['vecs'] = [('v', 'vector(3)', ["TO_VECTOR('[1,-2.5,3e10]')", "TO_VECTOR('[0.1]')"])]
    if server.mariadb:
        if server.version >= (10, 5, 0):
            t['inets'] = [('i6', 'inet6', ["'::'", "'::1'", "'2001:db8::ff00:42:8329'",
                                           "'::ffff:192.168.1.1'", "'::1.2.3.4'", "'1:0:0:2::3'",
                                           "'1:0:2:3:4:5:6:7'", "'1:2:3:4:5:6:7:0'", "'fe80::'"])]
        if server.version >= (10, 10, 0):
            t['inets'] += [('i4', 'inet4', ["'0.0.0.0'", "'255.255.255.255'", "'10.0.0.1'"])]
        if server.version >= (10, 7, 0):
            t['inets'] += [('u', 'uuid', ["'123e4567-e89b-12d3-a456-426655440000'", 'UUID()',
                                          "'00000000-0000-0000-0000-000000000000'",
                                          "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
                                          "'018f3c5e-7e6a-7abc-8def-0123456789ab'",
                                          "'f47ac10b-58cc-4372-a567-0e02b2c3d479'",
                                          "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'"])]
        t['comp'] = [('vc', 'varchar(3000) COMPRESSED', ["''", "'short'", "repeat('abc',500)"]),
                     ('tx', 'text COMPRESSED CHARACTER SET latin1',
                      ["''", text('é'), "repeat('abc',5000)"]),
                     ('bb', 'blob COMPRESSED', ["x''", "x'00'", "repeat(x'00ff',5000)"]),
                     ('lt', 'longtext COMPRESSED', ["repeat('long',20000)", "'x'"]),
                     ('vb', 'varbinary(500) COMPRESSED', ["x'00'", "repeat(x'41',400)"])]
        if server.version >= (10, 2, 7):
            t['docs'] = [('j', 'json', ["'{}'", "'[1, 2]'", "'\"x\"'"])]
        if server.version >= (11, 7, 0):
            t['vecs'] = [('v', 'vector(2)', ["VEC_FromText('[1,-2.5]')"])]
    return t


def create(server, tables):
    """Statements that make the tables."""
    out = []
    for name, columns in tables.items():
        out.append('CREATE TABLE %s (id int NOT NULL, %s, PRIMARY KEY (id)) ENGINE=InnoDB '
                   'ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4' %
                   (name, ', '.join('`%s` %s' % (c, k) for c, k, _ in columns)))
    out.append('CREATE TABLE nokey (a int, b varchar(20), c decimal(5,2))')
    out.append('CREATE TABLE pair (b varchar(10) NOT NULL, x int, a int NOT NULL, PRIMARY KEY (a, b))')
    out.append('CREATE TABLE gen (id int PRIMARY KEY, a int, v int AS (a * 2) VIRTUAL, '
               's int AS (a * 3) %s, z varchar(5))' %
               ('PERSISTENT' if server.mariadb else 'STORED')) \
        if server.mariadb or server.version >= (5, 7, 6) else None
    if not server.mariadb and server.version >= (8, 0, 23):
        out.append('CREATE TABLE inv (id int PRIMARY KEY, a int INVISIBLE, b int, '
                   'KEY f ((b + 1)), KEY m ((a * b)))')
    if server.mariadb and server.version >= (10, 3, 4):
        out.append('CREATE TABLE inv (id int PRIMARY KEY, a int INVISIBLE, b int)')
    return out


def changes(rnd, tables, n, partial_json):
    """Random DML in transactions of random size, some rolled back."""
    out = []
    alive = {t: set() for t in tables}
    names = sorted(tables)
    # every literal of every column once
    for t in names:
        longest = max(len(ls) for _, _, ls in tables[t])
        for i in range(longest):
            out.append('INSERT INTO %s VALUES (%d, %s)' % (
                t, i, ', '.join(ls[i % len(ls)] for _, _, ls in tables[t])))
            alive[t].add(i)
        out.append('INSERT INTO %s (id) VALUES (%d)' % (t, longest))
        alive[t].add(longest)
    for _ in range(n):
        t = rnd.choice(names)
        columns = tables[t]
        kind = rnd.random()
        if kind < 0.4 or not alive[t]:
            rowid = rnd.randrange(1000, 1000000)
            if rowid in alive[t]:
                continue
            alive[t].add(rowid)
            out.append('INSERT INTO %s VALUES (%d, %s)' % (t, rowid, ', '.join(
                'NULL' if rnd.random() < 0.2 else rnd.choice(ls) for _, _, ls in columns)))
        elif kind < 0.8:
            some = rnd.sample(columns, rnd.randint(1, min(3, len(columns))))
            out.append('UPDATE %s SET %s WHERE id = %d' % (t, ', '.join(
                '`%s` = %s' % (c, 'NULL' if rnd.random() < 0.2 else rnd.choice(ls))
                for c, _, ls in some), rnd.choice(sorted(alive[t]))))
        elif kind < 0.85:
            old = rnd.choice(sorted(alive[t]))
            new = rnd.randrange(2000000, 3000000)
            if new in alive[t]:
                continue
            alive[t].remove(old)
            alive[t].add(new)
            out.append('UPDATE %s SET id = %d WHERE id = %d' % (t, new, old))
        elif kind < 0.9:
            out += ['BEGIN', 'DELETE FROM %s' % t, 'ROLLBACK']
        elif kind < 0.95:
            out += ['BEGIN', 'SAVEPOINT s', 'DELETE FROM %s' % t, 'ROLLBACK TO s',
                    'UPDATE pair SET x = coalesce(x, 0) + 1', 'COMMIT']
        else:
            old = rnd.choice(sorted(alive[t]))
            alive[t].remove(old)
            out.append('DELETE FROM %s WHERE id = %d' % (t, old))
    out += ["INSERT INTO nokey VALUES (1,'a',1.5),(1,'a',1.5),(NULL,NULL,NULL),(2,'b',-2)",
            "UPDATE nokey SET c = c + 1 WHERE a = 1 LIMIT 1", "DELETE FROM nokey WHERE a = 2",
            "INSERT INTO pair VALUES ('x',1,1),('y',2,1),('x',3,2)",
            "UPDATE pair SET b = 'z', x = NULL WHERE a = 1 AND b = 'y'"]
    if partial_json:
        out += ["UPDATE docs SET k = '{\"a\": 1, \"b\": [1, 2, 3], \"c d\": {\"e\": \"some longer text\"}}'",
                "UPDATE docs SET k = JSON_SET(k, '$.a', 1000000, '$.new', 'member'), j = '[0, 1, 2]' WHERE id % 2 = 0",
                "UPDATE docs SET k = JSON_REMOVE(JSON_SET(k, '$.\"c d\".e', 'x'), '$.b[1]')",
                "UPDATE docs SET j = JSON_REPLACE(j, '$[1]', JSON_ARRAY('n', NULL, 3.5)) WHERE id % 2 = 0",
                "UPDATE docs SET k = JSON_ARRAY_INSERT(k, '$.b[0]', 'first')" if False else
                "UPDATE docs SET k = JSON_SET(k, '$.b[5]', 'last')",
                "UPDATE docs SET k = JSON_SET(k, '$.\"quo\\\\\"te\"', '\\\\\\\\')",
                "UPDATE docs SET k = JSON_SET(k, '$.\"quo\\\\\"te\"', 'again')",
                "UPDATE docs SET j = JSON_SET(j, '$[2]', repeat('long', 20000)) WHERE id % 2 = 0",
                "UPDATE docs SET k = JSON_REMOVE(k, '$.a'), j = JSON_SET(j, '$[0]', -70000) WHERE id % 3 = 0"]
    return out


def more_changes(server):
    out = []
    if server.mariadb or server.version >= (5, 7, 6):
        out += ['INSERT INTO gen (id, a, z) VALUES (1, 10, "x"), (2, NULL, NULL)',
                'UPDATE gen SET a = 11, z = "yy" WHERE id = 1', 'DELETE FROM gen WHERE id = 2']
    if (not server.mariadb and server.version >= (8, 0, 23)) or \
            (server.mariadb and server.version >= (10, 3, 4)):
        out += ['INSERT INTO inv (id, a, b) VALUES (1, 2, 3)', 'INSERT INTO inv VALUES (2, 5)',
                'UPDATE inv SET a = 7 WHERE id = 2']
    return out


def read_columns(server):
    rows = server.sql("""SELECT TABLE_NAME, COLUMN_NAME, HEX(COLUMN_TYPE), DATA_TYPE,
        IFNULL(CHARACTER_SET_NAME, '-'), COLUMN_KEY, EXTRA
        FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '%s'
        ORDER BY TABLE_NAME, ORDINAL_POSITION""" % DB)
    tables = {}
    for t, name, column_type, data_type, charset, key, extra in rows:
        tables.setdefault(t, []).append({
            'name': name, 'column_type': bytes.fromhex(column_type).decode(),
            'data_type': data_type.lower(), 'charset': None if charset == '-' else charset,
            'key': key, 'extra': extra})
    return tables


def read_tables(server, columns):
    """What the server says the tables are, in the form of tables.json."""
    result = {}
    for t, cols in columns.items():
        exprs = []
        for c in cols:
            n = '`%s`' % c['name']
            kind = c['data_type']
            if kind in fold.BINARY or kind in fold.GEOMETRY or kind == 'vector':
                exprs.append('HEX(HEX(%s))' % n)
            elif kind == 'bit':
                exprs.append('HEX(CAST(%s + 0 AS CHAR))' % n)
            elif kind == 'float':
                exprs.append('HEX(CAST(%s + 0e0 AS CHAR))' % n)
            elif c['charset'] is None or kind == 'json':
                exprs.append('HEX(CAST(%s AS CHAR CHARACTER SET utf8mb4))' % n)
            else:
                exprs.append('HEX(CONVERT(%s USING utf8mb4))' % n)
        rows = server.sql("SET time_zone = '+00:00'; SELECT %s FROM `%s`" % (
            ', '.join(exprs), t), DB)
        result['%s.%s' % (DB, t)] = {
            'columns': cols, 'count': len(rows),
            'rows': [[None if v == 'NULL' else bytes.fromhex(v).decode() for v in r]
                     for r in rows]}
    return result


def escape(s):
    return '\\0' if s is None else s.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n')


CODED = {'ascii': 1, 'armscii8': 1, 'big5': 2, 'cp1250': 1, 'cp1251': 1, 'cp1256': 1, 'cp1257': 1,
         'cp850': 1, 'cp852': 1, 'cp866': 1, 'cp932': 2, 'dec8': 1, 'eucjpms': 3, 'euckr': 2,
         'gb18030': 2, 'gb2312': 2, 'gbk': 2, 'geostd8': 1, 'greek': 1, 'hebrew': 1, 'hp8': 1,
         'koi8r': 1, 'koi8u': 1, 'latin1': 1, 'latin2': 1, 'latin5': 1, 'latin7': 1, 'macce': 1,
         'macroman': 1, 'sjis': 2, 'swe7': 1, 'tis620': 1, 'ujis': 3, 'ucs2': 2, 'utf16': 2,
         'utf16le': 2}


def record_codes(server, directory):
    """All characters of one to three bytes of all character sets."""
    os.makedirs(directory)
    server.sql('DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4; '
               'FLUSH LOGS;' % (DB, DB))
    file, _ = server.position()
    known = {r[0] for r in server.sql('SELECT CHARACTER_SET_NAME FROM '
                                      'information_schema.CHARACTER_SETS')}
    pairs = lambda low: ','.join("(x'%02x')" % i for i in range(low, 256))
    script = ["SET sql_mode = ''", 'SET SESSION group_concat_max_len = 1000000',
              'SET sql_log_bin = 0',
              'CREATE TABLE one (x binary(1) PRIMARY KEY)', 'INSERT INTO one VALUES ' + pairs(0),
              'CREATE TABLE code (x varbinary(3) PRIMARY KEY)',
              'INSERT INTO code SELECT x FROM one',
              'INSERT INTO code SELECT concat(a.x, b.x) FROM one a JOIN one b',
              "INSERT INTO code SELECT concat(x'8f', a.x, b.x) FROM one a JOIN one b "
              "WHERE a.x >= x'a1' AND b.x >= x'a1'", 'SET sql_log_bin = 1']
    for cs, n in sorted(CODED.items()):
        if cs not in known:
            continue
        script.append('CREATE TABLE %s (id int PRIMARY KEY, v mediumtext CHARACTER SET %s)' %
                      (cs, cs))
        lengths = 'length(x) = 2' if cs[:3] in ('ucs', 'utf') else 'length(x) <= %d' % n
        # characters that are one, that UTF-8 has, and that are no question mark for want of one
        u = 'convert(convert(x using %s) using utf8mb4)' % cs
        if cs == 'ucs2':
            lengths += ' AND ord(left(x, 1)) NOT BETWEEN 216 AND 223'   # halves of pairs
        lead = "(length(x) = 1 or %s or ord(left(x, 1)) >= 128)" % (
            '1' if cs[:3] in ('ucs', 'utf') else '0')
        script.append(
            "INSERT INTO %s SELECT ord(left(x, 1)), convert(group_concat(x ORDER BY x SEPARATOR '') "
            "using %s) FROM code WHERE %s AND %s AND char_length(convert(x using %s)) = 1 "
            "AND length(convert(x using %s)) = length(x) AND (x in (x'3f', x'003f', x'3f00') "
            "OR hex(%s) <> '3F') AND hex(%s) <> 'EFBFBD' AND length(x) = %s "
            "GROUP BY ord(left(x, 1))" % (
                cs, cs, lengths, lead, cs, cs, u, u,
                char_bytes(cs)))
    server.sql(';\n'.join(script), DB)
    _, position = server.position()
    columns = read_columns(server)
    for t in ('one', 'code'):
        del columns[t]
    with open(os.path.join(directory, 'tables.json'), 'w') as f:
        json.dump({'snapshots': [{'label': 'final', 'binlog_file': file, 'binlog_pos': position,
                                  'tables': read_tables(server, columns)}]}, f)
    write_columns(directory, columns)
    copy_binlog(server, file, directory)


def char_bytes(cs):
    """SQL: how many bytes the character has that starts with x's first byte."""
    lead = 'ord(left(x, 1))'
    if CODED[cs] == 1:
        return '1'
    if cs[:3] in ('ucs', 'utf'):
        return '2'
    if cs in ('sjis', 'cp932'):
        return 'if(%s between 129 and 159 or %s between 224 and 252, 2, 1)' % (lead, lead)
    if cs in ('ujis', 'eucjpms'):
        return 'if(%s < 128, 1, if(%s = 143, 3, 2))' % (lead, lead)
    return 'if(%s < 128, 1, 2)' % lead


def write_columns(directory, columns):
    with open(os.path.join(directory, 'columns.tsv'), 'w') as f:
        for t, cols in columns.items():
            f.write('T\t4\t%s\t%s\n' % (DB, t))
            n_key = 0
            for c in cols:
                key = -1
                if c['key'] == 'PRI':
                    key, n_key = n_key, n_key + 1
                f.write('C\t%s\t%s\t%s\t%d\n' % (escape(c['name']), escape(c['column_type']),
                                                escape(c['charset']), key))


def copy_binlog(server, file, directory):
    basename = server.value('SELECT @@log_bin_basename')
    shutil.copy(os.path.join(os.path.dirname(basename), file), os.path.join(directory, file))


def record(server, directory, setup, image, tables, rnd, n, with_columns, partial_json):
    """Runs one combination and leaves it as a case for fold.py."""
    os.makedirs(directory)
    for s in setup:
        if s.startswith('SET GLOBAL'):
            server.sql(s)
    server.sql('DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4; '
               'FLUSH LOGS;' % (DB, DB))
    file, _ = server.position()
    session = ["SET sql_mode = ''", "SET time_zone = '+00:00'"] + [
        s for s in setup if not s.startswith('SET GLOBAL')]
    script = session + [s for s in create(server, tables) if s]
    script += changes(rnd, tables, n, partial_json) + more_changes(server)
    server.sql(';\n'.join(script) + ';\n', DB)
    end_file, position = server.position()
    if end_file != file:
        raise RuntimeError('the binlog was rotated meanwhile')
    columns = read_columns(server)
    derived = []
    if server.mariadb and server.version >= (11, 0, 0):
        derived = ['GENERATED']     # no generated column in images of updates
    elif image != 'FULL':
        derived = ['VIRTUAL']
    recorded = {'row_image': image, 'derived': derived, 'snapshots': [{
        'label': 'final', 'binlog_file': file, 'binlog_pos': position,
        'tables': read_tables(server, columns)}]}
    with open(os.path.join(directory, 'tables.json'), 'w') as f:
        json.dump(recorded, f)
    if with_columns:
        write_columns(directory, columns)
    copy_binlog(server, file, directory)


def combinations(server):
    """(name, statements before, row image, definitions by columns?, partial JSON?)"""
    out = [(CODES, [], 'FULL', True, False)]
    metadata = server.has('binlog_row_metadata')
    for image in ('FULL', 'MINIMAL', 'NOBLOB'):
        for full in ((True, False) if metadata else (False,)):
            setup = ["SET binlog_row_image = '%s'" % image]
            if metadata:
                setup.append("SET GLOBAL binlog_row_metadata = '%s'" % ('FULL' if full else (
                    'MINIMAL' if not server.mariadb else 'NO_LOG')))
            name = 'image %s, %s metadata' % (image, 'full' if full else 'no')
            out.append((name, setup, image, not full or server.mariadb, False))
    base = ["SET binlog_row_image = 'FULL'"]
    out.append(('no checksum', base + ['SET GLOBAL binlog_checksum = NONE'], 'FULL', True, False))
    if server.has('binlog_transaction_compression'):
        out.append(('compressed transactions', base + ['SET binlog_transaction_compression = ON'],
                    'FULL', True, False))
    if server.has('log_bin_compress'):
        out.append(('compressed events', base + [
            'SET GLOBAL log_bin_compress = ON', 'SET GLOBAL log_bin_compress_min_len = 10'],
            'FULL', True, False))
    if server.has('binlog_row_value_options'):
        for image in ('FULL', 'MINIMAL', 'NOBLOB'):
            out.append(('partial JSON, image ' + image, [
                "SET binlog_row_value_options = PARTIAL_JSON",
                "SET binlog_row_image = '%s'" % image], image, True, True))
    if server.has('mysql56_temporal_format'):
        out.append(('old temporal types', base + ['SET GLOBAL mysql56_temporal_format = OFF'],
                    'FULL', True, False))
    return out


def reset(server):
    for variable, value in (('binlog_checksum', 'CRC32'), ('log_bin_compress', 'OFF'),
                            ('binlog_row_metadata', 'FULL'), ('mysql56_temporal_format', 'ON')):
        if server.has(variable):
            server.sql('SET GLOBAL %s = %s' % (variable, value))


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('tool')
    p.add_argument('--mariadbd', default='mariadbd')
    p.add_argument('--port', type=int)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--statements', type=int, default=400)
    p.add_argument('--keep')
    p.add_argument('--only', default='')
    args = p.parse_args()
    server = Server(args.port) if args.port else PrivateServer(args.mariadbd)
    failed = 0
    tmp = tempfile.mkdtemp(prefix='cdc_live_cases_')
    try:
        todo = [c for c in combinations(server) if args.only in c[0]]
        print('# %s %s, seed %d' % ('MariaDB' if server.mariadb else 'MySQL',
                                    '.'.join(map(str, server.version)), args.seed))
        print('1..%d' % len(todo))
        for i, (name, setup, image, with_columns, partial) in enumerate(todo, 1):
            directory = os.path.join(args.keep or tmp, name.replace(' ', '_').replace(',', ''))
            shutil.rmtree(directory, ignore_errors=True)
            reset(server)
            tables = tables_for(server)
            if name == CODES:
                record_codes(server, directory)
            else:
                record(server, directory, setup, image, tables,
                       random.Random(args.seed * 1000 + i), args.statements, with_columns,
                       partial)
            try:
                compared, _ = fold.fold_case(args.tool, directory)
                print('ok %d - %s: %d values' % (i, name, compared))
            except fold.Mismatch as m:
                if partial and image == 'MINIMAL' and \
                        'document that the before image lacks' in str(m):
                    # what such a binlog has is not enough; that is said clearly
                    print('ok %d - %s: refused' % (i, name))
                    continue
                failed += 1
                print('not ok %d - %s\n# %s' % (i, name, str(m).replace('\n', '\n# ')))
            sys.stdout.flush()
        reset(server)
        server.sql('DROP DATABASE IF EXISTS %s' % DB)
    finally:
        shutil.rmtree(tmp)
        if isinstance(server, PrivateServer):
            server.stop()
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()

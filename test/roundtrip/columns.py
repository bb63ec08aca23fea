"""The types of all columns that a server has, each with values as SQL literals."""
import json
from collections import namedtuple

# type: as in CREATE TABLE; literals: SQL expressions of values that it takes
Kind = namedtuple('Kind', 'name type literals')


def text(s):
    """A literal that is the same in all charsets of the session."""
    return "CONVERT(x'%s' USING utf8mb4)" % s.encode().hex() if s else "''"


def temporal(values, fsp):
    return ["'%s'" % v for v in values] + (
        ["'%s.%s'" % (v, '987654'[:fsp]) for v in values if v[:4] != '0000'] +
        ["'%s.%s1'" % (v, '0' * (fsp - 1)) for v in values if v[:4] != '0000'] if fsp else [])


def tables_for(server):
    """name -> [Kind]: columns of a table, by subject."""
    t = {}
    t['ints'] = [(k + s, k.replace('_', ' ') + (' unsigned' if s == '_u' else ''),
                  ['0', '1'] + (['-1', str(-2 ** (b - 1)), str(2 ** (b - 1) - 1)] if not s
                                else [str(2 ** b - 1), str(2 ** (b - 1))]))
                 for k, b in (('tinyint', 8), ('smallint', 16), ('mediumint', 24), ('int', 32),
                              ('bigint', 64)) for s in ('', '_u')]
    t['ints'] += [('z', 'int(10) unsigned zerofill', ['0', '42', '4294967295']),
                  ('b1', 'tinyint(1)', ['0', '1', '-128', '127']),
          ('zt', 'tinyint(3) unsigned zerofill', ['0', '7', '255']),
          ('zb', 'bigint(20) unsigned zerofill', ['0', '42', '18446744073709551615'])]
    t['decs'] = [('d%d_%d' % (p, s), 'decimal(%d,%d)' % (p, s) + u,
                  ['0'] + [sign + (n * (p - s))[:p - s] + ('.' + (n * s)[:s] if s else '')
                           if p > s else sign + '0.' + (n * s)[:s]
                           for n in ('9', '1', '0000000001', '1234567890', '100000000')
                           for sign in (('', '-') if not u else ('',))])
                 for p, s, u in ((1, 0, ''), (1, 1, ''), (5, 2, ''), (9, 0, ''), (9, 9, ''),
                                 (10, 0, ''), (10, 2, ' unsigned'), (18, 9, ''), (19, 10, ''),
                                 (20, 1, ''), (30, 30, ''), (38, 0, ''), (64, 30, ''),
                                 (65, 0, ''), (65, 30, ''), (12, 4, ' unsigned zerofill'))]
    t['flts'] = [('f', 'float', ['0', '-0e0', '-1.5', '3.40282e38', '1.17549e-38', '0.1', '16777217']),
                 ('fu', 'float unsigned', ['0', '1e10', '0.3']),
                 ('d', 'double', ['0', '-0e0', '-0.1', '1.7976931348623157e308', '2.2250738585072014e-308',
                                  '123456789.123456789', '1e-10']),
                 ('dp', 'double(20,4)', ['0', '-0e0', '-1234.5678', '9999999999999.9999'])]
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
    known = {r[0] for r in server.run('SELECT CHARACTER_SET_NAME FROM '
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
    stamps = ["'0000-00-00 00:00:00'"]
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
    shapes = ['POINT(1 -2.5)', 'LINESTRING(0 -0,1e20 1,2.25 1e-7)',
              'POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,4 2,4 4,2 4,2 2))',
              'MULTIPOINT(1 1,2 2)', 'MULTILINESTRING((0 0,1 1),(2 2,3 3))',
              'MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))',
              'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))']
    kinds = ['point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon',
             'geometrycollection']
    t['geo'] = [('g', 'geometry', [point % s for s in shapes])] + [
        (k, k, [point % s]) for k, s in zip(kinds, shapes)]
    if not server.mariadb and server.version >= (8, 0, 0):
        t['geo'] += [('srid', 'point SRID 4326', ["ST_GeomFromText('POINT(10 20)', 4326)"]),
                     ('any', 'geometry', ["ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')",
                                          "ST_GeomFromText('LINESTRING(1 2,3 4)', 3857)"])]
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
    return {name: [Kind(*k) for k in kinds] for name, kinds in t.items()}


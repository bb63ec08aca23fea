#!/usr/bin/env python3
"""Folds the events of recorded binlogs into tables and compares these with
what the server itself said the tables were.

    fold.py TOOL CASE...
    fold.py --events FILE CASE

TOOL is binlog_json (test/unit/tools); instead of its output a FILE of events, a line
each, can be given.  CASE is a directory with the files of one
recording: binlog files (maybe gzip'ed), tables.json[.gz] with one or more
snapshots of all tables, and, where the binlog has no full row metadata,
columns.tsv with the definitions.  tables.json may list the DDL statements with
what each does to the rows that are there (see recording.py); where it does not,
their text is looked at.  Prints TAP; exit status 1 when a case fails.

A snapshot is compared with the fold of all events up to its position.  What a
stream of row events cannot tell is named in EXEMPT, with the reason.
"""
import base64
import gzip
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from decimal import Decimal

# (case, snapshot, table): why the fold cannot be compared
EXEMPT = {
    ('b_dml', 'final', 'c_b.t2'): 'written in statement format at the end',
    ('b_dml', 'final', 'c_b.t'): 'written in statement format at the end',
    ('b_dml', 'final', 'c_b_2.t2'): 'copied from rows written in statement format',
    ('f_ddl', None, 'c_f.part'): 'DROP, TRUNCATE and EXCHANGE PARTITION move rows',
    ('f_ddl', None, 'c_f.px'): 'EXCHANGE PARTITION moves rows',
    ('f_ddl', 'before DDL amid open transaction', 'c_f.px'): 'EXCHANGE PARTITION moves rows',
}


class Num(str):
    """A JSON number, as it was written."""


def loads(text):
    return json.loads(text, parse_int=Num, parse_float=Num)


def canonical(v):
    """A value of an event in a form that can be compared and hashed."""
    if isinstance(v, Num):
        return ('n', Decimal(v))
    if isinstance(v, list):
        return ('l', tuple(canonical(x) for x in v))
    if isinstance(v, dict):
        return ('o', tuple(sorted((k, canonical(x)) for k, x in v.items())))
    return v


class Mismatch(Exception):
    pass


def same_number(a, b):
    return Decimal(a) == Decimal(b)


def same_json(ours, theirs):
    if isinstance(ours, Num) or isinstance(theirs, Num):
        if not (isinstance(ours, Num) and isinstance(theirs, Num)):
            return False
        return same_number(ours, theirs) or float(ours) == float(theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same_json, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            same_json(v, theirs[k]) for k, v in ours.items())
    return ours == theirs


def wkt_number(d):
    text = format(Decimal(repr(d)), 'f')
    return text[:-2] if text.endswith('.0') else text


def wkt(data):
    """WKT of a geometry's bytes, written apart from the decoder under test."""
    pos = 4

    def take(fmt):
        nonlocal pos
        v = struct.unpack_from(fmt, data, pos)
        pos += struct.calcsize(fmt)
        return v

    def point():
        x, y = take('<dd')
        return wkt_number(x) + ' ' + wkt_number(y)

    def points():
        n, = take('<I')
        return '(' + ', '.join(point() for _ in range(n)) + ')'

    def rings():
        n, = take('<I')
        return '(' + ', '.join(points() for _ in range(n)) + ')'

    def geometry(named=True):
        order, kind = take('<BI')
        name = ['', 'POINT ', 'LINESTRING ', 'POLYGON ', 'MULTIPOINT ', 'MULTILINESTRING ',
                'MULTIPOLYGON ', 'GEOMETRYCOLLECTION '][kind] if named else ''
        if kind == 1:
            return name + '(' + point() + ')'
        if kind == 2:
            return name + points()
        if kind == 3:
            return name + rings()
        n, = take('<I')
        if n == 0:
            return name + 'EMPTY'
        return name + '(' + ', '.join(geometry(kind == 7) for _ in range(n)) + ')'

    text = geometry()
    if pos != len(data):
        raise Mismatch('the server\'s own geometry was not understood')
    return text


GEOMETRY = {'geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring',
            'multipolygon', 'geometrycollection', 'geomcollection'}
BINARY = {'binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'}
NUMERIC = {'tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'year', 'bit'}


def same(ours, theirs, column):
    """Whether an event's value is what the server printed for it."""
    kind = column['data_type'].lower()
    if kind == 'json' and ours is None and theirs == 'null':
        return True     # an event does not tell JSON's null from SQL's
    if kind in GEOMETRY and ours is None and theirs == '':
        return True     # what MariaDB has in NOT NULL columns left out; AsText() says NULL
    if theirs is None or ours is None:
        return ours is None and theirs is None
    if kind in NUMERIC:
        return isinstance(ours, Num) and same_number(ours, theirs)
    if kind in ('float', 'double') and ours == '-0' and not isinstance(ours, Num):
        # older recordings have 0 for it: their client lost the sign
        return float(theirs) == 0
    if kind in ('float', 'double') and theirs.startswith('-') and float(theirs) == 0:
        return False
    if kind == 'float':
        return isinstance(ours, Num) and \
            struct.unpack('f', struct.pack('f', float(ours))) == \
            struct.unpack('f', struct.pack('f', float(theirs)))
    if kind == 'double':
        return isinstance(ours, Num) and float(ours) == float(theirs)
    if kind in GEOMETRY and theirs == '':
        return False            # MariaDB's "no geometry", which reads as NULL
    if kind in GEOMETRY:
        return ours == wkt(bytes.fromhex(theirs))
    if kind == 'vector':
        data = bytes.fromhex(theirs)
        return [struct.pack('f', float(x)) for x in ours] == \
            [data[i:i + 4] for i in range(0, len(data), 4)]
    if kind in BINARY:
        return base64.b64decode(ours) == bytes.fromhex(theirs)
    if kind == 'set':
        return ','.join(ours) == theirs
    if kind == 'json':
        return same_json(ours, loads(theirs))
    return isinstance(ours, str) and not isinstance(ours, Num) and ours == theirs


class Table:
    """The rows of one table: dictionaries by column name."""

    def __init__(self):
        self.rows = []
        self.key = None         # columns of the index, once there are many rows
        self.index = {}
        self.altered = False    # columns were added: old rows lack their values
        self.lost = False       # rows went or came without an event

    def no_index(self):
        if self.key:
            self.rows, self.key, self.index = self.all(), None, {}

    def use_index(self, key):
        self.key = key
        self.index = {self.key_of(r): r for r in self.rows}
        self.rows = None

    def key_of(self, row):
        return tuple(canonical(row[c]) for c in self.key)

    def all(self):
        return list(self.index.values()) if self.key else self.rows

    def insert(self, row):
        if self.key:
            if self.key_of(row) in self.index:
                raise Mismatch('insert of a row that exists: %s' % row)
            self.index[self.key_of(row)] = row
        else:
            self.rows.append(row)

    def take(self, image):
        """Removes and returns the row that an image, maybe partial, is of."""
        if self.key:
            row = self.index.pop(self.key_of(image), None)
            candidates = [row] if row is not None else []
        else:
            candidates = self.rows
        want = {c: canonical(v) for c, v in image.items()}
        best = None
        for row in candidates:
            if all(canonical(row[c]) == v if c in row else self.altered
                   for c, v in want.items()):
                lacking = len([c for c in want if c not in row])
                if best is None or lacking < best[0]:
                    best = (lacking, row)
                if lacking == 0:
                    break
        if best is not None:
            if not self.key:
                # by identity: rows can be equal
                del self.rows[next(i for i, r in enumerate(self.rows) if r is best[1])]
            return best[1]
        raise Mismatch('change of a row that does not exist: %s' % str(image)[:300])

    def rename_column(self, old, new):
        self.no_index()
        for row in self.rows:
            if old in row:
                row[new] = row.pop(old)

    def forget_column(self, column):
        self.no_index()
        self.altered = True
        for row in self.rows:
            row.pop(column, None)


# As the server writes a DROP of what is not there.
# What a DROP DATABASE writes first of tables whose engine knows no transactions.
DROP_BEFORE_DATABASE = re.compile(r'DROP TABLE IF EXISTS .* /\* generated by server \*/$', re.S)

IDLE_DROP = re.compile(r'DROP TABLE IF EXISTS `?no_such_table`?( /\*.*\*/)?$')


class Fold:
    def __init__(self, case):
        self.case = case
        self.tables = {}
        self.keys = {}          # columns of the primary key
        self.columns = {}       # those that an insert may leave out for NULL
        self.statements = None  # what DDL does, where the recording tells
        self.idle = ()          # DDL that does nothing
        self.seen = 0           # how many of them came
        self.last_ddl = None

    def table(self, name):
        return self.tables.setdefault(name, Table())

    def told_ddl(self, e):
        """DDL whose effects the recording tells."""
        if e['type'].startswith('database-') or e['type'] == 'ddl' or \
                re.match(r'(?i)(CREATE|DROP)\s+TEMPORARY', e['sql']):
            return
        this = (e.get('position'), e['sql'])
        if this == self.last_ddl:
            return              # a statement about several tables
        self.last_ddl = this
        if e['sql'] in self.idle or IDLE_DROP.match(e['sql']):
            return
        # A statement about tables of several engines is written in parts.
        rest = self.statements[self.seen:self.seen + 1]
        if 'no_such_table' in e['sql'] and e['type'] == 'table-drop' and not any('no_such_table' in x['sql'] for x in rest):
            return
        if self.seen == len(self.statements):
            raise Mismatch('DDL that nobody did: %s' % e['sql'][:300])
        entry = self.statements[self.seen]
        if entry['type'] != 'table-drop' and DROP_BEFORE_DATABASE.match(e['sql']):
            return
        self.seen += 1
        if e['type'] != entry['type']:
            raise Mismatch('event %s of %s for %s' % (e['type'], e['sql'][:300], entry['sql'][:300]))
        for name, *args in entry['effects']:
            getattr(self, 'do_' + name)(*args)

    def do_create(self, table):
        self.tables[table] = Table()

    def do_truncate(self, table):
        lost = self.table(table).lost
        self.do_create(table)
        self.table(table).lost = lost

    def do_lost(self, table):
        self.table(table).lost = True

    def do_drop(self, table):
        self.tables.pop(table, None)

    def do_rename(self, old, new):
        self.tables[new] = self.tables.pop(old, Table())

    def do_add_column(self, table, column):
        self.table(table).altered = True

    def do_drop_column(self, table, column):
        self.table(table).forget_column(column)

    # Its values were converted; what they are now is known when they are written again.
    do_convert = do_drop_column

    def do_rename_column(self, table, old, new):
        self.table(table).rename_column(old, new)

    def do_define(self, table, definition):
        self.table(table).no_index()
        self.keys[table] = definition['key']
        self.columns[table] = definition['null']

    def ddl(self, e):
        if self.statements is not None:
            self.told_ddl(e)
            return
        sql, kind = e['sql'], e['type']
        name = '%s.%s' % (e.get('database'), e.get('table'))
        q = r'[`"]?(\w+)[`"]?'
        qq = r'((?:[`"]?\w+[`"]?\.)?[`"]?\w+[`"]?)'

        def full(s):
            s = s.replace('`', '').replace('"', '')
            return s if '.' in s else '%s.%s' % (e['database'], s)

        if kind == 'table-truncate':
            self.tables[name] = Table()
        elif kind == 'database-drop':
            for t in [t for t in self.tables if t.startswith(e['database'] + '.')]:
                del self.tables[t]
        elif kind == 'table-drop':
            names = re.sub(r'(?is)^.*?TABLES?\s+(IF\s+EXISTS\s+)?|/\*.*?\*/', '', sql)
            for t in names.split(','):
                self.tables.pop(full(t.strip()), None)
        elif kind == 'table-alter' and re.match(r'(?is)\s*RENAME\s+TABLE', sql):
            for old, new in re.findall(qq + r'\s+TO\s+' + qq, sql, re.I):
                self.tables[full(new)] = self.tables.pop(full(old), Table())
        elif kind == 'table-alter':
            table = self.table(name)
            table.no_index()
            table.altered = True
            for old, new in re.findall(r'(?i)CHANGE\s+(?:COLUMN\s+)?%s\s+%s' % (q, q), sql):
                table.rename_column(old, new)
            for old, new in re.findall(r'(?i)RENAME\s+COLUMN\s+%s\s+TO\s+%s' % (q, q), sql):
                table.rename_column(old, new)
            for column in re.findall(r'(?i)DROP\s+COLUMN\s+%s' % q, sql):
                table.forget_column(column)
            for column in re.findall(r'(?i)MODIFY\s+(?:COLUMN\s+)?%s' % q, sql):
                table.forget_column(column)     # its values were converted
            for new in re.findall(r'(?i)RENAME\s+TO\s+%s' % q, sql):
                self.tables[full(new)] = self.tables.pop(name)

    def change(self, e):
        name = '%s.%s' % (e['database'], e['table'])
        table = self.table(name)
        if table.lost:
            return
        if not table.key and len(table.rows) > 500 and self.keys.get(name):
            table.use_index(self.keys[name])
        data = e['data']
        if e['type'] == 'insert':
            if self.partial:
                # columns that the statement did not name have their default
                data = dict({c: None for c in self.columns.get(name, ())}, **data)
                table.altered = True
            table.insert(data)
        elif e['type'] == 'delete':
            table.take(data)
        elif e['type'] == 'update':
            before = dict(data)
            before.update(e.get('old', {}))
            if self.partial:
                # only what the before image surely has: the key, and "old"
                key = self.keys.get(name, ())
                before = {c: v for c, v in before.items()
                          if c in key or not key or c in e.get('old', {})}
            row = table.take(before)
            row.update(data)
            table.insert(row)
        else:
            raise Mismatch('event of unknown type %s' % e['type'])

    def run(self, events, partial=False):
        self.partial = partial
        for e in events:
            if 'error' in e:
                raise Mismatch('the tool stopped: %s' % json.dumps(e))
            try:
                if 'sql' in e:
                    self.ddl(e)
                else:
                    self.change(e)
            except Mismatch as m:
                if '%s.%s' % (e.get('database'), e.get('table')) in self.exempt:
                    continue
                raise Mismatch('%s at %s' % (m, e.get('position')))


def row_hash(row, columns):
    """What the recording's row_sha256_expr computes, for simple types."""
    texts = []
    for c in columns:
        v = row[c['name']]
        if v is None:
            texts.append('\\N')
        elif c['data_type'] in BINARY:
            texts.append(base64.b64decode(v).hex().upper())
        else:
            texts.append(str(v))
    return hashlib.sha256('|'.join(texts).encode()).hexdigest()


def compare(table, expected, name, derived=()):
    """Returns the number of values compared.  Columns whose "extra" has a word
    of derived are left out: the images lack them, the server computes them."""
    columns = expected['columns']
    rows = table.all()
    if len(rows) != expected['count']:
        raise Mismatch('%s has %d rows, folded %d' % (name, expected['count'], len(rows)))
    if 'rows' not in expected:
        key = [c['name'] for c in columns if c['key'] == 'PRI']
        rows.sort(key=lambda r: [Decimal(r[k]) for k in key])
        hashes = [row_hash(r, columns) for r in rows]
        if hashes[:5] != expected['row_sha256_first5']:
            raise Mismatch('%s: the first rows differ' % name)
        if hashlib.md5('\n'.join(hashes).encode()).hexdigest() != expected['md5_of_row_sha256s']:
            raise Mismatch('%s: rows differ' % name)
        return len(rows) * len(columns)
    names = [c['name'] for c in columns]
    # Those of which all is known first: the others match more than their own.
    left = sorted(rows, key=lambda row: sum(c not in row for c in names))
    n = 0
    for server in expected['rows']:
        best = None
        for row in left:
            wrong = [c for c, theirs in zip(columns, server)
                     if not (same(row[c['name']], theirs, c) if c['name'] in row
                             else table.altered) and
                     not any(x in c.get('extra', '') for x in derived)]
            if not wrong:
                break
            # the nearest one: of the same first column, then the fewest differences
            distance = (columns[0] in wrong, len(wrong))
            if best is None or distance < best[2]:
                best = (row, wrong, distance)
        else:
            row, wrong, _ = best
            c = wrong[0]
            raise Mismatch('%s: no row for %s; nearest differs in %s: server %r, folded %r' % (
                name, str(server[0])[:60], [w['name'] for w in wrong],
                str(server[names.index(c['name'])])[:200], str(row.get(c['name']))[:200]))
        left.remove(row)
        n += len([c for c in names if c in row])
        if not table.altered and set(row) - set(names):
            raise Mismatch('%s: columns the server lacks: %s' % (name, set(row) - set(names)))
    return n


def read(path):
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rb') as f:
        return f.read()


def load(case_dir, name):
    for suffix in ('', '.gz'):
        if os.path.exists(os.path.join(case_dir, name + suffix)):
            return json.loads(read(os.path.join(case_dir, name + suffix)))
    raise SystemExit('%s: no %s' % (case_dir, name))


def decode(tool, case_dir, files, until):
    """The events of binlog files, up to an offset of the last one."""
    args = [tool, '--until', str(until)]
    if os.path.exists(os.path.join(case_dir, 'columns.tsv')):
        args += ['--columns', os.path.join(case_dir, 'columns.tsv')]
    run = subprocess.run(args + files, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode not in (0, 1) or run.stderr:
        raise Mismatch('tool died (%d): %s' % (run.returncode, run.stderr.decode()[:2000]))
    return [loads(line) for line in run.stdout.decode().split('\n') if line]


def read_events(path):
    return [loads(line) for line in read(path).decode().split('\n') if line]


def fold_case(tool, case_dir, events_file=None):
    """Returns (values compared, tables exempted)."""
    case = os.path.basename(os.path.normpath(case_dir))
    recorded = load(case_dir, 'tables.json')
    compared, exempt = 0, []
    with tempfile.TemporaryDirectory() as tmp:
        files = []
        for f in sorted(os.listdir(case_dir)):
            if re.match(r'([\w-]+)\.\d+(\.gz)?$', f):
                path = os.path.join(tmp, f[:-3] if f.endswith('.gz') else f)
                with open(path, 'wb') as out:
                    out.write(read(os.path.join(case_dir, f)))
                files.append(path)
        for snapshot in recorded['snapshots']:
            events = decode(tool, case_dir, [
                f for f in files if os.path.basename(f) <= snapshot['binlog_file']],
                snapshot['binlog_pos']) if events_file is None else read_events(events_file)
            fold = Fold(case)
            fold.exempt = {t for (c, l, t) in EXEMPT if c == case and l in (None, snapshot['label'])}
            fold.statements = recorded.get('ddl')
            fold.idle = set(recorded.get('idle', ()))
            if fold.statements is None:
                fold.keys = {t: [c['name'] for c in x['columns'] if c['key'] == 'PRI']
                             for t, x in snapshot['tables'].items()}
                fold.columns = {t: [c['name'] for c in x['columns']
                                    if c.get('default') is None and not c.get('extra')]
                                for t, x in snapshot['tables'].items()}
            fold.run(events, recorded.get('row_image', 'FULL') != 'FULL')
            if snapshot is recorded['snapshots'][-1] and fold.statements is not None and \
                    fold.seen < len(fold.statements):
                raise Mismatch('DDL that never came: %s' % fold.statements[fold.seen]['sql'][:300])
            for name, expected in snapshot['tables'].items():
                why = EXEMPT.get((case, snapshot['label'], name)) or \
                    EXEMPT.get((case, None, name))
                if why:
                    exempt.append('%s (%s)' % (name, why))
                    continue
                if fold.table(name).lost:
                    exempt.append('%s (rows without events)' % name)
                    continue
                compared += compare(fold.table(name), expected, name,
                                    recorded.get('derived', ()))
    if compared == 0:
        raise Mismatch('nothing was compared')
    return compared, exempt


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    tool, cases, events_file = sys.argv[1], sys.argv[2:], None
    if tool == '--events':
        events_file, *cases = cases
    failed = 0
    print('1..%d' % len(cases))
    for i, case_dir in enumerate(cases, 1):
        name = os.path.basename(os.path.normpath(case_dir))
        try:
            compared, exempt = fold_case(tool, case_dir, events_file)
            print('ok %d - fold %s: %d values' % (i, name, compared))
            for e in sorted(set(exempt)):
                print('# not compared: %s' % e)
        except Mismatch as m:
            failed += 1
            print('not ok %d - fold %s\n# %s' % (i, name, str(m).replace('\n', '\n# ')))
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()

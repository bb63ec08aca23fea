"""Random tables, random changes to their rows, and DDL in between.

Everything is run at once on the server, by way of a Recording, which notes what
the fold has to know.  A statement that the server refuses (a doubled key, say)
is part of the game; what it would have done is then not assumed.
"""
import json

import columns
from alterations import SPELLINGS, Alterations
from columns import Kind
from model import KEYS, NAMES, Column, Table, is_bytes
from server import quote

# What is refused may be refused: doubled keys, impossible conversions, rows or
# keys too long, what the server's version does not have.  Not a syntax error.
SYNTAX_ERROR = 1064


def has_nul(literal):
    """Whether it is text that PostgreSQL cannot store."""
    return 'u0000' in literal or literal == columns.text('a\0b')


class Generator(Alterations):
    def __init__(self, rnd, recording, with_ddl=True, minimal=False, partial_json=False, big=0,
                 with_xa=True, replica=False):
        self.rnd = rnd
        self.rec = recording
        self.server = recording.server
        self.with_ddl = with_ddl
        self.minimal = minimal      # before images have keys only
        self.partial_json = partial_json
        self.big = big              # bytes of the biggest value
        self.with_xa = with_xa
        self.replica = replica
        Table.case = rnd if self.server.value('SELECT @@lower_case_table_names') == '1' else None
        # A replica in PostgreSQL has no zero in the day of a key, nor hashes of bit strings.
        self.keys = [k for k in KEYS if not replica or k.type not in ('date', 'bit(9)')]
        self.subjects = columns.tables_for(self.server)
        if replica:
            self.subjects = {s: [Kind(k.name, k.type, [v for v in k.literals if not has_nul(v)])
                                 for k in kinds] for s, kinds in self.subjects.items()}
        self.pool = [k for subject in self.subjects.values() for k in subject] + (SPELLINGS if replica else [])
        self.tables = []
        self.fixed = []             # one of each subject; never altered
        self.numbers = 0
        db = self.server.database
        self.databases = [db, db + '_2']

    # -- values

    def literal(self, column):
        if column.null and self.rnd.random() < 0.15:
            return 'NULL'
        if column.default and self.replica and self.rnd.random() < 0.2:
            return 'DEFAULT'
        kind = column.kind
        if kind.type == 'json' and not self.server.mariadb and self.rnd.random() < 0.6:
            return self.document()
        if self.big and self.rnd.random() < 0.02 and kind.type in (
                'longtext', 'mediumblob', 'longblob', 'mediumtext'):
            return "repeat('%d', %d)" % (self.rnd.randrange(10), self.rnd.randrange(self.big))
        return self.rnd.choice(kind.literals)

    def document(self):
        """SQL of a random JSON document of some depth."""
        opaque = ["CAST('2024-02-29' AS DATE)", "CAST('-1:02:03.5' AS TIME(6))", '1.50', '-1e10',
                  "CAST('2024-02-29 23:59:59.25' AS DATETIME(6))", 'CAST(-1 AS DECIMAL(65,30))']

        def value(depth):
            n = self.rnd.random()
            if depth > 0 and n < 0.3:
                return {k: value(depth - 1) for k in self.rnd.sample('abcde', self.rnd.randrange(5))}
            if depth > 0 and n < 0.5:
                return [value(depth - 1) for _ in range(self.rnd.randrange(5))]
            return self.rnd.choice([None, True, False, 0, -1, 70000, -2 ** 31 - 1, 2 ** 64 - 1, 1.5, '',
                                    'text', 'é😀', 'long' * 60, 0.1, 'q"\\/\n'])
        text = json.dumps({k: value(3) for k in self.rnd.sample('abcde', self.rnd.randrange(1, 5))})
        sql = "'%s'" % text.replace('\\', '\\\\').replace("'", "''")
        if self.rnd.random() < 0.3:
            sql = "JSON_SET(%s, '$.%s', %s)" % (sql, self.rnd.choice('abcde'), self.rnd.choice(opaque))
        return sql

    def json_change(self, name):
        path = lambda: "'$%s'" % ''.join(
            self.rnd.choice(['.' + self.rnd.choice('abcde'), '[%d]' % self.rnd.randrange(4)])
            for _ in range(self.rnd.randint(1, 3)))
        values = ['1', '-70000', 'NULL', 'true', "'s'", "repeat('l', 300)", '1.25', "CAST('[1, {\"a\": 2}]' AS JSON)",
                  "JSON_ARRAY(1, 'x', NULL)", "CAST('12:00:00' AS TIME)", "'é😀'", '18446744073709551615']
        sql = quote(name)
        for _ in range(self.rnd.randint(1, 3)):
            function = self.rnd.choice(['SET', 'SET', 'REPLACE', 'REMOVE'])
            sql = 'JSON_%s(%s, %s)' % (function, sql, ', '.join(
                path() + ('' if function == 'REMOVE' else ', ' + self.rnd.choice(values))
                for _ in range(self.rnd.randint(1, 2))))
        return sql

    def row(self, table):
        return '(%s)' % ', '.join(self.literal(c) for c in table.writable())

    def where(self, table):
        c = self.rnd.choice(table.writable())
        if table.key and self.rnd.random() < 0.6:
            c = table.column(self.rnd.choice(table.key))
        n = self.rnd.random()
        if n < 0.2:
            return ''
        if n < 0.3:
            return 'WHERE %s IS NULL' % quote(c.name)
        return 'WHERE %s %s %s' % (quote(c.name), self.rnd.choice(['=', '<>', '>', '<=']),
                                   self.rnd.choice(c.kind.literals))

    # -- tables

    def name(self, used=()):
        free = [n for n in NAMES if n.lower() not in {u.lower() for u in used}]
        if self.rnd.random() < 0.5 or not free:
            self.numbers += 1
            return 'n%d' % self.numbers
        return self.rnd.choice(free)

    def column(self, used):
        kind = self.rnd.choice(self.pool)
        null = self.rnd.random() < 0.75
        default = None
        word = kind.type.split('(')[0].split(' ')[0]
        if word in ('int', 'bigint', 'tinyint', 'smallint', 'varchar', 'char', 'decimal', 'double') and \
                'COMPRESSED' not in kind.type and self.rnd.random() < 0.3:
            default = self.rnd.choice(kind.literals[:3])
            if '(' in default:
                default = "'d'"
        if self.replica and self.rnd.random() < 0.2:
            default = self.computed_default(kind.type, word) or default
        return Column(self.name(used), kind, null, default)

    def computed_default(self, name, word):
        """One that each row gets for itself; None: there is none of the type."""
        if word in ('datetime', 'timestamp'):
            now = 'CURRENT_TIMESTAMP' + name[len(word):].split(' ')[0]
            return now + self.rnd.choice(['', ' ON UPDATE ' + now])
        if not self.since((10, 2, 1), (8, 0, 13)) or 'COMPRESSED' in name or 'CHARACTER SET' in name:
            return None
        return {'int': '(1 + 1)', 'bigint': '(length(uuid()))', 'varchar': "(left(uuid(), 3))", 'text': "('abc')",
                'decimal': '(0.5)'}.get(word)

    def make_table(self, database=None):
        used = []
        cols = []
        for _ in range(self.rnd.randint(1, 9)):
            cols.append(self.column(used))
            used.append(cols[-1].name)
        key = []
        for _ in range(self.rnd.choice([0, 1, 1, 1, 2, 3])):
            k = Column(self.name(used), self.rnd.choice(self.keys), null=False)
            used.append(k.name)
            key.append(k.name)
            cols.insert(self.rnd.randrange(len(cols) + 1), k)
        modern = self.server.version >= ((10, 2, 0) if self.server.mariadb else (5, 7, 6))
        number = [c for c in cols if c.kind.type in ('int', 'smallint') and c.null]
        if number and modern:
            for word in ('VIRTUAL', 'STORED'):
                n = self.name(used)
                used.append(n)
                cols.insert(self.rnd.randrange(len(cols) + 1), Column(
                    n, Kind('g', 'bigint', ['0', '2']), extra='GENERATED ALWAYS AS (%s * 2) %s' % (
                        quote(number[0].name), word)))
        invisible = self.server.version >= ((10, 3, 3) if self.server.mariadb else (8, 0, 23))
        if invisible and self.rnd.random() < 0.3:
            kind = self.rnd.choice(KEYS[:4])
            cols.append(Column(self.name(used), kind, extra='INVISIBLE'))
        tail = self.rnd.choice(['', '', '', ' ENGINE=MyISAM', ' DEFAULT CHARACTER SET latin1',
                                ' COLLATE utf8mb4_bin', ' ENGINE=InnoDB ROW_FORMAT=COMPRESSED',
                                " COMMENT 'it''s; -- a (comment), `x`'"])
        # 5.6 leaves files behind when it alters partitioned tables, so their database stays.
        old = not self.server.mariadb and self.server.version < (5, 7, 0)
        if len(key) == 1 and not old and 'MyISAM' not in tail and self.rnd.random() < 0.2:
            tail += ' PARTITION BY KEY() PARTITIONS 3'
        self.numbers += 1
        table = Table(database or self.databases[0], 't%d_%s' % (self.numbers, self.rnd.choice(NAMES)[:20]),
                      cols, key, tail)
        return table if self.create(table) else None

    def create(self, table):
        parts = [c.sql() for c in table.columns]
        if table.key:
            parts.append('PRIMARY KEY (%s)' % ', '.join(map(quote, table.key)))
        run = self.surrounded if self.replica and self.with_ddl else self.rec.ddl
        ok = run('CREATE TABLE %s (%s)%s' % (table.sql, ', '.join(parts), table.tail),
                 'table-create', [('create', table.full)], [table.full])
        if ok:
            self.tables.append(table)
        return ok

    def make_fixed(self):
        """A table of each subject, and each literal of each of its columns at least once."""
        for name, kinds in self.subjects.items():
            key = Kind('id', 'int', [str(i) for i in range(60)])
            t = Table(self.databases[0], name, [Column('id', key, null=False)] +
                      [Column(k.name, k) for k in kinds], ['id'], ' ROW_FORMAT=DYNAMIC')
            if not self.create(t):
                raise RuntimeError('%s was refused' % name)
            self.fixed.append(t)
            longest = max(len(k.literals) for k in kinds)
            for i in range(longest):
                self.must('INSERT INTO %s VALUES (%d, %s)' % (
                    t.sql, i, ', '.join(k.literals[i % len(k.literals)] for k in kinds)))
            self.must('INSERT INTO %s (id) VALUES (%d)' % (t.sql, longest))

    def must(self, sql):
        if not self.rec.dml(sql):
            raise RuntimeError('refused: %s\n%s' % (self.rec.last_error, sql[:2000]))

    # -- changes

    def change(self, session=None, table=None):
        """One random statement that changes rows."""
        t = table or self.rnd.choice(self.tables)
        if self.replica and self.rnd.random() < 0.08:
            return self.more_change(t, session)
        n = self.rnd.random()
        names = ', '.join(quote(c.name) for c in t.writable())
        rows = lambda: ', '.join(self.row(t) for _ in range(self.rnd.randint(1, 4)))
        cols = [c for c in t.writable() if c.name not in t.key] or t.writable()
        some = self.rnd.sample(cols, self.rnd.randint(1, min(3, len(cols))))
        sets = ', '.join('%s = %s' % (quote(c.name), self.new_value(c)) for c in some)
        limit = ' LIMIT %d' % self.rnd.randint(1, 6)
        if n < 0.30:
            sql = 'INSERT %sINTO %s (%s) VALUES %s' % (
                self.rnd.choice(['', 'IGNORE ']), t.sql, names, rows())
        elif n < 0.36:
            named = [c for c in t.writable() if c.name in t.key or self.rnd.random() < 0.5]
            sql = 'INSERT INTO %s (%s) VALUES (%s)' % (
                t.sql, ', '.join(quote(c.name) for c in named),
                ', '.join(self.literal(c) for c in named))
        elif n < 0.44:
            sql = 'REPLACE INTO %s (%s) VALUES %s' % (t.sql, names, rows())
        elif n < 0.52:
            sql = 'INSERT INTO %s (%s) VALUES %s ON DUPLICATE KEY UPDATE %s' % (
                t.sql, names, rows(), sets)
        elif n < 0.74:
            sql = 'UPDATE IGNORE %s SET %s %s%s' % (t.sql, sets, self.where(t), limit)
        elif n < 0.82 and t.key:
            k = t.column(self.rnd.choice(t.key))
            sql = 'UPDATE IGNORE %s SET %s = %s %s%s' % (
                t.sql, quote(k.name), self.rnd.choice(k.kind.literals), self.where(t), limit)
        elif n < 0.86:
            u = self.rnd.choice(self.tables)
            c, d = self.rnd.choice(t.writable()), self.rnd.choice(u.writable())
            sql = 'UPDATE IGNORE %s x, %s y SET x.%s = %s, y.%s = %s WHERE x.%s = %s AND y.%s IS NOT NULL' % (
                t.sql, u.sql, quote(c.name), self.literal(c), quote(d.name), self.literal(d),
                quote(c.name), self.rnd.choice(c.kind.literals), quote(d.name))
        elif n < 0.90:
            sql = 'INSERT IGNORE INTO %s (%s) SELECT %s FROM %s %s%s' % (
                t.sql, names, names, t.sql, self.where(t), limit)
        else:
            sql = 'DELETE FROM %s %s%s' % (t.sql, self.where(t), limit)
        return self.rec.dml(sql, session)

    def new_value(self, c):
        if c.kind.type == 'json' and not self.server.mariadb and \
                self.rnd.random() < (0.9 if self.partial_json else 0.3):
            return self.json_change(c.name)
        if self.rnd.random() < 0.1 and c.kind.type.split('(')[0] in ('int', 'bigint', 'varchar', 'decimal'):
            q = quote(c.name)
            return 'concat(%s, %s)' % (q, q) if 'char' in c.kind.type else q + ' - 1'
        return self.literal(c)

    def transaction(self, session=None):
        """Several statements, with savepoints, at the end maybe rolled back."""
        points = []
        self.rec.dml('BEGIN', session)
        for _ in range(self.rnd.randint(0, 7)):
            n = self.rnd.random()
            if n < 0.15:
                points.append(self.rnd.choice(['s', 'a b', 'p`q']))
                self.rec.dml('SAVEPOINT ' + quote(points[-1]), session)
            elif n < 0.3 and points:
                self.rec.dml('ROLLBACK TO ' + quote(self.rnd.choice(points)), session)
            elif n < 0.35 and points:
                self.rec.dml('RELEASE SAVEPOINT ' + quote(points.pop()), session)
            else:
                self.change(session)
        self.rec.dml(self.rnd.choice(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK']), session)

    def xa(self):
        """A two-phase transaction; others come between its phases."""
        self.numbers += 1
        xid = self.rnd.choice(["'x%d'" % self.numbers, "'x%d','branch',7" % self.numbers,
                               "x'00ff%04x',x'6100'" % self.numbers])
        session = self.rec.server.connect()
        # On a table that the others leave alone meanwhile, or they would wait for locks.
        table = self.rnd.choice(self.tables)
        self.rec.dml('XA START ' + xid, session)
        for _ in range(self.rnd.randint(0, 4)):
            self.change(session, table)
        self.rec.dml('XA END ' + xid, session)
        phases = self.rnd.choice(['one', 'two', 'two', 'two'])
        if phases == 'one':
            self.rec.dml('XA COMMIT %s ONE PHASE' % xid, session)
        else:
            self.rec.dml('XA PREPARE ' + xid, session)
            end = 'XA %s %s' % (self.rnd.choice(['COMMIT', 'COMMIT', 'ROLLBACK']), xid)
            if self.server.version < ((10, 5, 0) if self.server.mariadb else (5, 7, 7)):
                self.rec.dml(end, session)      # it would end with its session
            else:
                self.server.end_session(session)
                self.between_phases(table)
                self.rec.end_xa(end)
        if session.open:
            session.close()

    def between_phases(self, table):
        others = [t for t in self.tables if t is not table]
        for _ in range(self.rnd.randint(0, 3) if others else 0):
            self.insert(self.rnd.choice(others))
        if self.rnd.random() < 0.3:
            self.rec.rotate()

    def insert(self, t, session=None):
        return self.rec.dml('INSERT IGNORE INTO %s (%s) VALUES %s' % (
            t.sql, ', '.join(quote(c.name) for c in t.writable()), self.row(t)), session)

    def two_sessions(self):
        """A transaction that commits within the time of another."""
        a, b = self.rec.server.connect(), self.rec.server.connect()
        t, u = self.rnd.sample(self.tables, 2)
        self.rec.dml('BEGIN', a)
        self.change(a, t)
        self.rec.dml('BEGIN', b)
        self.insert(u, b)
        if self.rnd.random() < 0.2:
            self.rec.rotate()
        for s in self.rnd.sample([a, b], 2):
            self.rec.dml(self.rnd.choice(['COMMIT', 'COMMIT', 'ROLLBACK']), s)
        a.close()
        b.close()

    def temporary(self):
        t = self.rnd.choice(self.tables)
        self.rec.dml('CREATE TEMPORARY TABLE tmp SELECT * FROM %s' % t.sql)
        self.rec.dml('INSERT IGNORE INTO %s SELECT * FROM tmp' % t.sql)
        self.rec.dml('DROP TEMPORARY TABLE IF EXISTS tmp')

    # -- DDL

    def ddl(self):
        mutable = [t for t in self.tables if t not in self.fixed]
        if not mutable:
            self.make_table()
            return
        t = self.rnd.choice(mutable)
        if self.replica and len(mutable) > 15 and self.rnd.random() < 0.5:
            self.drop(t)
            return
        if self.replica and self.rnd.random() < 0.6:
            self.more_ddl(t)
            return
        self.rnd.choice([self.alter, self.alter, self.alter, self.alter, self.rename, self.truncate,
                         self.create_select, self.create_like, self.drop, self.swap, self.index,
                         self.primary_key, self.convert])(t)

    def clause(self, t, q):
        """(clause, effects, what to do to the model) of an ALTER TABLE."""
        free = [c for c in t.columns if c.name not in t.key and not c.generated and
                not any(c is not g and g.generated and quote(c.name) in g.extra for g in t.columns)]
        choice = self.rnd.random()
        if choice < 0.4 or len(free) < 2:
            c = self.column([x.name for x in t.columns])
            where = self.rnd.choice(['', ' FIRST', ' AFTER ' + q(self.rnd.choice(t.columns).name)])
            at = len(t.columns) if not where else 0 if where == ' FIRST' else \
                1 + [q(x.name) for x in t.columns].index(where[7:])
            return ('ADD COLUMN %s%s' % (c.sql(q), where), [('add_column', t.full, c.name)],
                    lambda: t.columns.insert(at, c))
        c = self.rnd.choice(free)
        if choice < 0.55:
            return ('DROP COLUMN ' + q(c.name), [('drop_column', t.full, c.name)],
                    lambda: t.columns.remove(c))
        if choice < 0.75:
            new = Column(c.name, self.rnd.choice(self.pool), True)
            if (is_bytes(c.kind) or c.kind.type.startswith('bit')) and not is_bytes(new.kind):
                # their bytes would become text that its charset does not have
                new.kind = Kind('n', 'bigint', ['0', '-1', '9223372036854775807'])
            return ('MODIFY COLUMN %s' % new.sql(q), [('convert', t.full, c.name)],
                    lambda: t.columns.__setitem__(t.columns.index(c), new))
        new = Column(self.name([x.name for x in t.columns]), c.kind, c.null, c.default, c.extra)
        effect = [('rename_column', t.full, c.name, new.name)]
        replace = lambda: t.columns.__setitem__(t.columns.index(c), new)
        can = self.server.version >= ((10, 5, 2) if self.server.mariadb else (8, 0, 3))
        if choice < 0.85 and can:
            return 'RENAME COLUMN %s TO %s' % (q(c.name), q(new.name)), effect, replace
        return 'CHANGE COLUMN %s %s' % (q(c.name), new.sql(q)), effect, replace

    def alter(self, t):
        ansi = self.rnd.random() < 0.15
        q = (lambda n: '"%s"' % n.replace('"', '""')) if ansi else quote
        if ansi:
            self.must("SET sql_mode = 'ANSI_QUOTES'")
        clauses = [self.clause(t, q)]
        if self.rnd.random() < 0.3:
            # A second one that does not touch what the first one did
            more = self.column([x.name for x in t.columns])
            if q(more.name) not in clauses[0][0]:
                clauses.append(('ADD COLUMN ' + more.sql(q), [('add_column', t.full, more.name)],
                                lambda: t.columns.append(more)))
        text = 'ALTER TABLE %s.%s %s' % (q(t.database), q(t.name), ', '.join(c[0] for c in clauses))
        instant = self.server.version >= ((10, 3, 0) if self.server.mariadb else (8, 0, 12))
        if instant and self.rnd.random() < 0.2:
            text += ', ALGORITHM=INSTANT'
        if self.rec.ddl(text, 'table-alter', [e for c in clauses for e in c[1]], [t.full]):
            for _, _, follow in clauses:
                follow()
        if ansi:
            self.must("SET sql_mode = ''")
        if self.rnd.random() < 0.5:
            self.change(table=t)
        if self.rnd.random() < 0.5:
            self.rec.dml('REPLACE INTO %s (%s) SELECT %s FROM %s' % (
                (t.sql,) + (', '.join(quote(c.name) for c in t.writable()),) * 2 + (t.sql,))
                if t.key else 'DELETE FROM %s LIMIT 5' % t.sql)

    def free_name(self):
        self.numbers += 1
        return 't%d_%s' % (self.numbers, self.rnd.choice(NAMES)[:20])

    def rename(self, t):
        new = t.copy(self.rnd.choice(self.databases), self.free_name())
        sql = self.rnd.choice(['RENAME TABLE %s TO %s', 'ALTER TABLE %s RENAME TO %s']) % (t.sql, new.sql)
        if self.rec.ddl(sql, 'table-alter', [('rename', t.full, new.full)], [new.full]):
            t.database, t.name = new.database, new.name

    def swap(self, t):
        others = [x for x in self.tables if x not in self.fixed and x is not t]
        if not others:
            return
        u = self.rnd.choice(others)
        tmp = t.copy(t.database, self.free_name())
        if self.rec.ddl('RENAME TABLE %s TO %s, %s TO %s, %s TO %s' % (
                t.sql, tmp.sql, u.sql, t.sql, tmp.sql, u.sql), 'table-alter',
                [('rename', t.full, tmp.full), ('rename', u.full, t.full),
                 ('rename', tmp.full, u.full)], [t.full, u.full]):
            t.database, t.name, u.database, u.name = u.database, u.name, t.database, t.name

    def truncate(self, t):
        self.rec.ddl('TRUNCATE %s' % t.sql, 'table-truncate', [('truncate', t.full)], [t.full])

    def create_select(self, t):
        new = Table(t.database, self.free_name(), [c for c in t.columns if not c.extra], [])
        if not new.columns or self.server.has('enforce_gtid_consistency') and \
                self.server.version < (8, 0, 21) and \
                self.server.value('SELECT @@enforce_gtid_consistency') not in ('0', 'OFF'):
            return
        if self.rec.ddl('CREATE TABLE %s SELECT %s FROM %s' % (
                new.sql, ', '.join(quote(c.name) for c in new.columns), t.sql), 'table-create',
                [('create', new.full)], [new.full]):
            for i, c in enumerate(new.columns):
                new.columns[i] = Column(c.name, c.kind, c.null, c.default)
            self.tables.append(new)

    def create_like(self, t):
        new = t.copy(self.rnd.choice(self.databases), self.free_name())
        if self.rec.ddl('CREATE TABLE %s LIKE %s' % (new.sql, t.sql), 'table-create',
                        [('create', new.full)], [new.full]):
            self.tables.append(new)
            names = ', '.join(quote(c.name) for c in t.writable())
            self.rec.dml('INSERT INTO %s (%s) SELECT %s FROM %s' % (new.sql, names, names, t.sql))

    def drop(self, t):
        if len(self.tables) - len(self.fixed) < 3:
            return
        if self.rec.ddl('DROP TABLE %s' % t.sql, 'table-drop', [('drop', t.full)], []):
            self.tables.remove(t)
            if self.rnd.random() < 0.5:
                # the same name, another table
                new = self.make_table(t.database)
                if new and self.rec.ddl('ALTER TABLE %s RENAME %s' % (new.sql, t.sql), 'table-alter',
                                        [('rename', new.full, t.full)], [t.full]):
                    new.database, new.name = t.database, t.name

    def index(self, t):
        c = self.rnd.choice(t.columns)
        self.numbers += 1
        name = 'i%d' % self.numbers
        if self.rec.ddl('CREATE INDEX %s ON %s (%s)' % (name, t.sql, quote(c.name)), 'table-alter',
                        [], [t.full]):
            self.rec.ddl('DROP INDEX %s ON %s' % (name, t.sql), 'table-alter', [], [t.full])

    def primary_key(self, t):
        if t.key:
            # MySQL 8 and later may demand keys; a partitioned table needs its own.
            if self.rec.ddl('ALTER TABLE %s DROP PRIMARY KEY' % t.sql, 'table-alter', [], [t.full]):
                t.key = []
            return
        usable = [c for c in t.columns if not c.null and c.kind in KEYS]
        if usable and self.rec.ddl('ALTER TABLE %s ADD PRIMARY KEY (%s)' % (
                t.sql, ', '.join(quote(c.name) for c in usable)), 'table-alter', [], [t.full]):
            t.key = [c.name for c in usable]

    def convert(self, t):
        charset = self.rnd.choice(['latin1', 'utf8mb4', 'utf8'])
        word = lambda c: c.kind.type.split('(')[0].split(' ')[0]
        strings = [c.name for c in t.columns if
                   word(c) in ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set')]
        if self.minimal and any(n in t.key for n in strings):
            return
        if any(c['data_type'] in ('enum', 'set') and (not self.server.mariadb or c['charset'] in ('ucs2', 'utf16', 'utf32'))
               for c in self.server.columns([t.database], t.name).get(t.full, ())):
            return      # the server breaks the members: bytes of the old charset stay
        self.rec.ddl('ALTER TABLE %s CONVERT TO CHARACTER SET %s' % (t.sql, charset), 'table-alter',
                     [('convert', t.full, n) for n in strings], [t.full])

    # -- all of it

    def prepare(self):
        self.make_fixed()
        for _ in range(4):
            self.make_table()

    def work(self, statements, often=0):
        """often: the share of statements that are DDL beyond the usual"""
        for _ in range(statements):
            n = self.rnd.random()
            if often and self.rnd.random() < often:
                self.ddl()
            elif n < 0.70:
                self.change()
            elif n < 0.82:
                self.transaction()
            elif n < 0.86 and self.with_xa:
                self.xa()
            elif n < 0.89:
                self.two_sessions()
            elif n < 0.90:
                self.temporary()
            elif n < 0.91:
                self.rec.rotate()
            elif self.with_ddl:
                self.ddl()
            if len(self.tables) - len(self.fixed) < 2:
                self.make_table()

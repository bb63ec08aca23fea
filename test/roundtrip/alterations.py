"""What administrators do to tables beyond one clause of an ALTER at a time: several at once,
types that are widened and narrowed, members, partitions, keys that are exchanged, tables
made beside the old one and swapped, foreign keys, triggers, statements in other words and
under other settings.

A mixin of the Generator, with Administration.  What becomes of rows without an event is "lost" for the fold (see
Recording.ddl); replicas have to be right all the same.
"""
import itertools

import columns
from administration import Administration
from columns import Kind
from model import KEYS, Column, Table, is_bytes
from server import quote

# Types among which columns are changed, with values that all of them take somehow.
FAMILIES = [
    (['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'int unsigned', 'bigint unsigned', 'tinyint(1)',
      'int(10) unsigned zerofill', 'decimal(20,2)', 'decimal(5,0)', 'double', 'float', 'varchar(30)', 'year'],
     ['0', '1', '-1', '7', '127', '300', '2024', '65536', '2147483647']),
    (['decimal(10,2)', 'decimal(10,1)', 'decimal(30,10)', 'decimal(65,30)', 'numeric(6,2) unsigned', 'double',
      'float', 'double(12,3)', 'float(7,2)', 'int', 'bigint', 'varchar(70)'],
     ['0', '1.5', '-1.25', '0.005', '12345.678', '-0.0', '99.995', '1e3']),
    (['float', 'double', 'float(10,3)', 'double(20,5)', 'double precision', 'decimal(30,10)', 'int'],
     ['0', '-0e0', '1.5', '0.1', '16777217', '1e-7', '-123456.789']),
    (['date', 'datetime', 'datetime(3)', 'datetime(6)', 'timestamp NULL', 'timestamp(2) NULL', 'time', 'time(4)',
      'varchar(40)', 'char(30)'],
     ["'2024-02-29'", "'2024-02-29 12:34:56'", "'2024-02-29 23:59:59.999999'", "'0000-00-00'", "'12:00:00'"]),
    (['varchar(5)', 'varchar(40)', 'varchar(80) CHARACTER SET latin1', 'varchar(300)', 'char(20)', 'tinytext', 'text',
      'mediumtext', 'longtext', 'text CHARACTER SET utf8mb4', 'varchar(90) COLLATE utf8mb4_bin',
      'national varchar(40)', 'char(60) CHARACTER SET ucs2'],
     ["''", "'a'", "'007'", "'trail  '", "'abcdef'", columns.text('é'), columns.text('日本')]),
    (['binary(4)', 'binary(16)', 'varbinary(9)', 'varbinary(300)', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
     ["x''", "x'00'", "x'61'", "x'ff00'", "x'0102030405060708'"]),
    (['bit(1)', 'bit(8)', 'bit(33)', 'bit(64)', 'int', 'bigint unsigned', 'tinyint'], ['0', '1', '5', '200']),
    (["enum('a','b','c')", "enum('a','b','c','d')", "enum('z','a','b','c')", "enum('c','b','a')", "enum('a','b')",
      "enum('A','B','C')", "enum('a','b','c') CHARACTER SET latin1", "set('a','b','c')", "set('a','b','c','d')",
      "set('c','b','a')", "set('a','c')", 'varchar(20)', 'char(1)'],
     ["'a'", "'b'", "'c'", "''", '1', '2', '3'])]

# The same types in other words, and texts that have the charset of their table.
TEXTS = ["''", "'a'", "'7'", columns.text('é'), "'trail  '"]
NUMBERS = ['0', '1', '-1', '99.995', '12']
BYTES = ["x''", "x'00'", "x'ff61'"]
SPELLINGS = [Kind('s', t, values) for types, values in (
    (['bool', 'boolean', 'integer', 'int4', 'middleint unsigned', 'int8', 'int1', 'numeric(8,3)', 'dec', 'fixed(6,2)',
      'decimal', 'decimal(5)', 'double precision', 'real', 'float(30)', 'float(10)', 'float(7,3)', 'float4', 'float8',
      'double(9,2) unsigned', 'bigint zerofill', 'float unsigned zerofill', 'int signed'], NUMBERS),
    (['character varying(20)', 'national varchar(20)', 'nchar(9)', 'nvarchar(11)', 'char varying(12)', 'varchar(30)',
      'text', 'text(300)', 'text(70000)', 'long varchar', 'varchar(20) binary', 'varchar(20) ascii',
      'varchar(10) unicode', 'tinytext', 'longtext', 'mediumtext', 'char(30)', 'char', 'varchar(20) collate latin1_bin',
      'varchar(20) character set utf8mb4 collate utf8mb4_bin', 'long'], TEXTS),
    (['blob(300)', 'blob(70000)', 'long varbinary', 'char(9) byte', 'varchar(20) character set binary',
      'text character set binary', 'binary(20)'], BYTES),
    (["enum('a','b') collate utf8mb4_bin", "enum('a','b','c')", "set('a','b')"], ["'a'", "'b'", '1']),
    (['timestamp', 'timestamp(6)', 'datetime', 'datetime(2)'], ["'2024-02-29 12:34:56.789'", "'0000-00-00 00:00:00'"]),
    (['year(4)', 'bit'], ['0', '1'])) for t in types]

MODES = ['STRICT_ALL_TABLES', 'NO_BACKSLASH_ESCAPES', 'REAL_AS_FLOAT', 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE',
         'PAD_CHAR_TO_FULL_LENGTH', 'TIME_TRUNCATE_FRACTIONAL', 'TIME_ROUND_FRACTIONAL', 'NO_ZERO_IN_DATE']


def word(kind):
    return kind.type.split('(')[0].split(' ')[0]


class Alterations(Administration):

    # -- how a statement is put

    def since(self, mariadb, mysql):
        """Whether the server has what came with these versions; None: never."""
        version = mariadb if self.server.mariadb else mysql
        return version is not None and self.server.version >= version

    def spell(self, sql):
        """The same statement as somebody else would write it."""
        if self.rnd.random() < 0.3:
            sql = sql.replace(quote(self.server.database) + '.', '')
        if self.rnd.random() < 0.2:
            sql = sql.replace('TABLE ', self.rnd.choice(['table ', 'TABLE/* x; */ ', 'TABLE\n\t']), 1)
        return self.rnd.choice([''] * 5 + ['/* a */ ', '-- b\n', '# c\n', '/*!40000 */ ', ' \n']) + sql + \
            self.rnd.choice([''] * 5 + [' ', ' /* d */', ' -- e', '\n'])

    def surrounded(self, sql, *args):
        """A statement of DDL under settings that the session has for it only."""
        before, after = [], []
        if self.rnd.random() < 0.25:
            before.append("SET sql_mode = '%s'" % self.rnd.choice(MODES))
            after.append("SET sql_mode = ''")
        if self.rnd.random() < 0.15:
            before.append("SET time_zone = '%s'" % self.rnd.choice(['+05:30', '-11:00']))
            after.append("SET time_zone = '+00:00'")
        if self.rnd.random() < 0.1:
            before.append('SET explicit_defaults_for_timestamp = OFF')
            after.append('SET explicit_defaults_for_timestamp = ON')
        prepare, sql, end = self.by(sql)
        before, after = before + prepare, end + after
        for s in before:
            self.rec.dml(s)         # what a server lacks it refuses
        if self.rnd.random() < 0.2:
            self.rec.dml('BEGIN')   # the statement commits it
            self.change()
        ok = self.rec.ddl(sql if prepare else self.spell(sql), *args)
        self.rec.dml('COMMIT')
        for s in after:
            self.rec.dml(s)
        return ok

    def altered(self, t, clauses, new=None):
        """Runs an ALTER TABLE of (clause, effects, follow) and follows it in the model."""
        if not clauses:
            return False
        text = 'ALTER TABLE %s %s' % (t.sql, ', '.join(c[0] for c in clauses))
        if self.rnd.random() < 0.1 and self.since((10, 3, 0), (8, 0, 12)) and 'PARTITION' not in text:
            text += ', ALGORITHM=' + self.rnd.choice(['INSTANT', 'INPLACE', 'COPY'])
        effects = [e for c in clauses for e in c[1]]
        if not self.surrounded(text, 'table-alter', effects, [(new or t).full]):
            return False
        if new and self.server.columns([t.database], t.name):
            # MariaDB renamed a copy, and left the table behind under a name like "a b"
            self.tables.append(t.copy(t.database, t.name))
            self.rec.partly(None, None, [('create', t.full), ('lost', t.full)])
        for _, _, follow in clauses:
            follow()
        if new:
            t.database, t.name = new.database, new.name
        if self.rnd.random() < 0.6:
            self.change(table=t)
        return True

    def free(self, t):
        """Columns that nothing else of the table depends on."""
        return [c for c in t.columns if c.name not in t.key and not c.generated and not c.fixed and
                not any(g.generated and quote(c.name) in g.extra for g in t.columns)]

    @staticmethod
    def put(t, old, new):
        return lambda: t.columns.__setitem__(t.columns.index(old), new)

    # -- several clauses at once

    def many(self, t):
        free = self.free(t)
        self.rnd.shuffle(free)
        used = [c.name for c in t.columns]
        clauses = []
        for _ in range(self.rnd.randint(2, 5)):
            clause = self.rnd.choice([self.add, self.add, self.remove, self.again, self.move, self.to_default,
                                      self.change_both, self.exchange])(t, free, used)
            clauses += clause or []
        new = None
        if self.rnd.random() < 0.5:
            rest = self.rnd.choice(['charset', 'key', 'rename', 'engine', 'other'])
            if rest == 'charset':
                clauses.insert(self.rnd.choice([0, len(clauses)]),
                               ('DEFAULT CHARACTER SET ' + self.rnd.choice(['latin1', 'utf8mb4', 'ucs2']), [], lambda: None))
            elif rest == 'key':
                clauses += self.new_key(t)
            elif rest == 'rename':
                new = t.copy(self.rnd.choice(self.databases), self.free_name())
                clauses.append(('RENAME TO ' + new.sql, [('rename', t.full, new.full)], lambda: None))
            elif rest == 'engine':
                engine = self.rnd.choice(['InnoDB', 'InnoDB', 'MyISAM', 'Aria'])
                clauses.append(('ENGINE=' + engine, [], lambda: None))
            else:
                clauses.append((self.rnd.choice(["COMMENT='it''s, (new) `c`'", 'ROW_FORMAT=DYNAMIC', 'FORCE', 'AUTO_INCREMENT=100',
                                                 'ADD INDEX (%s(3))' % quote(t.columns[0].name)]), [], lambda: None))
        self.altered(t, clauses, new)

    def place(self, t, free):
        """Where a column goes: at the end or beside one that the statement leaves alone."""
        anchors = [c.name for c in t.columns if c.name in t.key] + [c.name for c in free]
        return self.rnd.choice(['', '', ' FIRST'] + [' AFTER ' + quote(n) for n in anchors[:3]])

    def add(self, t, free, used):
        c = self.column(used)
        used.append(c.name)
        return [('ADD COLUMN %s%s' % (c.sql(), self.place(t, free)), [('add_column', t.full, c.name)],
                 lambda: t.columns.append(c))]

    def remove(self, t, free, used):
        if len(free) < 2:
            return None
        c = free.pop()
        return [('DROP COLUMN ' + quote(c.name), [('drop_column', t.full, c.name)], lambda: t.columns.remove(c))]

    def again(self, t, free, used):
        """Dropped, and another one added with its name."""
        if not free:
            return None
        c = free.pop()
        new = self.column(used)
        new.name = c.name
        return [('DROP ' + quote(c.name), [('drop_column', t.full, c.name)], lambda: None),
                ('ADD ' + new.sql(), [('add_column', t.full, c.name)], self.put(t, c, new))]

    def move(self, t, free, used):
        if not free:
            return None
        c = free.pop()
        return [('MODIFY %s%s' % (c.sql(), self.place(t, free)), [], lambda: None)]

    def to_default(self, t, free, used):
        numbers = [c for c in free if word(c.kind) in ('int', 'bigint', 'varchar', 'decimal')]
        if not numbers:
            return None
        c = self.rnd.choice(numbers)
        free.remove(c)
        new = Column(c.name, c.kind, c.null, self.rnd.choice(["'1'", "'0'", 'NULL']) if c.null else "'1'", c.extra)
        return [('ALTER COLUMN %s SET DEFAULT %s' % (quote(c.name), new.default), [], self.put(t, c, new))]

    def change_both(self, t, free, used):
        """Another name and another type."""
        if not free:
            return None
        c = free.pop()
        new = Column(self.name(used), self.relative(c.kind), c.null)
        used.append(new.name)
        return [('CHANGE %s %s' % (quote(c.name), new.sql()),
                 [('rename_column', t.full, c.name, new.name), ('convert', t.full, new.name)], self.put(t, c, new))]

    def exchange(self, t, free, used):
        """Two columns exchange their names."""
        if len(free) < 2:
            return None
        a, b = free.pop(), free.pop()
        to_a, to_b = (Column(y.name, x.kind, x.null, x.default, x.extra) for x, y in ((b, a), (a, b)))
        effects = [('rename_column', t.full, a.name, '\t'), ('rename_column', t.full, b.name, a.name),
                   ('rename_column', t.full, '\t', b.name)]
        if self.since((10, 5, 2), (8, 0, 3)) and self.rnd.random() < 0.5:
            texts = ['RENAME COLUMN %s TO %s' % (quote(x.name), quote(y.name)) for x, y in ((a, b), (b, a))]
        else:
            texts = ['CHANGE %s %s' % (quote(x.name), new.sql()) for x, new in ((a, to_b), (b, to_a))]
        return [(texts[0], effects, self.put(t, a, to_b)), (texts[1], [], self.put(t, b, to_a))]

    # -- types

    def relative(self, kind):
        """A type that one would change it to."""
        families = [f for f in FAMILIES if any(word(kind) == word(Kind('', t, ())) for t in f[0]) and
                    is_bytes(kind) == is_bytes(Kind('', f[0][0], ()))]
        if not families:
            return kind if self.rnd.random() < 0.5 else Kind('n', 'bigint', ['0', '-1']) \
                if is_bytes(kind) or word(kind) in ('bit', 'json') else Kind('n', 'varchar(400)', TEXTS)
        types, values = self.rnd.choice(families)
        new = self.rnd.choice(types)
        if word(kind) == 'bit' and new.startswith(('varchar', 'char')):
            new = 'bigint unsigned'
        # No bytes that would be a text with a NUL in it.
        old = [v for v in kind.literals if v[:2] not in ("b'", "x'") or is_bytes(Kind('', new, ()))]
        return Kind('r', new, values + old[:6])

    def retype(self, t):
        free = self.free(t)
        if not free:
            return
        c = self.rnd.choice(free)
        if c.kind.type == 'json':
            new = Column(c.name, Kind('j', 'longtext', c.kind.literals), c.null)
        else:
            new = Column(c.name, self.relative(c.kind), self.rnd.choice([True, c.null, False]))
        if self.rnd.random() < 0.3:
            # Rows of which some do not fit
            self.rec.dml('UPDATE IGNORE %s SET %s = %s' % (t.sql, quote(c.name), self.literal(c)))
        self.altered(t, [('MODIFY ' + new.sql(), [('convert', t.full, c.name)], self.put(t, c, new))])

    def members(self, t):
        """Members of an ENUM or SET are added, removed, put into another order."""
        own = [c for c in self.free(t) if c.kind.type in FAMILIES[-1][0] and c.kind.type[:3] in ('enu', 'set')]
        if not own:
            c = Column(self.name([c.name for c in t.columns]),
                       Kind('m', self.rnd.choice([FAMILIES[-1][0][0], "set('a','b','c')"]), FAMILIES[-1][1]))
            if self.altered(t, [('ADD ' + c.sql(), [('add_column', t.full, c.name)], lambda: t.columns.append(c))]):
                for v in c.kind.literals:
                    self.rec.dml('UPDATE IGNORE %s SET %s = %s %s LIMIT 2' % (t.sql, quote(c.name), v, self.where(t)))
            return
        c = own[0]
        new = Column(c.name, Kind('m', self.rnd.choice(FAMILIES[-1][0]), FAMILIES[-1][1]), c.null)
        self.altered(t, [('MODIFY ' + new.sql(), [('convert', t.full, c.name)], self.put(t, c, new))])

    def key_type(self, t):
        """The type of a column of the key."""
        wider = {'int': 'bigint', 'smallint': 'int', 'varchar(40)': 'varchar(80)', 'varbinary(9)': 'varbinary(20)',
                 'decimal(20,6)': 'decimal(30,8)', 'binary(5)': 'binary(7)', 'datetime(3)': 'datetime(6)',
                 'varchar(70) CHARACTER SET latin1': 'varchar(70) CHARACTER SET utf8mb4'}
        keys = [c for c in t.columns if c.name in t.key and c.kind.type in wider and not c.fixed]
        if not keys:
            return
        c = self.rnd.choice(keys)
        new = Column(c.name, Kind('k', wider[c.kind.type], c.kind.literals), False)
        self.altered(t, [('MODIFY ' + new.sql(), [('lost', t.full)], self.put(t, c, new))])

    def generated(self, t):
        """A generated column comes, goes, or becomes one of its own."""
        own = [c for c in t.columns if c.generated]
        if own and self.rnd.random() < 0.6:
            c = self.rnd.choice(own)
            plain = Column(c.name, Kind('g', 'bigint', ['0', '2']))
            if 'VIRTUAL' in c.extra or self.rnd.random() < 0.5:
                self.altered(t, [('DROP COLUMN ' + quote(c.name), [('drop_column', t.full, c.name)],
                                  lambda: t.columns.remove(c))])
            else:
                self.altered(t, [('MODIFY ' + plain.sql(), [('convert', t.full, c.name)], self.put(t, c, plain))])
            return
        base = [c for c in t.columns if word(c.kind) in ('int', 'smallint', 'varchar', 'datetime') and
                not c.generated and not c.fixed and not is_bytes(c.kind)]
        if base and self.since((10, 2, 0), (5, 7, 6)):
            b = self.rnd.choice(base)
            text = {'varchar': ('varchar(90)', "concat('<', left(%s, 50), '>')"),
                    'datetime': ('int', 'year(%s)')}.get(word(b.kind), ('bigint', '%s + 1'))
            c = Column(self.name([c.name for c in t.columns]), Kind('g', text[0], ['0', '2']),
                       extra='GENERATED ALWAYS AS (%s) %s' % (
                           text[1].replace('%s', quote(b.name)), self.rnd.choice(['VIRTUAL', 'STORED'])))
            self.altered(t, [('ADD COLUMN %s%s' % (c.sql(), self.rnd.choice(['', ' FIRST'])),
                              [('lost', t.full)], lambda: t.columns.append(c))])

    def visible(self, t):
        free = self.free(t)
        if not free or not self.since((10, 3, 3), (8, 0, 23)):
            return
        c = self.rnd.choice(free)
        new = Column(c.name, c.kind, True, c.default, '' if c.extra else 'INVISIBLE')
        self.altered(t, [('MODIFY ' + new.sql(), [], self.put(t, c, new))])

    # -- keys

    def new_key(self, t):
        """Clauses: another primary key for the one that is there."""
        usable = [c.name for c in t.columns if not c.null and c.kind in KEYS and not c.generated]
        if not usable:
            return []
        self.rnd.shuffle(usable)
        key = usable[:self.rnd.randint(1, 3)]
        clauses = [('DROP PRIMARY KEY', [], lambda: None)] if t.key else []
        return clauses + [('ADD PRIMARY KEY (%s)' % ', '.join(map(quote, key)), [], lambda: setattr(t, 'key', key))]

    def key_swap(self, t):
        self.altered(t, self.new_key(t))

    def number_key(self, t):
        """A key that the server numbers, in place of the one that is there."""
        if any('AUTO_INCREMENT' in c.extra for c in t.columns):
            return
        c = Column(self.name([c.name for c in t.columns]),
                   Kind('id', self.rnd.choice(['int', 'bigint unsigned']), [str(i) for i in range(1, 60)]),
                   False, None, 'AUTO_INCREMENT')
        c.fixed = True
        clauses = [('DROP PRIMARY KEY', [('lost', t.full)], lambda: None)] if t.key else []
        self.altered(t, clauses + [('ADD %s PRIMARY KEY%s' % (c.sql(), self.rnd.choice(['', ' FIRST'])), [('lost', t.full)],
                                    lambda: (t.columns.append(c), setattr(t, 'key', [c.name])))])

    def unique(self, t):
        """Keys that bring hidden columns with them: of expressions, and of what is too long for one."""
        c = self.rnd.choice(t.columns)
        self.numbers += 1
        what = [quote(c.name), '%s(3)' % quote(c.name)]
        if self.since(None, (8, 0, 13)):
            what += ['(length(%s))' % quote(c.name), '(coalesce(%s, 1))' % quote(c.name)]
        kind = self.rnd.choice(['INDEX', 'INDEX', 'UNIQUE'])
        name = 'i%d' % self.numbers
        if self.altered(t, [('ADD %s %s (%s)' % (kind, name, self.rnd.choice(what)), [], lambda: None)]):
            self.change(table=t)
            if kind == 'UNIQUE' or self.rnd.random() < 0.5:
                self.altered(t, [('DROP INDEX ' + name, [], lambda: None)])

    # -- partitions

    def partitions(self, t):
        if t.partition is None and 'PARTITION' not in t.tail:
            key = [c for c in t.columns if c.name in t.key and c.kind.type in ('int', 'smallint', 'bigint unsigned')]
            if not key:
                return
            c = quote(key[0].name)
            how = self.rnd.choice(['range', 'range', 'hash', 'list'])
            by = {'range': 'RANGE (%s) (PARTITION p0 VALUES LESS THAN (0), PARTITION p1 VALUES LESS THAN (9), '
                           'PARTITION p2 VALUES LESS THAN MAXVALUE)',
                  'list': 'LIST (%s %% 3) (PARTITION p0 VALUES IN (0), PARTITION p1 VALUES IN (1,-1), '
                          'PARTITION p2 VALUES IN (2,-2))',
                  'hash': 'HASH (%s) PARTITIONS 3'}[how].replace('%s', c).replace('%%', '%')
            self.altered(t, [('PARTITION BY ' + by, [], lambda: setattr(t, 'partition', how))])
            return
        how = t.partition or 'hash'
        p = self.rnd.choice(['p0', 'p1', 'p2'])
        lost = [('lost', t.full)]
        choices = [('TRUNCATE PARTITION ' + p, lost), ('REBUILD PARTITION ' + p, []), ('ANALYZE PARTITION ' + p, []),
                   ('REMOVE PARTITIONING', [])]
        if how == 'hash':
            choices += [('ADD PARTITION PARTITIONS 2', []), ('COALESCE PARTITION 1', [])]
        else:
            choices += [('DROP PARTITION ' + p, lost), (None, lost), (None, lost)]
        if how == 'range':
            choices.append(('REORGANIZE PARTITION p0, p1 INTO (PARTITION p1 VALUES LESS THAN (9))', []))
        text, effects = self.rnd.choice(choices)
        if text is None:
            self.exchange_partition(t, p)
        elif text.startswith('ANALYZE'):
            self.rec.nothing('ALTER TABLE %s %s' % (t.sql, text))
        else:
            self.altered(t, [(text, effects, lambda: text.startswith('REMOVE') and self.whole(t))])

    @staticmethod
    def whole(t):
        t.partition = None
        t.tail = t.tail.split(' PARTITION')[0]

    def exchange_partition(self, t, p):
        """With another table; on MariaDB it may become one, too."""
        new = t.copy(t.database, self.free_name())
        self.whole(new)
        if self.since((10, 7, 0), None) and self.rnd.random() < 0.3:
            if self.rec.ddl('ALTER TABLE %s CONVERT PARTITION %s TO TABLE %s' % (t.sql, p, new.sql), 'table-alter',
                            [('create', new.full), ('lost', t.full), ('lost', new.full)], [t.full, new.full]):
                self.tables.append(new)
            return
        if self.rec.ddl('CREATE TABLE %s LIKE %s' % (new.sql, t.sql), 'table-create', [('create', new.full)], [new.full]):
            self.tables.append(new)
            self.altered(new, [('REMOVE PARTITIONING', [], lambda: None)])
            for _ in range(2):
                self.insert(new)
            self.rec.ddl('ALTER TABLE %s EXCHANGE PARTITION %s WITH TABLE %s' % (t.sql, p, new.sql), 'table-alter',
                         [('lost', t.full), ('lost', new.full)], [t.full, new.full])

    # -- several tables

    def ghost(self, t):
        """As a tool that alters without locking: a new table, filled and swapped."""
        new, old = t.copy(t.database, self.free_name()), t.copy(t.database, self.free_name())
        if not self.rec.ddl('CREATE TABLE %s LIKE %s' % (new.sql, t.sql), 'table-create', [('create', new.full)], [new.full]):
            return
        names = ', '.join(quote(c.name) for c in t.writable())
        c = self.column([c.name for c in t.columns])
        self.altered(new, [('ADD COLUMN ' + c.sql(), [('add_column', new.full, c.name)], lambda: new.columns.append(c))])
        self.rec.dml('INSERT IGNORE INTO %s (%s) SELECT %s FROM %s' % (new.sql, names, names, t.sql))
        if self.rec.ddl(self.spell('RENAME TABLE %s TO %s, %s TO %s' % (t.sql, old.sql, new.sql, t.sql)), 'table-alter',
                        [('rename', t.full, old.full), ('rename', new.full, t.full)], [t.full, old.full]):
            new.database, new.name, t.database, t.name = t.database, t.name, old.database, old.name
        self.tables.append(new)
        if self.rnd.random() < 0.5 and self.rec.ddl('DROP TABLE %s' % t.sql, 'table-drop', [('drop', t.full)], []):
            self.tables.remove(t)

    def chain(self, t):
        """Three tables take each other's names in one statement."""
        others = [x for x in self.tables if x not in self.fixed and x is not t]
        if len(others) < 2:
            return
        three = [t] + self.rnd.sample(others, 2)
        tmp = t.copy(self.rnd.choice(self.databases), self.free_name())
        steps = [(three[0], tmp), (three[1], three[0]), (three[2], three[1]), (tmp, three[2])]
        if self.rec.ddl(self.spell('RENAME TABLE ' + ', '.join('%s TO %s' % (a.sql, b.sql) for a, b in steps)),
                        'table-alter', [('rename', a.full, b.full) for a, b in steps], [x.full for x in three]):
            names = [(x.database, x.name) for x in three]
            for x, (x.database, x.name) in zip(three, names[2:] + names[:2]):
                pass

    def drop_several(self, t):
        others = [x for x in self.tables if x not in self.fixed and x is not t]
        if len(others) < 4:
            return
        u = self.rnd.choice(others)
        self.dropped([t, u], 'DROP TABLE IF EXISTS %s, no_such_table, %s' % (t.sql, u.sql))

    def dropped(self, tables, sql):
        """Old servers drop those that they can before they refuse the statement."""
        if not self.rec.ddl(sql, 'table-drop', [('drop', x.full) for x in tables], []):
            tables = [x for x in tables if not self.server.columns([x.database], x.name)]
            self.rec.partly(sql, 'table-drop', [('drop', x.full) for x in tables])
        for x in tables:
            self.tables.remove(x)

    def nothing(self, t):
        """Statements that change nothing."""
        self.rec.nothing(self.rnd.choice([
            'CREATE TABLE IF NOT EXISTS %s (other int)' % t.sql, 'DROP TABLE IF EXISTS no_such_table',
            'ANALYZE TABLE %s' % t.sql, 'CHECK TABLE %s' % t.sql, 'FLUSH TABLES']))

    def replaced(self, t):
        """MariaDB's way to make a table anew."""
        if not self.server.mariadb:
            return
        cols = [Column('id', KEYS[0], False)] + [self.column(['id', 'n%d' % i]) for i in range(2)]
        names = ['id', 'first', 'second']
        cols = [Column(n, c.kind, c.null, c.default) for n, c in zip(names, cols)]
        if self.rec.ddl('CREATE OR REPLACE TABLE %s (%s, PRIMARY KEY (id))' % (t.sql, ', '.join(c.sql() for c in cols)),
                        'table-create', [('drop', t.full), ('create', t.full)], [t.full]):
            t.columns, t.key, t.tail, t.partition = cols, ['id'], '', None

    def foreign_key(self, t):
        """A parent whose rows take those of a child with them."""
        id_ = lambda n, null=False: Column(n, Kind('id', 'int', [str(i) for i in range(20)]), null)
        parent = Table(self.databases[0], self.free_name(), [id_('id'), Column('v', Kind('v', 'varchar(20)', TEXTS))], ['id'],
                       ' ENGINE=InnoDB')
        child = Table(self.databases[0], self.free_name(), [id_('id'), id_('parent', True)], ['id'], ' ENGINE=InnoDB')
        child.columns[1].fixed = child.columns[0].fixed = parent.columns[0].fixed = True
        if not self.create(parent):
            return
        action = self.rnd.choice(['ON DELETE CASCADE', 'ON DELETE SET NULL', 'ON UPDATE CASCADE ON DELETE CASCADE'])
        if self.rec.ddl('CREATE TABLE %s (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES %s (id) %s) '
                        'ENGINE=InnoDB' % (child.sql, parent.sql, action), 'table-create',
                        [('create', child.full), ('lost', child.full)], [child.full]):
            self.tables.append(child)
            for x in (parent, child):
                self.rec.dml('INSERT IGNORE INTO %s VALUES %s' % (x.sql, ', '.join("(%d, %d)" % (i, i) for i in range(9))))
            self.rec.dml('DELETE FROM %s WHERE id = 3' % parent.sql)
            self.rec.dml('UPDATE IGNORE %s SET id = 30 WHERE id = 5' % parent.sql)

    def trigger(self, t):
        """One that writes to a table that the server numbers; another one changes what is written."""
        c = Column('id', Kind('id', 'int', [str(i) for i in range(1, 60)]), False, None, 'AUTO_INCREMENT')
        c.fixed = True
        audit = Table(t.database, self.free_name(), [c, Column('what', Kind('v', 'varchar(40)', TEXTS))], ['id'])
        if not self.create(audit):
            return
        self.numbers += 1
        when, event = self.rnd.choice(['BEFORE', 'AFTER']), self.rnd.choice(['INSERT', 'UPDATE', 'DELETE'])
        body = "INSERT INTO %s (what) VALUES ('%s')" % (audit.sql, event)
        name = '%s.tr%d' % (quote(t.database), self.numbers)
        if self.rec.dml('CREATE TRIGGER %s %s %s ON %s FOR EACH ROW %s' % (name, when, event, t.sql, body)):
            for _ in range(4):
                self.change(table=t)
            self.rec.dml('DROP TRIGGER %s' % name)

    # -- databases, sessions

    def charset_of_database(self, t):
        self.rec.dml('ALTER DATABASE %s CHARACTER SET %s' % (
            quote(t.database), self.rnd.choice(['latin1', 'utf8mb4', 'ucs2', 'utf8mb4 COLLATE utf8mb4_bin'])))
        self.make_table(t.database)

    def drop_database(self, t):
        """The second one, with all its tables."""
        if not self.rec.dml('DROP DATABASE ' + self.databases[1]):
            # a foreign key of the other one refers to a table there; MariaDB drops the others
            gone = [x for x in self.tables if x.database == self.databases[1] and not self.server.columns([x.database], x.name)]
            self.rec.partly('DROP DATABASE', 'table-drop', [('drop', x.full) for x in gone])
            self.tables = [x for x in self.tables if x not in gone]
            return
        self.tables = [x for x in self.tables if x.database != self.databases[1]]
        self.must('CREATE DATABASE %s CHARACTER SET %s' % (self.databases[1], self.rnd.choice(['utf8mb4', 'latin1'])))
        self.make_table(self.databases[1])

    def statements(self, t):
        """Changes that come as statements."""
        self.rec.dml("SET binlog_format = 'STATEMENT'")
        self.insert(t)
        self.rec.dml('DELETE FROM %s %s LIMIT 3' % (t.sql, self.where(t)))
        self.rec.dml("SET binlog_format = 'ROW'")
        self.altered(t, [("COMMENT 'lost'", [('lost', t.full)], lambda: None)])

    def sequence(self, t):
        if not self.since((10, 3, 0), None):
            return
        self.numbers += 1
        name = '%s.s%d' % (quote(t.database), self.numbers)
        if self.rec.dml('CREATE SEQUENCE ' + name):
            for _ in range(3):
                self.rec.dml('SELECT NEXTVAL(%s)' % name)
            self.rec.dml('ALTER SEQUENCE %s RESTART 50' % name)
            self.rec.dml('DROP SEQUENCE ' + name)

    # -- rows

    def more_change(self, t, session):
        """Changes of rows that go beyond one table, or have the key of another row."""
        names = [quote(c.name) for c in t.writable()]
        key = [t.column(n) for n in t.key]
        if not t.key:
            key = [self.rnd.choice(t.writable())]
        k = self.rnd.choice(key)
        q = quote(k.name)
        choice = self.rnd.randrange(6)
        if choice == 0:
            if word(k.kind) in ('int', 'smallint', 'bigint'):
                sql = 'UPDATE IGNORE %s SET %s = %s + 1 ORDER BY %s DESC' % (t.sql, q, q, q)
            elif word(k.kind) in ('varchar', 'char') and not is_bytes(k.kind):
                sql = 'UPDATE IGNORE %s SET %s = %s LIMIT 5' % (
                    t.sql, q, self.rnd.choice(['upper(%s)', "concat(%s, ' ')", 'lower(%s)']) % q)
            else:
                sql = 'DELETE FROM ' + t.sql
        elif choice == 1:
            u = self.rnd.choice(self.tables)
            c = self.rnd.choice(u.writable())
            sql = 'DELETE x, y FROM %s x JOIN %s y WHERE x.%s = %s AND y.%s = %s' % (
                t.sql, u.sql, q, self.rnd.choice(k.kind.literals), quote(c.name), self.rnd.choice(c.kind.literals))
        elif choice == 2:
            some = [c for c in t.writable() if c.name not in t.key]
            pairs = [(a, b) for a in some for b in some if a is not b and a.kind == b.kind]
            if not pairs:
                return self.insert(t, session)
            a, b = (quote(c.name) for c in self.rnd.choice(pairs))
            sql = 'UPDATE IGNORE %s SET %s = %s, %s = NULL' % (t.sql, a, b, b)
        elif choice == 3:
            sql = 'REPLACE INTO %s (%s) SELECT %s FROM %s ORDER BY 1 DESC' % (t.sql, ', '.join(names), ', '.join(names), t.sql)
        elif choice == 4 and t not in self.fixed:
            sql = 'DELETE FROM ' + t.sql
        else:
            # in a session with settings of its own
            own = self.rnd.choice(["binlog_row_image = '%s'" % self.rnd.choice(['FULL', 'MINIMAL', 'NOBLOB'] if self.minimal else ['FULL']),
                                   'binlog_rows_query_log_events = ON', 'binlog_annotate_row_events = OFF', "time_zone = '+09:00'",
                                   'binlog_transaction_compression = ON', 'foreign_key_checks = 0', 'auto_increment_increment = 7'])
            other = self.server.connect()
            self.rec.dml('SET SESSION ' + own, other)
            self.rec.dml('SET SESSION innodb_lock_wait_timeout = 1', other)
            done = self.insert(t, other)
            other.close()
            return done
        return self.rec.dml(sql, session)

    def more_ddl(self, t):
        actions = ((self.many, 8), (self.retype, 6), (self.members, 3), (self.key_swap, 2), (self.key_type, 1),
                   (self.number_key, 1), (self.unique, 2), (self.generated, 2), (self.visible, 1), (self.partitions, 4),
                   (self.ghost, 2), (self.chain, 1), (self.drop_several, 1), (self.nothing, 1), (self.replaced, 1),
                   (self.foreign_key, 1), (self.trigger, 1), (self.charset_of_database, 1), (self.drop_database, 0.3),
                   (self.statements, 0.7), (self.sequence, 0.5)) + self.more_administration()
        at = self.rnd.random() * sum(w for _, w in actions)
        for (action, _), end in zip(actions, itertools.accumulate(w for _, w in actions)):
            if at < end:
                return action(t)

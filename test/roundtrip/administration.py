"""What else administrators do to tables: checks, expressions of generated columns, keys under
foreign keys, rows exchanged with a partition and back, tables made of queries, versions that a
server keeps by itself; and the ways in which a statement reaches the server: in a procedure,
prepared, between the marks of version comments, in another case where names have none.

A mixin of the Generator, beside Alterations.
"""
from columns import Kind
from model import Column, Table
from server import quote


def names_of(columns):
    return ', '.join(quote(c.name) for c in columns)


class Administration:

    # -- how a statement gets there

    def by(self, sql):
        """(before, statement, after): the statement that runs sql, and those around it."""
        n = self.rnd.random()
        self.numbers += 1
        if n < 0.06:
            program = '%s.`proc %d`' % (quote(self.databases[0]), self.numbers)
            return ['CREATE PROCEDURE %s() BEGIN %s; END' % (program, sql)], 'CALL %s()' % program, \
                ['DROP PROCEDURE IF EXISTS %s' % program]
        if n < 0.1:
            text = sql.replace('\\', '\\\\').replace("'", "''")
            return ["PREPARE s FROM '%s'" % text], 'EXECUTE s', ['DEALLOCATE PREPARE s']
        if n < 0.14 and sql.startswith(('ALTER TABLE ', 'CREATE TABLE ', 'RENAME TABLE ')):
            mark = '/*!50000 ' if not self.server.mariadb or n < 0.12 else '/*M! '
            words = sql.split(' ', 2)
            return [], self.rnd.choice(['%s%s %s*/ %s' % (mark, words[0], words[1], words[2]),
                                        '%s%s*/%s' % (mark, words[0], sql[len(words[0]):])]), []
        return [], sql, []

    # -- columns

    def expression(self, t):
        """A stored column is computed in another way, which rewrites it without a row event."""
        own = [c for c in t.columns if c.generated and ('STORED' in c.extra or 'VIRTUAL' in c.extra)]
        base = [c for c in t.columns if c.kind.type in ('int', 'smallint', 'bigint') and not c.generated]
        if not own or not base:
            self.generated(t)
            return
        c = self.rnd.choice(own)
        word = 'STORED' if 'STORED' in c.extra else 'VIRTUAL'
        new = Column(c.name, Kind('g', self.rnd.choice(['bigint', 'int', 'varchar(30)', 'decimal(20,2)']), ['0', '2']),
                     extra='GENERATED ALWAYS AS (%s %% 7 + %d) %s' % (
                         quote(self.rnd.choice(base).name), self.rnd.randrange(9), word))
        self.altered(t, [('MODIFY ' + new.sql(), [('convert', t.full, c.name)], self.put(t, c, new))])

    def check(self, t):
        """A condition comes and goes; of a table, or of a column that it names."""
        if not self.since((10, 2, 1), (8, 0, 16)):
            return
        c = self.rnd.choice(t.writable())
        self.numbers += 1
        name = 'ch%d' % self.numbers
        text = 'ADD CONSTRAINT %s CHECK (%s IS NULL OR length(%s) < 100000)' % (name, quote(c.name), quote(c.name))
        if self.altered(t, [(text, [], lambda: None)]):
            self.change(table=t)
            self.altered(t, [('DROP CONSTRAINT ' + name, [], lambda: None)])

    def defaults(self, t):
        """Defaults, comments, visibility, names of indexes: nothing of the rows."""
        free = self.free(t)
        if not free:
            return
        c = self.rnd.choice(free)
        choices = ['ALTER COLUMN %s DROP DEFAULT', 'ALTER %s SET DEFAULT NULL']
        if self.since(None, (8, 0, 23)):
            choices += ['ALTER COLUMN %s SET INVISIBLE', 'ALTER COLUMN %s SET VISIBLE']
        clause = self.rnd.choice(choices) % quote(c.name)
        if self.altered(t, [(clause, [], lambda: None)]):
            c.default = None
            if 'VISIBLE' in clause:
                c.extra = 'INVISIBLE' if 'INVISIBLE' in clause else ''

    def lists(self, t):
        """Several columns between parentheses; what exists or does not exist already."""
        used = [c.name for c in t.columns]
        new = []
        for _ in range(self.rnd.randint(1, 3)):
            new.append(self.column(used))
            used.append(new[-1].name)
        effects = [('add_column', t.full, c.name) for c in new]
        follow = lambda: t.columns.extend(new)
        if not self.since((10, 0, 2), None) or self.rnd.random() < 0.5:
            self.altered(t, [('ADD (%s)' % ', '.join(c.sql() for c in new), effects, follow)])
            return
        there = self.rnd.choice(t.columns)
        clauses = [('ADD COLUMN IF NOT EXISTS ' + c.sql(), [e], lambda: None) for c, e in zip(new, effects)]
        clauses.append(('ADD COLUMN IF NOT EXISTS %s int' % quote(there.name), [], follow))
        clauses.append(('DROP COLUMN IF EXISTS `no such column`', [], lambda: None))
        self.altered(t, clauses)

    def locked(self, t):
        """With clauses that say how, and words that change nothing."""
        c = self.column([x.name for x in t.columns])
        text = 'ADD COLUMN ' + c.sql()
        more = self.rnd.choice(['LOCK=NONE', 'LOCK=SHARED', 'ALGORITHM=INPLACE, LOCK=NONE', 'ALGORITHM=COPY, LOCK=EXCLUSIVE'] +
                               (['WITH VALIDATION', 'WITHOUT VALIDATION'] if self.since(None, (5, 7, 6)) else []))
        self.altered(t, [('%s, %s' % (text, more), [('add_column', t.full, c.name)], lambda: t.columns.append(c))])

    # -- keys

    def unique_key(self, t):
        """The primary key goes, and UNIQUE indexes of columns that are never NULL take its place."""
        usable = [c for c in t.columns if not c.null and not c.generated and c.name in t.key]
        if not usable or len(usable) != len(t.key):
            return
        self.numbers += 1
        self.altered(t, [('DROP PRIMARY KEY', [], lambda: setattr(t, 'key', [])),
                         ('ADD UNIQUE `u %d` (%s)' % (self.numbers, names_of(usable)), [], lambda: None)])

    def key_again(self, t):
        """The key's column goes, and another one of its name takes its place."""
        keys = [c for c in t.columns if c.name in t.key and not c.fixed]
        if len(keys) != 1 or 'PARTITION' in t.tail or t.partition:
            return
        c = keys[0]
        new = Column(c.name, Kind('id', 'int', [str(i) for i in range(1, 60)]), False, None, 'AUTO_INCREMENT')
        new.fixed = True
        if any('AUTO_INCREMENT' in x.extra for x in t.columns):
            return
        self.altered(t, [('DROP PRIMARY KEY', [], lambda: None), ('DROP COLUMN ' + quote(c.name), [('lost', t.full)], lambda: None),
                         ('ADD COLUMN %s PRIMARY KEY' % new.sql(), [], self.put(t, c, new))])

    def parents_key(self, t):
        """A foreign key comes and goes, and the parent's key changes meanwhile."""
        def number(name, null=False):
            c = Column(name, Kind('id', 'int', [str(i) for i in range(20)]), null)
            c.fixed = True
            return c
        parent = Table(self.databases[0], self.free_name(), [number('id'), number('n')], ['id'], ' ENGINE=InnoDB')
        child = Table(self.rnd.choice(self.databases), self.free_name(), [number('id'), number('p', True)], ['id'], ' ENGINE=InnoDB')
        if not self.create(parent):
            return
        if not self.create(child):
            return
        for x in (parent, child):
            self.rec.dml('INSERT IGNORE INTO %s VALUES %s' % (x.sql, ', '.join('(%d, %d)' % (i, i) for i in range(9))))
        self.numbers += 1
        name = 'fk%d' % self.numbers
        self.altered(child, [('ADD CONSTRAINT %s FOREIGN KEY (p) REFERENCES %s (id) ON DELETE CASCADE ON UPDATE SET NULL' % (
            name, parent.sql), [('lost', child.full)], lambda: None)])
        self.rec.dml('DELETE FROM %s WHERE id IN (3, 4)' % parent.sql)
        if self.rnd.random() < 0.5:
            self.rename(parent)
            self.rec.dml('DELETE FROM %s WHERE id = 6' % parent.sql)
        if self.rnd.random() < 0.5:
            self.rename(child)
            self.rec.dml('UPDATE IGNORE %s SET id = 50 WHERE id = 5' % parent.sql)
        if self.rnd.random() < 0.6:
            self.altered(child, [('DROP FOREIGN KEY ' + name, [], lambda: None)])
            self.rec.dml('DELETE FROM %s WHERE id = 7' % parent.sql)
            self.altered(parent, [('DROP PRIMARY KEY', [], lambda: None),
                                  ('ADD PRIMARY KEY (n, id)', [], lambda: setattr(parent, 'key', ['n', 'id']))])

    # -- partitions

    def exchange_both(self, t):
        """Rows go out of a partition, are changed outside, and come back."""
        c = Column('id', Kind('id', 'int', [str(i) for i in range(-5, 20)]), False)
        c.fixed = True
        v = Column('v', Kind('v', 'varchar(20)', ["'a'", "'b'"]))
        whole = Table(self.databases[0], self.free_name(), [c, v], ['id'])
        text = 'CREATE TABLE %s (%s, %s, PRIMARY KEY (id)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (0), ' \
            'PARTITION p1 VALUES LESS THAN (9), PARTITION p2 VALUES LESS THAN MAXVALUE)' % (whole.sql, c.sql(), v.sql())
        if not self.rec.ddl(text, 'table-create', [('create', whole.full)], [whole.full]):
            return
        whole.partition = 'range'
        self.tables.append(whole)
        part = Table(self.rnd.choice(self.databases), self.free_name(), [c, v], ['id'])
        if not self.create(part):
            return
        for x in (whole, part):
            for _ in range(5):
                self.insert(x)
        self.rec.dml('DELETE FROM %s WHERE id NOT BETWEEN 0 AND 8' % part.sql)
        for _ in range(self.rnd.choice([1, 2, 2, 3])):
            tail = self.rnd.choice(['', '', ' WITH VALIDATION', ' WITHOUT VALIDATION']) if self.since((11, 4, 0), (5, 7, 5)) else ''
            self.rec.ddl(self.spell('ALTER TABLE %s EXCHANGE PARTITION p1 WITH TABLE %s%s' % (whole.sql, part.sql, tail)), 'table-alter',
                         [('lost', whole.full), ('lost', part.full)], [whole.full, part.full])
            for x in (whole, part):
                self.rec.dml("UPDATE %s SET v = concat(v, 'x') WHERE id BETWEEN 0 AND 8" % x.sql)

    # -- whole tables

    def of_query(self, t):
        """Made of a query, with a key or columns of its own; MariaDB also in place of another one."""
        if self.server.has('enforce_gtid_consistency') and self.server.version < (8, 0, 21) and \
                self.server.value('SELECT @@enforce_gtid_consistency') not in ('0', 'OFF'):
            return
        some = [Column(c.name, c.kind, c.null, None) for c in t.writable() if not c.extra][:6]
        key = Column(self.name([c.name for c in some]), Kind('id', 'int', [str(i) for i in range(1, 60)]), False, None, 'AUTO_INCREMENT')
        key.fixed = True
        if not some:
            return
        others = [x for x in self.tables if x not in self.fixed and x is not t]
        old = self.rnd.choice(others) if others and self.server.mariadb and self.rnd.random() < 0.5 else None
        new = Table(t.database, self.free_name(), [key] + some, [key.name])
        if old:
            new.database, new.name = old.database, old.name
        sql = 'CREATE %sTABLE %s (%s PRIMARY KEY) %s %s FROM %s' % (
            'OR REPLACE ' if old else '', new.sql, key.sql(), self.rnd.choice(['SELECT', 'AS SELECT', 'IGNORE SELECT']),
            names_of(some), t.sql)
        effects = ([('drop', old.full)] if old else []) + [('create', new.full), ('lost', new.full)]
        if self.rec.ddl(sql, 'table-create', effects, [new.full]):
            if old:
                self.tables.remove(old)
            self.tables.append(new)

    def versioned(self, t):
        """MariaDB keeps old rows by itself: such a table is in error, also when it no longer is one."""
        if not self.since((10, 3, 4), None) or 'PARTITION' in t.tail or t.partition:
            return
        if self.altered(t, [('ADD SYSTEM VERSIONING', [('lost', t.full)], lambda: None)]):
            for _ in range(3):
                self.change(table=t)
            if self.rnd.random() < 0.7:
                self.altered(t, [('DROP SYSTEM VERSIONING', [('lost', t.full)], lambda: None)])
                self.change(table=t)

    def shadowed(self, t):
        """A temporary table has the name of another one for a while."""
        other = self.server.connect()
        if self.rec.dml('CREATE TEMPORARY TABLE %s (x int PRIMARY KEY, y int)' % t.sql, other):
            for s in ('INSERT INTO %s VALUES (1, 1)', 'ALTER TABLE %s ADD z int', 'UPDATE %s SET y = 2', 'TRUNCATE TABLE %s'):
                self.rec.dml(s % t.sql, other)
            if self.rnd.random() < 0.5:
                self.rec.dml('DROP TEMPORARY TABLE %s' % t.sql, other)
        self.server.end_session(other)
        self.change(table=t)

    def seen_through(self, t):
        """A view of the table, through which rows change, while a column gets another name."""
        self.numbers += 1
        view = '%s.`view %d`' % (quote(t.database), self.numbers)
        if self.rec.dml('CREATE VIEW %s AS SELECT * FROM %s' % (view, t.sql)):
            self.rec.dml('DELETE FROM %s LIMIT 1' % view)
            free = self.free(t)
            if free and self.since((10, 5, 2), (8, 0, 3)):
                c = self.rnd.choice(free)
                new = Column(self.name([x.name for x in t.columns]), c.kind, c.null, c.default, c.extra)
                self.altered(t, [('RENAME COLUMN %s TO %s' % (quote(c.name), quote(new.name)),
                                  [('rename_column', t.full, c.name, new.name)], self.put(t, c, new))])
            self.rec.dml('DELETE FROM %s LIMIT 1' % view)
            self.rec.dml('DROP VIEW ' + view)

    def conditional(self, t):
        """IF EXISTS and IF NOT EXISTS that have something to do."""
        new = t.copy(t.database, self.free_name())
        columns = [Column('id', Kind('id', 'int', [str(i) for i in range(60)]), False), self.column(['id'])]
        new.columns, new.key, new.tail, new.partition = columns, ['id'], '', None
        if self.rec.ddl('CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (id))' % (new.sql, ', '.join(c.sql() for c in columns)),
                        'table-create', [('create', new.full)], [new.full]):
            self.tables.append(new)
            self.insert(new)
            if self.since((10, 0, 2), None):
                c = self.column(['id', columns[1].name])
                if self.rec.ddl('ALTER TABLE IF EXISTS %s ADD COLUMN IF NOT EXISTS %s' % (new.sql, c.sql()), 'table-alter',
                                [('add_column', new.full, c.name)], [new.full]):
                    new.columns.append(c)
                self.rec.nothing('ALTER TABLE IF EXISTS no_such_table ADD COLUMN x int')
            if self.rnd.random() < 0.3:
                self.dropped([new], 'DROP TABLE IF EXISTS ' + new.sql)

    def more_administration(self):
        return ((self.expression, 2), (self.check, 1), (self.defaults, 1), (self.lists, 2), (self.locked, 1),
                (self.unique_key, 1), (self.key_again, 1), (self.parents_key, 2), (self.exchange_both, 1), (self.of_query, 1.5),
                (self.versioned, 0.5), (self.shadowed, 0.5), (self.seen_through, 1), (self.conditional, 1))

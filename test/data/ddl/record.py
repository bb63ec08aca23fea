#!/usr/bin/env python3
"""Records what a real server makes of DDL statements, for test/unit/core_ddl_apply.c:
statements written out below, and random ones.

    record.py [--seed N] [--statements N] --port PORT > SERVER.txt

Uses a server on 127.0.0.1, as root without a password; works in a database "d" that
it drops first.  Needs the client "mariadb" or "mysql".
"""
import argparse
import random
import shutil
import subprocess
import sys

NULL = '\x01'

COLUMNS = """select ifnull(column_name, {n}), column_type, ifnull(character_set_name, {n}), ifnull(collation_name, {n}),
 is_nullable, ifnull((select min(seq_in_index) from information_schema.statistics s where s.table_schema='d' and s.table_name='t'
 and s.index_name='PRIMARY' and s.column_name=c.column_name), {n}), extra, ifnull(column_default, {n}), {g}
 from information_schema.columns c where c.table_schema='d' and c.table_name='t' order by c.ordinal_position"""


class Server:
    def __init__(self, port):
        client = shutil.which('mariadb') or shutil.which('mysql')
        self.p = subprocess.Popen([client, '-h127.0.0.1', f'-P{port}', '-uroot', '-N', '-B', '-n', '--force',
                                   '--default-character-set=utf8mb4'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True, encoding='utf-8')
        version = self.rows('select version()')[0][0]
        self.mariadb = 'MariaDB' in version
        numbers = version.split('-')[0].split('.')
        self.version = int(numbers[0]) * 10000 + int(numbers[1]) * 100 + int(numbers[2])

    def rows(self, sql):
        self.p.stdin.write(sql + ";\nselect 'END OF ROWS', @@error_count;\n")
        self.p.stdin.flush()
        result = []
        self.failed = False
        while True:
            line = self.p.stdout.readline().rstrip('\n')
            fields = line.split('\t')
            if fields[0] == 'END OF ROWS':
                self.failed = fields[1] != '0'
                return result
            result.append(fields)


def escape(s):
    return s.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n')


def head(s, out):
    explicit = s.rows('select @@explicit_defaults_for_timestamp')[0][0]
    out.append(['server', 'mariadb' if s.mariadb else 'mysql', str(s.version), explicit])
    if s.mariadb and s.version >= 101001:
        rows = s.rows("select id, full_collation_name, character_set_name, is_default='Yes' from "
                      "information_schema.collation_character_set_applicability order by id")
    else:
        rows = s.rows("select id, collation_name, character_set_name, is_default='Yes' from "
                      "information_schema.collations where id is not null order by id")
    for r in rows:
        out.append(['collation'] + [f if f != 'NULL' else '0' for f in r])
    ids = {r[1]: r[0] for r in rows}
    s.rows('drop database if exists d')
    s.rows('create database d')
    s.rows('use d')
    database = s.rows("select default_collation_name from information_schema.schemata where schema_name='d'")[0][0]
    out.append(['database', database])
    server = s.rows('select @@collation_server')[0][0]
    utf8mb4 = pairs = '\\N'
    if not s.mariadb and s.version >= 80000:
        utf8mb4 = ids[s.rows('select @@default_collation_for_utf8mb4')[0][0]]
    if s.mariadb and s.version >= 110200:
        pairs = ''
        for pair in s.rows('select @@character_set_collations')[0][0].split(','):
            charset, _, name = pair.partition('=')
            default = [r[0] for r in rows if r[2] == charset and r[3] == '1']
            if default:
                pairs += '%02x%02x%02x%02x' % (int(default[0]) & 255, int(default[0]) >> 8,
                                               int(ids[name]) & 255, int(ids[name]) >> 8)
    out.append(['session', ids[server], utf8mb4, pairs])


class Recorder:
    def __init__(self, s, out):
        self.s, self.out = s, out
        self.mode = 0
        self.columns = []       # names at present
        self.count = 0

    def set_mode(self, name, bits):
        self.s.rows(f"set sql_mode='{name}'")
        self.mode = bits

    def run(self, sql):
        self.s.rows(sql)
        if self.s.failed:
            return False
        self.count += 1
        self.out.append(['sql', str(self.mode), escape(sql)])
        generated = "ifnull(nullif(generation_expression, ''), char(1))" \
            if self.s.version >= (100205 if self.s.mariadb else 50706) else 'char(1)'
        rows = self.s.rows(COLUMNS.format(n='char(1)', g=generated))
        checks = set()
        if self.s.mariadb and self.s.version >= 100222:
            checks = {r[0] for r in self.s.rows("select check_clause from information_schema.check_constraints "
                                                "where constraint_schema='d' and table_name='t'")}
        self.columns = []
        if rows:
            self.out.append(['table', self.s.rows("select table_collation from information_schema.tables "
                                                  "where table_schema='d' and table_name='t'")[0][0]])
        for r in rows:
            name = r[0].replace('\\\\', '\\')
            self.columns.append(name)
            if 'json_valid(`%s`)' % name in checks:
                r[8] = 'check:json'
            self.out.append(['column'] + ['\\N' if f == NULL else f for f in r])
        if not rows:
            self.out.append(['gone'])
        return True


WRITTEN = [
    "create table t (a int, b tinyint(1), c tinyint(1) unsigned, d int(5) zerofill, e year, f float(7,3), g float(30), "
    "h double precision, i real, j decimal, k fixed(5), l dec(5,2) unsigned, m numeric, n bit, o bool, p serial, q char, "
    "r varchar(5) binary, s char(5) ascii, t1 char(5) unicode, u nchar(3), v nvarchar(4), w national varchar(3), "
    "x char(3) byte, y text(200), z blob(70000), aa long, ab long varchar, ac long varbinary, "
    "ad enum('a','b ','c''d','e\\\\f','g\\'h'), ae set('x','y') character set latin1, ag timestamp(3) null, ah datetime(2), "
    "ai time(0), aj varchar(10) default 'abc', ak int default 7, al decimal(10,2) default 1.5, "
    "am datetime default current_timestamp on update current_timestamp, an int comment 'hi', ao geometrycollection, "
    "ap varbinary(3), aq bit(7) default b'0101', bt bigint zerofill, bu int default -3, bv int default '007')",
    "alter table t add primary key (a, q), drop column p",
    "alter table t drop column q",
    "alter table t drop primary key, add primary key (ak)",
    "alter table t drop primary key",
    "alter table t convert to character set latin1",
    "alter table t convert to character set utf8mb4 collate utf8mb4_bin",
    "drop table t",
    "create table t (id int primary key, a varchar(10), b varchar(10) character set latin1 collate latin1_bin, "
    "c text collate utf8_bin, d char(4) character set binary, e enum('x','y') character set binary, "
    "f text character set 'latin1', `select` int, `back``tick` int, \u00e4\u00f6 int, g mediumtext charset ascii) "
    "engine=innodb default charset=koi8r comment='charset latin1 (' row_format=dynamic",
    "alter table t add h varchar(3), default charset utf8, add i varchar(3) after id",
    "alter table t add column (j int, k varchar(2) not null default '', key (j)), add unique index u (k), order by id, a",
    "alter table t change a a2 varchar(20) first, change i a varchar(5), modify b varchar(9) after a",
    "alter table t change a2 a varchar(20), change a a2 varchar(5)",
    "alter table t alter column j set default 5, alter k drop default",
    "alter table t rename column a to a2, rename column a2 to a",
    "alter table t drop j, add j bigint unsigned default 18446744073709551615 first, add constraint x unique (j)",
    "alter table t add x1 int after j, add x2 int after x1, modify x1x int",
    "alter table t add x1 int after j, add x2 int after x1, add x3 int first",
    "alter table t character set = latin1 collate = latin1_german1_ci, add y1 varchar(4), add y2 text character set default",
    "alter table t charset default, add y3 char(7)",
    "alter table t convert to character set default",
    "alter ignore table t add z1 int",
    "alter online table t add z2 int",
    "alter table t engine=innodb, algorithm=copy, lock=shared, force",
    "alter table t comment 'x', auto_increment=10, row_format=compact",
    "create unique index i2 on t (id)",
    "drop index i2 on t",
    "alter table d.t add /* comment, add c int */ z3 int -- more\n, add # hash\n z4 int",
    "alter table t /*!50100 add v1 int */ /*!40000 , add v2 varchar(3) */",
    "/*!50003 alter table t add v3 int */",
    "/*M!50100 alter table t add v4 int */",
    "alter table `d`.`t` modify `back``tick` bigint not null comment 'add column q int'",
    "alter table t partition by hash(id) partitions 4",
    "alter table t add partition partitions 2",
    "alter table t remove partitioning",
    "truncate table t",
    "create table if not exists t (q int)",
    "drop table if exists t",
    "drop table if exists t",
    "create table t (a timestamp, b timestamp, c timestamp null, d timestamp not null default '2020-01-01 00:00:00', "
    "e timestamp(2) not null default current_timestamp(2))",
    "alter table t modify b timestamp not null default now() on update now(), add f timestamp default 0",
    "drop table t",
    "create table t (a int generated always as (1+2) virtual, b int as (a*2) stored, c int as (a) persistent, "
    "d varchar(10) as (concat('x', b)) virtual unique, e int not null)",
    "create table t (x int, a int generated always as (x+2) virtual, b int as (x*2) stored, d varchar(10) as (concat('x', x)) virtual, e int not null)",
    "alter table t modify a int as (x+3) virtual, add f int as (x) stored after x",
    "drop table t",
    "create table t (id int not null auto_increment, a json, b json not null, c int invisible, d int default (1+2), "
    "e varchar(10) check (e <> ''), f int, constraint ck check (f > 0), primary key (id) using btree)",
    "create table t (id int not null auto_increment, a json, b json not null, c longtext check (json_valid(c)), primary key (id))",
    "alter table t modify a longtext, add e json after id, alter column id set invisible",
    "alter table t alter column e set invisible",
    "alter table t alter column e set visible",
    "alter table t change a a json",
    "alter table t drop column if exists nope, add column if not exists a int, add column if not exists b9 int",
    "alter table t change column if exists nope n2 int, modify column if exists b9 bigint",
    "drop table t",
    "create table t (a int, b inet6, c uuid, d varchar(10) compressed, e blob compressed=zlib, f inet4) with system versioning",
    "alter table t drop system versioning, add g int",
    "drop table t",
    "create or replace table t (a int) default charset utf8mb4 collate utf8mb4_unicode_ci",
    "create table if not exists t (a vector(5), b vector(12) not null)",
    "drop table if exists t",
    "create table t (v vector(3), g point srid 4326, h geometry not null, i multipolygon, j geomcollection, id bigint primary key)",
    "drop table if exists t",
    "create table t (a varchar(70000), b varbinary(70000), c text(70000), d varchar(20000) charset latin1, e blob(10), "
    "f text(10), g char(0), h varchar(16383), i varchar(22000) charset utf8, j float(24), k float(25), l float(53), m float(5,2) unsigned zerofill)",
    "alter table t convert to character set utf8mb4",
    "alter table t convert to character set latin1",
    "drop table t",
    "create table t (a int references o (id), b int, foreign key (b) references o (id) on delete set null on update cascade, "
    "c enum('\u00e4','b') charset latin1, d int column_format fixed storage disk, index using btree (a), fulltext key ft (e), e text)",
    "alter table t drop foreign key t_ibfk_1",
    "set statement max_statement_time=10 for alter table t add st int",
    "drop table t",
    "create table t (a int1, b int2, c int3, d int4, e int8, f middleint, g float4, h float8, i boolean not null default true, "
    "j character varying(7), k national character varying(7), l nchar varying(7), m char varying(3), n character(3), "
    "o varcharacter(4), p integer(3), q dec, r fixed(3,1), s tinyint signed, t2 tinyint(0), u bigint(0) unsigned, "
    "v national char(4), w nchar, x long char varying, y long character varying, z bit(64), z2 year(4))",
    "drop table t",
    "create table t (a char(3) default 5, b varchar(9) default 1.50, c int default 1.7, d double default '1e5', "
    "e datetime(3) default '2020-01-01', f enum('A','b') default 'a', g set('x','y') default 'y,x', h binary(3) default 'a', "
    "i varchar(5) default 'a''b\\\\c', j decimal(5,2) default '1', k bool default false, l bigint default 0x41, m time default '1:2', "
    "n date default '2020-01-02', o varchar(3) default N'x', p varchar(20) default 'a' 'b', q decimal(10,4) default -.5, r int default +5, "
    "s int default - 5, t3 datetime(2) default now(2) on update now(2), u text)",
    "drop table t",
    "create table t like other",
    "drop table if exists t",
    "create table t (`a b` int, `c.d` int, `e,f` varchar(3), primary key (`c.d` desc, `a b`), key k ((`a b` + 1)))",
    "create table t (`a b` int, `c.d` int, `e,f` varchar(3), primary key pk (`c.d`, `a b`))",
    "alter table t add index (`e,f`(2)), rename column `e,f` to `(`",
    "alter table t change `c.d` cd bigint unsigned, drop primary key, add primary key using btree (`a b`)",
    "alter table t drop index `PRIMARY`",
    "drop table t",
    "create table t (a varchar(3000) compressed, b text compressed character set latin1, c tinytext compressed character set latin1, "
    "d mediumtext compressed character set latin1, e longtext compressed, f varchar(20000) compressed character set latin1, "
    "g tinytext compressed character set utf8mb4, h varchar(30) compressed character set latin1, i blob compressed) charset utf8mb4",
    "alter table t convert to character set ucs2",
    "alter table t convert to character set latin1",
    "alter table t convert to character set utf8mb4",
    "drop table if exists t",
    "create table t (id int not null primary key, a int default (1 + 1) /* c */, b int default (2) /* d */, "
    "c int default '3' /* e */, d datetime default now() /* f */) partition by range (id) "
    "(partition p0 values less than (0), partition p1 values less than (9), partition p2 values less than (20), partition p3 values less than (40))",
    "drop table if exists t",
    "create table t (id int not null primary key, d datetime default now() /* f */) partition by range (id) "
    "(partition p0 values less than (0), partition p1 values less than (9), partition p2 values less than (20), partition p3 values less than (40))",
    "alter table t reorganize partition p0, p1 into (partition p1 values less than (9)) /* g */",
    "alter table t truncate partition p2, p3",
    "alter table t drop partition p1, p2",
    "alter table t modify id bigint not null, add e varchar(3) /* h */",
    "drop table if exists t",
    "create table t (id int primary key, c varchar(5) character set utf8mb4, b varbinary(5)) charset ucs2",
    "alter table t convert to character set utf8mb4",
    "alter table t add d varchar(3)",
    "drop table if exists t",
    "create table t (id int primary key, c varchar(5) character set utf8mb4, b varbinary(5)) charset ucs2",
    "alter table t convert to character set utf8mb4, comment='x'",
    "alter table t add d varchar(3)",
    "drop table if exists t",
    "create table t (id int primary key, a int) charset ucs2",
    "alter table t convert to character set latin1, add index (a)",
    "alter table t add d varchar(3)",
    "drop table if exists t",
]


class Generator:
    """Random CREATE and ALTER statements."""

    def __init__(self, s, rnd):
        self.s, self.rnd = s, rnd
        self.next = 0
        self.charsets = ['latin1', 'utf8', 'utf8mb4', 'ascii', 'koi8r', 'sjis', 'ucs2', 'binary', 'utf8mb3']
        self.collations = ['latin1_bin', 'utf8_bin', 'utf8mb4_unicode_ci', 'utf8mb4_bin', 'ascii_general_ci', 'binary',
                           'latin1_german2_ci']
        if s.mariadb and s.version >= 101001:
            self.collations += ['uca1400_ai_ci', 'utf8mb4_uca1400_as_cs']
        if not s.mariadb and s.version >= 80000:
            self.collations += ['utf8mb4_0900_as_cs']

    def pick(self, *items):
        return self.rnd.choice(items)

    def maybe(self, text, chance=0.3):
        return text if self.rnd.random() < chance else ''

    def name(self):
        self.next += 1
        return self.pick('c%d', '`c%d`', '`c %d`', 'C%d') % self.next

    def charset(self):
        r = self.rnd.random()
        if r < 0.5:
            return ''
        if r < 0.7:
            return ' ' + self.pick('character set', 'charset', 'CHARACTER SET') + ' ' + self.rnd.choice(self.charsets)
        if r < 0.9:
            return ' collate ' + self.rnd.choice(self.collations)
        return ' ' + self.pick('binary', 'ascii', 'unicode')

    def type(self):
        r, p = self.rnd, self.pick
        kind = r.randrange(9)
        if kind == 0:
            return p('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'integer', 'int3') + \
                self.maybe('(%d)' % r.randint(1, 12)) + p('', '', ' unsigned', ' zerofill', ' unsigned zerofill', ' signed')
        if kind == 1:
            return p('decimal', 'numeric', 'dec', 'fixed') + p('', '(%d)' % r.randint(1, 30), '(%d,%d)' % (r.randint(10, 30), r.randint(0, 10))) + \
                p('', ' unsigned', ' zerofill')
        if kind == 2:
            return p('float', 'double', 'real', 'double precision', 'float(10,3)', 'double(12,5)', 'float(20)', 'float(40)') + p('', ' unsigned')
        if kind == 3:
            return p('date', 'time', 'datetime', 'year', 'timestamp null', 'time(%d)' % r.randint(0, 6), 'datetime(%d)' % r.randint(0, 6),
                     'timestamp(%d) null' % r.randint(0, 6), 'bit', 'bit(%d)' % r.randint(1, 64), 'bool')
        if kind in (4, 5):
            return p('char', 'varchar(%d)' % r.randint(1, 300), 'char(%d)' % r.randint(1, 60), 'character varying(9)') + self.charset()
        if kind == 6:
            return p('tinytext', 'text', 'mediumtext', 'longtext', 'text(%d)' % r.choice([10, 64, 100, 300, 20000, 70000]), 'long varchar') + self.charset()
        if kind == 7:
            return p('tinyblob', 'blob', 'mediumblob', 'longblob', 'blob(%d)' % r.choice([10, 300, 70000]), 'binary(%d)' % r.randint(1, 50),
                     'varbinary(%d)' % r.randint(1, 300), 'long varbinary', 'point', 'json', 'geometry', 'nchar(5)', 'national varchar(5)')
        members = ','.join("'%s'" % m for m in r.sample(['a', 'b ', 'C', 'd''', "e''f", 'x,y', '', '\\\\', 'z\u00e9'], r.randint(1, 5)))
        return p('enum', 'set') + '(' + members.replace("'x,y'", "'xy'") + ')' + self.charset()

    def attributes(self, type_):
        text = ''
        if 'timestamp' not in type_:
            text += self.pick('', '', ' not null', ' null')
        if type_.split('(')[0].split()[0] in ('int', 'bigint', 'smallint', 'tinyint') and self.rnd.random() < 0.3:
            text += ' default %d' % self.rnd.randint(0, 9)
        elif type_.startswith(('varchar', 'char')) and self.rnd.random() < 0.3:
            text += " default '%s'" % self.pick('', 'x')
        elif type_.startswith('datetime') and '(' not in type_ and self.rnd.random() < 0.5:
            text += ' default current_timestamp' + self.maybe(' on update current_timestamp')
        return text + self.maybe(" comment 'a ''quoted'', (comment'", 0.1)

    def column(self):
        type_ = self.type()
        return type_ + self.attributes(type_)

    def create(self):
        columns = ['%s %s' % (self.name(), self.column()) for _ in range(self.rnd.randint(1, 8))]
        columns.insert(self.rnd.randrange(len(columns) + 1), 'id int not null' + self.pick(' primary key', ' auto_increment primary key', ' key', ''))
        if 'key' not in ' '.join(columns) and self.rnd.random() < 0.5:
            columns.append('primary key (id)')
        options = self.pick('', ' engine=InnoDB', ' default charset=latin1', ' collate utf8mb4_bin', ' character set utf8',
                            ' charset = ucs2 engine = innodb', ' default character set binary')
        return 'create table t (' + ', '.join(columns) + ')' + options

    def place(self, columns):
        return self.pick('', '', ' first', ' after `%s`' % self.rnd.choice(columns))

    def clause(self, columns):
        c = lambda: '`%s`' % self.rnd.choice(columns)
        kind = self.rnd.randrange(13)
        if kind < 3:
            return 'add ' + self.maybe('column ') + self.name() + ' ' + self.column() + self.place(columns)
        if kind == 3:
            return 'drop ' + self.maybe('column ') + c()
        if kind < 6:
            return 'modify ' + self.maybe('column ') + c() + ' ' + self.column() + self.place(columns)
        if kind < 8:
            return 'change ' + c() + ' ' + self.name() + ' ' + self.column() + self.place(columns)
        if kind == 8:
            return 'rename column ' + c() + ' to ' + self.name()
        if kind == 9:
            return self.pick('convert to character set ', 'default character set ', 'charset=') + self.pick('latin1', 'utf8mb4', 'utf8')
        if kind == 10:
            return 'add (%s %s, %s %s)' % (self.name(), self.column(), self.name(), self.column())
        if kind == 11:
            return self.pick('drop primary key', 'add primary key (id)', 'add index (id)', 'engine=innodb', 'comment=\'x\'')
        return 'alter ' + c() + self.pick(' drop default', ' set default null')

    def alter(self, columns):
        return 'alter table t ' + ', '.join(self.clause(columns) for _ in range(self.rnd.choice([1, 1, 2, 3])))


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--seed', type=int, default=1)
    a.add_argument('--statements', type=int, default=150)
    a.add_argument('--port', type=int, required=True)
    args = a.parse_args()
    s = Server(args.port)
    out = []
    head(s, out)
    r = Recorder(s, out)
    r.set_mode('', 0)
    for sql in WRITTEN:
        r.run(sql)
    r.run('drop table if exists t')
    r.set_mode('ANSI_QUOTES', 4)
    r.run('create table t ("a" int, "b""c" varchar(4) default \'x\', `d` enum(\'"\'))')
    r.run('drop table t')
    r.set_mode('NO_BACKSLASH_ESCAPES', 1 << 20)
    r.run("create table t (a enum('\\','b'), b varchar(3) default '\\')")
    r.set_mode('', 0)
    r.run('drop table t')
    g = Generator(s, random.Random(args.seed))
    end = r.count + args.statements
    while r.count < end:
        if not r.columns or g.rnd.random() < 0.1:
            if r.columns:
                r.run('drop table t')
            r.run(g.create())
        else:
            r.run(g.alter(r.columns))
    for fields in out:
        sys.stdout.write('\t'.join(fields) + '\n')


if __name__ == '__main__':
    main()

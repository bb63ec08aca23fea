"""A MySQL or MariaDB server of the round trips: started for them, or one that runs."""
import os
import shutil
import subprocess
import time

import pymysql

import fold

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAVOURS = ('mariadb', 'mariadb118', 'mysql56', 'mysql97')


class Server:
    """A server that answers on a port of 127.0.0.1, as root without password."""

    def __init__(self, port, database):
        self.port = port
        self.database = database
        self.sessions = []
        self.main = self.connect()
        version = self.value('SELECT VERSION()')
        self.mariadb = 'MariaDB' in version
        self.version = tuple(int(x) for x in version.split('-')[0].split('.')[:3])
        self.name = '%s %s' % ('MariaDB' if self.mariadb else 'MySQL',
                               '.'.join(map(str, self.version)))

    def connect(self):
        c = pymysql.connect(host='127.0.0.1', port=self.port, user='root', password='',
                            charset='utf8mb4', autocommit=None, conv={},
                            max_allowed_packet=1 << 30)
        self.sessions.append(c)
        return c

    def end_session(self, session):
        """Closes it and waits until the server has seen it: a prepared transaction is then
        nobody's (MariaDB loses one that is committed at the very moment)."""
        number = session.thread_id()
        session.close()
        deadline = time.monotonic() + 20
        while self.run('SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %d' % number):
            if time.monotonic() > deadline:
                raise RuntimeError('a session does not end')
            time.sleep(0.005)   # polls

    def run(self, statement, session=None):
        """Runs one statement; returns its rows, all values as text."""
        with (session or self.main).cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def value(self, statement):
        return self.run(statement)[0][0]

    def position(self):
        """(file, offset) of the binlog's end."""
        new = not self.mariadb and self.version >= (8, 2, 0)
        row = self.run('SHOW BINARY LOG STATUS' if new else 'SHOW MASTER STATUS')[0]
        return row[0], int(row[1])

    def has(self, variable):
        return bool(self.run("SHOW VARIABLES LIKE '%s'" % variable))

    def set_global(self, variable, value):
        if self.has(variable):
            self.run('SET GLOBAL %s = %s' % (variable, value))

    def columns(self, databases, table=None):
        """database.table -> columns, in the form of tables.json."""
        rows = self.run("""SELECT c.TABLE_SCHEMA, c.TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE,
            CHARACTER_SET_NAME, COLUMN_KEY, EXTRA, COLUMN_DEFAULT, IS_NULLABLE
            FROM information_schema.COLUMNS c JOIN information_schema.TABLES t
            ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
            WHERE c.TABLE_SCHEMA IN (%s) AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') %s
            ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, ORDINAL_POSITION""" % (
                ', '.join("'%s'" % d for d in databases),
                "AND c.TABLE_NAME = '%s'" % table.replace("'", "''") if table else ''))
        tables = {}
        for d, t, name, column_type, data_type, charset, key, extra, default, nullable in rows:
            if default == 'NULL':
                default = None      # MariaDB's way to say it
            tables.setdefault('%s.%s' % (d, t), []).append({
                'name': name, 'column_type': column_type, 'data_type': data_type.lower(),
                'charset': charset, 'key': key, 'extra': extra,
                'default': default, 'nullable': nullable == 'YES'})
        return tables

    def tables(self, columns):
        """What the server says the tables are, in the form of tables.json."""
        self.run("SET time_zone = '+00:00'")
        result = {}
        for t, cols in columns.items():
            rows = self.run('SELECT %s FROM %s' % (
                ', '.join(text_of(c) for c in cols), '.'.join(map(quote, t.split('.', 1)))))
            result[t] = {'columns': cols, 'count': len(rows), 'rows': [list(r) for r in rows]}
        return result

    def copy_binlogs(self, first, last, directory):
        """The files from first to last."""
        folder = os.path.dirname(self.value('SELECT @@log_bin_basename'))
        for row in self.run('SHOW BINARY LOGS'):
            if first <= row[0] <= last:
                shutil.copy(os.path.join(folder, row[0]), directory)

    def disconnect(self):
        for c in self.sessions:
            if c.open:
                c.close()
        self.sessions = []

    stop = disconnect


class PrivateServer(Server):
    """One that is started for us, in the way of all tests, and ends with us."""

    def __init__(self, flavour, database, *options):
        self.process = subprocess.Popen(
            ['perl', '-I' + os.path.join(TOP, 'test/perl'),
             os.path.join(TOP, 'test/roundtrip/start_server'), flavour] + list(options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError('%s did not start' % flavour)
        super().__init__(int(line), database)

    def stop(self):
        self.disconnect()
        self.process.stdin.close()
        self.process.wait()


def quote(name):
    return '`%s`' % name.replace('`', '``')


def text_of(column):
    """SQL of a column's value as the text that tables.json has."""
    n = quote(column['name'])
    kind = column['data_type']
    if kind in fold.BINARY or kind in fold.GEOMETRY or kind == 'vector':
        return 'HEX(%s)' % n
    if kind == 'bit':
        return 'CAST(%s + 0 AS CHAR)' % n
    if kind == 'float':
        return 'CAST(%s * 1e0 AS CHAR)' % n
    if column['charset'] is None or kind == 'json':
        return 'CAST(%s AS CHAR CHARACTER SET utf8mb4)' % n
    return 'CONVERT(%s USING utf8mb4)' % n

"""Runs statements on a server and notes what the fold of its binlog has to know:
the definitions of the tables as of each position, what DDL does to rows that are
there, and what the tables are in the end."""
import collections
import json
import os
import time

import pymysql

from generator import SYNTAX_ERROR


class Recording:
    def __init__(self, server, session_setup):
        self.server = server
        self.setup = session_setup
        self.databases = [server.database, server.database + '_2']
        self.definitions = []       # (file, offset, table, columns)
        self.statements = []        # DDL, for the fold
        self.idle = []              # DDL that does nothing
        self.snapshots = []
        self.refused = collections.Counter()
        self.executed = 0
        self.last_error = None
        for d in self.databases:
            server.run('DROP DATABASE IF EXISTS %s' % d)
        server.run('FLUSH LOGS')
        self.first_file, _ = server.position()
        for d in self.databases:
            server.run('CREATE DATABASE %s CHARACTER SET utf8mb4' % d)
        self.prepare(server.main)
        server.main.select_db(server.database)

    def prepare(self, session):
        for s in ["SET sql_mode = ''", "SET time_zone = '+00:00'",
                  'SET SESSION innodb_lock_wait_timeout = 1'] + self.setup:
            self.server.run(s, session)
        session.prepared = True

    def dml(self, statement, session=None):
        """Returns whether the server took the statement."""
        if session is not None and not hasattr(session, 'prepared'):
            self.prepare(session)
            session.select_db(self.server.database)
        try:
            self.server.run(statement, session)
        except pymysql.err.MySQLError as e:
            code = e.args[0]
            if code == SYNTAX_ERROR or not isinstance(code, int) or code in (0, 2006, 2013):
                raise RuntimeError('%s\n%s' % (e, statement[:2000]))
            self.last_error = str(e)
            self.refused[code] += 1
            return False
        self.executed += 1
        return True

    def ddl(self, statement, kind, effects, tables):
        """kind: the type of the event; effects: what it does to rows, each a method do_... of
        fold.Fold; tables: those whose definition is new."""
        file, offset = self.server.position()
        if not self.dml(statement):
            return False
        entry = {'type': kind, 'sql': statement, 'effects': [list(e) for e in effects]}
        for t in tables:
            d, name = t.split('.', 1)
            columns = self.server.columns([d], name)[t]
            self.definitions.append((file, offset, t, columns))
            entry['effects'].append(['define', t, {
                'key': [c['name'] for c in columns if c['key'] == 'PRI'],
                'null': [c['name'] for c in columns if c['nullable'] and c['default'] is None
                         and not c['extra']]}])
        self.statements.append(entry)
        return True

    def partly(self, statement, kind, effects):
        """What a statement did that was refused; without one, what the last one did besides."""
        if statement is None:
            self.statements[-1]['effects'] += [list(e) for e in effects]
        elif effects:
            self.statements.append({'type': kind, 'sql': statement, 'effects': [list(e) for e in effects]})

    def nothing(self, statement):
        """DDL that changes neither definitions nor rows."""
        self.idle.append(statement)
        return self.dml(statement)

    def end_xa(self, statement):
        """The second phase.  The session of the first one may not be gone yet."""
        deadline = time.monotonic() + 20
        while not self.dml(statement):
            if not self.server.run('XA RECOVER'):
                return          # it was read only, or rolled back already
            if time.monotonic() > deadline:
                raise RuntimeError('%s: %s' % (statement, self.last_error))
            time.sleep(0.01)    # polls

    def rotate(self):
        self.server.run('FLUSH LOGS')

    def snapshot(self, label):
        file, offset = self.server.position()
        self.snapshots.append({
            'label': label, 'binlog_file': file, 'binlog_pos': offset,
            'tables': self.server.tables(self.server.columns(self.databases))})

    def save(self, directory, image, derived, with_columns, binlogs=True):
        os.makedirs(directory)
        if binlogs:
            self.server.copy_binlogs(self.first_file, self.snapshots[-1]['binlog_file'], directory)
        with open(os.path.join(directory, 'tables.json'), 'w') as f:
            json.dump({'row_image': image, 'derived': derived, 'ddl': self.statements,
                       'idle': self.idle, 'snapshots': self.snapshots}, f)
        if with_columns:
            write_columns(directory, self.definitions)


def escape(s):
    return '\\0' if s is None else s.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n')


def write_columns(directory, definitions):
    """definitions: (file, offset, table, columns), each valid from there on."""
    with open(os.path.join(directory, 'columns.tsv'), 'w') as f:
        for file, offset, t, cols in definitions:
            f.write('T\t%s:%d\t%s\t%s\n' % ((file, offset) + tuple(map(escape, t.split('.', 1)))))
            n_key = 0
            for c in cols:
                key = -1
                if c['key'] == 'PRI':
                    key, n_key = n_key, n_key + 1
                f.write('C\t%s\t%s\t%s\t%d\n' % (escape(c['name']), escape(c['column_type']),
                                                escape(c['charset']), key))

#!/usr/bin/env python3
"""test/operators.py [TOP]: SQL that is written in src/pg says which operators it means.

Statements on the extension's tables run with the rights of its owner, while the search_path
of whoever calls is in force: an operator without a schema would be his.  In each piece of SQL
among the string literals of src/pg every operator has to be OPERATOR(schema.name), and nothing
may look one up by its name: IN, LIKE, BETWEEN, IS DISTINCT FROM, NULLIF.  Prints TAP.
"""
import glob
import os
import re
import sys

top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.S)
# What is for PostgreSQL; other SQL is for a source, or a hint.
SQL = re.compile(r'cdc_catalog\.|pg_catalog|\$1|\$%d|OPERATOR\(')
# Rooms that put statements together from pieces, none of which need look like one.
PIECES = ('src/pg/catalog/', 'src/pg/history/', 'src/pg/write/')
QUALIFIED = re.compile(r'OPERATOR\([^()]*\)')
BY_NAME = re.compile(r'\b(IN|LIKE|ILIKE|SIMILAR TO|BETWEEN|IS (?:NOT )?DISTINCT FROM|NULLIF)\b')
OPERATOR = re.compile(r'[-+*/<>=~!@#%^&|`?]+')
COMPARISON = re.compile(r' (=|<>|<|>|<=|>=) ')
# In what is executed within a scope whose search_path is pg_catalog, pg_temp.
PINNED = {'src/pg/target/lock.c': ['IN (SELECT', 'IS DISTINCT FROM']}


def literals(text):
    """Each run of adjacent string literals as (line, text), with macros between them as %s."""
    runs, last_end = [], None
    for m in TOKEN.finditer(text):
        if not m.group().startswith('"'):
            continue
        between = text[last_end:m.start()] if last_end is not None else ';'
        value = m.group()[1:-1].replace('\\"', '"').replace('\\n', '\n')
        if re.fullmatch(r'\s*(?:[A-Z][A-Z0-9_]*\s*)?', re.sub(r'/\*.*?\*/', ' ', between, flags=re.S)):
            line, before = runs[-1]
            runs[-1] = (line, before + ('%s' if between.strip() else '') + value)
        else:
            runs.append((text.count('\n', 0, m.start()) + 1, value))
        last_end = m.end()
    return runs


def is_assignment(sql, at):
    return re.search(r'(?:SET|,|^)\s*"?[%\w]+"?\s*$', sql[:at]) is not None


def wrong(path, sql):
    """What the piece of SQL looks up by name."""
    found = []
    sql = QUALIFIED.sub(' ', sql)
    sql = re.sub(r"'[^']*'", "''", sql)
    sql = re.sub(r'%[-.0-9]*[a-zA-Z]', 'x', sql)
    for m in BY_NAME.finditer(sql):
        rest = sql[m.start():]
        if not any(rest.startswith(p) for p in PINNED.get(path, [])):
            found.append(rest[:40])
    for m in OPERATOR.finditer(sql):
        if m.group() in ('*', '=>') or (m.group() == '=' and is_assignment(sql, m.start())):
            continue
        if sql[m.start() - 1:m.start()] == ':':     # := of an argument
            continue
        found.append(sql[max(0, m.start() - 30):m.end() + 20])
    return found


def main():
    pieces, bad = 0, []
    for path in sorted(glob.glob(os.path.join(top, 'src/pg/**/*.c'), recursive=True)):
        name = os.path.relpath(path, top)
        with open(path, encoding='utf-8') as f:
            text = f.read()
        for line, sql in literals(text):
            if not SQL.search(sql) and not (name.startswith(PIECES) and COMPARISON.search(sql)):
                continue
            pieces += 1
            bad += ['%s:%d: %s' % (name, line, w) for w in wrong(name, sql)]
    print('1..2')
    print('%s 1 - there is SQL (%d pieces)' % ('ok' if pieces > 80 else 'not ok', pieces))
    print('%s 2 - operators say their schema' % ('not ok' if bad else 'ok'))
    for b in bad:
        print('#   ' + b.replace('\n', ' '))
    return 1 if bad or pieces <= 80 else 0


if __name__ == '__main__':
    sys.exit(main())

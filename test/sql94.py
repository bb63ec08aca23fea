#!/usr/bin/env python3
"""test/sql94.py [TOP]: installed and generated SQL is what PostgreSQL 9.4, and Greenplum 6 on
it, can parse.

Looks through src/sql, and through the string literals of src/pg that begin like a statement,
for what came later and for words that Greenplum reserves.  What only runs on other servers is
passed over: texts between $sql$ in src/sql, which a DO block executes where they belong, and
code in #if of a feature (CDC_HAVE_...) that Greenplum lacks.  Prints TAP:

1. the list of words finds what it should, and nothing else, in samples;
2. src/sql; 3. src/pg.

A word list is no parser: what it does not know of gets through.  CREATE EXTENSION on a
Greenplum, and `make installcheck` there, tell the rest.
"""
import glob
import os
import re
import sys

# What came after 9.4, with a sample that has it.
LATER = [
    (r'\bON\s+CONFLICT\b', 'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING'),
    (r'\bMERGE\s+INTO\b', 'MERGE INTO t USING s ON t.a = s.a'),
    (r'\w\s*=>\s*[\w$\'(]', 'SELECT f(a => 1)'),
    (r'\bSKIP\s+LOCKED\b', 'SELECT 1 FROM t FOR UPDATE SKIP LOCKED'),
    (r'\bGENERATED\s+(ALWAYS|BY)\b', 'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY)'),
    (r'\bOVERRIDING\s+(SYSTEM|USER)\b', 'INSERT INTO t OVERRIDING SYSTEM VALUE SELECT 1'),
    (r'\bPARTITION\s+(OF|BY\s+(RANGE|LIST|HASH)\s*\(\w+\)\s*(?:$|;))', 'CREATE TABLE a PARTITION OF b FOR VALUES FROM (1) TO (2)'),
    (r'\b(ATTACH|DETACH)\s+PARTITION\b', 'ALTER TABLE a DETACH PARTITION b'),
    (r'\b(CREATE|DROP|ALTER)\s+(OR\s+REPLACE\s+)?PROCEDURE\b', 'CREATE PROCEDURE p() LANGUAGE sql'),
    (r'\bEXECUTE\s+FUNCTION\b', 'CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()'),
    (r'\bPARALLEL\s+(SAFE|RESTRICTED|UNSAFE)\b', 'CREATE FUNCTION f() RETURNS int LANGUAGE c PARALLEL SAFE'),
    (r'\bSUPPORT\s+\w+\.\w+', 'CREATE FUNCTION f() RETURNS int LANGUAGE c SUPPORT cdc.s'),
    (r'\b(ADD\s+COLUMN|INDEX|DROP\s+COLUMN\s+IF\s+NOT)\s+IF\s+NOT\s+EXISTS\b', 'ALTER TABLE t ADD COLUMN IF NOT EXISTS a int'),
    (r'\bCREATE\s+(POLICY|STATISTICS|PUBLICATION|SUBSCRIPTION)\b', 'CREATE POLICY p ON t'),
    (r'\bIMPORT\s+FOREIGN\s+SCHEMA\b', 'IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c'),
    (r'\bGROUPING\s+SETS\b(?!.*greenplum)', 'SELECT 1 FROM t GROUP BY GROUPING SETS ((a), (b))'),
    (r'\bTABLESAMPLE\b', 'SELECT 1 FROM t TABLESAMPLE system (1)'),
    (r'\bINCLUDE\s*\(', 'CREATE INDEX i ON t (a) INCLUDE (b)'),
    (r'\bSET\s*\([^)]*\)\s*=\s*\(\s*SELECT\b', 'UPDATE t SET (a, b) = (SELECT 1, 2)'),
    (r'\bjsonb_(set|insert|pretty|strip_nulls|agg|object|object_agg|build_object|build_array|path_\w+)\s*\(', "SELECT jsonb_set(a, '{b}', c)"),
    (r'\bto_jsonb\s*\(', 'SELECT to_jsonb(a)'),
    (r'\bjson_strip_nulls\s*\(', 'SELECT json_strip_nulls(a)'),
    (r'\bcurrent_setting\s*\([^()]*,', "SELECT current_setting('a.b', true)"),
    (r'\b(array_position|array_positions|string_to_table|regexp_match|starts_with|parse_ident|gen_random_uuid|'
     r'num_nulls|num_nonnulls|trim_array|bit_count|pg_blocking_pids|to_regrole|to_regnamespace)\s*\(', "SELECT array_position(a, 1)"),
    (r'::\s*(regrole|regnamespace|jsonpath)\b', 'SELECT a::regnamespace'),
    (r'\bAS\s+MATERIALIZED\b|\bAS\s+NOT\s+MATERIALIZED\b', 'WITH a AS MATERIALIZED (SELECT 1) SELECT 1'),
    (r'\bFETCH\s+FIRST\s+\S+\s+ROWS?\s+WITH\s+TIES\b', 'SELECT 1 FETCH FIRST 1 ROW WITH TIES'),
    (r'\bNULLS\s+NOT\s+DISTINCT\b', 'CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT'),
    (r'\bsecurity_invoker\b', 'CREATE VIEW v WITH (security_invoker = true) AS SELECT 1'),
]
# Words of Greenplum's that want quotes as names: not in front of what makes them keywords.
RESERVED = [
    (r'(?<!["\w.])exclude(?!["\w])(?!\s+(USING|CURRENT|GROUP|TIES|NO))', 'SELECT exclude FROM t'),
    (r'(?<!["\w.])(?<!DROP )partition(?!["\w])(?!\s+BY\b)', 'SELECT partition FROM t'),
    (r'(?<!["\w])(?<!SEGMENT )(?<!FOR )(?<!AS )distributed(?!["\w])(?!\s+(BY|RANDOMLY|REPLICATED))', 'SELECT distributed FROM t'),
    (r'(?<!["\w])(?<!::)(?<!\.)\bcube(?!["\w])(?=\s*[,=])', 'SELECT cube, 1 FROM t'),
]
GOOD = [
    'SELECT "partition", "exclude" FROM t',
    'SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t',
    'ALTER TABLE t DROP PARTITION p',
    "SELECT f(a := 1), a >= 1, a <= 2, '{\"a\":1}'::jsonb -> 'a'",
    'CREATE TABLE IF NOT EXISTS t (a int) DISTRIBUTED BY (a)',
    'CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE PROCEDURE f()',
    'SELECT json_build_object(1, 2), to_json(a), current_setting(\'a.b\')',
    'DROP INDEX IF EXISTS i',
    'SELECT subscription_partition FROM cdc.stat_kafka_partition',
]
PATTERNS = [(re.compile(p, re.IGNORECASE | re.MULTILINE), sample) for p, sample in LATER + RESERVED]
STATEMENT = re.compile(r'\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|WITH|TRUNCATE|LOCK|EXECUTE)\b')
# Greenplum 6 has none of these features.
ABSENT = re.compile(r'CDC_HAVE_(WORKERS|DIRECT_INSERT|PARTITIONS|TABLE_AM|EVENT_TRIGGERS|PARALLEL_QUERY|IMPORT_FOREIGN_SCHEMA|FOREIGN_COPY)\b')


def found(sql):
    """What of the text is too new, or reserved."""
    return sorted({m.group(0).strip() for pattern, _ in PATTERNS for m in pattern.finditer(sql)})


def blank(match):
    """Nothing in its place, but for its lines."""
    return '\n' * match.group(0).count('\n')


def check_samples():
    """The patterns find their samples, and nothing in what is good."""
    bad = ['%s does not find: %s' % (p.pattern, s) for p, s in PATTERNS if not p.search(s)]
    return bad + ['%s in: %s' % (', '.join(found(s)), s) for s in GOOD if found(s)]


def check_installed(top):
    """The extension's script."""
    bad = []
    for path in sorted(glob.glob(os.path.join(top, 'src/sql/*.sql'))):
        text = open(path, encoding='utf-8').read()
        text = re.sub(r'\$sql\$.*?\$sql\$', blank, text, flags=re.DOTALL)
        text = re.sub(r'--.*', '', text)
        text = re.sub(r"COMMENT ON [^;]*?IS\s+'(?:[^']|'')*'", blank, text)
        for number, line in enumerate(text.split('\n'), 1):
            bad += ['%s:%d: %s' % (os.path.relpath(path, top), number, w) for w in found(line)]
    return bad


def literals(path):
    """(line, text) of the string literals of a C file, those side by side as one, without what
    Greenplum does not compile and what are messages to people."""
    skipped = []
    text = ''
    start = 0
    message = 0
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        directive = re.match(r'\s*#\s*(if|ifdef|ifndef|else|elif|endif)\b(.*)', line)
        if directive:
            word = directive.group(1)
            if word.startswith('if'):
                skipped.append(bool(ABSENT.search(directive.group(2))) and '!' not in directive.group(2))
            elif word == 'endif' and skipped:
                skipped.pop()
            elif skipped:
                skipped[-1] = False
            continue
        if any(skipped):
            continue
        code = re.sub(r'/\*.*?\*/', '', line)
        if re.search(r'\b(errmsg|errhint|errdetail|errmsg_plural|elog|cdc_error\w*|cdc_check_\w+|hint)\s*\(', code):
            message = number
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"', code)
        if message in (number, number - 1, number - 2):
            parts = []
        if parts and not text:
            start = number
        text += ''.join(parts)
        if text and re.search(r'[,;)]\s*$', re.sub(r'"(?:[^"\\]|\\.)*"', '', code)) or not parts:
            if text:
                yield start, text
            text = ''


def check_generated(top):
    """Statements in the module."""
    bad = []
    for path in sorted(glob.glob(os.path.join(top, 'src/pg/*/*.c'))):
        for number, text in literals(path):
            text = text.replace('\\"', '"').replace('\\n', '\n')
            if STATEMENT.match(text):
                bad += ['%s:%d: %s' % (os.path.relpath(path, top), number, w) for w in found(text)]
    return bad


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
    checks = [('the list of words', check_samples()),
              ('src/sql can be parsed by PostgreSQL 9.4 and Greenplum 6', check_installed(top)),
              ('so can the statements of src/pg', check_generated(top))]
    print('1..%d' % len(checks))
    for number, (name, bad) in enumerate(checks, 1):
        print('%s %d - %s' % ('not ok' if bad else 'ok', number, name))
        for line in bad:
            print('#   ' + line)
    sys.exit(any(bad for _, bad in checks))


if __name__ == '__main__':
    main()

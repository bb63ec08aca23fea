#!/usr/bin/env python3
"""test/rooms.py [TOP]: every dependency in src points down.

Reads test/rooms.txt and, below TOP (default: the tree that this file is in), the
sources and, where the module was built, its objects.  Prints TAP:

1. every file belongs to a room of the table, every room has a README.md and few files;
2. every #include of another room's header is in the table;
3. every symbol that a room's objects take from another room's is in the table;
4. no cycle of files: a unit is a .c file with the header of its name; an edge is an
   #include of a unit's header or a symbol that another unit defines.  A header named
   *internal.h belongs to all of its room and to no other: it is no unit, but what it
   declares is checked through the symbols;
5. the table allows nothing that is not used, and each README says the same;
6. version conditionals stand in the compat headers only, and the layers below src/pg
   know nothing of PostgreSQL;
7. what servers take in another way without a word is called where it is made the same
   (WRAPPED), and nowhere else.

Objects are looked for beside their sources, and have to be newer; without any, 3 and
the symbols of 4 fail, unless --includes asks for the check of a tree that was not built.
What it cannot see are pointers to functions: a table of methods that a higher room
registers is how a lower one calls upwards, and is meant to be.
"""
import collections
import glob
import os
import re
import subprocess
import sys

MAX_FILES = 25                  # of a room of src/pg: more is a place where nobody finds anything


def read_table(path):
    """Rooms in the order of the table, each with the set of rooms it may use."""
    table = collections.OrderedDict()
    for number, line in enumerate(open(path), 1):
        line = line.split('#', 1)[0].strip()
        if not line:
            continue
        room, _, uses = line.partition(':')
        room, uses = room.strip(), set(uses.split())
        unknown = uses - set(table)
        if room in table:
            sys.exit('%s:%d: room %s stands there twice' % (path, number, room))
        if unknown:
            sys.exit('%s:%d: %s may not use %s, which does not stand above it' %
                     (path, number, room, ', '.join(sorted(unknown))))
        table[room] = uses
    return table


def room_of(path):
    """The room of src/a/b/file.c is a/b."""
    return os.path.dirname(os.path.relpath(path, 'src'))


def unit_of(path):
    """The name without its ending: a .c file and its header are one unit."""
    return os.path.splitext(path)[0]


def is_shared_header(path):
    return os.path.basename(path).endswith('internal.h')


def includes(path):
    """(line number, file) of each #include of a file of ours; None for one that is hidden."""
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            if not re.match(r'\s*#\s*include\b', line):
                continue
            m = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
            if not m:
                yield number, None
                continue
            for found in (os.path.join('src', m.group(1)),
                          os.path.join(os.path.dirname(path), m.group(1))):
                if os.path.exists(found):
                    yield number, os.path.normpath(found)
                    break


def symbols(objects):
    """Which object defines a symbol, and which symbols each object needs."""
    defined, needed = {}, {}
    for path in objects:
        needed[path] = set()
        for line in subprocess.check_output(['nm', path], text=True).splitlines():
            kind, name = line.split()[-2:]
            if kind in 'Uwv':
                needed[path].add(name)
            elif kind in 'TDBRVWC':
                defined.setdefault(name, path)
    return defined, needed


def cycles(graph):
    """Strongly connected sets of more than one node (Tarjan)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on_stack.add(v)
        for w in graph[v]:
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on_stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            members = []
            while True:
                w = stack.pop()
                on_stack.discard(w)
                members.append(w)
                if w == v:
                    break
            if len(members) > 1:
                found.append(sorted(members))

    sys.setrecursionlimit(10000)
    for v in list(graph):
        if v not in index:
            visit(v)
    return found


class Report:
    """TAP: a test a question, its answers as diagnostics."""

    def __init__(self):
        self.count = self.failed = 0

    def test(self, name, problems, seen):
        self.count += 1
        self.failed += bool(problems)
        print('%sok %d - %s (%s)' % ('not ' if problems else '', self.count, name, seen))
        for p in problems:
            print('#   ' + p)


def check_places(table, files, report):
    problems = ['%s: %s is no room of test/rooms.txt' % (f, room_of(f))
                for f in files if room_of(f) not in table]
    count = collections.Counter(room_of(f) for f in files)
    for room in table:
        if not count[room]:
            problems.append('room %s has no file' % room)
        if room == 'pg' and count[room] > 1:
            problems.append('src/pg itself is for cdc_ingest.c only')
        if room.startswith('pg/') and count[room] > MAX_FILES:
            problems.append('room %s has %d files' % (room, count[room]))
        if not os.path.exists(os.path.join('src', room, 'README.md')):
            problems.append('room %s has no README.md' % room)
    report.test('every file is in a room, every room has a README', problems,
                '%d files, %d rooms' % (len(files), len(table)))


def check_includes(table, files, edges, used, report):
    problems, seen = [], 0
    for f in files:
        for number, header in includes(f):
            seen += 1
            if header is None:
                problems.append('%s:%d: what is included is not to be seen' % (f, number))
                continue
            a, b = room_of(f), room_of(header)
            used[a].add(b)
            if is_shared_header(header) and a != b:
                problems.append('%s:%d includes %s, which is for %s only' % (f, number, header, b))
            if a != b and b not in table.get(a, ()):
                problems.append('%s:%d includes %s, but %s may not use %s' % (f, number, header, a, b))
            if not is_shared_header(header) and not is_shared_header(f):
                edges[unit_of(f)][unit_of(header)].add('#include')
    report.test('includes point down', problems, '%d includes' % seen)


def check_symbols(table, files, edges, used, report):
    objects = [unit_of(f) + '.o' for f in files if f.endswith('.c')]
    missing = [o for o in objects if not os.path.exists(o) or
               os.path.getmtime(o) < os.path.getmtime(unit_of(o) + '.c')]
    if missing:
        report.test('calls point down', ['%s is not built, or older than its source' % o for o in missing[:5]],
                    '%d objects missing' % len(missing))
        return
    defined, needed = symbols(objects)
    problems, seen = [], 0
    for o in objects:
        for name in sorted(needed[o]):
            d = defined.get(name)
            if d is None or d == o:
                continue
            seen += 1
            a, b = room_of(o), room_of(d)
            used[a].add(b)
            if a != b and b not in table.get(a, ()):
                problems.append('%s.c needs %s() of %s.c, but %s may not use %s' %
                                (unit_of(o), name, unit_of(d), a, b))
            edges[unit_of(o)][unit_of(d)].add(name)
    report.test('calls point down', problems, '%d symbols of %d objects' % (seen, len(objects)))


def check_cycles(edges, report):
    graph = {a: set(b for b in to if b != a) for a, to in edges.items()}
    for to in list(graph.values()):
        for b in to:
            graph.setdefault(b, set())
    problems = []
    for members in cycles(graph):
        problems.append('a cycle of %d: %s' % (len(members), ' '.join(members)))
        for a in members:
            for b in members:
                if b in graph[a]:
                    problems.append('    %s -> %s: %s' % (a, b, ' '.join(sorted(edges[a][b])[:6])))
    report.test('no cycle of files', problems, '%d units' % len(graph))


def check_table(table, used, report):
    """Nothing is allowed that nobody needs; a room's README says what the table says."""
    problems = []
    for room, allowed in table.items():
        for b in sorted(allowed - used[room]):
            problems.append('test/rooms.txt: %s does not use %s' % (room, b))
        if not room.startswith('pg/'):
            continue
        with open(os.path.join('src', room, 'README.md'), encoding='utf-8') as f:
            m = re.search(r'^May use ([^.]*)\.', f.read(), re.M)
        said = set(re.split(r',\s*', m.group(1))) if m else set()
        meant = set(b.replace('pg/', '') for b in allowed)
        if said != meant:
            problems.append('src/%s/README.md has to say: May use %s.' %
                            (room, ', '.join(b.replace('pg/', '') for b in table if b in allowed)))
    report.test('the table is what is used, and the READMEs say so', problems, '%d rooms' % len(table))


SERVER = r'\b(PG_VERSION(_NUM|_STR)?|PG_MAJORVERSION(_NUM)?|PG_CONTROL_VERSION|CATALOG_VERSION_NO|GP_VERSION_NUM|CDC_GREENPLUM)\b'


def check_versions(files, report):
    problems = []
    for f in files:
        if re.match(r'src/pg/base/compat[_a-z]*\.[ch]$', f):
            continue
        for number, line in enumerate(open(f, encoding='utf-8'), 1):
            if f.startswith('src/pg/') and re.match(r'\s*#\s*(if|elif)', line) and re.search(SERVER, line):
                problems.append('%s:%d asks for a version, not for a feature' % (f, number))
            if not f.startswith('src/pg/') and re.match(r'\s*#\s*include\s*["<](postgres|fmgr|utils/)', line):
                problems.append('%s:%d: the layers below src/pg know nothing of PostgreSQL' % (f, number))
    report.test('differences between servers stand in base/compat*.h', problems, '%d files' % len(files))


# A function of the server, the only file that may call it, and what to call instead.
WRAPPED = {
    'hash_create': ('src/pg/base/hash.h', 'cdc_hash_of_strings() or cdc_hash_of_bytes()'),
    'set_config_option': ('src/pg/base/compat_executor.h', 'cdc_planner_begin(), or CDC_SET_OPTION()'),
}


def check_wrapped(files, report):
    problems = []
    for f in files:
        for number, line in enumerate(open(f, encoding='utf-8'), 1):
            for name, (place, instead) in WRAPPED.items():
                if f != place and re.search(r'(?<!define )\b%s *\(' % name, line) and not re.match(r'\s*(/?\*|//)', line):
                    problems.append('%s:%d calls %s(): call %s' % (f, number, name, instead))
    report.test('what servers take in another way is called in one place', problems, '%d functions' % len(WRAPPED))


def main():
    args = [a for a in sys.argv[1:] if a != '--includes']
    os.chdir(args[0] if args else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    table = read_table('test/rooms.txt')
    files = sorted(glob.glob('src/**/*.[ch]', recursive=True))
    edges = collections.defaultdict(lambda: collections.defaultdict(set))
    report = Report()
    check_places(table, files, report)
    used = collections.defaultdict(set)
    check_includes(table, files, edges, used, report)
    if '--includes' not in sys.argv:
        check_symbols(table, files, edges, used, report)
    check_cycles(edges, report)
    if '--includes' not in sys.argv:
        check_table(table, used, report)
    check_versions(files, report)
    check_wrapped(files, report)
    print('1..%d' % report.count)
    return report.failed != 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/python3
"""Round trips: makes tables of all types on a real server, changes them at random,
reads the binlog that the server wrote, folds its events and compares with the
server's own SELECT, for row images x metadata x checksums x compression.

Started by "run" beside it, which builds TOOL.  Prints TAP.
"""
import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile

import charsets
import fold
import server as servers
from generator import Generator
from recording import Recording

DATABASE = 'roundtrip'


class Combination:
    """What is switched on for one round trip."""

    def __init__(self, image, metadata, compress, checksum, partial_json=False, old_times=False):
        self.image = image
        self.metadata = metadata        # full row metadata?
        self.compress = compress
        self.checksum = checksum
        self.partial_json = partial_json
        self.old_times = old_times

    @property
    def name(self):
        words = ['image ' + self.image, ('full' if self.metadata else 'no') + ' metadata']
        words += ['compressed'] * self.compress + ['no checksum'] * (not self.checksum)
        words += ['partial JSON'] * self.partial_json + ['old temporal types'] * self.old_times
        return ', '.join(words)

    def switch_on(self, server):
        """Sets what is global; returns the statements for each session."""
        server.set_global('binlog_checksum', 'CRC32' if self.checksum else 'NONE')
        server.set_global('binlog_row_metadata', 'FULL' if self.metadata else (
            'NO_LOG' if server.mariadb else 'MINIMAL'))
        server.set_global('log_bin_compress', 'ON' if self.compress else 'OFF')
        server.set_global('log_bin_compress_min_len', '10')
        server.set_global('mysql56_temporal_format', 'OFF' if self.old_times else 'ON')
        setup = ["SET binlog_row_image = '%s'" % self.image]
        if server.has('binlog_transaction_compression'):
            setup.append('SET binlog_transaction_compression = ' + ('ON' if self.compress else 'OFF'))
        if server.has('binlog_row_value_options'):
            setup.append("SET binlog_row_value_options = '%s'" % ('PARTIAL_JSON' * self.partial_json))
        return setup

    def derived(self, server):
        """Which columns the images lack, by what "extra" says of them."""
        if server.mariadb and server.version >= (11, 0, 0):
            return ['GENERATED']
        return ['VIRTUAL'] if self.image != 'FULL' else []


def combinations(server, every):
    """Each value of each switch with each of another switch at least once, where the
    server has both; all of them when every."""
    images = ['FULL', 'MINIMAL', 'NOBLOB']
    metadata = [True, False] if server.has('binlog_row_metadata') else [False]
    compress = [False, True] if server.has('binlog_transaction_compression') or \
        server.has('log_bin_compress') else [False]
    if every:
        out = [Combination(*c) for c in itertools.product(images, metadata, compress, [True, False])]
    else:
        chosen = [('FULL', True, False, True), ('FULL', False, True, False),
                  ('MINIMAL', True, True, False), ('MINIMAL', False, False, True),
                  ('NOBLOB', True, False, False), ('NOBLOB', False, True, True)]
        seen = []
        for image, m, c, k in chosen:
            this = (image, m and True in metadata, c and True in compress, k)
            if this not in seen:
                seen.append(this)
        out = [Combination(*c) for c in seen]
    if server.has('binlog_row_value_options'):
        out += [Combination(i, i != 'NOBLOB', i == 'FULL', True, partial_json=True) for i in images]
    if server.has('mysql56_temporal_format'):
        out.append(Combination('FULL', True, False, True, old_times=True))
    return out


def record(server, directory, combination, seed, args):
    """Runs one combination and leaves it as a case for fold.py."""
    rec = Recording(server, combination.switch_on(server))
    gen = Generator(random.Random('%d %s' % (seed, combination.name)), rec, with_ddl=args.ddl,
                    minimal=combination.image != 'FULL', partial_json=combination.partial_json,
                    big=args.big)
    gen.prepare()
    for part in range(args.snapshots):
        gen.work(args.statements // args.snapshots)
        rec.snapshot('after part %d' % (part + 1))
    # MariaDB's maps do not tell uuid and inet from binary
    rec.save(directory, combination.image, combination.derived(server),
             not combination.metadata or server.mariadb)
    return rec


def round_trip(server, tool, directory, combination, seed, args):
    """Returns what there is to say of a success."""
    rec = record(server, directory, combination, seed, args)
    try:
        compared, _ = fold.fold_case(tool, directory)
    except fold.Mismatch as m:
        if combination.partial_json and combination.image == 'MINIMAL' and \
                'document that the before image lacks' in str(m):
            # what such a binlog has is not enough; that is said clearly
            return 'refused'
        raise
    return '%d values of %d statements, %d refused' % (
        compared, rec.executed, sum(rec.refused.values()))


def run_server(server, args, tests):
    """Returns how many tests failed."""
    failed = 0
    server.set_global('max_allowed_packet', str(1 << 30))
    server.disconnect()
    server.main = server.connect()      # with that packet size
    tmp = tempfile.mkdtemp(prefix='cdc_roundtrip_')
    try:
        todo = [c for c in combinations(server, args.every) if args.only in c.name]
        for seed in range(args.seed, args.seed + args.seeds):
            for c in todo:
                name = '%s, seed %d, %s' % (server.name, seed, c.name)
                directory = os.path.join(args.keep or tmp, name.replace(', ', '-').replace(' ', '_'))
                shutil.rmtree(directory, ignore_errors=True)
                failed += not tests.one(name, lambda: round_trip(server, args.tool, directory, c, seed, args))
                if not args.keep:
                    shutil.rmtree(directory, ignore_errors=True)
        if args.only in 'all characters':
            directory = os.path.join(args.keep or tmp, server.name.replace(' ', '_') + '-all_characters')
            shutil.rmtree(directory, ignore_errors=True)
            failed += not tests.one(server.name + ', all characters',
                                    lambda: charsets.round_trip(server, args.tool, directory))
        for d in (DATABASE, DATABASE + '_2'):
            server.run('DROP DATABASE IF EXISTS ' + d)
    finally:
        shutil.rmtree(tmp)
    return failed


class Tests:
    def __init__(self):
        self.count = 0

    def one(self, name, code):
        """Prints TAP's line for one test; returns whether it passed."""
        self.count += 1
        try:
            print('ok %d - %s: %s' % (self.count, name, code()))
            return True
        except (fold.Mismatch, RuntimeError) as e:
            print('not ok %d - %s\n# %s' % (self.count, name, str(e).replace('\n', '\n# ')))
            return False
        finally:
            sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(prog='test/roundtrip/run', description=__doc__.split('\n\n')[0])
    p.add_argument('tool', help=argparse.SUPPRESS)
    p.add_argument('--server', action='append', choices=servers.FLAVOURS,
                   help='start a private one; may be repeated (default: all)')
    p.add_argument('--port', type=int, help='use what runs on 127.0.0.1, as root without password')
    p.add_argument('--gtid', type=int, default=1, choices=(0, 1), help='GTIDs on private servers')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--seeds', type=int, default=1, help='how many seeds, from --seed on')
    p.add_argument('--statements', type=int, default=150)
    p.add_argument('--snapshots', type=int, default=2, help='how often tables are compared')
    p.add_argument('--big', type=int, default=200000, help='bytes of the biggest values')
    p.add_argument('--no-ddl', dest='ddl', action='store_false')
    p.add_argument('--every', action='store_true', help='all combinations, not only pairs')
    p.add_argument('--only', default='', help='combinations with this in their name')
    p.add_argument('--keep', metavar='DIR', help='leave the recordings there')
    args = p.parse_args()
    tests, failed = Tests(), 0
    for flavour in ['port'] if args.port else args.server or servers.FLAVOURS:
        server = servers.Server(args.port, DATABASE) if args.port else \
            servers.PrivateServer(flavour, DATABASE, 'gtid=%d' % args.gtid)
        try:
            failed += run_server(server, args, tests)
        finally:
            server.stop()
    print('1..%d' % tests.count)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()

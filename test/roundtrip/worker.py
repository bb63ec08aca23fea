#!/usr/bin/python3
"""The generator of the round trips for a test that is not Python: reads commands from
standard input, a line each, and answers "ok" or "error ..." to each.

    worker.py PORT SEED IMAGE [no-xa]

    prepare          makes the tables
    work N           N random steps; "work N ddl": with DDL between; "work N ddl often": much
    save DIR         what the tables are now, and what DDL was done, as a case for fold.py
"""
import random
import sys

import server as servers
from generator import Generator
from recording import Recording


def main():
    server = servers.Server(int(sys.argv[1]), 'roundtrip')
    image = sys.argv[3]
    recording = Recording(server, [])
    generator = Generator(random.Random(int(sys.argv[2])), recording, with_ddl=False,
                          minimal=image != 'FULL', with_xa='no-xa' not in sys.argv, replica=True)
    for line in sys.stdin:
        command, *args = line.split()
        try:
            if command == 'prepare':
                generator.prepare()
            elif command == 'work':
                generator.with_ddl = 'ddl' in args
                generator.work(int(args[0]), 0.35 if 'often' in args else 0)
            elif command == 'save':
                recording.snapshot('final')
                recording.save(args[0], image, ['GENERATED'] if server.mariadb else
                               ['VIRTUAL'] if image != 'FULL' else [], False, binlogs=False)
            else:
                raise RuntimeError('no such command')
            print('ok %d statements' % recording.executed)
        except Exception as e:      # the test is told, whatever it is
            print('error %s' % repr(e)[:1000].replace('\n', ' '))
        sys.stdout.flush()


if __name__ == '__main__':
    main()

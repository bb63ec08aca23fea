#!/usr/bin/env python3
"""What a server makes of each code of its character sets, as the digests that
test/unit/binlog_charset.c compares with: for each character set and length of codes,
how many codes are a character, and the CRC32 of all of these, each followed by its
UTF-8, in ascending order.

    charsets.py PORT [CHARSET ...]      a server on 127.0.0.1, root without password

Prints the lines of that file's table.  Makes and drops the database "charsets".
"""
import subprocess
import sys
import zlib

# Lengths of codes, and the first bytes that codes of more than one byte can have.
MULTIBYTE = {
    'big5': {1: None, 2: 0x80}, 'gbk': {1: None, 2: 0x80}, 'gb2312': {1: None, 2: 0x80},
    'sjis': {1: None, 2: 0x80}, 'cp932': {1: None, 2: 0x80}, 'euckr': {1: None, 2: 0x80},
    'ujis': {1: None, 2: 0x80, 3: 0x8f}, 'eucjpms': {1: None, 2: 0x80, 3: 0x8f},
    'gb18030': {1: None, 2: 0x80, 4: 0x81},
    'ucs2': {2: 0}, 'utf16': {2: 0, 4: 'high first'}, 'utf16le': {2: 0, 4: 'high last'},
    'utf32': {4: 'planes'}}


def sql(port, text):
    run = subprocess.run(['mariadb', '-h127.0.0.1', '-P' + port, '-uroot', '-N', '-B', '--quick',
                          '--default-character-set=utf8mb4', '-e', text],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode != 0:
        sys.exit(run.stderr.decode())
    return [line.split('\t') for line in run.stdout.decode().split('\n') if line]


def codes(length, first):
    """A FROM clause that gives all codes of a length as x."""
    if length == 1:
        return 'one'
    if length == 2:
        return "two WHERE x >= x'%02x00'" % first
    if length == 3:
        return ("(SELECT concat(x'%02x', x) AS x FROM two WHERE x >= x'8080') t" % first)
    if first == 'planes':
        return ("(SELECT concat(x'00', p.x, t.x) AS x FROM one p, two t WHERE p.x <= x'11') t")
    if first == 'high first':
        return ("(SELECT concat(a.x, b.x) AS x FROM two a, two b WHERE a.x BETWEEN x'd800' AND "
                "x'dfff' AND b.x BETWEEN x'dc00' AND x'dfff') t")
    if first == 'high last':
        return ("(SELECT concat(a.x, b.x) AS x FROM two a, two b WHERE right(a.x, 1) BETWEEN x'd8' "
                "AND x'df' AND right(b.x, 1) BETWEEN x'dc' AND x'df') t")
    return ("(SELECT concat(a.x, b.x, c.x, d.x) AS x FROM one a, one b, one c, one d WHERE a.x >= "
            "x'81' AND b.x BETWEEN x'30' AND x'39' AND c.x >= x'81' AND "
            "d.x BETWEEN x'30' AND x'39') t")


def digest(port, charset, length, first):
    text = 'convert(x using %s)' % charset
    rows = sql(port, "USE charsets; SET sql_mode = ''; SELECT hex(x), "
                     "hex(convert(%s using utf8mb4)), char_length(%s), length(%s) FROM %s ORDER BY x" %
               (text, text, text, codes(length, first)))
    crc = count = 0
    for code, utf8, characters, nbytes in rows:
        if utf8 in ('NULL', '') or characters != '1' or nbytes != str(length):
            continue
        # what has no place in Unicode becomes a question mark
        if utf8 == '3F' and int(code, 16) not in (0x3f, 0x3f00):
            continue
        crc = zlib.crc32(bytes.fromhex(code) + bytes.fromhex(utf8), crc)
        count += 1
    return count, crc


def main():
    port = sys.argv[1]
    known = sorted({'utf8mb3' if r[0] == 'utf8' else r[0] for r in sql(port, 'SHOW CHARACTER SET')})
    sql(port, "DROP DATABASE IF EXISTS charsets; CREATE DATABASE charsets; USE charsets; "
              "CREATE TABLE one (x binary(1) PRIMARY KEY); INSERT INTO one VALUES " +
        ','.join("(x'%02x')" % i for i in range(256)) +
        '; CREATE TABLE two (x binary(2) PRIMARY KEY) ENGINE = MyISAM; '
        'INSERT INTO two SELECT concat(a.x, b.x) FROM one a, one b')
    for charset in sys.argv[2:] or known:
        if charset in ('binary', 'utf8mb3', 'utf8mb4'):
            continue
        for length, first in sorted(MULTIBYTE.get(charset, {1: None}).items()):
            count, crc = digest(port, charset, length, first)
            print('\t{"%s", %d, %d, 0x%08x},' % (charset, length, count, crc), flush=True)
    sql(port, 'DROP DATABASE charsets')


main()

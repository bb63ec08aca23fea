"""All characters of one to three bytes of all character sets of a server, in one recording."""
import fold
from recording import Recording


CODED = {'ascii': 1, 'armscii8': 1, 'big5': 2, 'cp1250': 1, 'cp1251': 1, 'cp1256': 1, 'cp1257': 1,
         'cp850': 1, 'cp852': 1, 'cp866': 1, 'cp932': 2, 'dec8': 1, 'eucjpms': 3, 'euckr': 2,
         'gb18030': 2, 'gb2312': 2, 'gbk': 2, 'geostd8': 1, 'greek': 1, 'hebrew': 1, 'hp8': 1,
         'koi8r': 1, 'koi8u': 1, 'latin1': 1, 'latin2': 1, 'latin5': 1, 'latin7': 1, 'macce': 1,
         'macroman': 1, 'sjis': 2, 'swe7': 1, 'tis620': 1, 'ujis': 3, 'ucs2': 2, 'utf16': 2,
         'utf16le': 2}


def record(server, directory):
    server.set_global('binlog_checksum', 'CRC32')
    rec = Recording(server, ["SET binlog_row_image = 'FULL'"])
    known = {r[0] for r in server.run('SELECT CHARACTER_SET_NAME FROM '
                                      'information_schema.CHARACTER_SETS')}
    pairs = ','.join("(x'%02x')" % i for i in range(256))
    # The codes themselves are not for the binlog.
    for s in ['SET SESSION group_concat_max_len = 1000000', 'SET sql_log_bin = 0',
              'CREATE TABLE one (x binary(1) PRIMARY KEY)', 'INSERT INTO one VALUES ' + pairs,
              'CREATE TABLE code (x varbinary(3) PRIMARY KEY)',
              'INSERT INTO code SELECT x FROM one',
              'INSERT INTO code SELECT concat(a.x, b.x) FROM one a JOIN one b',
              "INSERT INTO code SELECT concat(x'8f', a.x, b.x) FROM one a JOIN one b "
              "WHERE a.x >= x'a1' AND b.x >= x'a1'", 'SET sql_log_bin = 1']:
        server.run(s)
    for cs in sorted(set(CODED) & known):
        table = '%s.%s' % (server.database, cs)
        rec.ddl('CREATE TABLE %s (id int PRIMARY KEY, v mediumtext CHARACTER SET %s)' % (cs, cs),
                'table-create', [('create', table)], [table])
        server.run(insert(cs))
    for s in ['SET sql_log_bin = 0', 'DROP TABLE one, code', 'SET sql_log_bin = 1']:
        server.run(s)
    rec.snapshot('final')
    rec.save(directory, 'FULL', [], True)


def insert(cs):
    """Fills the table of a charset: a row for each first byte, all its characters in it."""
    wide = cs[:3] in ('ucs', 'utf')
    lengths = 'length(x) = 2' if wide else 'length(x) <= %d' % CODED[cs]
    if cs == 'ucs2':
        lengths += ' AND ord(left(x, 1)) NOT BETWEEN 216 AND 223'   # halves of pairs
    lead = '(length(x) = 1 or %d or ord(left(x, 1)) >= 128)' % wide
    # characters that are one, that UTF-8 has, and that are no question mark for want of one
    u = 'convert(convert(x using %s) using utf8mb4)' % cs
    return ("INSERT INTO %s SELECT ord(left(x, 1)), convert(group_concat(x ORDER BY x SEPARATOR '') "
            "using %s) FROM code WHERE %s AND %s AND char_length(convert(x using %s)) = 1 "
            "AND length(convert(x using %s)) = length(x) AND (x in (x'3f', x'003f', x'3f00') "
            "OR hex(%s) <> '3F') AND hex(%s) <> 'EFBFBD' AND length(x) = %s "
            "GROUP BY ord(left(x, 1))" % (
                cs, cs, lengths, lead, cs, cs, u, u, char_bytes(cs)))


def char_bytes(cs):
    """SQL: how many bytes the character has that starts with x's first byte."""
    lead = 'ord(left(x, 1))'
    if CODED[cs] == 1:
        return '1'
    if cs[:3] in ('ucs', 'utf'):
        return '2'
    if cs in ('sjis', 'cp932'):
        return 'if(%s between 129 and 159 or %s between 224 and 252, 2, 1)' % (lead, lead)
    if cs in ('ujis', 'eucjpms'):
        return 'if(%s < 128, 1, if(%s = 143, 3, 2))' % (lead, lead)
    return 'if(%s < 128, 1, 2)' % lead


def round_trip(server, tool, directory):
    record(server, directory)
    compared, _ = fold.fold_case(tool, directory)
    return '%d values' % compared

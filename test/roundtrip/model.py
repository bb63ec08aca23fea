"""What a generated table is: its name, its columns and its key."""
from columns import Kind
from server import quote

NAMES = ['a', 'b', 'C3', 'total', 'select', 'a b', 'ünï', 'Ж', 'x`y', "it's", '"q"', 'a.b', '1st',
         'MixedCase', '日本', 'x' * 64, 'key', 'comma,', '(paren)', 'primary', 'check', '$d', '%s', '#n']

KEYS = [Kind('k', 'int', [str(i) for i in range(-3, 40)]),
        Kind('k', 'bigint unsigned', [str(18446744073709551615 - i) for i in range(30)]),
        Kind('k', 'smallint', [str(i * 1000) for i in range(-30, 30)]),
        Kind('k', 'varchar(40)', ["'key %d é'" % i for i in range(30)]),
        Kind('k', 'varchar(70) CHARACTER SET latin1', ["'k%d ÿ'" % i for i in range(30)]),
        Kind('k', 'char(12) CHARACTER SET utf8mb4', ["'日%d'" % i for i in range(30)]),
        Kind('k', 'binary(5)', ["x'%02x00'" % i for i in range(40)]),
        Kind('k', 'varbinary(9)', ["x'00%02x00'" % i for i in range(40)]),
        Kind('k', 'decimal(20,6)', ['%d.%06d' % (i - 15, i) for i in range(30)]),
        Kind('k', 'datetime(3)', ["'2024-02-%02d 12:00:00.%03d'" % (i, i) for i in range(1, 29)]),
        Kind('k', 'date', ["'2024-02-%02d'" % i for i in range(0, 29)]),
        Kind('k', 'time(6)', ["'-%02d:00:00.%06d'" % (i, i) for i in range(0, 29)]),
        Kind('k', 'timestamp(1)', ["'2024-03-%02d 02:30:00.5'" % i for i in range(1, 29)]),
        Kind('k', 'bit(9)', ["b'%s'" % format(i, 'b') for i in range(40)]),
        Kind('k', "enum('x','y','z','w','v')", [str(i) for i in range(1, 6)])]


def is_bytes(kind):
    return any(w in kind.type for w in ('point', 'string', 'polygon', 'geometry', 'blob', 'binary', 'byte', 'vector'))


class Column:
    def __init__(self, name, kind, null=True, default=None, extra=''):
        self.name = name
        self.kind = kind
        self.null = null
        self.default = default      # literal
        self.extra = extra          # GENERATED ..., INVISIBLE
        self.generated = ' AS (' in extra
        self.fixed = False          # other tables, or the server's numbering, depend on it

    def sql(self, q=quote):
        return '%s %s%s%s%s' % (
            q(self.name), self.kind.type, ' ' + self.extra if self.extra else '',
            '' if self.null or self.generated else ' NOT NULL',
            ' DEFAULT ' + self.default if self.default else '')


class Table:
    case = None                     # where names have no case: the Random that gives them one

    def __init__(self, database, name, cols, key, tail=''):
        self.database = database
        self.name = name.lower() if self.case else name
        self.columns = cols
        self.key = key              # names
        self.tail = tail
        self.partition = None       # how, where not by the tail

    @property
    def full(self):
        return '%s.%s' % (self.database, self.name)

    @property
    def sql(self):
        return '%s.%s' % (quote(self.spelled(self.database)), quote(self.spelled(self.name)))

    def spelled(self, name):
        if not self.case or self.case.random() < 0.5:
            return name
        return ''.join(c.upper() if c.isascii() and self.case.random() < 0.5 else c for c in name)

    def writable(self):
        return [c for c in self.columns if not c.generated]

    def column(self, name):
        return next(c for c in self.columns if c.name == name)

    def copy(self, database, name):
        new = Table(database, name, list(self.columns), list(self.key), self.tail)
        new.partition = self.partition
        return new

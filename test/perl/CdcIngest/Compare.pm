# The proof that a source table and its replica hold the same rows: both are
# turned to canonical text, column by column, by the servers themselves and
# compared as multisets of rows.  Nothing here uses cdc_ingest's own code.
package CdcIngest::Compare;

use strict;
use warnings;

use DBI;
use Encode ();
use Exporter 'import';

our @EXPORT_OK = qw(compare_table source_tables);

# "database.table" of all base tables of these databases.
sub source_tables
{
	my ($source, @databases) = @_;
	my $list = join ', ', map { $source->quote($_) } @databases;
	return map { [ @$_ ] } @{
		$source->selectall_arrayref(
			"SELECT table_schema, table_name FROM information_schema.tables
			 WHERE table_schema IN ($list) AND table_type = 'BASE TABLE'
			 ORDER BY table_schema, table_name") };
}

# Per source type: SQL of the source, SQL of the target (%s is the column), and
# what Perl still has to do with the source's text and the target's.
sub _time_us
{
	my ($text) = @_;
	return undef unless defined $text;
	my ($sign, $h, $m, $s, $f) = $text =~ /^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$/
	  or die "not a TIME: $text";
	my $us = ((($h * 60) + $m) * 60 + $s) * 1_000_000 + substr(($f // '') . '000000', 0, 6);
	return $sign ? -$us : $us;
}

# Bit for bit: the shortest text of one server is not always the other's.
sub _double { my ($text) = @_; return defined $text ? sprintf('%.17g', $text) : undef }

# A datetime is compared to the microsecond; zero dates become what the option
# zero_date says (default: NULL).
sub _datetime
{
	my ($text) = @_;
	return undef if !defined $text || $text =~ /^\d{4}-00|^\d{4}-\d\d-00/;
	$text .= '.' if $text =~ /:\d\d$/;
	my ($head, $f) = $text =~ /^(.*)\.(\d*)$/ or die "not a datetime: $text";
	return "$head." . substr($f . '000000', 0, 6);
}
sub _date { my ($text) = @_; return defined $text && $text !~ /-00/ ? $text : undef }

# A vector: floats, as bytes at the source.
sub _vector_bytes { my ($hex) = @_; return defined $hex ? join ',', map { sprintf '%.9g', $_ } unpack 'f<*', pack 'H*', $hex : undef }
sub _vector_text { my ($list) = @_; return defined $list ? join ',', map { sprintf '%.9g', unpack 'f', pack 'f', $_ } split /,/, $list : undef }

# MariaDB and old MySQL put no bytes at all where they have no geometry.
sub _geometry { my ($hex) = @_; return defined $hex && $hex eq '' ? undef : $hex }

# Padding with zeros is for display.
sub _unpadded { my ($text) = @_; return defined $text ? $text =~ s/^(-?)0+(?=\d)/$1/r : undef }

# JSON is the same when jsonb calls it equal: 1.0 is 1.  A JSON null in a document's
# place and an SQL NULL are both null in Maxwell's format, so in a replica as well.
sub _json
{
	my ($text) = @_;
	return undef if !defined $text || $text eq 'null';
	$text =~ s{("[^"\\]*+(?:\\.[^"\\]*+)*+")|(-?\d+\.\d+)}{$1 // $2 =~ s/\.?0+$//r}ge;
	return $text;
}

my $iso = q{to_char(%s, 'YYYY-MM-DD HH24:MI:SS.US')};
my %canonical = (
	float => [ '%s * 1e0', '%s::float8::text', \&_double, \&_double ],
	double => [ '%s', '%s::text', \&_double, \&_double ],
	bit => [ 'LPAD(BIN(%s + 0), %d, 0)', '%s::text' ],
	(map { $_ => [ 'HEX(%s)', q{upper(encode(%s, 'hex'))} ] }
		  qw(binary varbinary tinyblob blob mediumblob longblob)),
	# SRID and WKB; ST_AsWKB() swaps the axes of some systems
	(map { $_ => [ 'SUBSTR(HEX(%s), 9)', q{upper(encode(%s, 'hex'))}, \&_geometry ] }
		  qw(geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection)),
	date => [ 'CAST(%s AS CHAR)', q{to_char(%s, 'YYYY-MM-DD')}, \&_date ],
	datetime => [ 'CAST(%s AS CHAR)', $iso, \&_datetime ],
	timestamp => [ 'CAST(%s AS CHAR)', sprintf($iso, q{(%s AT TIME ZONE 'UTC')}), \&_datetime ],
	time => [
		'CAST(%s AS CHAR)', '(extract(epoch from %s) * 1000000)::bigint::text', \&_time_us ],
	set => [ '%s', q{array_to_string(%s, ',')} ],
	year => [ '%s + 0', '%s::text' ],
	vector => [ 'HEX(%s)', q{array_to_string(%s, ',')}, \&_vector_bytes, \&_vector_text ],
	# by their bytes: there are several ways to write one address
	(map { $_ => [ 'HEX(INET6_ATON(%s))', q{upper(encode(substr(inet_send(%s), 5), 'hex'))} ] } qw(inet4 inet6)),
	vector => [ 'HEX(%s)', q{(SELECT CASE WHEN w.v IS NOT NULL THEN (SELECT coalesce(upper(string_agg(encode(
		substr(b, 4, 1) || substr(b, 3, 1) || substr(b, 2, 1) || substr(b, 1, 1), 'hex'), '' ORDER BY n)), '')
		FROM (SELECT float4send(x) AS b, n FROM unnest(w.v) WITH ORDINALITY AS u(x, n)) AS e) END
		FROM (SELECT %s AS v) AS w)} ],
	json => [ 'CAST(%s AS CHAR)', '%s::text', 'jsonb', \&_json ]);

# Returns the differences as text, at most ten; none when the tables are equal.
#   source, target: DBI handles; from: [database, table]; to: qualified, quoted name.
#   count: reference to a number to which the source's rows are added
#   rename: { source column => target column }; where: for the source's rows.
sub compare_table
{
	my ($source, $target, $from, $to, %opt) = @_;
	my $columns = $source->selectall_arrayref(
		"SELECT column_name, data_type, column_type, extra FROM information_schema.columns
		 WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
		undef, @$from);
	return ("$from->[0].$from->[1]: no such table at the source") unless @$columns;
	my (@source_sql, @target_sql, @source_fix, @target_fix, @names);
	for my $column (@$columns)
	{
		my ($name, $type, $full, $extra) = @$column;
		next if $opt{skip} && $opt{skip}{$name};
		# MariaDB's JSON is a longtext; the replica's type tells.
		my $target_name = $opt{rename}{$name} // $name;
		my ($target_type) = $target->selectrow_array(
			'SELECT format_type(atttypid, NULL) FROM pg_attribute
			 WHERE attrelid = ?::regclass AND attname = ? AND NOT attisdropped',
			undef, $to, column_name($target_name));
		# Generated columns that a source does not always log are left out of replicas.
		next if !defined $target_type && $extra =~ /(?<!DEFAULT_)GENERATED/;
		return ("$to: no column $target_name") unless defined $target_type;
		$type = 'json' if $target_type eq 'jsonb';
		my $c = $canonical{$type} // [ '%s', '%s::text' ];
		my $bits = $full =~ /^bit\((\d+)\)/ ? $1 : 1;
		my $q = '`' . ($name =~ s/`/``/gr) . '`';
		# double(m,d) is shown with d digits, whatever it holds
		$c = $canonical{float} if $full =~ /^double\(/;
		push @source_sql, $type eq 'bit' ? sprintf($c->[0], $q, $bits) : sprintf($c->[0], $q);
		push @target_sql, sprintf($c->[1], $target->quote_identifier(column_name($target_name)));
		push @source_fix, $c->[2] // ($full =~ /zerofill/ ? \&_unpadded : undef);
		push @target_fix, $c->[3];
		push @names, $name;
	}
	my $jsonb = $target->prepare('SELECT ?::jsonb::text');
	@source_fix = map {
		defined $_ && !ref $_
		  ? sub { my ($t) = @_; return undef unless defined $t;
			return _json(($target->selectrow_array($jsonb, undef, $t))[0]) }
		  : $_
	} @source_fix;

	my $where = $opt{where} ? "WHERE $opt{where}" : '';
	my (%rows, $count);
	_each_row(
		$source,
		sprintf('SELECT %s FROM %s %s', join(', ', @source_sql),
			join('.', map { '`' . (s/`/``/gr) . '`' } @$from), $where),
		\@source_fix, sub { $rows{ $_[0] }++; $count++ });
	my $target_where = $opt{target_where} ? "WHERE $opt{target_where}" : '';
	_each_row($target, sprintf('SELECT %s FROM %s %s', join(', ', @target_sql), $to, $target_where),
		\@target_fix, sub { $rows{ $_[0] }-- });
	${ $opt{count} } += $count // 0 if $opt{count};
	my @differences;
	for my $row (sort keys %rows)
	{
		my $n = $rows{$row} or next;
		push @differences, sprintf '%s: %d time(s) too %s at the target: %s',
		  join('.', @$from), abs $n, $n > 0 ? 'few' : 'many', Encode::encode('UTF-8', substr $row, 0, 300);
		last if @differences >= 10;
	}
	return @differences;
}

sub _each_row
{
	my ($dbh, $sql, $fix, $code) = @_;
	my $sth = $dbh->prepare($sql);
	$sth->execute;
	my @which = grep { $fix->[$_] } 0 .. $#$fix;
	while (my $row = $sth->fetchrow_arrayref)
	{
		my @cells = @$row;
		$cells[$_] = $fix->[$_]->($cells[$_]) for @which;
		$code->(join '|', map { defined $_ ? "'$_'" : 'NULL' } @cells);
	}
	return;
}

# The name of a replica or of its column: PostgreSQL has room for 63 bytes.  Longer
# names are cut and get a hash (FNV-1a), so that two of them stay two.
sub replica_name
{
	my ($name) = @_;
	my $bytes = Encode::encode('UTF-8', $name);
	return $name if length $bytes <= 63;
	return hashed_name($name, $bytes);
}

# The same for a column, which must not have the name of a system column.
sub column_name
{
	my ($name) = @_;
	return $name =~ /^(?:ctid|[xc](?:min|max)|tableoid)$/ ? hashed_name($name, $name) : replica_name($name);
}

sub hashed_name
{
	my ($name, $bytes) = @_;
	my $hash = 2166136261;
	$hash = (($hash ^ $_) * 16777619) & 0xffffffff for unpack 'C*', $bytes;
	my $head = $name;
	chop $head while length Encode::encode('UTF-8', $head) > 54;
	return sprintf '%s_%08x', $head, $hash;
}

1;

# The live view of the demo: redrawn in place on a terminal, plain lines elsewhere.
package View;

use strict;
use warnings;
use utf8;

use Time::HiRes qw(sleep time);

my @bars = split //, ' ▁▂▃▄▅▆▇█';

sub new
{
	my ($class) = @_;
	binmode STDOUT, ':encoding(UTF-8)';
	$| = 1;
	return bless { tty => -t STDOUT, start => time, lines => 0, rates => [], plain_at => 0 }, $class;
}

sub say { my ($self, $text) = @_; print "$text\n"; return }

sub sql
{
	my ($self, $text) = @_;
	$text =~ s/^/    /mg;
	print $self->{tty} ? "\e[36m$text;\e[0m\n" : "$text;\n";
	return;
}

sub watch
{
	my ($self, $source, $postgres, @tables) = @_;
	@$self{qw(source postgres tables)} = ($source, $postgres, \@tables);
	print "\n";
	return;
}

sub phase
{
	my ($self, $text) = @_;
	$self->{phase} = $text;
	$self->{phase_start} = time;
	print sprintf("%5.1f s  %s\n", time - $self->{start}, $text) unless $self->{tty};
	return;
}

sub draw_for
{
	my ($self, $seconds) = @_;
	my $end = time + $seconds;
	while (time < $end) { $self->draw; sleep 0.2 }
	return;
}

# The figures of this moment; those of PostgreSQL are undef while it is down.
sub _look
{
	my ($self) = @_;
	my ($source, $postgres) = @$self{qw(source postgres)};
	my (%at_source, %replica);
	$at_source{$_} = $source->value("SELECT count(*) FROM shop.$_") for @{ $self->{tables} };
	my $stat = eval {
		my $dbh = $postgres->dbh;
		$replica{$_} = eval { $dbh->selectrow_array("SELECT count(*) FROM shop.$_") } for @{ $self->{tables} };
		$self->{copies} = $dbh->selectall_hashref(q{SELECT replace(source_table, 'shop.', '') AS name, phase,
			least(rows::float8 / nullif(estimated_rows, 0), 1) AS part FROM cdc.stat_progress_copy WHERE subscription = 'shop'}, 'name');
		$dbh->selectrow_hashref(q{SELECT * FROM cdc.stat_subscription WHERE subscription = 'shop'});
	};
	return (\%at_source, \%replica, $stat);
}

sub draw
{
	my ($self) = @_;
	my $now = time;
	return if !$self->{tty} && $now - $self->{plain_at} < 1;
	my ($at_source, $replica, $stat) = $self->_look;
	my $rate = 0;
	if ($stat)
	{
		my $last = $self->{last};
		$rate = ($stat->{events} - $last->[1]) / ($now - $last->[0])
		  if $last && $now > $last->[0] && $stat->{events} >= $last->[1];
		$self->{last} = [ $now, $stat->{events} ];
	}
	push @{ $self->{rates} }, $rate;
	shift @{ $self->{rates} } while @{ $self->{rates} } > 60;
	my $lag = _lag($stat);
	if (!$self->{tty})
	{
		$self->{plain_at} = $now;
		printf "%5.1f s  %8s events  %6.0f events/s  lag %-8s  rows %s\n", $now - $self->{start},
		  $stat ? $stat->{events} : 'down', $rate, $lag,
		  join ' ', map { sprintf '%s %s/%s', $_, $replica->{$_} // '-', $at_source->{$_} } @{ $self->{tables} };
		return;
	}
	# The root shows both the steady flow and the peak of catching up.
	my @heights = map { sqrt } @{ $self->{rates} };
	my ($max) = sort { $b <=> $a } @heights, 1;
	my @out = (
		sprintf("\e[1m%5.1f s  %s\e[0m", $now - $self->{start}, $self->{phase} // ''),
		'',
		sprintf("  %-14s %12s %12s", 'table', 'MariaDB', 'PostgreSQL'),
		(map {
			my ($s, $r) = ($at_source->{$_}, $replica->{$_});
			my $color = !defined $r ? 31 : $r == $s ? 32 : 33;
			sprintf "  %-14s %12s \e[%dm%12s\e[0m  %s", $_, _thousands($s), $color, defined $r ? _thousands($r) : 'down', $self->_copy_bar($_);
		} @{ $self->{tables} }),
		'',
		sprintf("  events in history %s    %s events/s    lag \e[1m%s\e[0m",
			$stat ? _thousands($stat->{events}) : "\e[31mPostgreSQL is down\e[0m", _thousands(int $rate), $lag),
		sprintf('  workers: pull %s, apply %s    position %s', map { $_ // '-' } @{ $stat // {} }{qw(pull_pid apply_pid position)}),
		"  \e[34m" . join('', map { $bars[ int($_ / $max * $#bars + 0.5) ] } @heights) . "\e[0m");
	print "\e[$self->{lines}A" if $self->{lines};
	print map { "\e[2K$_\n" } @out;
	$self->{lines} = @out;
	return;
}

# How far the copy of a table has come; nothing where it is complete.
sub _copy_bar
{
	my ($self, $table) = @_;
	my $copy = ($self->{copies} // {})->{$table} or return '';
	my $done = int(20 * ($copy->{part} // 0) + 0.5);
	return '[' . '#' x $done . '.' x (20 - $done) . "] $copy->{phase}";
}

# How far the replica is behind, in time of the source.
sub _lag
{
	my ($stat) = @_;
	return '-' if !$stat || !defined $stat->{lag};
	my ($h, $m, $s) = $stat->{lag} =~ /(\d+):(\d+):([\d.]+)/ or return $stat->{lag};
	my $seconds = ($h * 60 + $m) * 60 + $s;
	return $seconds < 1 ? sprintf('%.0f ms', $seconds * 1000) : sprintf('%.1f s', $seconds);
}

sub _thousands { my ($n) = @_; 1 while $n =~ s/^(\d+)(\d{3})/$1,$2/; return $n }

sub end { my ($self) = @_; $self->{lines} = 0; return }

1;

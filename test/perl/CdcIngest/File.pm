# Files as a whole.
package CdcIngest::File;

use strict;
use warnings;

use Carp;
use Exporter 'import';

our @EXPORT_OK = qw(slurp write_file tail);

# A file's bytes.
sub slurp
{
	my ($file) = @_;
	open my $fh, '<', $file or croak "$file: $!";
	local $/;
	my $text = <$fh>;
	close $fh;
	return $text // '';
}

sub write_file
{
	my ($file, @text) = @_;
	open my $fh, '>', $file or croak "$file: $!";
	print {$fh} @text;
	close $fh or croak "$file: $!";
	return;
}

# The last lines of a log, for a message; '' where nothing was written.
sub tail
{
	my ($file) = @_;
	return '' unless -e $file;
	my @lines = split /\n/, slurp($file);
	splice @lines, 0, @lines - 30 if @lines > 30;
	return join "\n", @lines;
}

1;

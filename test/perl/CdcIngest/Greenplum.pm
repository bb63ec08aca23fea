# A database on a Greenplum cluster that is running already, for a test that is given one:
# CDC_GP_PORT is the master's port, CDC_GP_HOST (127.0.0.1) its host, CDC_GP_USER (gpadmin) a
# superuser who needs no password.  The module is installed and preloaded there.
#
# It is a CdcIngest::Cluster as far as that needs no more than connections.
package CdcIngest::Greenplum;

use strict;
use warnings;
use parent 'CdcIngest::Cluster';

use DBI;
use CdcIngest::Process qw(wait_until);

sub new
{
	my ($class, $name) = @_;
	my $port = $ENV{CDC_GP_PORT} // die "CDC_GP_PORT is not set: see CONTRIBUTING.md\n";
	$ENV{PGUSER} = $ENV{CDC_GP_USER} // 'gpadmin';
	my $node = bless { host => $ENV{CDC_GP_HOST} // '127.0.0.1', port => $port }, 'CdcIngest::Greenplum::Node';
	my $self = $class->of_node($node);
	@$self{qw(db made_by)} = ("cdc_test_$name", $$);
	$self->_drop;
	$self->_maintenance("CREATE DATABASE $self->{db}");
	$self->do('CREATE EXTENSION cdc_ingest');
	return $self;
}

sub _maintenance
{
	my ($self, $sql) = @_;
	my $dbh = $self->connect(db => 'template1');
	$dbh->do($sql);
	$dbh->disconnect;
	return;
}

# Workers end with their subscriptions, and the supervisor behind them.
sub _drop
{
	my ($self) = @_;
	my $ended = sub {
		eval {
			my $dbh = $self->connect;
			$dbh->do('DROP EXTENSION cdc_ingest CASCADE');
			$dbh->disconnect;
		};
		$self->_maintenance("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$self->{db}'");
		return eval { $self->_maintenance("DROP DATABASE IF EXISTS $self->{db}"); 1 };
	};
	wait_until(60, $ended) or die "database $self->{db} cannot be dropped: $@";
	return;
}

# Ends processes of the database on the segments, as a fault: those that are at work now.
sub end_segment_processes
{
	my ($self) = @_;
	return $self->value("SELECT count(pg_terminate_backend(pid)) FROM gp_dist_random('pg_stat_activity')
		WHERE datname = current_database() AND sess_id <> current_setting('gp_session_id')::int");
}

# Ends a worker of a subscription, as an administrator does.
sub end_worker
{
	my ($self, $name, $kind) = @_;
	return $self->value("SELECT pg_terminate_backend(${kind}_pid) FROM cdc.stat_subscription WHERE subscription = ?", $name);
}

sub DESTROY
{
	my ($self) = @_;
	return if $self->{made_by} != $$;
	$self->forget;
	local $@;
	eval { $self->_drop };
	return;
}

package CdcIngest::Greenplum::Node;

sub host { return $_[0]{host} }
sub port { return $_[0]{port} }

1;

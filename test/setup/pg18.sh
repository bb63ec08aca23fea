#!/bin/bash
# test/setup/pg18.sh PART...: run by test/run inside of the Debian unstable tree: builds
# the copy of the project in /work/src with PostgreSQL 18 and Oracle's libmysqlclient,
# installs it, and runs the parts: regress, isolation, and TAP files by their names.
# Leaves /work/log/PART.log and PART.status; its own status is that of the build.
set -uo pipefail
export LC_ALL=C.UTF-8
bin=/usr/lib/postgresql/18/bin
mkdir -p /work/log /work/cluster
chown -R postgres: /work
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/work "$@"; }
part() { local name=$1; shift; "$@" >"/work/log/$name.log" 2>&1 </dev/null; echo $? >"/work/log/$name.status"; }

as_postgres env CI=true make -s -C /work/src -j"$(nproc)" PG_CONFIG=$bin/pg_config || exit 1
make -C /work/src install PG_CONFIG=$bin/pg_config || exit 1
# The point of this part: the other client library.
ldd "$($bin/pg_config --pkglibdir)/cdc_ingest.so" | grep libmysqlclient || {
	echo "not linked with libmysqlclient"
	exit 1
}

as_postgres $bin/initdb -D /work/cluster/data -A trust --encoding=UTF8 --locale=C -N || exit 1
as_postgres $bin/pg_ctl -D /work/cluster/data -w -l /work/cluster/log start -o "-c listen_addresses='' \
	-c unix_socket_directories=/work/cluster -c fsync=off -c shared_preload_libraries=cdc_ingest" || exit 1
trap 'as_postgres $bin/pg_ctl -D /work/cluster/data -m immediate stop' EXIT
check=(as_postgres env PGHOST=/work/cluster PGPORT=5432 make -C /work/src installcheck PG_CONFIG=$bin/pg_config)

pgxs=$(dirname "$($bin/pg_config --pgxs)")/..
for name in "$@"; do
	case $name in
		regress) part regress "${check[@]}" ISOLATION=; continue ;;
		isolation) part isolation "${check[@]}" REGRESS=; continue ;;
	esac
	as_postgres mkdir -p "/work/tap/$name"
	part "$name" as_postgres env PERL5LIB="$pgxs/test/perl:/work/src/test/perl" PATH="$bin:$PATH" TMPDIR=/work/tap \
		TESTDATADIR="/work/tap/$name/data" TESTLOGDIR="/work/tap/$name/log" PG_REGRESS="$pgxs/test/regress/pg_regress" \
		CDC_TEST_SID= prove --verbose "/work/src/test/t/$name.pl"
done
exit 0

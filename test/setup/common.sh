# Sourced by test/run, demo/run, test/bench/run and the scripts beside this one.
# Not a program of its own.

# What is expensive to make (servers, a Debian unstable tree) is kept here
# between runs, outside of the project.
CDC_TEST_CACHE=${CDC_TEST_CACHE:-/var/cache/cdc_ingest-test}
export CDC_TEST_CACHE

CDC_PG_VERSION=15
CDC_PG_BIN=${CDC_PG_BIN:-/usr/lib/postgresql/$CDC_PG_VERSION/bin}

export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "${0##*/}: $*"; exit 1; }

need_root() {
	[ "$(id -u)" = 0 ] || die "must be run as root (it installs packages and the extension; the tests themselves run as the user postgres)"
}

# as_postgres CMD...: the servers refuse to run as root.
as_postgres() { (exec_as_postgres "$@"); }

exec_as_postgres() {
	exec setpriv --reuid=postgres --regid=postgres --init-groups -- \
		env HOME="${CDC_WORK:-/tmp}" "$@"
}

# quietly LOG CMD...: output goes to LOG, whose end is shown when CMD fails.
quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null && return 0
	warn "failed: $*"
	tail -n 40 "$log" >&2
	return 1
}

# copy_tree FROM TO: the project's files without history and build products, so
# that a build as another user neither needs nor touches the work tree.
copy_tree() {
	mkdir -p "$2"
	tar -C "$1" --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		--exclude='./test/*/build' --exclude=./tmp_check \
		--exclude='./cdc_ingest--*.sql' -cf - . | tar -C "$2" -xf -
}

# build_and_install DIR: builds the copy in DIR as postgres, installs it as root.
# The compiler's warnings are errors.
build_and_install() {
	quietly "$1/build.log" as_postgres env CI=true \
		make -s -C "$1" -j"$(nproc)" PG_CONFIG="$CDC_PG_BIN/pg_config" &&
		quietly "$1/install.log" make -C "$1" install PG_CONFIG="$CDC_PG_BIN/pg_config"
}

# built_tree TOP: leaves in CDC_TREE a copy of the project in TOP that is built and
# installed.  A run of the tests has one already.
built_tree() {
	[ -z "${CDC_TREE:-}" ] || return 0
	CDC_TREE=$CDC_WORK/src
	copy_tree "$1" "$CDC_TREE"
	chown -R postgres: "$CDC_TREE"
	build_and_install "$CDC_TREE"
}

# The Debian mirror that this machine's own apt is configured with.
debian_mirror() {
	apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" { print $2; exit }'
}

# A proxy from apt's configuration also goes for debootstrap.
export_apt_proxy() {
	local v
	for v in http https; do
		local proxy
		proxy=$(apt-config dump --format '%v' "Acquire::$v::Proxy")
		case $proxy in
			''|DIRECT) ;;
			*) export "${v}_proxy=$proxy" ;;
		esac
	done
}

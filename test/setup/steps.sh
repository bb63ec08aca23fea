# The steps of test/run; sourced by it.  Each adds to passed, failed, skipped.

clusters=()
built=

step_setup() {
	"$top/test/setup/packages.sh" &&
		"$top/test/setup/mysql56.sh" &&
		"$top/test/setup/kafka.sh" || return 1
	chroot_ok=
	if "$top/test/setup/chroot.sh" && "$top/test/setup/chroot-run" root true &&
		"$top/test/setup/mariadb118.sh"; then
		chroot_ok=yes
	else
		warn "*** NO DEBIAN UNSTABLE TREE: everything with MySQL 9.7, MariaDB 11.8 and PostgreSQL 18 will be SKIPPED"
		export CDC_TEST_SID=/nonexistent
	fi
	chown postgres: "$CDC_WORK"
	copy_tree "$top" "$CDC_WORK/src"
	chown -R postgres: "$CDC_WORK/src"
}

step_build() {
	[ -z "$built" ] || return 0
	local began=$SECONDS
	say "=== build with PostgreSQL $CDC_PG_VERSION"
	built=yes
	if ! build_and_install "$CDC_WORK/src"; then
		failed=$((failed + 1))
		return 1
	fi
	passed=$((passed + 1))
	say "=== build: $((SECONDS - began)) s"
}

# --- the layers below PostgreSQL

# run_make NAME DIR ARGS...: a make target whose tests print TAP; one that prints
# none counts as one test.
run_make() {
	local name=$1 dir=$2 log="$CDC_WORK/$1.log" status=0 p f
	shift 2
	as_postgres make -C "$dir" "$@" >"$log" 2>&1 </dev/null || status=$?
	p=$(grep -cE '^ok ' "$log")
	f=$(grep -cE '^not ok ' "$log")
	[ "$status" = 0 ] || [ "$f" != 0 ] || f=1
	[ "$p" != 0 ] || [ "$f" != 0 ] || p=1
	passed=$((passed + p)) failed=$((failed + f))
	[ "$f" = 0 ] || grep -vE '^(ok |# CC)' "$log" | tail -n 60
}

step_unit() { run_make unit "$CDC_WORK/src/test/unit" check -j1; }

step_fuzz() { run_make fuzz "$CDC_WORK/src/test/fuzz" check SECONDS="${FUZZ_SECONDS:-60}"; }

# --- round trips through real servers, of the layers below PostgreSQL

# round_trips NAME ARGS...: leaves $CDC_WORK/NAME.log and NAME.status
round_trips() {
	local name=$1 status=0
	shift
	as_postgres env TMPDIR="$CDC_WORK" "$CDC_WORK/src/test/roundtrip/run" "$@" \
		>"$CDC_WORK/$name.log" 2>&1 </dev/null || status=$?
	echo $status >"$CDC_WORK/$name.status"
}

# Two servers at a time; without the Debian unstable tree the newer ones are missed.
step_roundtrip() {
	local name pids=() seeds="${ROUNDTRIP_SEEDS:-3}"
	round_trips roundtrip-recorded --recorded
	local -A servers=([old]="--server mariadb --server mysql56" [new]="--server mariadb118 --server mysql97")
	if [ -z "$chroot_ok" ]; then
		warn "*** SKIPPED: round trips through MariaDB 11.8 and MySQL 9.7 (no Debian unstable tree)"
		skipped=$((skipped + 2))
		unset 'servers[new]'
	fi
	for name in "${!servers[@]}"; do
		# shellcheck disable=SC2086
		round_trips "roundtrip-$name" ${servers[$name]} --seeds "$seeds" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for name in "${!servers[@]}" recorded; do
		name=roundtrip-$name
		count_tap "$CDC_WORK/$name.log" "$(cat "$CDC_WORK/$name.status")"
		[ "$(cat "$CDC_WORK/$name.status")" = 0 ] ||
			grep -vE '^(ok |1\.\.)' "$CDC_WORK/$name.log" | cut -c1-2000 | tail -n 60
	done
}

# --- PostgreSQL's own test programs

# start_cluster DIR: a cluster behind a socket in DIR, without a port of the machine.
start_cluster() {
	clusters+=("$1")
	as_postgres mkdir -p "$1" &&
		quietly "$1/initdb.log" as_postgres "$CDC_PG_BIN/initdb" -D "$1/data" -A trust \
			--encoding=UTF8 --locale=C -N &&
		quietly "$1/start.log" as_postgres "$CDC_PG_BIN/pg_ctl" -D "$1/data" -w -l "$1/log" start \
			-o "-c listen_addresses='' -c unix_socket_directories='$1' -c fsync=off
				-c shared_preload_libraries=cdc_ingest -c max_worker_processes=24"
}

end_servers() {
	local dir
	for dir in ${clusters[@]+"${clusters[@]}"}; do
		[ ! -e "$dir/data/postmaster.pid" ] ||
			as_postgres "$CDC_PG_BIN/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
	done
	clusters=()
}

# count_regress LOG STATUS: the lines of pg_regress, both before and since 16.
count_regress() {
	local p f
	p=$(grep -cE '^(test .* \.\.\. ok|ok [0-9]+ )|^ +[^ ]+ +\.\.\. ok ' "$1")
	f=$(grep -cE '^(test .* \.\.\. FAILED|not ok [0-9]+ )|^ +[^ ]+ +\.\.\. FAILED' "$1")
	[ "$2" = 0 ] || [ "$f" != 0 ] || f=1
	[ "$p" != 0 ] || [ "$f" != 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f))
}

run_installcheck() {
	local name=$1 dir="$CDC_WORK/$1-cluster" log="$CDC_WORK/$1.log" status=0
	shift
	start_cluster "$dir" || { failed=$((failed + 1)); return; }
	as_postgres env PGHOST="$dir" PGPORT=5432 PGUSER=postgres \
		make -C "$CDC_WORK/src" installcheck PG_CONFIG="$CDC_PG_BIN/pg_config" "$@" \
		>"$log" 2>&1 </dev/null || status=$?
	count_regress "$log" $status
	if [ "$status" != 0 ]; then
		tail -n 20 "$log"
		cat "$CDC_WORK/src/regression.diffs" "$CDC_WORK/src/output_iso/regression.diffs" 2>/dev/null |
			head -n 200
	fi
	end_servers
}

step_regress() { run_installcheck regress ISOLATION=; }

step_isolation() { run_installcheck isolation REGRESS=; }

# --- TAP

# count_tap LOG STATUS
count_tap() {
	local p f s
	s=$(grep -cE '^ok .*# (skip|SKIP)|^1\.\.0 # (skip|SKIP)' "$1")
	p=$(($(grep -cE '^ok ' "$1") - $(grep -cE '^ok .*# (skip|SKIP)' "$1")))
	f=$(grep -cE '^not ok ' "$1")
	[ "$2" = 0 ] || [ "$f" != 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$s" = 0 ] || warn "*** SKIPPED in $(basename "$1" .log): $s"
}

# tap_files FILTER
tap_files() {
	local file
	for file in "$top"/test/t/*.pl; do
		case $(basename "$file") in *"$1"*) basename "$file" ;; esac
	done
}

step_tap() {
	local file pgxs log status began
	pgxs=$(dirname "$("$CDC_PG_BIN/pg_config" --pgxs)")/..
	for file in $(tap_files "$1"); do
		began=$SECONDS status=0 log="$CDC_WORK/${file%.pl}.log"
		as_postgres mkdir -p "$CDC_WORK/tap/${file%.pl}"
		(cd "$CDC_WORK/tap/${file%.pl}" &&
			as_postgres env PERL5LIB="$pgxs/test/perl:$CDC_WORK/src/test/perl" PATH="$CDC_PG_BIN:$PATH" TMPDIR="$CDC_WORK" \
				TESTDIR="$CDC_WORK/tap/${file%.pl}" PG_REGRESS="$pgxs/test/regress/pg_regress" \
				TESTDATADIR="$CDC_WORK/tap/${file%.pl}/data" TESTLOGDIR="$CDC_WORK/tap/${file%.pl}/log" \
				prove --verbose "$CDC_WORK/src/test/t/$file") >"$log" 2>&1 </dev/null || status=$?
		count_tap "$log" $status
		if [ "$status" = 0 ]; then
			say "$file: ok in $((SECONDS - began)) s"
			[ -n "${CDC_TEST_KEEP:-}" ] || rm -rf "$CDC_WORK/tap/${file%.pl}"
		else
			say "$file: FAILED in $((SECONDS - began)) s"
			grep -E '^ *(not ok|# )|^Bail|^Dubious' "$log" | tail -n 60
			# What the program said at its end is there.
			cat "$CDC_WORK/tap/${file%.pl}"/{log,tmp_check/log}/regress_log_* 2>/dev/null | tail -n 15
		fi
	done
}

# --- PostgreSQL 18, MySQL 9.7 and Oracle's client library, inside of the tree

step_pg18() {
	if [ -z "$chroot_ok" ]; then
		warn "*** SKIPPED: PostgreSQL 18 with Oracle's libmysqlclient (no Debian unstable tree)"
		skipped=$((skipped + 1))
		return
	fi
	local work="$CDC_TEST_CACHE/sid/work" status=0 log="$CDC_WORK/pg18.log" kind file_status file
	rm -rf "$work"
	copy_tree "$CDC_WORK/src" "$work/src"
	"$top/test/setup/chroot-run" root chown -R postgres: /work
	"$top/test/setup/chroot-run" root /work/src/test/setup/pg18.sh >"$log" 2>&1 </dev/null || status=$?
	# What it leaves: a log of each part, named by its form, and its status beside it.
	for file in "$work"/log/*.status; do
		[ -e "$file" ] || continue
		file_status=$(cat "$file")
		kind=$(basename "$file" .status)
		case $kind in
			regress|isolation) count_regress "${file%.status}.log" "$file_status" ;;
			*) count_tap "${file%.status}.log" "$file_status" ;;
		esac
		say "PostgreSQL 18: $kind: $([ "$file_status" = 0 ] && echo ok || echo FAILED)"
		[ "$file_status" = 0 ] || tail -n 40 "${file%.status}.log"
	done
	if [ "$status" != 0 ]; then
		failed=$((failed + 1))
		tail -n 40 "$log"
	else
		passed=$((passed + 1))
	fi
	[ "$status" != 0 ] || rm -rf "$work"
}

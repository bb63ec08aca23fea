# The steps of test/run; sourced by it.  Each has
#
#	names_STEP			prints what a filter can choose from, a name a line
#	step_STEP FILTER	queues its jobs (see jobs.sh), after what they need was built
#	do_STEP NAME		one job
#	count_STEP LOG STATUS, show_STEP NAME LOG	how its log is read, where it is not TAP
#	passed_STEP NAME	what is thrown away of one that passed
#
# unit is no job: its longest test takes both processors for as long as it is given.

clusters=()
built=

step_setup() {
	"$top/test/setup/packages.sh" &&
		"$top/test/setup/mysql56.sh" &&
		"$top/test/setup/maven_servers.sh" &&
		"$top/test/setup/kafka.sh" &&
		"$top/test/setup/elasticsearch.sh" &&
		"$top/test/setup/registry.sh" || return 1
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
	# what TAP files that run at the same time share
	mkdir "$CDC_WORK/ports" "$CDC_WORK/templates"
	chown postgres: "$CDC_WORK/ports" "$CDC_WORK/templates"
}

# The module, built and installed once, for the steps that need it.
step_build() {
	case $built in yes) return 0 ;; failed) return 1 ;; esac
	local began=$SECONDS
	say "=== build with $("$CDC_PG_BIN/pg_config" --version)"
	built=failed
	if ! build_and_install "$CDC_WORK/src"; then
		failed=$((failed + 1))
		return 1
	fi
	built=yes
	passed=$((passed + 1))
	say "=== build: $((SECONDS - began)) s"
}

# prepare NAME COMMAND...: what the jobs of a step have in common is made before they are
# queued.  Without it there is nothing to run: the step has failed.
prepare() {
	local name=$1
	shift
	quietly "$CDC_WORK/$name-build.log" as_postgres "$@" && return 0
	failed=$((failed + 1))
	tally "$name" 0 0 1 0
	return 1
}

# chosen STEP FILTER: its names that contain FILTER; or the one that is FILTER.
chosen() {
	local name all names=()
	all=$("names_$1")
	while read -r name; do
		[ "$name" != "$2" ] || { say "$name"; return 0; }
		case $name in *"$2"*) names+=("$name") ;; esac
	done <<<"$all"
	[ ${#names[@]} -gt 0 ] || { warn "no $1 test has \"$2\" in its name, see test/run --list"; return 1; }
	printf '%s\n' "${names[@]}"
}

# count_tap LOG STATUS: adds up a log in TAP; one without a test counts by its status.
count_tap() {
	local p f s
	s=$(grep -cE '^ok .*# (skip|SKIP)|^1\.\.0 # (skip|SKIP)' "$1")
	p=$(($(grep -cE '^ok ' "$1") - $(grep -cE '^ok .*# (skip|SKIP)' "$1")))
	f=$(grep -cE '^not ok ' "$1")
	[ "$2" = 0 ] || [ "$f" != 0 ] || f=1
	[ $((p + f + s)) != 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# show_log NAME LOG: what was not well.
show_log() { grep -vE '^(ok |1\.\.|# CC)' "$2" | cut -c1-2000 | tail -n 60; }

# --- the layers below PostgreSQL

# rooms is the check of what may use what (test/rooms.py); it looks at objects, too.  operators
# is that of the SQL in src/pg (test/operators.py), sql94 that of what Greenplum has to parse
# (test/sql94.py); these need no build.
names_unit() { say rooms; say operators; say sql94; make -s -C "$top/test/unit" names; }

step_unit() {
	local names tests log="$CDC_WORK/unit.log" status=0 began=$SECONDS p=$passed f=$failed s=$skipped
	names=$(chosen unit "$1") || { failed=$((failed + 1)); return; }
	tests=$(grep -vxE 'rooms|operators|sql94' <<<"$names")
	if grep -qx operators <<<"$names"; then
		as_postgres python3 "$top/test/operators.py" >>"$log" 2>&1 </dev/null || status=1
	fi
	if grep -qx sql94 <<<"$names"; then
		as_postgres python3 "$top/test/sql94.py" >>"$log" 2>&1 </dev/null || status=1
	fi
	if grep -qx rooms <<<"$names"; then
		step_build || return
		as_postgres python3 "$CDC_WORK/src/test/rooms.py" >>"$log" 2>&1 </dev/null || status=1
	fi
	if [ -n "$tests" ]; then
		as_postgres make -C "$CDC_WORK/src" -j"$(nproc)" check-unit TESTS="$(echo $tests)" \
			PG_CONFIG="$CDC_PG_BIN/pg_config" >>"$log" 2>&1 </dev/null || status=1
	fi
	count_tap "$log" $status
	[ "$failed" = "$f" ] || show_log unit "$log"
	tally unit $((SECONDS - began)) $((passed - p)) $((failed - f)) $((skipped - s))
	say "unit: $([ "$failed" = "$f" ] && echo ok || echo FAILED) in $((SECONDS - began)) s"
}

names_fuzz() { (cd "$top/test/fuzz" && printf '%s\n' fuzz_*.c | sed 's/^fuzz_//; s/\.c$//'); }

step_fuzz() {
	local name names
	names=$(chosen fuzz "$1") || { failed=$((failed + 1)); return; }
	prepare fuzz make -C "$CDC_WORK/src/test/fuzz" -j"$(nproc)" all FUZZERS="$(echo $names)" || return
	for name in $names; do job fuzz "$name" "${FUZZ_SECONDS:-45}" cpu; done
}

do_fuzz() { exec_as_postgres make -s -C "$CDC_WORK/src/test/fuzz" check FUZZERS="$1" SECONDS="${FUZZ_SECONDS:-45}"; }

# --- round trips through real servers, of the layers below PostgreSQL

names_roundtrip() { printf '%s\n' recorded mariadb mysql56 mariadb118 mysql97; }

# Without the Debian unstable tree the newer servers are missed.
step_roundtrip() {
	local name names
	names=$(chosen roundtrip "$1") || { failed=$((failed + 1)); return; }
	prepare roundtrip make -C "$CDC_WORK/src/test/unit" -j"$(nproc)" build/tools/binlog_json || return
	for name in $names; do
		case $name in
			mariadb118|mysql97)
				if [ -z "$chroot_ok" ]; then
					warn "*** SKIPPED: round trips through $name (no Debian unstable tree)"
					skipped=$((skipped + 1))
					tally roundtrip 0 0 0 1
					continue
				fi
				;;
		esac
		job roundtrip "$name" 60 cpu
	done
}

do_roundtrip() {
	local args=(--server "$1" --seeds "${ROUNDTRIP_SEEDS:-3}")
	[ "$1" != recorded ] || args=(--recorded)
	exec_as_postgres env TMPDIR="$CDC_WORK" CDC_TEST_TEMPLATES="$CDC_WORK/templates" \
		"$CDC_WORK/src/test/roundtrip/run" "${args[@]}"
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
count_isolation() { count_regress "$@"; }

# installcheck NAME VARIABLE=VALUE...: in a cluster of its own.
installcheck() {
	local dir="$CDC_WORK/$1-cluster"
	shift
	start_cluster "$dir" || exit 1
	as_postgres env PGHOST="$dir" PGPORT=5432 PGUSER=postgres \
		make -C "$CDC_WORK/src" installcheck PG_CONFIG="$CDC_PG_BIN/pg_config" "$@"
}

# The first one wants a database without the extension.
names_regress() { say extension; (cd "$top/sql" && printf '%s\n' *.sql | sed 's/\.sql$//' | grep -vxe extension -e 'gp_.*'); }
names_isolation() { (cd "$top/specs" && printf '%s\n' *.spec | sed 's/\.spec$//'); }

# Several names are one job: they share a cluster and the files of pg_regress.
step_regress() {
	local names
	names=$(chosen regress "$1") || { failed=$((failed + 1)); return; }
	step_build || return
	[ -n "${regress_names:-}" ] || job regress "${1:-all}" 60 shared
	regress_names+=" $names"
}

step_isolation() {
	local names
	names=$(chosen isolation "$1") || { failed=$((failed + 1)); return; }
	step_build || return
	[ -n "${isolation_names:-}" ] || job isolation "${1:-all}" 10 shared
	isolation_names+=" $names"
}

# in_order STEP NAMES: those of a step's names, in its own order, each once.
in_order() {
	local name
	for name in $("names_$1"); do
		case " $2 " in *[[:space:]]"$name"[[:space:]]*) say "$name" ;; esac
	done
}

do_regress() { installcheck regress REGRESS="$(echo $(in_order regress "$regress_names"))" ISOLATION=; }
do_isolation() { installcheck isolation ISOLATION="$(echo $(in_order isolation "$isolation_names"))" REGRESS=; }

show_regress() {
	tail -n 20 "$2"
	head -n 200 "$CDC_WORK/src/regression.diffs" 2>/dev/null
}

show_isolation() {
	tail -n 20 "$2"
	head -n 200 "$CDC_WORK/src/output_iso/regression.diffs" 2>/dev/null
}

# --- TAP

names_tap() { (cd "$top/test/t" && printf '%s\n' *.pl | sed 's/\.pl$//'); }

# tap_says NAME WORDS: what follows WORDS in a line of comment of the TAP file.
tap_says() { sed -n "s/^# $2 //p" "$top/test/t/$1.pl" | head -n 1; }

# "# Runs alone: REASON" and "# Runs without load: REASON" say what may not run beside it.
tap_kind() {
	if [ -n "$(tap_says "$1" 'Runs alone:')" ]; then say alone
	elif [ -n "$(tap_says "$1" 'Runs without load:')" ]; then say quiet
	else say shared
	fi
}

# "# Takes N s": a file that says nothing is a short one.
tap_seconds() { local s; s=$(tap_says "$1" Takes); s=${s%% *}; say "${s:-15}"; }

step_tap() {
	local name names twice
	names=$(chosen tap "$1") || { failed=$((failed + 1)); return; }
	twice=$(names_tap | cut -c1-3 | uniq -d)
	[ -z "$twice" ] || { warn "test/t has a number twice:" $twice; failed=$((failed + 1)); }
	step_build || return
	# Compilers need both processors for long: not within the files that run alone.
	case $names in *025_session*) prepare tap make -C "$CDC_WORK/src/test/session" -j"$(nproc)" session || return ;; esac
	case $names in *047_kafka_client*) prepare tap make -C "$CDC_WORK/src/test/session" -j"$(nproc)" kafka || return ;; esac
	for name in $names; do job tap "$name" "$(tap_seconds "$name")" "$(tap_kind "$name")"; done
}

do_tap() { prove_file tap "$1" t; }

# prove_file STEP NAME FOLDER: test/FOLDER/NAME.pl.
prove_file() {
	local dir="$CDC_WORK/$1/$2" pgxs perl
	pgxs=$(dirname "$("$CDC_PG_BIN/pg_config" --pgxs)")/..
	# Not every build brings PostgreSQL's modules for tests; Debian's serve others, too.
	perl=$pgxs/test/perl
	[ -d "$perl" ] || perl=/usr/lib/postgresql/$CDC_PG_VERSION/lib/pgxs/src/test/perl
	as_postgres mkdir -p "$dir" && cd "$dir" || exit 1
	exec_as_postgres env PERL5LIB="$perl:$CDC_WORK/src/test/perl" PATH="$CDC_PG_BIN:$PATH" TMPDIR="$CDC_WORK" \
		TESTDIR="$dir" PG_REGRESS="$pgxs/test/regress/pg_regress" TESTDATADIR="$dir/data" TESTLOGDIR="$dir/log" \
		PG_TEST_PORT_DIR="$CDC_WORK/ports" CDC_TEST_TEMPLATES="$CDC_WORK/templates" \
		prove --verbose "$CDC_WORK/src/test/$3/$2.pl"
}

show_tap() {
	grep -E '^ *(not ok|# )|^Bail|^Dubious|Wstat' "$2" | tail -n 60
	# What the program said at its end is there.
	cat "$CDC_WORK/tap/$1"/{log,tmp_check/log}/regress_log_* 2>/dev/null | tail -n 15
}

# Nothing of a file that passed is kept.
passed_tap() { [ -n "${CDC_TEST_KEEP:-}" ] || rm -rf "$CDC_WORK/tap/$1"; }

# --- a Greenplum cluster that is running, with the module: never without being asked for

names_greenplum() { (cd "$top/test/greenplum" && printf '%s\n' *.pl | sed 's/\.pl$//'); }

step_greenplum() {
	local name names
	[ -n "${CDC_GP_PORT:-}" ] || die "CDC_GP_PORT is not set: the port of a Greenplum master, see CONTRIBUTING.md"
	names=$(chosen greenplum "$1") || { failed=$((failed + 1)); return; }
	for name in $names; do job greenplum "$name" 300 alone; done
}

do_greenplum() { prove_file greenplum "$1" greenplum; }
show_greenplum() { grep -E '^ *(not ok|# )|^Bail|^Dubious|Wstat' "$2" | tail -n 60; }

# --- PostgreSQL 18, MySQL 9.7 and Oracle's client library, inside of the tree

# What a whole run does there; any other TAP file can be asked for by its name.
pg18_parts="regress isolation 001_basic 002_values 003_admin 052_passwords"
names_pg18() { printf '%s\n' $pg18_parts; }

step_pg18() {
	local work="$CDC_TEST_CACHE/sid/work" parts=$pg18_parts
	if [ -z "$chroot_ok" ]; then
		warn "*** SKIPPED: PostgreSQL 18 with Oracle's libmysqlclient (no Debian unstable tree)"
		skipped=$((skipped + 1))
		tally pg18 0 0 0 1
		return
	fi
	[ -z "$1" ] || parts=$(chosen pg18 "$1" 2>/dev/null || chosen tap "$1") || { failed=$((failed + 1)); return; }
	rm -rf "$work"
	copy_tree "$top" "$work/src"
	"$top/test/setup/chroot-run" root chown -R postgres: /work
	pg18_wanted=$parts
	job pg18 "${1:-all}" 240 shared
}

do_pg18() { exec "$top/test/setup/chroot-run" root /work/src/test/setup/pg18.sh $pg18_wanted; }

# What it leaves: a log of each part, named by its form, and its status beside it.
count_pg18() {
	local file kind file_status
	for file in "$CDC_TEST_CACHE"/sid/work/log/*.status; do
		[ -e "$file" ] || continue
		file_status=$(cat "$file")
		kind=$(basename "$file" .status)
		case $kind in
			regress|isolation) count_regress "${file%.status}.log" "$file_status" ;;
			*) count_tap "${file%.status}.log" "$file_status" ;;
		esac
		say "PostgreSQL 18: $kind: $([ "$file_status" = 0 ] && echo ok || echo FAILED)"
	done
	if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

show_pg18() {
	local file
	for file in "$CDC_TEST_CACHE"/sid/work/log/*.status; do
		[ ! -e "$file" ] || [ "$(cat "$file")" = 0 ] || tail -n 40 "${file%.status}.log"
	done
	tail -n 40 "$2"
}

passed_pg18() { rm -rf "$CDC_TEST_CACHE/sid/work"; }

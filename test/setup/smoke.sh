# The step smoke: every program that README and CONTRIBUTING name is run in small, for
# seconds each, and what it prints or makes is looked at.  Sourced by test/run.

names_smoke() { printf '%s\n' bench bench-decode bench-kafka bench-avro demo dist format roundtrip; }

step_smoke() {
	local name names
	names=$(chosen smoke "$1") || { failed=$((failed + 1)); return; }
	for name in $names; do
		case $name in
			bench|bench-kafka|bench-avro|demo) step_build || return ;;
			bench-decode)
				if [ -z "$chroot_ok" ]; then
					warn "*** SKIPPED: test/bench/run decode (no Debian unstable tree)"
					skipped=$((skipped + 1))
					tally smoke 0 0 0 1
					continue
				fi
				;;
		esac
		job smoke "$name" 40 shared
	done
}

# The module is built and installed already.
do_smoke() { CDC_TREE="$CDC_WORK/src" "smoke_${1//-/_}"; }

# check NAME COMMAND...: one test.
check() {
	local name=$1
	shift
	if "$@"; then say "ok - $name"; else say "not ok - $name"; fi
}

# figures FILE PREFIX NAME...: each is in the output of a benchmark, with all its numbers.
figures() {
	local file=$1 name number='-?[0-9]+(\.[0-9]+)?'
	shift
	for name; do
		check "figure $name" grep -qE "^$name ours=$number baseline=$number ratio=$number " "$file"
	done
}

# into FILE COMMAND...: its output goes there, and to the log.
into() {
	local file=$1 status=0
	shift
	"$@" >"$file" </dev/null || status=$?
	cat "$file"
	return $status
}

# bench NAME...: leaves what it prints in $out.
bench() {
	out="$CDC_WORK/smoke-bench-$1.out"
	check "test/bench/run --smoke $*" into "$out" "$top/test/bench/run" --smoke "$@"
}

smoke_bench() {
	bench history apply mapping replica latency memory
	figures "$out" history_w2 history_w1_and_w2 apply_empty apply_full apply_own apply_mapping apply_filter \
		replica_w2_floor replica_w1_and_w2_floor latency_p50 latency_p99 latency_cpu memory_pull memory_apply
}

smoke_bench_decode() {
	bench decode
	figures "$out" decode_narrow_changes decode_usual_changes decode_mixed_changes
}

smoke_bench_kafka() {
	local name names=()
	for name in count insert pull produce; do names+=("kafka_$name" "kafka_mock_$name"); done
	bench kafka
	figures "$out" "${names[@]}" kafka_memory_count kafka_memory_load
}

smoke_bench_avro() {
	bench avro
	figures "$out" avro_rows avro_jsonb protobuf_rows protobuf_jsonb
}

smoke_demo() {
	local out="$CDC_WORK/smoke-demo.out"
	check "demo/run --short" into "$out" "$top/demo/run" --short
	check "it killed PostgreSQL" grep -q 'PostgreSQL killed' "$out"
	check "it compared tables" grep -q 'rows  identical' "$out"
	check "it ends well" grep -q '^OK:' "$out"
}

smoke_dist() {
	local dir="$CDC_WORK/smoke-dist" version zip file
	if ! git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		say "ok - make dist # skip this is no git work tree"
		return
	fi
	version=$(sed -n 's/^EXTVERSION *= *//p' "$top/Makefile")
	zip=$dir/cdc_ingest-$version.zip
	mkdir "$dir"
	check "make dist" make -s -C "$top" dist DIST_DIR="$dir" PG_CONFIG="$CDC_PG_BIN/pg_config"
	check "the archive can be read" python3 -m zipfile -e "$zip" "$dir"
	cd "$dir/cdc_ingest-$version" || return
	for file in README.md LICENSE CHANGELOG.md META.json Makefile cdc_ingest.control doc/operations.md src/sql/00_schema.sql; do
		check "$file is in it" test -s "$file"
	done
	check "META.json tells this version and files that are there" python3 - "$version" <<'END'
import json, os, sys
meta = json.load(open('META.json'))
provides = meta['provides'][meta['name']]
assert meta['version'] == provides['version'] == sys.argv[1], 'version'
for key in 'file', 'docfile':
    assert os.path.exists(provides[key]), provides[key]
END
	check "make finds all that it needs" would_make "$dir/make.out"
	check "it compiles every C file" all_compiled "$dir/make.out"
}

# would_make FILE: what make would run here goes to it.
would_make() { make -n all PG_CONFIG="$CDC_PG_BIN/pg_config" >"$1"; }

# all_compiled FILE: what make would run compiles each C file that is committed.
all_compiled() {
	local file
	for file in $(git -C "$top" ls-tree -r --name-only HEAD src | grep '\.c$'); do
		grep -q -- "-o ${file%.c}.o" "$1" || { say "# not compiled: $file"; return 1; }
	done
}

smoke_format() {
	check "make format-check" make -s -C "$top" format-check PG_CONFIG="$CDC_PG_BIN/pg_config"
}

# What it does is done by the step roundtrip.
smoke_roundtrip() {
	local out="$CDC_WORK/smoke-roundtrip.out"
	check "test/roundtrip/run --help" into "$out" as_postgres "$CDC_WORK/src/test/roundtrip/run" --help
	check "it names its options" grep -q -- --every "$out"
}

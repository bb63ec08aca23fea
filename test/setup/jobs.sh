# Jobs: the parts of the steps that run beside each other; sourced by test/run.
#
#	job STEP NAME SECONDS [alone]
#
# queues one; SECONDS is about what it takes.  run_jobs runs what is queued, at most
# CDC_TEST_JOBS (2) at a time and the longest first; then those that run alone, one by
# one.  A job is the function do_STEP NAME in a process of its own, with its output in
# $CDC_WORK/STEP-NAME.log.  When it has ended, the shell that runs them all adds its tests
# to passed, failed and skipped (count_STEP LOG STATUS) and prints the job's line and, when
# it failed, what show_STEP NAME LOG finds in its logs: output of two jobs is never mixed.

jobs=()                     # "ALONE SECONDS STEP NAME"
declare -A running=()       # process id => "STEP NAME STARTED"
declare -A step_tally=()    # step => "PASSED FAILED SKIPPED SECONDS"

job() {
	local alone=0
	[ "${4:-}" != alone ] || alone=1
	jobs+=("$alone $3 $1 $2")
}

# tally STEP SECONDS PASSED FAILED SKIPPED: what a step had before, and now more.
tally() {
	local p=0 f=0 s=0 t=0
	[ -z "${step_tally[$1]:-}" ] || read -r p f s t <<<"${step_tally[$1]}"
	step_tally[$1]="$((p + $3)) $((f + $4)) $((s + $5)) $((t + $2))"
}

run_jobs() {
	local entry alone seconds step name limit began=$SECONDS
	[ ${#jobs[@]} -gt 0 ] || return 0
	while read -r alone seconds step name; do
		limit=${CDC_TEST_JOBS:-2}
		# what comes first in the list has ended before what runs alone begins
		[ "$alone" = 0 ] || limit=1
		while [ ${#running[@]} -ge "$limit" ]; do end_job; done
		# Nor does an alone one begin while another runs, nor another beside it.
		start_job "$step" "$name"
	done < <(printf '%s\n' "${jobs[@]}" | sort -k1,1n -k2,2nr -k4)
	while [ ${#running[@]} -gt 0 ]; do end_job; done
	say "=== ${#jobs[@]} jobs in $((SECONDS - began)) s"
	jobs=()
}

# In a process group of its own, so that it can be ended with all that it started.
start_job() {
	set -m
	(
		trap 'exit 1' TERM
		trap end_servers EXIT
		"do_$1" "$2"
	) >"$CDC_WORK/$1-$2.log" 2>&1 </dev/null &
	running[$!]="$1 $2 $SECONDS"
	set +m
}

# Waits for one to end, and tells of it.
end_job() {
	local pid status=0 step name began took p=$passed f=$failed s=$skipped log
	# (wait -n passes over those that ended before it)
	while :; do
		for pid in "${!running[@]}"; do [ -d "/proc/$pid" ] || break 2; done
		sleep 0.2
	done
	wait "$pid" || status=$?
	read -r step name began <<<"${running[$pid]}"
	unset "running[$pid]"
	took=$((SECONDS - began)) log="$CDC_WORK/$step-$name.log"
	"$(own_or count "$step" count_tap)" "$log" "$status"
	tally "$step" "$took" $((passed - p)) $((failed - f)) $((skipped - s))
	if [ "$failed" = "$f" ]; then
		say "$(job_title "$step" "$name"): ok in $took s"
		"$(own_or passed "$step" true)" "$name"
	else
		say "$(job_title "$step" "$name"): FAILED in $took s"
		"$(own_or show "$step" show_log)" "$name" "$log"
	fi
	[ "$skipped" = "$s" ] || warn "*** SKIPPED in $step:$name: $((skipped - s))"
}

# own_or WHAT STEP DEFAULT: the function WHAT_STEP where the step has one.
own_or() { if [ "$(type -t "$1_$2")" = function ]; then say "$1_$2"; else say "$3"; fi; }

# A TAP file's line has the file's name, any other the name that test/run takes.
job_title() { if [ "$1" = tap ]; then say "$2.pl"; else say "$1:$2"; fi; }

# All that still run, when test/run itself is ended.
kill_jobs() {
	local pid
	for pid in "${!running[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
	for pid in "${!running[@]}"; do wait "$pid" 2>/dev/null; done
	running=()
}

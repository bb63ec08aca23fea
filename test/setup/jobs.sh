# Jobs: the parts of the steps that run beside each other; sourced by test/run.
#
#	job STEP NAME SECONDS KIND
#
# queues one; SECONDS is about what it takes.  KIND says what may run beside it on two
# processors:
#
#	cpu		keeps one processor busy, measures nothing: beside it two shared ones, or
#			another cpu
#	shared	waits for most of its time, measures nothing: beside it another shared one
#			and a cpu
#	quiet	has bounds of a second or so: beside it another quiet one
#	alone	measures memory or times below that, or fills the machine: nothing beside it
#
# run_jobs runs cpu and shared ones first, then the quiet ones, then the others; of each
# the longest first.  CDC_TEST_JOBS=1: one at a time.
#
# A job is the function do_STEP NAME in a process of its own, with its output in
# $CDC_WORK/STEP-NAME.log.  When it has ended, the shell that runs them all adds its tests
# to passed, failed and skipped (count_STEP LOG STATUS) and prints the job's line and, when
# it failed, what show_STEP NAME LOG finds in its logs: output of two jobs is never mixed.

jobs=()                     # "KIND SECONDS STEP NAME"
declare -A running=()       # process id => "KIND STEP NAME STARTED"
declare -A step_tally=()    # step => "PASSED FAILED SKIPPED SECONDS"

job() { jobs+=("$4 $3 $1 $2"); }

# tally STEP SECONDS PASSED FAILED SKIPPED: what a step had before, and now more.
tally() {
	local p=0 f=0 s=0 t=0
	[ -z "${step_tally[$1]:-}" ] || read -r p f s t <<<"${step_tally[$1]}"
	step_tally[$1]="$((p + $3)) $((f + $4)) $((s + $5)) $((t + $2))"
}

run_jobs() {
	run_kinds cpu shared
	run_kinds quiet
	run_kinds alone
	jobs=()
}

# run_kinds KIND...: the jobs of these kinds, until all have ended.
run_kinds() {
	local queue kind seconds step name i began=$SECONDS n
	mapfile -t queue < <(printf '%s\n' "${jobs[@]}" | grep -E "^($(IFS='|'; echo "$*")) " | sort -k2,2nr -k4)
	n=${#queue[@]}
	[ "$n" -gt 0 ] || return 0
	while [ ${#queue[@]} -gt 0 ]; do
		for i in "${!queue[@]}"; do
			read -r kind seconds step name <<<"${queue[$i]}"
			if fits "$kind"; then
				unset "queue[$i]"
				start_job "$kind" "$step" "$name"
				continue 2
			fi
		done
		end_job
	done
	while [ ${#running[@]} -gt 0 ]; do end_job; done
	say "=== $n $([ $# = 1 ] && say "$1 ")jobs in $((SECONDS - began)) s"
}

# fits KIND: whether one may run beside those that run now.
fits() {
	local n cpu=0 same=0 r
	n=${#running[@]}
	for r in "${running[@]}"; do
		case $r in cpu\ *) cpu=$((cpu + 1)) ;; esac
		case $r in "$1 "*) same=$((same + 1)) ;; esac
	done
	[ "$n" = 0 ] && return 0
	[ "${CDC_TEST_JOBS:-2}" != 1 ] || return 1
	case $1 in
		cpu) [ $((n - cpu > 0 ? cpu : cpu - 1)) -lt 1 ] ;;
		shared) [ $same -lt 2 ] && [ $cpu -lt 2 ] ;;
		quiet) [ $n -lt 2 ] ;;
		alone) false ;;
	esac
}

# In a process group of its own, so that it can be ended with all that it started.
start_job() {
	set -m
	(
		trap 'exit 1' TERM
		trap end_servers EXIT
		"do_$2" "$3"
	) >"$CDC_WORK/$2-$3.log" 2>&1 </dev/null &
	running[$!]="$1 $2 $3 $SECONDS"
	set +m
}

# Waits for one to end, and tells of it.
end_job() {
	local pid status=0 kind step name began took p=$passed f=$failed s=$skipped log
	# (wait -n passes over those that ended before it)
	while :; do
		for pid in "${!running[@]}"; do [ -d "/proc/$pid" ] || break 2; done
		sleep 0.2
	done
	wait "$pid" || status=$?
	read -r kind step name began <<<"${running[$pid]}"
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

# All that still run, when test/run itself is ended; each has 20 s to end its servers.
kill_jobs() {
	local pid i
	for pid in "${!running[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
	for pid in "${!running[@]}"; do
		for ((i = 0; i < 100; i++)); do
			kill -0 -- "-$pid" 2>/dev/null || break
			sleep 0.2
		done
		kill -KILL -- "-$pid" 2>/dev/null
	done
	running=()
}

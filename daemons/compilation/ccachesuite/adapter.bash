# Read by ccache's test driver (suite.sh). A failed test ends the driver; here it skips to the
# next test: with extdebug, a command before which the DEBUG trap fails is not executed.

failed= current=

# finish_test writes down how the test that runs has ended.
finish_test() {
	[ -z "$current" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "${failed:+FAIL}${failed:-PASS}" "$SUITE_COMPILER" "$CURRENT_SUITE" "$knob" "$current" "$reason" |
		sed 's/^FAIL1/FAIL/' >>"$SUITE_RESULTS"
	current= failed= reason=
}

# uses_knob says whether the text of the test that begins in a line names settings, options or
# files that only ccache has.
uses_knob() {
	awk -v first="$1" 'NR == first { print; next } NR > first && /^ *TEST "/ { exit } NR > first' "$ABS_ROOT_DIR/suites/$CURRENT_SUITE.bash" |
		sed 's/\$CCACHE_COMPILE\b//g; s/unset CCACHE_NODIRECT//' |
		grep -q 'CCACHE_[A-Z]\|\$CCACHE -\|ccache\.conf\|ccache\.log\|ccache-tmp' && echo knob || echo -
}

eval "$(declare -f TEST | sed '1s/.*/driver_test ()/')"
TEST() {
	finish_test
	current=$1 reason= want_direct=0 want_preprocessed=0
	knob=$(uses_knob "${BASH_LINENO[0]}")
	driver_test "$@"
}

eval "$(declare -f run_suite | sed '1s/.*/driver_run_suite ()/')"
run_suite() {
	driver_run_suite "$@"
	finish_test
}

test_failed() { test_failed_internal "$@"; }
test_failed_internal() {
	reason="line $(caller 1 | cut -d' ' -f1): ${1//$'\n'/ }"
	reason=${reason:0:200}
	failed=1
}

# expect_stat compares what exists here: stored results, and hits, which ccache divides into
# direct and preprocessed ones. The tests name cache_miss after both.
expect_stat() {
	local hits stored
	case $1 in
	direct_cache_hit) want_direct=$2 ;;
	preprocessed_cache_hit) want_preprocessed=$2 ;;
	cache_miss)
		read -r hits stored < <("$CCACHE" --print-stats | awk '{ n[$1] = $2 } END { print n["direct_cache_hit"] + n["preprocessed_cache_hit"], n["cache_miss"] }')
		[ "$stored" = "$2" ] || test_failed_internal "Expected $2 stored results, actual $stored"
		[ "$hits" = $((want_direct + want_preprocessed)) ] || test_failed_internal "Expected $((want_direct + want_preprocessed)) hits, actual $hits"
		;;
	esac
}

skip_after_failure() {
	[ -n "$failed" ] && [ "${FUNCNAME[1]}" != finish_test ] || return 0
	case $BASH_COMMAND in # a loop whose condition is skipped does not end
	read\ * | TEST\ * | finish_test | \$[A-Z]* | \[* | '! '* | for\ * | [a-z_]*=*) return 0 ;;
	esac
	return 1
}
shopt -s extdebug
set -T
trap skip_after_failure DEBUG

# Read by ccache's test driver (suite.sh). A failed test ends the driver; here it skips to the
# next test: with extdebug, a command before which the DEBUG trap fails is not executed.

failed= current=

# finish_test writes down how the test that runs has ended.
finish_test() {
	[ -z "$current" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "${failed:+FAIL}${failed:-PASS}" "$SUITE_COMPILER" "$CURRENT_SUITE" "$knob" "$current" "$reason" |
		sed 's/^FAIL1/FAIL/' >>"$SUITE_RESULTS"
	current= failed= reason=
}

# uses_knob says whether the text of a test names settings, options or files that only ccache has.
uses_knob() {
	awk -v name="TEST \"$1\"" 'index($0, name) { on = 1; print; next } on && /^ *TEST "/ { exit } on' "$ABS_ROOT_DIR/suites/$CURRENT_SUITE.bash" |
		sed 's/\$CCACHE_COMPILE\b//g; s/unset CCACHE_NODIRECT//' |
		grep -q 'CCACHE_[A-Z]\|\$CCACHE -\|ccache\.conf\|ccache\.log\|ccache-tmp' && echo knob || echo -
}

eval "$(declare -f TEST | sed '1s/.*/driver_test ()/')"
TEST() {
	finish_test
	current=$1 reason=
	knob=$(uses_knob "$1")
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

# expect_stat compares what exists here. A hit is direct or preprocessed as ccache would look.
expect_stat() {
	local value
	case $1 in
	direct_cache_hit | preprocessed_cache_hit | cache_miss) ;;
	*) return ;;
	esac
	value=$("$CCACHE" --print-stats | awk -v name="$1" '$1 == name { print $2 }')
	[ "$value" = "$2" ] || test_failed_internal "Expected $1 to be $2, actual $value"
}

skip_after_failure() {
	[ -n "$failed" ] && [ "${FUNCNAME[1]}" != finish_test ] || return 0
	case $BASH_COMMAND in
	TEST\ * | finish_test | \$[A-Z]* | \[* | '! '* | for\ *) return 0 ;;
	esac
	return 1
}
shopt -s extdebug
set -T
trap skip_after_failure DEBUG

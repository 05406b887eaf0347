#!/bin/bash
# suite.sh REPLIBUILD CCACHE [SUITE...]: runs ccache's own tests of behaviour, from the source tree
# CCACHE of ccache 4.7.5, against the thin client beside REPLIBUILD, with gcc and with clang.
# CC names one compiler to use instead.
#
# Nothing of the tests is changed. adapter.bash, which their driver reads, makes a failed test
# skip to the next one, and compares the counters that exist here: hits, and results stored.
# The program ccache.sh takes ccache's place.
#
# It prints a line for each test: PASS or FAIL, the compiler, the suite, "knob" if the test uses
# settings that only ccache has, the name, and why it failed. Then it counts. expected.txt lists
# the tests without knobs that fail, each with the reason; docs/launcher.md sums it up. Exit code:
# 0, or 1 if a test without knobs fails that is not listed. What is listed and passes with both
# compilers is printed.
set -u

[ $# -ge 2 ] || { echo "usage: $0 REPLIBUILD CCACHE [SUITE...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
replibuild=$(realpath "$1") sources=$(realpath "$2")
shift 2
suites=${*:-base multi_arch serialize_diagnostics debug_prefix_map masquerading direct depend basedir input_charset
	pch modules ivfsoverlay profiling profiling_gcc profiling_clang split_dwarf color_diagnostics sanitize_blacklist source_date_epoch}

work=$(mktemp -d)
export REPLIBUILD_HOME=$work/home SUITE_REPLIBUILD=$replibuild SUITE_CLIENT=$replibuild-cc SUITE_ADAPTER=$here/adapter.bash
unset CI
end() {
	"$replibuild" stop --user >/dev/null 2>&1
	rm -rf "$work"
}
trap end EXIT
cp -r "$sources/test" "$work/test"
# The driver reads the adapter when its own functions are defined.
sed -i 's,^# main program$,. "$SUITE_ADAPTER",' "$work/test/run"
mkdir "$work/bin"
cp "$here/ccache.sh" "$work/bin/ccache"
chmod +x "$work/bin/ccache"

for compiler in ${CC:-gcc clang-19}; do
	for suite in $suites; do
		export SUITE_NAME=$suite SUITE_COMPILER=$compiler SUITE_RESULTS=$work/results
		(cd "$work" && CC=$compiler CCACHE=$work/bin/ccache KEEP_TESTDIR= ./test/run $suite) >"$work/log" 2>&1
		grep '^Skipped' "$work/log"
	done
done

cat "$work/results"
awk -F'\t' '{ kind = $4 == "knob" ? "with knobs" : "without knobs"; all[kind]++; if ($1 == "PASS") passed[kind]++ }
	END { for (kind in all) printf "%s: %d of %d pass\n", kind, passed[kind], all[kind] }' "$work/results"
# differ prints the names of tests without knobs that ended so. One test runs in many orders.
differ() { awk -F'\t' -v how="$1" '$1 == how && $4 != "knob" { print $3 ": " $5 }' "$work/results" | sed 's/ across .*(run/ across all orders (run/' | sort -u; }
expected() { cut -f1 "$here/expected.txt"; }
fixed=$(differ PASS | grep -vxFf <(differ FAIL) | grep -xFf <(expected))
[ -z "$fixed" ] || printf 'listed as failing, but pass:\n%s\n' "$fixed"
new=$(differ FAIL | grep -vxFf <(expected))
[ -z "$new" ] || { printf 'not expected to fail:\n%s\n' "$new"; exit 1; }

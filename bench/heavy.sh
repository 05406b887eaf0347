#!/bin/bash
# Six units of more than 1 GB each on a bound of 2000 MB for all, with six jobs: first
# with nothing known of them, then again.
#
#	bench/heavy.sh REPLIBUILD [COMPILER]
#
# Prints what the compilers took together at their peak, as /proc/PID/statm of what works
# in the project's folder tells it ten times a second. Exit code 1: a build failed, or
# took a twentieth more than it may. It takes a minute or two.
set -eu
replibuild=$(realpath "$1")
work=$(mktemp -d)
export REPLIBUILD_HOME=$work/home CXX=${2:-clang++-19}
bound=2000
trap '(cd "$work/p" && "$replibuild" stop >/dev/null) || true; rm -rf "$work"' EXIT

mkdir -p "$work/p/src" "$work/p/.replibuild"
cd "$work/p"
seq 4000000 | sed 's/$/,/' >src/data.h
for i in 0 1 2 3 4 5; do
	printf 'int table%d[] = {\n#include "data.h"\n};\n' $i >src/table$i.cpp
done
printf '[project]\nname = "heavy"\n[compilation]\noptimization = "0"\n[targets.heavy]\nkind = "static"\nsources = ["src/*.cpp"]\n' >replibuild.toml
printf '[daemons.compilation]\nparallel_jobs = 6\nmax_memory = %d\n' $bound >.replibuild/daemon_config.toml

cd / # or what this script starts would be counted

# sample prints the memory in MB of what works in the project's folder. The program and
# its daemons do too, and are not meant.
sample() {
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/cwd")" = "$work/p" ] && [ "$(readlink "$p/exe")" != "$replibuild" ] && cat "$p/statm"
	done 2>/dev/null | awk -v page="$(getconf PAGESIZE)" '{ sum += $2 * page } END { print int(sum / 1048576) }'
}

failed=0
for run in "nothing known" "known"; do
	(cd "$work/p" && exec "$replibuild" compile --no-cache) >"$work/log" 2>&1 &
	build=$! begin=$(date +%s%N) peak=0
	while kill -0 $build 2>/dev/null; do
		mb=$(sample)
		[ "$mb" -gt $peak ] && peak=$mb
		sleep 0.1
	done
	wait $build || { failed=1; cat "$work/log"; }
	echo "$run: $((($(date +%s%N) - begin) / 1000000)) ms, $peak MB at the peak of $bound"
	[ $peak -le $((bound * 21 / 20)) ] || failed=1
	printf '// again\n' | tee -a "$work"/p/src/table*.cpp >/dev/null
done
echo "run again for want of memory: $(cd "$work/p" && "$replibuild" logs compilation | grep -c 'again for want of memory') times"
exit $failed

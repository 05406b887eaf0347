#!/bin/sh
# estimate.sh REPLIBUILD LEVELDB: how honest the estimated time of a build is. It makes 50
# edits of LevelDB (a folder as `make real` leaves it), every tenth in a header, builds
# after each, and compares what build_planned expected with what the build took. It
# prints a line for each build, and at the end the share within a factor of two.
set -eu

[ $# = 2 ] || { echo "usage: $0 REPLIBUILD LEVELDB" >&2; exit 2; }
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
project=$work/leveldb
export REPLIBUILD_HOME="$work/home"
unset CI || :
trap '"$bin" --project "$project" stop >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

cp -R "$2" "$project"
rm -rf "$project/build" "$project/.replibuild"
cp "$here/../examples/leveldb/replibuild.toml" "$here/../examples/leveldb/port_config.sh" "$project"
cd "$project"
"$bin" start >/dev/null
"$bin" compile >/dev/null

# number NAME: the last value of a field of the events on stdin.
number() { sed -n "s/.*\"$1\":\([0-9.e-]*\).*/\1/p" | tail -1; }

n=0
while [ $n -lt 50 ]; do
  for file in util/crc32c.cc db/memtable.cc table/format.cc db/db_impl.cc util/hash.cc db/version_set.cc table/block.cc util/coding.cc db/log_writer.cc util/crc32c.h; do
    n=$((n + 1))
    case $file in
    *.h) echo "inline int edited_$n() { return $n; }" >>$file ;;
    *) echo "int edited_$n() { return $n; }" >>$file ;;
    esac
    "$bin" compile --json >"$work/events" || { echo "build $n failed" >&2; exit 1; }
    expected=$(grep '"event":"build_planned"' "$work/events" | number expected_seconds)
    took=$(grep '"event":"build_finished"' "$work/events" | number seconds)
    echo "$n $file expected ${expected:-0} took $took"
  done
done | awk '{ print; r = $6 / ($4 > 0 ? $4 : 1e-9); if (r <= 2 && r >= 0.5) good++ }
  END { printf "%d of %d within a factor of two (%.0f%%)\n", good, NR, 100 * good / NR }'

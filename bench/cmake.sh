#!/bin/sh
# LevelDB by RepliBuild beside LevelDB's own CMake files with Ninja: the same compiler,
# flags and linker, in turn, in one run.
#
#	bench/cmake.sh REPLIBUILD SOURCES [DIR]
#
# SOURCES is LevelDB's folder as examples/fetch.sh makes it; DIR is where to work
# (default: a temporary folder). It needs cmake, ninja, clang++-19 and mold.
set -eu
replibuild=$(realpath "$1")
sources=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
work=${3:-$(mktemp -d)}
mkdir -p "$work"
end() {
	(cd "$work/ours" && "$replibuild" stop >/dev/null) || true
	[ $made = no ] || rm -rf "$work"
}
made=no
[ $# -gt 2 ] || made=yes
trap end EXIT
cp -r "$sources" "$work/ours"
cp -r "$sources" "$work/theirs"
cp "$here"/../examples/leveldb/* "$work/ours"
export REPLIBUILD_HOME="$work/home" CC=clang-19 CXX=clang++-19
unset CI || true
flags="-fno-exceptions -O2 -g" # as examples/leveldb/replibuild.toml has them, and -g

sed -i 's/^optimization.*/&\ndebug = true/' "$work/ours/replibuild.toml"

theirs() { ninja -C "$work/theirs/build" >/dev/null; }
ours() { (cd "$work/ours" && "$replibuild" compile >/dev/null); }

# ms COMMAND prints how long it takes.
ms() {
	begin=$(date +%s%N)
	"$@"
	echo $((($(date +%s%N) - begin) / 1000000))
}

row() {
	printf '%-34s %8s ms %8s ms\n' "$1" "$2" "$3"
}

edit() {
	for side in ours theirs; do
		printf '\nint edited_%s(void);\nint edited_%s(void) { return 1; }\n' "$2" "$2" >>"$work/$side/$1"
	done
}

printf '%-34s %11s %11s\n' "" "cmake+ninja" RepliBuild
cmake -S "$work/theirs" -B "$work/theirs/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="$flags" \
	-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=mold -DLEVELDB_BUILD_TESTS=OFF -DLEVELDB_BUILD_BENCHMARKS=OFF >"$work/cmake.log" 2>&1 ||
	{ cat "$work/cmake.log"; exit 1; }
(cd "$work/ours" && "$replibuild" start >/dev/null)
row "first build" "$(ms theirs)" "$(ms ours)"
for i in 1 2 3; do
	row "nothing to do, $i" "$(ms theirs)" "$(ms ours)"
done
n=0
for file in table/table.cc db/db_impl.cc util/status.cc; do
	n=$((n + 1))
	edit $file "${n}_first"
	theirs
	ours
	sleep 4 # the pause of somebody who edits on
	edit $file "${n}_second"
	row "$file edited again" "$(ms theirs)" "$(ms ours)"
done
(cd "$work/ours" && "$replibuild" status)
echo "resident, kB:"
for name in discovery setup compilation orchestrator; do
	pid=$(cd "$work/ours" && "$replibuild" status --json | tr '{' '\n' | sed -n "s/.*\"name\":\"$name\".*\"pid\":\([0-9]*\).*/\1/p")
	printf '  %-14s %s\n' "$name" "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")"
done

#!/bin/bash
# Seven ways to get a wrong object out of a cache, tried on ccache and on RepliBuild, as a
# build tool and as a launcher, by the same steps:
#
#     bench/staleness.sh [REPLIBUILD]
#
# Each begins with a program that returns 1 and changes a file so that it must return 2
# (or, where the change is taken back, 1 again). Before the build that is judged the
# object is deleted, so that the cache alone decides. The compiler is a script that runs
# what the case wants before or after the real one: no timing is left to chance.
# Exit code 1: RepliBuild was wrong.
set -eu

replibuild=$(realpath "${1:-bin/replibuild}")
real=$(command -v clang++-19 || command -v clang++ || command -v g++)
launcher=$(dirname "$replibuild")/replibuild-cc
work=$(mktemp -d)
trap '"$replibuild" stop --user >/dev/null 2>&1; rm -rf "$work"' EXIT
export CCACHE_DIR=$work/ccache REPLIBUILD_HOME=$work/home
unset CI CPATH CPLUS_INCLUDE_PATH CCACHE_SLOPPINESS CCACHE_DISABLE

# The compiler: hooks run around what compiles, not around questions and preprocessing.
mkdir "$work/bin"
compiler=$work/bin/$(basename "$real")
cat >"$compiler" <<END
#!/bin/sh
case " \$* " in
*' -E '*|*'-###'*) exec $real "\$@";;
*' -c '*) ;;
*) exec $real "\$@";;
esac
if [ -e $work/p/before ]; then sh $work/p/before; rm -f $work/p/before; fi
$real "\$@" || exit
if [ -e $work/p/after ]; then sh $work/p/after; rm -f $work/p/after; fi
exit 0
END
chmod +x "$compiler"

# begin makes the project anew, and the caches with it: nothing of the last case helps.
# The tracer stays, which would be built in the background of the first case only.
begin() {
	rm -rf "$work/p" "$work/ccache" "$work/home/cache"
	mkdir -p "$work/p/src" "$work/p/inc1" "$work/p/inc2"
	cd "$work/p"
	cat >replibuild.toml <<-END
	[project]
	name = "p"
	[compilation]
	compiler = "$compiler"
	optimization = "0"
	debug = false
	cxx_flags = ["-Iinc1", "-Iabsent", "-Iinc2"]
	END
	echo '#define VALUE 1' >inc2/value.h
	printf '#include "value.h"\nint main() { return VALUE; }\n' >src/main.cpp
	sleep 1.1 # older than any guard against files that are too new
}

build_with() {
	case $1 in
	ccache) mkdir -p out
		ccache "$compiler" -O0 -Iinc1 -Iabsent -Iinc2 -c src/main.cpp -o out/main.o 2>/dev/null && "$real" out/main.o -o out/p ;;
	launcher) mkdir -p out
		"$launcher" "$compiler" -O0 -Iinc1 -Iabsent -Iinc2 -c src/main.cpp -o out/main.o && "$real" out/main.o -o out/p ;;
	replibuild) "$replibuild" compile --no-daemon >"$work/said" 2>&1 || cat "$work/said" >&2 ;;
	esac
}

returned_by() {
	case $1 in ccache | launcher) set -- out/p ;; replibuild) set -- build/p ;; esac
	"./$1" && echo 0 || echo $?
}

clean() { rm -rf out build; }

shadowing() {
	build_with "$1"
	echo '#define VALUE 2' >inc1/value.h
}
folder() {
	build_with "$1"
	mkdir absent
	echo '#define VALUE 2' >absent/value.h
}
has_include() {
	printf '#if __has_include("opt.h")\nint main() { return 2; }\n#else\nint main() { return 1; }\n#endif\n' >src/main.cpp
	sleep 1.1
	build_with "$1"
	: >inc1/opt.h
}
# The object is made of the new source; then the old one is back.
edit_before_reading() {
	printf 'int main() { return 1; }\n' >src/main.cpp
	sleep 1.1
	echo 'echo "int main() { return 2; }" >src/main.cpp' >before
	build_with "$1"
	echo 'int main() { return 1; }' >src/main.cpp
	want=1
}
# The object is made of the old source; the new one stays.
edit_after_reading() {
	printf 'int main() { return 1; }\n' >src/main.cpp
	sleep 1.1
	echo 'echo "int main() { return 2; }" >src/main.cpp' >after
	build_with "$1"
}
# The cache has looked at the header, the compiler has not yet.
header_before_reading() {
	echo 'echo "#define VALUE 2" >inc2/value.h' >before
	build_with "$1"
	echo '#define VALUE 1' >inc2/value.h
	want=1
}
# The compiler is done with the header, and the cache has not looked at it yet. The
# new one carries an old time, as unpacking and copying with times do.
edit_before_hashing() {
	echo 'echo "#define VALUE 2" >inc2/value.h; touch -d "1 hour ago" inc2/value.h' >after
	build_with "$1"
}

# judge runs a case with a tool and says how it came out.
judge() {
	local tool=$1 case=$2 is
	want=2
	begin
	"$case" "$tool"
	sleep 1.1
	clean
	build_with "$tool"
	is=$(returned_by "$tool")
	[ "$is" = "$want" ] && echo right || echo "WRONG: $is instead of $want"
}

# known says how it is known what the compiler reads, when the tracer has been built.
known() {
	begin
	"$replibuild" doctor 2>/dev/null | sed -n 's/.*inputs: //p'
}

status=0
row() {
	local ours theirs launched
	theirs=$(judge ccache "$2")
	ours=$(judge replibuild "$2")
	launched=$(judge launcher "$2")
	printf '| %-57s | %-22s | %-22s | %-22s |\n' "$1" "$theirs" "$ours" "$launched"
	[ "$ours $launched" = "right right" ] || status=1
}

known >/dev/null
printf '| %-57s | %-22s | %-22s | %-22s |\n' "what happens" "ccache $(ccache --version | sed -n '1s/.* //p')" "RepliBuild" "replibuild cc"
printf '|%s|%s|%s|%s|\n' "$(printf -- '-%.0s' {1..59})" "$(printf -- '-%.0s' {1..24})" "$(printf -- '-%.0s' {1..24})" "$(printf -- '-%.0s' {1..24})"
row "a header appears that shadows the one included" shadowing
row "an include folder that was missing appears" folder
row "the target of __has_include appears" has_include
row "source edited before the compiler reads it, then reverted" edit_before_reading
row "source edited after the compiler has read it" edit_after_reading
row "header edited before the compiler reads it, then reverted" header_before_reading
row "header edited after the compile, before it is hashed" edit_before_hashing
echo
known
exit $status

#!/bin/bash
# What may happen to the launcher, at length: in each case the command ends as the compiler alone
# does, and leaves the same files.
#
#	bench/launcher_stress.sh REPLIBUILD [LAUNCHES [BUILDS]]
#
# It runs LAUNCHES (10000) launches of eight sources, sixteen at a time; BUILDS (50) builds of a
# small project while the daemon is killed at random moments; edits of files whose times are in
# the past and in the future, as after a jump of the clock; outputs that may not be written; and
# a home that may not be written. Root runs it as the user nobody. It prints a line for each
# case. Exit code 1: a case failed. It takes some minutes.
set -u
if [ "$(id -u)" = 0 ]; then
	exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$PATH" HOME=/nonexistent "$BASH" "$(realpath "$0")" "$@"
fi
launches=${2:-10000} builds=${3:-50}
work=$(mktemp -d)
mkdir "$work/bin"
cp "$1" "$work/bin/replibuild"
for part in go cc; do [ ! -e "$1-$part" ] || cp "$1-$part" "$work/bin/replibuild-$part"; done
export PATH=$work/bin:$PATH REPLIBUILD_HOME=$work/home
unset CI
end() {
	replibuild stop --user >/dev/null 2>&1
	chmod -R u+w "$work"
	rm -rf "$work"
}
trap end EXIT
cd "$work" || exit 1
failed=0
fail() {
	echo "FAILED: $*"
	failed=1
}

project() {
	mkdir -p project && cd project || exit 1
	for i in 1 2 3 4 5 6 7 8; do
		printf '#include <stdio.h>\n#include "h.h"\nint f%d(void) { return puts("%d") + H; }\n' $i $i >$i.c
	done
	echo '#define H 1' >h.h
	printf 'all: 1.o 2.o 3.o 4.o 5.o 6.o 7.o 8.o\n%%.o: %%.c\n\t$(LAUNCHER) gcc -O1 -c $< -o $@\n' >Makefile
	make -s && sha1sum ./*.o >want || exit 1
}

# many starts launches for eight objects, each to names of its own.
many() {
	mkdir out
	seq "$launches" | xargs -P 16 -I{} sh -c 'n=$(({} % 8 + 1)); replibuild-cc gcc -O1 -c $n.c -o out/{}.o || echo {}' >failures
	[ ! -s failures ] || fail "$(wc -l <failures) of $launches launches failed"
	for i in 1 2 3 4 5 6 7 8; do
		for o in out/*.o; do
			n=${o#out/}
			[ $((${n%.o} % 8 + 1)) != $i ] || cmp -s $i.o "$o" || fail "$o differs"
		done
	done
	echo "$launches launches: $(ls out | wc -l) objects; $(replibuild cc --stats | head -3 | tr -s '\n ' ' ')"
	rm -rf out
}

# killed kills the daemon after a random number of objects of each build.
killed() {
	for n in $(seq "$builds"); do
		rm -f ./*.o
		[ $((RANDOM % 3)) != 0 ] || replibuild cc --clear >/dev/null
		make -s -j4 LAUNCHER=replibuild-cc &
		make=$! after=$((RANDOM % 8))
		while [ "$(ls ./*.o 2>/dev/null | wc -l)" -lt $after ] && kill -0 $make 2>/dev/null; do :; done
		pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$REPLIBUILD_HOME"/pids/user-*/compilation.json 2>/dev/null)
		[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
		wait $make || fail "build $n"
		replibuild stop --user >/dev/null # after several crashes a daemon is not started again
		sha1sum --quiet -c want || fail "build $n made other objects"
		[ -z "$(ls -A | grep '^\.rb-')" ] || left=$(ls -A | grep -c '^\.rb-')
	done
	echo "$builds builds with the daemon killed; temporary files left: ${left:-0}"
}

# times edits a header and a source whose times are set, so that only their content tells.
times() {
	for at in '1971-01-01' '2038-01-01' 'now + 1 day' 'now - 1 day'; do
		for value in 11 12 13; do
			echo "#define H $value" >h.h
			touch -d "$at" h.h 1.c
			gcc -O1 -c 1.c -o want.o
			replibuild-cc gcc -O1 -c 1.c -o 1.o || fail "times: $at"
			cmp -s want.o 1.o || fail "times: $at: a stale object"
			replibuild-cc gcc -O1 -c 1.c -o 1.o
			cmp -s want.o 1.o || fail "times: $at: a stale object the second time"
		done
	done
	echo "times that jump: 24 launches"
}

# as_alone compares a command alone and launched twice: status and messages.
as_alone() {
	name=$1
	shift
	"$@" >alone 2>&1
	echo "status $?" >>alone
	for way in first second; do
		replibuild-cc "$@" >launched 2>&1
		echo "status $?" >>launched
		sed -i 's,/cc[A-Za-z0-9]*\.s,/X.s,' alone launched
		cmp -s alone launched || { fail "$name, $way"; diff alone launched; }
	done
	echo "$name: $(tail -1 alone)"
}

project
many
killed
times
as_alone 'an output in a folder of another user' gcc -c 2.c -o /unwritable.o
mkdir closed && cp 2.o closed && chmod 555 closed
as_alone 'an output in a read-only folder' gcc -c 2.c -o closed/2.o
as_alone 'another output in a read-only folder' gcc -c 2.c -o closed/new.o
cp 2.o readonly.o && chmod 444 readonly.o
as_alone 'a read-only output' gcc -c 2.c -o readonly.o
replibuild stop --user >/dev/null
chmod 555 "$REPLIBUILD_HOME"
as_alone 'a read-only home that has a cache' gcc -O1 -c 3.c -o 3.o
replibuild stop --user >/dev/null 2>&1
mkdir "$work/bare" && chmod 555 "$work/bare"
export REPLIBUILD_HOME=$work/bare
as_alone 'a read-only home that is empty' gcc -O1 -c 3.c -o 3.o
exit $failed

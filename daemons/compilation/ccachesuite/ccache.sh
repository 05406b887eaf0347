#!/bin/bash
# Takes the place of ccache in its own tests (suite.sh): the thin client by the name ccache, and
# the options that the tests use. Each CCACHE_DIR has a cache of its own: the cache is emptied
# when a new one is seen.
dir=${CCACHE_DIR:-$HOME/.ccache}

numbers() { # hits and stored results since the daemon started
	"$SUITE_REPLIBUILD" cc --stats --json | tr '{,}' '\n\n\n' | awk -F: '/"launches"/ { on = 1 } on && /"hits"/ { h = $2 } on && /"stored"/ { s = $2 } END { print h + 0, s + 0 }'
}

if [ ! -e "$dir/replibuild-numbers" ]; then
	mkdir -p "$dir"
	"$SUITE_REPLIBUILD" cc --start >/dev/null 2>&1
	"$SUITE_REPLIBUILD" cc --clear >/dev/null
	numbers >"$dir/replibuild-numbers"
fi

name=$(basename "$0")
case $name:${1:-} in
ccache:-C | ccache:--clear) exec "$SUITE_REPLIBUILD" cc --clear ;;
ccache:-z | ccache:--zero-stats) numbers >"$dir/replibuild-numbers" ;;
ccache:-Cz | ccache:-zC)
	"$SUITE_REPLIBUILD" cc --clear
	numbers >"$dir/replibuild-numbers"
	;;
ccache:--print-stats)
	read -r hits0 stored0 <"$dir/replibuild-numbers"
	read -r hits stored < <(numbers)
	direct=$((hits - hits0)) preprocessed=0
	[ -z "${CCACHE_NODIRECT:-}" ] || preprocessed=$direct direct=0
	printf 'direct_cache_hit\t%d\npreprocessed_cache_hit\t%d\ncache_miss\t%d\n' $direct $preprocessed $((stored - stored0))
	;;
ccache:--version) echo "ccache version 4.7.5" ;;
ccache:-*)
	echo "$name: no option $1 here" >&2
	exit 1
	;;
ccache:*) exec "$SUITE_CLIENT" "--exe=$SUITE_REPLIBUILD" "$@" ;;
*) # a link or copy with a compiler's name: this script is no program that the client knows
	here=$(cd "$(dirname "$0")" && pwd)
	PATH=$(printf %s ":$PATH:" | sed "s,:$here:,:,; s,^:,,; s,:\$,,") exec "$SUITE_CLIENT" "--exe=$SUITE_REPLIBUILD" "$name" "$@"
	;;
esac

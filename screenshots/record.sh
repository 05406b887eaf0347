#!/bin/sh
# record.sh REPLIBUILD LEVELDB: records leveldb.jsonl anew, from which draw.sh draws:
# LevelDB (a folder as `make real` leaves it) built from nothing, after edits, from the
# cache, with a mistake in a header, after an edit of a header that 12 files read, and
# a daemon killed at the end. Run it on a machine that has nothing else to do: the
# times are what the pictures show. It takes a minute and a half on two cores.
#
# The dashboard itself saves the log (key W), so that the daemons' logs and the plan
# are in it.
set -eu

[ $# = 2 ] || { echo "usage: $0 REPLIBUILD LEVELDB" >&2; exit 2; }
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=replibuild-record-$$
project=$work/src/leveldb
export REPLIBUILD_HOME="$work/.replibuild" LANG=C.UTF-8 TERM=xterm-256color
unset CI TMUX NO_COLOR || :
trap 'tmux -L "$server" kill-server 2>/dev/null || :; "$bin" --project "$project" stop >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

mkdir -p "$work/src"
cp -R "$2" "$project"
rm -rf "$project/build" "$project/.replibuild"
cp "$here/../examples/leveldb/replibuild.toml" "$here/../examples/leveldb/port_config.sh" "$project"
cd "$project"

# await TEXT: until it is on the dashboard's screen.
await() {
  n=0
  until tmux -L "$server" capture-pane -p | grep -qF -- "$1"; do
    n=$((n + 1))
    [ $n -lt 600 ] || { echo "\"$1\" did not appear" >&2; tmux -L "$server" capture-pane -p >&2; exit 1; }
    sleep 0.05
  done
}

build() { "$bin" compile "$@" >/dev/null || :; sleep 0.4; }

# edit FILE: adds a line to it, as an editor would.
edit() { echo "// seen on $(date +%T.%N)" >>"$1"; sleep 0.3; }

"$bin" start >/dev/null
tmux -L "$server" -f /dev/null new-session -d -x 120 -y 36 "'$bin' tui"
await live
build
for file in util/crc32c.cc db/memtable.cc table/format.cc util/hash.cc db/filename.cc; do
  edit $file
  build
done
edit util/crc32c.h
build
rm -rf build/obj
build
sed -i.orig 's/size_ = 0/sizze_ = 0/' include/leveldb/slice.h
sleep 0.3
build util/coding.cc util/hash.cc
mv include/leveldb/slice.h.orig include/leveldb/slice.h
touch include/leveldb/slice.h
build
for file in table/block.cc db/log_writer.cc util/coding.cc; do
  edit $file
  build
done
edit db/dbformat.h
build
kill -9 "$("$bin" status --json | sed 's/.*"name":"setup","state":"running","pid":\([0-9]*\).*/\1/')"
await '3/4 up'
sleep 1
tmux -L "$server" send-keys W
await 'saved '
sed "s|$work|/home/ada|g" "$REPLIBUILD_HOME"/saved/*-events-*.jsonl >"$here/leveldb.jsonl"
wc -c "$here/leveldb.jsonl"

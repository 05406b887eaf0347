#!/bin/sh
# fetch.sh DIR [FOLDER:PACKAGE...]: puts the sources of LevelDB, fmt, yaml-cpp and
# GoogleTest, as Debian packages them with Debian's patches applied, into DIR/leveldb,
# DIR/fmt, DIR/yaml-cpp and DIR/googletest; or those of other source packages.
#
# Returns at once when they are there. It asks the archives that this machine's apt
# uses already, with source packages switched on in a configuration of its own
# beneath DIR/apt: the system's lists are neither needed nor touched. Root is not
# needed.
#
# Exit codes: 0 all are there; 75 they cannot be fetched here (no apt, no network, no
# such package): the reason is printed and kept in DIR/NOT_FETCHED; 2 wrong usage.
set -eu

[ $# -ge 1 ] || { echo "usage: $0 DIR [FOLDER:PACKAGE...]" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift

# Folder and source package of each.
projects=${*:-leveldb:leveldb fmt:fmtlib yaml-cpp:yaml-cpp googletest:googletest}

missing=
for p in $projects; do
  [ -f "$dir/${p%%:*}.version" ] && [ -d "$dir/${p%%:*}" ] || missing="$missing $p"
done
if [ -z "$missing" ]; then
  rm -f "$dir/NOT_FETCHED"
  exit 0
fi

give_up() {
  echo "$1" >"$dir/NOT_FETCHED"
  echo "real projects not fetched: $1" >&2
  exit 75
}

for tool in apt-get dpkg-source; do
  command -v $tool >/dev/null 2>&1 || give_up "$tool is missing (Debian's packages apt and dpkg-dev)"
done

# The same archives with deb-src for deb, from both of apt's file formats.
apt=$dir/apt
rm -rf "$apt"
mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
n=0
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [ -r "$f" ] || continue
  n=$((n + 1))
  case $f in
    *.sources) sed -E 's/^Types:.*/Types: deb-src/' "$f" >"$apt/parts/$n.sources" ;;
    *) sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$f" >"$apt/parts/$n.list" ;;
  esac
done
[ $n -gt 0 ] || give_up "apt has no archive on this machine: /etc/apt holds no list"

# The sandbox user cannot write beneath a home folder, and needs not: what is
# downloaded is checked by signature.
ask() {
  program=$1
  shift
  "$program" -qq \
    -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Get::List-Cleanup=false \
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
    -o Dpkg::Use-Pty=0 "$@"
}

# The newest version whose files come: a mirror may know of an update and not have it.
download() {
  ask apt-get --download-only source "$1" && return
  for version in $(ask apt-cache showsrc "$1" | sed -n 's/^Version: //p' | sort -rV | uniq); do
    rm -f ./*
    ask apt-get --download-only source "$1=$version" && return
  done
  return 1
}

# One archive of several may fail without harm: what counts is whether the packages come.
ask apt-get update >"$apt/log" 2>&1 || true
for p in $missing; do
  name=${p%%:*} package=${p##*:}
  work=$dir/$name.new
  rm -rf "$work"
  mkdir "$work"
  (cd "$work" && download "$package") >>"$apt/log" 2>&1 ||
    { tail -n 5 "$apt/log" >&2; give_up "apt-get source $package failed, its output is in $apt/log"; }
  dpkg-source -x "$work"/*.dsc "$work/tree" >>"$apt/log" 2>&1 ||
    { tail -n 5 "$apt/log" >&2; give_up "dpkg-source -x of $package failed, its output is in $apt/log"; }
  rm -rf "${dir:?}/$name"
  mv "$work/tree" "$dir/$name"
  sed -n 's/^Version: //p' "$work"/*.dsc | head -n 1 >"$dir/$name.version"
  rm -rf "$work"
done
rm -rf "$apt" "$dir/NOT_FETCHED"

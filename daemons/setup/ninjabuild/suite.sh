#!/bin/sh
# suite.sh REPLIBUILD SOURCES: runs ninja's own tests of the whole program,
# misc/output_test.py and misc/jobserver_test.py, against `replibuild` by the name ninja.
# SOURCES is a source tree of ninja; a version before 1.13 has no jobserver_test.py.
#
# docs/ninja.md lists what differs and why. Exit code: that of the last suite that failed.
set -u

[ $# = 2 ] || { echo "usage: $0 REPLIBUILD SOURCES" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/misc"
cp "$2"/misc/*.py "$work/misc/"
ln -s "$1" "$work/ninja" # the suites run ./ninja of the working folder

code=0
for suite in output_test jobserver_test; do
  [ -f "$work/misc/$suite.py" ] || continue
  echo "== $suite"
  (cd "$work" && python3 "misc/$suite.py") || code=$?
done
exit $code

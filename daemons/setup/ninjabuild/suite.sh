#!/bin/sh
# suite.sh REPLIBUILD NINJA [CMAKE]: runs the tests of others against `replibuild` by the name
# ninja: ninja's own of the whole program, misc/output_test.py and misc/jobserver_test.py,
# and CMake's of its ninja generator, Tests/RunCMake/Ninja. NINJA and CMAKE are their source
# trees. A ninja before 1.13 has no jobserver_test.py.
#
# docs/ninja.md lists what differs and why. Exit code: that of the last suite that failed.
set -u

[ $# -ge 2 ] || { echo "usage: $0 REPLIBUILD NINJA [CMAKE]" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/misc" "$work/cmake"
cp "$2"/misc/*.py "$work/misc/"
ln -s "$1" "$work/ninja" # the suites run ./ninja of the working folder

export CI=1 REPLIBUILD_HOME="$work/home" # no daemon outlives the suite

code=0
for suite in output_test jobserver_test; do
  [ -f "$work/misc/$suite.py" ] || continue
  echo "== $suite"
  (cd "$work" && python3 "misc/$suite.py") || code=$?
done

tests=${3:+$3/Tests/RunCMake}
if [ -d "$tests/Ninja" ]; then
  echo "== RunCMake/Ninja"
  cmake -DCMAKE_MODULE_PATH="$tests" -DRunCMake_GENERATOR=Ninja -DRunCMake_GENERATOR_IS_MULTI_CONFIG=0 \
    -DRunCMake_SOURCE_DIR="$tests/Ninja" -DRunCMake_BINARY_DIR="$work/cmake" -DRunCMake_MAKE_PROGRAM="$work/ninja" \
    -DCMAKE_C_COMPILER_ID=GNU -DCMAKE_C_OUTPUT_EXTENSION=.o -DCMAKE_C_OUTPUT_EXTENSION_REPLACE= \
    -P "$tests/Ninja/RunCMakeTest.cmake" || code=$?
fi
exit $code

#!/bin/sh
# port_config.sh TEMPLATE OUTPUT: writes LevelDB's port_config.h, each
# "#cmakedefine01 HAVE_X" of the template replaced by what this system has. CRC32C
# and Snappy are left out: LevelDB's own code serves.
set -eu

case $(uname -s) in
  Darwin) has='HAVE_FULLFSYNC HAVE_O_CLOEXEC' ;;
  *) has='HAVE_FDATASYNC HAVE_O_CLOEXEC' ;;
esac

script=
for name in $has; do
  script="$script;s/^#cmakedefine01 $name\$/#define $name 1/"
done
mkdir -p "$(dirname "$2")"
sed "${script#;};s/^#cmakedefine01 \(.*\)/#define \1 0/" "$1" >"$2"

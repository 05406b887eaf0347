#!/bin/sh
# Runs bazel-remote on the loopback interface: all may read, the users in `users` may write.
# usage: serve.sh PROGRAM FOLDER GRPC_PORT HTTP_PORT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$1" --dir "$2" --max_size 5 --access_log_level none \
	--grpc_address "127.0.0.1:$3" --http_address "127.0.0.1:$4" \
	--htpasswd_file "$here/users" --allow_unauthenticated_reads

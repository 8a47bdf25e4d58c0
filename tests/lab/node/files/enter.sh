# Join control groups, then become a program.
# Arguments: files named cgroup.procs, "--", the program and its arguments.
set -eu
while [ "$1" != -- ]; do
  echo $$ >"$1"
  shift
done
shift
exec "$@"

# Disarm the rollback. Arguments: directory, unit name, and "forget" when one that has fired is to be cleared away.
# When it fired in this very moment, it may end first; then that is said and nothing is removed.
set -eu
dir=$1 name=$2 forget=$3
systemctl stop "$name.timer" 2>/dev/null || :
patience=20
while systemctl is-active --quiet "$name.service"; do
  if [ "$patience" -eq 0 ]; then
    echo "the rollback is at work" >&2
    exit 1
  fi
  patience=$((patience - 1))
  sleep 1
done
if [ -e "$dir/fired" ] && [ "$forget" != forget ]; then
  echo "the rollback has fired" >&2
  exit 1
fi
[ ! -L "$dir/copy" ] || rm -f "$(readlink "$dir/copy")"
rm -rf "$dir"

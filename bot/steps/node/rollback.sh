# Runs on the node when nobody disarmed it in time: restores the configuration, if it is still the one we wrote, and
# restarts containerd. Arguments: directory, configuration, sha256 written, backup, containerd's unit.
set -eu
dir=$1 config=$2 written=$3 backup=$4 unit=$5

if [ "$(sha256sum <"$config" | cut -d ' ' -f 1)" != "$written" ]; then
  echo "left alone: $config was changed by somebody else" >&2
  exit 0
fi
: >"$dir/fired"
sync "$dir"
new=$(mktemp "${config%/*}/.imsbot-XXXXXX")
cp -p "$backup" "$new"
sync "$new"
mv -f "$new" "$config"
touch "$config"
sync "${config%/*}"
systemctl reset-failed "$unit" 2>/dev/null || :
systemctl restart "$unit"

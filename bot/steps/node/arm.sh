# Arm the node's own way back: a timer that restores the configuration unless somebody disarms it.
# Arguments: directory, unit name, seconds, configuration, sha256 written, sha256 before, backup, containerd's unit,
# the text of rollback.sh.
# A transient timer's default accuracy adds up to a minute, hence AccuracySec.
set -eu
umask 077
dir=$1 name=$2 seconds=$3 config=$4 written=$5 before=$6 backup=$7 unit=$8 text=$9

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

if [ "$(sum "$config")" != "$written" ]; then
  echo "refused: $config is not the file that was approved" >&2
  exit 1
fi
if [ "$written" = "$before" ] && [ ! -e "$backup" ]; then
  mkdir -p "${backup%/*}"
  cp -p "$config" "$backup"
fi
if [ "$(sum "$backup")" != "$before" ]; then
  echo "refused: the backup $backup is not the file of before" >&2
  exit 1
fi
mkdir -p "$dir"
rm -f "$dir/fired"
printf '%s' "$text" >"$dir/rollback.sh"
: >"$dir/armed"
sync "$dir/rollback.sh" "$dir"
set -- "$dir" "$config" "$written" "$before" "$backup" "$unit"
/bin/sh "$dir/rollback.sh" prepare "$@"
systemctl reset-failed "$name.timer" "$name.service" 2>/dev/null || :
systemd-run --unit="$name" --collect --on-active="${seconds}s" --timer-property=AccuracySec=100ms \
  /bin/sh "$dir/rollback.sh" fire "$@"
systemctl is-active "$name.timer"

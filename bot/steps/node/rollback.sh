# The node's own way back. Arguments: "prepare" or "fire", directory, configuration, sha256 written, sha256 before,
# backup, containerd's unit.
# "fire" runs when nobody disarmed it in time: it restores the configuration, if it is still the one we wrote, and
# restarts containerd. The disk may be full by then, so what needs room is prepared: the file of before lies beside the
# configuration, with that one's own attributes (the backup's file system may not keep them), and is only renamed. Its
# name is not one that imports ask for; the link `copy` tells it to whoever clears it away.
set -eu
umask 077
verb=$1 dir=$2 config=$3 written=$4 before=$5 backup=$6 unit=$7
copy=${config%/*}/.${config##*/}.imsbot-rollback-${dir##*/}

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

prepare() {
  [ -L "$dir/copy" ] || ln -s "$copy" "$dir/copy"
  sync "$dir"
  rm -f "$copy"
  cp --preserve=all "$config" "$copy" 2>/dev/null || cp -p "$config" "$copy"
  cat "$backup" >"$copy"
  sync "$copy"
  [ "$(sum "$copy")" = "$before" ]
}

if [ "$verb" = prepare ]; then
  prepare
  exit
fi
if [ "$(sum "$config")" != "$written" ]; then
  rm -f "$copy"
  echo "left alone: $config was changed by somebody else" >&2
  exit 0
fi
# Only a note for the bot: without it the facts tell the same.
mv -f "$dir/armed" "$dir/fired" || :
sync "$dir" || :
[ -f "$copy" ] && [ "$(sum "$copy")" = "$before" ] || prepare
touch "$copy" || :
mv -f "$copy" "$config"
sync "${config%/*}" || :
systemctl reset-failed "$unit" 2>/dev/null || :
systemctl restart "$unit"

# Restart containerd, only while the node can find its own way back.
# Arguments: containerd's unit, the rollback's timer (empty when the restart itself is the way back).
# After some failed starts systemd refuses even a good one until reset-failed.
set -eu
unit=$1 timer=$2
if [ -n "$timer" ] && ! systemctl is-active --quiet "$timer"; then
  echo "refused: $timer is not armed" >&2
  exit 1
fi
systemctl reset-failed "$unit" 2>/dev/null || :
systemctl restart "$unit"

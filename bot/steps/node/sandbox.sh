# Start one pod sandbox with a runtime handler and remove it again.
# Arguments: CRI socket, handler, name, seconds for each call.
set -eu
socket=$1 handler=$2 name=$3 seconds=$4
cri() { crictl --runtime-endpoint "$socket" --timeout "${seconds}s" "$@"; }

umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/imsbot-XXXXXX")
trap 'rm -rf "$dir"' EXIT
for left in $(cri pods --name "$name" --quiet); do
  cri stopp "$left" >/dev/null
  cri rmp "$left" >/dev/null
done
printf '{"metadata":{"name":"%s","namespace":"imsbot","uid":"%s","attempt":1},"log_directory":"%s","linux":{}}\n' \
  "$name" "$name" "$dir" >"$dir/sandbox.json"
pod=$(cri runp --runtime "$handler" "$dir/sandbox.json")
cri stopp "$pod" >/dev/null
cri rmp "$pod" >/dev/null
echo "sandbox started and removed"

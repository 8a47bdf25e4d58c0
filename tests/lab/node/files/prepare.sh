# What a physical machine would have at boot: control groups that may be written, and the kernel settings that the
# kubelet wants, which a container may not change on its host.
set -eu
for hierarchy in /sys/fs/cgroup/*; do
  [ -L "$hierarchy" ] || mount -o remount,rw,bind "$hierarchy"
done
mkdir -p /run/imslab
for setting in kernel/panic=10 kernel/panic_on_oops=1 vm/overcommit_memory=1; do
  wanted=/run/imslab/${setting%=*}
  mkdir -p "${wanted%/*}"
  echo "${setting#*=}" >"$wanted"
  mount --bind "$wanted" "/proc/sys/${setting%=*}"
done

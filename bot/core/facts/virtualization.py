"""Whether the machine can run a micro-VM at all.

Kata 3.1 and later hang without `/dev/kvm` instead of saying so (kata-failures.md 1.3), so this is asked
first.
"""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "virtualization"
COMMAND = """
device() {
  if [ ! -e "$2" ]; then printf '%s=absent\\n' "$1"
  elif [ ! -c "$2" ]; then printf '%s=no character device\\n' "$1"
  elif ! ( : <>"$2" ) 2>/dev/null; then printf '%s=does not open\\n' "$1"
  else printf '%s=usable\\n' "$1"; fi
}
device kvm /dev/kvm
device vsock /dev/vhost-vsock
if grep -qwE '(vmx|svm)' /proc/cpuinfo; then echo cpu=yes; else echo cpu=no; fi
"""


@dataclass(frozen=True, slots=True)
class Virtualization:
    kvm: str
    """"usable", or what is wrong with /dev/kvm."""
    vsock: str
    """The same for /dev/vhost-vsock."""
    cpu: bool
    """The CPU flags name vmx or svm."""

    @property
    def kvm_usable(self) -> bool:
        return self.kvm == "usable"

    @property
    def vsock_usable(self) -> bool:
        return self.vsock == "usable"


def parse(output: Output) -> Virtualization:
    fields = output.fields()
    return Virtualization(
        kvm=output.need(fields, "kvm"),
        vsock=output.need(fields, "vsock"),
        cpu=output.need(fields, "cpu") == "yes",
    )

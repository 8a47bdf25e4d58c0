"""Which machine answered, and what it is."""

from dataclasses import dataclass

from bot.core.facts.frame import Output

NAME = "host"
COMMAND = """
printf 'hostname=%s\\n' "$(uname -n)"
printf 'machine=%s\\n' "$(uname -m)"
printf 'kernel=%s\\n' "$(uname -r)"
printf 'boot_id=%s\\n' "$(cat /proc/sys/kernel/random/boot_id)"
"""


@dataclass(frozen=True, slots=True)
class Host:
    hostname: str
    """As the kernel knows it; CSM's Kubernetes node name is its first label (domain.md 3)."""
    machine: str
    """`uname -m`."""
    kernel: str
    """`uname -r`: a Kata guest reports another one."""
    boot_id: str

    @property
    def short_name(self) -> str:
        return self.hostname.partition(".")[0]


def parse(output: Output) -> Host:
    fields = output.fields()
    values = {key: output.need(fields, key) for key in ("hostname", "machine", "kernel", "boot_id")}
    empty = [key for key, value in values.items() if not value]
    if empty:
        raise output.unknown(f"{', '.join(empty)} is empty")
    return Host(**values)

"""The two runtime tables of the procedure, as values.

Why both: the RuntimeClass asks for `kata-qemu`; `kata` is what other procedures and people expect beside it.
Source: the seed procedure and CSM's own NCN image (same tables). Paths are settings of a site, so nothing else in
the package spells them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Value = str | bool | tuple[str, ...]
"""What our keys hold. Lists are tuples, so that tables stay hashable."""

Pair = tuple[str, Value]

OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class RuntimeTable:
    """One runtime as CRI must know it: the table `runtimes.<name>` and its `options`."""

    name: str
    runtime_type: str
    config_path: str
    privileged_without_host_devices: bool = True
    pod_annotations: tuple[str, ...] = ("io.katacontainers.*",)

    @property
    def own(self) -> tuple[Pair, ...]:
        """The keys of the table itself, in the order of the procedure."""
        return (
            ("runtime_type", self.runtime_type),
            ("privileged_without_host_devices", self.privileged_without_host_devices),
            ("pod_annotations", self.pod_annotations),
        )

    @property
    def options(self) -> tuple[Pair, ...]:
        return (("ConfigPath", self.config_path),)


@dataclass(frozen=True, slots=True)
class KataHandlers:
    """The pair of runtimes that a node must offer."""

    kata: RuntimeTable
    kata_qemu: RuntimeTable

    def __iter__(self) -> Iterator[RuntimeTable]:
        return iter((self.kata, self.kata_qemu))


_SHIPPED = "/opt/kata/share/defaults/kata-containers"

DEFAULT = KataHandlers(
    kata=RuntimeTable("kata", "io.containerd.kata.v2", f"{_SHIPPED}/configuration.toml"),
    kata_qemu=RuntimeTable("kata-qemu", "io.containerd.kata-qemu.v2", f"{_SHIPPED}/configuration-qemu.toml"),
)

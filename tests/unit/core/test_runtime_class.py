"""When a RuntimeClass that is there counts as the one we would create."""

from bot.core.action import CreateRuntimeClass
from bot.core.objects import Meta, Overhead, RuntimeClass, Scheduling
from bot.core.runtime_class import differences

WANTED = CreateRuntimeClass("kata-qemu", "kata-qemu", {"memory": "160Mi", "cpu": "250m"}, {"a": "b"})


def found(
    handler: str = "kata-qemu",
    overhead: dict[str, str | int] | None = None,
    selector: dict[str, str] | None = None,
) -> RuntimeClass:
    return RuntimeClass(
        metadata=Meta(name="kata-qemu"),
        handler=handler,
        overhead=Overhead(pod_fixed=overhead) if overhead is not None else None,
        scheduling=Scheduling(node_selector=selector) if selector is not None else None,
    )


def test_amounts_are_compared_by_value_not_by_spelling() -> None:
    assert differences(found(overhead={"memory": 167772160, "cpu": "0.25"}, selector={"a": "b"}), WANTED) == ()


def test_every_difference_shows_both_values() -> None:
    assert differences(found("kata", {"memory": "1Gi"}, {}), WANTED) == (
        "handler is kata, not kata-qemu",
        "overhead is memory=1Gi, not cpu=250m, memory=160Mi",
        "nodeSelector is none, not a=b",
    )


def test_absent_sections_are_empty_ones() -> None:
    assert differences(found(), CreateRuntimeClass("kata-qemu", "kata-qemu", {}, {})) == ()

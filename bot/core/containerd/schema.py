"""Which names count in a configuration, by its schema version.

containerd reads `version` first; a table under the names of another schema is ignored without a word and with exit
status 0 (`kata-failures.md` 5), so a handler in the wrong place looks configured and is not. The version of the
*file* decides where we write; that of a `config dump` may be higher, because containerd migrates (2.3 to 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.containerd.document import Document
from bot.core.containerd.scan import Path
from bot.core.containerd.verdict import CannotMergeError, shown

CRI = "io.containerd.grpc.v1.cri"
CRI_RUNTIME = "io.containerd.cri.v1.runtime"
CRI_IMAGES = "io.containerd.cri.v1.images"

CRI_NAMES = frozenset({"cri", CRI, CRI_RUNTIME, CRI_IMAGES})
"""Disabling any of them turns CRI off, in whatever schema the list is written."""

BUILT_IN_DEFAULT = "runc"
"""containerd's default runtime when the file names none."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one schema keeps what CRI needs."""

    version: int
    plugin: str
    sandbox_image: Path

    @property
    def containerd(self) -> Path:
        return ("plugins", self.plugin, "containerd")

    @property
    def runtimes(self) -> Path:
        return (*self.containerd, "runtimes")


_PINNED = ("plugins", CRI_IMAGES, "pinned_images", "sandbox")
LAYOUTS: Mapping[int, Layout] = {
    2: Layout(2, CRI, ("plugins", CRI, "sandbox_image")),
    3: Layout(3, CRI_RUNTIME, _PINNED),
    4: Layout(4, CRI_RUNTIME, _PINNED),
}
EDITABLE = frozenset({2, 3})
"""Schema 4 can be read in a dump, but its files are not edited until they are supported."""


def layout_of(document: Document) -> Layout:
    """Where this file keeps its runtimes. Raises `CannotMergeError`: CRI is off, or names do not fit `version`."""
    _require_cri(document)
    layout = _by_version(document)
    _require_full_names(document, layout)
    _require_own_names(document, layout)
    return layout


def disabled_cri(tree: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in `disabled_plugins` that turn CRI off."""
    disabled = tree.get("disabled_plugins", [])
    return tuple(name for name in disabled if name in CRI_NAMES) if isinstance(disabled, list) else ()


def _require_cri(document: Document) -> None:
    if off := disabled_cri(document.tree):
        raise CannotMergeError(
            f"CRI is disabled (disabled_plugins has {shown(off[0])}), so a handler would do nothing: "
            "enable CRI first, or look for the file that the kubelet's containerd uses",
            line=document.line_of(("disabled_plugins",)),
        )


def _by_version(document: Document) -> Layout:
    version = document.tree.get("version")
    line = document.line_of(("version",))
    if not document.tree:
        raise CannotMergeError(
            "the file says nothing (no `version`), so containerd runs on built-in settings, and a table here "
            f"would hide the built-in `{BUILT_IN_DEFAULT}`: begin with the output of `containerd config default`"
        )
    if version is None:
        raise CannotMergeError(f"no `version`, so containerd reads it as schema 1: {_versionless_hint(document)}")
    if type(version) is not int:
        raise CannotMergeError(
            f"`version` is {shown(version)}, not a number: containerd will not start", line=line
        )
    if version == 1:
        raise CannotMergeError(
            "schema 1 (`version = 1`) is not edited: move the file to schema 2 first", line=line
        )
    if version in EDITABLE:
        return LAYOUTS[version]
    until = "is not edited until it is supported" if version in LAYOUTS else "is unknown"
    raise CannotMergeError(
        f"schema {shown(version)} {until}: add the tables by hand, or use schema 2 or 3", line=line
    )


def _versionless_hint(document: Document) -> str:
    plugins = document.tree.get("plugins")
    names = set(plugins) if isinstance(plugins, Mapping) else set()
    if modern := sorted(names & {CRI, CRI_RUNTIME, CRI_IMAGES}):
        return (
            f"its tables under {shown(modern[0])} do not count there; if it is a drop-in, merge into the file "
            "that imports it, else give it the `version` that its names belong to"
        )
    return "move it to schema 2 first (`version = 2` and full plugin names)"


def _require_full_names(document: Document, layout: Layout) -> None:
    """containerd itself refuses such names from schema 2 on (`expect io.containerd.x.vx`)."""
    for key in ("plugins", "disabled_plugins", "required_plugins"):
        names = document.tree.get(key)
        if names is None:
            continue
        if not isinstance(names, Mapping if key == "plugins" else list):
            raise CannotMergeError(
                f"`{key}` is {shown(names)}: containerd will not start", line=document.line_of((key,))
            )
        for name in names:
            if not isinstance(name, str) or name.count(".") < 3:
                raise CannotMergeError(
                    f"`{key}` has the schema 1 name {shown(name)} under `version = {layout.version}`, and "
                    "containerd refuses that: use the full name (`io.containerd.<type>.<version>.<id>`)",
                    line=document.line_of((key, str(name))) or document.line_of((key,)),
                )


def stray_tables(document: Document, layout: Layout) -> tuple[Path, ...]:
    """Tables of CRI under the names of another schema than the file's.

    Schema 3 kept `grpc.v1.cri` for the streaming server, so there only runtimes in it are misplaced.
    """
    names: tuple[Path, ...] = (
        (("plugins", CRI_RUNTIME), ("plugins", CRI_IMAGES))
        if layout.plugin == CRI
        else (("plugins", CRI, "containerd"),)
    )
    return tuple(path for path in names if document.get(path) is not None)


def _require_own_names(document: Document, layout: Layout) -> None:
    """Leftovers beside the right tables do no harm, unless they win: containerd 2 prefers runtimes of schema 3."""
    strays = stray_tables(document, layout)
    has_rival = layout.plugin == CRI and document.get(LAYOUTS[3].runtimes) is not None
    if strays and (has_rival or document.get(layout.runtimes) is None):
        raise CannotMergeError(
            f"`version = {layout.version}`, but {shown(strays[0][1])} is of another schema, so containerd ignores "
            f"or mixes up what stands there: move it to {shown(layout.plugin)} first",
            line=document.line_of(strays[0]),
        )

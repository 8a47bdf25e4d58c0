"""What a dump of containerd 1.6 (configuration version 2) says about runtimes, and whether CRI lives with it."""

CRI = "io.containerd.grpc.v1.cri"


def cri_section(dump: dict) -> dict:
    return dump.get("plugins", {}).get(CRI, {})


def runtimes(dump: dict) -> dict[str, dict]:
    return cri_section(dump).get("containerd", {}).get("runtimes", {})


def default_runtime(dump: dict) -> str:
    return cri_section(dump).get("containerd", {}).get("default_runtime_name", "")


def cri_failure(dump: dict) -> str | None:
    """Why the CRI plugin does not load although the daemon runs, in containerd's words; None when it does.

    Plugin start-up is not part of `config dump`, so a file that dumps well can still lose the plugin.
    """
    if {CRI, "cri"} & set(dump.get("disabled_plugins", [])):
        return "skip loading plugin: disabled"
    name = default_runtime(dump)
    if not name:
        return "invalid plugin config: `default_runtime_name` is empty"
    if name not in runtimes(dump):
        return (
            "invalid plugin config: no corresponding runtime configured in `containerd.runtimes` for `containerd` "
            f'`default_runtime_name = "{name}"'
        )
    registry = cri_section(dump).get("registry", {})
    if registry.get("config_path") and registry.get("mirrors"):
        return "invalid plugin config: `mirrors` cannot be set when `config_path` is provided"
    return None

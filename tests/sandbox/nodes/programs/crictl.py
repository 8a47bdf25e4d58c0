#!/usr/bin/python3 -S
"""`crictl` of a simulated worker: what an operator and the bot ask, with crictl's JSON and messages."""

import getopt
import json
import os
import sys
from datetime import UTC, datetime

from errors import rpc_text
from wire import ENDPOINT, CriCallError, call

VERSION = "v1.27.0"


class Fatal(Exception):
    """Ends with logrus' line and status 1."""


def request(what: str, method: str, params: dict | None = None) -> object:
    try:
        return call(method, params or {})
    except CriCallError as error:
        text = rpc_text(error.code, str(error))
        if error.code in ("Unimplemented", "Unavailable"):
            raise Fatal(
                f'validate service connection: validate CRI v1 runtime API for endpoint "{ENDPOINT}": {text}'
            ) from None
        klog(f"{method} from runtime service failed", text)
        raise Fatal(f"{what}: {text}") from None


def klog(what: str, error: str) -> None:
    """Kubernetes' own client, within crictl, writes a line of its own before crictl's last one."""
    now = datetime.now(UTC).strftime("%m%d %H:%M:%S.%f")
    said = f"{json.dumps(what)} err={json.dumps(error)}"
    print(f"E{now} {os.getpid():7} remote_runtime.go:193] {said}", file=sys.stderr)


def runtime_json(runtime: dict) -> dict:
    return {
        "runtimeType": runtime.get("runtime_type", ""),
        "runtimePath": runtime.get("runtime_path", ""),
        "runtimeEngine": runtime.get("runtime_engine", ""),
        "PodAnnotations": runtime.get("pod_annotations", []),
        "ContainerAnnotations": runtime.get("container_annotations", []),
        "runtimeRoot": runtime.get("runtime_root", ""),
        "options": runtime.get("options", {}),
        "privileged_without_host_devices": runtime.get("privileged_without_host_devices", False),
        "baseRuntimeSpec": runtime.get("base_runtime_spec", ""),
    }


def info(_: list[str]) -> None:
    dump = request("getting status of runtime", "Status")
    cri = dump["plugins"]["io.containerd.grpc.v1.cri"]
    containerd = cri["containerd"]
    show(
        {
            "status": {
                "conditions": [
                    {"type": "RuntimeReady", "status": True, "reason": "", "message": ""},
                    {"type": "NetworkReady", "status": True, "reason": "", "message": ""},
                ]
            },
            "config": {
                "containerd": {
                    "snapshotter": containerd.get("snapshotter", ""),
                    "defaultRuntimeName": containerd.get("default_runtime_name", ""),
                    "runtimes": {
                        name: runtime_json(each) for name, each in containerd.get("runtimes", {}).items()
                    },
                },
                "registry": {"configPath": cri.get("registry", {}).get("config_path", "")},
                "sandboxImage": cri.get("sandbox_image", ""),
                "containerdEndpoint": "/run/containerd/containerd.sock",
            },
            "golang": "go1.19.8",
            "lastCNILoadStatus": "OK",
        }
    )


def pods(arguments: list[str]) -> None:
    options, _ = parse(arguments, "o:q", ["output=", "quiet", "name=", "namespace=", "id=", "state="])
    found = request("listing pod sandboxes", "ListPodSandbox")
    for option, matches in {
        "--name": lambda pod, wanted: wanted in pod["metadata"]["name"],
        "--namespace": lambda pod, wanted: wanted == pod["metadata"]["namespace"],
        "--id": lambda pod, wanted: pod["id"].startswith(wanted),
        "--state": lambda pod, wanted: pod["state"].lower().endswith(wanted.lower()),
    }.items():
        if option in options:
            found = [pod for pod in found if matches(pod, options[option])]
    kept = ("id", "metadata", "state", "createdAt", "labels", "annotations", "runtimeHandler")
    if options.get("-o", options.get("--output")) == "json":
        show({"items": [{**{key: pod[key] for key in kept}, "createdAt": str(pod["createdAt"])} for pod in found]})
    elif "-q" in options or "--quiet" in options:
        print("".join(f"{pod['id']}\n" for pod in found), end="")
    else:
        print(
            "POD ID              STATE       NAME                NAMESPACE           ATTEMPT             RUNTIME"
        )
        for pod in found:
            state = pod["state"].removeprefix("SANDBOX_").capitalize()
            meta = pod["metadata"]
            print(
                pod["id"][:13],
                state,
                meta["name"],
                meta["namespace"],
                meta.get("attempt", 0),
                pod["runtimeHandler"] or "(default)",
                sep="   ",
            )


def containers(arguments: list[str]) -> None:
    """One container per ready sandbox of the kubelet's: a simulated pod has no finer grain."""
    options, _ = parse(arguments, "ao:q", ["all", "output=", "quiet"])
    found = [
        {
            "id": pod["id"][::-1],
            "podSandboxId": pod["id"],
            "metadata": {"name": pod["metadata"]["name"], "attempt": 0},
            "state": "CONTAINER_RUNNING",
            "labels": pod["labels"],
        }
        for pod in request("listing containers", "ListPodSandbox")
        if pod["state"] == "SANDBOX_READY" and "io.kubernetes.pod.uid" in pod["labels"]
    ]
    if options.get("-o", options.get("--output")) == "json":
        show({"containers": found})
    elif "-q" in options or "--quiet" in options:
        print("".join(f"{container['id']}\n" for container in found), end="")
    else:
        print("CONTAINER           STATE     NAME     POD ID")
        for container in found:
            print(
                container["id"][:13],
                "Running",
                container["metadata"]["name"],
                container["podSandboxId"][:13],
                sep="   ",
            )


def run(arguments: list[str]) -> None:
    options, rest = parse(arguments, "r:T:", ["runtime=", "cancel-timeout="])
    if len(rest) != 1:
        raise Fatal("cannot run pod sandbox without a pod-config.json")
    try:
        with open(rest[0], encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as error:
        raise Fatal(f"load podSandboxConfig: {error}") from None
    handler = options.get("--runtime", options.get("-r", ""))
    print(request("run pod sandbox", "RunPodSandbox", {"config": config, "runtime_handler": handler})["id"])


def stop(arguments: list[str]) -> None:
    for sandbox in arguments:
        request(f'stopping the pod sandbox "{sandbox}"', "StopPodSandbox", {"id": sandbox})
        print(f"Stopped sandbox {sandbox}")


def remove(arguments: list[str]) -> None:
    options, rest = parse(arguments, "fa", ["force", "all"])
    for sandbox in rest:
        if "-f" in options or "--force" in options:
            request(f'stopping the pod sandbox "{sandbox}"', "StopPodSandbox", {"id": sandbox})
        request(f'removing the pod sandbox "{sandbox}"', "RemovePodSandbox", {"id": sandbox})
        print(f"Removed sandbox {sandbox}")


def version(_: list[str]) -> None:
    request("getting the runtime version", "Status")
    print("Version:  0.1.0\nRuntimeName:  containerd\nRuntimeVersion:  1.6.20~ds1\nRuntimeApiVersion:  v1")


COMMANDS = {
    "info": info,
    "pods": pods,
    "ps": containers,
    "runp": run,
    "stopp": stop,
    "rmp": remove,
    "version": version,
}


def parse(arguments: list[str], short: str, long: list[str]) -> tuple[dict[str, str], list[str]]:
    try:
        options, rest = getopt.gnu_getopt(arguments, short, long)
    except getopt.GetoptError as error:
        raise Fatal(f"flag provided but not defined: {error.opt}") from None
    return dict(options), rest


def show(value: object) -> None:
    print(json.dumps(value, indent=2))


def main() -> int:
    try:
        options, rest = getopt.getopt(
            sys.argv[1:], "r:t:v", ["runtime-endpoint=", "timeout=", "version", "config="]
        )
        if ("--version", "") in options or ("-v", "") in options:
            print(f"crictl version {VERSION}")
            return 0
        if not rest or rest[0] not in COMMANDS:
            raise Fatal(f"No help topic for '{rest[0] if rest else ''}'")
        COMMANDS[rest[0]](rest[1:])
    except (Fatal, getopt.GetoptError) as error:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(f"time={json.dumps(now)} level=fatal msg={json.dumps(str(error))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

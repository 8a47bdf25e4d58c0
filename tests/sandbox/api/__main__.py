"""`python -m tests.sandbox.api --port 8443 --kubeconfig FILE [OBJECTS.json ...]`: an API server to play with."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from .resources import ALL, NAMESPACES, KubeObject
from .server import ApiServer
from .status import ApiError


def _load(server: ApiServer, path: Path) -> None:
    document = json.loads(path.read_text())
    for obj in document["items"] if document.get("kind") == "List" else [document]:
        _create(server, obj)


def _create(server: ApiServer, obj: KubeObject) -> None:
    resource = next(r for r in ALL if (r.kind, r.api_version) == (obj["kind"], obj["apiVersion"]))
    namespace = obj["metadata"].get("namespace", "default") if resource.namespaced else ""
    if namespace and server.registry.store.find(NAMESPACES, ("", namespace)) is None:
        server.registry.create(NAMESPACES, {"metadata": {"name": namespace}})
    server.registry.create(resource, obj, namespace)


async def _serve(port: int, kubeconfig: Path, objects: list[Path]) -> None:
    server = ApiServer(port=port)
    for path in objects:
        _load(server, path)
    await server.start()
    server.kubeconfig(kubeconfig)
    print(f"{server.url}\nexport KUBECONFIG={kubeconfig}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="written with the administrator's token")
    parser.add_argument("objects", type=Path, nargs="*", help="JSON objects or Lists to start with")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments.port, arguments.kubeconfig, arguments.objects))
    except KeyboardInterrupt:
        pass
    except ApiError as error:
        parser.exit(2, f"{error.message}\n")


if __name__ == "__main__":
    main()

"""The manifests as objects, and what `kubectl apply -k deploy` makes of them."""

from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())


def read(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def all_objects() -> list[dict[str, Any]]:
    """In the order in which they can be created, with the generated ConfigMap and the image's real name."""
    (generator,) = KUSTOMIZATION["configMapGenerator"]
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": generator["name"], "namespace": generator["namespace"]},
        "data": {name: (DEPLOY / name).read_text() for name in generator["files"]},
    }
    rest = [obj for name in KUSTOMIZATION["resources"] for obj in read(name)]
    (image,) = KUSTOMIZATION["images"]
    for container in find(rest, "Deployment")["spec"]["template"]["spec"]["containers"]:
        assert image["name"] == container["image"]
        container["image"] = f"{image['newName']}:{image['newTag']}"
    namespaces = [obj for obj in rest if obj["kind"] == "Namespace"]
    return [*namespaces, config, *(obj for obj in rest if obj["kind"] != "Namespace")]


def find(objects: list[dict[str, Any]], kind: str, name: str = "imsbot") -> dict[str, Any]:
    (found,) = (obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name))
    return found


def pod_spec() -> dict[str, Any]:
    spec: dict[str, Any] = find(all_objects(), "Deployment")["spec"]["template"]["spec"]
    return spec

"""The manifests hold together, keep their promises, and are what the API takes.

The lab applies them to a real API server, whose PodSecurity admission has the last word on `restricted`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bot.config import load_settings
from bot.core.model import Mode
from bot.core.settings import Settings
from tests.deploy.manifests import DEPLOY, KUSTOMIZATION, all_objects, find, pod_spec, read
from tests.sandbox.whole.access import BOT, LEASE_NAMESPACE

OBJECTS = all_objects()
SCHEMAS = ("1.25", "1.32")
"""The oldest one that the library has (CSM 1.6 runs 1.24, whose objects of ours are the same), and CSM 1.7's."""


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
def test_an_object_is_what_the_api_knows_and_has_no_unknown_field(obj: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(obj, version, strict=True)


def test_all_is_in_the_bots_namespace_but_what_is_about_others() -> None:
    elsewhere = {
        (obj["kind"], obj["metadata"]["namespace"])
        for obj in OBJECTS
        if obj["metadata"].get("namespace", LEASE_NAMESPACE) != LEASE_NAMESPACE
    }
    assert {kind for kind, _ in elsewhere} <= {"Role", "RoleBinding"}


def test_the_namespace_enforces_what_the_pod_keeps() -> None:
    labels = find(OBJECTS, "Namespace", LEASE_NAMESPACE)["metadata"]["labels"]
    modes = [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")]
    assert ["restricted"] * 3 == modes


def test_the_pod_is_restricted_and_writes_nowhere_but_on_its_volume() -> None:
    spec = pod_spec()
    (container,) = spec["containers"]
    assert {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "fsGroup": 65534,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    } == spec["securityContext"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]
    assert [] == [key for key in ("hostNetwork", "hostPID", "hostIPC") if key in spec]
    assert [] == [volume for volume in spec["volumes"] if "hostPath" in volume]
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert ["/var/lib/imsbot"] == writable


def test_the_pod_runs_on_masters_only() -> None:
    """Their taint is tolerated under its older name, too."""
    spec = pod_spec()
    required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    asked = [[e["key"] for e in term["matchExpressions"]] for term in required["nodeSelectorTerms"]]
    assert [["node-role.kubernetes.io/control-plane"]] == asked
    tolerated = [toleration["key"] for toleration in spec["tolerations"]]
    assert ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"] == tolerated


def test_there_is_never_a_second_writer_of_the_journal() -> None:
    spec = find(OBJECTS, "Deployment")["spec"]
    assert (1, {"type": "Recreate"}) == (spec["replicas"], spec["strategy"])
    claim = find(OBJECTS, "PersistentVolumeClaim", "imsbot-journal")
    assert ["ReadWriteOnce"] == claim["spec"]["accessModes"]


def test_the_pod_has_the_identity_that_the_roles_are_bound_to() -> None:
    spec = pod_spec()
    assert f"system:serviceaccount:{LEASE_NAMESPACE}:{spec['serviceAccountName']}" == BOT.name
    assert spec["automountServiceAccountToken"]


def test_the_configmap_that_pauses_has_no_data_to_overwrite() -> None:
    assert "data" not in find(OBJECTS, "ConfigMap", "imsbot")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The cluster's configuration, with its secrets somewhere else."""
    document = yaml.safe_load((DEPLOY / "config.yaml").read_text())
    for section, key in (
        ("ssh", "client_key"),
        ("ssh", "known_hosts"),
        ("slack", "app_token_file"),
        ("slack", "bot_token_file"),
    ):
        path = tmp_path / key
        path.touch(mode=0o440)
        document[section][key] = str(path)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path)


def test_the_configuration_is_understood_and_changes_nothing_yet(settings: Settings) -> None:
    assert (None, LEASE_NAMESPACE) == (settings.kubernetes.kubeconfig, settings.kubernetes.lease_namespace)
    assert Mode.OBSERVE is settings.mode


def test_what_the_configuration_names_is_mounted() -> None:
    document = yaml.safe_load((DEPLOY / "config.yaml").read_text())
    named = [
        document["journal"],
        document["ssh"]["client_key"],
        document["ssh"]["known_hosts"],
        document["slack"]["app_token_file"],
        document["slack"]["bot_token_file"],
    ]
    (container,) = pod_spec()["containers"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert [] == [path for path in named if str(Path(path).parent) not in mounts]
    assert container["args"][-1] in mounts


def test_probes_and_policy_meet_the_port_that_listens(settings: Settings) -> None:
    (container,) = pod_spec()["containers"]
    assert [{"name": "http", "containerPort": settings.http.port}] == container["ports"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [("/healthz", "http"), ("/healthz", "http"), ("/readyz", "http")] == [
        (probe["path"], probe["port"]) for probe in probes
    ]
    (ingress,) = find(OBJECTS, "NetworkPolicy")["spec"]["ingress"]
    assert [{"protocol": "TCP", "port": "http"}] == ingress["ports"]


def test_both_network_policies_speak_of_the_pod() -> None:
    labels = find(OBJECTS, "Deployment")["spec"]["template"]["metadata"]["labels"]
    (cilium,) = read("network-cilium.yaml")
    policy = find(OBJECTS, "NetworkPolicy")
    for selector in (policy["spec"]["podSelector"], cilium["spec"]["endpointSelector"]):
        assert selector["matchLabels"].items() <= labels.items()
    assert ["Ingress", "Egress"] == policy["spec"]["policyTypes"]


def test_the_volumes_come_from_what_is_installed_or_from_what_the_page_says_to_create() -> None:
    page = (DEPLOY / "README.md").read_text()
    generated = {generator["name"] for generator in KUSTOMIZATION["configMapGenerator"]}
    for volume in pod_spec()["volumes"]:
        match volume:
            case {"secret": {"secretName": name}}:
                assert f"create secret generic {name} " in page
            case {"configMap": {"name": name, "optional": True}}:
                assert f"`{name}`" in page
            case {"configMap": {"name": name}}:
                assert name in generated
            case {"persistentVolumeClaim": {"claimName": name}}:
                find(OBJECTS, "PersistentVolumeClaim", name)
            case _:
                pytest.fail(f"nobody says where {volume} comes from")


def test_the_pod_starts_without_the_secrets_that_a_site_may_do_without() -> None:
    """Else it waits for its volume for ever; `imsbot check` names a token file that is wanted and missing."""
    secrets = [volume["secret"] for volume in pod_spec()["volumes"] if "secret" in volume]
    assert {"imsbot-slack", "imsbot-ims"} == {s["secretName"] for s in secrets if s.get("optional")}

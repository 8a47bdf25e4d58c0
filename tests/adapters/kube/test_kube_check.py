"""What `imsbot check` says when something is missing: one line for each thing, and the rest is looked at."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml
from typer.testing import CliRunner

from bot.adapters.kube.rights import needs
from bot.cli.main import app
from bot.config import load_keys
from tests.adapters.kube.objects import node
from tests.sandbox.api import CONFIGMAPS, NAMESPACES, NODES, Allow, ApiServer, Fault, User
from tests.sandbox.whole.access import BOT, LEASE_NAMESPACE

OK, FAIL, UNKNOWN = "ok", "FAIL", "--"


@dataclass
class Site:
    """A configuration where all is well, to be spoilt by a test."""

    folder: Path
    server: ApiServer
    document: dict[str, Any]

    @property
    def config(self) -> Path:
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.document))
        return path

    def login(self, user: User) -> None:
        token = self.server.access.add(user)
        self.document["kubernetes"] = {
            "kubeconfig": str(self.server.kubeconfig(self.folder / "kubeconfig", token))
        }

    def spoil(self, key: str, text: str | None, mode: int = 0o600) -> Path:
        """Let that file of SSH hold something else, or nothing at all."""
        path = Path(self.document["ssh"][key])
        path.unlink()
        if text is not None:
            path.touch(mode)
            path.write_text(text)
        return path

    async def check(self) -> tuple[int, dict[str, tuple[str, str]]]:
        """The exit code, and what -> verdict and words."""
        arguments = ["check", "--config", str(self.config), "-o", "json"]
        ended = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        lines = json.loads(ended.output)
        return ended.exit_code, {line["what"]: (line["verdict"], line["found"]) for line in lines}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    server = ApiServer()
    await server.start()
    server.registry.create(NAMESPACES, {"metadata": {"name": LEASE_NAMESPACE}})
    server.registry.create(CONFIGMAPS, {"metadata": {"name": "imsbot"}}, LEASE_NAMESPACE)
    private = asyncssh.generate_private_key("ssh-ed25519")
    key, hosts = tmp_path / "key", tmp_path / "known_hosts"
    key.write_bytes(private.export_private_key())
    key.chmod(0o600)
    hosts.write_text(f"ncn-w001 {private.export_public_key().decode()}")
    document = {
        "ssh": {"client_key": str(key), "known_hosts": str(hosts), "addresses": {"ncn-w001": "127.0.0.1:1"}},
        "canary": {"image": "x"},
        "slack": {"enabled": False},
    }
    site = Site(tmp_path, server, document)
    site.login(BOT)
    yield site
    await server.stop()


def without(spoils: Callable[[Allow], bool], verb: str) -> User:
    """The bot with one verb less in the rules that it spoils."""
    rules = (replace(rule, verbs=rule.verbs - {verb}) if spoils(rule) else rule for rule in BOT.rules or ())
    return User(BOT.name, tuple(rules))


async def test_where_all_is_well_the_rights_are_counted_and_it_ends_with_0(site: Site) -> None:
    code, lines = await site.check()
    assert {OK} == {verdict for verdict, _ in lines.values()}
    assert 0 == code
    assert f"may do all {len(needs(load_keys(site.config)))} things that the bot does" == lines["rights"][1]
    assert "not set; missing files are diagnosed only" == lines["archive"][1]


async def test_a_missing_configmap_and_a_missing_role_are_named(site: Site) -> None:
    site.server.registry.delete(CONFIGMAPS, "imsbot", LEASE_NAMESPACE)
    site.login(User(BOT.name, tuple(rule for rule in BOT.rules or () if "jobs" not in rule.resources)))
    code, lines = await site.check()
    assert 1 == code
    assert "no ConfigMap imsbot: the brake by kubectl is missing" in lines["pause key"][1]
    assert f"kubectl -n {LEASE_NAMESPACE} create configmap imsbot" in lines["pause key"][1]
    assert "list jobs in namespace ims" in lines["namespace ims"][1]


async def spoilt_kubeconfig(site: Site, text: str | None) -> tuple[int, dict[str, tuple[str, str]]]:
    kubeconfig = site.folder / "spoilt"
    site.document["kubernetes"] = {"kubeconfig": str(kubeconfig)}
    site.document["pools"] = {"critical": {"nodes": ["ncn-w001"], "mode": "observe"}}
    if text is not None:
        kubeconfig.write_text(text)
    return await site.check()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("a: b: c", "line 1: not valid YAML"),
        ("", "not a valid kubeconfig"),
        ("clusters: []\n", "Expected key current-context"),
        ("\0", "not a text of YAML"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_one_line_with_a_remedy(
    site: Site, text: str | None, why: str
) -> None:
    """What the API alone knows is told as not looked at: neither well, nor absent."""
    code, lines = await spoilt_kubeconfig(site, text)
    assert 1 == code
    assert ["Kubernetes API"] == [what for what, (verdict, _) in lines.items() if verdict == FAIL]
    _, said = lines["Kubernetes API"]
    assert why in said
    assert f"`kubectl --kubeconfig {site.folder}/spoilt get nodes` must work" in said
    unknown = {what: words for what, (verdict, words) in lines.items() if verdict == UNKNOWN}
    assert {"rights", "namespace ims", "pause key", "pool critical", "nodes"} == unknown.keys()
    assert {"not looked at, because the Kubernetes API cannot be asked"} == set(unknown.values())
    assert {"configuration", "rules", "SSH", "Slack", "archive"} == lines.keys() - unknown.keys() - {
        "Kubernetes API"
    }


async def test_the_remedy_names_the_context_that_is_configured(site: Site) -> None:
    site.document["kubernetes"]["context"] = "elsewhere"
    _, lines = await site.check()
    assert f"--kubeconfig {site.folder}/kubeconfig --context elsewhere get nodes`" in lines["Kubernetes API"][1]


async def test_an_api_server_that_is_away_is_told_like_a_kubeconfig_that_is(site: Site) -> None:
    await site.server.stop()
    code, lines = await site.check()
    assert (1, FAIL, UNKNOWN, OK) == (code, lines["Kubernetes API"][0], lines["rights"][0], lines["Slack"][0])
    assert "kubectl" not in lines["Kubernetes API"][1], "nothing is wrong with the file"


@pytest.mark.parametrize(
    ("verb", "resource", "said"),
    [
        ("patch", "nodes", "patch nodes"),
        ("create", "leases", f"create leases in namespace {LEASE_NAMESPACE}"),
        ("create", "pods", "create pods in namespace ims"),
        ("patch", "daemonsets", 'patch daemonsets "sonar-jobs-watcher" in namespace services'),
        ("watch", "events", "watch events in namespace ims"),
    ],
)
async def test_one_verb_that_a_repair_needs_is_named_before_it(
    site: Site, verb: str, resource: str, said: str
) -> None:
    """Nothing else notices: listing works."""
    site.login(without(lambda rule: resource in rule.resources, verb))
    code, lines = await site.check()
    assert 1 == code
    verdict, found = lines.pop("rights")
    assert FAIL == verdict
    assert f"may not {said}. `kubectl apply -f deploy/rbac.yaml` gives the Roles" in found
    assert {OK} == {verdict for verdict, _ in lines.values()}


async def test_rights_that_the_server_does_not_tell_are_unknown(site: Site) -> None:
    site.server.faults.strike_next(
        100, Fault.UNAVAILABLE, lambda call: call.resource == "selfsubjectaccessreviews"
    )
    code, lines = await site.check()
    assert (1, UNKNOWN) == (code, lines["rights"][0])
    _, found = lines["rights"]
    assert found.startswith("not known whether it may get nodes; list nodes; watch nodes; patch nodes; ")
    assert found.endswith("create selfsubjectaccessreviews: apiserver is shutting down (HTTP 503)")


async def test_workers_that_cannot_be_listed_are_not_looked_at_and_the_rest_is(site: Site) -> None:
    site.login(without(lambda rule: "nodes" in rule.resources, "list"))
    code, lines = await site.check()
    assert (1, FAIL, OK) == (code, lines["Kubernetes API"][0], lines["namespace ims"][0])
    assert (UNKNOWN, "not looked at, because the workers cannot be listed") == lines["nodes"]
    assert "may not list nodes." in lines["rights"][1]


@pytest.mark.parametrize("key", ["client_key", "known_hosts"])
@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file or directory; put it there, or correct the key"), ("x\n", None)]
)
async def test_a_file_of_ssh_that_cannot_be_used_is_one_line_however_many_nodes_there_are(
    site: Site, key: str, text: str | None, why: str | None
) -> None:
    for name in ("ncn-w001", "ncn-w002"):
        site.server.registry.create(NODES, node(name))
    path = site.spoil(key, text)
    code, lines = await site.check()
    assert (1, FAIL) == (code, lines["SSH"][0])
    assert f"ssh.{key}" in lines["SSH"][1]
    assert why is None or lines["SSH"][1] == f"ssh.{key}: {path} cannot be read: {why}"
    assert (UNKNOWN, "not looked at, because the SSH key or the pinned host keys cannot be used") == lines["nodes"]
    assert (OK, OK) == (lines["rights"][0], lines["Kubernetes API"][0])


async def test_a_key_that_others_may_read_is_told_in_the_same_place(site: Site) -> None:
    site.spoil("client_key", "", mode=0o644)
    code, lines = await site.check()
    assert (1, FAIL) == (code, lines["SSH"][0])
    assert lines["SSH"][1].endswith("may be read by others; chmod 600 it")


async def test_tokens_and_certificates_that_cannot_be_used_keep_nothing_else_from_being_looked_at(
    site: Site,
) -> None:
    site.document["slack"] = {
        "channel": "C0123456789",
        "team": "T0123456789",
        "app_token_file": str(site.folder / "absent"),
        "bot_token_file": str(site.folder / "absent"),
    }
    site.document["ims"] = {"url": "https://127.0.0.1:1", "ca_file": str(site.config)}
    code, lines = await site.check()
    assert (1, FAIL, FAIL) == (code, lines["Slack"][0], lines["IMS"][0])
    assert f"slack.app_token_file: {site.folder}/absent cannot be read: No such file" in lines["Slack"][1]
    assert f"ims.ca_file: {site.config} holds no certificates" in lines["IMS"][1]
    assert {OK} == {lines[what][0] for what in ("Kubernetes API", "rights", "SSH", "archive")}


async def test_a_slack_token_that_is_nowhere_is_its_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMSBOT_SLACK_APP_TOKEN", raising=False)
    site.document["slack"] = {"channel": "C0123456789", "team": "T0123456789"}
    code, lines = await site.check()
    assert (1, FAIL, OK) == (code, lines["Slack"][0], lines["archive"][0])
    assert "no Slack token: set slack.app_token_file or IMSBOT_SLACK_APP_TOKEN" in lines["Slack"][1]


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    told, complained = await process.communicate()
    return process.returncode, told.decode(), complained.decode()


async def test_configuration_and_rules_that_cannot_be_used_end_it_with_2(site: Site) -> None:
    rules = site.folder / "rules"
    rules.mkdir()
    (rules / "mine.yaml").write_text("family: [")
    site.document["rules_dir"] = str(rules)
    code, _, complained = await run("check", "-c", str(site.config))
    assert 2 == code
    assert f"imsbot: {rules}/mine.yaml: not YAML" in complained
    site.document["rules_dir"] = str(site.folder / "nowhere")
    site.document["nodes"] = {"name_pattern": "("}
    code, told, complained = await run("check", "-c", str(site.config))
    assert (2, "") == (code, told)
    assert ["nodes.name_pattern", "rules_dir"] == [line.split(": ")[2] for line in complained.splitlines()]


async def test_for_people_each_line_begins_with_its_verdict(site: Site) -> None:
    site.document["kubernetes"] = {"kubeconfig": str(site.folder / "absent")}
    code, told, complained = await run("check", "-c", str(site.config))
    assert (1, "") == (code, complained)
    lines = told.splitlines()
    assert f"FAIL  Kubernetes API: kubeconfig {site.folder}/absent: No such file" in "\n".join(lines)
    assert "--    rights: not looked at, because the Kubernetes API cannot be asked" in lines
    assert "ok    archive: not set; missing files are diagnosed only" in lines

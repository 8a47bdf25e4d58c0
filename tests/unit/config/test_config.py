"""Configuration: a complete example, every error at once with its path, and no secret in any text."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from bot.config import load_settings, slack_tokens
from bot.core.errors import InputError
from bot.core.settings import Settings

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"


@pytest.fixture
def valid(tmp_path: Path) -> dict[str, Any]:
    """The example with its files in place."""
    document = yaml.safe_load(EXAMPLE.read_text())
    for section, key in (
        ("ssh", "client_key"),
        ("ssh", "known_hosts"),
        ("slack", "app_token_file"),
        ("slack", "bot_token_file"),
    ):
        path = tmp_path / key
        path.write_text("")
        path.chmod(0o600)
        document[section][key] = str(path)
    return document


def write(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def defaults_of(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Path of a key -> its default, or `NEEDED`. Of named things (`pools`) the names are left out."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        section = next((t for t in (field.annotation, *get_args(field.annotation)) if is_section(t)), None)
        if section:
            found |= defaults_of(section, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = (
                NEEDED if field.is_required() else field.get_default(call_default_factory=True)
            )
    return found


def is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def said_by(model: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Path of a key that was really given -> its value."""
    found: dict[str, Any] = {}
    for name in model.model_fields_set:
        value = getattr(model, name)
        sections = list(value.values()) if isinstance(value, dict) else [value]
        for section in sections:
            if isinstance(section, BaseModel):
                found |= said_by(section, f"{prefix}{name}.")
        if not any(isinstance(section, BaseModel) for section in sections):
            found[f"{prefix}{name}"] = value
    return found


NEEDED = object()
OF_A_SITE = {
    *("rules_dir", "pools.nodes", "pools.mode", "kubernetes.kubeconfig", "kubernetes.context", "nodes.own_node"),
    *("ssh.client_key", "ssh.known_hosts", "canary.image", "http.port"),
    *("kata.archive.version", "kata.archive.url", "kata.archive.sha256"),
    *("kata.archive.size_bytes", "kata.archive.ca_file"),
    *("slack.channel", "slack.approvers", "slack.team", "slack.app_token_file", "slack.bot_token_file"),
    *("ims.url", "ims.token_url", "ims.client_secret_file", "ims.ca_file"),
}
"""Keys where the example shows what a value looks like: they have no default, or are unset by default."""


def test_the_example_names_every_key_with_its_default() -> None:
    """Those too that stand behind a `#`."""
    uncommented = re.sub(r"^( *)# ( *[a-z0-9_]+:)", r"\1\2", EXAMPLE.read_text(), flags=re.MULTILINE)
    document = yaml.safe_load(uncommented)
    document["kata"]["archive"]["sha256"] = "1" * 64  # the example's is refused
    defaults, said = defaults_of(Settings), said_by(Settings.model_validate(document))
    assert set(defaults) == set(said)
    assert OF_A_SITE == {key for key, value in said.items() if value != defaults[key]}


def test_every_error_comes_at_once_with_its_path(valid: dict[str, Any], tmp_path: Path) -> None:
    valid["nonsense"] = 1
    valid["ssh"]["port"] = "many"
    valid["lease"]["renew_s"] = 50
    valid["checks"] = {"waive": {"kvm": " "}}
    del valid["canary"]["image"]
    with pytest.raises(InputError) as caught:
        load_settings(write(tmp_path, valid))
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    for wanted in (
        "nonsense: unknown key",
        "ssh.port: ",
        "lease: renew_s must be",
        "checks.waive: kvm: a reason",
        "canary.image: is needed",
    ):
        assert any(wanted in line for line in lines), wanted


def test_missing_files_and_contradictions_are_named(valid: dict[str, Any], tmp_path: Path) -> None:
    valid["ssh"]["client_key"] = str(tmp_path / "nowhere")
    valid["slack"]["channel"] = None
    valid["nodes"]["name_pattern"] = "("
    with pytest.raises(InputError) as caught:
        load_settings(write(tmp_path, valid))
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: [1", "line 1"),
        ("ssh: {}\nssh: {}\n", "there twice"),
        ("- 1", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_what_is_no_configuration_is_one_line_with_its_place(tmp_path: Path, text: str, wanted: str) -> None:
    with pytest.raises(InputError, match=wanted) as caught:
        load_settings(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "url", ["https://user:pass@mirror/kata.tar.xz", "https://mirror/kata.tar.gz", "ftp://mirror/kata.tar.xz"]
)
def test_an_archive_url_with_credentials_or_of_another_kind_is_refused_unprinted(
    valid: dict[str, Any], tmp_path: Path, url: str
) -> None:
    valid["kata"]["archive"] = {"version": "3.17.0", "url": url, "sha256": "1" * 64}
    with pytest.raises(InputError, match=r"kata\.archive\.url") as caught:
        load_settings(write(tmp_path, valid))
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("cron", "61 3 * * *", r"sweep\.cron: minute: '61' is not between 0 and 59"),
        ("cron", "0 3 1 * mon", r"sweep\.cron: .* restricts both day fields"),
        ("timezone", "Europe/Nowhere", r"sweep\.timezone: 'Europe/Nowhere' is no zone"),
        ("timezone", "../../etc/passwd", r"sweep\.timezone"),
    ],
)
def test_a_schedule_that_never_fires_is_refused_with_its_key(
    valid: dict[str, Any], tmp_path: Path, key: str, value: str, wanted: str
) -> None:
    valid["sweep"][key] = value
    with pytest.raises(InputError, match=wanted):
        load_settings(write(tmp_path, valid))


def test_tokens_come_from_files_or_the_environment_and_never_show(valid: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "app_token_file").write_text("xapp-secret-1\n")
    del valid["slack"]["bot_token_file"]
    settings = load_settings(write(tmp_path, valid))
    tokens = slack_tokens(settings, {"IMSBOT_SLACK_BOT_TOKEN": "xoxb-secret-2"})
    assert tokens.app.get_secret_value() == "xapp-secret-1"
    assert tokens.bot.get_secret_value() == "xoxb-secret-2"
    assert "secret" not in repr(tokens)


@pytest.mark.parametrize("wrong", ["", "xapp-swapped-secret", "xoxb-two secret words"])
def test_a_wrong_token_is_named_by_its_door_and_never_printed(
    valid: dict[str, Any], tmp_path: Path, wrong: str
) -> None:
    (tmp_path / "app_token_file").write_text("xapp-1")
    del valid["slack"]["bot_token_file"]
    settings = load_settings(write(tmp_path, valid))
    with pytest.raises(InputError, match="IMSBOT_SLACK_BOT_TOKEN") as caught:
        slack_tokens(settings, {"IMSBOT_SLACK_BOT_TOKEN": wrong})
    assert "secret" not in str(caught.value)


def test_a_private_key_that_others_may_read_is_refused(valid: dict[str, Any], tmp_path: Path) -> None:
    Path(valid["ssh"]["client_key"]).chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        load_settings(write(tmp_path, valid))


def test_the_commented_section_ims_of_the_example_is_whole(valid: dict[str, Any], tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    begin = text.index("# ims:")
    lines = text[begin : text.index("\n\n", begin)].splitlines()
    valid |= yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines))
    for key in ("client_secret_file", "ca_file"):
        path = tmp_path / key
        path.write_text("")
        valid["ims"][key] = str(path)
    settings = load_settings(write(tmp_path, valid))
    assert settings.ims is not None
    assert set(valid["ims"]) == set(type(settings.ims).model_fields)
    del valid["ims"]["client_secret_file"]
    with pytest.raises(InputError, match="token_url and client_secret_file are set together"):
        load_settings(write(tmp_path, valid))


def test_a_file_that_cannot_be_read_is_named_with_the_systems_words(valid: dict[str, Any], tmp_path: Path) -> None:
    valid["ssh"]["known_hosts"] = str(tmp_path / "gone")
    valid["slack"]["app_token_file"] = str(tmp_path)
    with pytest.raises(InputError) as caught:
        load_settings(write(tmp_path, valid))
    assert f"ssh.known_hosts: {tmp_path}/gone cannot be read: No such file or directory" in str(caught.value)
    assert f"slack.app_token_file: {tmp_path} cannot be read: not a file" in str(caught.value)

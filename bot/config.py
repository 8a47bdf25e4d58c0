"""From a YAML file to frozen settings: every error at once, each with its path and what to do.

Secrets are never keys of the file: they come from files named in it or from the environment, are wrapped so that
no log or traceback prints them, and are read anew at every start.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import SecretStr, ValidationError

from bot.core.errors import InputError, shut
from bot.core.settings import Settings

MAX_BYTES = 1 << 20

APP_TOKEN_ENV = "IMSBOT_SLACK_APP_TOKEN"  # noqa: S105 - the name of a variable
BOT_TOKEN_ENV = "IMSBOT_SLACK_BOT_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class SlackTokens:
    app: SecretStr
    """xapp-…, with `connections:write`."""
    bot: SecretStr
    """xoxb-…"""


def load_settings(path: Path) -> Settings:
    """Raises InputError with one line per error: `FILE: key.path: what is wrong`."""
    settings = _validated(path)
    files = [f"{key}: {problem}" for key, problem in unusable_files(settings).items()]
    _refuse(path, [*files, *_contradictions(settings)])
    return settings


def load_keys(path: Path) -> Settings:
    """As `load_settings`, but without a look at the files that the keys name: that is `unusable_files`."""
    settings = _validated(path)
    _refuse(path, _contradictions(settings))
    return settings


def _validated(path: Path) -> Settings:
    document = _parse(path)
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise InputError("\n".join(_lines(path, error))) from None


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems))


class _Loader(yaml.SafeLoader):
    """YAML that refuses the same key twice: the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(text: bytes, source: Path) -> Any:
    """One document. Raises InputError with line and column."""
    if len(text) > MAX_BYTES:
        raise InputError(f"{source}: larger than {MAX_BYTES} bytes; this is not a file of ours")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that also refuses duplicate keys
    except yaml.YAMLError as error:
        raise InputError(f"{source}: {_yaml_problem(error)}") from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply") from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML in UTF-8"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)


def _parse(path: Path) -> Any:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot read the configuration: {error.strerror}; start from deploy/config.yaml"
        ) from error
    document = parse_yaml(text, path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: must hold keys and values; start from deploy/config.yaml")
    return document


def _lines(path: Path, error: ValidationError) -> list[str]:
    """Pydantic's errors in our words; input values are never printed, one of them may be a secret."""
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"] if part != "[key]") or "the whole file"
        what = re.sub(r"^Value error, ", "", item["msg"])
        if item["type"] == "extra_forbidden":
            what = "unknown key; config.example.yaml names all that there are"
        elif item["type"] == "missing":
            what = "is needed; config.example.yaml explains it"
        found.append(f"{path}: {where}: {what[0].lower()}{what[1:]}")
    return found


def configured_files(settings: Settings) -> Mapping[str, Path | None]:
    """Key -> the file that it names, where it is needed and set."""
    return {
        "ssh.client_key": settings.ssh.client_key,
        "ssh.known_hosts": settings.ssh.known_hosts,
        "kubernetes.kubeconfig": settings.kubernetes.kubeconfig,
        "slack.app_token_file": settings.slack.app_token_file if settings.slack.enabled else None,
        "slack.bot_token_file": settings.slack.bot_token_file if settings.slack.enabled else None,
        "ims.client_secret_file": settings.ims.client_secret_file if settings.ims else None,
        "ims.ca_file": settings.ims.ca_file if settings.ims else None,
    }


def unusable_files(settings: Settings) -> Mapping[str, str]:
    """Key -> what is wrong with the file that it names, and what to do."""
    problems = {
        key: f"{path} cannot be read: {why}"
        for key, path in configured_files(settings).items()
        if path and (why := _why_unreadable(path))
    }
    key = settings.ssh.client_key
    if "ssh.client_key" not in problems and key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & 0o027:
        problems["ssh.client_key"] = f"{key} may be read by others; chmod 600 it"
    return problems


def _why_unreadable(path: Path) -> str | None:
    """The system's own words and what to do; `None` when it can be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a file; name one, or put it there"
        path.open("rb").close()
    except PermissionError as error:
        return f"{error.strerror}; use sudo, or let the user who runs this read it"
    except OSError as error:
        return f"{error.strerror}; put it there, or correct the key"
    return None


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    try:
        re.compile(settings.nodes.name_pattern)
    except re.error as error:
        problems.append(f"nodes.name_pattern: not a regular expression: {error}")
    if settings.rules_dir is not None and not _is_folder(settings.rules_dir):
        problems.append(f"rules_dir: {settings.rules_dir} is not a directory")
    try:
        ZoneInfo(settings.sweep.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(f"sweep.timezone: {settings.sweep.timezone!r} is no zone of this machine's tz database")
    if settings.slack.enabled:
        for key in ("channel", "team"):
            if getattr(settings.slack, key) is None:
                problems.append(f"slack.{key}: is needed while slack.enabled is true")
    if settings.kata.runtime_class not in {"kata", "kata-qemu"}:
        problems.append("kata.runtime_class: this bot manages the handlers kata and kata-qemu only")
    return problems


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError as error:
        raise InputError(shut(Path(error.filename).parent)) from error


def slack_tokens(settings: Settings, environ: Mapping[str, str]) -> SlackTokens:
    """Raises InputError naming the door that is missing, never what came through it."""
    slack = settings.slack
    return SlackTokens(
        app=_token("slack.app_token_file", slack.app_token_file, APP_TOKEN_ENV, "xapp-", environ),
        bot=_token("slack.bot_token_file", slack.bot_token_file, BOT_TOKEN_ENV, "xoxb-", environ),
    )


def _token(key: str, path: Path | None, variable: str, prefix: str, environ: Mapping[str, str]) -> SecretStr:
    try:
        text = path.read_text("utf-8").strip() if path is not None else environ.get(variable, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{key}: {path} cannot be read as text") from error
    source = f"{key} ({path})" if path is not None else f"the environment's {variable}"
    if not text:
        raise InputError(f"no Slack token: set {key} or {variable}, or slack.enabled: false")
    if not text.startswith(prefix) or any(c.isspace() for c in text):
        raise InputError(f"{source}: a token that starts with {prefix} is wanted here")
    return SecretStr(text)

"""Where address and identity come from: a kubeconfig, or the service account of the pod that we run in.

Both are read by the official `kubernetes` package into its `Configuration`. It is imported here, and only when
a connection is made; `official` says how much of it.

The package quotes what it could not read, and that can be a whole user entry with its token; so every message
is stripped of quoted structures before it is shown.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import yaml

from bot.core.errors import InputError

if TYPE_CHECKING:
    from kubernetes.aio.client.configuration import Configuration
    from kubernetes.aio.config.kube_config import KubeConfigLoader


class Source(Protocol):
    """Somewhere to read a `Configuration` from, as often as needed."""

    @property
    def name(self) -> str:
        """As a person knows it: "kubeconfig /etc/imsbot/kubeconfig"."""

    async def read(self, configuration: "Configuration", *, anew: bool) -> None:
        """Fill in address and credentials. Without `anew`, what is known to be valid still may be kept.

        Raises InputError.
        """


class ServiceAccount:
    """The pod's own identity; the kubelet replaces the token file before the token expires."""

    name = "the pod's service account"

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = environ

    async def read(self, configuration: "Configuration", *, anew: bool) -> None:  # noqa: ARG002 - a file is cheap
        from kubernetes.aio.config.config_exception import ConfigException
        from kubernetes.aio.config.incluster_config import InClusterConfigLoader

        loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
            token_filename=str(self._directory / "token"),
            cert_filename=str(self._directory / "ca.crt"),
            try_refresh_token=False,
            environ=self._environ,
        )
        try:
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError, ValueError) as error:
            raise InputError(
                f"{self.name} cannot be used ({error}); outside a cluster set kubernetes.kubeconfig"
            ) from error


class Kubeconfig:
    """A kubeconfig file. The loader is kept, because it knows when an exec plugin's token expires."""

    def __init__(self, path: Path, context: str | None) -> None:
        self.name = f"kubeconfig {path}"
        self._path = path
        self._context = context
        self._loader: KubeConfigLoader | None = None

    async def read(self, configuration: "Configuration", *, anew: bool) -> None:
        from kubernetes.aio.config.config_exception import ConfigException

        try:
            if anew or self._loader is None:
                self._loader = await self._open(configuration)
            else:
                await self._loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
        except ConfigException as error:
            raise InputError(f"{self.name}: {_masked(str(error))}") from None
        except yaml.MarkedYAMLError as error:
            where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
            raise InputError(f"{self.name}: {where}not valid YAML: {error.problem}") from None
        except (yaml.YAMLError, RecursionError):
            # Control characters, or nested without end; the first would be quoted over several lines.
            raise InputError(f"{self.name}: not a text of YAML") from None
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror}: {error.filename}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The package walks the parsed YAML without checking it; what it trips over is not worth showing.
            raise InputError(f"{self.name}: not a valid kubeconfig ({type(error).__name__})") from None
        if not configuration.verify_ssl:
            raise InputError(
                f"{self.name}: insecure-skip-tls-verify is refused, everybody on the way could read the token; "
                "give certificate-authority instead"
            )
        if configuration.host.startswith("https") and not _identified(configuration):
            raise InputError(
                f"{self.name}: the context's user has no credentials: neither a token, nor a client "
                "certificate, nor an exec plugin that answers"
            )

    async def _open(self, configuration: "Configuration") -> "KubeConfigLoader":
        from kubernetes.aio.config.kube_config import load_kube_config

        self._path.stat()
        loader: KubeConfigLoader = await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(self._path),
            context=self._context,
            client_configuration=configuration,
            persist_config=False,
        )
        return loader


def _identified(configuration: "Configuration") -> bool:
    return bool(configuration.api_key.get("BearerToken") or configuration.cert_file)


def _masked(message: str) -> str:
    return re.sub(r"\{.*\}", "{…}", message, flags=re.DOTALL)

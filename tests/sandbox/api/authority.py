"""A certificate authority of a cluster's own, and what it issues: to its API server, to clients, to kubelets.

Everything lies as PEM in one folder. The authority is made once for a folder, so that a cluster may be started
again on its old state; whatever it issues is issued anew each time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=30)
_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Trusted by everything in its cluster, and by nothing else."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self._files("ca").certificate

    @property
    def service_account_key(self) -> Path:
        """Signs the tokens of service accounts."""
        return self.folder / "service-accounts.key"

    def prepare(self) -> None:
        """Nothing when it is there."""
        if self.certificate.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_key(self.service_account_key, _new_key())
        key, files = _new_key(), self._files("ca")
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        name = _name("cluster-ca")
        certificate = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_key(files.key, key)
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def for_client(self, user: str, groups: Sequence[str] = ()) -> Issued:
        """The API server takes the common name for the user and the organizations for the groups."""
        name = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
                x509.NameAttribute(NameOID.COMMON_NAME, user),
            ]
        )
        return self._issue(user.replace(":", "-"), name, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def for_server(self, name: str, hosts: Sequence[str]) -> Issued:
        """`hosts` are names and addresses that clients connect to."""
        return self._issue(name, _name(name), ExtendedKeyUsageOID.SERVER_AUTH, [_general(host) for host in hosts])

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        use: x509.ObjectIdentifier,
        alternatives: Sequence[x509.GeneralName],
    ) -> Issued:
        ours = self._files("ca")
        ca = x509.load_pem_x509_certificate(ours.certificate.read_bytes())
        ca_key = serialization.load_pem_private_key(ours.key.read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key, files = _new_key(), self._files(name)
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        builder = (
            _builder(subject, ca.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(ca_key, hashes.SHA256())
        _write_key(files.key, key)
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return files

    def _files(self, name: str) -> Issued:
        return Issued(self.folder / f"{name}.crt", self.folder / f"{name}.key")


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """As SEC 1 has it: the API server reads the key of its tokens in no other form."""
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

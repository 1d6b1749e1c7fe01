"""Test certificate authorities: one that the pods trust, as they trust the public ones, and one that nobody
trusts."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from egress.common.objects import Manifest
from tests.mesh.netns import command


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    chain: Path
    key: Path


class Authority:
    """One authority, with its files in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self.certificate = Certificate(self._folder / "ca.crt", self._folder / "ca.key")
        subject = ["-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE"]
        self._make(self.certificate, *subject)

    @property
    def pem(self) -> str:
        return self.certificate.chain.read_text(encoding="utf-8")

    @property
    def _issuer(self) -> tuple[str, ...]:
        return "-CA", str(self.certificate.chain), "-CAkey", str(self.certificate.key)

    def issue(self, *names: str) -> Certificate:
        """A server certificate for these DNS names."""
        named = "+".join(names)
        made = Certificate(self._folder / f"{named}.crt", self._folder / f"{named}.key")
        if not made.chain.exists():
            alternatives = ",".join(f"DNS:{name}" for name in names)
            self._make(
                made, "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}", *self._issuer
            )
        return made

    def client(self, alternative: str) -> Certificate:
        """A client certificate with this subject alternative name, as openssl writes it (`URI:...`,
        `DNS:...`)."""
        name = f"client-{hashlib.sha256(alternative.encode()).hexdigest()[:12]}"
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        if not made.chain.exists():
            self._make(made, "-subj", "/CN=client", "-addext", f"subjectAltName={alternative}", *self._issuer)
        return made

    def _make(self, made: Certificate, *how: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(made.key)]
        command("openssl", "req", "-x509", *key, "-days", "30", "-out", str(made.chain), *how)


def secret(name: str, namespace: str, certificate: Certificate, authorities: str) -> Manifest:
    """A certificate as gateways read it, with the authorities of the other side."""
    content = {
        "tls.crt": certificate.chain.read_text(encoding="utf-8"),
        "tls.key": certificate.key.read_text(encoding="utf-8"),
        "ca.crt": authorities,
    }
    data = {key: base64.b64encode(text.encode()).decode() for key, text in content.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }

"""Where a gateway's credential lies in Secret Manager: which secrets, and which versions of them. Never what
is in them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from egress.common.grammar import matches
from egress.settings.base import Model, Refusal, refusal, refusals


def _version(value: str) -> str:
    secret, _, version = value.partition("/")
    if not matches("[A-Za-z0-9_-]{1,255}", secret) or not version or "/" in version:
        raise refusal(
            "This does not name a version of a secret in the stack's project.",
            "Write SECRET/VERSION, e.g. partner-key/1, without a path and without the content.",
        )
    if not matches("[1-9][0-9]{0,9}", version):
        raise refusal(
            f"{version} changes without a change of the config: no preview would show a rotation, and a "
            "certificate could be paired with another one's key.",
            f"Write the version's number, e.g. {secret}/1.",
        )
    return value


SecretVersion = Annotated[str, AfterValidator(_version)]
"""`SECRET/VERSION` of Secret Manager in the stack's project."""


class Credential(Model):
    """One Secret of the gateways that name it. Each field is the secret that holds this part as a PEM file,
    and its version."""

    certificate: SecretVersion | None = Field(
        default=None,
        description="`SECRET/VERSION` of Secret Manager in the stack's project: the certificate that the "
        "gateway shows, and after it those of intermediate authorities, as a PEM file. Refused: A "
        "version that is no number, as `latest`. A path. A certificate without its key. Absent although "
        "a `credential` needs it.",
    )
    key: SecretVersion | None = Field(
        default=None,
        description="Its private key. Refused: A version that is no number, as `latest`. A path. A key "
        "without its certificate. Absent although a `credential` needs it.",
    )
    authority: SecretVersion | None = Field(
        default=None,
        description="The authority of the other side's certificate. Refused: A version that is no "
        "number, as `latest`. A path. Absent although a `credential` or `ca` needs it.",
    )

    @model_validator(mode="after")
    def whole(self) -> Self:
        found: list[Refusal] = []
        if not self.parts:
            found.append(
                (
                    (),
                    "Nothing is named, so the Secret would be empty.",
                    "Name certificate, key and authority.",
                )
            )
        if (self.certificate is None) != (self.key is None):
            missing = "certificate" if self.certificate is None else "key"
            found.append(
                (
                    (missing,),
                    "A certificate and its key are of use only together.",
                    f"Add {missing}: SECRET/VERSION.",
                )
            )
        if found:
            raise refusals(found)
        return self

    @property
    def parts(self) -> dict[str, tuple[str, str]]:
        """Key of the Kubernetes Secret, as Istio reads it, to secret and version."""
        named = {"tls.crt": self.certificate, "tls.key": self.key, "ca.crt": self.authority}
        return {
            key: (at.partition("/")[0], at.partition("/")[2]) for key, at in named.items() if at is not None
        }

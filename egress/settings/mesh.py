"""Settings of the service mesh and of the egress gateway's workload."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from egress.common import istio_advisories
from egress.settings.base import MOST, Form, Model, Refusal, refusal, refusals
from egress.settings.duration import Duration, Silence
from egress.settings.fences import Reason


class Flavor(StrEnum):
    """Who runs the mesh's control plane."""

    ISTIO = "istio"
    """istiod in the cluster, installed by its Helm charts."""
    CLOUD_SERVICE_MESH = "cloud-service-mesh"
    """Managed by Google through the project's fleet."""


Version = Annotated[
    str,
    Form(
        r"1\.[0-9]{1,4}\.[0-9]{1,4}", "Istio has no version of this form.", "Write e.g. 1.30.7, without a v."
    ),
]
AdvisoryName = Annotated[
    str,
    Form(
        "ISTIO-SECURITY-[0-9]{4}-[0-9]{3}",
        "No bulletin of Istio's has a name of this form.",
        "Write its name, e.g. ISTIO-SECURITY-2026-007.",
    ),
]
Repository = Annotated[
    str,
    Form(
        "(https|oci)://[!-~]+",
        "Helm would not find charts there.",
        "Write the address of a chart repository, https://... or oci://...",
    ),
]
Hub = Annotated[
    str,
    Form(
        r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
        "No image could have a name that begins like this, so no proxy would start.",
        "Write a registry and a path, without https:// and without a tag, e.g. "
        "europe-docker.pkg.dev/PROJECT/REPOSITORY.",
    ),
]
Cpu = Annotated[
    str,
    Form(
        "[1-9][0-9]{0,5}m?",
        "Kubernetes does not accept this CPU request, or the autoscaler could not work with it.",
        "Write whole cores or millicores, e.g. 2 or 200m.",
    ),
]
Memory = Annotated[
    str,
    Form(
        "[1-9][0-9]{0,5}(Mi|Gi)",
        "Kubernetes does not accept this memory limit, or no replica could start with it.",
        "Write e.g. 256Mi or 1Gi.",
    ),
]


class Istio(Model):
    """In-cluster Istio. The repository is a setting because the charts' home moves; mirror it where policy
    asks so."""

    version: Version = Field(
        default="1.30.7",
        description="Version of the charts and images. Refused: Not of the form `1.30.7`. Older than 1.30.3. "
        "One with a known hole that `acceptedAdvisories` does not name.",
    )
    accepted_advisories: dict[AdvisoryName, Reason] = Field(
        default={},
        description="Holes of this version that are known and may stay, by the name of Istio's bulletin, as "
        "`ISTIO-SECURITY-2026-007`, to the reason. Refused: No reason. One that the version does not have.",
    )
    repository: Repository = Field(
        default="https://blob.istio.io/istio-release/charts",
        description="Chart repository, which the machine reads that runs Pulumi. Refused: Not `https://` or "
        "`oci://`.",
    )
    hub: Hub | None = Field(
        default=None,
        description="Registry of the images of istiod and the proxies; nodes reach gcr.io and pkg.dev alone. "
        "Absent: a repository that this stack makes in Artifact Registry, which fetches them from Docker "
        "Hub (docs/pods.md#images).",
    )

    @model_validator(mode="after")
    def has_no_hole_that_nobody_accepted(self) -> Self:
        oldest = "1.{}.{}".format(*istio_advisories.OLDEST)
        if istio_advisories.parsed(self.version) < istio_advisories.OLDEST:
            raise refusal(
                f"Istio {self.version} refuses part of what is rendered here, and nobody mends its holes any "
                "more.",
                f"Write {oldest} or a newer one; the default, {Istio.newest()}, has no hole that is known.",
                ("version",),
            )
        known = {advisory.name: advisory.about for advisory in istio_advisories.of(self.version)}
        found: list[Refusal] = [
            (
                () if self.accepted_advisories else ("version",),
                f"In Istio {self.version} there is a known hole, {name}: {about}.",
                f"Write {Istio.newest()} or leave version out; or say under acceptedAdvisories, for {name}, "
                "why it may stay.",
            )
            for name, about in known.items()
            if name not in self.accepted_advisories
        ]
        found += [
            (
                ("acceptedAdvisories", name),
                f"Istio {self.version} is not known to have {name}: nothing would be accepted now, and "
                "another version with it unseen.",
                "Remove it.",
            )
            for name in self.accepted_advisories
            if name not in known
        ]
        if found:
            raise refusals(found)
        return self

    @classmethod
    def newest(cls) -> str:
        """The default version."""
        return str(cls.model_fields["version"].default)


class TlsVersion(StrEnum):
    """The oldest TLS that the gateway accepts from a host where it opens TLS itself."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"

    @property
    def istio_name(self) -> str:
        return f"TLSV{self.value.replace('.', '_')}"


class LogFormat(StrEnum):
    """How proxies write down what they were asked."""

    JSON = "json"
    """An object a line: who asked, for what, and what came of it, each in a field of its own."""
    TEXT = "text"
    """Istio's own lines of text, which name nobody and quote what the client sent as it is."""


class AccessLog(Model):
    format: Annotated[LogFormat, Field(strict=False)] = Field(
        default=LogFormat.JSON,
        description="`json`: an object a line, with the caller's identity, the request's id and whatever "
        "else is logged (docs/security.md#what-a-line-of-the-access-log-says), each in a field that "
        "nothing a client sends can leave. `text`: Istio's own lines, which name no caller and quote a "
        "client's words as they are.",
    )


class Mesh(Model):
    flavor: Annotated[Flavor, Field(strict=False)] = Field(
        default=Flavor.ISTIO,
        description="`istio`: istiod in the cluster, by Helm. `cloud-service-mesh`: managed by Google "
        "through the fleet.",
    )
    istio: Istio | None = Field(
        default=None,
        description="In-cluster Istio. Only with `flavor: istio`. Refused: With `flavor: "
        "cloud-service-mesh`: Google chooses the version there.",
    )
    min_tls_version: Annotated[TlsVersion, Field(strict=False)] = Field(
        default=TlsVersion.TLS_1_2,
        description="Oldest TLS accepted from hosts where the gateway opens TLS. In quotes: without them "
        "it is a number. Istio 1.30 opens 1.2 as well, whatever it is told, so a preview with `1.3` "
        "stops: it cannot be proven.",
    )

    keepalive: Silence = Field(
        default="5m",
        description="Proxies ask by TCP keepalive after this much silence whether the other side is still "
        "there, so that neither Google's network nor Cloud NAT forgets a connection that is idle. A host's "
        "`traffic.keepalive` holds in its place. Refused: Not whole seconds, up to 32767. 10m or longer. "
        "Not shorter than `network.nat.tcpEstablishedIdle`.",
    )
    access_log: AccessLog | None = Field(
        default=None,
        description="How proxies write their access logs. Only with `flavor: istio`. Refused: With "
        "`flavor: cloud-service-mesh`: Google's provider has fields of its own.",
    )

    @model_validator(mode="after")
    def flavor_honours_access_log(self) -> Self:
        if self.access_log is not None and self.flavor is not Flavor.ISTIO:
            raise refusal(
                f"With flavor {self.flavor.value} Google's provider writes the log in its own form; this "
                "would be ignored.",
                "Leave `accessLog` out, or set flavor: istio.",
                ("accessLog",),
            )
        return self

    @model_validator(mode="after")
    def flavor_honours_istio(self) -> Self:
        if self.istio is not None and self.flavor is not Flavor.ISTIO:
            raise refusal(
                f"With flavor {self.flavor.value} Google chooses version and images; this would be ignored.",
                "Leave `istio` out, or set flavor: istio.",
                ("istio",),
            )
        return self

    @property
    def chart(self) -> Istio:
        """Version, repository and hub of in-cluster Istio."""
        return self.istio or Istio()


class Replicas(Model):
    """How many pods a gateway has, and how large they are."""

    min_replicas: int = Field(
        default=2,
        ge=2,
        le=100,
        description="Fewest replicas: two or more, because a node may be drained at any time. Refused: "
        "More than `maxReplicas`.",
    )
    max_replicas: int = Field(default=5, ge=2, le=500, description="Most replicas.")
    cpu: Cpu = Field(
        default="200m", description="CPU request of one replica. Refused: Not like `2` or `200m`."
    )
    memory: Memory = Field(
        default="256Mi", description="Memory request and limit of one replica. Refused: Not in `Mi` or `Gi`."
    )
    max_connections: int = Field(
        default=2000,
        ge=10,
        le=MOST,
        description="Connections that one replica accepts at a time, from everybody; more are closed at "
        "once. With less than about 128 KiB of `memory` for each, memory may end first. Refused: Not "
        "more than `limits.connections` of a team that leaves by it.",
    )

    @model_validator(mode="after")
    def counts_ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise refusal(
                f"The autoscaler cannot keep at least {self.min_replicas} and at most {self.max_replicas} "
                "replicas.",
                "Raise maxReplicas or lower minReplicas.",
                ("minReplicas",),
            )
        return self


class Gateway(Replicas):
    """An egress gateway's Deployment."""

    idle_timeout: Duration | None = Field(
        default=None,
        description="Connections on which no byte is sent for so long are closed, by the gateway and by the "
        "sidecars on the way to it: raw TCP, passed-through TLS, and HTTP between requests. Keepalive is no "
        "byte. Absent: 1h. Refused: Not a length of time. With the managed mesh.",
    )
    connect_after_authorization: bool | None = Field(
        default=None,
        description="Passed-through TLS too connects to the host only after the caller is authorised, by "
        "an EnvoyFilter. Absent: true with `mesh.flavor: istio`, false with the managed mesh, which "
        "takes none. False: a refused caller sends nothing, but a connection to the declared host is "
        "opened for it, and it hears what that host says before it is asked anything. Raw TCP always "
        "connects late. Refused: True with the managed mesh.",
    )

"""The words a team writes: which outside hosts it may reach and how, which Google APIs, which other teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, Field, field_validator, model_validator

from egress.common import grammar, system_namespaces
from egress.common.hosts import is_pattern
from egress.common.names import GATEWAY_NAMESPACE, MESH_NAMESPACE, OWN_DOMAIN, PORT_LIMIT
from egress.common.ports import HTTPS_PORT
from egress.settings.access import Access
from egress.settings.base import Form, Model, refusal, refusals
from egress.settings.google_apis import GoogleApis
from egress.settings.host import HostOrPattern
from egress.settings.ingress import Receive, ReceptionName
from egress.settings.limits import Share
from egress.settings.security_model import WeakerModel, unenforced

TEAM_NAME_LIMIT = 40
RESERVED_NAMES = {
    "default",
    GATEWAY_NAMESPACE,
    MESH_NAMESPACE,
}
RESERVED_PREFIXES = ("istio-",)
"""Beside those of Kubernetes' and Google's own namespaces."""


def is_reserved(namespace: str) -> bool:
    """Whether a namespace of this name is the platform's."""
    return (
        namespace in RESERVED_NAMES
        or namespace.startswith(RESERVED_PREFIXES)
        or system_namespaces.is_taken(namespace)
    )


def _team_name(name: str) -> str:
    if name == "svc":
        raise refusal(
            "Pods first look a name up below `svc.cluster.local`: a Service istio-system of this team, "
            "with a pod called istiod, would answer to the control plane's name istiod.istio-system.svc "
            "in every pod of the cluster.",
            "Choose another name.",
        )
    if is_reserved(name):
        raise refusal(
            "A team's namespace has the team's name, and the namespace of this name belongs to the "
            "platform: the team's rules would apply to the platform's own pods.",
            "Choose another name.",
        )
    if len(name) > TEAM_NAME_LIMIT:
        raise refusal(
            f"The name becomes part of other names, which have at most 63 characters: {TEAM_NAME_LIMIT} "
            f"are left for it, and it has {len(name)}.",
            "Choose a shorter name.",
        )
    if not grammar.matches(grammar.LABEL, name):
        raise refusal(
            "Kubernetes refuses it as a namespace: lower-case letters, digits and hyphens, no hyphen at "
            "either end.",
            "Choose another name.",
        )
    return name


TeamName = Annotated[str, AfterValidator(_team_name)]


class TestApp(Model):
    """The tutorial's test Deployment: an idle pod with curl and gcloud, to try the rules from."""

    image: Annotated[
        str,
        Form(
            grammar.IMAGE,
            "No container image has a name of this form.",
            "Write e.g. registry.example/path/curl:8.1.",
        ),
        Field(max_length=400),
    ] = Field(default="gcr.io/google.com/cloudsdktool/google-cloud-cli:slim", description="Its image.")


LabelKey = Annotated[
    str,
    Form(
        rf"((?=[^/]{{1,253}}/){grammar.SUBDOMAIN}/)?{grammar.LABEL_TEXT}",
        "Kubernetes refuses this key of a label: at most 63 letters, digits, `-`, `_` and `.`, a letter "
        "or digit at both ends; a domain and a slash may come before it.",
        "Write e.g. cost-centre, or example.com/cost-centre.",
    ),
]
LabelValue = Annotated[
    str,
    Form(
        f"({grammar.LABEL_TEXT})?",
        "Kubernetes refuses this value of a label: at most 63 letters, digits, `-`, `_` and `.`, a letter or "
        "digit at both ends.",
        "Write e.g. platform-42.",
    ),
]


class Team(Model):
    """One team: a namespace of the same name, and what leaves it. Whatever is not written here is refused."""

    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Further labels of the namespace. Refused: What Kubernetes refuses in a label. "
        "`istio-injection`, and labels of `kubernetes.io`, `k8s.io`, `istio.io`, `gke-mesh-egress`.",
    )
    model: WeakerModel | None = Field(
        default=None,
        description="A weaker security model (docs/modes/security-models.md), by name with the reason. "
        "Absent: registry only and egress gateway. Refused: Both, or neither. Without "
        "`fences.applicationNodes`. With what only the gateway could keep: `methods`, `paths`, "
        "`headers`, `serviceAccounts`, `upgrade: mtls`, `ca`, `mirror`, `inspect`, `tcp`. A host that "
        "another team has inspected.",
    )
    egress: dict[HostOrPattern, Access] = Field(
        default={},
        description="Outside host to ways of reaching it. `*.` and a domain: every name below it "
        "(docs/modes/wildcard.md), with `https` alone. Upper case becomes lower case. Refused: An "
        "address, URL, port, trailing dot, Unicode form or single label. A name of the cluster (`…svc`, "
        "`….cluster.local`, `….internal`, …), or `a.b` and `a.b.c` that end in a team's or the "
        "platform's namespace. A Google name (`googleapis.com`, `gcr.io`, `pkg.dev`, `gke.goog`). The "
        "same host twice. A host with no way. A `*` anywhere but as the first label; `*.com`, `*.co.uk`; "
        "`http` or `tcp` of a pattern; a pattern with the managed mesh.",
    )
    gateway: str | None = Field(
        default=None,
        description="The gateway of `gateways` by which the team leaves. Absent: the shared one. "
        "Refused: Not among `gateways`. With a `model`, which leaves past every gateway.",
    )
    limits: Share = Field(
        default=Share(),
        description="How much of its gateway each pod of the team takes at once, by each way: all `http` "
        "is one way, each host of `https` or `tcp` another. The pod's own sidecar counts: "
        "docs/security.md#the-gateway-keeps-standing. Refused: With a `model`, which leaves past every "
        "gateway.",
    )
    http10: bool = Field(
        default=False,
        description="Apps that speak HTTP/1.0 are answered: their sidecars take it, and HTTP/1.1 leaves. "
        "False: the connection ends. Refused: With the managed mesh.",
    )
    google_apis: GoogleApis | None = Field(
        default=None, description="Google APIs straight through Private Google Access, guarded by IAM."
    )
    reaches: list[str] = Field(
        default=[],
        description="Other teams whose pods this team's pods may connect to. Refused: The team itself. A "
        "team that is not declared.",
    )
    receives: dict[ReceptionName, Receive] = Field(
        default={},
        description="What partners may connect to, by a name for it. Refused: Without `ingress`. A name "
        "of more than 40 characters.",
    )
    test_app: TestApp | None = Field(
        default=None, description="The tutorial's idle test pod. `{}` deploys it."
    )

    @field_validator("labels")
    @classmethod
    def no_label_with_a_meaning(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value:
            domain = key.partition("/")[0] if "/" in key else ""
            if key == "istio-injection" or domain.endswith(
                ("kubernetes.io", "k8s.io", "istio.io", OWN_DOMAIN)
            ):
                raise refusal(
                    "Namespace labels of Kubernetes, Istio and this program decide who may do what in "
                    "the namespace.",
                    "Remove it; the program sets the ones that are needed.",
                    (key,),
                )
        return value

    @field_validator("egress", mode="before")
    @classmethod
    def one_entry_per_host(cls, value: Any) -> Any:
        seen: set[str] = set()
        for host in (
            (str(key) for key in cast(Mapping[Any, Any], value)) if isinstance(value, Mapping) else ()
        ):
            name = host.lower()
            if name in seen:
                raise refusal(
                    f"DNS names are not case-sensitive: this is {name} again, and only one entry could "
                    "apply.",
                    "Merge the two entries.",
                    (host,),
                )
            seen.add(name)
        return cast(Any, value)

    @field_validator("egress")
    @classmethod
    def patterns_pass_tls_through(cls, value: dict[str, Access]) -> dict[str, Access]:
        found: list[tuple[tuple[str, ...], str, str]] = []
        for host, access in value.items():
            named = "tcp" if access.tcp else "httpsPorts" if access.https_ports else ""
            if named and len(host) > PORT_LIMIT:
                found.append(
                    (
                        (host, named),
                        f"A host with ports of its own has at most {PORT_LIMIT} characters, because the "
                        f"gateway's own name for it is longer; this one has {len(host)}.",
                        "Check the name.",
                    )
                )
            if not is_pattern(host):
                continue
            if access.http is not None:
                found.append(
                    (
                        (host, "http"),
                        "A request can carry any Host header, so for http the gateway connects only to "
                        "hosts declared by their full name; it connects to other names only by the "
                        "server name (SNI) of TLS.",
                        "Write https: passthrough, or declare http for each host by its full name.",
                    )
                )
            if access.https_ports not in (None, [HTTPS_PORT]):
                found.append(
                    (
                        (host, "httpsPorts"),
                        "Not supported: names below a pattern are looked up for port 443 alone.",
                        "Leave it out, or declare each host that has another port by its full name.",
                    )
                )
            if access.tcp is not None:
                found.append(
                    (
                        (host, "tcp"),
                        "Not supported: raw TCP carries no host name, so nothing could tell which "
                        "connections match the pattern.",
                        "Declare tcp for each host by its full name (a YAML anchor saves repeating it).",
                    )
                )
        if found:
            raise refusals(found)
        return value

    @model_validator(mode="after")
    def asks_for_what_its_model_keeps(self) -> Self:
        if self.model is None:
            return self
        found: list[tuple[tuple[str, ...], str, str]] = [
            (("egress", host, *at), consequence, fix)
            for host, access in self.egress.items()
            for at, consequence, fix in unenforced(access)
        ]
        if self.gateway is not None:
            found.append(
                (
                    ("gateway",),
                    "With its model the team bypasses every gateway: this one would carry nothing, and "
                    "no partner would see its addresses.",
                    "Remove gateway, or remove model.",
                )
            )
        if "limits" in self.model_fields_set:
            found.append(
                (
                    ("limits",),
                    "With its model the team bypasses every gateway: there is nothing that this could limit.",
                    "Remove limits, or remove model.",
                )
            )
        if self.model.registry_only is not None and not self.egress:
            found.append(
                (
                    ("model",),
                    "The team declares no host, so there is nothing that it could reach past the gateway.",
                    "Declare a host, or remove model.",
                )
            )
        if found:
            raise refusals(found)
        return self

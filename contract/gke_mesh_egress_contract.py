"""What a stack of gke-mesh-egress tells other programs: its output `egress`, read into typed values.

This one file is all that another program needs: Python 3.10 or newer, the standard library, nothing of the
platform's code. Copy it beside your program, or install it from this folder with pip.

    import pulumi
    from gke_mesh_egress_contract import Contract, parse

    platform = pulumi.StackReference("ORGANISATION/gke-mesh-egress/STACK")
    contract = platform.require_output("egress").apply(parse)
    namespace = contract.apply(lambda contract: contract.team("team-x").namespace)

Keys that this file does not know are left aside, so a platform may add some. Another version of the contract
is refused.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

VERSION = 1
"""The version of the contract that this file reads."""

OUTPUT = "egress"
"""The stack output that holds it."""


class ContractError(ValueError):
    """The platform's output is not what this program was written for. The message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Network:
    id: Annotated[str, "The VPC network, as Google Cloud names it."]
    subnet: Annotated[str, "The cluster's subnet, as Google Cloud names it."]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    name: str
    location: Annotated[str, "Zone, or region."]
    endpoint: Annotated[str, "URL of the Kubernetes API server."]
    ca_certificate: Annotated[
        str, "Base64 of the PEM authority of the IP endpoint; the DNS-based one shows a public certificate."
    ]

    def kubeconfig(self) -> str:
        """A kubeconfig (JSON, which is YAML) that asks Google for a token at each use: no credential is in
        it."""
        by_name = self.endpoint.endswith(".gke.goog")
        trust = {} if by_name else {"certificate-authority-data": self.ca_certificate}
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        }
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": self.name, "cluster": {"server": self.endpoint, **trust}}],
                "users": [{"name": self.name, "user": {"exec": plugin}}],
                "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
                "current-context": self.name,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Gateway:
    namespace: str
    service_account: Annotated[str, "The gateway's Kubernetes service account."]
    host: Annotated[str, "The gateway's Service inside the cluster."]
    identity: Annotated[str, "SPIFFE name of the gateway in the mesh."]
    outside_ports: Annotated[
        tuple[int, ...], "TCP ports on which gateway nodes leave to wherever a host's name leads."
    ]
    addresses: Annotated[
        Mapping[str, str], "Reserved addresses from which connections leave, by name; empty: Google chooses."
    ]
    hosts: Annotated[tuple[str, ...] | None, "The only hosts that may be reached by it; absent: any."] = None


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry of images outside Google Cloud, and how the cluster's nodes pull from it."""

    upstream: Annotated[str, "Host of the registry."]
    address: Annotated[str, "What the name of an image begins with in a pod, in place of that host."]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way in which a team may reach a host. A field that is absent does not narrow."""

    host: Annotated[str, "What the app calls; `*.` before it: every name below."]
    protocol: Annotated[str, "What the app speaks: http, https (its own TLS, never opened), tcp."]
    port: Annotated[int, "What the app connects to."]
    leaves: Annotated[str, "What leaves the gateway: http, https, tcp, tls."]
    rule: Annotated[str | None, "Name of the rule, where the host has several."] = None
    methods: tuple[str, ...] | None = None
    paths: Annotated[
        tuple[str, ...] | None, "Exact, a prefix ending in `*`, or a template with `{*}` and `{**}`."
    ] = None
    headers: Annotated[Mapping[str, tuple[str, ...]] | None, "Header to the values allowed."] = None
    service_accounts: Annotated[tuple[str, ...] | None, "The team's service accounts that may."] = None
    addresses: Annotated[tuple[str, ...] | None, "Where the host lives, for raw TCP."] = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role that a team's service account has in Google Cloud: on one resource, or with a reason on the
    whole project."""

    service_account: Annotated[str, "Kubernetes service account."]
    role: str
    project: Annotated[str | None, "Where the topic, subscription, secret or dataset is."] = None
    bucket: str | None = None
    topic: str | None = None
    subscription: str | None = None
    secret: str | None = None
    dataset: str | None = None
    reason: Annotated[str | None, "Why it holds for the whole project."] = None


@dataclass(frozen=True, kw_only=True)
class PastGateway:
    """Of a team with a weaker security model: its pods leave themselves, and no gateway judges them."""

    model: Annotated[str, "registry-only: to the hosts of `egress`; open: anywhere."]
    reason: str
    ports: Annotated[tuple[int, ...], "TCP ports on which its pods may leave, to anywhere on the internet."]


@dataclass(frozen=True, kw_only=True)
class Team:
    namespace: str
    service_accounts: Annotated[
        Mapping[str, str], "Kubernetes service account to the Google service account it acts as."
    ]
    egress: Annotated[
        tuple[Way, ...], "All that the team declares to reach outside; with the model open it may reach more."
    ]
    reaches: Annotated[tuple[str, ...], "Other teams that its pods may call."]
    grants: Annotated[
        tuple[Grant, ...] | None, "Roles of its service accounts in Google Cloud. Absent: none."
    ] = None
    google_hosts: Annotated[tuple[str, ...] | None, "Google's hosts, APIs among them; absent: none."] = None
    past_gateway: Annotated[PastGateway | None, "Absent: everything passes the gateway."] = None
    gateway: Annotated[
        str | None, "The gateway of `gateways` by which the team leaves; absent: the shared one."
    ] = None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts outside that the team may reach, sorted."""
        return tuple(sorted({way.host for way in self.egress}))


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What a team receives from partners."""

    host: Annotated[str, "The name that clients ask for."]
    port: int
    protocol: Annotated[str, "http or tcp, inside mutual TLS."]
    clients: Annotated[Mapping[str, str], "Name to the subject alternative name of the client's certificate."]
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ingress:
    """Where partners connect. Only there while some team receives."""

    namespace: str
    service_account: str
    identity: Annotated[str, "SPIFFE name of the ingress gateway in the mesh."]
    exposure: Annotated[str, "internal or external."]
    source_ranges: Annotated[Mapping[str, str], "Who may connect at all: name to range."]
    receives: Annotated[Mapping[str, Mapping[str, Reception]], "By team, then by name."]
    address: Annotated[str, "The address at which partners connect."]


@dataclass(frozen=True, kw_only=True)
class Contract:
    contract: Annotated[int, "Version of this object."]
    project: Annotated[str, "Google Cloud project."]
    region: str
    workload_pool: Annotated[str, "Workload Identity pool of the cluster."]
    network: Network
    cluster: Cluster
    gateway: Annotated[Gateway, "The shared egress gateway."]
    teams: Mapping[str, Team]
    gateways: Annotated[
        Mapping[str, Gateway] | None, "Egress gateways of teams, by name; absent: there are none."
    ] = None
    ingress: Ingress | None = None
    registries: Annotated[
        Mapping[str, Registry] | None,
        "Registries outside from which nodes pull, by name; nodes reach gcr.io and pkg.dev themselves.",
    ] = None

    def image(self, name: str) -> str:
        """The name by which nodes pull an image: `ghcr.io/org/app:1` by the repository for ghcr.io. An image
        of Google's keeps its name. Raises ContractError where nodes cannot reach it."""
        host, slash, rest = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, rest = "docker.io", name  # in the words of Docker
        if host == "docker.io" and "/" not in rest:
            rest = f"library/{rest}"  # Docker's own images
        if any(host == zone or host.endswith(f".{zone}") for zone in ("gcr.io", "pkg.dev")):
            return name
        for registry in (self.registries or {}).values():
            if registry.upstream == host:
                return f"{registry.address}/{rest}"
        raise ContractError(
            f"Nodes cannot pull {name!r}: they reach gcr.io and pkg.dev, and by the platform's repositories "
            f"{', '.join(sorted(each.upstream for each in (self.registries or {}).values())) or 'nothing'}. "
            f"Ask the platform for an entry of {host} in `registries`."
        )

    def gateway_of(self, team: str) -> Gateway:
        """The gateway by which a team leaves: whose addresses a partner of the team has to let in."""
        own = self.team(team).gateway
        return (self.gateways or {})[own] if own else self.gateway

    def team(self, name: str) -> Team:
        """The team of this name. Raises ContractError naming those that there are."""
        if name not in self.teams:
            raise ContractError(
                f"The platform knows no team {name!r}; it knows: {', '.join(sorted(self.teams)) or 'none'}."
            )
        return self.teams[name]


def parse(output: Any) -> Contract:
    """The contract in the value of the stack's output `egress`. Raises ContractError with everything that
    does not fit."""
    given = _mapping(output)
    if given is None or "contract" not in given:
        raise ContractError(
            f"This is not the output `{OUTPUT}` of a stack of gke-mesh-egress: {_shown(output)} holds no key "
            "`contract`. "
            "Is it the right stack, and was it deployed?"
        )
    version = given["contract"]
    if version != VERSION:
        raise ContractError(
            f"The platform speaks contract {_shown(version)}, this program {VERSION}. Read the platform's "
            "CHANGELOG, take the "
            "file gke_mesh_egress_contract.py of the platform's release, and adapt this program to it."
        )
    problems: list[str] = []
    contract = _read(Contract, given, OUTPUT, problems)
    if problems:
        raise ContractError(
            f"The platform's output says contract {VERSION} and does not keep it:\n"
            + "\n".join(f"  {problem}" for problem in problems)
            + "\nThat is a defect of the platform's stack: report it there."
        )
    return contract


def parse_outputs(text: str) -> Contract:
    """The contract in what `pulumi stack output --json` prints."""
    try:
        outputs = _mapping(json.loads(text))
    except ValueError as error:
        raise ContractError(f"This is not what `pulumi stack output --json` prints: {error}.") from None
    if outputs is None or OUTPUT not in outputs:
        raise ContractError(
            f"The stack has no output `{OUTPUT}`: it is not one of gke-mesh-egress, or was never deployed."
        )
    return parse(outputs[OUTPUT])


def key(field: str) -> str:
    """A field's name in the output: `workload_pool` is `workloadPool`."""
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)


def unpacked(annotation: Any) -> tuple[Any, bool, str]:
    """A field's type without what is wrapped around it; whether it may be absent; its description."""
    description = ""
    if get_origin(annotation) is Annotated:
        annotation, description = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (option for option in get_args(annotation) if option is not type(None))
        return annotation, True, description
    return annotation, False, description


_T = TypeVar("_T")


def _read(wanted: type[_T], value: Any, path: str, problems: list[str]) -> _T:
    """`value` as the type `wanted`. What does not fit is noted in `problems`, and then the result means
    nothing."""
    origin, of, mapping = get_origin(wanted), get_args(wanted), _mapping(value)
    result: Any = None
    if wanted is int and isinstance(value, float) and value.is_integer():
        result = int(value)  # Pulumi's wire knows one kind of number.
    elif wanted in (str, int) and isinstance(value, wanted) and not isinstance(value, bool):
        result = value
    elif origin is tuple and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        result = tuple(_read(of[0], item, f"{path}[{index}]", problems) for index, item in enumerate(items))
    elif origin is Mapping and mapping is not None:
        result = {name: _read(of[1], item, f"{path}.{name}", problems) for name, item in mapping.items()}
    elif dataclasses.is_dataclass(wanted) and mapping is not None:
        result = wanted(**_fields(wanted, mapping, path, problems))
    else:
        problems.append(f"{path} is {_shown(value)}, and should be {_named(wanted)}.")
    return result


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def _fields(wanted: Any, value: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, annotation in get_type_hints(wanted, include_extras=True).items():
        of, optional, _ = unpacked(annotation)
        at, found = f"{path}.{key(name)}", value.get(key(name))
        if found is not None:
            read[name] = _read(of, found, at, problems)
        elif not optional:
            problems.append(f"{at} is missing.")
            read[name] = None
    return read


def _named(wanted: Any) -> str:
    kinds = {str: "a text", int: "a whole number", tuple: "a list", Mapping: "a map"}
    return kinds.get(get_origin(wanted) or wanted, "a map")


def _shown(value: Any) -> str:
    text = repr(int(value) if isinstance(value, float) and value.is_integer() else value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Every field of every kind that judges read is read, harmless by a written list, or not understood.

Istio's are those of the pinned CustomResourceDefinitions, kept in recorded/istio_fields.json and written
anew, after a new release was pinned, by `pytest tests/judge/test_every_field.py --regenerate-golden`;
Kubernetes' and Google's are those of Pulumi's packages. A field is read if some answer changes with its
value: a violation, what is reached, who comes in, or what differs for somebody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pulumi_gcp as gcp
import pulumi_kubernetes as k8s
import pytest

from egress.answers.diff import difference
from egress.answers.reachability import reach
from egress.answers.reachability_inbound import inbound_rows
from egress.common.objects import Resource
from egress.judge import pods
from egress.judge.fields import google_fields as fields_of_google
from egress.judge.fields import google_types
from egress.judge.fields.object_fields import HARMLESS
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.model.kinds import READ, unknown
from egress.judge.model.shapes import problems
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.verify import verify
from sandbox.tools import cache as downloads
from sandbox.tools.istio import istio_crds
from tests.judge.deployments import plan, rendered
from tests.schemas import Path_, computed, leaves, of_arguments, of_definitions, put, said

RECORDED = Path(__file__).with_name("recorded") / "istio_fields.json"


@cache
def istio_fields() -> dict[str, Any]:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


@cache
def kubernetes_fields() -> dict[str, Any]:
    return {
        "Deployment": of_arguments(k8s.apps.v1.DeploymentSpecArgs),
        "NetworkPolicy": of_arguments(k8s.networking.v1.NetworkPolicySpecArgs),
        "Service": of_arguments(k8s.core.v1.ServiceSpecArgs),
        "ValidatingAdmissionPolicy": of_arguments(
            k8s.admissionregistration.v1.ValidatingAdmissionPolicySpecArgs
        ),
        "ValidatingAdmissionPolicyBinding": of_arguments(
            k8s.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpecArgs
        ),
    }


def test_the_recorded_fields_are_those_of_the_pinned_release(regenerate: bool) -> None:
    if regenerate:
        RECORDED.write_text(json.dumps(of_definitions(istio_crds()), indent=1) + "\n", encoding="utf-8")
    elif not list(downloads.root().glob("istio-api-*")):
        pytest.skip("Istio's CustomResourceDefinitions are not in the cache: `make ready` fetches them.")
    assert of_definitions(istio_crds()) == istio_fields()


def answers(mode: str, deployed: Snapshot) -> Iterator[object]:
    """Everything that anybody says about a state, one answer after the other."""
    judges = Judges(deployed)
    intent = Intent(plan(mode))
    yield [str(violation) for violation in verify(intent, judges)]
    yield json.dumps([row.as_json() for row in inbound_rows(judges)])
    services = [one for found in judges.registry.destinations.values() for one in found if one.inside]
    for team in intent.teams:
        for flow in (
            Flow(team, one.host, port, how) for one in services for port in one.ports for how in Protocol
        ):
            yield judges.trace(flow).decision
    yield json.dumps([row.as_json() for row in reach(judges, intent.teams, intent)])
    # What a person may ask for, and what nothing here names: an address that may be a node's own, and one of
    # IPv6.
    for team, address in (
        (team, address) for team in intent.teams for address in ("10.9.9.9", "2001:db8::1")
    ):
        yield judges.trace(
            Flow(team, address, 443, Protocol.TLS, Vantage.POD_WITHOUT_SIDECAR, address=address)
        ).steps
        yield judges.trace(Flow(team, address, 443, Protocol.TCP, address=address)).steps


@dataclass(frozen=True)
class Site:
    """An object of an example in which fields are set, one after the other."""

    mode: str
    name: str
    change: Callable[[Any], object] | None = None
    """What is done to the object first, so that a field can matter."""
    beside: tuple[dict[str, Any], ...] = ()
    """Objects that are there as well."""

    @cached_property
    def base(self) -> tuple[dict[str, Any], Snapshot]:
        """The object, and the state that it is in."""
        state = rendered(self.mode)
        objects = [*map(dict, state.kubernetes), *self.beside]
        at = next(at for at, item in enumerate(objects) if identity(item) == self.name)
        if self.change:
            objects[at] = deepcopy(objects[at])
            self.change(objects[at])
        return objects[at], Snapshot.of(objects, state.google)

    @cached_property
    def answers(self) -> list[object]:
        return list(answers(self.mode, self.base[1]))

    def outcomes(self, path: Path_, form: str) -> Iterator[str]:
        """What becomes of the object with each value in a field: `not understood`, `read`, or nothing."""
        item, state = self.base
        for value in _values(path, form):
            changed = {**item, "spec": put(item.get("spec"), path, value)}
            if changed != item and not list(problems(item["kind"], changed)):
                yield self._told(
                    Snapshot.of([changed if one is item else one for one in state.kubernetes], state.google)
                )

    def _told(self, changed: Snapshot) -> str:
        judges = Judges(changed)
        if judges.broken or any(verdict.decided_by == self.name for verdict in judges.unread):
            return "not understood"
        pairs = zip(answers(self.mode, changed), self.answers, strict=True)
        return (
            "read"
            if any(one != other for one, other in pairs) or difference(self.base[1], changed).changes
            else ""
        )


def for_all_ports(item: Any) -> None:
    policy = item["spec"]["trafficPolicy"]
    policy["tls"] = policy.pop("portLevelSettings")[0]["tls"]


def the_gateways_first(item: Any) -> None:
    item["spec"]["http"].reverse()


def _filter(name: str, **config: Any) -> dict[str, Any]:
    match = {
        "context": "GATEWAY",
        "listener": {"filterChain": {"filter": {"name": "envoy.filters.network.tcp_proxy"}}},
    }
    type_url = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    value = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"@type": type_url, **config}}
    patch = {"applyTo": "NETWORK_FILTER", "match": match, "patch": {"operation": "MERGE", "value": value}}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": "istio-egress"},
        "spec": {"workloadSelector": {"labels": {"istio": "egressgateway"}}, "configPatches": [patch]},
    }


SOME_PODS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "some", "namespace": "team-x"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {80: {"mode": "STRICT"}},
    },
}
EARLY = _filter("a", upstream_connect_mode="IMMEDIATE")
SITES: Mapping[str, tuple[Site, ...]] = {
    "AuthorizationPolicy": (
        Site("rules", "istio-egress/authorizationpolicy/egress-shop"),
        Site("dev", "istio-egress/authorizationpolicy/egress-team-y"),
        Site("dev", "istio-egress/authorizationpolicy/allow-nothing"),
    ),
    "DestinationRule": (
        Site("dev", "istio-egress/destinationrule/example-com-originate-tls"),
        Site("dev", "istio-egress/destinationrule/example-com-originate-tls", for_all_ports),
        Site("dev", "team-x/destinationrule/target-egress-gateway"),
    ),
    "EnvoyFilter": (
        Site("wildcard", "istio-egress/envoyfilter/wildcard-look-up"),
        Site("dev", "istio-egress/envoyfilter/connect-late", beside=(EARLY,)),
        Site("dev", "istio-egress/envoyfilter/a", beside=(EARLY,)),
    ),
    "Gateway": (
        Site("dev", "istio-egress/gateway/egress-gateway"),
        Site("receive", "istio-ingress/gateway/orders-price--list"),
        Site("wildcard", "istio-egress/gateway/any---example-org-gateway"),
    ),
    "PeerAuthentication": (
        Site("dev", "istio-system/peerauthentication/default"),
        Site("dev", "team-x/peerauthentication/some", beside=(SOME_PODS,)),
    ),
    "ProxyConfig": (Site("tcp-by-name", "reports/proxyconfig/dns-proxy"),),
    "ServiceEntry": (
        Site("dev", "istio-egress/serviceentry/example-com-ext"),
        Site("tcp", "istio-egress/serviceentry/postgres-partner-example-ext"),
    ),
    "Sidecar": (Site("dev", "team-x/sidecar/default"),),
    "Telemetry": (Site("dev", "istio-system/telemetry/mesh-default"),),
    "TrafficExtension": (Site("inspection", "istio-egress/trafficextension/body-inspection"),),
    "VirtualService": (
        Site("dev", "istio-egress/virtualservice/example-com-through-egress-gateway"),
        Site("mirror", "istio-egress/virtualservice/geo-old-example-through-egress-gateway"),
        Site(
            "mirror", "istio-egress/virtualservice/geo-old-example-through-egress-gateway", the_gateways_first
        ),
        Site("split", "istio-egress/virtualservice/geo-old-example-through-egress-gateway"),
        Site(
            "split", "istio-egress/virtualservice/geo-old-example-through-egress-gateway", the_gateways_first
        ),
    ),
    "Deployment": (Site("dev", "istio-egress/deployment/istio-egressgateway"),),
    "Service": (
        Site("dev", "istio-egress/service/istio-egressgateway"),
        Site("receive", "istio-ingress/service/istio-ingressgateway"),
    ),
    "ValidatingAdmissionPolicy": (Site("dev", "validatingadmissionpolicy/egress-team-workloads"),),
    "ValidatingAdmissionPolicyBinding": (
        Site("dev", "validatingadmissionpolicybinding/egress-team-workloads"),
        Site("dev", "validatingadmissionpolicybinding/egress-gateway-nodes"),
    ),
    "NetworkPolicy": (
        Site("dev", "team-x/networkpolicy/team-boundary"),
        Site("dev", "istio-egress/networkpolicy/gateway-boundary"),
    ),
}
"""By kind: where fields are set. A field is read if at one of them an answer changes with it."""
UNREAD = [kind for kind in istio_fields() if kind not in READ]


@pytest.mark.parametrize("kind", UNREAD)
def test_a_kind_of_istio_that_nobody_reads_is_not_understood_as_a_whole(kind: str) -> None:
    assert kind in ("RequestAuthentication", "WasmPlugin", "WorkloadEntry", "WorkloadGroup")
    assert unknown({"apiVersion": "networking.istio.io/v1", "kind": kind})


def test_every_kind_of_istio_has_a_site() -> None:
    assert {kind for kind in istio_fields() if kind in READ} == SITES.keys() - kubernetes_fields().keys()


def _values(path: Path_, form: str) -> Iterator[object]:
    if form == "boolean":
        yield from (True, False)
    elif form in ("integer", "number"):
        yield from (0, 1, 443, 9999)
    elif form == "any":
        yield {"a": "b"}
    elif form == "integer or string":
        yield from (1, "a")
    elif "|" in form:
        yield from form.split("|")
    elif path[-1] == "protocol" and "ports" in path:
        yield from ("SCTP", "UDP", "TCP", "HTTP", "TLS")
    elif path[-1] == "clusterIP":
        yield "None"
    elif "clusterIPs" in path:
        yield "10.9.9.9"
    elif path[-1] == "key":
        yield from ("source.ip", "connection.sni", "request.headers[x]")
    else:
        yield from (
            "somebodys.example",
            "team-y",
            "*",
            "10",
            "10.0.0.0/8",
            "127.0.0.9",
            "GET",
            "x-request-id",
        )


def outcome(kind: str, path: Path_, form: str) -> str:
    """The first thing that becomes of a field, at whatever site."""
    return next(filter(None, (told for site in SITES[kind] for told in site.outcomes(path, form))), "")


LISTED: Mapping[str, Mapping[str, str]] = {**HARMLESS, "Deployment": pods.HARMLESS}
DEEP = 7
"""Steps of a path below which fields are taken for one: whatever is that deep is known, or not, as a
whole."""


def _listed(path: Path_, harmless: Mapping[str, str]) -> bool:
    """Whether a field, or one above it, is on the list of what is harmless."""
    names = [step for step in path if step not in ("[]", "{}")]
    return any(".".join(names[:length]) in harmless for length in range(1, len(names) + 1))


def _fields(kinds: Mapping[str, Any]) -> Iterator[Any]:
    for kind, schema in kinds.items():
        seen: set[Path_] = set()
        for path, form in leaves(schema) if kind in SITES else ():
            if path[:DEEP] not in seen and not _listed(path, LISTED.get(kind, {})):
                seen.add(path[:DEEP])
                yield pytest.param(kind, path, form, id=f"{kind} {said(path)}")


@pytest.mark.parametrize(("kind", "path", "form"), _fields({**istio_fields(), **kubernetes_fields()}))
def test_a_field_is_read_or_not_understood(kind: str, path: Path_, form: str) -> None:
    assert outcome(kind, path, form) in ("read", "not understood")


@pytest.mark.parametrize("kind", LISTED)
def test_what_is_listed_as_harmless_is_a_field_and_says_nothing(kind: str) -> None:
    every = leaves({**istio_fields(), **kubernetes_fields()}[kind])
    fields = {
        ".".join(step for step in path if step not in ("[]", "{}")): (path, form) for path, form in every
    }
    for listed in LISTED[kind]:
        below = [item for name, item in fields.items() if name == listed or name.startswith(f"{listed}.")]
        assert below, f"{kind} has no field {listed}"
        path, form = below[0]
        if form != "any":
            # With one value at each site: any other would say as little, and not every site lets the field
            # stand alone.
            told = [next(site.outcomes(path, form), "none") for site in SITES[kind]]
            assert "" in told, listed


# Google's resources.

GOOGLE_SITES: Mapping[str, tuple[type, type]] = {
    "gcp:compute/firewall:Firewall": (gcp.compute.FirewallArgs, gcp.compute.Firewall),
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": (
        gcp.compute.NetworkFirewallPolicyAssociationArgs,
        gcp.compute.NetworkFirewallPolicyAssociation,
    ),
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": (
        gcp.compute.NetworkFirewallPolicyWithRulesArgs,
        gcp.compute.NetworkFirewallPolicyWithRules,
    ),
    "gcp:compute/routerNat:RouterNat": (gcp.compute.RouterNatArgs, gcp.compute.RouterNat),
    "gcp:compute/subnetwork:Subnetwork": (gcp.compute.SubnetworkArgs, gcp.compute.Subnetwork),
    "gcp:container/cluster:Cluster": (gcp.container.ClusterArgs, gcp.container.Cluster),
    "gcp:container/nodePool:NodePool": (gcp.container.NodePoolArgs, gcp.container.NodePool),
    "gcp:dns/managedZone:ManagedZone": (gcp.dns.ManagedZoneArgs, gcp.dns.ManagedZone),
    "gcp:dns/policy:Policy": (gcp.dns.PolicyArgs, gcp.dns.Policy),
    "gcp:dns/recordSet:RecordSet": (gcp.dns.RecordSetArgs, gcp.dns.RecordSet),
    "gcp:dns/responsePolicy:ResponsePolicy": (gcp.dns.ResponsePolicyArgs, gcp.dns.ResponsePolicy),
    "gcp:dns/responsePolicyRule:ResponsePolicyRule": (
        gcp.dns.ResponsePolicyRuleArgs,
        gcp.dns.ResponsePolicyRule,
    ),
}
"""By type: its arguments, and the class that has what the provider computes as well."""
_POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
_CLUSTER, _POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
ELSEWHERE = Resource("gcp:compute/route:Route", "somebodys", {"network": "somebodys"})
"""A route of another network, so that it is seen which network is the cluster's."""


def _rule(action: str, priority: int) -> dict[str, Any]:
    match = {"destIpRanges": ["198.51.100.0/24"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["9999"]}]}
    return {"action": action, "direction": "EGRESS", "priority": priority, "match": match}


@dataclass(frozen=True)
class Place:
    """A resource of an example in which fields are set; where there is none of its type, one of
    somebody's."""

    type: str
    mode: str = "dev"
    name: str = ""
    """Which of several."""
    more: tuple[tuple[str, Any], ...] = ()
    """What it says besides."""
    without: str = "nothing"
    """Resources that are not there, by a part of their names."""

    @cached_property
    def base(self) -> tuple[Resource, Snapshot]:
        state = rendered(self.mode)
        items = [item for item in state.google if self.without not in item.name]
        found = next(
            (item for item in items if item.type == self.type and self.name in ("", item.name)), None
        )
        named = {"name": "somebodys"} if "name" in google_fields()[self.type] else {}
        written = {**(found.properties if found else named), **dict(self.more)}
        changed = Resource(self.type, found.name if found else "somebodys", written)
        items = [changed if item is found else item for item in items] if found else [*items, changed]
        return changed, Snapshot.of(state.kubernetes, [*items, ELSEWHERE])

    @cached_property
    def answers(self) -> list[object]:
        return list(answers(self.mode, self.base[1]))

    def outcomes(self, path: Path_, form: str) -> Iterator[str]:
        """What becomes of the resource with each value in a field."""
        item, state = self.base
        for value in _of_google(path, form):
            changed = Resource(self.type, item.name, put(item.properties, path, value))
            if changed.properties != item.properties and not list(problems(self.type, changed.properties)):
                yield self.told(
                    Snapshot.of(state.kubernetes, [changed if one is item else one for one in state.google])
                )

    def told(self, after: Snapshot) -> str:
        """What becomes of the resource in another state."""
        item, state = self.base
        judges = Judges(after)
        if judges.broken or any(verdict.decided_by == item.identity for verdict in judges.unread):
            return "not understood"
        pairs = zip(answers(self.mode, after), self.answers, strict=True)
        return "read" if any(one != other for one, other in pairs) or difference(state, after).changes else ""


def _of_google(path: Path_, form: str) -> Iterator[object]:
    special = {"stackType": "IPV4_IPV6", "networkUrl": "projects/p/global/networks/vpc-network"}
    if path[-1] in special:
        yield special[path[-1]]
    yield from (
        ("somebodys", "10.0.0.0/8", "0.0.0.0/0", "100", "udp", "deny")
        if form == "string"
        else _values(path, form)
    )


PLACES: Mapping[str, tuple[Place, ...]] = {
    **{type_token: (Place(type_token),) for type_token in GOOGLE_SITES},
    _POLICY: (Place(_POLICY, more=(("rules", [_rule("allow", 1), _rule("deny", 5)]),)),),
    _POOL: (Place(_POOL, name="gateway"),),
    "gcp:compute/subnetwork:Subnetwork": (
        Place("gcp:compute/subnetwork:Subnetwork"),
        Place("gcp:compute/subnetwork:Subnetwork", without="ipv6"),
    ),
    _CLUSTER: (
        Place(_CLUSTER),
        Place(_CLUSTER, "own-gateway"),
        Place(_CLUSTER, "managed-mesh"),
        Place(_CLUSTER, more=(("datapathProvider", "LEGACY_DATAPATH"), ("networkPolicy", {"enabled": True}))),
    ),
}
"""By type: where fields are set."""


def test_every_type_of_google_that_is_read_has_a_site() -> None:
    assert GOOGLE_SITES.keys() == google_types.READ - {"kubernetes:helm.sh/v3:Release"}


@cache
def google_fields() -> dict[str, Any]:
    """By type: its arguments, and what the provider computes without more to it."""
    found: dict[str, Any] = {}
    for type_token, (arguments, resource) in GOOGLE_SITES.items():
        fields = of_arguments(arguments)
        found[type_token] = {**dict.fromkeys(computed(resource), "string"), **fields}
    return found


def google_outcome(type_token: str, path: Path_, form: str) -> str:
    """The first thing that becomes of a field, wherever it is set."""
    return next(
        filter(None, (told for place in PLACES[type_token] for told in place.outcomes(path, form))), ""
    )


def _google() -> Iterator[Any]:
    for type_token, schema in google_fields().items():
        harmless = {**fields_of_google.EVERYWHERE, **fields_of_google.HARMLESS.get(type_token, {})}
        seen: set[Path_] = set()
        for path, form in leaves(schema):
            if path[:4] not in seen and not _listed(path, harmless):
                seen.add(path[:4])
                yield pytest.param(type_token, path, form, id=f"{type_token.rpartition(':')[2]} {said(path)}")


@pytest.mark.parametrize(("type_token", "path", "form"), _google())
def test_a_field_of_google_is_read_or_not_understood(type_token: str, path: Path_, form: str) -> None:
    assert google_outcome(type_token, path, form) in ("read", "not understood")


@pytest.mark.parametrize("type_token", GOOGLE_SITES)
def test_what_is_listed_of_google_is_a_field_and_says_nothing(type_token: str) -> None:
    every = leaves(google_fields()[type_token])
    fields = {
        ".".join(step for step in path if step not in ("[]", "{}")): (path, form) for path, form in every
    }
    place = PLACES[type_token][0]
    item, state = place.base
    written = item.properties
    for listed in fields_of_google.HARMLESS.get(type_token, {}):
        below = [one for name, one in fields.items() if name == listed or name.startswith(f"{listed}.")]
        assert below, f"{type_token} has no field {listed}"
        path, form = below[0]
        written = put(written, path, next(_of_google(path, form)))
    # All at once: what says nothing says nothing beside others either.
    changed = Resource(type_token, item.name, written)
    after = Snapshot.of(state.kubernetes, [changed if one is item else one for one in state.google])
    assert not list(problems(type_token, written))
    assert place.told(after) == ""

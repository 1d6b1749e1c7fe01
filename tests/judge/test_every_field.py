"""Every field of every kind that judges read is read, harmless by a written list, or not understood.

Istio's are those of the pinned CustomResourceDefinitions, kept in recorded/istio_fields.json and written
anew, after a new release was pinned, by `pytest tests/judge/test_every_field.py --regenerate-golden`;
Kubernetes' are those of Pulumi's package; Google's are in test_every_field_of_google.py. A field
is read if some answer changes with its value: a violation, what is reached, who comes in, or what differs for
somebody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from egress.answers.diff import difference
from egress.judge import pods
from egress.judge.fields.object_fields import HARMLESS
from egress.judge.model.kinds import READ, unknown
from egress.judge.model.shapes import problems
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from sandbox.tools import cache as downloads
from sandbox.tools.istio import istio_crds
from tests.judge.answering import answers, is_listed, trial_values
from tests.judge.deployments import rendered
from tests.schemas import Path_, leaves, of_arguments, of_definitions, put, said

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
        for value in trial_values(path, form):
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
        Site("tcp", "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext"),
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


def outcome(kind: str, path: Path_, form: str) -> str:
    """The first thing that becomes of a field, at whatever site."""
    return next(filter(None, (told for site in SITES[kind] for told in site.outcomes(path, form))), "")


LISTED: Mapping[str, Mapping[str, str]] = {**HARMLESS, "Deployment": pods.HARMLESS}
DEEP = 7
"""Steps of a path below which fields are taken for one: whatever is that deep is known, or not, as a
whole."""


def _fields(kinds: Mapping[str, Any]) -> Iterator[Any]:
    for kind, schema in kinds.items():
        seen: set[Path_] = set()
        for path, form in leaves(schema) if kind in SITES else ():
            if path[:DEEP] not in seen and not is_listed(path, LISTED.get(kind, {})):
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

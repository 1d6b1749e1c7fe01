"""Nothing can be taken from the rendered objects, or be widened in them, without `verify` noticing - or a
reason stands here.

Two stacks: three teams that leave, the tutorial's two and one that declares something else; and a team that
receives. Each object is removed once, and each field that could let more through is widened once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml

from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import ROOT, dev_config, plan_of

GONE = object()
Path = tuple[str | int, ...]

KEPT: dict[str, str] = {
    # what does not decide what is reached
    r"^team-./serviceaccount/": "an account by itself lets nothing through; who may is in "
    "AuthorizationPolicies",
    r"^clusterrole/": "RBAC is not judged here: tests/apiserver asks a real API server who may do what",
    r"telemetry/|^networklogging/|envoyfilter/request-id (removed|.*(labels|context|portNumber)$)": "logs",
    r"metadata.labels.pod-security.kubernetes.io/warn$": "a warning, which refuses nothing",
    r"priorityclass/|horizontalpodautoscaler/|poddisruptionbudget/": "how long it stands, not what it lets "
    "through",
    r"^team-./(service|deployment)/test": "the test application",
    r"^namespace/istio-system removed|managed-by|^namespace/team-. "
    r"metadata.labels.team$": "nothing selects by it",
    # what another object holds as well
    r"^orders/networkpolicy/team-boundary "
    r"spec.egress.[01].": "the boundary at the other end, in a namespace of the platform",
    r"^orders/networkpolicy/team-boundary "
    r"spec.ingress.1.(ports|from.0.podSelector)": "the ingress gateway's says the same",
    r"ingress-boundary spec.egress.[01].": "the boundary at the other end; outside, the firewall",
    r"ingress-boundary spec.egress.2.ports": "the team's boundary says the same for what comes in",
    r"istio-ingress/virtualservice/.* "
    r"(spec.exportTo|.*match)$": "it is bound to its Gateway alone, which leads nowhere else",
    r"^firewall/ingress-allow-(partners|health-checks) "
    r"(removed|allows)": "GKE makes the same rule itself; its ports stay",
    r"^firewall/ingress-allow-health-checks targetService": "Google's probers alone come by it",
    r"^orders/sidecar/": "the team calls nobody",
    r"authorizationpolicy/allow-nothing": "every team's own policy allows, and so all else is refused; this "
    "one is for no team",
    r"^team-./networkpolicy/team-boundary "
    r"spec.egress.[0-2].": "the boundary at the other end, in a namespace of the platform",
    r"^team-x/networkpolicy/team-boundary "
    r"spec.egress.6.ports": "team-y's boundary says the same for what comes in",
    r"^team-y/networkpolicy/team-boundary "
    r"spec.ingress.1.ports": "team-x's boundary says the same for what goes out",
    r"gateway-boundary spec.ingress.0.ports": "the teams' boundaries say the same for what goes out",
    r"gateway-boundary spec.egress.[01].": "the boundary at the other end; outside, the firewall",
    r"control-plane-boundary "
    r"spec.(ingress.1|egress)": "what comes from, or goes to, no pod of a team or gateway",
    r"destinationrule/.* "
    r"spec.exportTo": "a rule for a host that others do not know, or the others' own rule comes first",
    r"^team-z/destinationrule/.*subsets.0.*tls.mode": "team-z declared no plain HTTP that would use it",
    r"virtualservice/.* "
    r"spec.(http.1|tls.0|tcp.0).match": "the only route of its kind for a host that has its own server",
    r"virtualservice/other-example.* spec.exportTo": "its ServiceEntry is not exported with it",
    r"authorizationpolicy/egress-team-. spec.rules.0.when": "hosts and paths are read on the HTTP port alone",
    r"^firewall/global-deny-egress-all-ipv6": "the subnetwork has no IPv6",
    r"^firewall/.* priority$": "allows nothing else by being asked first",
    r"^firewall/allow-(ingress|egress-to-api-server|egress-nodes-and-pods)": "for nodes and Google's own "
    "machines, inside",
    r"^firewall/allow-egress-gcp-apis": "Google's front door, which IAM guards; for all nodes as it is",
}
"""Object and field, as a pattern, to the reason why a change there is not a hole that verify has to find."""


LEAVING, RECEIVING = "leaving", "receiving"
OF_LEAVING = re.compile(r"istio-egress/|managedzone/|nodepool/(default-pool|gateway)")
"""Objects by which nobody of the team that receives leaves."""


@cache
def plan(stack: str = LEAVING) -> Plan:
    if stack == RECEIVING:
        path = ROOT / "examples/modes/Pulumi.receive.yaml"
        names = {"gke-mesh-egress:names": dev_config()["gke-mesh-egress:names"]}
        return plan_of(yaml.safe_load(path.read_text(encoding="utf-8"))["config"] | names)
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-z"] = {"egress": {"other.example": {"https": "passthrough"}}}
    return plan_of(config)


@cache
def deployed(stack: str = LEAVING) -> Snapshot:
    return deployment(plan(stack), render(plan(stack)))


def found(changed: Snapshot, stack: str = LEAVING) -> bool:
    return bool(verify(Intent(plan(stack)), Judges(changed)).violations)


def mutants(stack: str = LEAVING) -> Iterator[tuple[str, Snapshot]]:
    """What was done to which object, and all objects after it. Objects that both stacks have are changed in
    the first alone."""
    items: list[Any] = [*deployed(stack).kubernetes, *deployed(stack).google]
    others = (
        [repr(other) for other in (*deployed().kubernetes, *deployed().google)] if stack != LEAVING else []
    )
    for at, item in enumerate(items):
        if repr(item) in others:
            continue
        if stack == RECEIVING and OF_LEAVING.match(
            item.identity if isinstance(item, Resource) else identity(item)
        ):
            continue
        google = isinstance(item, Resource)
        name = item.identity if google else identity(item)
        body: Mapping[str, Any] = item.properties if google else item
        yield f"{name} removed", _all([*items[:at], *items[at + 1 :]])
        for path, value in _widened(item.type.rpartition(":")[2] if google else item["kind"], body):
            changed = _with(body, path, value)
            if changed != body:
                other = Resource(item.type, item.name, changed) if google else changed
                yield f"{name} {'.'.join(map(str, path))}", _all([*items[:at], other, *items[at + 1 :]])


def _all(items: list[Any]) -> Snapshot:
    google = [item for item in items if isinstance(item, Resource)]
    return Snapshot.of([item for item in items if not isinstance(item, Resource)], google)


def _with(body: Mapping[str, Any], path: Path, value: object) -> dict[str, Any]:
    changed = deepcopy(dict(body))
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return changed


def _walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, node
    children: Any = (
        node.items()
        if isinstance(node, Mapping)
        else enumerate(node)
        if isinstance(node, list | tuple)
        else ()
    )
    for key, child in children:
        yield from _walk(child, (*path, key))


WIDER: dict[str, dict[str, tuple[object, ...]]] = {
    "AuthorizationPolicy": {
        **dict.fromkeys(("from", "to", "when"), (GONE,)),
        **dict.fromkeys(("paths", "hosts", "namespaces", "methods", "principals"), (GONE, ["*"])),
        "values": (["*"],),
        "action": ("DENY",),
    },
    "Sidecar": {"mode": ("ALLOW_ANY",), "hosts": (["*/*"],)},
    "NetworkPolicy": {
        **dict.fromkeys(("to", "from", "ports", "except", "endPort", "port"), (GONE,)),
        **dict.fromkeys(("namespaceSelector", "podSelector"), (GONE, {})),
        "cidr": ("0.0.0.0/0",),
        "policyTypes": (["Ingress"], ["Egress"]),
        "egress": ([{}],),
        "ingress": ([{}],),
    },
    "Gateway": {
        "mode": ("SIMPLE", "PASSTHROUGH", "OPTIONAL_MUTUAL", "MUTUAL"),
        "hosts": (["*"],),
        "subjectAltNames": (GONE,),
        "credentialName": ("another",),
        "minProtocolVersion": ("TLSV1_0",),
        "protocol": ("HTTP",),
    },
    "DestinationRule": {
        "mode": ("DISABLE", "SIMPLE"),
        "subjectAltNames": (GONE, ["*"], ["elsewhere.example"]),
        "sni": (GONE, "elsewhere.example"),
        "caCertificates": (GONE,),
        "exportTo": (["*"],),
    },
    "VirtualService": {
        **dict.fromkeys(("match", "remove"), (GONE,)),
        "sniHosts": (["*"],),
        "exportTo": (["*"],),
        "number": (9999,),
    },
    "ServiceEntry": {
        "hosts": (["*.com"],),
        "exportTo": (["*"],),
        "addresses": (["0.0.0.0/0"],),
        "targetPort": (15000, 15044, 10250),
        "number": (15000,),
    },
    "EnvoyFilter": {
        "upstream_connect_mode": (GONE, "IMMEDIATE", "ON_DOWNSTREAM_TLS_HANDSHAKE"),
        "max_early_data_bytes": (GONE,),
        "labels": ({"app": "another"},),
        "portNumber": (443,),
        "context": ("SIDECAR_OUTBOUND",),
        "metadata_namespace": ("istio_authn",),
        "operation": ("REMOVE",),
        "socket_options": (GONE,),
        "buf_value": (GONE, "bG8="),
        "level": (6,),
    },
    "PeerAuthentication": {"mode": ("PERMISSIVE", "DISABLE")},
    "Firewall": {
        **dict.fromkeys(("targetServiceAccounts", "ports"), (GONE,)),
        **dict.fromkeys(("destinationRanges", "sourceRanges"), (["0.0.0.0/0"],)),
        "protocol": ("all",),
        "priority": (1,),
    },
    "ValidatingAdmissionPolicy": {"failurePolicy": ("Ignore",)},
    "ValidatingAdmissionPolicyBinding": {"validationActions": (["Audit"],), "values": (["default"],)},
    "NodePool": {"taints": (GONE,)},
    "Service": {
        "loadBalancerSourceRanges": (GONE, ["0.0.0.0/0"]),
        "externalTrafficPolicy": ("Cluster",),
        "type": ("ClusterIP", "NodePort"),
        "ports": ([{"port": 443, "targetPort": 15000}],),
    },
    "ManagedZone": {"peeringConfig": (GONE,)},
}
"""Kind and field to what lets more through there."""


def _widened(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    for path, node in _walk(body):
        if kind == "Namespace" and path[:2] == ("metadata", "labels") and len(path) == 3:
            yield path, GONE
        if kind == "ConfigMap" and path == ("data", "mesh"):
            yield path, node.replace("REGISTRY_ONLY", "ALLOW_ANY")
        if path[0] != "metadata" and path != ("spec", "podSelector"):
            yield from ((path, value) for value in WIDER.get(kind, {}).get(str(path[-1]), ()))


@pytest.fixture(scope="module")
def outcome() -> dict[str, list[str]]:
    counted: dict[str, list[str]] = {"found": [], "kept": [], "missed": []}
    for stack in (LEAVING, RECEIVING):
        for what, changed in mutants(stack):
            if found(changed, stack):
                counted["found"].append(what)
            else:
                counted["kept" if any(re.search(pattern, what) for pattern in KEPT) else "missed"].append(
                    what
                )
    return counted


def test_every_hole_is_found_or_has_a_reason_why_it_is_none(outcome: dict[str, list[str]]) -> None:
    assert outcome["missed"] == []


@pytest.mark.parametrize("pattern", KEPT)
def test_every_reason_is_needed(outcome: dict[str, list[str]], pattern: str) -> None:
    assert any(re.search(pattern, what) for what in outcome["kept"])


def test_the_score_is_the_one_that_is_published(outcome: dict[str, list[str]]) -> None:
    found, kept = len(outcome["found"]), len(outcome["kept"])
    assert f"{found} are found, {kept} are kept for a reason, none is missed" in (
        ROOT / "docs/proof.md"
    ).read_text(encoding="utf-8")

"""Objects without a field that they must have. Source: each kind's schema, where it says "required"."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.required_fields import missing

NAMESPACE = {"metadata": {"namespace": "shop"}}


def lacks(kind: str, written: Any) -> str | None:
    """The path of the field that an object lacks."""
    verdict = missing(kind, "its name", written)
    if verdict:
        assert (verdict.decided_by, verdict.allowed, verdict.understood) == ("its name", True, False)
    return verdict.field if verdict else None


def spec(**fields: Any) -> dict[str, Any]:
    return {**NAMESPACE, "spec": fields}


SERVER = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["a.example"]}
PORT = {"number": 80, "protocol": "HTTP"}
TEMPLATE = {"template": {"metadata": {}, "spec": {}}}
RULE = {"priority": 1, "match": {"layer4Configs": [{"ipProtocol": "tcp"}]}}
WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("Deployment", spec(**TEMPLATE)),
    ("Service", spec(ports=[{"port": 80}])),
    ("Gateway", spec(servers=[SERVER])),
    ("EnvoyFilter", spec(configPatches=[{"applyTo": "CLUSTER", "patch": {}}])),
    ("ServiceEntry", spec(hosts=["a.example"], ports=[PORT], endpoints=[{"address": "e.example"}])),
    (
        "VirtualService",
        spec(
            **{
                section: [{"route": [{"destination": {"host": "a.example"}}]}]
                for section in ("http", "tls", "tcp")
            },
        ),
    ),
    ("VirtualService", spec(http=[{"mirrors": [{"destination": {"host": "a.example"}}]}])),
    (
        "DestinationRule",
        spec(
            host="a.example",
            subsets=[{"name": "v1", "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}}]}}],
            trafficPolicy={"portLevelSettings": [{"port": {"number": 80}}]},
        ),
    ),
    ("Sidecar", spec(egress=[{"hosts": ["*/*"]}])),
    (
        "AuthorizationPolicy",
        spec(
            rules=[{"from": [{"source": {}}], "to": [{"operation": {}}], "when": [{"key": "connection.sni"}]}]
        ),
    ),
    ("PeerAuthentication", NAMESPACE),
    ("ValidatingAdmissionPolicy", {"spec": {}}),
    ("ValidatingAdmissionPolicyBinding", {"spec": {}}),
    ("gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules", {"rules": [RULE]}),
    ("gcp:compute/subnetwork:Subnetwork", {"secondaryIpRanges": [{"ipCidrRange": "10.0.0.0/8"}]}),
    ("gcp:container/nodePool:NodePool", {"nodeConfig": {"taints": [{"key": "a"}]}}),
    (
        "gcp:dns/managedZone:ManagedZone",
        {"dnsName": "a.", "privateVisibilityConfig": {"networks": [{"networkUrl": "n"}]}},
    ),
    (
        "gcp:dns/recordSet:RecordSet",
        {"managedZone": "z", "name": "a.", "type": "A", "rrdatas": ["192.0.2.1"]},
    ),
]
KINDS = [kind for kind, _ in WHOLE]
NEEDS = {
    "Deployment": "metadata.namespace spec.template.metadata spec.template.spec",
    "Service": "metadata.namespace spec spec.ports[].port",
    "Gateway": (
        "metadata.namespace spec.servers spec.servers[].port.number spec.servers[].port.protocol "
        "spec.servers[].hosts"
    ),
    "EnvoyFilter": "metadata.namespace spec spec.configPatches[].applyTo spec.configPatches[].patch",
    "ServiceEntry": "metadata.namespace spec.hosts spec.ports[].number spec.ports[].protocol "
    "spec.endpoints[].address",
    "VirtualService": (
        "metadata.namespace spec.http[].route[].destination.host spec.tls[].route[].destination.host"
        " spec.tcp[].route[].destination.host spec.http[].mirrors[].destination.host"
    ),
    "DestinationRule": (
        "metadata.namespace spec.host spec.subsets[].name spec.trafficPolicy.portLevelSettings[].port.number"
        " spec.subsets[].trafficPolicy.portLevelSettings[].port.number"
    ),
    "Sidecar": "metadata.namespace spec.egress[].hosts",
    "AuthorizationPolicy": "metadata.namespace spec.rules[].from[].source spec.rules[].to[].operation "
    "spec.rules[].when[].key",
    "PeerAuthentication": "metadata.namespace",
    "ValidatingAdmissionPolicy": "spec",
    "ValidatingAdmissionPolicyBinding": "spec",
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": (
        "rules rules[].priority rules[].match.layer4Configs[].ipProtocol"
    ),
    "gcp:compute/subnetwork:Subnetwork": "secondaryIpRanges[].ipCidrRange",
    "gcp:container/nodePool:NodePool": "nodeConfig.taints[].key",
    "gcp:dns/managedZone:ManagedZone": "dnsName privateVisibilityConfig.networks[].networkUrl",
    "gcp:dns/recordSet:RecordSet": "managedZone name type rrdatas",
}
ONE_BY_ONE = [(kind, path) for kind, paths in NEEDS.items() for path in paths.split()]


def without(written: Any, path: str, instead: Any = ...) -> Any:
    """The object with what a path leads to taken out, or something instead of it."""
    step, _, rest = path.partition(".")
    key, entries = step.removesuffix("[]"), step.endswith("[]")
    below = written.get(key)
    if below is None:
        return written
    if entries:
        return {**written, key: [without(entry, rest, instead) for entry in below]}
    if rest:
        return {**written, key: without(below, rest, instead)}
    left = {name: value for name, value in written.items() if name != key}
    return left if instead is ... else {**left, key: instead}


@pytest.mark.parametrize(("kind", "written"), WHOLE, ids=KINDS)
def test_what_has_all_of_them_is_whole(kind: str, written: dict[str, Any]) -> None:
    assert lacks(kind, written) is None


@pytest.mark.parametrize("instead", [..., None, []], ids=["absent", "null", "empty"])
@pytest.mark.parametrize(("kind", "path"), ONE_BY_ONE)
def test_what_lacks_one_of_them_is_said_by_its_path(kind: str, path: str, instead: Any) -> None:
    broken = [
        changed
        for of, written in WHOLE
        if of == kind and (changed := without(written, path, instead)) != written
    ]
    assert broken
    assert {lacks(kind, written) for written in broken} == {path}


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("Service", spec()),
        ("ServiceEntry", spec(hosts=["a.example"])),
        ("ServiceEntry", spec(hosts=["a.example"], ports=None)),
        ("VirtualService", NAMESPACE),
        ("VirtualService", spec(http=[{"redirect": {"uri": "/"}}])),
        ("DestinationRule", spec(host="a.example")),
        ("Sidecar", NAMESPACE),
        ("AuthorizationPolicy", NAMESPACE),
        ("AuthorizationPolicy", spec(rules=[{}])),
        (
            "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules",
            {"rules": [{"priority": 1, "match": {}}]},
        ),
        ("gcp:compute/subnetwork:Subnetwork", {}),
        ("gcp:container/nodePool:NodePool", {}),
        ("gcp:container/nodePool:NodePool", {"nodeConfig": {}}),
        ("gcp:dns/managedZone:ManagedZone", {"dnsName": "a."}),
        ("ConfigMap", {}),
        ("gcp:compute/router:Router", {}),
    ],
)
def test_a_list_that_is_not_there_lacks_nothing(kind: str, written: dict[str, Any]) -> None:
    assert lacks(kind, written) is None


@pytest.mark.parametrize("spec", ["text", 1, ["a"]])
def test_a_text_where_fields_belong_lacks_them(spec: Any) -> None:
    assert lacks("DestinationRule", {**NAMESPACE, "spec": spec}) == "spec.host"
    assert lacks("DestinationRule", {"metadata": spec, "spec": {"host": "a.example"}}) == "metadata.namespace"


def test_false_and_nought_are_values() -> None:
    assert lacks("Service", spec(ports=[{"port": 0}])) is None
    assert lacks("Sidecar", {"metadata": {"namespace": ""}}) is None


def test_one_entry_of_several_is_enough() -> None:
    assert lacks("Service", spec(ports=[{"port": 80}, {"name": "http"}])) == "spec.ports[].port"


def test_the_layer_of_each() -> None:
    layers = {kind: str(verdict.layer) for kind in KINDS if (verdict := missing(kind, "", {"metadata": {}}))}
    assert layers == {
        **dict.fromkeys(("Deployment", "Service", "Gateway", "EnvoyFilter"), "gateway"),
        **dict.fromkeys(("ServiceEntry", "VirtualService", "DestinationRule", "Sidecar"), "sidecar"),
        **dict.fromkeys(("AuthorizationPolicy", "PeerAuthentication"), "authorization"),
        **dict.fromkeys(("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"), "admission"),
        "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": "firewall",
        "gcp:dns/managedZone:ManagedZone": "DNS",
        "gcp:dns/recordSet:RecordSet": "DNS",
    }
    pool = missing("gcp:container/nodePool:NodePool", "", {"nodeConfig": {"taints": [{}]}})
    subnet = missing("gcp:compute/subnetwork:Subnetwork", "", {"secondaryIpRanges": [{}]})
    assert pool
    assert pool.layer == "admission"
    assert subnet
    assert subnet.layer == "firewall"

"""Every field of a Google resource that judges read is read, harmless for a written reason, or not
understood."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.fields import google_fields, google_types
from egress.judge.model.flow import Layer
from egress.judge.unread import of_google
from tests.judge.objects import snapshot

CLUSTER, POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
SUBNETWORK, NAT = "gcp:compute/subnetwork:Subnetwork", "gcp:compute/routerNat:RouterNat"
ZONE, RECORD, RELEASE = (
    "gcp:dns/managedZone:ManagedZone",
    "gcp:dns/recordSet:RecordSet",
    "kubernetes:helm.sh/v3:Release",
)
FIREWALL = "gcp:compute/firewall:Firewall"
ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"
POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
OURS = {"network": "projects/p/global/networks/ours"}
GOOD: dict[str, dict[str, Any]] = {
    CLUSTER: {"name": "ours", "datapathProvider": "ADVANCED_DATAPATH", **OURS},
    POOL: {"name": "apps", "nodeConfig": {"workloadMetadataConfig": {"mode": "GKE_METADATA"}}},
    RELEASE: {"chart": "istiod"},
}
"""By type: what is wholly understood, to which a case adds its own."""


def unread(type_token: str, *others: Resource, only: Any = None, **fields: Any) -> list[str]:
    """Fields that are not understood."""
    written = only if only is not None else {**GOOD.get(type_token, {}), **fields}
    it = Resource(type_token, "somebodys", written)
    return [verdict.field for verdict in of_google(snapshot(google=(*others, it)), it)]


def nested(path: str, value: object) -> dict[str, Any]:
    for step in reversed(path.split(".")):
        value = {step: value}
    return value  # pyright: ignore[reportReturnType]


@cache
def provider(module: str) -> frozenset[str]:
    """Names of every field in a module of the installed provider; which field is where,
    tests/judge/test_every_field_of_google.py asks."""
    found = find_spec("pulumi_gcp")
    assert found
    assert found.origin
    texts = (file.read_text(encoding="utf-8") for file in (Path(found.origin).parent / module).glob("*.py"))
    getters = (
        re.findall(r'pulumi\.getter(?:\(name="(\w+)"\))?\s+(?:@.*\s+)?def (\w+)', text) for text in texts
    )
    return frozenset(written or name for of in getters for written, name in of)


def test_every_field_that_is_listed_is_the_providers() -> None:
    """One that is misspelt would be about nothing, and the field that was meant not understood."""
    assert google_fields.HARMLESS.keys() == google_types.READ
    assert not google_fields.ONLY.keys() - google_types.READ
    for lists in (google_fields.HARMLESS, google_fields.ONLY):
        for type_token, fields in lists.items():
            if type_token != RELEASE:
                names = {name for path in fields for name in path.split(".")}
                assert not names - provider(type_token.removeprefix("gcp:").partition("/")[0]), type_token


def test_what_is_listed_is_understood_whatever_it_says() -> None:
    for type_token, fields in google_fields.HARMLESS.items():
        for path in fields:
            if (type_token, path) != (RELEASE, "chart"):
                at_its_place = nested(path, "anything")
                rest = {
                    key: value for key, value in GOOD.get(type_token, {}).items() if key not in at_its_place
                }
                found = unread(type_token, only={**rest, **at_its_place})
                assert not [field for field in found if field.startswith(path)], (type_token, path)


EVERYWHERE = """
description labels effectiveLabels pulumiLabels resourceLabels labelFingerprint id selfLink selfLinkWithId
fingerprint creationTimestamp creationTime operation project params region location deletionPolicy
deletionProtection forceDestroy namePrefix
"""


@pytest.mark.parametrize("field", EVERYWHERE.split())
def test_what_every_resource_has_says_nothing(field: str) -> None:
    assert unread(NAT, **{field: "anything"}) == []


CHART = """version namespace repositoryOpts values.global.hub values.global.tag values.defaultRevision
values.global.platform values.useAppArmorAnnotation values.resourceQuotas
values.pilot.autoscaleMin values.cniBinDir values.global.proxy.seccompProfile values.pilot.cni.enabled
values.pilot.env.PILOT_SCOPE_GATEWAY_TO_NAMESPACE
"""


@pytest.mark.parametrize("path", CHART.split())
def test_a_setting_of_istios_charts_is_known_by_its_place(path: str) -> None:
    assert unread(RELEASE, **nested(path, "anything")) == []
    *above, last = path.split(".")
    assert unread(RELEASE, **nested(".".join([*above, f"{last}s"]), "anything")) == [
        ".".join([*above, f"{last}s"])
    ]


VALUES: list[tuple[str, str, Iterable[object], object]] = [
    (CLUSTER, "networkingMode", ["VPC_NATIVE", None, ""], "ROUTES"),
    (CLUSTER, "dnsConfig.clusterDns", ["PROVIDER_UNSPECIFIED", "PLATFORM_DEFAULT", "KUBE_DNS"], "CLOUD_DNS"),
    (CLUSTER, "dnsConfig.clusterDnsScope", ["DNS_SCOPE_UNSPECIFIED"], "VPC_SCOPE"),
    (
        CLUSTER,
        "privateIpv6GoogleAccess",
        ["INHERIT_FROM_SUBNETWORK", "PRIVATE_IPV6_GOOGLE_ACCESS_DISABLED"],
        "PRIVATE_IPV6_GOOGLE_ACCESS_BIDIRECTIONAL",
    ),
    (CLUSTER, "clusterAutoscaling.autoscalingProfile", ["BALANCED", "OPTIMIZE_UTILIZATION"], "somebodys"),
    (SUBNETWORK, "privateIpv6GoogleAccess", ["DISABLE_GOOGLE_ACCESS"], "ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE"),
    (NAT, "type", ["PUBLIC"], "PRIVATE"),
    (RELEASE, "values.ambient", [{"enabled": False}], {"enabled": True}),
    (ZONE, "peeringConfig", [{"targetNetwork": {"networkUrl": "a"}}], "nothing"),
    (ZONE, "forwardingConfig", [{"targetNameServers": [{}]}], "nothing"),
    (CLUSTER, "clusterAutoscaling.enabled", [False, None], True),
    (CLUSTER, "enableMultiNetworking", [False], True),
    (CLUSTER, "addonsConfig.cloudrunConfig", [None], {"disabled": False}),
    (RECORD, "routingPolicy", [None, {}], {"geos": []}),
    (NAT, "rules", [None, []], [{"ruleNumber": 1}]),
]
"""A field, the values with which it is understood, and one with which it is not (`nothing`: there is
none)."""


@pytest.mark.parametrize(
    ("type_token", "path", "good", "bad"), VALUES, ids=[f"{a[0]} {a[1]}" for a in VALUES]
)
def test_a_value_that_means_another_cluster_is_not_understood(
    type_token: str, path: str, good: Iterable[object], bad: object
) -> None:
    for value in good:
        assert unread(type_token, **nested(path, value)) == []
    if bad != "nothing":
        (found,) = unread(type_token, **nested(path, bad))
        assert found.startswith(path)


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({"datapathProvider": "ADVANCED_DATAPATH"}, True),
        ({}, False),
        ({"datapathProvider": "LEGACY_DATAPATH"}, False),
        ({"networkPolicy": {"enabled": True}}, True),
        ({"networkPolicy": {"enabled": "true"}}, False),
        ({"networkPolicy": {"enabled": False}}, False),
        (
            {
                "networkPolicy": {"enabled": True, "provider": "CALICO"},
                "addonsConfig": {"networkPolicyConfig": {}},
            },
            True,
        ),
        (
            {
                "networkPolicy": {"enabled": True},
                "addonsConfig": {"networkPolicyConfig": {"disabled": False}},
            },
            True,
        ),
        (
            {"networkPolicy": {"enabled": True}, "addonsConfig": {"networkPolicyConfig": {"disabled": True}}},
            False,
        ),
        (
            {
                "datapathProvider": "ADVANCED_DATAPATH",
                "addonsConfig": {"networkPolicyConfig": {"disabled": True}},
            },
            True,
        ),
    ],
)
def test_network_policies_hold_with_dataplane_v2_or_the_add_on(fields: dict[str, Any], holds: bool) -> None:
    assert unread(CLUSTER, only=fields) == ([] if holds else ["datapathProvider"])


def test_a_cluster_has_no_node_pools_but_those_that_are_resources() -> None:
    named, unnamed = Resource(POOL, "apps-1234", {"name": "apps"}), Resource(POOL, "gateway", {})
    pools = [{"name": "apps"}, {"name": "somebodys"}, {"name": "gateway"}, {"name": "apps-1234"}]
    assert unread(CLUSTER, named, unnamed, nodePools=pools) == ["nodePools[1]", "nodePools[3]"]
    assert unread(CLUSTER, named, nodePools=[{"name": "apps", "whatever": {"a": 1}}]) == []


@pytest.mark.parametrize(
    ("mode", "good"), [("GKE_METADATA", True), ("GCE_METADATA", False), ("", False), (None, False)]
)
def test_pods_are_not_told_their_nodes_credentials(mode: str | None, good: bool) -> None:
    config = {"workloadMetadataConfig": {"mode": mode}}
    wanted = [] if good else ["nodeConfig.workloadMetadataConfig.mode"]
    assert unread(POOL, nodeConfig=config) == wanted


def test_pods_addresses_are_of_a_range_that_the_cluster_knows() -> None:
    policy = {
        "clusterSecondaryRangeName": "pods",
        "additionalIpRangesConfigs": [{"podIpv4RangeNames": ["more", "most"]}],
    }
    cluster = Resource(CLUSTER, "ours", {**GOOD[CLUSTER], "name": "ours", "ipAllocationPolicy": policy})
    for name, good in (("pods", True), ("more", True), ("most", True), ("elsewhere", False), (None, True)):
        assert unread(POOL, cluster, networkConfig={"podRange": name}) == (
            [] if good else ["networkConfig.podRange"]
        )
    assert unread(POOL, networkConfig={"podRange": "pods"}) == ["networkConfig.podRange"]


def test_a_policy_is_put_on_the_clusters_network() -> None:
    of_cluster = Resource(SUBNETWORK, "ours", {"name": "ours", "ipCidrRange": "10.0.0.0/24", **OURS})
    assert unread(ASSOCIATION, of_cluster, attachmentTarget=OURS["network"]) == []
    assert unread(ASSOCIATION, of_cluster, attachmentTarget="projects/p/global/networks/theirs") == [
        "attachmentTarget"
    ]
    assert unread(ASSOCIATION, of_cluster) == []


@pytest.mark.parametrize(
    ("chart", "known"),
    [
        ("base", True),
        ("cni", True),
        ("istiod", True),
        ("oci://charts.example.com/istio/istiod", True),
        ("gateway", False),
        ("somebodys-istiod", False),
        ("istiod/somebodys", False),
        ("istiod-remote", False),
        ("", False),
        (None, False),
    ],
)
def test_istios_own_charts_are_known(chart: str | None, known: bool) -> None:
    assert unread(RELEASE, chart=chart) == ([] if known else ["chart"])


def test_what_another_judge_says_is_not_said_twice() -> None:
    """Of rules their judge says what it does not understand; a public zone is asked by the internet."""
    assert unread(FIREWALL, somethingNew=1) == []
    assert unread(POLICY, rules=[{"somethingNew": 1}]) == []
    assert unread(POLICY, somethingNew=1) == ["somethingNew"]
    assert unread(ZONE, visibility="public", somethingNew=1) == []
    assert unread(ZONE, visibility="private", somethingNew=1) == ["somethingNew"]


@pytest.mark.parametrize(
    ("type_token", "fields", "layer"),
    [
        (ZONE, {"somethingNew": 1}, Layer.DNS),
        (POOL, {"somethingNew": 1}, Layer.ADMISSION),
        (NAT, {"somethingNew": 1}, Layer.FIREWALL),
        ("gcp:compute/route:Route", {}, Layer.FIREWALL),
        ("gcp:dns/thing:Thing", {}, Layer.DNS),
        ("other:thing:Thing", {}, Layer.FIREWALL),
    ],
)
def test_what_is_not_understood_lets_through_and_names_its_layer(
    type_token: str, fields: dict[str, Any], layer: Layer
) -> None:
    it = Resource(type_token, "somebodys", {**GOOD.get(type_token, {}), **fields})
    (verdict,) = of_google(snapshot(google=(it,)), it)
    assert (verdict.layer, verdict.allowed, verdict.understood, verdict.decided_by) == (
        layer,
        True,
        False,
        it.identity,
    )


def test_a_resource_of_a_type_that_nobody_knows_is_of_no_consequence_on_another_network() -> None:
    of_cluster = Resource(SUBNETWORK, "ours", {"name": "ours", "ipCidrRange": "10.0.0.0/24", **OURS})
    route = "gcp:compute/route:Route"
    assert unread(route, of_cluster, **OURS) == [""]
    assert unread(route, of_cluster) == [""]
    assert unread(route, of_cluster, network="projects/p/global/networks/theirs") == []
    assert unread("gcp:compute/network:Network", of_cluster, **OURS) == []
    # A subnetwork of another network is read all the same.
    assert unread(SUBNETWORK, of_cluster, network="theirs", somethingNew=1) == ["somethingNew"]


@pytest.mark.parametrize(
    ("name", "order", "unread_fields"),
    [
        ("ours", "BEFORE_CLASSIC_FIREWALL", []),
        ("ours", "AFTER_CLASSIC_FIREWALL", ["attachmentTarget"]),
        ("ours", None, ["attachmentTarget"]),
        ("theirs", None, []),
    ],
)
def test_a_firewall_policy_is_asked_first_where_the_network_says_so(
    name: str, order: str | None, unread_fields: list[str]
) -> None:
    """Google's default is the other order, in which a VPC rule that allows counts before the policy's
    denial."""
    of_cluster = Resource(
        SUBNETWORK,
        "a",
        {"name": "a", "ipCidrRange": "10.0.0.0/24", "network": "projects/p/global/networks/ours"},
    )
    said = {"networkFirewallPolicyEnforcementOrder": order} if order else {}
    network = Resource("gcp:compute/network:Network", name, {"name": name, **said})
    association = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"
    assert (
        unread(association, of_cluster, network, attachmentTarget="projects/p/global/networks/ours")
        == unread_fields
    )


ORDINARY = {
    CLUSTER: """
        loggingConfig managedOpentelemetryConfig resourceUsageExportConfig anonymousAuthenticationConfig
        masterAuth databaseEncryption binaryAuthorization podSecurityPolicyConfig enableFqdnNetworkPolicy
        enableKubernetesAlpha enableL4IlbSubsetting confidentialNodes maintenancePolicy releaseChannel
        verticalPodAutoscaling emulatedVersion meshCertificates addonsConfig.dnsCacheConfig
        addonsConfig.gkeBackupAgentConfig addonsConfig.statefulHaConfig ipAllocationPolicy.stackType
        ipAllocationPolicy.servicesSecondaryRangeName privateClusterConfig
    """,
    POOL: """
        cluster management version nodeConfig.bootDisk nodeConfig.diskType nodeConfig.gvnic
        nodeConfig.imageType nodeConfig.machineType nodeConfig.nodeGroup nodeConfig.spot nodeConfig.tags
        networkConfig.enablePrivateNodes
    """,
    NAT: "router logConfig drainNatIps natIps subnetworks udpIdleTimeoutSec",
}
"""By type: fields that an export of an ordinary cluster has beside what is read."""


@pytest.mark.parametrize(
    ("type_token", "path"), [(of, path) for of, paths in ORDINARY.items() for path in paths.split()]
)
def test_what_an_ordinary_cluster_says_besides_is_no_surprise(type_token: str, path: str) -> None:
    found = unread(type_token, **nested(path, "anything"))
    assert [field for field in found if field != "nodeConfig.workloadMetadataConfig.mode"] == []

"""Every resource of Google's in a snapshot is accounted for: read, harmless, or not understood by its name;
a setting that means another cluster is not understood.

Each case is one resource that somebody adds, or one field, and stands for its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.answers.diff import difference
from egress.answers.reachability import reach
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.verify import verify
from tests.judge.deployments import plan, rendered, violations
from tests.proof.test_every_object import ORDINARY

NETWORK = "projects/sandbox-project/global/networks/vpc-network"


def with_resource(*more: Resource) -> Snapshot:
    deployed = rendered("dev")
    return Snapshot.of(deployed.kubernetes, [*deployed.google, *more])


def google(type_token: str, **properties: Any) -> Resource:
    return Resource(f"gcp:{type_token}", "somebodys", {"name": "somebodys", **properties})


GOOGLE: dict[str, Resource] = {
    "a rule of a policy of its own": google(
        "compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule", priority=1
    ),
    "a policy of a region": google(
        "compute/regionNetworkFirewallPolicyWithRules:RegionNetworkFirewallPolicyWithRules"
    ),
    "a rule above the project": google("compute/firewallPolicyRule:FirewallPolicyRule", priority=1),
    "a policy above the project": google("compute/firewallPolicyWithRules:FirewallPolicyWithRules"),
    "a route": google("compute/route:Route", destRange="0.0.0.0/1", network=NETWORK),
    "a route by a rule": google("networkconnectivity/policyBasedRoute:PolicyBasedRoute", network=NETWORK),
    "other servers for names": google(
        "dns/policy:Policy", alternativeNameServerConfig={"targetNameServers": [{}]}
    ),
    "another network": google("compute/networkPeering:NetworkPeering", network=NETWORK),
    "services of another network": google("servicenetworking/connection:Connection", network=NETWORK),
    "a tunnel": google("compute/vPNTunnel:VPNTunnel"),
    "a line": google("compute/interconnectAttachment:InterconnectAttachment"),
    "an address that leads elsewhere": google("compute/forwardingRule:ForwardingRule", network=NETWORK),
    "other addresses for some hosts": google("compute/routerNat:RouterNat", rules=[{"ruleNumber": 1}]),
    "a copy of packets": google("compute/packetMirroring:PacketMirroring"),
    "a proxy of Google's": google("networkservices/gateway:Gateway"),
    "a type that nobody knows": google("things/tunnel:Tunnel"),
    "another provider's": Resource("google-native:compute/v1:Route", "somebodys", {}),
    "a chart that nobody knows": Resource(
        "kubernetes:helm.sh/v3:Release", "somebodys", {"chart": "somebodys", "values": {}}
    ),
    "a setting of istiod that nobody knows": Resource(
        "kubernetes:helm.sh/v3:Release",
        "somebodys",
        {"chart": "istiod", "values": {"pilot": {"env": {"ENABLE_TUNNEL": "true"}}}},
    ),
    "a policy that is put on another network": google(
        "compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation",
        attachmentTarget="projects/sandbox-project/global/networks/another",
    ),
}
"""What somebody adds at Google."""


@pytest.mark.parametrize("what", GOOGLE)
def test_what_nobody_knows_at_google_is_named_by_verify_reach_and_diff(what: str) -> None:
    changed, name = with_resource(GOOGLE[what]), GOOGLE[what].identity
    steps = [step for violation in violations("dev", changed) for step in violation.steps]
    assert any(step.decided_by == name and not step.understood for step in steps)
    assert any(cell.unread for row in reach(Judges(changed), ["team-x"]) for cell in row.cells)
    found = difference(rendered("dev"), changed)
    assert found.widens
    assert name in " ".join(
        [*(item.text for item in found.unjudged), *(change.text for change in found.changes)]
    )


HARMLESS: dict[str, Resource] = {
    "a bucket": google("storage/bucket:Bucket", location="EU"),
    "a role": google("compute/subnetworkIAMMember:SubnetworkIAMMember"),
    "a figure": google("logging/metric:Metric"),
    "a network": google("compute/network:Network"),
    "another network's route": google("compute/route:Route", network="projects/p/global/networks/another"),
    "a machine": google("compute/instance:Instance"),
    "a NAT": google("compute/routerNat:RouterNat", minPortsPerVm=64, type="PUBLIC"),
    "a policy of names that logs": google("dns/policy:Policy", enableLogging=True),
    "Istio's chart": Resource(
        "kubernetes:helm.sh/v3:Release",
        "somebodys",
        {"chart": "oci://a.example.com/charts/istiod", "values": {"pilot": {"autoscaleMin": 2}}},
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_decides_nothing_at_google_is_no_surprise(what: str) -> None:
    assert violations("dev", with_resource(HARMLESS[what])) == []


def _google_with(type_name: str, change: Mapping[str, Any]) -> Snapshot:
    deployed = rendered("dev")
    items = [
        Resource(item.type, item.name, {**item.properties, **change})
        if item.type.endswith(f":{type_name}")
        else item
        for item in deployed.google
    ]
    return Snapshot.of(deployed.kubernetes, items)


WEAKER: dict[str, tuple[str, dict[str, Any]]] = {
    "no NetworkPolicy holds": ("Cluster", {"datapathProvider": "LEGACY_DATAPATH"}),
    "no NetworkPolicy holds, by default": ("Cluster", {"datapathProvider": None}),
    "no NetworkPolicy holds, whatever the add-on's object says": (
        "Cluster",
        {
            "datapathProvider": "LEGACY_DATAPATH",
            "networkPolicy": {"enabled": True},
            "addonsConfig": {"networkPolicyConfig": {"disabled": True}},
        },
    ),
    "pods have the node's own identity": (
        "NodePool",
        {"nodeConfig": {"serviceAccount": "a", "workloadMetadataConfig": {"mode": "GCE_METADATA"}}},
    ),
    "pods have a second network card": (
        "NodePool",
        {"networkConfig": {"additionalPodNetworkConfigs": [{"subnetwork": "a"}]}},
    ),
    "pods have several networks": ("Cluster", {"enableMultiNetworking": True}),
    "names are answered by Cloud DNS": ("Cluster", {"dnsConfig": {"clusterDns": "CLOUD_DNS"}}),
    "nodes come by themselves": ("Cluster", {"clusterAutoscaling": {"enabled": True}}),
    "a node pool that is no resource": ("Cluster", {"nodePools": [{"name": "somebodys"}]}),
    "a zone for one cluster": (
        "ManagedZone",
        {"privateVisibilityConfig": {"gkeClusters": [{"gkeClusterName": "a"}]}},
    ),
    "names answered by a directory": ("ManagedZone", {"serviceDirectoryConfig": {"namespace": {}}}),
    "answers that depend on who asks": ("RecordSet", {"routingPolicy": {"geos": []}}),
    "Google's APIs by IPv6": (
        "Subnetwork",
        {"privateIpv6GoogleAccess": "ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE"},
    ),
}


@pytest.mark.parametrize("what", WEAKER)
def test_a_setting_of_google_that_means_another_cluster_is_not_understood(what: str) -> None:
    steps = [step for violation in violations("dev", _google_with(*WEAKER[what])) for step in violation.steps]
    assert any(not step.understood for step in steps)


def test_the_network_policy_add_on_does_where_there_is_no_dataplane_v2() -> None:
    change = {"datapathProvider": "LEGACY_DATAPATH", "networkPolicy": {"enabled": True, "provider": "CALICO"}}
    assert violations("dev", _google_with("Cluster", change)) == []


def test_declared_apis_of_google_do_not_arrive_without_private_access() -> None:
    for value in (False, None):
        found = violations("dev", _google_with("Subnetwork", {"privateIpGoogleAccess": value}))
        assert any("storage.googleapis.com" in violation.flow for violation in found)
        assert all(step.understood for violation in found for step in violation.steps)
    closed = violations(
        "dev",
        _google_with("Subnetwork", {"purpose": "REGIONAL_MANAGED_PROXY", "privateIpGoogleAccess": None}),
    )
    assert closed == []


def test_verify_reads_a_state_with_all_that_is_ordinary_in_it() -> None:
    deployed = rendered("dev")
    everything = Snapshot.of(
        [*deployed.kubernetes, *ORDINARY.values()], [*deployed.google, *HARMLESS.values()]
    )
    assert verify(Intent(plan("dev")), Judges(everything)).violations == ()

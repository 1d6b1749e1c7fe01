"""What the stand-in refuses at preview of clusters, node pools and fleets, one broken field at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine

WINDOW = {"startTime": "2026-01-03T02:00:00Z", "endTime": "2026-01-03T06:00:00Z", "recurrence": "FREQ=DAILY"}

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # token, inputs, changes, the field named, the rule told
    (g.CLUSTER, g.CLUSTER_INPUTS, {"name": "c" * 41}, "name", "1-40"),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"location": "europe"}, "location", "a zone like"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"privateClusterConfig": {"masterIpv4CidrBlock": "10.5.0.0/27"}},
        "masterIpv4CidrBlock",
        "exactly /28",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"releaseChannel": {"channel": "regular"}},
        "releaseChannel.channel",
        "RAPID, REGULAR",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"datapathProvider": "V2"}, "datapathProvider", "ADVANCED_DATAPATH"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"networkPolicy": {"enabled": True}},
        "networkPolicy.enabled",
        "Dataplane V2",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"initialNodeCount": None}, "initialNodeCount is missing", "at least 1"),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"enableAutopilot": True}, "removeDefaultNodePool", "Autopilot"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"masterAuthorizedNetworksConfig": {"cidrBlocks": [{"cidrBlock": "203.0.113.7"}]}},
        "masterAuthorizedNetworksConfig.cidrBlocks[0].cidrBlock",
        "write 203.0.113.7/32",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"workloadIdentityConfig": {"workloadPool": "pool"}},
        "workloadPool",
        "svc.id.goog",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "clusterIpv4CidrBlock": "10.1.0.0/16"}},
        "ipAllocationPolicy.clusterIpv4CidrBlock",
        "not both",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"maintenancePolicy": {}}, "maintenancePolicy", "exactly one of"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"maintenancePolicy": {"recurringWindow": WINDOW | {"startTime": "saturday"}}},
        "recurringWindow.startTime",
        "RFC 3339",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"maintenancePolicy": {"recurringWindow": WINDOW | {"endTime": "2026-01-03T01:00:00Z"}}},
        "recurringWindow.endTime",
        "later than startTime",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"nodeConfig": {"machineType": "E2"}},
        "nodeConfig.machineType",
        "e2-standard-4",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"masterIpv4CidrBlock": "10.5.0.0/28"},
        "masterIpv4CidrBlock",
        "no such field",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"taints": [{"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}]}},
        "nodeConfig.taints[0].effect",
        "NO_SCHEDULE",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"taints": [{"key": "a"}]}},
        "taints[0].value is missing",
        "required",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"diskSizeGb": 5}},
        "nodeConfig.diskSizeGb",
        "at least 10",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeDrainConfigs": [{"respectPdbDuringNodePoolDeletion": True, "pdbTimeoutDuration": "300s"}]},
        "nodeDrainConfigs[0].pdbTimeoutDuration",
        "not enabled for this project",
    ),
    (g.NODE_POOL, g.NODE_POOL_INPUTS, {"name": "n" * 41}, "name", "1-40"),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"minNodeCount": 3, "maxNodeCount": 2}},
        "minNodeCount",
        "maxNodeCount (2)",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"minNodeCount": 3}},
        "autoscaling.maxNodeCount",
        "upper limit",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"maxNodeCount": 3, "totalMaxNodeCount": 3}},
        "autoscaling",
        "per zone or in total",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"upgradeSettings": {"maxSurge": 0, "maxUnavailable": 0}},
        "maxSurge",
        "both be 0",
    ),
    (g.MEMBERSHIP, g.MEMBERSHIP_INPUTS, {"membershipId": "Cluster"}, "membershipId", "lower-case"),
    (g.MEMBERSHIP, g.MEMBERSHIP_INPUTS, {"location": "here"}, "location", "global"),
    (g.FEATURE, g.FEATURE_INPUTS, {"name": "mesh"}, "name", "servicemesh"),
    (
        g.FEATURE_MEMBERSHIP,
        g.FEATURE_MEMBERSHIP_INPUTS,
        {"mesh": {"management": "auto"}},
        "mesh.management",
        "MANAGEMENT_AUTOMATIC",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"clusterIpv4Cidr": "10.1.0.0/16"},
        "clusterIpv4Cidr",
        "together with ipAllocationPolicy",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "changes", "field", "rule"), REFUSED)
def test_a_broken_field_is_refused_with_its_rule(
    previews: Engine, token: str, inputs: dict[str, Any], changes: dict[str, Any], field: str, rule: str
) -> None:
    refusals = previews.refusals(token, g.having(inputs, **changes))
    assert any(field in text and rule in text for text in refusals), refusals

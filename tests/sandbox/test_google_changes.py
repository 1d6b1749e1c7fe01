"""What the stand-in calls a change, what replaces a resource, and how it finds what somebody did in the
console."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.google import console
from sandbox.provider import wire
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, Made, build, urn

NONE, SOME = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME


@pytest.mark.parametrize("token", [token for token, _ in g.TUTORIAL])
def test_nothing_changed_is_no_change(engine: Engine, token: str) -> None:
    made = build(engine)[token]
    inputs = dict(g.TUTORIAL)[token]
    answer = engine.diff(made, inputs)
    assert answer.changes == NONE, dict(answer.detailedDiff)
    read = engine.read(made)
    assert read is not None
    assert read.inputs == made.inputs
    assert read.outputs == made.outputs
    assert engine.diff(read, inputs).changes == NONE
    updated = engine.update(made, made.inputs)
    assert updated.outputs == made.outputs


CHANGED: list[tuple[str, dict[str, Any], str, bool]] = [
    # type, changes, path of the change, whether it replaces
    (g.NETWORK, {"autoCreateSubnetworks": True}, "autoCreateSubnetworks", True),
    (g.NETWORK, {"routingMode": "GLOBAL"}, "routingMode", False),
    (g.NETWORK, {"description": "ours"}, "description", True),
    (g.NETWORK, {"project": "other-project"}, "project", True),
    (g.SUBNETWORK, {"ipCidrRange": "10.0.0.0/23"}, "ipCidrRange", False),
    (g.SUBNETWORK, {"ipCidrRange": "10.0.0.0/25"}, "ipCidrRange", True),
    (g.SUBNETWORK, {"ipCidrRange": "10.0.4.0/24"}, "ipCidrRange", True),
    (g.SUBNETWORK, {"privateIpGoogleAccess": False}, "privateIpGoogleAccess", False),
    (g.SUBNETWORK, {"logConfig": {"flowSampling": 0.1}}, "logConfig", False),
    (g.SUBNETWORK, {"network": "other"}, "network", True),
    (g.ROUTER, {"network": "other"}, "network", True),
    (g.ROUTER, {"description": "ours"}, "description", False),
    (g.ADDRESS, {"labels": {"use": "other"}}, "labels.use", False),
    (g.ADDRESS, {"networkTier": "STANDARD"}, "networkTier", True),
    (g.NAT, {"minPortsPerVm": 128}, "minPortsPerVm", False),
    (g.NAT, {"router": "other"}, "router", True),
    (g.ACCOUNT, {"displayName": "gateway"}, "displayName", False),
    (g.ACCOUNT, {"accountId": "sa-other-nodes"}, "accountId", True),
    (g.FIREWALL, {"priority": 65534}, "priority", False),
    (g.FIREWALL, {"priority": None}, "priority", False),
    (g.FIREWALL, {"destinationRanges": ["10.0.0.0/8"]}, "destinationRanges", False),
    (g.FIREWALL, {"direction": "INGRESS", "destinationRanges": None, "sourceRanges": ["10.0.0.0/8"]},
     "direction", True),
    (g.FIREWALL, {"name": "deny-all"}, "name", True),
    (g.FIREWALL, {"logConfig": {"metadata": "INCLUDE_ALL_METADATA"}}, "logConfig", False),
    (g.FIREWALL_POLICY, {"description": "ours"}, "description", False),
    (g.FIREWALL_POLICY, {"name": "other"}, "name", True),
    (g.FIREWALL_ASSOCIATION, {"firewallPolicy": "other"}, "firewallPolicy", True),
    (g.REPOSITORY, {"description": "ours"}, "description", False),
    (g.REPOSITORY, {"repositoryId": "other"}, "repositoryId", True),
    (g.REPOSITORY, {"remoteRepositoryConfig": {"commonRepository": {"uri": "https://ghcr.io"}}},
     "remoteRepositoryConfig.commonRepository", True),
    (g.PERIMETER, {"title": "other"}, "title", False),
    (g.PERIMETER, {"parent": "accessPolicies/2", "name": "accessPolicies/2/servicePerimeters/egress"},
     "parent", True),
    (g.PROJECT_MEMBER, {"role": "roles/monitoring.viewer"}, "role", True),
    (g.ZONE, {"description": "ours"}, "description", False),
    (g.ZONE, {"dnsName": "gcr.io."}, "dnsName", True),
    (g.ZONE, {"peeringConfig": {"targetNetwork": {"networkUrl": "names"}}}, "peeringConfig", False),
    (g.DNS_POLICY, {"enableLogging": False}, "enableLogging", False),
    (g.DNS_POLICY, {"name": "other"}, "name", True),
    (g.RECORD, {"ttl": 60}, "ttl", False),
    (g.RECORD, {"rrdatas": ["199.36.153.4"]}, "rrdatas", False),
    (g.RECORD, {"name": "p.googleapis.com."}, "name", True),
    (g.CLUSTER, {"releaseChannel": {"channel": "STABLE"}}, "releaseChannel.channel", False),
    (g.CLUSTER, {"datapathProvider": "LEGACY_DATAPATH"}, "datapathProvider", True),
    (g.CLUSTER,
     {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "s"}},
     "ipAllocationPolicy.servicesSecondaryRangeName", True),
    (g.CLUSTER, {"privateClusterConfig": {"enablePrivateNodes": True, "masterIpv4CidrBlock": "10.6.0.0/28"}},
     "privateClusterConfig.masterIpv4CidrBlock", True),
    (g.CLUSTER, {"privateClusterConfig": {"enablePrivateNodes": False, "masterIpv4CidrBlock": "10.5.0.0/28"}},
     "privateClusterConfig.enablePrivateNodes", False),
    (g.CLUSTER, {"maintenancePolicy": None}, "maintenancePolicy", False),
    (g.CLUSTER, {"deletionProtection": True}, "deletionProtection", False),
    (g.CLUSTER, {"location": "europe-west1"}, "location", True),
    (g.NODE_POOL, {"autoscaling": {"minNodeCount": 2, "maxNodeCount": 3}}, "autoscaling.minNodeCount", False),
    (g.NODE_POOL,
     {"nodeConfig": g.having(g.NODE_POOL_INPUTS["nodeConfig"], serviceAccount="other@x.example")},
     "nodeConfig.serviceAccount", True),
    (g.NODE_POOL, {"nodeConfig": g.having(g.NODE_POOL_INPUTS["nodeConfig"], machineType="e2-standard-8")},
     "nodeConfig.machineType", False),
    (g.NODE_POOL, {"nodeConfig": g.having(g.NODE_POOL_INPUTS["nodeConfig"], taints=None)},
     "nodeConfig.taints", False),
    (g.NODE_POOL,
     {"nodeConfig": g.having(
         g.NODE_POOL_INPUTS["nodeConfig"], shieldedInstanceConfig={"enableSecureBoot": True})},
     "nodeConfig.shieldedInstanceConfig", True),
    (g.BUCKET, {"location": "US"}, "location", True),
    (g.BUCKET, {"uniformBucketLevelAccess": False}, "uniformBucketLevelAccess", False),
    (g.MEMBERSHIP, {"labels": {"a": "b"}}, "labels", False),
    (g.MEMBERSHIP, {"endpoint": None}, "endpoint", True),
    (g.FEATURE_MEMBERSHIP, {"mesh": {"management": "MANAGEMENT_MANUAL"}}, "mesh.management", False),
    (g.FEATURE_MEMBERSHIP, {"membership": "other"}, "membership", True),
]  # fmt: skip


@pytest.mark.parametrize(("token", "changes", "path", "replaces"), CHANGED)
def test_a_change_updates_or_replaces(
    engine: Engine, token: str, changes: dict[str, Any], path: str, replaces: bool
) -> None:
    made = build(engine)[token]
    answer = engine.diff(made, g.having(dict(g.TUTORIAL)[token], **changes))
    assert answer.changes == SOME
    assert path in answer.detailedDiff
    assert (path in answer.replaces) == replaces


def test_order_and_spelling_that_mean_nothing_are_no_change(engine: Engine) -> None:
    build(engine, g.NETWORK)
    inputs = {
        "name": "allow", "network": "vpc-network", "sourceRanges": ["10.0.0.0/8", "192.168.0.0/16"],
        "allows": [{"protocol": "tcp", "ports": ["80", "443"]}, {"protocol": "udp"}],
    }  # fmt: skip
    made = engine.create(g.FIREWALL, inputs)
    turned = inputs | {
        "sourceRanges": ["192.168.0.0/16", "10.0.0.0/8"],
        "allows": [{"protocol": "UDP"}, {"protocol": "tcp", "ports": ["443", "80"]}],
        "priority": 1000,
        "disabled": False,
    }
    assert engine.diff(made, turned).changes == NONE


def test_a_chosen_name_is_freed_before_it_is_taken_again(engine: Engine) -> None:
    made = build(engine, g.NETWORK)[g.NETWORK]
    again = g.having(g.NETWORK_INPUTS, autoCreateSubnetworks=True)
    assert engine.diff(made, again).deleteBeforeReplace
    assert not engine.diff(made, g.having(again, name="other")).deleteBeforeReplace
    unnamed = engine.create(g.NETWORK, {"autoCreateSubnetworks": False}, "net")
    assert not engine.diff(unnamed, {"autoCreateSubnetworks": True}).deleteBeforeReplace


@pytest.mark.parametrize(("on", "off", "replaces"), [(False, True, False), (True, False, True)])
def test_a_switch_that_only_turns_on(engine: Engine, on: bool, off: bool, replaces: bool) -> None:
    build(engine, g.SUBNETWORK)
    made = engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, enableL4IlbSubsetting=on))
    answer = engine.diff(made, g.having(g.CLUSTER_INPUTS, enableL4IlbSubsetting=off))
    assert list(answer.detailedDiff) == ["enableL4IlbSubsetting"]
    assert bool(answer.replaces) == replaces


def test_an_element_of_a_list_is_named_by_its_place(engine: Engine) -> None:
    engine.enable("storage")
    rules = [{"action": {"type": "Delete"}, "condition": {"age": age}} for age in (1, 2)]
    made = engine.create(g.BUCKET, g.having(g.BUCKET_INPUTS, lifecycleRules=rules))
    assert engine.diff(made, g.having(g.BUCKET_INPUTS, lifecycleRules=rules)).changes == NONE
    rules[1] = {"action": {"type": "Delete"}, "condition": {"age": 3}}
    answer = engine.diff(made, g.having(g.BUCKET_INPUTS, lifecycleRules=rules))
    assert list(answer.detailedDiff) == ["lifecycleRules[1].condition.age"]


def test_an_unknown_input_is_a_change(engine: Engine) -> None:
    made = build(engine, g.ROUTER)
    assert list(
        engine.diff(made[g.SUBNETWORK], g.having(g.SUBNET_INPUTS, network=wire.UNKNOWN)).replaces
    ) == ["network"]
    assert (
        engine.diff(made[g.SUBNETWORK], g.having(g.SUBNET_INPUTS, privateIpGoogleAccess=wire.UNKNOWN)).changes
        == SOME
    )


def test_ignored_changes_are_ignored(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    request = provider_pb2.DiffRequest(
        id=made.id, urn=urn(made.token, made.name),
        olds=wire.write(made.outputs), old_inputs=wire.write(made.inputs),
        news=wire.write(g.having(g.FIREWALL_INPUTS, priority=1)), ignoreChanges=["priority"],
    )  # fmt: skip
    assert engine.stub.Diff(request).changes == NONE


# Drift


def test_somebody_changed_it_in_the_console(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    console.edit(engine.cloud, made.id, {"priority": 10, "description": "let me through", "disabled": True})
    read = engine.read(made)
    assert read is not None
    assert read.outputs["priority"] == read.inputs["priority"] == 10
    assert "description" not in read.inputs
    answer = engine.diff(read, g.FIREWALL_INPUTS)
    assert sorted(answer.detailedDiff) == ["description", "disabled", "priority"]
    fixed = engine.update(read, made.inputs)
    assert engine.cloud.get(made.id) == fixed.outputs == made.outputs


def test_drift_inside_a_block_is_found(engine: Engine) -> None:
    made = build(engine, g.CLUSTER)[g.CLUSTER]
    console.edit(engine.cloud, made.id, {"releaseChannel": {"channel": "RAPID"}})
    read = engine.read(made)
    assert read is not None
    assert list(engine.diff(read, g.CLUSTER_INPUTS).detailedDiff) == ["releaseChannel.channel"]


def test_what_was_removed_is_gone_at_refresh(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    engine.cloud.remove(made.id)
    assert engine.read(made) is None
    engine.delete(made)  # as in the real cloud: already gone is deleted
    with pytest.raises(KeyError, match="nothing in the cloud has the id"):
        engine.cloud.remove(made.id)


def test_edits_of_fields_that_do_not_exist_are_refused(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    with pytest.raises(KeyError, match="has no field prioritty"):
        console.edit(engine.cloud, made.id, {"prioritty": 1})


def test_an_object_can_be_imported_by_its_id(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    imported = engine.read(Made(made.token, "imported", made.id, {}, {}))
    assert imported is not None
    assert imported.inputs.items() >= {"priority": 65535, "direction": "EGRESS", "name": "deny"}.items()
    assert engine.diff(imported, g.FIREWALL_INPUTS).changes == NONE


def test_a_refresh_finds_the_api_server_where_it_is_now(engine: Engine) -> None:
    made = build(engine, g.CLUSTER)[g.CLUSTER]
    engine.apiserver.endpoint = "127.0.0.1:7443"
    read = engine.read(made)
    assert read is not None
    assert read.outputs["endpoint"] == "127.0.0.1:7443"

"""What a team's own gateway has below Kubernetes: a subnet, a Cloud NAT with reserved addresses, a node pool,
an account."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from egress.common.google_names import node_account
from tests.program_runner import ProgramRun, run_program
from tests.support import ROOT

EXAMPLE = ROOT / "examples/modes/Pulumi.own-gateway.yaml"
SUBNET = "vpc-network-subnet-gateway-partner"
NAT = "vpc-network-nat-config"


@cache
def run() -> ProgramRun:
    done = run_program(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["config"])
    assert done.error is None
    return done


def inputs(token: str, name: str) -> dict[str, Any]:
    (found,) = [
        resource["inputs"] for resource in run().of_type(token) if resource["inputs"].get("name") == name
    ]
    return found


def test_its_nodes_and_pods_have_addresses_of_its_own_subnet() -> None:
    subnet = inputs("gcp:compute/subnetwork:Subnetwork", SUBNET)
    assert subnet["ipCidrRange"] == "10.3.0.0/28"
    assert subnet["secondaryIpRanges"] == [
        {"rangeName": "pods-gateway-partner", "ipCidrRange": "10.4.0.0/20"}
    ]
    assert subnet["privateIpGoogleAccess"] is True
    (pool,) = [
        pool["inputs"]
        for pool in run().of_type("gcp:container/nodePool:NodePool")
        if pool["urn"].endswith("::cluster-gateway-partner")
    ]
    assert pool["networkConfig"]["podRange"] == "pods-gateway-partner"
    assert pool["networkConfig"]["subnetwork"].endswith(f"/{SUBNET}")
    (cluster,) = run().of_type("gcp:container/cluster:Cluster")
    (further,) = cluster["inputs"]["ipAllocationPolicy"]["additionalIpRangesConfigs"]
    assert (further["subnetwork"], further["podIpv4RangeNames"]) == (
        pool["networkConfig"]["subnetwork"],
        ["pods-gateway-partner"],
    )
    assert further["status"] == "ACTIVE", "as GKE answers: left out, every update would take it away"


def test_the_shared_pools_stay_in_the_clusters_subnet() -> None:
    pools = [resource["inputs"] for resource in run().of_type("gcp:container/nodePool:NodePool")]
    assert sorted(pool["name"] for pool in pools if "networkConfig" not in pool) == [
        "default-pool",
        "gateway",
    ]


def test_its_subnet_alone_leaves_by_the_reserved_addresses() -> None:
    nats = {
        resource["inputs"]["name"]: resource["inputs"]
        for resource in run().of_type("gcp:compute/routerNat:RouterNat")
    }
    assert sorted(nats) == [NAT, SUBNET]
    assert nats[NAT]["natIpAllocateOption"] == "AUTO_ONLY"
    assert nats[SUBNET]["natIpAllocateOption"] == "MANUAL_ONLY"
    assert len(nats[SUBNET]["natIps"]) == 2
    assert [len(nat["subnetworks"]) for nat in nats.values()] == [1, 1]
    assert nats[SUBNET]["subnetworks"][0]["name"].endswith(f"/{SUBNET}")
    assert len({nat["router"] for nat in nats.values()}) == 1


def test_the_addresses_are_protected_for_the_partner_knows_them() -> None:
    protected = [
        resource["inputs"]["name"]
        for resource in run().of_type("gcp:compute/address:Address")
        if resource["protect"]
    ]
    assert sorted(protected) == ["vpc-network-partner-1", "vpc-network-partner-2"]


def test_its_nodes_run_as_an_account_of_their_own() -> None:
    accounts = {
        resource["inputs"]["accountId"] for resource in run().of_type("gcp:serviceaccount/account:Account")
    }
    nodes = {kind: node_account("vpc-network", kind) for kind in ("gateway", "gateway-partner")}
    assert set(nodes.values()) <= accounts
    rule = inputs("gcp:compute/firewall:Firewall", "vpc-network-gateway-partner-allow-egress-web")
    assert [email.partition("@")[0] for email in rule["targetServiceAccounts"]] == [nodes["gateway-partner"]]


def test_other_stacks_and_partners_learn_its_addresses() -> None:
    egress = run().outputs["egress"]
    assert sorted(egress["gateways"]["partner"]["addresses"]) == ["partner-1", "partner-2"]
    assert egress["gateway"]["addresses"] == {}

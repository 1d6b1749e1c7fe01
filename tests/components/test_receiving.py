"""What a stack that receives has below Kubernetes, and what it has not while no team does."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.layers.receiving import MYSQL, config
from tests.program_runner import ProgramRun, run_program
from tests.support import dev_config

NODE_POOL = "gcp:container/nodePool:NodePool"
SYNC: dict[str, Any] = {"enabled": True, "rotationConfig": {"enabled": True, "rotationInterval": "120s"}}


@cache
def receiving(exposure: str) -> ProgramRun:
    made = config({"mysql": MYSQL}, {"exposure": exposure, "sourceRanges": {"shop": "203.0.113.7/32"}})
    made["gke-mesh-egress:cluster"] = dev_config()["gke-mesh-egress:cluster"] | {"secretSync": True}
    run = run_program(made | {"gke-mesh-egress:protect": True})
    assert run.error is None
    return run


@cache
def idle() -> ProgramRun:
    """An ingress gateway is described, and no team receives."""
    return run_program(config({}, {"sourceRanges": {"shop": "203.0.113.7/32"}}))


def inputs(run: ProgramRun, token: str, name: str) -> dict[str, Any]:
    (found,) = [
        resource["inputs"] for resource in run.of_type(token) if resource["inputs"].get("name") == name
    ]
    return found


def test_the_gateways_nodes_repel_everything_else_and_run_as_themselves() -> None:
    run = receiving("external")
    pool = inputs(run, NODE_POOL, "ingress")
    assert pool["nodeConfig"]["taints"] == [{"key": "dedicated", "value": "ingress", "effect": "NO_SCHEDULE"}]
    accounts = [
        resource["inputs"]["accountId"] for resource in run.of_type("gcp:serviceaccount/account:Account")
    ]
    assert sorted(accounts) == ["sa-application-nodes", "sa-gateway-nodes", "sa-ingress-nodes"]


@pytest.mark.parametrize(
    ("exposure", "kind", "subnet", "subsetting"),
    [("external", "EXTERNAL", False, None), ("internal", "INTERNAL", True, True)],
)
def test_the_address_is_reserved_where_partners_are(
    exposure: str, kind: str, subnet: bool, subsetting: bool | None
) -> None:
    run = receiving(exposure)
    address = inputs(run, "gcp:compute/address:Address", "cluster1-ingress")
    assert (address["addressType"], "subnetwork" in address) == (kind, subnet)
    (cluster,) = run.of_type("gcp:container/cluster:Cluster")
    assert cluster["inputs"].get("enableL4IlbSubsetting") is subsetting
    assert run.outputs["ingressAddress"] == run.outputs["egress"]["ingress"]["address"] == "203.0.113.7"


def test_the_address_is_protected_for_partners_know_it() -> None:
    protected = [
        resource["name"]
        for resource in receiving("external").of_type("gcp:compute/address:Address")
        if resource["protect"]
    ]
    assert protected == ["ingress-address"]


def test_secret_manager_is_synchronised_only_where_the_stack_says_so() -> None:
    run = receiving("external")
    (cluster,) = run.of_type("gcp:container/cluster:Cluster")
    assert cluster["inputs"]["secretSyncConfig"] == SYNC
    services = [resource["inputs"]["service"] for resource in run.of_type("gcp:projects/service:Service")]
    assert "secretmanager.googleapis.com" in services
    (cluster,) = idle().of_type("gcp:container/cluster:Cluster")
    assert "secretSyncConfig" not in cluster["inputs"]


def test_no_secret_is_among_the_stacks_resources() -> None:
    assert [
        resource["urn"]
        for resource in receiving("external").registered
        if resource["type"] == "kubernetes:core/v1:Secret"
    ] == []


def test_while_no_team_receives_only_the_switch_that_cannot_be_turned_back_stays() -> None:
    run = idle()
    named = [resource["urn"] for resource in run.registered if "ingress" in resource["name"]]
    # Rules of the tutorial for traffic that comes in.
    assert [urn for urn in named if "allow-ingress" not in urn] == []
    assert "egress" in run.outputs
    assert "ingress" not in run.outputs["egress"]
    (cluster,) = run.of_type("gcp:container/cluster:Cluster")
    assert cluster["inputs"]["enableL4IlbSubsetting"] is True

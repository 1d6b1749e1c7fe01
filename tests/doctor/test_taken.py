"""Ranges of others in the network, and what is known of this stack's own state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from egress.doctor import made, taken
from egress.doctor.finding import NotKnown, State
from egress.doctor.google import Api
from egress.doctor.machine import Ran
from egress.doctor.own import Own, own
from tests.doctor.cases import PROJECT, Answers, Programs, case

P = f"projects/{PROJECT}"
NETWORK = f"{P}/global/networks/vpc-network"
LINK = f"https://www.googleapis.com/compute/v1/{NETWORK}"
SUBNET = f"{P}/regions/us-east1/subnetworks/other"


def network(**more: dict[str, Any]) -> Answers:
    google = case().google
    assert isinstance(google, Answers)
    google.gets[Api.COMPUTE, NETWORK] = {"name": "vpc-network", "subnetworks": [f"https://x/{SUBNET}"]}
    google.gets[Api.COMPUTE, SUBNET] = {"name": "other", "ipCidrRange": "192.168.0.0/24"}
    for path, answer in more.items():
        google.gets[Api.COMPUTE, f"{P}/global/{path}"] = answer
    return google


def found(google: Answers, **changes: Any) -> tuple[State, str]:
    row = next(iter(taken.ranges(case(google=google, **changes))))
    return row.state, row.found


def test_in_a_network_with_other_ranges_there_is_no_overlap() -> None:
    assert found(network()) == (State.OK, "no overlap")


@pytest.mark.parametrize(
    ("subnet", "said"),
    [
        (
            {"ipCidrRange": "10.0.0.128/25"},
            "network.subnet.nodes 10.0.0.0/24 with subnet other 10.0.0.128/25",
        ),
        (
            {"ipCidrRange": "192.168.0.0/24", "secondaryIpRanges": [{"ipCidrRange": "10.1.2.0/24"}]},
            "network.subnet.pods 10.1.0.0/16 with subnet other 10.1.2.0/24",
        ),
        ({"ipCidrRange": "10.5.0.0/24"}, "network.controlPlane 10.5.0.0/28 with subnet other 10.5.0.0/24"),
    ],
)
def test_a_subnet_that_overlaps_is_found(subnet: dict[str, Any], said: str) -> None:
    google = network()
    google.gets[Api.COMPUTE, SUBNET] = {"name": "other", **subnet}
    assert found(google) == (State.WRONG, said)


def test_the_stacks_own_subnet_does_not_overlap_with_itself() -> None:
    google = network()
    google.gets[Api.COMPUTE, SUBNET] = {"name": "subnet-gke", "ipCidrRange": "10.0.0.0/24"}
    assert found(google, own=Own(frozenset({(made.SUBNETWORK, "subnet-gke")}))) == (State.OK, "no overlap")


@pytest.mark.parametrize(
    ("routes", "state"),
    [
        ([{"name": "r", "network": LINK, "destRange": "10.2.0.0/16", "nextHopPeering": "p"}], State.WRONG),
        ([{"name": "r", "network": LINK, "destRange": "10.2.0.0/16", "nextHopVpnTunnel": "t"}], State.WRONG),
        ([{"name": "r", "network": LINK, "destRange": "10.2.0.0/16", "nextHopNetwork": LINK}], State.OK),
        (
            [{"name": "r", "network": f"{LINK}-2", "destRange": "10.2.0.0/16", "nextHopPeering": "p"}],
            State.OK,
        ),
        ([{"name": "r", "network": LINK, "destRange": "0.0.0.0/0", "nextHopIp": "10.9.9.9"}], State.OK),
    ],
)
def test_what_leads_elsewhere_is_a_range_too(routes: list[dict[str, Any]], state: State) -> None:
    assert found(network(routes={"items": routes}))[0] is state


def test_a_range_that_is_set_aside_for_a_service_is_found() -> None:
    block = {
        "purpose": "VPC_PEERING",
        "network": LINK,
        "address": "10.1.0.0",
        "prefixLength": 20,
        "name": "sql",
    }
    assert found(network(addresses={"items": [block]})) == (
        State.WRONG,
        "network.subnet.pods 10.1.0.0/16 with allocated range sql 10.1.0.0/20",
    )


@pytest.mark.parametrize(
    ("answer", "taken_by_somebody"),
    [({"name": "b"}, True), ("this account may not ask: storage.buckets.get", True), (None, False)],
)
def test_a_bucket_has_its_name_from_the_whole_world(answer: Any, taken_by_somebody: bool) -> None:
    of = case()
    bucket = "my-project-id-data"
    google = of.google
    assert isinstance(google, Answers)
    if answer is not None:
        google.gets[Api.STORAGE, f"b/{bucket}"] = answer
    assert taken._has_bucket(of, bucket) is taken_by_somebody


def state(*resources: dict[str, Any]) -> str:
    return json.dumps({"deployment": {"resources": list(resources)}})


def asked(whoami: Ran | None, export: Ran | None = None) -> Own:
    says = {name: ran for name, ran in (("pulumi whoami", whoami), ("pulumi stack", export)) if ran}
    return own(Programs(says), "dev")


def test_what_the_state_holds_is_known_by_type_and_name() -> None:
    found = asked(
        Ran(0, "me", ""),
        Ran(
            0,
            state(
                {"type": "pulumi:pulumi:Stack", "inputs": {}},
                {"type": made.NETWORK, "inputs": {"name": "vpc-network"}},
                {"type": made.ACCOUNT, "inputs": {"accountId": "sa-x"}},
                {"type": made.REPOSITORY, "inputs": {"repositoryId": "istio"}},
            ),
            "",
        ),
    )
    assert found.has(made.REPOSITORY, "istio")
    assert found.has(made.NETWORK, "vpc-network")
    assert found.has(made.ACCOUNT, "sa-x")
    assert not found.has(made.NETWORK, "sa-x")
    assert found.finding
    assert (found.finding.state, found.finding.found) == (State.OK, "3 resources")


@pytest.mark.parametrize(
    ("whoami", "export", "state", "said"),
    [
        (None, None, State.UNKNOWN, "not known, because there is no pulumi on PATH"),
        (
            Ran(1, "", "error: PULUMI_ACCESS_TOKEN must be set"),
            None,
            State.WRONG,
            "nobody is logged in to Pulumi",
        ),
        (
            Ran(0, "me", ""),
            Ran(255, "", "error: no stack named 'dev' found"),
            State.OK,
            "there is no stack dev yet",
        ),
        (Ran(0, "me", ""), Ran(1, "", "error: bucket is gone"), State.UNKNOWN, "Pulumi says: error: bucket"),
        (Ran(0, "me", ""), Ran(0, "no json", ""), State.UNKNOWN, "what Pulumi exports is no JSON"),
        (Ran(0, "me", ""), Ran(0, state(), ""), State.OK, "empty"),
    ],
)
def test_the_state_of_the_stack_is_a_row(
    whoami: Ran | None, export: Ran | None, state: State, said: str
) -> None:
    found = asked(whoami, export)
    assert found.finding
    assert found.finding.state is state
    assert said in found.finding.found
    assert isinstance(found.problem, NotKnown) is (state is not State.OK)

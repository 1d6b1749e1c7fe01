"""Quotas are held against what the plan needs on top of what the stack has already."""

from __future__ import annotations

from typing import Any

import pytest

from egress.doctor import made, quotas
from egress.doctor.case import Case
from egress.doctor.finding import NotKnown, State
from egress.doctor.google import Api
from egress.doctor.own import Own
from egress.plan.model import Plan
from tests.doctor.cases import PROJECT, Answers, case, example, new_project, plan

REGIONAL = {"zone": None}


def needs(of: Case) -> dict[str, int]:
    """How much of each quota is said to be needed."""
    found = {}
    for row in quotas.quotas(of):
        metric = row.what.removeprefix("quota ").partition(" ")[0]
        found[metric] = int(row.needed.replace(",", " ").split()[0])
    return found


def cluster(**config: Any) -> Plan:
    return plan(cluster={"zone": "europe-west1-b", **config})


def test_the_tutorials_stack_needs_what_the_readme_says() -> None:
    dev = example("Pulumi.dev.yaml")
    found = needs(case(dev))
    assert (found["CPUS"], found["SSD_TOTAL_GB"]) == (16, 400)
    assert (found["NETWORKS"], found["IN_USE_ADDRESSES"], found["FIREWALLS"]) == (2, 1, 8)


def test_a_regional_cluster_has_nodes_in_three_zones() -> None:
    found = needs(case(plan(cluster={})))
    assert (found["CPUS"], found["CPUS_ALL_REGIONS"]) == (3 * 4 + 3 * 4 + 4, 3 * 4 + 3 * 4 + 4)


def test_each_machine_series_counts_against_its_own_quota() -> None:
    mixed = case(cluster(defaultPool={"machineType": "n2-standard-8"}))
    answers = mixed.google
    assert isinstance(answers, Answers)
    zone = f"projects/{PROJECT}/zones/europe-west1-b/machineTypes"
    answers.gets[Api.COMPUTE, f"{zone}/n2-standard-8"] = {"guestCpus": 8}
    found = needs(mixed)
    assert (found["CPUS"], found["N2_CPUS"]) == (2 * 4 + 4, 8 + 8)


def test_a_quota_that_google_does_not_list_is_not_known() -> None:
    new = case(cluster(gatewayPool={"machineType": "z9-standard-4"}))
    assert isinstance(new.google, Answers)
    zone = f"projects/{PROJECT}/zones/europe-west1-b/machineTypes"
    new.google.gets[Api.COMPUTE, f"{zone}/z9-standard-4"] = {"guestCpus": 4}
    rows = [row for row in quotas.quotas(new) if row.state is not State.OK]
    assert [row.state for row in rows] == [State.UNKNOWN]
    assert rows[0].what == "quota of the series z9 in europe-west1"


def test_a_machine_type_that_there_is_not_leaves_the_quotas_unknown() -> None:
    with pytest.raises(NotKnown, match="there is no machine type z9-standard-4 in europe-west1-b"):
        list(quotas.quotas(case(cluster(gatewayPool={"machineType": "z9-standard-4"}))))


def test_a_regional_cluster_wants_its_machine_types_in_three_zones() -> None:
    regional = case(plan(cluster={}))
    assert isinstance(regional.google, Answers)
    assert [row.state for row in quotas.machine_types(regional)] == [State.OK]
    del regional.google.gets[
        Api.COMPUTE, f"projects/{PROJECT}/zones/europe-west1-d/machineTypes/e2-standard-4"
    ]
    row = next(iter(quotas.machine_types(regional)))
    assert (row.state, row.found) == (State.WRONG, "europe-west1-b, europe-west1-c")


def test_of_what_the_stack_has_already_nothing_more_is_needed() -> None:
    of = plan()
    everything = frozenset((one.kind, one.name) for one in made.made(of))
    found = needs(case(of, own=Own(everything)))
    assert found["CPUS"] == 4, "one more node while a pool is upgraded"
    assert not {"NETWORKS", "ROUTERS", "FIREWALLS", "IN_USE_ADDRESSES", "CPUS_ALL_REGIONS"} & found.keys()


def test_reserved_addresses_are_counted() -> None:
    reserved = case(
        plan(
            network={
                "subnet": {"nodes": "10.0.0.0/24", "pods": "10.1.0.0/16", "services": "10.2.0.0/20"},
                "controlPlane": "10.5.0.0/28",
                "nat": {"addresses": {"out-1": "first", "out-2": "second"}},
            }
        )
    )
    found = needs(reserved)
    assert (found["STATIC_ADDRESSES"], found["IN_USE_ADDRESSES"]) == (2, 2)


def test_zones_of_cloud_dns_have_quotas_of_their_own() -> None:
    many = plan(
        teams={"shop": {"egress": {f"h{n}.example.com": {"https": "passthrough"} for n in range(30)}}}
    )
    google = new_project(many)
    google.gets[Api.DNS, f"projects/{PROJECT}"] = {
        "quota": {"managedZones": 40, "managedZonesPerNetwork": 100, "peeringZonesPerTargetNetwork": 20}
    }
    google.gets[Api.DNS, f"projects/{PROJECT}/managedZones"] = {"managedZones": [{"name": "other"}]}
    rows = {row.what: row for row in quotas.quotas(case(many, google=google)) if "Cloud DNS" in row.what}
    assert [row.state for row in rows.values()] == [State.OK, State.OK, State.WRONG]
    assert rows["quota managedZones of Cloud DNS"].found == "39 of 40 free"
    assert rows["quota peeringZonesPerTargetNetwork of Cloud DNS"].needed == "30, for declared names"

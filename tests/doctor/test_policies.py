"""A policy of the organization refuses the plan, does not, or cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from egress.doctor.finding import Finding, NotKnown, State
from egress.doctor.google import Api
from egress.doctor.policies import policies
from egress.plan.model import Plan
from tests.doctor.cases import PROJECT, Answers, case, example, new_project, plan


def said(constraint: str, policy: dict[str, Any], of: Plan | None = None) -> Finding:
    chosen = of or plan()
    google = new_project(chosen)
    google.policies = {constraint: policy}
    google.asks[Api.PROJECTS, f"projects/{chosen.project}:getAncestry"] = {
        "ancestor": [
            {"resourceId": {"type": "project", "id": PROJECT}},
            {"resourceId": {"type": "organization", "id": "77"}},
        ]
    }
    google.gets[Api.PROJECTS, "organizations/77"] = {"owner": {"directoryCustomerId": "C0mine"}}
    return next(row for row in policies(case(chosen, google=google)) if row.what == f"policy {constraint}")


def allowed(*values: str) -> dict[str, Any]:
    return {"listPolicy": {"allowedValues": list(values)}}


def denied(*values: str) -> dict[str, Any]:
    return {"listPolicy": {"deniedValues": list(values)}}


ALL, NOTHING = {"listPolicy": {"allValues": "ALLOW"}}, {"listPolicy": {"allValues": "DENY"}}
LOCATIONS, DOMAINS = "gcp.resourceLocations", "iam.allowedPolicyMemberDomains"
SERVICES, KEYS = "gcp.restrictServiceUsage", "gcp.restrictNonCmekServices"
NAT = "compute.restrictCloudNATUsage"
SUBNET = f"projects/{PROJECT}/regions/europe-west1/subnetworks/subnet-gke"


@pytest.mark.parametrize(
    ("constraint", "policy", "state"),
    [
        ("iam.disableServiceAccountCreation", {}, State.OK),
        ("iam.disableServiceAccountCreation", {"booleanPolicy": {}}, State.OK),
        ("iam.disableServiceAccountCreation", {"booleanPolicy": {"enforced": True}}, State.WRONG),
        ("iam.disableWorkloadIdentityClusterCreation", {"booleanPolicy": {"enforced": True}}, State.WRONG),
        (LOCATIONS, ALL, State.OK),
        (LOCATIONS, NOTHING, State.WRONG),
        (LOCATIONS, allowed("europe-west1"), State.OK),
        (LOCATIONS, allowed("in:europe-west1-locations"), State.OK),
        (LOCATIONS, allowed("in:europe-locations"), State.OK),
        (LOCATIONS, allowed("us-central1", "us-east1"), State.WRONG),
        (LOCATIONS, allowed("in:eu-locations"), State.UNKNOWN),
        (LOCATIONS, denied("europe-west1"), State.WRONG),
        (LOCATIONS, denied("in:asia-locations"), State.UNKNOWN),
        (LOCATIONS, denied("us-central1"), State.OK),
        (SERVICES, allowed("compute.googleapis.com"), State.WRONG),
        (SERVICES, denied("dns.googleapis.com"), State.WRONG),
        (SERVICES, denied("bigquery.googleapis.com"), State.OK),
        (KEYS, denied("storage.googleapis.com"), State.OK),
        (KEYS, denied("container.googleapis.com"), State.WRONG),
        (NAT, NOTHING, State.WRONG),
        (NAT, allowed(SUBNET), State.OK),
        (NAT, allowed(f"under:projects/{PROJECT}"), State.OK),
        (NAT, allowed("projects/other/regions/europe-west1/subnetworks/subnet-gke"), State.WRONG),
        (NAT, allowed("under:folders/5"), State.UNKNOWN),
        (NAT, denied(SUBNET), State.WRONG),
        (DOMAINS, allowed("C0mine"), State.OK),
        (DOMAINS, allowed("is:C0mine", "is:C0other"), State.OK),
        (DOMAINS, allowed("C0other"), State.WRONG),
        (DOMAINS, NOTHING, State.WRONG),
    ],
)
def test_a_policy_is_held_against_the_plan(constraint: str, policy: dict[str, Any], state: State) -> None:
    row = said(constraint, policy)
    assert row.state is state, row.found
    assert bool(row.fix) == (state is State.WRONG)


def test_buckets_of_a_team_want_googles_own_keys() -> None:
    row = said(KEYS, denied("storage.googleapis.com"), example("Pulumi.dev.yaml"))
    assert row.found == "wants keys of your own for storage.googleapis.com, which this program cannot give"


def test_load_balancers_are_asked_about_where_a_team_receives() -> None:
    constraint = "compute.restrictLoadBalancerCreationForTypes"
    receiving = example("examples/modes/Pulumi.receive.yaml")
    assert said(constraint, denied("in:EXTERNAL"), receiving).state is State.WRONG
    assert said(constraint, denied("EXTERNAL_NETWORK_TCP_UDP"), receiving).state is State.WRONG
    assert said(constraint, denied("in:INTERNAL"), receiving).state is State.OK
    assert not [row for row in policies(case()) if constraint in row.what]


def test_where_policies_may_not_be_asked_one_row_says_so() -> None:
    class Closed(Answers):
        def ask(self, api: Api, path: str, question: dict[str, Any]) -> dict[str, Any]:
            raise NotKnown("this account may not ask: orgpolicy.policy.get")

    with pytest.raises(NotKnown, match=r"orgpolicy\.policy\.get"):
        list(policies(case(google=Closed())))

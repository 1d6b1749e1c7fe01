"""Policies of the organization that would refuse what the plan makes. Only those that concern it are asked.

Source: Resource Manager, "Organization policy constraints". What nodes, buckets and subnets are is fixed by
this program, so of most constraints nothing has to be asked: nodes have no outside address
(compute.vmExternalIpAccess) and boot securely (compute.requireShieldedVm), buckets are uniform and closed to
the public, subnets log their flows, no account gets a key. What an organization constrains in its own words
(custom.*) is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, some, unknown
from egress.doctor.google import Absent, Api, Json, entries, part, texts
from egress.layers.google import apis
from egress.settings.ingress import Exposure

Refuses = Callable[[Case, Json], str | None]
"""Why a policy refuses the plan, None where it does not. NotKnown where its values do not say."""


@dataclass(frozen=True)
class Constraint:
    name: str
    refuses: Refuses
    concerns: Callable[[Case], bool] = lambda _: True


def _allows(policy: Json, *wanted: str) -> list[str]:
    """Which of some values a list policy refuses. What is denied wins; where something is allowed, nothing
    else is."""
    rule = part(policy, "listPolicy")
    if rule.get("allValues"):
        return list(wanted) if rule["allValues"] == "DENY" else []
    allowed, denied = texts(rule, "allowedValues"), texts(rule, "deniedValues")
    return [one for one in wanted if one in denied or (allowed and one not in allowed)]


def _enforced(what: str) -> Refuses:
    def refuses(_: Case, policy: Json) -> str | None:
        return what if part(policy, "booleanPolicy").get("enforced") is True else None

    return refuses


def _services(case: Case, policy: Json) -> str | None:
    refused = _allows(policy, *apis.needed(case.plan))
    return f"does not allow {some(refused)}" if refused else None


def _without_own_keys(case: Case, policy: Json) -> str | None:
    """Disks and buckets are encrypted by Google's keys."""
    used = ["compute.googleapis.com", "container.googleapis.com"]
    used += ["storage.googleapis.com"] if any(one.kind == made.BUCKET for one in made.made(case.plan)) else []
    refused = _allows(policy, *used)
    return f"wants keys of your own for {some(refused)}, which this program cannot give" if refused else None


def _locations(case: Case, policy: Json) -> str | None:
    rule = part(policy, "listPolicy")
    if rule.get("allValues"):
        return "allows no location" if rule["allValues"] == "DENY" else None
    allowed, denied = texts(rule, "allowedValues"), texts(rule, "deniedValues")
    continent = case.region.partition("-")[0]
    mine = {case.region, f"in:{case.region}-locations", case.location}
    mine |= {f"in:{continent}-locations", f"in:{continent}"}
    if mine & set(denied):
        return f"denies {case.region}"
    groups = [value for value in (*allowed, *denied) if value.startswith("in:")]
    if not allowed or mine & set(allowed):
        unclear = [value for value in denied if value.startswith("in:")]
    else:
        unclear = groups
        if not groups:
            return f"allows {some(allowed)}, and not {case.region}"
    if unclear:
        raise NotKnown(f"whether {some(unclear)} holds {case.region} is Google's to say")
    return None


def _nat(case: Case, policy: Json) -> str | None:
    rule = part(policy, "listPolicy")
    if rule.get("allValues") == "DENY":
        return "allows Cloud NAT for no subnet"
    allowed, denied = texts(rule, "allowedValues"), texts(rule, "deniedValues")
    if not allowed and not denied:
        return None
    network = case.plan.settings.network
    subnets = [network.subnet.name, *(one.subnet.name for one in case.plan.gateways if one.subnet)]
    full = [f"projects/{case.project}/regions/{case.region}/subnetworks/{name}" for name in subnets]
    above = {f"under:projects/{case.project}"}
    if set(full) & set(denied) or above & set(denied):
        return f"denies Cloud NAT for {some(subnets)}"
    if allowed and not above & set(allowed) and not set(full) <= set(allowed):
        if any(value.startswith("under:") for value in allowed):
            raise NotKnown(f"whether {some(allowed)} holds this project is Google's to say")
        return f"allows Cloud NAT for {some(allowed)} alone"
    return None


def _members(case: Case, policy: Json) -> str | None:
    """Every account that gets a role here is of this project, so of the project's own organization."""
    rule = part(policy, "listPolicy")
    allowed = texts(rule, "allowedValues")
    if rule.get("allValues") == "DENY":
        return "allows members of no organization"
    if not allowed:
        return None
    organization, customer = _organization(case)
    mine = {customer, f"is:{customer}", f"is:principalSet://iam.googleapis.com/organizations/{organization}"}
    return None if mine & set(allowed) else f"allows {some(allowed)}, and not this organization ({customer})"


def _organization(case: Case) -> tuple[str, str]:
    """The number of the project's organization, and what its directory is called."""
    try:
        ancestry = case.google.ask(Api.PROJECTS, f"projects/{case.project}:getAncestry", {})
        ids = [part(one, "resourceId") for one in entries(ancestry, "ancestor")]
        number = next((str(one["id"]) for one in ids if one.get("type") == "organization"), None)
        if number is None:
            raise NotKnown("the project's organization is not among its ancestors")
        owner = part(case.google.get(Api.PROJECTS, f"organizations/{number}"), "owner")
        return number, str(owner.get("directoryCustomerId"))
    except Absent as error:
        raise NotKnown(str(error)) from None


def _load_balancers(case: Case, policy: Json) -> str | None:
    ingress = case.plan.settings.ingress
    inside = ingress is not None and ingress.exposure is Exposure.INTERNAL
    kind = "INTERNAL_TCP_UDP" if inside else "EXTERNAL_NETWORK_TCP_UDP"
    group = "in:INTERNAL" if inside else "in:EXTERNAL"
    rule = part(policy, "listPolicy")
    named = {*texts(rule, "allowedValues"), *texts(rule, "deniedValues")}
    refused = _allows(policy, group if group in named else kind)
    return f"does not allow a load balancer {kind}, at which partners connect" if refused else None


CONSTRAINTS = (
    Constraint(
        "iam.disableServiceAccountCreation",
        _enforced("no service account can be made, and nodes and teams need some"),
    ),
    Constraint(
        "iam.disableWorkloadIdentityClusterCreation",
        _enforced("no cluster with Workload Identity can be made"),
    ),
    Constraint("iam.allowedPolicyMemberDomains", _members),
    Constraint("gcp.resourceLocations", _locations),
    Constraint("gcp.restrictServiceUsage", _services),
    Constraint("gcp.restrictNonCmekServices", _without_own_keys),
    Constraint("compute.restrictCloudNATUsage", _nat),
    Constraint(
        "compute.restrictLoadBalancerCreationForTypes",
        _load_balancers,
        lambda case: bool(case.plan.receptions),
    ),
)


def policies(case: Case) -> Iterator[Finding]:
    needed = "nothing refused that the plan makes"
    for constraint in CONSTRAINTS:
        if not constraint.concerns(case):
            continue
        what = f"policy {constraint.name}"
        try:
            policy = case.google.ask(
                Api.PROJECTS,
                f"projects/{case.project}:getEffectiveOrgPolicy",
                {"constraint": f"constraints/{constraint.name}"},
            )
        except Absent as error:
            raise NotKnown(str(error)) from None
        try:
            why = constraint.refuses(case, policy)
        except NotKnown as error:
            yield unknown("policies", what, needed, error)
        else:
            fix = (
                f"gcloud resource-manager org-policies describe {constraint.name} --effective "
                f"--project {case.project}\nThen ask whoever administers the organization for an exception."
            )
            yield judged("policies", what, why is None, why or "allows it", needed, fix)

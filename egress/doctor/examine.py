"""Every check, in the order in which a reader mends what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.doctor import (
    access,
    expected,
    identity,
    policies,
    project,
    quotas,
    supply,
    taken,
    tools,
    versions,
)
from egress.doctor.case import Case, Check
from egress.doctor.finding import Finding, NotKnown, unknown
from egress.doctor.google import Absent


@dataclass(frozen=True)
class Named:
    """A check, and what its row says where it cannot even begin."""

    check: str
    what: str
    needed: str
    run: Check


def _state(case: Case) -> Iterator[Finding]:
    if case.own.finding:
        yield case.own.finding


CHECKS = (
    Named("tools", "tools", "all of them", tools.tools),
    Named("login", "login", "an account", identity.identity),
    Named("state", "state of the stack", "a place where Pulumi keeps it", _state),
    Named("project", "project", "an active project of this id", project.project),
    Named("billing", "billing", "on", project.billing),
    Named("apis", "APIs", "on, some minutes before `up`", project.apis),
    Named("access", "permissions", "all that the plan needs", access.access),
    Named("machines", "machine types", "in the cluster's zones", quotas.machine_types),
    Named("quotas", "quotas", "enough for the plan", quotas.quotas),
    Named("names", "names", "names that nobody has", taken.names),
    Named("expected", "what teams have roles on", "there already", expected.expected),
    Named("ranges", "ranges", "no overlap with what the network has already", taken.ranges),
    Named("policies", "policies", "nothing refused that the plan makes", policies.policies),
    Named("supply", "charts", "there", supply.charts),
    Named("supply", "images", "there", supply.images),
    Named("versions", "Istio", "a supported version", versions.istio),
    Named("versions", "GKE", "a supported version", versions.gke),
)


def examine(case: Case) -> Iterator[Finding]:
    """The whole table, row by row as answers come."""
    for named in CHECKS:
        try:
            yield from named.run(case)
        except NotKnown as why:
            yield unknown(named.check, named.what, named.needed, why)
        except Absent as error:
            yield unknown(named.check, named.what, named.needed, NotKnown(str(error).rstrip(".")))

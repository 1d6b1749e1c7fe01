"""Admission: what the API server refuses, whoever asks: of teams, and of everybody else. Outside every pod,
and nothing to run.

Source: Kubernetes, ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1). The rules are in the modules
of this package, one per thing that is looked at; how a rule becomes an object is in `policy.py`. What each
rule closes, and what it leaves, is in docs/security.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.objects import Object
from egress.layers.admission import (
    boundaries,
    control_plane,
    gateway_nodes,
    namespace_labels,
    services,
    workloads,
    writers,
)
from egress.layers.admission.policy import Policy
from egress.plan.model import Plan


def policies(plan: Plan) -> tuple[Policy, ...]:
    """For teams' workloads, Services and proxies; for everybody's pods, namespaces and what only the platform
    writes."""
    return (
        workloads.policy(plan),
        services.policy(plan),
        control_plane.policy(plan),
        boundaries.entering(),
        gateway_nodes.policy(plan),
        boundaries.kinds(),
        boundaries.inside(),
        namespace_labels.policy(),
    )


def render(plan: Plan) -> Iterator[Object]:
    """Each policy and its binding."""
    for policy in policies(plan):
        yield from policy.render(plan)
    yield from writers.render(plan)

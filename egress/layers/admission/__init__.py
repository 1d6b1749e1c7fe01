"""Admission: what the API server refuses in team namespaces, whoever asks. Outside every pod, and nothing to keep running.

Source: Kubernetes, ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1). The rules are in the modules of this
package, one per thing that is looked at; how a rule becomes an object is in `policy.py`. What each rule closes, and what it
leaves, is in docs/security.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.layers.admission import boundaries, namespace_labels, services, workloads
from egress.manifest import Object
from egress.plan import Plan


def render(plan: Plan) -> Iterator[Object]:
    """A policy and its binding for workloads, for Services, for what only the platform does, and for namespaces."""
    for policy in (workloads.policy(plan), services.policy(plan), boundaries.policy(), namespace_labels.policy()):
        yield from policy.render(plan)

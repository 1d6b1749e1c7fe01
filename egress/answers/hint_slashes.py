"""What arrives of an allowed request whose path has encoded slashes, where it is not what was sent."""

from __future__ import annotations

from egress.answers.hint_check import seen_path
from egress.judge.model.flow import Protocol
from egress.judge.trace import Trace
from egress.plan.model import Plan
from egress.settings.paths import egress_path


def of_slashes(plan: Plan, trace: Trace) -> str:
    """That the host gets another path, and what would change it; empty: it gets what was sent."""
    flow = trace.flow
    host = next((host for host in plan.hosts if host.name == flow.host and host.leaving), None)
    path = flow.path.partition("?")[0]
    if not trace.allowed or flow.protocol is not Protocol.HTTP or host is None or host.keeps_slashes:
        return ""
    if "%2f" not in path.lower():
        return ""
    keep = f" {egress_path(flow.namespace, flow.host)}.http.encodedSlashes: keep sends them as they are."
    return (
        f"{flow.host} gets {seen_path(flow.path)}: encoded slashes are decoded on the way. A host that "
        "takes them for a part of a name does not know that path, and answers 404; a signature of the path "
        f"does not hold.{keep if plan.in_cluster_mesh else ''}"
    )

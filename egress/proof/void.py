"""Rules that hold nothing: those of an entry whose team may send the same host anything in TLS of its own,
which nobody opens.

Found by what the objects do, not by what the config says, so it is as true of a cluster as of a stack.
"""

from __future__ import annotations

from dataclasses import replace

from egress.judge.model.flow import Flow, Protocol
from egress.judge.trace import Judges, Trace

TLS_PORT = 443


def past_rules(judges: Judges, flow: Flow) -> Trace | None:
    """The way by which the same caller sends the same host anything, past rules for requests; None: there is
    none.

    Args:
        judges: of the objects.
        flow: a plain HTTP request, which some rule allows or refuses.
    """
    if flow.protocol is not Protocol.HTTP or flow.to is not None or flow.address is not None:
        return None
    tunnel = replace(flow, port=TLS_PORT, protocol=Protocol.TLS, method="GET", path="/", headers={})
    trace = judges.trace(tunnel)
    return trace if trace.allowed and trace.left else None

"""Settings of how much of an egress gateway one pod of a team takes at once."""

from __future__ import annotations

from pydantic import Field

from egress.settings.base import Count, Model


class Share(Model):
    """For one pod of the team and each of its ways to the gateway: all http is one way, each host of https or
    tcp is another.

    The pod's own sidecar counts: it holds applications, not somebody who takes the sidecar over. What a
    gateway's replica takes from everybody is `maxConnections` of the gateway.
    """

    connections: Count = Field(
        default=200,
        description="More http waits, as many requests as pendingRequests says; more https or tcp is closed.",
    )
    pending_requests: Count = Field(
        default=1000, description="Requests waiting for a connection; more is 503."
    )
    requests: Count = Field(default=1000, description="Requests in flight; more is 503.")
    requests_per_connection: Count | None = Field(
        default=None, description="Then a connection is closed and another opened, maybe to another replica."
    )

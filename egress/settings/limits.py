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
        description="Connections. More `http` waits, as many requests as `pendingRequests` says; more "
        "`https` or `tcp` is closed. Refused: As many as a replica of the gateway accepts "
        "(`maxConnections`), or more.",
    )
    pending_requests: Count = Field(
        default=1000, description="Requests of `http` that wait for a connection. More is answered with 503."
    )
    requests: Count = Field(
        default=1000, description="Requests of `http` in flight. More is answered with 503."
    )
    requests_per_connection: Count | None = Field(
        default=None,
        description="Requests of `http` after which a connection is closed, so that the next one may "
        "lead to another replica. Absent: any number.",
    )

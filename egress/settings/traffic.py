"""Settings of how the gateway treats a host: timeouts, retries, limits, addresses left alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from egress.settings.base import Count, Model
from egress.settings.duration import Duration, Silence


class RetryOn(StrEnum):
    """After what a request is repeated. Envoy's names (router filter, x-envoy-retry-on and
    x-envoy-retry-grpc-on)."""

    CONNECT_FAILURE = "connect-failure"
    REFUSED_STREAM = "refused-stream"
    RESET = "reset"
    RESET_BEFORE_REQUEST = "reset-before-request"
    GATEWAY_ERROR = "gateway-error"
    SERVER_ERROR = "5xx"
    RETRIABLE_4XX = "retriable-4xx"
    CANCELLED = "cancelled"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    RESOURCE_EXHAUSTED = "resource-exhausted"
    UNAVAILABLE = "unavailable"


class Retries(Model):
    """Retries by the gateway. Without `retryOn`, only where the request cannot have reached the host."""

    attempts: int = Field(ge=0, le=10, description="Retries after the first try; 0 turns them off.")
    retry_on: list[Annotated[RetryOn, Field(strict=False)]] | None = Field(
        default=None,
        description="After what a request is repeated. Absent: after the first two, which mean that it "
        "never arrived.",
    )
    per_try_timeout: Duration | None = Field(
        default=None, description="For each try. Refused: Not a length of time."
    )
    unsafe_methods: bool = Field(
        default=False,
        description="Also repeat other methods than GET, HEAD and OPTIONS after what `retryOn` names. "
        "They may then happen twice.",
    )


class Limits(Model):
    """How much of the host one gateway replica uses at once; more is refused with 503, for all teams of the
    host."""

    connections: Count | None = Field(default=None, description="Connections.")
    pending_requests: Count | None = Field(default=None, description="Requests waiting for a connection.")
    requests: Count | None = Field(default=None, description="Requests in flight.")
    requests_per_connection: Count | None = Field(
        default=None, description="Requests after which a connection is closed."
    )


class Outlier(Model):
    """When an address of the host is left alone for a while."""

    consecutive_5xx: Count = Field(default=5, alias="consecutive5xx", description="Answers of 5xx in a row.")
    interval: Duration = Field(
        default="10s", description="How often the gateway looks. Refused: Not a length of time."
    )
    ejection: Duration = Field(
        default="30s", description="How long at first; longer each time. Refused: Not a length of time."
    )
    max_percent: int = Field(
        default=50, ge=1, le=100, description="At most this share of the host's addresses."
    )


class Traffic(Model):
    """How the gateway treats the host. One host, one treatment: teams that say something must say the
    same."""

    timeout: Duration | None = Field(
        default=None,
        description="For the whole answer; then 504. Absent: none, streams may last. Refused: Not a "
        "length of time above nothing: `500ms`, `5s`, `2m`, `1h`.",
    )
    connect_timeout: Duration = Field(
        default="5s",
        description="For opening the connection. Holds where `traffic` is written. Refused: Not a length "
        "of time above nothing: `500ms`, `5s`, `2m`, `1h`.",
    )
    retries: Retries | None = Field(
        default=None,
        description="Retries by the gateway; the sidecar never repeats. Absent: 2, and only where the "
        "request cannot have reached the host.",
    )
    limits: Limits = Field(
        default=Limits(),
        description="How much of the host one gateway replica uses at once. More is refused with 503.",
    )
    outlier: Outlier | None = Field(
        default=None, description="When an address of the host is left alone for a while. Absent: never."
    )
    keepalive: Silence | None = Field(
        default=None,
        description="TCP keepalive after this much silence. Absent: `mesh.keepalive`. Refused: Not whole "
        "seconds, up to 32767. 10m or longer. Not shorter than `network.nat.tcpEstablishedIdle`.",
    )

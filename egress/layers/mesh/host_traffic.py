"""How the gateway treats an outside host: TLS, connections, time limits and retries on the gateway's leg of
the way.

Source: Istio reference, DestinationRule (TrafficPolicy) and VirtualService (HTTPRetry).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common.ports import HTTP_PORT
from egress.plan.host import Leaving, TlsNames
from egress.settings.duration import seconds
from egress.settings.http import Protocol
from egress.settings.traffic import Retries, Traffic
from egress.settings.upgrade import Upgrade

NEVER_ARRIVED = "connect-failure,refused-stream"
"""Conditions under which the host has not seen the request: repeating it is safe whatever its method."""
DEFAULT_RETRIES = Retries.model_validate({"attempts": 2})
INTERVAL = 75
"""Seconds after which Linux asks once more, where nobody tells it otherwise."""
SAFE_METHODS = "GET|HEAD|OPTIONS"
SERVICE_PROTOCOLS = {Protocol.HTTP: "HTTP", Protocol.HTTP2: "HTTP2", Protocol.GRPC: "GRPC"}


def traffic_policy(host: str, leaving: Leaving) -> dict[str, Any] | None:
    """The port-level settings of the host's DestinationRule; None where defaults do."""
    policy: dict[str, Any] = {}
    if leaving.traffic is not None:
        policy |= _connections(leaving.traffic)
    if leaving.tls:
        policy["tls"] = origination(host, leaving.upgrade, leaving.credential or leaving.ca, leaving.names)
    return policy or None


def origination(host: str, upgrade: Upgrade, secret: str | None, called: TlsNames) -> dict[str, Any]:
    """TLS that the gateway opens to a host: a name is sent, and the certificate has to be of one that is
    accepted; `secret` holds certificates where they are given."""
    mode = "MUTUAL" if upgrade is Upgrade.MTLS else "SIMPLE"
    # `system` says in words what an empty value does: the public authorities.
    trust = {"credentialName": secret} if secret else {"caCertificates": "system"}
    return {"mode": mode, "sni": called.sent(host), **trust, "subjectAltNames": [*called.accepted(host)]}


def _connections(traffic: Traffic) -> dict[str, Any]:
    limits = traffic.limits
    tcp: dict[str, Any] = {"connectTimeout": traffic.connect_timeout}
    if limits.connections is not None:
        tcp["maxConnections"] = limits.connections
    if traffic.keepalive is not None:
        tcp["tcpKeepalive"] = tcp_keepalive(traffic.keepalive)
    http = {
        key: value
        for key, value in (
            ("http1MaxPendingRequests", limits.pending_requests),
            ("http2MaxRequests", limits.requests),
            ("maxRequestsPerConnection", limits.requests_per_connection),
        )
        if value is not None
    }
    policy: dict[str, Any] = {"connectionPool": {"tcp": tcp, **({"http": http} if http else {})}}
    if traffic.outlier is not None:
        policy["outlierDetection"] = {
            "consecutive5xxErrors": traffic.outlier.consecutive_5xx,
            "interval": traffic.outlier.interval,
            "baseEjectionTime": traffic.outlier.ejection,
            "maxEjectionPercent": traffic.outlier.max_percent,
        }
    return policy


def tcp_keepalive(silence: str) -> dict[str, str]:
    """When TCP asks whether the other side is still there: after a silence, and again after each further
    one."""
    after = seconds(silence)
    # Linux asks again after its interval and not before, although the other side has answered.
    return {"time": f"{after}s", "interval": f"{min(after, INTERVAL)}s"}


def destinations(host: str, leaving: Leaving) -> dict[str, Any]:
    """Where requests for a host go: to the host, in shares to others, in copies to a second one."""
    kept = {"destination": _destination(host)}
    if not leaving.split:
        spread: list[dict[str, Any]] = [kept]
    else:
        # Each host hears its own name; otherwise all would be asked for the first one's.
        spread = [{**kept, "weight": 100 - sum(weight for _, weight in leaving.split)}] + [
            {
                "destination": _destination(other),
                "weight": weight,
                "headers": {"request": {"set": {"host": other}}},
            }
            for other, weight in leaving.split
        ]
    if leaving.mirror is None:
        return {"route": spread}
    mirror = {
        "destination": _destination(leaving.mirror.host),
        "percentage": {"value": leaving.mirror.percent},
    }
    return {"route": spread, "mirrors": [mirror]}


def _destination(host: str) -> dict[str, Any]:
    return {"host": host, "port": {"number": HTTP_PORT}}


def routes(match: dict[str, Any], route: dict[str, Any], leaving: Leaving) -> Iterator[dict[str, Any]]:
    """The gateway's routes to a host: `route` with time limit and retries, split by method where only some
    may be repeated."""
    traffic = leaving.traffic
    base = {**route, **({"timeout": traffic.timeout} if traffic and traffic.timeout else {})}
    retries = (traffic.retries if traffic else None) or DEFAULT_RETRIES
    if retries.retry_on and retries.attempts and not retries.unsafe_methods:
        safe = {**match, "method": {"regex": SAFE_METHODS}}
        yield {"match": [safe], **base, "retries": _retries(retries, ",".join(retries.retry_on))}
    on = ",".join(retries.retry_on) if retries.retry_on and retries.unsafe_methods else NEVER_ARRIVED
    yield {"match": [match], **base, "retries": _retries(retries, on)}


def _retries(retries: Retries, on: str) -> dict[str, Any]:
    if not retries.attempts:
        return {"attempts": 0}
    limit = {"perTryTimeout": retries.per_try_timeout} if retries.per_try_timeout else {}
    return {"attempts": retries.attempts, "retryOn": on, **limit}

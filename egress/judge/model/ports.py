"""Ports of Services and ServiceEntries: what a proxy reads of them.

Source: Istio, "Protocol Selection"; Kubernetes, Service (`appProtocol`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HTTP_PROTOCOLS = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"}
TLS_PROTOCOLS = {"TLS", "HTTPS"}
TCP_PROTOCOLS = {"TCP", "MONGO", "REDIS", "MYSQL"}
AUTO = "AUTO"
"""Of a port without a protocol: the proxy goes by the first bytes."""
_KUBERNETES_OWN = {"kubernetes.io/h2c": "HTTP", "kubernetes.io/ws": "HTTP", "kubernetes.io/wss": "TLS"}
"""Kubernetes' own names of protocols, in a Service's `appProtocol`."""
_TCP_BY_NUMBER = {25, 53, 3306, 27017}
"""Ports of Services of which the proxy does not wait for the first bytes."""


@dataclass(frozen=True)
class Port:
    """One port of a destination. `protocol` is HTTP, TLS, TCP or AUTO: what a proxy reads of it."""

    number: int
    protocol: str
    target: int
    named: str = ""
    """Name of the pods' port that a Service leads to, where it gives no number; `target` is then not it."""


def of_service(port: Mapping[str, Any]) -> Port:
    """A port of a Service: by `appProtocol`, else by the name up to its first hyphen."""
    number, target = port["port"], port.get("targetPort")
    said = port.get("appProtocol") or port.get("name") or ""
    known = _KUBERNETES_OWN.get(said) if port.get("appProtocol") else None
    protocol = known or protocol_of(said.partition("-")[0])
    if protocol == AUTO and number in _TCP_BY_NUMBER:
        protocol = "TCP"
    return Port(
        number,
        protocol,
        target if isinstance(target, int) else number,
        target if isinstance(target, str) else "",
    )


def protocol_of(name: str) -> str:
    """What a proxy reads where Istio is told this protocol."""
    name = name.upper()
    if name in HTTP_PROTOCOLS:
        return "HTTP"
    if name in TLS_PROTOCOLS:
        return "TLS"
    return "TCP" if name in TCP_PROTOCOLS else AUTO

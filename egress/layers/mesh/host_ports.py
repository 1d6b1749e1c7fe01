"""A host's ports for HTTP and TLS, as a ServiceEntry has them.

Source: Istio reference, ServiceEntry (networking.istio.io/v1).
"""

from __future__ import annotations

from typing import Any

from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh import host_traffic
from egress.plan.host import Host


def web_ports(host: Host) -> list[dict[str, Any]]:
    """A ServiceEntry's ports for HTTP and TLS to a host."""
    ports: list[dict[str, Any]] = []
    if host.leaving:
        # Upgraded, the service port stays 80 and the connection goes to 443. There is no routable port 443
        # for a sidecar to use directly, around the gateway, unless the host is passed through as well - and
        # then its route is the gateway.
        leaves = host.leaving.leaves_on
        upgrade = {"targetPort": leaves} if leaves != HTTP_PORT else {}
        protocol = host.leaving.protocol
        ports.append(
            {
                "number": HTTP_PORT,
                "name": protocol.value,
                "protocol": host_traffic.SERVICE_PROTOCOLS[protocol],
                **upgrade,
            }
        )
    return ports + tls_ports(host)


def tls_ports(host: Host) -> list[dict[str, Any]]:
    """A ServiceEntry's ports for TLS to a host."""
    return [
        {"number": port, "name": "tls" if port == HTTPS_PORT else f"tls-{port}", "protocol": "TLS"}
        for port in host.tls_ports
    ]

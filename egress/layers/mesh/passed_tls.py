"""The app's own TLS through the gateway on ports other than 443.

Like raw TCP each port has a name of its own, by which sidecars ask the gateway for it and which the gateway's
rules are about; unlike raw TCP the sidecar reads the server name, so the port is the host's wherever it lies.

Source: Istio reference, VirtualService (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.objects import Manifest
from egress.common.ports import HTTPS_PORT
from egress.layers.mesh import raw_tcp
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host


def of_host(gateway: EgressGateway, host: Host) -> Iterator[Manifest]:
    """Per port its way out of the gateway. That of 443 is the host's own (gateway.py)."""
    for port in host.tls_ports if not host.pattern else ():
        if port != HTTPS_PORT:
            yield raw_tcp.way_out(gateway, host.tls_name(port), host.name, port)

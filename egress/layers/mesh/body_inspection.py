"""Body inspection: a Lua filter in the gateway, which reads requests to the hosts that ask for it, and
refuses.

Source: Istio reference, TrafficExtension (extensions.istio.io/v1alpha1); Envoy, Lua filter. Without a phase
the filter stands last, behind authorization, so nobody's body is read who would be refused anyway. On a
gateway, what is received counts as CLIENT mode and the port is the pod's own; another mode or port matches
nothing, silently.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.objects import ISTIO_EXTENSIONS, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, TARGET_PORTS
from egress.plan.inspection_script import inspected, script
from egress.plan.model import Plan


def render(plan: Plan) -> Iterator[Object]:
    """One TrafficExtension for each gateway that inspects any host."""
    for gateway in plan.gateways:
        if not inspected(gateway.hosts):
            continue
        spec = {
            "selector": {"matchLabels": gateway.labels},
            "match": [{"mode": "CLIENT", "ports": [{"number": TARGET_PORTS[HTTP_PORT]}]}],
            "lua": {"inlineCode": script(gateway.hosts)},
        }
        yield Object(
            Owner.egress_gateway(gateway.name),
            manifest(ISTIO_EXTENSIONS, "TrafficExtension", "body-inspection", gateway.namespace, spec=spec),
        )

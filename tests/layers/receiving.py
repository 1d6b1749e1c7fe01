"""Plans in which a partner's client reaches a team's database or API through the ingress gateway."""

from __future__ import annotations

from typing import Any

from egress.plan.model import Plan
from tests.support import config_with, plan_of

CLIENT = "spiffe://shop.example/ns/istio-egress/sa/istio-egressgateway"
MYSQL: dict[str, Any] = {
    "host": "mysql.fqdn.example",
    "port": 13306,
    "to": {"service": "mysql", "port": 3306},
    "credential": "mysql-credential",
    "clients": {"shop": CLIENT},
}
API: dict[str, Any] = {
    "host": "api.fqdn.example",
    "port": 443,
    "protocol": "https",
    "to": {"service": "api", "port": 80, "podPort": 8080},
    "credential": "api-credential",
    "clients": {"shop": "client.shop.example", "audit": CLIENT},
}
INGRESS: dict[str, Any] = {"exposure": "external", "sourceRanges": {"shop": "203.0.113.7/32"}}


def config(
    receives: dict[str, Any], ingress: dict[str, Any] | None = INGRESS, **others: dict[str, Any]
) -> dict[str, Any]:
    teams = {
        "orders": {"receives": receives},
        **{team: {"receives": received} for team, received in others.items()},
    }
    made = config_with("teams", teams)
    return made | ({"gke-mesh-egress:ingress": ingress} if ingress is not None else {})


def partner(**changes: Any) -> Plan:
    return plan_of(config({"mysql": MYSQL | changes}))

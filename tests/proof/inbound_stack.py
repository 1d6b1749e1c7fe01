"""A stack whose teams receive a database and a page from partners, and edits of its rendered objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import config_with, plan_of

Manifest = dict[str, Any]
CLIENT, BUYER = "spiffe://partner.example/gateway", "client.buyer.example"
ORDERS: dict[str, Any] = {
    "mysql": {
        "host": "mysql.fqdn.example",
        "port": 13306,
        "to": {"service": "mysql", "port": 3306},
        "credential": "mysql-credential",
        "clients": {"shop": CLIENT},
    },
    "prices": {
        "host": "prices.fqdn.example",
        "port": 443,
        "protocol": "https",
        "to": {"service": "prices", "port": 80, "podPort": 8080},
        "credential": "prices-credential",
        "clients": {"buyer": BUYER, "audit": CLIENT},
    },
}
RANGES = {"partner": "198.51.100.16/28", "audit": "203.0.113.7/32"}


@cache
def plan(exposure: str = "external") -> Plan:
    teams: dict[str, Any] = {
        "orders": {"receives": ORDERS},
        "shop": {"egress": {"a.example.net": {"https": "passthrough"}}},
    }
    config = config_with("teams", teams)
    config["gke-mesh-egress:ingress"] = {"exposure": exposure, "sourceRanges": RANGES}
    return plan_of(config)


@cache
def objects() -> Snapshot:
    return deployment(plan(), render(plan()))


def said(
    edits: Mapping[str, Callable[[Manifest], None]] = {}, *, without: str = "", added: Any = None
) -> str:
    """What verify says of the rendered objects with one edited, by its identity, added or taken away."""
    edited: set[str] = set()

    def of(item: Any) -> Any:
        key = item.identity if isinstance(item, Resource) else identity(item)
        if key not in edits:
            return item
        edited.add(key)
        if isinstance(item, Resource):
            properties = deepcopy(dict(item.properties))
            edits[key](properties)
            return Resource(item.type, item.name, properties)
        changed = deepcopy(dict(item))
        edits[key](changed)
        return changed

    kubernetes = [
        of(item) for item in objects().kubernetes if not without or not identity(item).startswith(without)
    ]
    google = [of(item) for item in objects().google if not without or not item.identity.startswith(without)]
    assert edited == {*edits}
    more = [added] if added and not isinstance(added, Resource) else []
    google += [added] if isinstance(added, Resource) else []
    found = verify(Intent(plan()), Judges(Snapshot.of([*kubernetes, *more], google))).violations
    return "\n".join(map(str, found))


def put(path: str, value: Any) -> Callable[[Manifest], None]:
    """Sets what lies at a path; None: takes it away."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]

    def edit(manifest: Manifest) -> None:
        node: Any = manifest
        for step in steps:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return edit


def all_of(*edits: Callable[[Manifest], None]) -> Callable[[Manifest], None]:
    def edit(manifest: Manifest) -> None:
        for one in edits:
            one(manifest)

    return edit


GATEWAY, PRICES = "istio-ingress/gateway/orders-mysql", "istio-ingress/gateway/orders-prices"
ROUTE, WEB_ROUTE = "istio-ingress/virtualservice/orders-mysql", "istio-ingress/virtualservice/orders-prices"
SERVICE, BOUNDARY = (
    "istio-ingress/service/istio-ingressgateway",
    "istio-ingress/networkpolicy/ingress-boundary",
)
POLICY, DEPLOYMENT = (
    "istio-ingress/authorizationpolicy/ingress-orders",
    "istio-ingress/deployment/istio-ingressgateway",
)
PARTNERS, CHECKER = "firewall/ingress-allow-partners", "firewall/allow-ingress-gcp-health-checker"


def written(kind: str, namespace: str, api: str = "networking.istio.io/v1", **spec: Any) -> Manifest:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "somebodys", "namespace": namespace},
        "spec": spec,
    }

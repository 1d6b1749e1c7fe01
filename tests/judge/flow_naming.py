"""What tests ask of what objects name: their rules, and the space of flows that these leave."""

from __future__ import annotations

from typing import Any

from egress.judge.lookup.flow_space import Space
from egress.judge.lookup.service_registry import Registry
from tests.judge.objects import snapshot, written

Written = dict[str, Any]
SHOP, BANK, GATEWAY = "shop", "bank", "gw"
APP = "cluster.local/ns/shop/sa/app"


def space(*objects: Written) -> Space:
    deployed = snapshot(*objects)
    return Space(deployed, Registry(deployed))


def rules(*of: Written, namespace: str = GATEWAY, name: str = "rules") -> Written:
    return written("AuthorizationPolicy", namespace, name, rules=list(of))


def rule(source: Written | None = None, operation: Written | None = None, *when: Written) -> Written:
    said: Written = {"from": [{"source": source}]} if source is not None else {}
    said |= {"to": [{"operation": operation}]} if operation is not None else {}
    return said | ({"when": list(when)} if when else {})


def by(*principals: str) -> Written:
    return {"principals": list(principals)}


def when(key: str, *values: str, but: Any = ()) -> Written:
    return {
        "key": key,
        **({"values": list(values)} if values else {}),
        **({"notValues": list(but)} if but else {}),
    }


ONE = {"hosts": ["a.example"]}

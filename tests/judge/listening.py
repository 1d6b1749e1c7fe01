"""What tests ask of a sidecar's listeners: what it reads of a connection, and where that leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from egress.judge.layers.sidecar import View
from egress.judge.lookup.listeners import Listeners, Way
from egress.judge.lookup.service_registry import Registry
from egress.judge.model.flow import Flow, Misread, Protocol
from tests.judge.asking import SHOP, Written, to, virtual
from tests.judge.objects import snapshot

HERE = "198.51.100.1"
ONE = {"route": [to("b.test", 80)]}
NOTHING = "nothing"


def way(
    asked: str,
    *objects: Written,
    address: str | None = None,
    seen: tuple[tuple[str, str], ...] = (("*", "*"),),
) -> Way | None:
    parts = urlsplit(asked)
    protocol = Protocol(parts.scheme)
    port = parts.port or (443 if protocol is Protocol.TLS else 80)
    flow = Flow(SHOP, parts.hostname or "", port, protocol, address=address)
    view = View(None, "", seen, False, "")
    found = Listeners(Registry(snapshot(*objects)), SHOP, view.sees, view.meets)
    return found.at_address(flow, flow) or found.at_port(flow)


def says(asked: str, *objects: Written, **how: Any) -> str:
    """What the proxy reads, and the destination to which it is led straight or the rule that leads it."""
    found = way(asked, *objects, **how)
    if found is None:
        return NOTHING
    if found.rule:
        assert found.routes
        return f"{found.section} by {found.rule.by.rpartition('/')[2]}"
    assert found.destination
    return f"{found.section} to {found.destination.host}"


def unread(asked: str, *objects: Written, **how: Any) -> Misread:
    with pytest.raises(Misread) as said:
        way(asked, *objects, **how)
    return said.value


def http(*hosts: str, name: str = "rule", namespace: str = SHOP, **spec: Any) -> Written:
    return virtual(namespace, hosts[0], name=name, **{"hosts": list(hosts), "http": [ONE], **spec})


def tcp(host: str, name: str = "rule", namespace: str = SHOP, **spec: Any) -> Written:
    return virtual(namespace, host, name=name, **{"tcp": [ONE], **spec})

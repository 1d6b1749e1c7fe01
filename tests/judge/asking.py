"""Asks a sidecar's or a gateway's judge about a few objects, and says in a line what becomes of it.

The line is "refused", "not understood", "unchanged" (it goes where the client sent it), or where it goes:
each target with its port, with `TLS as NAME` where the proxy opens TLS, and `mesh as NAME` where it shows its
own certificate as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from egress.judge.layers.gateway import Gateways
from egress.judge.layers.sidecar import Sidecars
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Connection, Flow, Outside, Pod, Protocol, Request, Verdict
from tests.judge.objects import deployment, snapshot, written

SHOP, BANK, GATEWAY, ROOT = "shop", "bank", "gw", "istio-system"
LABELS = {"istio": "gw"}
HTTP = {"number": 80, "name": "http", "protocol": "HTTP"}
TLS = {"number": 443, "name": "tls", "protocol": "TLS"}
TCP = {"number": 3306, "name": "tcp", "protocol": "TCP"}
REFUSED, UNREAD, UNCHANGED = "refused", "not understood", "unchanged"
Written = dict[str, Any]


def entry(
    host: str = "example.com", namespace: str = SHOP, *ports: Mapping[str, Any], **spec: Any
) -> Written:
    """A ServiceEntry, by DNS unless it says otherwise, with the port of plain HTTP unless it names others."""
    given = {"hosts": [host], "resolution": "DNS", "ports": [dict(port) for port in ports or (HTTP,)], **spec}
    return written("ServiceEntry", namespace, f"entry-{host.replace('*', 'any')}", **given)


def service(
    name: str = "web", namespace: str = BANK, *ports: Mapping[str, Any], metadata: Any = None, **spec: Any
) -> Written:
    given = {
        "clusterIP": "10.2.0.9",
        "selector": {"app": name},
        "ports": [dict(port) for port in ports],
        **spec,
    }
    return written("Service", namespace, name, metadata=metadata, **given)


def to(host: str, port: int | None = None, subset: str = "", **more: Any) -> Written:
    """A destination of a route."""
    number = {"port": {"number": port}} if port else {}
    return {"destination": {"host": host, **number, **({"subset": subset} if subset else {})}, **more}


def virtual(namespace: str, host: str, *, name: str = "routes", **spec: Any) -> Written:
    return written("VirtualService", namespace, name, **{"hosts": [host], **spec})


def rule(namespace: str, host: str, *, name: str = "rule", tls: Any = None, **spec: Any) -> Written:
    """A DestinationRule, with TLS for all of the host if some is given."""
    policy = {} if tls is None else {"trafficPolicy": {"tls": tls}}
    return written("DestinationRule", namespace, name, **{"host": host, **policy, **spec})


def sidecar(namespace: str = SHOP, *hosts: str, name: str = "default", **spec: Any) -> Written:
    """A Sidecar that asks for some hosts."""
    egress = {"egress": [{"hosts": list(hosts)}]} if hosts else {}
    return written("Sidecar", namespace, name, **egress, **spec)


def mesh(**config: Any) -> Written:
    """MeshConfig."""
    return {**written("ConfigMap", ROOT, "istio"), "data": {"mesh": yaml.safe_dump(config)}}


CLOSED = mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})


def sidecar_says(
    asked: str, *objects: Written, namespace: str = SHOP, address: str | None = None, **how: Any
) -> str:
    """What becomes of `http://HOST:PORT/PATH`, `tls://HOST:PORT` or `tcp://ADDRESS:PORT` in the sidecar of a
    namespace's app."""
    verdict, connections = sidecar_verdict(asked, *objects, namespace=namespace, address=address, **how)
    return _line(verdict, connections)


def sidecar_verdict(
    asked: str, *objects: Written, namespace: str = SHOP, address: str | None = None, **how: Any
) -> tuple[Verdict, list[Connection]]:
    deployed = snapshot(*objects)
    registry, workloads = Registry(deployed), Workloads(deployed)
    parts = urlsplit(asked)
    protocol = Protocol(parts.scheme)
    port = parts.port or (443 if protocol is Protocol.TLS else 80)
    flow = Flow(
        namespace, parts.hostname or "", port, protocol, address=address, path=parts.path or "/", **how
    )
    return Sidecars(registry, Router(registry, workloads), Reading(deployed)).judge(flow, Pod(namespace, {}))


def gateway(
    *servers: Mapping[str, Any], name: str = "edge", namespace: str = GATEWAY, **spec: Any
) -> Written:
    return written(
        "Gateway", namespace, name, **{"selector": LABELS, "servers": [dict(one) for one in servers], **spec}
    )


def server(
    *hosts: str, port: int = 443, protocol: str = "HTTPS", mode: str | None = "ISTIO_MUTUAL", **more: Any
) -> Written:
    given = more.pop("tls", {})
    tls = {} if mode is None else {"tls": {"mode": mode, **given}}
    name = f"p{port}-{mode}-{'-'.join(hosts)}".lower().translate(str.maketrans("*./_", "x---"))
    return {"port": {"number": port, "name": name, "protocol": protocol}, "hosts": list(hosts), **tls, **more}


EDGE = f"{GATEWAY}/edge"
PLAIN = tuple(entry(host, GATEWAY) for host in ("a.example", "b.example", "c.example"))
SEALED = tuple(entry(host, GATEWAY, TLS) for host in ("a.example", "b.example", "c.example"))


def bound(
    host: str = "a.example", target: str = "b.example", namespace: str = GATEWAY, **spec: Any
) -> Written:
    """A rule of HTTP for the Gateway."""
    return virtual(namespace, host, **{"gateways": [EDGE], "http": [{"route": [to(target, 80)]}], **spec})


def passing(
    host: str, *names: str, target: str = "b.example", port: int = 443, namespace: str = GATEWAY, **spec: Any
) -> Written:
    """A rule that passes TLS on by its server names."""
    match: Written = {"sniHosts": list(names or (host,))}
    return virtual(
        namespace,
        host,
        **{"gateways": [EDGE], "tls": [{"match": [match], "route": [to(target, port)]}], **spec},
    )


def raw(host: str, target: str = "b.example", namespace: str = GATEWAY, **spec: Any) -> Written:
    """A rule for what comes out of TLS and is no HTTP."""
    return virtual(namespace, host, **{"gateways": [EDGE], "tcp": [{"route": [to(target, 443)]}], **spec})


GATEWAY_PODS = deployment(GATEWAY, "edge", LABELS)
SOMEBODY = "cluster.local/ns/shop/sa/default"


def gateway_says(asked: str, *objects: Written, port: int = 443, sni: str | None = None, **how: Any) -> str:
    """What becomes of `http://HOST/PATH` or `tls://NAME` that comes in TLS to a port of the gateway's pods.

    Args:
        sni: the server name, if it is not the host.
        how: `principal`, None where no certificate is shown; `method`, `headers`; `plain`, where there is no
        TLS.
    """
    return _line(*gateway_verdict(asked, *objects, port=port, sni=sni, **how))


def gateway_verdict(
    asked: str, *objects: Written, port: int = 443, sni: str | None = None, **how: Any
) -> tuple[Verdict, list[Connection]]:
    gateways, pod = gateways_of(*objects)
    connection = coming_in(pod, asked, port=port, sni=sni, **how)
    verdict, taken = gateways.accept(connection)
    return gateways.route(connection, taken) if taken else (verdict, [])


def single(answer: tuple[Verdict, list[Connection]]) -> Connection:
    """The one connection that comes of what is allowed and understood."""
    verdict, (connection,) = answer
    assert verdict.allowed
    assert verdict.understood
    return connection


def gateways_of(*objects: Written) -> tuple[Gateways, Pod]:
    """The gateways' judge about some objects, and the pods of the one gateway that there is."""
    deployed = snapshot(GATEWAY_PODS, *objects)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    return gateways, workloads.behind(GATEWAY, LABELS)


def coming_in(pod: Pod, asked: str, *, port: int = 443, sni: str | None = None, **how: Any) -> Connection:
    parts = urlsplit(asked)
    host = parts.hostname or ""
    principal, plain, at = (
        how.pop("principal", SOMEBODY),
        how.pop("plain", False),
        how.pop("to_address", None),
    )
    inner = (
        Request(how.pop("authority", host), path=parts.path or "/", **how) if parts.scheme == "http" else host
    )
    protocol = Protocol.HTTP if plain else Protocol.TLS
    name = host if sni is None else sni
    return Connection(
        Pod(SHOP, {}), pod, port, protocol, principal=principal, sni=name, inner=inner, to_address=at
    )


def _line(verdict: Verdict, connections: list[Connection]) -> str:
    if not verdict.understood:
        return UNREAD
    if not verdict.allowed:
        return REFUSED
    if "is unknown to the sidecar" in verdict.reason:
        return UNCHANGED
    return ", ".join(sorted(dict.fromkeys(_target(one) for one in connections)))


def _target(one: Connection) -> str:
    where = (
        (one.to.address or one.to.name or "")
        if isinstance(one.to, Outside)
        else f"pods of {one.to.namespace}"
    )
    how = f" mesh as {one.sni}" if one.principal else f" TLS as {one.sni}" if one.opens else ""
    return f"{where}:{one.port}{how}"

"""Servers of Gateways: on which pods and ports they listen, and which of them a server name belongs to.

A Gateway is for the pods that its selector chooses, and for those of every namespace unless the control plane
is told otherwise. Of two servers for one host on one port, the first of a Gateway counts and the other one is
left out; of two Gateways, the older.
Source: Istio reference, Gateway (networking.istio.io/v1); PILOT_SCOPE_GATEWAY_TO_NAMESPACE among
pilot-discovery's variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from egress.judge.lookup.host_names import patterns_above
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Misread, Pod, is_loopback
from egress.judge.model.ports import HTTP_PROTOCOLS, TLS_PROTOCOLS
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

PASSTHROUGH = "PASSTHROUGH"
NONE = "none"
_EVERYWHERE = ("0.0.0.0", "::")
_SCOPED = "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"


@dataclass(frozen=True)
class Server:
    """One server of a Gateway, at the port where its pods listen."""

    gateway: str
    """NAMESPACE/NAME, as VirtualServices refer to it."""
    by: str
    field: str
    namespace: str
    number: int
    """Port as the Gateway and its VirtualServices write it."""
    protocol: str
    written: tuple[tuple[str, str], ...]
    """Its hosts, each after the one namespace whose VirtualServices may name it; empty: any."""
    mode: str
    sans: tuple[str, ...]
    bind: str
    """The one address at which it listens; empty: every one."""
    credential: str
    """By whose certificates it judges clients, and shows itself: the Secret, or a file."""
    minimum: str
    """Least version of TLS; empty: Istio's own."""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        return tuple(host for _, host in self.written)

    @property
    def own(self) -> bool:
        """Whether it listens where nobody but its own pod comes: on the loopback, or at a socket of its file
        system."""
        return is_loopback(self.bind) or self.bind.startswith("unix:")

    @property
    def plain(self) -> bool:
        """Whether it takes no TLS: for HTTP whatever `tls` says, for other protocols if it says nothing."""
        return self.protocol in HTTP_PROTOCOLS or (self.mode == NONE and self.protocol not in TLS_PROTOCOLS)

    @property
    def reads_http(self) -> bool:
        """Whether it sees requests. What passes TLS through never does, whatever its port is called."""
        return self.protocol in (*HTTP_PROTOCOLS, "HTTPS") and self.mode != PASSTHROUGH

    @property
    def section(self) -> str:
        """The routes of VirtualServices that it goes by."""
        return "http" if self.reads_http else "tls" if self.mode == PASSTHROUGH else "tcp"

    def hosts_for(self, namespace: str) -> Iterator[str]:
        """The hosts that VirtualServices of a namespace may name."""
        yield from (host for home, host in self.written if home in ("", namespace))


class Listener:
    """The servers of one port and address of a gateway's pods, found by the name that a client asks for."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.passing: list[Server] = []
        """Those that pass TLS through."""
        self.plain: Server | None = None
        """The first that takes no TLS."""
        self._by_pattern: dict[str, Server] = {}
        self.doubt: Misread | None = None

    def add(self, server: Server) -> None:
        taken = next((self._by_pattern[host] for host in server.hosts if host in self._by_pattern), None)
        same = taken and taken.gateway == server.gateway and not {*taken.written}.isdisjoint(server.written)
        if same and server.mode != NONE:
            return
        if taken and not same:
            reason = (
                f"{taken.by} has a server for the same host too: which counts is a matter of their "
                "age, "
                "which is not read."
            )
            self.doubt = Misread(server.by, server.field, reason)
        if self.servers and (server.mode == NONE) is not (self.servers[0].mode == NONE):
            self.doubt = Misread(
                server.by,
                server.field,
                f"{self.servers[0].by} has a server of another kind on the same port.",
            )
        if server.bind and not server.own:
            self.doubt = Misread(
                server.by, f"{server.field}.bind", "Whether that is an address of the pods is not known here."
            )
        self.servers.append(server)
        if server.mode == PASSTHROUGH:
            self.passing.append(server)
        self.plain = self.plain or (server if server.plain else None)
        for pattern in server.hosts:
            self._by_pattern.setdefault(pattern, server)

    def closest(self, name: str) -> Server | None:
        """The server for exactly this name, else for the longest pattern above it, else for any name."""
        names = (name, *patterns_above(name), "*")
        return next(
            (self._by_pattern[candidate] for candidate in names if candidate in self._by_pattern), None
        )

    def of(self, pattern: str) -> Server | None:
        """The server for exactly this name or pattern."""
        return self._by_pattern.get(pattern)


def servers(manifest: Manifest) -> Iterator[Server]:
    """The servers of a Gateway, in their order."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    for index, written in enumerate(manifest["spec"]["servers"]):
        tls, bind = part(written, "tls"), str(written.get("bind") or "")
        yield Server(
            f"{namespace}/{name}",
            identity(manifest),
            f"spec.servers[{index}]",
            namespace,
            written["port"]["number"],
            written["port"]["protocol"].upper(),
            tuple(_host(str(host), namespace) for host in written["hosts"]),
            tls.get("mode") or (PASSTHROUGH if "tls" in written else NONE),
            tuple(listed(tls, "subjectAltNames")),
            "" if bind in _EVERYWHERE else bind,
            str(tls.get("credentialName") or tls.get("caCertificates") or ""),
            str(tls.get("minProtocolVersion") or ""),
        )


def _host(written: str, namespace: str) -> tuple[str, str]:
    home, _, host = written.rpartition("/")
    return {".": namespace, "*": ""}.get(home, home), host


@dataclass(frozen=True)
class Translation:
    """Ports of Services to the ports of the pods behind them."""

    ports: Mapping[int, Sequence[int]]
    named: Mapping[int, str]
    """Ports that lead to one that is only named, with the Service that says so."""

    def of(self, number: int) -> Sequence[int]:
        return self.ports.get(number, (number,))


def translation(services: Sequence[Manifest], pod: Pod) -> Translation:
    """What the Services that lead to a pod make of ports."""
    found: dict[int, list[int]] = {}
    named: dict[int, str] = {}
    for manifest in services:
        selector = part(manifest, "spec", "selector")
        if (
            manifest["metadata"]["namespace"] == pod.namespace
            and selector
            and selector.items() <= (pod.labels or {}).items()
        ):
            for port in listed(manifest, "spec", "ports"):
                to = port.get("targetPort") or port["port"]
                if isinstance(to, int):
                    if to not in found.setdefault(port["port"], []):
                        found[port["port"]].append(to)
                else:
                    named[port["port"]] = identity(manifest)
    return Translation(found, named)


def scoped(snapshot: Snapshot) -> bool:
    """Whether the control plane keeps Gateways to the pods of their own namespace."""
    if snapshot.planned:
        return True
    charts = (resource for resource in snapshot.google if resource.type.startswith("kubernetes:helm.sh/"))
    said: list[Any] = [part(chart.properties, "values", "pilot", "env").get(_SCOPED) for chart in charts]
    for manifest in snapshot.kind("Deployment"):
        if manifest["metadata"]["namespace"] == ROOT_NAMESPACE:
            for container in listed(manifest, "spec", "template", "spec", "containers"):
                said += [
                    variable.get("value")
                    for variable in listed(container, "env")
                    if variable.get("name") == _SCOPED
                ]
    return any(str(value).lower() == "true" for value in said)


def wider(snapshot: Snapshot, workloads: Workloads, pods: Sequence[Pod]) -> Iterator[tuple[Pod, Misread]]:
    """Pods of gateways for which there may be more servers than those of Gateways in their own namespace that
    name their labels."""
    alone = scoped(snapshot)
    for manifest in snapshot.kind("Gateway"):
        selector, namespace = part(manifest, "spec", "selector"), manifest["metadata"]["namespace"]
        for pod in pods:
            own = pod is workloads.behind(namespace, selector)
            labelled = selector.items() <= (pod.labels or {}).items()
            if labelled and not own and (pod.namespace == namespace or not alone):
                reason = "It may be for these pods too, which is not read here."
                yield pod, Misread(identity(manifest), "spec.selector", reason)

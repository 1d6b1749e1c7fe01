"""What is known of one flow when it is over, and which layer that says stopped it.

Every layer leaves a trace of its own: the packet filters count, the proxies write access logs and count
failed handshakes, and the sites outside record what arrived. Nothing is concluded from the answer that the
application saw.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.mesh.filters import Refusals
from tests.mesh.mesh import Mesh
from tests.mesh.proxies import FAILED_HANDSHAKES
from tests.mesh.websites import Arrival

Line = Mapping[str, Any]
"""One line of an access log, field by field; a field that has nothing to say is not there."""
_SECONDS = 2.0
_QUIET_SECONDS = 0.15
_BLACK_HOLE = "BlackHoleCluster"
_REASONS = (
    "response_code_details",
    "connection_termination_details",
    "upstream_transport_failure_reason",
)
"""Fields in which a proxy says in its own words why it ended something."""
_PROTOCOL_ERROR, _NO_ROUTE = "DPE", "direct_response"
_NO_CLUSTER = "NC"
"""The flag of what is led nowhere: a way of another team's, to a host that the team has another way to."""


class Layer(StrEnum):
    """Who stopped a flow. Only the sidecar runs in the pod itself."""

    NOBODY = "-"
    DNS = "DNS: no such name"
    SIDECAR = "sidecar"
    NETWORK_POLICY = "NetworkPolicy"
    DESTINATION_POLICY = "NetworkPolicy of the destination"
    GATEWAY_POLICY = "NetworkPolicy of the gateway"
    FIREWALL = "VPC firewall"
    GATEWAY_TLS = "gateway: mutual TLS"
    GATEWAY_HOSTS = "gateway: no such host"
    AUTHORIZATION = "gateway: authorization"
    INSPECTION = "gateway: inspection"
    PATHS = "gateway: a path that could mean another"
    ORIGINATION = "gateway: the site's certificate"
    DESTINATION_SIDECAR = "sidecar of the destination"
    AGENT = "agent of the destination"
    ISTIOD = "istiod"
    ADMISSION = "API server: admission"
    NO_LISTENER = "nobody listens there"
    NO_IPV6 = "no IPv6 in the network"
    APPLICATION = "the application itself"
    UNKNOWN = "unknown"


_TOLD_BY_THE_GATEWAY = {
    "rbac_access_denied": Layer.AUTHORIZATION,
    "lua_response": Layer.INSPECTION,
    "direct_response": Layer.PATHS,
    "TLS_error": Layer.ORIGINATION,
    "filter_chain_not_found": Layer.GATEWAY_HOSTS,
    "route_not_found": Layer.GATEWAY_HOSTS,
}
"""Words of the gateway's access log, and whose they are."""


def lines(text: str) -> list[Line]:
    """The lines of an access log among everything that a proxy wrote."""
    found = [
        json.loads(line) for line in text.splitlines() if line.startswith("{") and '"start_time":' in line
    ]
    return [line for line in found if "start_time" in line]


def reasons(line: Line) -> str:
    """Why the proxy that logged it ended it, in its own words."""
    return " ".join(line[field] for field in _REASONS if field in line)


def _refused_by_proxy(line: Line) -> bool:
    """Whether the proxy that logged it refused the request itself: it knows no such host, or it is no proper
    HTTP."""
    status, flags, details = (
        str(line.get("response_code", "")),
        line.get("response_flags"),
        line.get("response_code_details", ""),
    )
    own = (status.startswith("4") or status == "501") and not details.startswith("via_upstream")
    return flags in (_PROTOCOL_ERROR, _NO_CLUSTER) or details == _NO_ROUTE or own


@dataclass(frozen=True)
class Evidence:
    """The traces of one flow."""

    refused: Refusals
    """Packets of the source pod."""
    refused_at_the_gateway: int
    """Packets of the gateway, on their way from it."""
    refused_on_arrival: int
    """Packets that policies for other pods refused."""
    sidecar_log: Sequence[Line]
    gateway_log: Sequence[Line]
    """Of the gateways that are looked at."""
    other_logs: Sequence[Line]
    """Of the sidecars of other pods."""
    handshakes_failed: int
    """By the gateways, as the servers."""
    arrived: Sequence[Arrival]
    """At sites: connections and requests."""
    names_refused: Sequence[str] = ()
    """By the private zones, whoever asked."""

    @property
    def requests(self) -> list[Arrival]:
        return [arrival for arrival in self.arrived if arrival.method]

    @property
    def connections(self) -> list[Arrival]:
        """Those that arrived at sites, whether anything was requested over them or not."""
        return [arrival for arrival in self.arrived if not arrival.method]

    def stopped_by(self, beside: int = 0) -> Layer:
        """The layer that stopped it; NOBODY if a request arrived at a site, besides so many that were to."""
        if len(self.requests) > beside:
            return Layer.NOBODY
        if self.refused.network_policy:
            return Layer.NETWORK_POLICY
        if self.refused.firewall:
            return Layer.FIREWALL
        if self.refused_at_the_gateway:
            return Layer.GATEWAY_POLICY
        if self.refused_on_arrival:
            return Layer.DESTINATION_POLICY
        for told, layer in _TOLD_BY_THE_GATEWAY.items():
            if any(told in reasons(line) for line in self.gateway_log):
                return layer
        if self.handshakes_failed:
            return Layer.GATEWAY_TLS
        if any(
            line.get("upstream_cluster") == _BLACK_HOLE or _refused_by_proxy(line)
            for line in self.sidecar_log
        ):
            return Layer.SIDECAR
        if any("filter_chain_not_found" in reasons(line) for line in self.other_logs):
            return Layer.DESTINATION_SIDECAR
        if self.arrived:
            return Layer.APPLICATION
        return Layer.DNS if self.names_refused else Layer.UNKNOWN


@dataclass
class Watch:
    """Looks before a flow, and again after it."""

    mesh: Mesh
    pod: str
    gateways: Sequence[str] = ()
    """Keys of the gateways that are looked at; none: every egress gateway."""
    _before: Mapping[str, Refusals] = field(init=False)
    _positions: Mapping[str, int] = field(init=False)
    _arrived: Mapping[str, int] = field(init=False)
    _handshakes: int = field(init=False)
    _names: int = field(init=False)

    def __post_init__(self) -> None:
        self.gateways = self.gateways or [pod.key for pod in self.mesh.gateways.values()]
        self._before = self._refusals()
        self._positions = {key: proxy.process.size() for key, proxy in self.mesh.proxies.items()}
        self._arrived = {name: len(site.arrived) for name, site in self.mesh.sites.items()}
        self._handshakes = self._failed_handshakes()
        self._names = len(self.mesh.dns.refused)

    def evidence(self, beside: int = 0, wait: bool = True) -> Evidence:
        """What there is now; waits a moment for logs, which are written after the answer has left."""
        deadline = time.monotonic() + (_SECONDS if wait else 0)
        time.sleep(_QUIET_SECONDS)
        while True:
            found = self.now()
            if found.stopped_by(beside) is not Layer.UNKNOWN or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def now(self) -> Evidence:
        """What there is already."""
        after = self._refusals()
        gateways = self.gateways
        changed = {pod: _difference(after[pod], before) for pod, before in self._before.items()}
        return Evidence(
            changed[self.pod],
            sum(changed[key].network_policy for key in gateways if key != self.pod),
            sum(refused.ingress_policy for refused in changed.values()),
            self._lines(self.pod) if self.pod in self.mesh.proxies else [],
            [line for key in gateways for line in self._lines(key)],
            [
                line
                for key in self.mesh.proxies
                if key not in (self.pod, *gateways)
                for line in self._lines(key)
            ],
            self._failed_handshakes() - self._handshakes,
            [
                arrival
                for name, site in self.mesh.sites.items()
                for arrival in site.arrived[self._arrived[name] :]
            ],
            self.mesh.dns.refused[self._names :],
        )

    def _refusals(self) -> dict[str, Refusals]:
        return self.mesh.fabric.refused(list(self.mesh.pods.values()))

    def _lines(self, proxy: str) -> list[Line]:
        return lines(self.mesh.proxies[proxy].process.output(self._positions[proxy]))

    def _failed_handshakes(self) -> int:
        stats = [self.mesh.proxies[key].admin("/stats?filter=listener.*ssl") for key in self.gateways]
        counted = [line.rpartition(": ") for text in stats for line in text.splitlines()]
        return sum(int(value) for name, _, value in counted if name.endswith(FAILED_HANDSHAKES))


def _difference(after: Refusals, before: Refusals) -> Refusals:
    return Refusals(
        after.network_policy - before.network_policy,
        after.firewall - before.firewall,
        after.ingress_policy - before.ingress_policy,
    )

"""A flow, the connections that it is made of on its way, and what a layer says to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple


class Layer(StrEnum):
    """Who says yes or no, in the order in which a packet meets them. It meets a gateway twice: the listener
    before authorization, the routes behind it."""

    ADMISSION = "admission"
    DNS = "DNS"
    SIDECAR = "sidecar"
    NETWORK_POLICY = "NetworkPolicy"
    GATEWAY = "gateway"
    AUTHORIZATION = "authorization"
    FIREWALL = "firewall"
    LOAD_BALANCER = "load balancer"
    """Of what comes in: it stands before all others."""


class Vantage(StrEnum):
    """From where, and past what, a flow tries to leave."""

    APP = "app"
    """The application, through its own sidecar."""
    PROXY = "proxy"
    """A process beside the sidecar that runs as the proxy's user, which traffic redirection leaves alone."""
    POD_WITHOUT_SIDECAR = "pod-without-sidecar"
    GATEWAY_WITH_CERTIFICATE = "gateway-with-certificate"
    """Straight at the gateway's pods, with the certificate of a workload of the team."""
    GATEWAY_WITHOUT_CERTIFICATE = "gateway-without-certificate"
    GATEWAY_NODE = "gateway-node"
    """A process on a node of a gateway's pool, outside of every pod."""
    APPLICATION_NODE = "application-node"
    """A process on an application node, outside of every pod."""


class Protocol(StrEnum):
    """What the client speaks on its connection."""

    HTTP = "http"
    TLS = "tls"
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"

    @property
    def transport(self) -> str:
        """What carries it, in the words of NetworkPolicies and firewall rules."""
        return self.name if self in (Protocol.UDP, Protocol.SCTP) else "TCP"


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower case; `host` is the Host header (or :authority) as sent."""

    host: str
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeated: tuple[tuple[str, str], ...] = ()
    """Headers that are sent once more, each with its further value."""

    def values(self, header: str) -> tuple[str, ...]:
        """Every value of a header. Rules are asked about each by itself, and one that holds is enough."""
        first = (self.headers[header],) if header in self.headers else ()
        return (
            (*first, *(value for name, value in self.repeated if name == header)) if self.repeated else first
        )


@dataclass(frozen=True, eq=False)
class Pod:
    """Where a connection starts or ends inside the cluster.

    `labels` None: whatever labels the owner of the namespace likes - a team writes its own pods, so a
    selector that wants a label is matched where that helps the pod, and avoided where that helps it.
    """

    namespace: str
    labels: Mapping[str, str] | None
    service_account: str = "default"
    pool: str = ""
    """The Google service account (email) of the node pool it runs on, which is what firewall rules select
    nodes by."""
    namespace_labels: Mapping[str, str] | None = None
    """Labels of its namespace, where that stands for one that nobody handed over; None: the Namespace's, or
    its name's alone."""


@dataclass(frozen=True)
class Node:
    """A process of a node itself, in no pod's network."""

    pool: str
    """The Google service account (email) of its node pool."""


@dataclass(frozen=True)
class Outside:
    """An end outside the cluster: a name, an address, or a name at a known address."""

    name: str | None
    """None: reached by its address alone."""
    address: str | None
    """None: some address of the internet, as the name's owner decides; no rule about one range may be counted
    on. A range stands for any address in it."""


class Connection(NamedTuple):
    """One leg of a flow, as the layers between its ends see it."""

    source: Pod | Node
    to: Pod | Outside
    port: int
    """Port of the destination's pod or address, after Services have translated theirs."""
    protocol: Protocol
    transport: str = "TCP"
    """TCP or UDP, as NetworkPolicies write it."""
    principal: str | None = None
    """Identity in the client's mesh certificate: TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT. None: it shows
    none."""
    sni: str | None = None
    """Server name that the outermost TLS asks for."""
    inner: Request | str | None = None
    """What the outermost mutual TLS holds: a request, the server name of TLS inside it, or bytes that say
    nothing."""
    to_address: str | None = None
    """The destination's address where a rule may ask for it, as the gateway's own loopback addresses."""
    opens: str = ""
    """TLS that the proxy itself opens, as DestinationRules call it: SIMPLE, MUTUAL; empty: none."""
    verified: tuple[str, ...] = ()
    """The names of which a certificate has to have one for that TLS, from an authority that is named. Empty:
    any is taken."""
    trusts: str = ""
    """Whose certificates that TLS takes: `system`, or the Secret that it is configured by."""
    reveals: tuple[str, ...] = ()
    """Internal headers that a request on it would still carry."""


@dataclass(frozen=True)
class Flow:
    """One wish of a team's workload: what it wants to reach, how, and by which way out."""

    namespace: str
    host: str
    """Name or IPv4/IPv6 address as the client writes it."""
    port: int
    protocol: Protocol
    vantage: Vantage = Vantage.APP
    service_account: str = "default"
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    address: str | None = None
    """Where the client connects, if that is not left to the name."""
    to: Pod | None = None
    """Pods in the cluster, instead of anything outside; `host` is then only how people call them."""
    authority: str = ""
    """Host header, where it is not the host's name."""
    repeated: tuple[tuple[str, str], ...] = ()
    """Headers that are sent once more, each with its further value."""

    def but(self, **changes: Any) -> Flow:
        """The same with some fields changed: `dataclasses.replace` in a fraction of its time, for the list of
        every flow."""
        changed = object.__new__(Flow)
        changed.__dict__.update(self.__dict__, **changes)
        return changed

    @property
    def request(self) -> Request:
        return Request(self.authority or self.host, self.method, self.path, self.headers, self.repeated)

    @property
    def addressed(self) -> str:
        """The name by which a sidecar that reads HTTP looks for a route: the Host header without port and
        trailing dot."""
        return without_port((self.authority or self.host).lower()).removesuffix(".")


class Misread(Exception):
    """An object says something that the judges do not know how to read."""

    def __init__(self, by: str, field: str, reason: str) -> None:
        super().__init__(reason)
        self.by, self.field, self.reason = by, field, reason


def without_port(authority: str) -> str:
    """A Host header without its port: proxies look for routes without it."""
    name, colon, port = authority.rpartition(":")
    return name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else authority


@lru_cache(maxsize=1 << 14)
def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 10)
def is_loopback(text: str) -> bool:
    """Whether this is an address of a pod's own, which leads back to it."""
    if not is_address(text):
        return False
    found = ip_address(text)
    # Linux connects to an IPv4 address that is written as one of IPv6 by IPv4.
    return ((isinstance(found, IPv6Address) and found.ipv4_mapped) or found).is_loopback


class Outcome(StrEnum):
    """What a layer says to a connection."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_UNDERSTOOD = "not understood"
    """The objects say something that the judge does not know how to read. It may let the connection on, so
    whoever asks what can pass has to count it as allowed, and whoever asks what has to pass as denied."""

    @classmethod
    def of(cls, allowed: bool) -> Outcome:
        return cls.ALLOWED if allowed else cls.DENIED


class Verdict(NamedTuple):
    """What one layer says to one connection, and which object and field decide."""

    layer: Layer
    outcome: Outcome
    decided_by: str | None
    """Identity of the deciding object (`[namespace/]kind/name`, or a Google resource's type and name); None
    where the absence of an object decides."""
    field: str
    """Path of the deciding field in that object; empty where there is no object."""
    reason: str
    """One sentence in the words of the layer."""

    @property
    def allowed(self) -> bool:
        """Whether the connection may get on; what is not understood may let it."""
        return self.outcome is not Outcome.DENIED

    @property
    def understood(self) -> bool:
        return self.outcome is not Outcome.NOT_UNDERSTOOD

    def but(self, outcome: Outcome) -> Verdict:
        """The same with another outcome."""
        return Verdict(self.layer, outcome, self.decided_by, self.field, self.reason)

    @property
    def turned(self) -> Verdict:
        """Of what has to be allowed, where refusals are what is wanted: allowed where this denies, and denied
        where it allows. What is not understood stays so."""
        return self.but(Outcome.of(not self.allowed)) if self.understood else self

    @property
    def object(self) -> str:
        """What decides, for people: the object's identity, or `nothing`."""
        return self.decided_by or "nothing"

    @property
    def symbol(self) -> str:
        return "?" if not self.understood else "yes" if self.allowed else "no"

    @property
    def as_json(self) -> dict[str, Any]:
        """For machines. `understood` stands there only where it is false."""
        return {
            "layer": self.layer.value,
            "allowed": self.allowed,
            "object": self.object,
            "field": self.field,
            "reason": self.reason,
            **({} if self.understood else {"understood": False}),
        }

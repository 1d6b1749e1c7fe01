"""Verdicts of the judges held against the mesh: a flow as the judges write it, tried for real, and what both
sides say of it.

A flow that names a host is tried by its name and, where that is refused already, by its address as well: as
somebody would who knows it. So DNS and the layers behind it are compared each for itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from egress.answers.explain import traced
from egress.common.google_cloud import METADATA_ADDRESS
from egress.common.google_hosts import never_outside
from egress.common.names import port_name
from egress.common.ports import HTTPS_PORT
from egress.judge.layers.sidecar import is_address
from egress.judge.model.flow import Flow, Layer, Protocol, Request, Vantage
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from tests.mesh import evidence
from tests.mesh.client import APP_UID, Answer, Outer, exchange
from tests.mesh.cluster import CLUSTER_DNS, Pod
from tests.mesh.evidence import Evidence, Watch, reasons
from tests.mesh.mesh import Mesh, websites_of
from tests.mesh.proxies import PROXY_UID

SERVICE = "test"
"""The Service of a team's test application, and the port of both."""
SERVICE_PORT = 80
_ELSEWHERE = "198.51.100.7"
_SECONDS = 3.0
_SETTLES = 2.0
_NOT_YET = {evidence.Layer.UNKNOWN, evidence.Layer.APPLICATION, evidence.Layer.DNS}
_libc = ctypes.CDLL(None, use_errno=True)

SAYS: dict[evidence.Layer, Layer] = {
    evidence.Layer.SIDECAR: Layer.SIDECAR,
    evidence.Layer.NETWORK_POLICY: Layer.NETWORK_POLICY,
    evidence.Layer.DESTINATION_POLICY: Layer.NETWORK_POLICY,
    evidence.Layer.GATEWAY_POLICY: Layer.NETWORK_POLICY,
    evidence.Layer.DESTINATION_SIDECAR: Layer.SIDECAR,
    evidence.Layer.FIREWALL: Layer.FIREWALL,
    evidence.Layer.GATEWAY_TLS: Layer.GATEWAY,
    evidence.Layer.GATEWAY_HOSTS: Layer.GATEWAY,
    evidence.Layer.AUTHORIZATION: Layer.AUTHORIZATION,
    evidence.Layer.PATHS: Layer.GATEWAY,
}
"""What the mesh's traces call a layer, and what the judges call it."""
_FURTHEST = [*Layer]


@dataclass(frozen=True)
class Word:
    """What one side says of one flow."""

    resolves: bool | None
    """Whether its name has an address; None: none was asked for."""
    stopped_by: str
    """The layer behind DNS that refuses it, or nothing."""

    def __str__(self) -> str:
        name = {None: "", True: "the name resolves, ", False: "no such name, "}[self.resolves]
        return f"{name}{f'refused by {self.stopped_by}' if self.stopped_by else 'passes'}"


@dataclass(frozen=True)
class Compared:
    """Both sides."""

    flow: Flow
    judged: Word
    by: str
    """The object and the sentence that decide."""
    seen: Word
    trace: str
    """What the mesh left behind."""

    @property
    def agree(self) -> bool:
        return self.judged == self.seen

    def __str__(self) -> str:
        flow = self.flow
        request = (
            f" {flow.method} {flow.path} {dict(flow.headers) or ''}" if flow.protocol is Protocol.HTTP else ""
        )
        where = f"{flow.protocol}://{flow.host}:{flow.port}{request}".rstrip()
        return (
            f"{flow.namespace}/{flow.service_account} {flow.vantage}: {where}\n"
            f"    judged: {self.judged} ({self.by})\n    seen:   {self.seen} ({self.trace})"
        )


def judged(judges: Judges, flow: Flow, intent: Intent) -> tuple[Word, str]:
    """What `explain` says."""
    trace = traced(judges, flow, intent)
    name = next((step.allowed for step in trace.steps if step.layer is Layer.DNS), None)
    behind = next((step for step in trace.steps if not step.allowed and step.layer is not Layer.DNS), None)
    decision = behind or trace.decision
    understood = "" if trace.understood else "NOT UNDERSTOOD "
    return Word(
        name, understood + (behind.layer.value if behind else "")
    ), f"{decision.decided_by} {decision.field}: {decision.reason}"


def observed(
    watch: Watch, attempt: Callable[[], Answer], enough: Callable[[Answer], bool] = lambda _: False
) -> tuple[Answer, Evidence]:
    """What came back, and what it left behind as soon as that says who stopped it, or as the answer alone is
    `enough`."""
    answer = attempt()
    deadline = time.monotonic() + _SETTLES
    while True:
        found = watch.now()
        if found.stopped_by() not in _NOT_YET or enough(answer) or time.monotonic() > deadline:
            return answer, found
        time.sleep(0.02)


def stopper(found: Evidence) -> str:
    """The layer that stopped it as the judges call it, or nothing."""
    by = found.stopped_by()
    return "" if by is evidence.Layer.NOBODY else SAYS[by].value if by in SAYS else by.value


def told(answer: Answer, found: Evidence) -> str:
    """What the client and each layer have to say of it, in one line."""
    head = f"{found.stopped_by()}; the client: {answer.word} {answer.failure}".rstrip()
    return "; ".join((head, *_lines(found)))


class Tries:
    """Tries flows in a mesh, one after the other."""

    def __init__(self, mesh: Mesh, judges: Judges) -> None:
        self._mesh, self._judges = mesh, judges
        self._intent = Intent(mesh.plan)
        self._sites = websites_of(mesh.plan)
        self._services = mesh.control_plane.service_names()
        self._tcp = {(port.host, port.number) for host in mesh.plan.hosts for port in host.tcp}

    def compare(self, flow: Flow) -> Compared:
        word, by = judged(self._judges, flow, self._intent)
        seen, trace = self._try(flow)
        return Compared(flow, word, by, seen, trace)

    def account(self, team: str) -> str:
        """The service account that the team's pod runs as."""
        return self._pod(team, Vantage.APP).service_account

    def _pod(self, team: str, way: Vantage) -> Pod:
        honest = way in (Vantage.APP, Vantage.PROXY)
        return next(
            pod for pod in self._mesh.pods.values() if pod.namespace == team and bool(pod.proxy) is honest
        )

    def _try(self, flow: Flow) -> tuple[Word, str]:
        pod = self._pod(flow.namespace, flow.vantage)
        uid = PROXY_UID if flow.vantage is Vantage.PROXY else APP_UID
        if flow.vantage in (Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE):
            tried = [self._watched(pod, attempt) for attempt in self._at_gateways(flow, pod)]
            stopped, trace = max(
                tried, key=lambda one: -1 if one[0] not in _FURTHEST else _FURTHEST.index(Layer(one[0]))
            )
            through = next((one for one in tried if not one[0]), None)
            return (Word(None, ""), through[1]) if through else (Word(None, stopped), trace)
        resolves, address = self._address(flow, pod, uid)
        request = replace(flow.request, host=self._asked(flow))
        inner = flow.host if flow.protocol is Protocol.TLS else None

        def attempt() -> Answer:
            if flow.protocol is Protocol.UDP:
                return self._datagram(pod, address, flow.port, uid)
            return exchange(lambda: self._connect(pod, address, flow.port, uid), request, inner=inner)

        stopped, trace = self._watched(pod, attempt)
        return Word(resolves, stopped), trace

    def _asked(self, flow: Flow) -> str:
        return f"{SERVICE}.{flow.to.namespace}" if flow.to else flow.host

    def _watched(self, pod: Pod, attempt: Callable[[], Answer]) -> tuple[str, str]:
        answer, found = observed(Watch(self._mesh, pod.key), attempt)
        return stopper(found), told(answer, found)

    def _at_gateways(self, flow: Flow, pod: Pod) -> Iterator[Callable[[], Answer]]:
        """Every door of a gateway that leads to the host, else every door, with every server name that a rule
        could match."""
        http = flow.protocol is Protocol.HTTP
        entrances = self._judges.ways_in(flow)
        doors = [
            (item.pod.namespace, item.port, flow.host if item.name.startswith("*") else item.name)
            for item in entrances
        ]
        raw = (flow.host, flow.port) in self._tcp
        of_port = raw or (flow.protocol is Protocol.TLS and flow.port != HTTPS_PORT)
        called = port_name(flow.port, flow.host) if of_port else flow.host
        plain = http or (raw and flow.protocol is not Protocol.TLS)
        doors = doors or [
            (gateway.namespace, port, called)
            for gateway, port, of in self._judges.gateways.doors()
            if of is http
        ]
        shown = flow.vantage is Vantage.GATEWAY_WITH_CERTIFICATE
        identity = self._mesh.proxies[self._pod(flow.namespace, Vantage.APP).key].identity if shown else None
        for namespace, port, name in doors:
            gateway = next(one for one in self._mesh.gateways.values() if one.namespace == namespace)
            pleasing = sorted(self._judges.authorization.server_names(flow.namespace))
            names = (None, *(one for one in pleasing if "*" not in one)) if http else (name,)
            for sni in names:
                request = replace(flow.request, host=name if http else flow.host)

                def attempt(
                    sni: str | None = sni,
                    request: Request = request,
                    at: str = gateway.address,
                    port: int = port,
                ) -> Answer:
                    def connect() -> socket.socket:
                        return self._connect(pod, at, port, APP_UID)

                    return exchange(connect, request, Outer(identity, sni), None if plain else flow.host)

                yield attempt

    def _address(self, flow: Flow, pod: Pod, uid: int) -> tuple[bool | None, str]:
        """Whether the name resolves, and where the client connects."""
        if flow.to:
            service = self._services.get(f"{SERVICE}.{flow.to.namespace}.svc.cluster.local")
            there = self._pod(flow.to.namespace, Vantage.APP).address
            return None, service[
                0
            ] if service and flow.vantage is Vantage.APP and flow.port == SERVICE_PORT else there
        if flow.address or is_address(flow.host):
            return None, flow.address or flow.host
        found = self._resolved(flow.host, pod, uid)
        return bool(found), found or self._known(flow.host)

    def _known(self, host: str) -> str:
        if never_outside(host) or host in self._mesh.plan.google_hosts:
            return self._mesh.plan.addresses.google_apis.addresses[0]
        return METADATA_ADDRESS if host == "metadata.google.internal" else self._sites.get(host, _ELSEWHERE)

    def _resolved(self, host: str, pod: Pod, uid: int) -> str | None:
        """The first address of a name, as the pod is told it; None: there is no such name."""
        asked = b"".join(bytes((len(label),)) + label.encode() for label in host.split(".")) + b"\0"
        question = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + asked + struct.pack("!HH", 1, 1)
        with self._inside(pod, uid, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.settimeout(_SECONDS)
            asking.sendto(question, (CLUSTER_DNS, 53))
            answer = asking.recv(4096)
        if answer[3] & 0xF or not struct.unpack_from("!H", answer, 6)[0]:
            return None
        return socket.inet_ntoa(answer[-4:])

    def _datagram(self, pod: Pod, address: str, port: int, uid: int) -> Answer:
        datagram = self._inside(pod, uid, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with datagram, contextlib.suppress(OSError):
            datagram.sendto(b"?", (address, port))
        return Answer(None, "", "nobody answers")

    def _connect(self, pod: Pod, address: str, port: int, uid: int) -> socket.socket:
        return self._inside(pod, uid, lambda: socket.create_connection((address, port), _SECONDS))

    def _inside(self, pod: Pod, uid: int, action: Callable[[], socket.socket]) -> socket.socket:
        """A socket that belongs to a pod and to a user of it."""

        def made() -> socket.socket:
            # Counts for this thread alone, and is what packet filters know a socket's owner by.
            _libc.setfsuid(uid)
            return action()

        return self._mesh.namespaces[pod.key].inside(made)


def _lines(found: Evidence) -> Iterator[str]:
    arrived = [f"{one.site}:{one.port}{'' if one.method else ' (no request)'}" for one in found.arrived]
    if arrived:
        yield f"arrived at {', '.join(arrived)}"
    for who, log in (("sidecar", found.sidecar_log), ("gateway", found.gateway_log)):
        yield from (
            f"{who}: {reasons(line) or line.get('upstream_host')} {line.get('response_code')}"
            for line in log[-2:]
        )

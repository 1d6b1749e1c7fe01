"""A mesh that is shaken while clients send: two gateways that come and go, a control plane that does, and the
counts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tests.mesh.client import Answer, tunnel_through_gateway
from tests.mesh.cluster import Pod
from tests.mesh.flow import CHEAT_X, CHEAT_Y, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.netns import command
from tests.mesh.redteam import raw
from tests.mesh.websites import Arrival

FIRST, SECOND = "gateway", "gateway-2"
ALLOWED, DENIED = "/allowed", "/denied"
"""Paths by which sites tell whose request arrived."""
_PAUSE = 0.03
DRAIN = 3
"""How long (seconds) a proxy goes on after it was asked to end; Istio's default is 5."""
_LIFE = 20
"""Of a workload's certificate (seconds); it is renewed after half of it."""


class Shaken(Mesh):
    """With a second gateway pod, and certificates that live for seconds."""

    def start(self) -> None:
        self.proxy_environment = {"SECRET_TTL": f"{_LIFE}s", "SECRET_GRACE_PERIOD_RATIO_JITTER": "0"}
        self.drain = f"{DRAIN}s"
        super().start()

    def _all_pods(self) -> Iterator[Pod]:
        for pod in super()._all_pods():
            yield pod
            if pod.key == FIRST:
                head, _, last = pod.address.rpartition(".")
                yield replace(pod, key=SECOND, name="second-0", address=f"{head}.{int(last) + 100}")

    @property
    def gateways(self) -> dict[str, Pod]:
        """Its first pod stands for the shared gateway where one is asked for by name."""
        return {"": self.pods[FIRST]}

    @property
    def ways_out(self) -> list[str]:
        """Addresses from which something may arrive outside."""
        return [self.pods[key].address for key in (FIRST, SECOND)]

    def serve(self, *keys: str) -> None:
        """Let these gateways, and no others, stand behind the gateway's Service: what readiness does in a
        cluster."""
        pods = [pod for pod in self.pods.values() if pod.key in keys or pod.key not in (FIRST, SECOND)]
        self.control_plane.endpoints(pods)

    def kill(self, key: str) -> None:
        """Every process of a pod, without a word of warning."""
        for pid in command("ip", "netns", "pids", self.namespaces[key].name).split():
            os.kill(int(pid), signal.SIGKILL)

    def start_again(self, key: str) -> None:
        self.start_proxy(self.pods[key])
        self.proxies[key].await_ready()

    def stop_istiod(self) -> None:
        self.istiod.stop()
        self._said = self.istiod.process.size()

    def start_istiod(self) -> None:
        """And wait until every proxy is connected to it again."""
        self._start_istiod()
        deadline = time.monotonic() + 20
        while self.istiod.process.output(self._said).count("ADS: new delta connection for node") < len(
            self.proxies
        ):
            if time.monotonic() > deadline:
                raise self.istiod.process.failure("is not asked by every proxy")
            time.sleep(0.2)

    def serials(self) -> Mapping[str, str]:
        """Serial number of each proxy's own certificate."""
        return {key: _serial(proxy.admin("/certs")) for key, proxy in self.proxies.items()}


def _serial(certificates: str) -> str:
    return certificates.partition('"cert_chain"')[2].partition('"serial_number": "')[2].partition('"')[0]


@dataclass(frozen=True)
class Client:
    """One that asks again and again."""

    name: str
    ask: Callable[[Mesh], Answer]
    allowed: bool


def _http(pod: str, host: str, path: str) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, pod, WEBSITES[host], 80, raw.last(host, path))


def _tls(pod: str, host: str, path: str) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say_inside_tls(mesh, pod, WEBSITES[host], 443, raw.last(host, path), sni=host)


CLIENTS = (
    Client("team-x: http://example.com", _http(X, "example.com", ALLOWED), True),
    Client("team-x: https://example.com", _tls(X, "example.com", ALLOWED), True),
    Client("team-y: http://httpbin.org, declared path", _http(Y, "httpbin.org", "/status/418"), True),
    Client("team-y: http://httpbin.org, another path", _http(Y, "httpbin.org", DENIED), False),
    Client("team-y: http://example.com", _http(Y, "example.com", DENIED), False),
    Client("team-x: https://other.example", _tls(X, "other.example", DENIED), False),
    Client("team-x without a sidecar: http://example.com", _http(CHEAT_X, "example.com", DENIED), False),
    Client(
        "team-y's certificate: example.com through the gateway",
        lambda mesh: tunnel_through_gateway(
            mesh, CHEAT_Y, mesh.proxies[Y].identity, "example.com", "example.com", DENIED
        ),
        False,
    ),
)
GOOD = {"200", "418"}


@dataclass
class Load:
    """What the clients were answered, each with the time (time.monotonic)."""

    mesh: Shaken
    answers: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    _before: Mapping[str, int] = field(default_factory=dict)

    def failures(self, since: float = 0.0) -> dict[str, int]:
        """Of those who may, by client: what was no answer of the site."""
        return {
            client.name: bad
            for client in CLIENTS
            if client.allowed
            and (bad := sum(word not in GOOD for at, word in self.answers[client.name] if at >= since))
        }

    def outage(self) -> float:
        """The longest time (seconds) that an allowed client went without a good answer."""
        longest = 0.0
        for client in CLIENTS:
            if client.allowed:
                good = [at for at, word in self.answers[client.name] if word in GOOD]
                longest = max([longest, *(after - before for before, after in pairwise(good))])
        return longest

    def leaks(self) -> list[str]:
        """What reached a site, or was answered by one, and should not have been."""
        let_through = [
            f"{client.name}: answered {word}"
            for client in CLIENTS
            if not client.allowed
            for _, word in self.answers.get(client.name, [])
            if word in GOOD
        ]
        return [*let_through, *(wrong for arrival in self._arrived() if (wrong := self._wrong(arrival)))]

    def _arrived(self) -> list[Arrival]:
        sites = self.mesh.sites.items()
        return [
            one
            for name, site in sites
            if name not in self.mesh.pods
            for one in site.arrived[self._before.get(name, 0) :]
        ]

    def _wrong(self, arrival: Arrival) -> str | None:
        if arrival.source not in self.mesh.ways_out:
            return f"{arrival.site}:{arrival.port}: a connection from {arrival.source}"
        if arrival.site not in {host.name for host in self.mesh.plan.hosts}:
            return f"{arrival.site}:{arrival.port}: nobody declared it"
        return f"{arrival.site}:{arrival.port}: asked for {DENIED}" if arrival.path == DENIED else None

    def report(self, what: str) -> str:
        may = {client.name for client in CLIENTS if client.allowed}
        asked, failed = sum(len(self.answers[name]) for name in may), sum(self.failures().values())
        denied = sum(len(told) for name, told in self.answers.items() if name not in may)
        words = Counter(
            word for name, told in self.answers.items() if name in may for _, word in told if word not in GOOD
        )
        told = f" ({', '.join(f'{word}: {count}' for word, count in sorted(words.items()))})" if words else ""
        return (
            f"{what:42} allowed {asked:5}, failed {failed:3}{told}, longest wait {self.outage():.1f} s; "
            f"denied {denied:5}, leaks {len(self.leaks())}"
        )


@contextmanager
def load(mesh: Shaken, clients: Sequence[Client] = CLIENTS) -> Iterator[Load]:
    """All clients at once, until the block ends."""
    found = Load(
        mesh,
        {client.name: [] for client in clients},
        {name: len(site.arrived) for name, site in mesh.sites.items()},
    )
    end = threading.Event()

    def ask(client: Client) -> None:
        while not end.is_set():
            word = client.ask(mesh).word
            found.answers[client.name].append((time.monotonic(), word))
            end.wait(_PAUSE)

    threads = [threading.Thread(target=ask, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        end.set()
        for thread in threads:
            thread.join(20)

"""python -m bench.mesh: what the way out costs, on real proxies: direct, the tutorial's objects by hand, and
the stack's.

Two meshes run side by side and are asked in turn, round after round, so that whatever else the machine does
hits all alike. Figures are ratios against asking the website directly in the same run (speed) and against the
tutorial's objects (memory, bytes); absolute ones are printed beside them. Needs what tests/mesh needs:
docs/testing.md.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.mesh import by_hand, website
from egress.common.objects import Manifest
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.settings import load
from tests.mesh import programs
from tests.mesh.flow import CHEAT_X, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.support import dev_config

ROUNDS = 5
SECONDS = 1.0
MANY = 4
"""Connections at once, where requests per second are counted."""
OTHERS = (0, 100, 500)
"""Hosts of another team: an AuthorizationPolicy holds 512 rules at most, and each host of plain HTTP is
one."""
TEAM = "another"
# As text: the pods' user may not be allowed into the folder of this checkout, a private home say.
ASK = (Path(__file__).parent / "ask.py").read_text(encoding="utf-8")


class ByHand(Mesh):
    """The tutorial's objects and mesh configuration; what stands around them is the stack's."""

    def _start(self) -> None:
        self._mesh_config = by_hand.MESH_CONFIG
        super()._start()


@dataclass
class Way:
    """One way to ask, and what it took in each round (seconds; requests per second)."""

    name: str
    mesh: Mesh
    pod: str
    host: str
    path: str
    port: int
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def round(self) -> None:
        alone = self._ask(1)
        self.p50.append(alone["p50"])
        self.p99.append(alone["p99"])
        self.rate.append(self._ask(MANY)["count"] / SECONDS)

    def _ask(self, connections: int) -> dict[str, float]:
        where = self.mesh.namespaces[self.pod].prefix(1000)
        words = [
            _python(tuple(where)),
            "-c",
            ASK,
            WEBSITES[self.host],
            str(self.port),
            self.host,
            self.path,
            str(connections),
            str(SECONDS),
        ]
        trusted = ["/etc/ssl/certs/ca-certificates.crt"] if self.port == 443 else []
        done = subprocess.run(
            [*where, *words, *trusted],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            encoding="utf-8",
        )
        if done.returncode:
            said = [
                proxy.process.output()[-700:] for key, proxy in self.mesh.proxies.items() if key == self.pod
            ]
            raise RuntimeError(
                f"{self.name}, {self.host}:{self.port}: {done.stderr.strip()}\n{''.join(said)}"
            )
        return json.loads(done.stdout)


@cache
def _python(where: tuple[str, ...]) -> str:
    """A Python that the pods' user may run. That of this environment may lie where only its owner may go."""
    found = (
        sys.executable,
        str(Path(sys.executable).resolve()),
        *(f"{folder}/python3" for folder in ("/usr/local/bin", "/usr/bin")),
    )
    for python in found:
        if subprocess.run([*where, python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    raise RuntimeError(
        f"the pods' user may run none of {', '.join(found)}: install a python3 for everybody, or use a "
        "checkout outside a "
        "private home"
    )


def ways(hand: Mesh, ours: Mesh) -> dict[str, list[Way]]:
    """By mode: direct, by hand, and ours."""

    def three(pod: str, host: str, path: str, port: int) -> list[Way]:
        return [
            Way("direct", ours, CHEAT_X, host, path, port),
            Way("tutorial", hand, pod, host, path, port),
            Way("stack", ours, pod, host, path, port),
        ]

    return {
        "http that leaves as https": three(X, "example.com", "/", 80),
        "http that leaves as http, one path": three(Y, "httpbin.org", "/status/418", 80),
        "https, never opened": three(X, "example.com", "/", 443),
    }


def speed(hand: Mesh, ours: Mesh) -> None:
    modes = ways(hand, ours)
    for _ in range(ROUNDS):
        for mode in modes.values():
            for way in mode:
                way.round()
    print(
        f"speed, against asking the website directly (median of {ROUNDS} rounds in turn; one connection, "
        f"{MANY} connections)"
    )
    for name, mode in modes.items():
        print(f"  {name}")
        p50, p99, rate = (statistics.median(values) for values in (mode[0].p50, mode[0].p99, mode[0].rate))
        for way in mode:
            mine = [statistics.median(values) for values in (way.p50, way.p99, way.rate)]
            ratios = f"p50 {mine[0] / p50:5.2f}  p99 {mine[1] / p99:5.2f}  requests/s {mine[2] / rate:5.2f}"
            print(
                f"    {way.name:9} {ratios}   ({mine[0] * 1000:.2f} ms, {mine[1] * 1000:.2f} ms, "
                f"{mine[2]:.0f}/s)"
            )


def size(meshes: dict[str, Mesh], more: dict[str, Callable[[int], Iterable[Manifest]]]) -> None:
    print(
        "bytes of configuration, and memory (Envoy's own count), against the same proxy without any host of "
        "another team"
    )
    for name, mesh in meshes.items():
        floor: dict[str, tuple[int, int]] = {}
        for count in OTHERS:
            if count:
                mesh.control_plane.apply(more[name](count))
            _await_host(mesh, count)
            for proxy in (X, mesh.gateway.key):
                told = len(mesh.proxies[proxy].admin("/config_dump"))
                memory = int(json.loads(mesh.proxies[proxy].admin("/memory"))["allocated"])
                first = floor.setdefault(proxy, (told, memory))
                ratios = f"bytes {told / first[0]:6.2f}  memory {memory / first[1]:5.2f}"
                who = "sidecar of team-x" if proxy == X else "gateway"
                print(
                    f"  {name:9} {who:18} {count:5} hosts: {ratios}   ({told / 1000:.0f} kB, "
                    f"{memory / 1e6:.1f} MB)"
                )


def _hosts(count: int) -> list[str]:
    return [f"h{index}.another.example.net" for index in range(count)]


def _await_host(mesh: Mesh, count: int, seconds: float = 120.0) -> None:
    """Until the gateway knows them all, and nothing changes any more."""
    deadline, before = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        now = mesh.proxies[mesh.gateway.key].admin("/config_dump")
        if f"h{count - 1}.another" in now or not count:
            same = {key: len(mesh.proxies[key].admin("/config_dump")) for key in (X, mesh.gateway.key)}
            if str(same) == before:
                return
            before = str(same)
        time.sleep(1.0)
    raise RuntimeError(f"the gateway did not get {count} hosts within {seconds:.0f} s")


def _stack_with(count: int) -> Iterable[Manifest]:
    config = dev_config()
    access = {"http": {"upgrade": "tls"}, "https": "passthrough"}
    config["gke-mesh-egress:teams"][TEAM] = {"egress": dict.fromkeys(_hosts(count), access)}
    return [item.manifest for item in render(make_plan(load(config)))]


def _by_hand_with(count: int) -> Iterable[Manifest]:
    return by_hand.others(TEAM, _hosts(count))


def main() -> int:
    try:
        found = programs.find()
    except programs.Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    config = dev_config()
    config["gke-mesh-egress:teams"][TEAM] = {}
    plan = make_plan(load(config))
    with ByHand(plan, found, by_hand.instead) as hand, Mesh(plan, found) as ours:
        meshes: dict[str, Mesh] = {"tutorial": hand, "stack": ours}
        sites = [
            website.open_instead(mesh, mesh.sites[name])
            for mesh in meshes.values()
            for name in ("example.com", "httpbin.org")
        ]
        for mesh in meshes.values():
            mesh.filter(network_policies=False, vpc_firewall=False)  # so that a pod can ask directly
        time.sleep(1.0)
        try:
            speed(hand, ours)
            size(meshes, {"tutorial": _by_hand_with, "stack": _stack_with})
        finally:
            for site in sites:
                site.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

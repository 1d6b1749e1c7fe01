"""Names whose owner answers with an address inside, on real proxies, in every mode: nothing inside hears of
it.

One team's hosts all belong to somebody who lets them answer 127.0.0.1, the gateway's own address, another
pod's, a node's, and so on. The same port that is asked for is open at each of these addresses, so that what
went there would be seen.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from egress.common.ip_space import loopback, virtual
from egress.common.objects import Manifest
from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS, INNER_PORT, PROXY_PORTS
from egress.layers.mesh.way_out import NAME
from tests.mesh.authority import secret
from tests.mesh.client import Answer, curl
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.websites import Site
from tests.support import plan_of, teams

SHOP = "test-shop"
OTHERS_PATTERN, OTHERS_NAME = "*.victim.example", "x.victim.example"
HONEST = "honest"
CREDENTIAL = "shown-to-liars"
NODE, API_SERVER = "10.0.0.77", "10.5.0.2"
GATEWAY, POD = "gateway", "pod"
ANSWERS = {
    "localhost": "127.0.0.1",
    "inner": loopback(OTHERS_PATTERN),
    "any": "0.0.0.0",
    "own": GATEWAY,
    "pod": POD,
    "node": NODE,
    "api": API_SERVER,
    "metadata": "169.254.169.254",
    "google": "199.36.153.8",
    "restricted": "199.36.153.4",
    "private": "192.168.7.7",
    "multicast": "224.0.0.251",
}
"""What names answer, by a label in them; two are known once the mesh stands."""
SERVED = (8080, 8443, 9443)
"""Other ports at which hosts serve."""
WAYS: dict[str, dict[str, Any]] = {
    "http": {"http": {}},
    "originated": {"http": {"upgrade": "tls"}},
    "mutual": {"http": {"upgrade": "mtls", "credential": CREDENTIAL}},
    "https": {"https": "passthrough"},
    "tcp": {"tcp": {"port": 5432, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}},
    "tcp-tls": {
        "tcp": {
            "port": 5433,
            "outsidePort": 443,
            "byName": True,
            "serviceAccounts": ["default"],
            "upgrade": "tls",
        }
    },
    "tcp-mutual": {
        "tcp": {
            "port": 5434,
            "outsidePort": 443,
            "byName": True,
            "serviceAccounts": ["default"],
            "upgrade": "mtls",
            "credential": CREDENTIAL,
        }
    },
    **{
        f"tcp-{port}": {"tcp": {"port": port, "byName": True, "serviceAccounts": ["default"]}}
        for port in SERVED
    },
    "https-8443": {"https": "passthrough", "httpsPorts": [8443]},
}
"""What a team can declare of one host by its name. What partners are let in to is no name
(tests/proof/test_answers.py)."""
PATTERN = "*.pattern.liar.example"
LEAVES = {"admin": (5000, 15000), "agent": (5001, 15020), "inner": (5002, INNER_PORT)}
"""By whom the gateway itself listens: port of the app, and the port by which an object, changed by hand,
leaves."""
LOOSE = 10
"""How much higher the app's port is for the hosts whose connections are not tied to the network card."""


def _host(way: str, kind: str) -> str:
    return f"{kind}.{way}.liar.example"


def _by_hand(who: str, loose: bool) -> str:
    return f"{who}.{'loose' if loose else 'tied'}.example"


def _plan() -> Any:
    hosts: dict[str, Any] = {
        _host(way, kind): said for way, said in WAYS.items() for kind in (*ANSWERS, HONEST)
    }
    hosts[PATTERN] = {"https": "passthrough"}
    for kind in ANSWERS:
        hosts[_host("copied", kind)] = {"http": {}}
        hosts[f"{kind}.copies.example"] = {"http": {"mirror": {"host": _host("copied", kind)}}}
        hosts[_host("shared", kind)] = {"http": {}}
        hosts[f"{kind}.shares.example"] = {"http": {"split": {_host("shared", kind): 90}}}
    for who, (port, _) in LEAVES.items():
        for loose in (False, True):
            way = {
                "port": port + LOOSE * loose,
                "outsidePort": 6000,
                "byName": True,
                "serviceAccounts": ["default"],
            }
            hosts[_by_hand(who, loose)] = {"tcp": way}
    return plan_of(teams(shop=hosts, victim={OTHERS_PATTERN: {"https": "passthrough"}}))


def _changed(objects: list[Manifest]) -> Iterator[Manifest]:
    """The hosts that leave by a port of the gateway's own, as no config could have it; some are not tied to
    the card either."""
    loose = {port + LOOSE for port, _ in LEAVES.values()}
    for item in deepcopy(objects):
        if item["kind"] == "ServiceEntry":
            for port in item["spec"]["ports"]:
                for app, leaves in LEAVES.values():
                    if port["number"] in (app, app + LOOSE):
                        port["targetPort"] = leaves
        if (item["kind"], item["metadata"]["name"]) == ("EnvoyFilter", NAME):
            patches = item["spec"]["configPatches"]
            item["spec"]["configPatches"] = [
                one for one in patches if one["match"]["cluster"]["portNumber"] not in loose
            ]
        yield item


class Liars(Mesh):
    """A mesh in which the internet's name servers answer as the owners of names like."""

    def _all_sites(self) -> Iterator[Site]:
        honest = {_host(f"tcp-{port}", HONEST): port for port in SERVED}
        honest[_host("https-8443", HONEST)] = 8443
        for site in super()._all_sites():
            if site.name in honest:
                port = honest[site.name]
                yield replace(site, ports=(port,), tls_ports=(port,) if "https" in site.name else ())
            else:
                yield site

    def _world(self) -> dict[str, tuple[str, ...]]:
        known = {GATEWAY: self.gateway.address, POD: self.pods["test-victim"].address}
        lies: dict[str, tuple[str, ...]] = {}
        for kind, address in ANSWERS.items():
            answer = (known.get(address, address),)
            lies |= {_host(way, kind): answer for way in (*WAYS, "copied", "shared")}
            lies[f"{kind}{PATTERN[1:]}"] = answer
        lies[f"{HONEST}{PATTERN[1:]}"] = (WEBSITES["other.example"],)
        for loose in (False, True):
            lies |= {
                _by_hand(who, loose): (ANSWERS["inner"] if who == "inner" else "127.0.0.1",) for who in LEAVES
            }
        return {**super()._world(), **lies, OTHERS_NAME: (WEBSITES["other.example"],)}


@pytest.fixture(scope="module")
def liars(found: Programs) -> Iterator[Liars]:
    with Liars(_plan(), found, _changed) as running:
        shown = running.authority.issue(CREDENTIAL)
        running.control_plane.apply(
            [secret(CREDENTIAL, running.gateway.namespace, shown, running.authority.pem)]
        )
        for name, addresses in (("node", [NODE]), ("api server", [API_SERVER])):
            for address in addresses:
                running.fabric.outside.run("ip", "addr", "add", f"{address}/32", "dev", "lo")
            running.sites[name] = Site(
                name, tuple(addresses), running.stranger.issue(name), (80, 443, *SERVED)
            )
            running.sites[name].open(running.fabric.outside)
        # What an app would find at its own pod's loopback addresses; the gateway's pod has nothing there.
        inside = ("127.0.0.1", ANSWERS["inner"])
        running.sites["the gateway itself"] = Site(
            "the gateway itself", inside, running.stranger.issue("itself"), (80, 443, *SERVED)
        )
        running.sites["the gateway itself"].open(running.namespaces[running.gateway.key])
        try:
            yield running
        finally:
            for name in ("node", "api server", "the gateway itself"):
                running.sites.pop(name).close()


def _ask(mesh: Mesh, way: str, kind: str) -> Answer:
    """The app connects to some address outside where its own look-up is of no matter to its sidecar. A host
    that passes TLS has an address which the sidecar itself gives to it, and at another it is not known."""
    host = {
        "pattern": f"{kind}{PATTERN[1:]}",
        "copied": f"{kind}.copies.example",
        "shared": f"{kind}.shares.example",
    }.get(way)
    host = host or _host(way, kind)
    if way.startswith("tcp"):
        port = WAYS[way]["tcp"]["port"]
        return curl(
            mesh, SHOP, "-m", "4", "--connect-to", f"::{virtual(host)}:{port}", f"http://{host}:{port}/{kind}"
        )
    if way.startswith("https"):
        port = WAYS[way].get("httpsPorts", [443])[0]
        return curl(mesh, SHOP, "-k", "-m", "4", f"https://{host}:{port}/{kind}")
    outside = WEBSITES["other.example"]
    often = "?[1-3]" if way == "shared" else ""
    web, port = ("https", 443) if way == "pattern" else ("http", 80)
    return curl(
        mesh, SHOP, "-k", "-m", "4", "--connect-to", f"::{outside}:{port}", f"{web}://{host}/{kind}{often}"
    )


def _tried(mesh: Mesh) -> set[str]:
    """Hosts to which the gateway has opened connections, arrived or not: a request that was refused before
    shows nothing."""
    told = mesh.proxies[mesh.gateway.key].admin("/clusters").splitlines()
    counts = (re.fullmatch(r"outbound\|\d+\|[^|]*\|([^:]+)::.*::cx_total::([1-9]\d*)", line) for line in told)
    return {count[1] for count in counts if count}


@pytest.mark.parametrize("way", [*WAYS, "pattern", "copied", "shared"])
def test_whatever_the_owner_answers_nothing_inside_hears_of_it(liars: Liars, way: str) -> None:
    before = {name: len(site.arrived) for name, site in liars.sites.items()}
    with ThreadPoolExecutor(6) as pool:
        answers = dict(zip(ANSWERS, pool.map(lambda kind: _ask(liars, way, kind), ANSWERS), strict=True))
    heard = Counter(one.site for name, site in liars.sites.items() for one in site.arrived[before[name] :])
    # A copy's first host is honest, and so is one of two that share requests.
    honest = {f"{kind}.{way}.example" for kind in ANSWERS for way in ("copies", "shares")}
    connected = _tried(liars)
    tried = {kind for kind in ANSWERS if _host(way, kind) in connected}
    inside = sum(count for name, count in heard.items() if name not in honest)
    counted = "not counted" if way == "pattern" else len(tried)
    print(f"{way}: {len(answers)} answers, connected to by the gateway: {counted}, heard inside: {inside}")
    assert not heard.keys() - honest
    # By a pattern the gateway keeps no count by name; of two hosts that share requests, one may have had
    # none.
    assert way == "pattern" or len(tried) > len(ANSWERS) - (3 if way == "shared" else 1), set(ANSWERS) - tried
    if way not in ("copied", "shared"):
        assert {kind: answer.word for kind, answer in answers.items() if answer.word == "200"} == {}


def test_the_gateway_listens_at_no_port_by_which_a_name_is_left(liars: Liars) -> None:
    """So its own address, which the network card lets through, is nowhere to go."""
    told = liars.namespaces[liars.gateway.key].run("ss", "-H", "-l", "-t", "-n").splitlines()
    address = {line.split()[3].rpartition(":")[::2] for line in told}
    own = {int(port) for at, port in address if at not in liars.sites["the gateway itself"].addresses}
    inner = {(at, int(port)) for at, port in address if port == str(INNER_PORT)}
    assert {GATEWAY_HTTP, GATEWAY_TLS} < own <= PROXY_PORTS
    assert inner == {(loopback(pattern), INNER_PORT) for pattern in (OTHERS_PATTERN, PATTERN)}


@pytest.mark.parametrize("who", LEAVES)
def test_the_network_card_alone_keeps_a_gateway_from_itself(liars: Liars, who: str) -> None:
    """Where the port is one of the gateway's own, as the config refuses it: the second place holds alone."""
    assert _at_itself(liars, who, loose=False).word != "200"


@pytest.mark.parametrize("who", LEAVES)
def test_without_it_the_gateway_would_answer(liars: Liars, who: str) -> None:
    """What the tests above would see if they were not to see anything anyway."""
    assert _at_itself(liars, who, loose=True).word == "200"


def _at_itself(mesh: Mesh, who: str, loose: bool) -> Answer:
    host, port = _by_hand(who, loose), LEAVES[who][0] + LOOSE * loose
    to = ("-k", "-m", "4", "--connect-to", f"::{virtual(host)}:{port}")
    paths = {"admin": "server_info", "agent": "healthz/ready"}
    if who == "inner":
        return curl(mesh, SHOP, *to, f"https://{OTHERS_NAME}/")
    return curl(mesh, SHOP, *to, f"http://{host}:{port}/{paths[who]}")


@pytest.mark.parametrize("way", [*WAYS, "pattern"])
def test_an_honest_name_is_reached(liars: Liars, way: str) -> None:
    """In the same way and at the same ports, so that it is the answer alone that keeps the others from
    arriving."""
    assert _ask(liars, way, HONEST).word == "200"
    assert way == "pattern" or any(one.method for one in liars.sites[_host(way, HONEST)].arrived)


def test_nothing_was_rejected(liars: Liars) -> None:
    stats = liars.proxies[liars.gateway.key].admin("/stats?filter=update_rejected").splitlines()
    assert [line for line in stats if not line.endswith(": 0")] == []
    assert "error_state" not in json.dumps(liars.proxies[liars.gateway.key].config())

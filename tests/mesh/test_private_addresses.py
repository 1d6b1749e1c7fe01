"""Databases at private addresses on real proxies: the named address on its port, for its own accounts, and
nothing else in the range.

The bytes are HTTP because sites speak it; nothing between app and site looks into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from egress.common.names import port_name
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.mesh.asking import ask, check_refused
from tests.mesh.client import request_to_gateway
from tests.mesh.evidence import Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import Tries
from tests.mesh.websites import Site
from tests.support import plan_of, teams

DATABASE, ADDRESS = "database.shop.example", "192.168.100.5"
OTHER_DATABASE, OTHER_ADDRESS = "others.shop.example", "192.168.100.6"
REBOUND = "rebound.example.net"


def _port(address: str, account: str = "default", **more: Any) -> dict[str, Any]:
    return {"port": 5432, "addresses": [address], "serviceAccounts": [account], **more}


PLAN = plan_of(
    teams(
        orders={DATABASE: {"tcp": _port(ADDRESS)}, REBOUND: {"https": "passthrough", "http": {}}},
        stock={OTHER_DATABASE: {"tcp": _port(OTHER_ADDRESS, "somebody-else")}, "example.org": {"http": {}}},
    )
    | {"gke-mesh-egress:fences": {"privateAddresses": {"databases": "192.168.100.0/24"}}}
)
ORDERS, STOCK = "test-orders", "test-stock"


class Databases(Mesh):
    """A mesh in which the database's port is served everywhere, and a name's owner answers with its
    address."""

    def _all_sites(self) -> Iterator[Site]:
        for site in super()._all_sites():
            yield replace(site, ports=(80, 443, 5432, 6379)) if site.name != "metadata" else site

    def _world(self) -> dict[str, tuple[str, ...]]:
        return {**super()._world(), REBOUND: (ADDRESS,)}


@pytest.fixture(scope="module")
def mesh(found: Programs) -> Iterator[Mesh]:
    with Databases(PLAN, found) as running:
        yield running


@pytest.mark.parametrize("host", [ADDRESS, DATABASE])
def test_the_named_address_is_reached_on_its_port(mesh: Mesh, host: str) -> None:
    word, evidence = ask(mesh, ORDERS, "-k", f"http://{host}:5432/")
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(DATABASE, 5432)])
    assert {one.source for one in evidence.arrived} == {mesh.gateway.address}


@pytest.mark.parametrize(
    ("pod", "url"),
    [
        # another port of it, and another address of the range
        (ORDERS, f"http://{ADDRESS}:6379/"),
        (ORDERS, f"http://{ADDRESS}/"),
        (ORDERS, f"https://{ADDRESS}/"),
        (ORDERS, f"http://{OTHER_ADDRESS}:5432/"),
        (ORDERS, "http://192.168.100.7:5432/"),
        # the same port outside
        (ORDERS, f"http://{WEBSITES['example.com']}:5432/"),
        # another team, and another account of the team that has one
        (STOCK, f"http://{ADDRESS}:5432/"),
        (STOCK, f"http://{OTHER_ADDRESS}:5432/"),
        # a declared name whose owner answers with the address
        (ORDERS, f"https://{REBOUND}/"),
        (ORDERS, f"http://{REBOUND}/"),
        # past the proxy
        ("cheat-orders", f"http://{ADDRESS}:5432/"),
        ("cheat-stock", f"http://{ADDRESS}:5432/"),
    ],
)
def test_everything_else_is_refused_and_nothing_arrives(mesh: Mesh, pod: str, url: str) -> None:
    check_refused(mesh, pod, "-k", url)


def test_the_address_is_the_teams_by_whatever_name_it_found_it(mesh: Mesh) -> None:
    word, evidence = ask(mesh, ORDERS, "-k", f"http://{REBOUND}:5432/")
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(DATABASE, 5432)])


@pytest.mark.parametrize(
    ("owner", "host"),
    [(STOCK, DATABASE), (ORDERS, OTHER_DATABASE), (STOCK, OTHER_DATABASE), (None, DATABASE)],
)
def test_at_the_gateway_a_certificate_opens_its_own_database_alone(
    mesh: Mesh, owner: str | None, host: str
) -> None:
    cheat = f"cheat-{(owner or ORDERS).partition('-')[2]}"
    watch = Watch(mesh, cheat)
    identity = mesh.proxies[owner].identity if owner else None
    answer = request_to_gateway(mesh, cheat, identity, port_name(5432, host), port=8443)
    assert answer.word == "refused"
    assert not watch.evidence().arrived


def test_explain_says_of_every_team_what_happens(mesh: Mesh) -> None:
    judges = Judges(deployment(PLAN, render(PLAN)))
    tries = Tries(mesh, judges)
    asked = [
        Flow(team, host, 5432, Protocol.TCP, way, "default")
        for team in ("orders", "stock")
        for host in (DATABASE, OTHER_DATABASE)
        for way in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
    ]
    compared = [tries.compare(flow) for flow in asked]
    assert sum(not one.seen.stopped_by for one in compared) >= 2
    wrong = [str(one) for one in compared if not one.agree]
    assert not wrong, "\n".join(wrong)


def test_and_the_proof_says_so_before_anything_is_there() -> None:
    assert not verify(Intent(PLAN), Judges(deployment(PLAN, render(PLAN)))).violations

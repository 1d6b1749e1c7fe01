"""Names as a pod resolves them, by the search path of its resolv.conf. Source: Kubernetes, "DNS for Services
and Pods"."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.search_path import resolved
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Flow, Pod, Protocol, Vantage
from tests.judge.asking import BANK, SHOP, entry, service
from tests.judge.objects import snapshot

WEB = service("web", BANK, {"port": 80, "name": "http", "targetPort": 8080})
OWN = service("web", SHOP, {"port": 80, "name": "http"})
FULL = "web.bank.svc.cluster.local"


def found(host: str, *objects: Any, teams: frozenset[str] = frozenset(), **how: Any) -> Flow:
    deployed = snapshot(*(objects or (WEB,)))
    flow = Flow(
        how.pop("namespace", SHOP), host, how.pop("port", 80), how.pop("protocol", Protocol.HTTP), **how
    )
    return resolved(flow, Registry(deployed), Workloads(deployed), teams)


@pytest.mark.parametrize("name", ["web.bank", "web.bank.svc", FULL])
def test_a_service_is_found_by_every_form_of_its_name(name: str) -> None:
    assert found(name).host == FULL


def test_a_name_alone_is_a_service_of_the_pods_own_namespace() -> None:
    assert found("web", WEB, OWN).host == "web.shop.svc.cluster.local"
    assert found("web").host == "web"
    assert found("web", namespace=BANK).host == FULL


def test_the_nearest_comes_first() -> None:
    near = service("web.bank", SHOP, {"port": 80, "name": "http"})
    assert found("web.bank", WEB, near).host == "web.bank.shop.svc.cluster.local"


def test_a_name_with_five_dots_is_tried_as_it_stands_first() -> None:
    deep = service("a.b.c.d.e", "f", {"port": 80, "name": "http"})
    assert found("a.b.c.d.e.f", deep).host == "a.b.c.d.e.f.svc.cluster.local"
    assert (
        found("a.b.c.d", service("a.b.c", "d", {"port": 80, "name": "http"})).host
        == "a.b.c.d.svc.cluster.local"
    )


def test_below_the_search_path_or_as_it_stands_by_the_number_of_its_dots() -> None:
    """Where both are Services, which one a name is for shows what was tried first."""
    for name in ("a.b.svc.cluster.local", "a.b.c.svc.cluster.local", "a.b.c.d.svc.cluster.local"):
        whole, namespace = name.removesuffix(".svc.cluster.local").rpartition(".")[::2]
        itself = service(whole, namespace, {"port": 80, "name": "http"})
        below = service(name, SHOP, {"port": 80, "name": "http"})
        first = f"{name}.shop.svc.cluster.local" if name.count(".") < 5 else name
        assert found(name, itself, below).host == first


def test_what_is_no_service_stays_as_it_is() -> None:
    for host in ("a.example", "192.0.2.1", "::1"):
        assert found(host).host == host
        assert found(host, service(host, SHOP, {"port": 80, "name": "http"})).host == (
            "a.example.shop.svc.cluster.local" if host == "a.example" else host
        )
    assert found("a.example", WEB, entry("a.example")).host == "a.example"


def test_a_name_that_ends_in_a_dot_is_whole() -> None:
    assert found("web.bank", authority="web.bank.").host == "web.bank"


@pytest.mark.parametrize("way", [Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE])
def test_nodes_have_no_search_path(way: Vantage) -> None:
    assert found("web.bank", vantage=way).host == "web.bank"


def test_who_knows_where_it_goes_asks_nobody() -> None:
    there = Pod(BANK, None)
    assert found("web.bank", to=there).host == "web.bank"


@pytest.mark.parametrize("way", [Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR])
def test_past_the_sidecar_a_service_is_the_pods_behind_it_on_their_own_port(way: Vantage) -> None:
    flow = found("web.bank", vantage=way)
    assert (flow.port, flow.to and flow.to.namespace, flow.to and flow.to.labels) == (
        8080,
        BANK,
        {"app": "web"},
    )


def test_through_the_sidecar_it_stays_a_name() -> None:
    flow = found("web.bank")
    assert (flow.port, flow.to) == (80, None)


def test_so_it_does_on_a_port_that_the_service_has_not_and_by_udp() -> None:
    for how in ({"port": 81}, {"protocol": Protocol.UDP}):
        flow = found("web.bank", vantage=Vantage.PROXY, **how)
        assert (flow.host, flow.to) == (FULL, None)


def test_a_service_that_a_team_may_have_written_is_its_pods() -> None:
    flow = found("till.bank", teams=frozenset({BANK}))
    assert (flow.host, flow.to and flow.to.namespace, flow.to and flow.to.labels) == (
        "till.bank.svc.cluster.local",
        BANK,
        None,
    )
    assert found("till.bank").to is None
    assert found("till.bank", teams=frozenset({SHOP})).to is None
    assert found("a.till.bank", teams=frozenset({BANK})).to is None
    assert found(f"till.{BANK}.svc.cluster.local", teams=frozenset({BANK})).to is not None
    for name in (
        "svc.cluster.local",
        f"{BANK}.svc.cluster.local",
        f".{BANK}.svc.cluster.local",
        f"till.{BANK}.elsewhere",
    ):
        assert found(name, teams=frozenset({BANK})).to is None, name
    own = found("till", teams=frozenset({SHOP}))
    assert own.host == "till.shop.svc.cluster.local"


def test_an_entry_of_a_services_name_is_none() -> None:
    assert found("web.bank", entry(FULL), vantage=Vantage.PROXY).host == "web.bank"
    assert found("web.bank", entry(FULL), WEB, vantage=Vantage.PROXY).to is not None


def test_a_service_without_a_selector_is_its_namespaces_business() -> None:
    flow = found(
        "web.bank", service("web", BANK, {"port": 80, "name": "http"}, selector=None), vantage=Vantage.PROXY
    )
    assert flow.to
    assert flow.to.namespace == BANK


def test_but_not_where_the_mesh_knows_the_name_itself() -> None:
    assert found("till.bank", entry("till.bank"), teams=frozenset({BANK})).to is None

"""What may not be said of receiving: clients, ports, Services, names, and two teams at one place."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from tests.layers.receiving import API, MYSQL, config
from tests.support import dev_config, plan_of


def refused(made: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return str(error.value)


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no client", {"clients": {}}, "orders.receives.mysql.clients", "Anyone with a certificate"),
    (
        "a pattern",
        {"clients": {"a": "*.shop.example"}},
        "orders.receives.mysql.clients.a",
        "compared exactly",
    ),
    (
        "a SPIFFE id without a path",
        {"clients": {"a": "spiffe://shop"}},
        "orders.receives.mysql.clients.a",
        "SPIFFE id",
    ),
    (
        "an address as client",
        {"clients": {"a": "203.0.113.7"}},
        "orders.receives.mysql.clients.a",
        "a SPIFFE id or a DNS name, and this is neither",
    ),
    ("a low port", {"port": 80}, "orders.receives.mysql.port", "low ports"),
    ("a port of the proxy", {"port": 15021}, "orders.receives.mysql.port", "own pods use this port"),
    ("the pod port of 443", {"port": 8443}, "orders.receives.mysql.port", "own pods use this port"),
    (
        "a Service elsewhere",
        {"to": {"service": "mysql.other", "port": 1}},
        "orders.receives.mysql.to.service",
        "for a Service",
    ),
    (
        "a pod port of the proxy",
        {"to": {"service": "a", "port": 15006}},
        "orders.receives.mysql.to.port",
        "proxies use",
    ),
    (
        "a host in the cluster",
        {"host": "mysql.orders.svc.cluster.local"},
        "orders.receives.mysql.host",
        "cluster",
    ),
    ("an unknown protocol", {"protocol": "udp"}, "orders.receives.mysql.protocol", "one of the choices"),
    ("a Secret with a path", {"credential": "a/b"}, "orders.receives.mysql.credential", "for a Secret"),
]


@pytest.mark.parametrize(
    ("changes", "path", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(changes: dict[str, Any], path: str, words: str) -> None:
    said = refused(config({"mysql": MYSQL | changes}))
    assert path in said
    assert words in said


@pytest.mark.parametrize(("port", "program"), [(3306, "MySQL"), (5432, "PostgreSQL"), (27017, "MongoDB")])
def test_a_database_does_not_stand_on_the_internet_where_everybody_looks_for_one(
    port: int, program: str
) -> None:
    made = config({"mysql": MYSQL | {"port": port}})
    said = refused(made)
    assert f"orders.receives.mysql.port = {port}" in said
    assert f"Everybody who looks for {program}" in said
    assert f"e.g. {port + 10000}, or ingress.exposure: internal" in said
    made["gke-mesh-egress:ingress"] = {"exposure": "internal", "sourceRanges": {"shop": "10.40.0.0/24"}}
    assert plan_of(made)


def test_refused_without_an_ingress_gateway() -> None:
    said = refused(config({"mysql": MYSQL}, None))
    assert "teams.orders.receives" in said
    assert "sourceRanges" in said


@pytest.mark.parametrize(
    ("ranges", "words"), [({}, "Nobody could connect"), ({"all": "0.0.0.0/0"}, "Anybody could connect")]
)
def test_refused_source_ranges(ranges: dict[str, str], words: str) -> None:
    assert words in refused(config({"mysql": MYSQL}, {"sourceRanges": ranges}))


@pytest.mark.parametrize("name", ["Orders", "a_b", "-a", "a" * 41, ""])
def test_refused_names(name: str) -> None:
    assert "Objects are named after it" in refused(config({name: MYSQL}))


def test_one_name_and_port_for_two_things_names_both() -> None:
    said = refused(config({"mysql": MYSQL}, shop={"db": MYSQL}))
    assert "teams.shop.receives.db.host" in said
    assert "teams.orders.receives.mysql has the same host and port 13306" in said


def test_two_protocols_at_one_port_names_both() -> None:
    said = refused(config({"mysql": MYSQL | {"port": 443}}, shop={"api": API}))
    assert "teams.shop.receives.api.protocol" in said
    assert "teams.orders.receives.mysql receives tcp at port 443" in said


def test_the_managed_flavor_is_refused_in_words() -> None:
    said = refused(config({"mysql": MYSQL}) | {"gke-mesh-egress:mesh": {"flavor": "cloud-service-mesh"}})
    assert "teams.orders.receives.mysql.credential" in said
    assert "cloud-service-mesh" in said


def test_more_nodes_than_the_ranges_hold_counts_the_ingress_pool() -> None:
    made = config({"mysql": MYSQL})
    made["gke-mesh-egress:cluster"] = dev_config()["gke-mesh-egress:cluster"] | {
        "ingressPool": {"maxNodes": 900}
    }
    assert "The pools may grow to" in refused(made)
    made = config({}) | {"gke-mesh-egress:cluster": made["gke-mesh-egress:cluster"]}
    assert plan_of(made)

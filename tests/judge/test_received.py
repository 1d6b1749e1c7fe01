"""What comes in by gateways. Source: Istio, Gateway and VirtualService; GKE, "LoadBalancer Service parameters"."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.received import ANY_CERTIFICATE, ANYBODY, Door, Exposure, doors, exposures
from tests.judge.objects import snapshot, written

NAMESPACE = "istio-ingress"


def balancer(kind: str = "LoadBalancer", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    port = [{"port": 443}]
    return written("Service", NAMESPACE, "gateway", metadata={"annotations": annotations or {}}, type=kind, ports=port, **spec)


def gateway(*servers: dict[str, Any], namespace: str = NAMESPACE) -> dict[str, Any]:
    return written("Gateway", namespace, "in", servers=list(servers))


def server(mode: str | None = "MUTUAL", port: int = 443, hosts: tuple[str, ...] = ("api.example",), **tls: Any) -> dict[str, Any]:
    return {"port": {"number": port, "protocol": "HTTPS", "name": "in"}, "hosts": list(hosts), "tls": {"mode": mode, **tls}}


def leads(section: str = "http", to: str = "api.shop.svc.cluster.local", number: int | None = 8080, **of: Any) -> dict[str, Any]:
    destination = {"host": to, **({"port": {"number": number}} if number else {})}
    route = {"route": [{"destination": destination}], **({"match": of.pop("match")} if "match" in of else {})}
    spec = {"gateways": [f"{NAMESPACE}/in"], "hosts": ["api.example"], section: [route], **of}
    return written("VirtualService", NAMESPACE, "leads", **spec)


def found(*objects: dict[str, Any]) -> list[Door]:
    return list(doors(snapshot(*objects)))


def test_a_door_says_who_comes_in_where_and_to_what() -> None:
    assert found(balancer(), gateway(server(subjectAltNames=["spiffe://b", "a"])), leads()) == [
        Door("shop", "api:8080", "api.example", 443, "HTTPS", ("a", "spiffe://b"), "istio-ingress/gateway/in")
    ]


@pytest.mark.parametrize(
    ("mode", "sans", "clients"),
    [
        ("MUTUAL", ["a"], ("a",)),
        ("MUTUAL", [], (ANY_CERTIFICATE,)),
        ("OPTIONAL_MUTUAL", ["a"], (ANYBODY,)),
        ("SIMPLE", ["a"], (ANYBODY,)),
        ("PASSTHROUGH", [], (ANYBODY,)),
        (None, [], (ANYBODY,)),
    ],
)
def test_who_is_let_in_is_what_the_mode_asks_for(mode: str | None, sans: list[str], clients: tuple[str, ...]) -> None:
    (door,) = found(balancer(), gateway(server(mode, subjectAltNames=sans)), leads())
    assert door.clients == clients


def test_a_server_for_the_meshs_own_certificates_is_no_door() -> None:
    assert found(balancer(), gateway(server("ISTIO_MUTUAL")), leads()) == []
    assert len(found(balancer(), gateway(server("ISTIO_MUTUAL"), server(port=444)), leads())) == 1


def test_a_gateway_without_a_load_balancer_before_it_is_no_door() -> None:
    assert found(gateway(server()), leads()) == []
    assert found(balancer("ClusterIP"), gateway(server()), leads()) == []
    assert found(balancer(), gateway(server(), namespace="other"), leads()) == []
    assert len(found(balancer(), gateway(server(), namespace="other"), gateway(server()), leads())) == 1


def test_where_no_route_leads_on_the_door_leads_to_nothing() -> None:
    for route in (
        leads(hosts=["other.example"]),
        leads(gateways=["elsewhere/in"]),
        leads(gateways=["mesh"]),
        leads(match=[{"port": 80}]),
        leads(http=[]),
    ):
        (door,) = found(balancer(), gateway(server()), route)
        assert (door.namespace, door.to) == ("", "nothing")


def test_a_route_is_for_its_gateways_by_either_name_and_for_its_ports() -> None:
    assert found(balancer(), gateway(server()), leads(gateways=["in"]))[0].to == "api:8080"
    assert found(balancer(), gateway(server()), leads(match=[{"port": 80}, {"port": 443}]))[0].to == "api:8080"
    assert found(balancer(), gateway(server()), leads(match=[{"uri": {"exact": "/"}}]))[0].to == "api:8080"


@pytest.mark.parametrize("section", ["http", "tls", "tcp"])
def test_routes_of_every_section_lead_on(section: str) -> None:
    assert found(balancer(), gateway(server()), leads(section))[0].to == "api:8080"


def test_a_short_name_is_of_the_routes_own_namespace_and_a_port_need_not_be_said() -> None:
    (door,) = found(balancer(), gateway(server()), leads(to="api", number=None))
    assert (door.namespace, door.to) == (NAMESPACE, "api")


def test_every_host_of_a_server_and_every_leg_of_a_route_is_a_door() -> None:
    route = leads(hosts=["api.example", "www.example"])
    route["spec"]["http"][0]["route"].append({"destination": {"host": "b.bank.svc.cluster.local"}})
    assert [
        (door.host, door.namespace, door.to)
        for door in found(balancer(), gateway(server(hosts=("api.example", "www.example"))), route)
    ] == [
        ("api.example", "shop", "api:8080"),
        ("api.example", "bank", "b"),
        ("www.example", "shop", "api:8080"),
        ("www.example", "bank", "b"),
    ]


INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (balancer(), ["0.0.0.0/0 by way of the internet"]),
        (balancer(annotations=INTERNAL), ["0.0.0.0/0 by way of the VPC and networks connected to it"]),
        (balancer(annotations={"networking.gke.io/load-balancer-type": "External"}), ["0.0.0.0/0 by way of the internet"]),
        (
            balancer(loadBalancerSourceRanges=["192.0.2.0/24", "198.51.100.0/24"]),
            ["192.0.2.0/24 by way of the internet", "198.51.100.0/24 by way of the internet"],
        ),
        (balancer("ClusterIP"), []),
        (balancer("NodePort"), []),
    ],
)
def test_from_where_a_load_balancer_takes_connections(service: dict[str, Any], words: list[str]) -> None:
    by = "istio-ingress/service/gateway"
    assert list(exposures(snapshot(service))) == [Exposure("the gateway in istio-ingress", word, by) for word in words]


def test_services_that_are_no_load_balancer_end_no_list_of_them() -> None:
    assert [exposure.words for exposure in exposures(snapshot(balancer("ClusterIP"), balancer()))] == [
        "0.0.0.0/0 by way of the internet"
    ]


def test_an_exposure_need_not_say_what_it_is_by() -> None:
    assert Exposure("a", "b").by == ""

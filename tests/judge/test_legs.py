"""One destination of a route by itself, as the proxies of a namespace reach it. Source: Istio reference,
ServiceEntry."""

from __future__ import annotations

import pytest

from egress.judge.lookup.match import Found
from egress.judge.lookup.routes import Leg, Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Misread, Outside
from tests.judge.asking import BANK, GATEWAY, LABELS, SHOP, TLS, Written, entry, rule, service, to, virtual
from tests.judge.objects import snapshot

NAME = "web.bank.svc.cluster.local"


def legs(
    route: Written, *objects: Written, gateway: bool = False, section: str = "http", port: int = 80
) -> list[Leg]:
    """The legs of a route for requests (or of another section), for sidecars of the shop or for a gateway."""
    home = GATEWAY if gateway else SHOP
    deployed = snapshot(*objects, virtual(home, "a.example", **{section: [route]}))
    registry = Registry(deployed)
    (written,) = registry.virtual_services["a.example"]
    found = Found(f"spec.{section}[0]", route, {})
    return Router(registry, Workloads(deployed)).legs(written, found, port, home, LABELS if gateway else None)


def leg(host: str, *objects: Written, gateway: bool = True, port: int = 80) -> Leg:
    """The one leg of a route to a host."""
    (one,) = legs({"route": [to(host, port)]}, *objects, gateway=gateway, port=port)
    return one


def test_nine_headers_tell_of_pods_identities_and_proxies() -> None:
    """Source: Envoy, "HTTP header manipulation"; Istio, MeshConfig.ProxyConfig.proxyHeaders."""
    assert sorted(leg("b.example", entry("b.example", GATEWAY)).reveals) == [
        "x-envoy-attempt-count",
        "x-envoy-decorator-operation",
        "x-envoy-external-address",
        "x-envoy-peer-metadata",
        "x-envoy-peer-metadata-id",
        "x-forwarded-client-cert",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
    ]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-request-id"])
def test_one_of_them_may_be_taken_out_before_pods_are_asked_however_it_is_written(name: str) -> None:
    web = service("web", BANK, {"port": 80, "name": "http"})
    route = {"route": [to(NAME, 80)], "headers": {"request": {"remove": [name]}}}
    (one,) = legs(route, web)
    assert name.lower() not in one.reveals
    assert len(one.reveals) == 8


@pytest.mark.parametrize(
    ("resolution", "gateway", "refused", "sought", "stays"),
    [
        ("DNS", True, False, False, False),
        ("NONE", True, True, False, False),
        ("NONE", False, False, False, True),
        ("DYNAMIC_DNS", True, False, True, False),
        ("DYNAMIC_DNS", False, False, True, False),
        ("STATIC", True, True, False, False),
        ("STATIC", False, True, False, False),
    ],
)
def test_what_a_resolution_means_without_endpoints(
    resolution: str, gateway: bool, refused: bool, sought: bool, stays: bool
) -> None:
    one = leg(
        "b.example", entry("b.example", GATEWAY if gateway else SHOP, resolution=resolution), gateway=gateway
    )
    assert (bool(one.refused), one.sought, one.stays) == (refused, sought, stays)
    assert one.to == Outside("b.example", None)


@pytest.mark.parametrize(
    ("tls", "trusts"),
    [
        ({"mode": "SIMPLE", "credentialName": "c"}, "c"),
        ({"mode": "MUTUAL", "credentialName": "c"}, "c"),
        ({"mode": "SIMPLE", "caCertificates": "/etc/ca.pem"}, "/etc/ca.pem"),
        ({"mode": "SIMPLE"}, ""),
        ({"mode": "DISABLE", "credentialName": "c"}, ""),
    ],
)
def test_whose_certificates_a_gateway_takes_is_a_secret_or_a_file(tls: Written, trusts: str) -> None:
    one = leg("b.example", entry("b.example", GATEWAY), rule(GATEWAY, "b.example", tls=tls))
    assert (one.trusts, one.tls) == (trusts, tls["mode"] != "DISABLE")


@pytest.mark.parametrize(
    ("resolution", "end"),
    [("NONE", None), ("DYNAMIC_DNS", None), ("STATIC", "192.0.2.7"), ("DNS", "192.0.2.7")],
)
def test_of_a_host_that_is_not_resolved_endpoints_are_nothing(resolution: str, end: str | None) -> None:
    one = leg(
        "b.example",
        entry("b.example", resolution=resolution, endpoints=[{"address": "192.0.2.7"}]),
        gateway=False,
    )
    assert one.to == Outside("b.example", end)


def test_what_is_opened_to_pods_is_the_meshs_own_tls_and_to_hosts_none() -> None:
    pods = leg(NAME, service("web", BANK, {"port": 80, "name": "http"}))
    assert (pods.mutual, pods.tls, pods.mode, pods.verified, pods.trusts, pods.sought) == (
        True,
        True,
        "",
        (),
        "",
        False,
    )
    host = leg("b.example", entry("b.example", GATEWAY))
    assert (host.mutual, host.tls, host.mode, host.verified, host.trusts, host.sni) == (
        False,
        False,
        "",
        (),
        "",
        None,
    )
    assert "b.example:80" in host.says
    inside = leg(
        "b.example", entry("b.example", GATEWAY), rule(GATEWAY, "b.example", tls={"mode": "ISTIO_MUTUAL"})
    )
    assert (inside.mutual, inside.tls, inside.sni) == (True, True, "outbound_.80_._.b.example")


@pytest.mark.parametrize("own", ["127.0.0.1", "127.3.2.1", "::1"])
def test_the_address_of_the_pod_itself_is_known(own: str) -> None:
    one = leg("b.example", entry("b.example", GATEWAY, resolution="STATIC", endpoints=[{"address": own}]))
    assert (one.loopback, one.to, one.mutual) == (own, Outside("b.example", own), False)
    assert (one.host, one.number) == ("b.example", 80)
    assert (
        leg(
            "b.example",
            entry("b.example", GATEWAY, resolution="STATIC", endpoints=[{"address": "192.0.2.7"}]),
        ).loopback
        is None
    )


@pytest.mark.parametrize("own", ["localhost", "0.0.0.0", "::"])
def test_and_by_another_name_it_is_not_understood(own: str) -> None:
    with pytest.raises(Misread) as said:
        leg("b.example", entry("b.example", GATEWAY, endpoints=[{"address": own}]))
    assert said.value.field == "spec.endpoints"


@pytest.mark.parametrize(("gateway", "number"), [(True, 8443), (False, 8443)])
def test_of_tls_a_destination_without_a_port_is_asked_on_its_only_one(gateway: bool, number: int) -> None:
    one = entry("b.example", GATEWAY if gateway else SHOP, {**TLS, "number": 8443})
    (found,) = legs({"route": [to("b.example")]}, one, gateway=gateway, section="tls", port=443)
    assert (found.port, found.refused) == (number, "")


def test_of_a_request_a_sidecar_asks_it_on_the_requests_and_a_gateway_on_its_only_one() -> None:
    port = {"number": 8080, "name": "http", "protocol": "HTTP"}
    (asked,) = legs({"route": [to("b.example")]}, entry("b.example", SHOP, port))
    assert asked.refused
    (asked,) = legs({"route": [to("b.example")]}, entry("b.example", GATEWAY, port), gateway=True)
    assert (asked.host, asked.number, asked.port, asked.refused) == ("b.example", 8080, 8080, "")


def test_a_destination_that_nobody_knows_is_refused_with_or_without_a_port() -> None:
    for number in (None, 80):
        (one,) = legs({"route": [to("b.example", number)]})
        assert (bool(one.refused), one.by, one.field) == (
            True,
            "shop/virtualservice/routes",
            "spec.http[0].route[0].destination",
        )

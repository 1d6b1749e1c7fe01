"""Ports of one host: what somebody changes so that one port opens, or takes, another one is found."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.model.snapshot import identity
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from tests.judge.deployments import istio, plan, rendered, violations, with_change

BROKER, GIT = "broker.partner.example", "git.partner.example"
SPIFFE = "spiffe://cluster.local/ns/{}/sa/{}"
GATEWAY = "istio-egress/gateway/egress-gateway"
OUT = "istio-egress/virtualservice/{}-broker-partner-example-port-internal-through-egress-gateway"
OF_HOST = "istio-egress/virtualservice/broker-partner-example-through-egress-gateway"
BOUNDARY = "istio-egress/networkpolicy/gateway-boundary"
OF_SEARCH = "istio-egress/virtualservice/search-partner-example-through-egress-gateway"
SEARCH_OUT = "istio-egress/virtualservice/9243-search-partner-example-port-internal-through-egress-gateway"
SEARCH = "istio-egress/serviceentry/search-partner-example-ext"
SSH = "istio-egress/serviceentry/22-git-partner-example-port-internal-ext"


def _server(item: Any, port: int) -> Any:
    name = f"{port}.{BROKER}.port.internal"
    return next(server for server in item["spec"]["servers"] if server["hosts"] == [name])


def _leads(port: int) -> Callable[[Any], object]:
    return lambda item: item["spec"]["tcp"][0]["route"][0]["destination"].update(port={"number": port})


def _admits(port: int, team: str, account: str) -> Callable[[Any], object]:
    return lambda item: _server(item, port)["tls"]["subjectAltNames"].append(SPIFFE.format(team, account))


def _anybody(port: int) -> Callable[[Any], object]:
    return lambda item: _server(item, port)["tls"].pop("subjectAltNames")


def _on(item: Any, port: int) -> Any:
    return next(route for route in item["spec"]["tcp"] if route["match"][0]["port"] == port)


def _swapped(item: Any) -> None:
    one, other = _on(item, 9092), _on(item, 9093)
    one["route"], other["route"] = other["route"], one["route"]


CHANGED: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "the way of one port leads to the other": ("tcp-ports", OUT.format(9092), _leads(9093)),
    "the way of a port leads to https": ("tcp-ports", OUT.format(9092), _leads(443)),
    "the way of https leads to a port": ("tcp-ports", OF_HOST, _leads(9092)),
    "sidecars lead each port to the other's way": ("tcp-ports", OF_HOST, _swapped),
    "sidecars do not know TLS at every address any more": (
        "tcp-ports",
        "istio-egress/serviceentry/broker-partner-example-tls-internal-ext",
        lambda item: item["spec"].update(hosts=["elsewhere.example"]),
    ),
    "another port leaves the gateway": (
        "tcp-ports",
        "istio-egress/serviceentry/broker-partner-example-ext",
        lambda item: item["spec"]["ports"][-1].update(targetPort=9094),
    ),
    "ssh leads to another address": (
        "https-and-ssh",
        SSH,
        lambda item: item["spec"]["endpoints"][0].update(address="198.51.100.66"),
    ),
    "ssh is taken at every address": (
        "https-and-ssh",
        SSH,
        lambda item: item["spec"].pop("addresses"),
    ),
    "the way of https on 9243 leads to 443": ("https-ports", SEARCH_OUT, _leads(443)),
    "the way of https on 443 leads to 9243": ("https-ports", OF_SEARCH, _leads(9243)),
    "sidecars lead another name on 9243": (
        "https-ports",
        OF_SEARCH,
        lambda item: item["spec"]["tls"][1]["match"][0].update(sniHosts=["other.partner.example"]),
    ),
    "sidecars lead 9243 to the way of 443": (
        "https-ports",
        OF_SEARCH,
        lambda item: item["spec"]["tls"][1].update(route=item["spec"]["tls"][0]["route"]),
    ),
    "https on 9243 is taken for raw TCP": (
        "https-ports",
        SEARCH,
        lambda item: item["spec"]["ports"][-1].update(protocol="TCP", name="tcp-9243"),
    ),
    "https on 9243 leaves on another port": (
        "https-ports",
        SEARCH,
        lambda item: item["spec"]["ports"][-1].update(targetPort=9244),
    ),
    "http leaves on another port than it says": (
        "https-ports",
        "istio-egress/serviceentry/vault-partner-example-ext",
        lambda item: item["spec"]["ports"][0].update(targetPort=443),
    ),
    "a team with https on 443 gets the name of 9243": (
        "https-ports",
        "istio-egress/authorizationpolicy/egress-audit",
        lambda item: item["spec"]["rules"][0]["when"][0]["values"].append(
            "9243.search.partner.example.port.internal"
        ),
    ),
    "a team with https on 9243 gets the name of 443": (
        "https-ports",
        "istio-egress/authorizationpolicy/egress-search",
        lambda item: item["spec"]["rules"][-1]["when"][0]["values"].append("search.partner.example"),
    ),
}
"""One layer each; what another layer still refuses and what is led elsewhere is a violation all the same."""
OPENED: dict[str, tuple[str, str, str]] = {
    "an account of the other port": ("orders", "listener", "9092"),
    "an account that has nothing but https": ("orders", "visitor", "9093"),
    "another team's account of the other port": ("billing", "reader", "9093"),
    "somebody's of a team that has the other port": ("billing", "visitor", "9092"),
}
"""Who is let to a port of which only others may have it, by the server and by the policy: team, account,
port."""


@pytest.mark.parametrize("mode", ["tcp-ports", "https-and-ssh", "https-ports", "tls-without-name"])
def test_as_rendered_nothing_is_wrong(mode: str) -> None:
    assert violations(mode, rendered(mode)) == []


@pytest.mark.parametrize("what", CHANGED)
def test_a_port_that_is_led_elsewhere_is_found(what: str) -> None:
    mode, name, change = CHANGED[what]
    assert violations(mode, with_change(mode, name, change))


@pytest.mark.parametrize("what", OPENED)
def test_a_port_that_is_opened_for_those_of_another_port_is_found(what: str) -> None:
    team, account, port = OPENED[what]
    allowed = with_change("tcp-ports", GATEWAY, _admits(int(port), team, account))
    policy = istio(
        "AuthorizationPolicy",
        "istio-egress",
        "security.istio.io/v1",
        selector={"matchLabels": {"istio": "egressgateway"}},
        action="ALLOW",
        rules=[
            {
                "from": [{"source": {"principals": [f"cluster.local/ns/{team}/sa/{account}"]}}],
                "when": [{"key": "connection.sni", "values": [f"{port}.{BROKER}.port.internal"]}],
            }
        ],
    )
    found = violations("tcp-ports", allowed.of([*allowed.kubernetes, policy], allowed.google))
    said = f"{team}, as {account}: tcp://{BROKER}:{port}, by gateway-with-certificate"
    assert any(one.flow == said for one in found)


def test_a_way_in_under_another_name_is_found() -> None:
    """One more server, which leads those who may have https to a port of the same host."""
    servers = [
        {
            "port": {"number": 443, "name": "tls-other", "protocol": "TLS"},
            "hosts": ["other.example"],
            "tls": {"mode": "ISTIO_MUTUAL"},
        }
    ]
    name, at = "other.example", "istio-egress/egress-gateway"
    added = with_change("tcp-ports", GATEWAY, lambda item: item["spec"]["servers"].extend(servers))
    leads = istio(
        "VirtualService",
        "istio-egress",
        hosts=[name],
        gateways=[at],
        tcp=[
            {
                "match": [{"port": 443}],
                "route": [{"destination": {"host": BROKER, "port": {"number": 9093}}}],
            }
        ],
    )
    policy = istio(
        "AuthorizationPolicy",
        "istio-egress",
        "security.istio.io/v1",
        selector={"matchLabels": {"istio": "egressgateway"}},
        action="ALLOW",
        rules=[
            {
                "from": [{"source": {"namespaces": ["orders"]}}],
                "when": [{"key": "connection.sni", "values": [name]}],
            }
        ],
    )
    found = violations("tcp-ports", added.of([*added.kubernetes, leads, policy], added.google))
    assert any(one.flow.startswith("orders, as ") and f"tcp://{BROKER}:9093" in one.flow for one in found)


def test_a_port_that_nobody_declared_is_found_at_the_gateway() -> None:
    found = violations(
        "tcp-ports",
        with_change(
            "tcp-ports",
            "istio-egress/serviceentry/broker-partner-example-ext",
            lambda item: item["spec"]["ports"].append({"number": 9999, "name": "more", "protocol": "TCP"}),
        ),
    )
    assert found
    assert all("9999" in str(one) for one in found)


def test_a_server_that_takes_any_certificate_leaves_authorization_alone_and_that_is_too_late() -> None:
    assert violations("tcp-ports", with_change("tcp-ports", GATEWAY, _anybody(9093)))


def test_one_port_of_a_team_is_no_other_teams() -> None:
    judges, intent = Judges(rendered("tcp-ports")), Intent(plan("tcp-ports"))
    asked = {
        (team, account, port): Flow(team, BROKER, port, Protocol.TCP, service_account=account)
        for team, account in (("orders", "sender"), ("orders", "listener"), ("billing", "reader"))
        for port in (9092, 9093)
    }
    for way in (Vantage.APP, Vantage.GATEWAY_WITH_CERTIFICATE):
        passing = {who for who, flow in asked.items() if judges.trace(flow.but(vantage=way)).allowed}
        assert passing == {
            ("orders", "sender", 9092),
            ("orders", "sender", 9093),
            ("orders", "listener", 9093),
            ("billing", "reader", 9092),
        }
        assert passing == {who for who, flow in asked.items() if intent.allows(flow)}


def test_a_way_in_of_nobodys_is_found_on_each_port() -> None:
    """A certificate of the mesh that is no team's."""
    changed = with_change("tcp-ports", GATEWAY, _anybody(9093))
    policy = istio(
        "AuthorizationPolicy",
        "istio-egress",
        "security.istio.io/v1",
        selector={"matchLabels": {"istio": "egressgateway"}},
        action="ALLOW",
        rules=[{"when": [{"key": "connection.sni", "values": [f"9093.{BROKER}.port.internal"]}]}],
    )
    boundary = deepcopy(dict(next(item for item in changed.kubernetes if identity(item) == BOUNDARY)))
    boundary["spec"]["ingress"] = [{}]
    rest = [item for item in changed.kubernetes if identity(item) != BOUNDARY]
    found = violations("tcp-ports", changed.of([*rest, boundary, policy], changed.google))
    assert any(one.flow.startswith("some-other-namespace") and ":9093" in one.flow for one in found)

"""Policies that somebody adds: gateways take more callers by them, or pods take some without certificates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.deployments import istio, violations, with_object


def allow(rule: dict[str, Any], action: str = "ALLOW") -> dict[str, Any]:
    return istio("AuthorizationPolicy", "istio-egress", "security.istio.io/v1", action=action, rules=[rule])


def of(*principals: str) -> list[dict[str, Any]]:
    return [{"source": {"principals": list(principals)}}]


TEAM_Y = [{"source": {"namespaces": ["team-y"]}}]


def to(**operation: Any) -> list[dict[str, Any]]:
    return [{"operation": {"hosts": ["httpbin.org", "httpbin.org:80"], **operation}}]


POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "an account of any trust domain": (allow({"from": of("*/ns/team-y/sa/special")}), "no layer refuses it"),
    "accounts that begin alike": (
        allow({"from": of("cluster.local/ns/team-y/sa/spec*")}),
        "no layer refuses it",
    ),
    "accounts that end alike, of any namespace": (allow({"from": of("*special")}), "no layer refuses it"),
    "an account of any namespace": (allow({"from": of("*/sa/special")}), "no layer refuses it"),
    "everybody but one": (
        allow({"from": [{"source": {"notPrincipals": ["cluster.local/ns/team-y/sa/test"]}}]}),
        "no layer refuses it",
    ),
    "one account, or everybody of other namespaces": (
        allow({"from": [*of("cluster.local/ns/team-y/sa/test"), {"source": {"notNamespaces": ["team-x"]}}]}),
        "no layer refuses it",
    ),
    "whoever comes to the gateway's own address": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["10.1.0.0/16"]}]}),
        "cannot read",
    ),
    "whoever comes to the gateway's own address, or to the loopback network": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["127.0.0.1", "10.1.0.0/16"]}]}),
        "cannot read",
    ),
    "an address that is none": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["somewhere"]}]}),
        "cannot read",
    ),
    "nobody who comes to the gateway's own address": (
        allow({"when": [{"key": "destination.ip", "values": ["10.1.0.0/16"]}]}, "DENY"),
        "cannot read",
    ),
    "every path but one": (allow({"from": TEAM_Y, "to": to(notPaths=["/"])}), "no layer refuses it"),
    "every method but one": (allow({"from": TEAM_Y, "to": to(notMethods=["GET"])}), "no layer refuses it"),
    "every value of a header but one": (
        allow({"from": TEAM_Y, "to": to(), "when": [{"key": "request.headers[x-a]", "notValues": [""]}]}),
        "no layer refuses it",
    ),
    "every path where the Host header has a port": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin.org:80"]}}]}),
        "no layer refuses it",
    ),
    "another port in the Host header": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin.org:8443"]}}]}),
        "no layer refuses it",
    ),
    "every host of a domain": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["*.org"]}}]}),
        "no layer refuses it",
    ),
    "hosts that begin alike": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin*"]}}]}),
        "no layer refuses it",
    ),
    "an account that is refused what its team declared": (
        allow({"from": of("*/ns/team-x/sa/special")}, "DENY"),
        "a layer refuses it",
    ),
    "a condition that nobody reads": (
        allow({"from": TEAM_Y, "when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}),
        "cannot read",
    ),
}
"""Policies that somebody adds, and what is said."""


@pytest.mark.parametrize("what", POLICIES)
def test_a_policy_that_lets_more_through_is_found(what: str) -> None:
    written, says = POLICIES[what]
    found = violations("dev", with_object("dev", written))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def peers(name: str = "somebodys", namespace: str = "team-y", **spec: Any) -> dict[str, Any]:
    return istio("PeerAuthentication", namespace, "security.istio.io/v1", **spec)


PEERS = {
    "some pods without certificates": peers(selector={"matchLabels": {"app": "a"}}, mtls={"mode": "DISABLE"}),
    "one port without certificates": peers(
        selector={"matchLabels": {"app": "a"}},
        mtls={"mode": "STRICT"},
        portLevelMtls={"8080": {"mode": "PERMISSIVE"}},
    ),
    "a second one for the whole mesh": peers(namespace="istio-system", mtls={"mode": "PERMISSIVE"}),
}


@pytest.mark.parametrize("what", PEERS)
def test_pods_that_take_callers_without_a_certificate_are_found(what: str) -> None:
    found = violations("dev", with_object("dev", PEERS[what]))
    assert any("have to demand mutual TLS" in violation.says for violation in found)


def test_one_that_demands_as_much_is_none() -> None:
    as_much = peers(
        selector={"matchLabels": {"app": "a"}},
        mtls={"mode": "STRICT"},
        portLevelMtls={"8080": {"mode": "UNSET"}},
    )
    assert violations("dev", with_object("dev", as_much)) == []

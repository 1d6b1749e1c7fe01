"""A rule of a gateway that means another team's host by a pattern opens it, and is a violation.

The host that it opens is one of several alike, and not the first of them, so that nothing stands for it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from egress.common.ports import GATEWAY_TLS
from egress.judge.trace import Judges
from egress.proof.verify import verify
from tests.fuzz.added.mesh import ROOT, istio
from tests.fuzz.added.stacks import Json, Stack
from tests.proof.test_both_layers_opened import between
from tests.support import config_with

HTTP, TLS = {"http": {"upgrade": "tls"}}, {"https": "passthrough"}
TEAMS: Any = {
    "bank": {
        "egress": {
            "a.first.example": HTTP,
            "api.deep.partner.example": HTTP,
            "b.other.example": HTTP,
            "b.first.example": TLS,
            "tls.deep.partner.example": TLS,
            "*.wild.example": TLS,
        }
    },
    "cafe": {"egress": {"own.example": HTTP, "own-tls.example": TLS}},
    "shop": {"egress": {"c.other.example": HTTP}, "gateway": "own"},
}
STACK = Stack({**config_with("teams", deepcopy(TEAMS)), "gke-mesh-egress:gateways": {"own": {}}})
SHARED, OWN = "istio-egress", "istio-egress-own"
OF_REQUESTS = (
    "*.deep.partner.example",
    "*.partner.example",
    "*.example",
    "*partner.example",
    "*eep.partner.example",
    "api.deep.*",
    "api*",
    "ap*",
    "*.deep.partner.example:80",
    "*:80",
    "API.deep.partner.*",
)
OF_SERVER_NAMES = {
    "*.deep.partner.example": "tls.deep.partner.example",
    "*eep.partner.example": "tls.deep.partner.example",
    "tl*": "tls.deep.partner.example",
    "wild.*": "any-name.wild.example",
    "*.internal": "any-name.wild.example",
    "*ild.example.wildcard.internal": "any-name.wild.example",
}
"""What a rule says, and what it opens among other things. To its gateways a team's pattern is a name of their
own."""


def allowed(namespace: str, host: str, team: str = "cafe", **source: Any) -> Json:
    rule = {
        "from": [{"source": source or {"namespaces": [team]}}],
        "to": [{"operation": {"hosts": [host]}}],
    }
    return istio("AuthorizationPolicy", namespace, action="ALLOW", rules=[rule])


def opened(*edits: Json) -> list[str]:
    found = verify(STACK.intent, Judges(STACK.changed([*edits]))).violations
    return [f"{violation.flow}: {violation.says}" for violation in found]


def test_the_stack_itself_is_proven() -> None:
    assert verify(STACK.intent, Judges(STACK.unchanged)).holds


@pytest.mark.parametrize("namespace", [SHARED, ROOT])
@pytest.mark.parametrize("pattern", OF_REQUESTS)
def test_a_pattern_of_requests_opens_what_it_covers(pattern: str, namespace: str) -> None:
    assert any("//api.deep.partner.example" in flow for flow in opened(allowed(namespace, pattern)))


BUT: dict[str, tuple[Json, str]] = {
    "two hosts left out": (
        {"notHosts": ["a.first.example*", "api.deep.partner.example*"]},
        "b.other.example",
    ),
    "two patterns left out": ({"notHosts": ["a*", "own*"]}, "b.other.example"),
    "by a pattern, without some": ({"hosts": ["*.example"], "notHosts": ["a*"]}, "b.other.example"),
    "of everything, without some": ({"hosts": ["*"], "notHosts": ["*.first.*", "a*"]}, "b.other.example"),
    "its name left out, and not its port": (
        {"hosts": ["api.deep.partner.example*"], "notHosts": ["api.deep.partner.example"]},
        "api.deep.partner.example",
    ),
    "its name with any port": ({"hosts": ["api.deep.partner.example:*"]}, "api.deep.partner.example"),
    "with the beginning of a port": ({"hosts": ["api.deep.partner.example:8*"]}, "api.deep.partner.example"),
    "of another port": ({"hosts": ["api.deep.partner.example:4*"]}, "api.deep.partner.example"),
}
"""An operation of a rule, and what it opens though it leaves out or bounds others."""


@pytest.mark.parametrize("what", BUT)
def test_what_a_rule_leaves_open_beside_what_it_leaves_out_is_found(what: str) -> None:
    operation, host = BUT[what]
    rule = {"from": [{"source": {"namespaces": ["cafe"]}}], "to": [{"operation": operation}]}
    edit = istio("AuthorizationPolicy", SHARED, action="ALLOW", rules=[rule])
    assert any(f"//{host}" in flow for flow in opened(edit))


def test_what_is_left_between_one_rule_that_allows_and_one_that_denies_is_found() -> None:
    denied = allowed(SHARED, "a*")["put"]
    denied["metadata"]["name"] = "denied"
    denied["spec"]["action"] = "DENY"
    assert any("//b.other.example" in flow for flow in opened(allowed(SHARED, "*"), {"put": denied}))


@pytest.mark.parametrize("left_out", ["b.first.example", "tls.deep.partner.example"])
def test_a_server_name_left_out_leaves_the_others_open(left_out: str) -> None:
    names = [left_out, "wild.example.wildcard.internal"]
    rule = {
        "from": [{"source": {"namespaces": ["cafe"]}}],
        "when": [
            {"key": "connection.sni", "notValues": names},
            {"key": "destination.port", "values": [str(GATEWAY_TLS)]},
        ],
    }
    flows = opened(istio("AuthorizationPolicy", SHARED, action="ALLOW", rules=[rule]))
    (other,) = {"b.first.example", "tls.deep.partner.example"} - {left_out}
    assert any(f"//{other}" in flow for flow in flows)
    assert not any(f"//{left_out}" in flow for flow in flows)


@pytest.mark.parametrize("pattern", OF_SERVER_NAMES)
def test_a_pattern_of_server_names_opens_what_it_covers(pattern: str) -> None:
    rule = {
        "from": [{"source": {"namespaces": ["cafe"]}}],
        "when": [{"key": "connection.sni", "values": [pattern]}],
    }
    edit = istio("AuthorizationPolicy", SHARED, action="ALLOW", rules=[rule])
    assert any(OF_SERVER_NAMES[pattern] in flow for flow in opened(edit))


@pytest.mark.parametrize("source", ["*", "cluster.local/ns/cafe/*", "*/sa/default"])
def test_for_whomever_the_rule_is(source: str) -> None:
    assert any("deep" in flow for flow in opened(allowed(SHARED, "*.partner.example", principals=[source])))


def test_at_the_gateway_of_another_team_it_is_its_hosts_that_are_opened() -> None:
    """Once both ends' NetworkPolicies let the team there as well."""
    rule = allowed(OWN, "*.other.example")
    assert opened(rule) == []
    flows = opened(rule, *between("cafe", OWN))
    assert any("//c.other.example" in flow for flow in flows)
    assert not any("//b.other.example" in flow for flow in flows)


def test_a_pattern_that_covers_no_host_opens_nothing() -> None:
    assert opened(allowed(SHARED, "*.nobodys.example")) == []

"""What may not be said of plain HTTP, of one team or between two, and with the managed mesh."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from tests.layers.plain_http import host
from tests.support import config_with, plan_of, teams

REFUSED = [
    (
        "mutual TLS without a credential",
        {"upgrade": "mtls"},
        "no client certificate to present",
        "credential",
    ),
    ("a credential without mutual TLS", {"upgrade": "tls", "credential": "x"}, "ignored", "upgrade: mtls"),
    ("a server name for plain HTTP", {"sni": "b.example"}, "opens no TLS", "upgrade: tls"),
    ("a certificate's name for plain HTTP", {"subjectAltNames": ["b.example"]}, "opens no TLS", "remove it"),
    ("no name at all", {"upgrade": "tls", "subjectAltNames": []}, "any certificate", "the host's own"),
    (
        "a pattern of names",
        {"upgrade": "tls", "subjectAltNames": ["*.b.example"]},
        "whole names",
        "stands in the host's certificate",
    ),
    ("an authority for plain HTTP", {"ca": "x"}, "verifies nothing", "upgrade: tls"),
    (
        "an authority beside a credential",
        {"upgrade": "mtls", "credential": "x", "ca": "y"},
        "ca.crt",
        "Put it there",
    ),
    ("gRPC without TLS", {"protocol": "grpc"}, "Hardly any outside host", "upgrade: tls"),
    (
        "rules in two places",
        {"methods": ["GET"], "allow": {"a": {"paths": ["/"]}}},
        "one of the two",
        "rule of their own",
    ),
    ("no rules at all", {"allow": {}}, "nothing would be allowed", "leave allow out"),
    ("a header in upper case", {"headers": {"X-Tenant": ["a"]}}, "lower case", "x-tenant"),
    ("a header that proxies rewrite", {"headers": {"host": ["a"]}}, "proxies rewrite it", "another header"),
    ("a header without values", {"headers": {"x-tenant": []}}, "empty list", "leave the field out"),
    ("two open ends in a template", {"paths": ["/a/{**}/b/{**}"]}, "one `{**}`", "/users/{*}/orders"),
    ("a brace that is no template", {"paths": ["/a/{id}"]}, "template", "/users/{*}/orders"),
    (
        "a service account with a namespace",
        {"serviceAccounts": ["team-b/worker"]},
        "refuses this name",
        "without the namespace",
    ),
    ("a time that is none", {"traffic": {"timeout": "5"}}, "not a length of time", "5s"),
    ("a time of nothing", {"traffic": {"timeout": "0s"}}, "does not accept this duration", "5s"),
    (
        "a retry condition that is none",
        {"traffic": {"retries": {"attempts": 1, "retryOn": ["sometimes"]}}},
        "choices",
        "gateway-error",
    ),
    ("too many retries", {"traffic": {"retries": {"attempts": 11}}}, "at most 10", "at most 10"),
]


@pytest.mark.parametrize(
    ("http", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused(http: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        host(http)
    (problem,) = refused.value.problems
    assert problem.path.startswith('gke-mesh-egress:teams.team-a.egress["api.example.com"].http')
    assert consequence in problem.consequence
    assert fix.lower() in problem.fix.lower()


def test_service_accounts_beside_http_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match="http rules have serviceAccounts of their own"):
        host({}, serviceAccounts=["worker"])


DISAGREEMENTS = [
    ("upgrade", {"upgrade": "tls"}, {}),
    ("protocol", {"upgrade": "tls", "protocol": "grpc"}, {"upgrade": "tls"}),
    ("credential", {"upgrade": "mtls", "credential": "a"}, {"upgrade": "mtls", "credential": "b"}),
    ("ca", {"upgrade": "tls", "ca": "a"}, {"upgrade": "tls"}),
    ("sni", {"upgrade": "tls", "sni": "a.example"}, {"upgrade": "tls"}),
    ("subjectAltNames", {"upgrade": "tls", "subjectAltNames": ["a.example"]}, {"upgrade": "tls"}),
    ("traffic", {"traffic": {"timeout": "1s"}}, {"traffic": {"timeout": "2s"}}),
]


def test_two_teams_that_list_the_same_names_agree_in_whatever_order() -> None:
    one, other = (
        {"subjectAltNames": names} for names in (["a.example", "B.example"], ["b.example", "a.example"])
    )
    shared = {
        team: {"a.partner.example": {"http": {"upgrade": "tls", **said}}}
        for team, said in (("a", one), ("b", other))
    }
    [found] = plan_of(teams(**shared)).hosts
    assert found.leaving is not None
    assert found.leaving.names.accepted("a.partner.example") == ("a.example", "b.example")


@pytest.mark.parametrize(("field", "one", "other"), DISAGREEMENTS, ids=[row[0] for row in DISAGREEMENTS])
def test_two_teams_that_disagree_are_both_named(
    field: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(teams(team_a={"api.example.com": {"http": one}}, team_b={"api.example.com": {"http": other}}))
    (problem,) = refused.value.problems
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["api.example.com"].http.{field}'
    assert f'teams.team-a.egress["api.example.com"].http.{field}' in problem.consequence


@pytest.mark.parametrize(
    ("http", "field"),
    [({"upgrade": "mtls", "credential": "x"}, "upgrade"), ({"upgrade": "tls", "ca": "x"}, "ca")],
)
def test_what_the_managed_mesh_cannot_do_is_refused_with_the_way_out(
    http: dict[str, Any], field: str
) -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {"api.example.com": {"http": http}}}}
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert problem.path.endswith(f".http.{field}")
    assert "cloud-service-mesh" in problem.consequence
    assert "mesh.flavor: istio" in problem.fix

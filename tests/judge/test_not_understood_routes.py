"""What somebody changes of the way to a host, and what is said of it: TLS, headers, addresses.

Each case is an object that is changed, added or taken away, which opens or breaks something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from egress.judge.model.snapshot import Snapshot, identity
from tests.judge.deployments import istio, rendered, violations, with_change, with_object


def _http(at: int, **headers: Any) -> Callable[[Any], object]:
    """A change of what a route of HTTP does to a request's headers."""
    return lambda item: (
        item["spec"]["http"][at].setdefault("headers", {}).setdefault("request", {}).update(headers)
    )


def _tls(**fields: Any) -> Callable[[Any], object]:
    return lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"].update(fields)


ORIGINATION = "istio-egress/destinationrule/example-com-originate-tls"
ROUTE = "istio-egress/virtualservice/example-com-through-egress-gateway"
WRONG: dict[str, tuple[str, str, Callable[[Any], object], str]] = {
    "a host's certificate that nobody checks": (
        "dev",
        ORIGINATION,
        _tls(insecureSkipVerify=True),
        "does not check",
    ),
    "another name in the certificate": (
        "dev",
        ORIGINATION,
        _tls(subjectAltNames=["example.com", "elsewhere.example"]),
        "declared is example.com, and example.com",
    ),
    "another name that is asked for": (
        "dev",
        ORIGINATION,
        _tls(sni="elsewhere.example"),
        "asks example.com for elsewhere.example",
    ),
    "another authority": (
        "dev",
        ORIGINATION,
        _tls(caCertificates=None, credentialName="somebodys"),
        "declared is system",
    ),
    "public authorities instead of the private one": (
        "private-ca",
        "istio-egress/destinationrule/plc-factory-example-originate-tls",
        lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0].update(
            tls={
                **item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"],
                "credentialName": None,
                "caCertificates": "system",
            }
        ),
        "certificates that system knows",
    ),
    "another client certificate": (
        "http-mtls",
        "istio-egress/destinationrule/clearing-bank-example-originate-tls",
        _tls(credentialName="somebodys"),
        "somebodys",
    ),
    "a header that a rule asks for, written by the sidecar": (
        "dev",
        ROUTE,
        _http(0, set={"x-tenant": "shop"}),
        "cannot read",
    ),
    "a header that a rule asks for, added by the sidecar": (
        "dev",
        ROUTE,
        _http(0, add={"x-tenant": "shop"}),
        "cannot read",
    ),
    "a header that a rule asks for, taken out before": (
        "dev",
        ROUTE,
        _http(0, remove=["x-tenant"]),
        "cannot read",
    ),
    "another host's name": ("dev", ROUTE, _http(1, set={"host": "elsewhere.example"}), "cannot read"),
    "a gateway that takes another authority's certificates": (
        "dev",
        "istio-egress/gateway/egress-gateway",
        lambda item: item["spec"]["servers"][0].update(tls={"mode": "MUTUAL", "credentialName": "somebodys"}),
        "cannot read",
    ),
    "addresses of raw TCP, the second of which is another": (
        "tcp",
        "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext",
        lambda item: (
            item["spec"]["endpoints"].append({"address": "198.51.100.66"}),
            item["spec"]["addresses"].append("198.51.100.66"),
        ),
        "a layer refuses it",
    ),
    "an address of raw TCP by which the mesh does not know it": (
        "tcp",
        "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext",
        lambda item: item["spec"].update(addresses=["198.51.100.66"]),
        "cannot read",
    ),
    "raw TCP without an address": (
        "tcp",
        "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext",
        lambda item: item["spec"].pop("endpoints"),
        "a layer refuses it",
    ),
}
"""What is read and found wrong: an example, an object, how, and what is said."""


@pytest.mark.parametrize("what", WRONG)
def test_what_is_read_and_wrong_is_said(what: str) -> None:
    mode, name, change, says = WRONG[what]
    found = violations(mode, with_change(mode, name, change))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def test_a_rule_for_some_pods_of_a_team_is_not_understood() -> None:
    """With the weaker models a sidecar itself opens TLS; a rule for some pods can take that away from these
    alone."""
    entries = [item for item in rendered("registry-only").kubernetes if item["kind"] == "ServiceEntry"]
    declared = next(item for item in entries if item["metadata"]["namespace"] == "media")["spec"]["hosts"][0]
    rule = istio(
        "DestinationRule",
        "media",
        host=declared,
        workloadSelector={"matchLabels": {"app": "a"}},
        trafficPolicy={"tls": {"mode": "DISABLE"}},
        exportTo=["."],
    )
    found = violations("registry-only", with_object("registry-only", rule))
    assert any(step.decided_by == identity(rule) for violation in found for step in violation.steps)


def test_without_a_route_nothing_takes_internal_headers_out() -> None:
    deployed = rendered("registry-only")
    left = [
        item
        for item in deployed.kubernetes
        if (item["kind"], item["metadata"].get("namespace")) != ("VirtualService", "media")
    ]
    assert len(left) < len(deployed.kubernetes)
    found = violations("registry-only", Snapshot.of(left, deployed.google))
    assert any("tells the outside of the mesh" in violation.says for violation in found)

"""What is declared still arrives, or verify says that it does not: each case is one change of one object that
stops it."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.ports import GATEWAY_HTTP
from egress.judge.model.snapshot import Snapshot, identity
from egress.proof.violation import Violation
from tests.judge.deployments import rendered, violations, with_change, with_object
from tests.proof.test_every_object import thing

SECURITY, NETWORKING = "security.istio.io/v1", "networking.istio.io/v1"
X = "cluster.local/ns/team-x/sa"
SERVICE = "test.team-y.svc.cluster.local"


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return thing("AuthorizationPolicy", SECURITY, namespace, spec=spec)


def tls(namespace: str, mode: str, **more: Any) -> dict[str, Any]:
    return thing(
        "DestinationRule",
        NETWORKING,
        namespace,
        spec={"host": SERVICE, "trafficPolicy": {"tls": {"mode": mode}}, **more},
    )


STOPS: dict[str, dict[str, Any]] = {
    "a policy that denies everything there": policy("team-y", action="DENY", rules=[{}]),
    "a policy that allows nothing there": policy("team-y"),
    "a policy that allows somebody else": policy(
        "team-y", rules=[{"from": [{"source": {"namespaces": ["team-z"]}}]}]
    ),
    "a policy that allows one account": policy(
        "team-y", rules=[{"from": [{"source": {"principals": [f"{X}/shop"]}}]}]
    ),
    "a policy that denies one account": policy(
        "team-y", action="DENY", rules=[{"from": [{"source": {"principals": [f"{X}/special"]}}]}]
    ),
    "a policy that denies accounts by pattern": policy(
        "team-y", action="DENY", rules=[{"from": [{"source": {"principals": [f"{X}/spec*"]}}]}]
    ),
    "a policy that allows requests, and no other bytes": policy(
        "team-y", rules=[{"to": [{"operation": {"paths": ["/*"]}}]}]
    ),
    "a policy that denies some pods' callers": policy(
        "team-y", selector={"matchLabels": {"app": "a"}}, action="DENY", rules=[{}]
    ),
    "a policy of the whole mesh": policy(
        "istio-system", selector={"matchLabels": {"app": "a"}}, action="DENY", rules=[{}]
    ),
    "plain text to who demands mutual TLS": tls("team-x", "DISABLE"),
    "TLS to who demands a certificate of the mesh": tls("team-x", "SIMPLE"),
    "plain text on one port": thing(
        "DestinationRule",
        NETWORKING,
        "team-x",
        spec={
            "host": SERVICE,
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]},
        },
    ),
    "plain text, as the neighbour exports it": tls("team-y", "DISABLE", exportTo=["team-x"]),
    "another way for a neighbour's Service": thing(
        "VirtualService",
        NETWORKING,
        "team-x",
        spec={
            "hosts": [SERVICE],
            "http": [{"route": [{"destination": {"host": "elsewhere.example", "port": {"number": 80}}}]}],
        },
    ),
}


def _about(found: list[Violation], name: str) -> bool:
    return any(
        "team-x" in violation.flow and step.decided_by == name
        for violation in found
        for step in violation.steps
    )


@pytest.mark.parametrize("what", STOPS)
def test_pods_of_a_team_that_another_reaches_refuse_nothing_in_silence(what: str) -> None:
    assert _about(violations("dev", with_object("dev", STOPS[what])), identity(STOPS[what]))


PASSES: dict[str, dict[str, Any]] = {
    "a policy that allows whoever is of the mesh": policy("team-y", rules=[{}]),
    "a policy that allows the team": policy(
        "team-y", rules=[{"from": [{"source": {"namespaces": ["team-x"]}}]}]
    ),
    "a policy that denies somebody else": policy(
        "team-y", action="DENY", rules=[{"from": [{"source": {"namespaces": ["team-z"]}}]}]
    ),
    "a policy of the other direction": policy(
        "team-x", action="DENY", rules=[{"from": [{"source": {"namespaces": ["team-z"]}}]}]
    ),
    "the mesh's TLS, in so many words": tls("team-x", "ISTIO_MUTUAL"),
    "a rule that others do not see": tls("team-y", "DISABLE", exportTo=["."]),
    "how many connections there are": thing(
        "DestinationRule",
        NETWORKING,
        "team-x",
        spec={"host": SERVICE, "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}}},
    ),
}


@pytest.mark.parametrize("what", PASSES)
def test_what_lets_the_declared_neighbour_come_is_no_violation(what: str) -> None:
    assert violations("dev", with_object("dev", PASSES[what])) == []


def test_that_a_neighbours_proxy_refuses_is_nothing_to_count_on() -> None:
    """A policy of the target's pods does not stand in for the NetworkPolicy that lets an undeclared neighbour
    come."""
    denied = policy("team-x", action="DENY", rules=[{}])

    def opened(item: Any) -> None:
        item["spec"]["ingress"].append({})
        item["spec"]["egress"].append({})

    def both(name: str) -> list[dict[str, Any]]:
        (found,) = [item for item in with_change("dev", name, opened).kubernetes if identity(item) == name]
        return [dict(found)]

    base = rendered("dev")
    names = [f"team-{letter}/networkpolicy/team-boundary" for letter in "xy"]
    wider = [item for name in names for item in both(name)]
    others = [item for item in base.kubernetes if identity(item) not in names]
    found = violations("dev", Snapshot.of([*others, *wider, denied], base.google))
    assert any(violation.flow.startswith("team-y") and "team-x" in violation.flow for violation in found)


def without(mode: str, name: str) -> Snapshot:
    base = rendered(mode)
    left = [item for item in base.kubernetes if identity(item) != name]
    assert len(left) == len(base.kubernetes) - 1
    return Snapshot.of(left, base.google)


def _unfit(**of: Any) -> Any:
    def change(item: Any) -> None:
        listener = item["spec"]["configPatches"][0]["match"]["listener"]
        cache = item["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]["dns_cache_config"]
        listener.update({key: value for key, value in of.items() if key in listener})
        cache.update({key: value for key, value in of.items() if key in cache and key != "name"})
        if "cache" in of:
            cache["name"] = of["cache"]
        if "labels" in of:
            item["spec"]["workloadSelector"]["labels"] = of["labels"]

    return change


LOOK_UP = "istio-egress/envoyfilter/wildcard-look-up"


def test_names_below_a_pattern_do_not_arrive_where_nothing_looks_them_up() -> None:
    found = violations("wildcard", without("wildcard", LOOK_UP))
    assert {violation.flow.partition(":")[0].partition(",")[0] for violation in found} == {"reports", "shop"}
    assert all(step.understood for violation in found for step in violation.steps)


@pytest.mark.parametrize(
    "change",
    [
        _unfit(name="127.9.9.9_9443"),
        _unfit(cache="*.elsewhere.example_dfp_dns_cache"),
        _unfit(labels={"app": "another"}),
    ],
    ids=["another listener", "another cache", "another gateway"],
)
def test_names_below_a_pattern_do_not_arrive_where_they_are_looked_up_elsewhere(change: Any) -> None:
    assert violations("wildcard", with_change("wildcard", LOOK_UP, change))


def test_tcp_by_name_does_not_arrive_where_no_proxy_answers_dns() -> None:
    found = violations("tcp-by-name", without("tcp-by-name", "reports/proxyconfig/dns-proxy"))
    assert any("partner.example" in violation.flow for violation in found)
    assert all(step.understood for violation in found for step in violation.steps)
    off = with_change(
        "tcp-by-name",
        "reports/proxyconfig/dns-proxy",
        lambda item: item["spec"]["environmentVariables"].update(ISTIO_META_DNS_CAPTURE="false"),
    )
    assert violations("tcp-by-name", off)


WAYS_IN: dict[str, Any] = {
    "a gateway's Service that is another name": lambda spec: spec.update(
        type="ExternalName", externalName="elsewhere.example"
    ),
    "a gateway's Service for the caller's own node": lambda spec: spec.update(internalTrafficPolicy="Local"),
    "a gateway's Service without an address": lambda spec: spec.update(clusterIP="None"),
    "a gateway's Service without pods": lambda spec: spec["selector"].update(version="none"),
    "a gateway's Service that chooses nothing": lambda spec: spec.pop("selector"),
}


@pytest.mark.parametrize("what", WAYS_IN)
def test_a_gateways_service_that_leads_nowhere_is_found(what: str) -> None:
    name = "istio-egress/service/istio-egressgateway"
    assert violations("dev", with_change("dev", name, lambda item: WAYS_IN[what](item["spec"])))


FILTERS: dict[str, Any] = {
    "on the way back": lambda spec: spec.update(
        match=[{"mode": "SERVER", "ports": [{"number": GATEWAY_HTTP}]}]
    ),
    "on a port that nothing comes to": lambda spec: spec.update(
        match=[{"mode": "CLIENT", "ports": [{"number": 80}]}]
    ),
    "on other pods": lambda spec: spec["selector"]["matchLabels"].update(istio="another"),
}


@pytest.mark.parametrize("what", FILTERS)
def test_a_filter_of_bodies_that_inspects_nothing_is_not_understood(what: str) -> None:
    name = "istio-egress/trafficextension/body-inspection"
    found = violations(
        "inspection", with_change("inspection", name, lambda item: FILTERS[what](item["spec"]))
    )
    assert any(
        step.decided_by == name and not step.understood for violation in found for step in violation.steps
    )


def test_a_destination_that_is_wherever_the_client_wants_is_not_understood() -> None:
    """PASSTHROUGH leads to the address that the client had asked for, whatever the route says."""
    name = "team-x/destinationrule/target-egress-gateway"

    def passes(item: Any) -> None:
        item["spec"].setdefault("trafficPolicy", {})["loadBalancer"] = {"simple": "PASSTHROUGH"}

    found = violations("dev", with_change("dev", name, passes))
    assert any(
        step.decided_by == name and not step.understood for violation in found for step in violation.steps
    )

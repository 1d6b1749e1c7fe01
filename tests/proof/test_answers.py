"""A host's owner may answer whatever he likes: verify asks where it would lead, of the rendered objects."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from egress.common.ip_space import without
from egress.common.objects import Manifest
from egress.common.ports import INNER_PORT, TARGET_PORTS
from egress.judge.lookup.bound import Bound
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.mesh.way_out import NAME
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import plan_of, teams

TCP = {"port": 5432, "byName": True, "serviceAccounts": ["app"]}
FIXED = {"port": 5433, "addresses": ["203.0.113.9"], "serviceAccounts": ["app"]}


@cache
def plan() -> Plan:
    """Every way in which a name can be left, and a team that leaves past the gateway."""
    config = teams(
        shop={
            "plain.example": {"http": {}},
            "tls.example": {"http": {"upgrade": "tls", "mirror": {"host": "copy.example"}}},
            "copy.example": {"http": {}},
            "passed.example": {"https": "passthrough"},
            "*.pattern.example": {"https": "passthrough"},
            "db.example": {"tcp": TCP},
            "inner.example": {"tcp": TCP | {"port": 9443, "outsidePort": 8443}},
            "fixed.example": {"tcp": FIXED},
        },
        media={"cdn.example": {"https": "passthrough"}, "*.media.example": {"https": "passthrough"}},
    )
    config["gke-mesh-egress:teams"]["media"]["model"] = {"registryOnly": "more than the gateway carries"}
    config["gke-mesh-egress:fences"] = {
        "applicationNodes": {"leaveOn": [443], "reason": "media leaves by itself"}
    }
    return plan_of(config)


def told(
    change: Callable[[Manifest], None], kind: str, name: str | None = None, namespace: str | None = None
) -> list[str]:
    """What verify says once some objects were changed."""
    original = deployment(plan(), render(plan()))
    changed: list[Manifest] = []
    touched = 0
    for item in deepcopy(original.kubernetes):
        metadata = item["metadata"]
        if (
            item["kind"] == kind
            and name in (None, metadata["name"])
            and namespace in (None, metadata.get("namespace"))
        ):
            change(dict(item))
            touched += 1
        changed.append(dict(item))
    assert touched
    return [
        violation.says
        for violation in verify(Intent(plan()), Judges(Snapshot.of(changed, original.google))).violations
    ]


def test_as_rendered_nothing_leads_back() -> None:
    assert told(lambda _: None, "Namespace") == []


def test_the_card_is_named_for_every_way_but_the_one_to_itself() -> None:
    bound = Bound(deployment(plan(), render(plan())))
    (gateway,) = [
        pod
        for pod in Judges(deployment(plan(), render(plan()))).gateways.pods
        if pod.namespace == "istio-egress"
    ]
    for host, port in (
        ("plain.example", 80),
        ("passed.example", 443),
        ("db.example", 5432),
        ("inner.example", 9443),
    ):
        assert bound.on(gateway, host, port)
    assert not bound.on(gateway, "pattern.example.wildcard.internal", INNER_PORT)


@pytest.mark.parametrize("index", range(4))
def test_a_way_that_is_not_tied_to_the_card_is_found(index: int) -> None:
    def untie(item: Any) -> None:
        del item["spec"]["configPatches"][index]

    assert any("must not lead back" in says for says in told(untie, "EnvoyFilter", NAME))


def test_the_way_to_itself_that_is_tied_is_found_as_closed() -> None:
    def tie(item: Any) -> None:
        item["spec"]["configPatches"].append(
            {
                **item["spec"]["configPatches"][0],
                "match": {"context": "GATEWAY", "cluster": {"portNumber": INNER_PORT}},
            }
        )

    assert any("declared, and a layer refuses" in says for says in told(tie, "EnvoyFilter", NAME))


@pytest.mark.parametrize("port", [*TARGET_PORTS.values(), INNER_PORT, 15000, 15020, 15090, 10250, 53])
@pytest.mark.parametrize("host", ["plain-example-ext", "passed-example-ext", "db-example-ext"])
def test_a_port_of_the_gateway_or_its_node_is_found(host: str, port: int) -> None:
    def lead(item: Any) -> None:
        item["spec"]["ports"][0]["targetPort"] = port

    assert any("must not lead back" in says for says in told(lead, "ServiceEntry", host))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "199.36.153.9", "224.0.0.5", "169.254.169.254", "10.5.0.2"]
)
def test_a_fixed_address_inside_is_found(address: str) -> None:
    def lead(item: Any) -> None:
        item["spec"]["endpoints"] = [{"address": address}]

    assert any(
        "must not lead back" in says
        for says in told(lead, "ServiceEntry", "5433-fixed-example-port-internal-ext")
    )


def test_what_the_gateway_hands_to_itself_comes_back_where_it_listens_for_it_alone() -> None:
    def lead(item: Any) -> None:
        if item["spec"].get("resolution") == "STATIC" and item["spec"]["endpoints"][0]["address"].startswith(
            "127."
        ):
            item["spec"]["endpoints"] = [{"address": "127.0.0.1"}]

    assert told(lead, "ServiceEntry")


def test_what_the_gateway_hands_to_itself_comes_back_at_no_port_of_istios_own() -> None:
    """Also where every object agrees on it."""
    original = deployment(plan(), render(plan()))
    text = json.dumps([dict(item) for item in original.kubernetes]).replace(str(INNER_PORT), "15000")
    judges = Judges(Snapshot.of(json.loads(text), original.google))
    assert any("must not lead back" in one.says for one in verify(Intent(plan()), judges).violations)


@pytest.mark.parametrize(
    ("namespace", "name"), [("istio-egress", "gateway-boundary"), ("media", "team-boundary")]
)
def test_every_range_that_a_policy_no_longer_excepts_is_found(namespace: str, name: str) -> None:
    """A pod's policy is all that stands between a name's answer and another pod, a node, Google's APIs or the
    metadata server."""
    written = next(
        item for item in render(plan()) if (item.namespace, item.name) == (namespace, name)
    ).manifest
    places = [
        (at, of, index)
        for at, rule in enumerate(written["spec"]["egress"])
        for of, peer in enumerate(rule.get("to", []))
        for index in range(len(peer.get("ipBlock", {}).get("except", [])))
    ]
    assert len(places) > 5
    for at, of, index in places:

        def let(item: Any, at: int = at, of: int = of, index: int = index) -> None:
            del item["spec"]["egress"][at]["to"][of]["ipBlock"]["except"][index]

        assert any(
            "must lead to no address of" in says for says in told(let, "NetworkPolicy", name, namespace)
        ), (at, of, index)


def test_a_sidecar_that_believes_the_apps_own_look_up_is_found() -> None:
    def believe(item: Any) -> None:
        item["spec"]["resolution"] = "NONE"

    assert any(
        "whatever address" in says
        for says in told(believe, "ServiceEntry", "any---media-example-ext", "media")
    )


def test_ranges_without_others_are_the_addresses_that_are_left() -> None:
    assert without(["10.0.0.0/8"], [ipaddress.IPv4Network("10.0.0.0/9")]) == ("10.128.0.0/9",)
    assert without(["10.0.0.0/8"], [ipaddress.IPv4Network("0.0.0.0/0")]) == ()
    assert without(["10.0.0.0/8"], [ipaddress.IPv4Network("11.0.0.0/8")]) == ("10.0.0.0/8",)


RECEIVED = {
    "host": "api.fqdn.example",
    "port": 443,
    "protocol": "https",
    "to": {"service": "api", "port": 80},
}
TAKEN = {"host": "db.fqdn.example", "port": 13306, "to": {"service": "db", "port": 3306}}
CLIENTS = {"credential": "shown", "clients": {"shop": "client.shop.example"}}


@cache
def receiving() -> Plan:
    """A team that receives HTTP and raw TCP, and leaves."""
    config = teams(orders={"plain.example": {"http": {}}})
    config["gke-mesh-egress:teams"]["orders"]["receives"] = {
        "api": {**RECEIVED, **CLIENTS},
        "db": {**TAKEN, **CLIENTS},
    }
    config["gke-mesh-egress:ingress"] = {"exposure": "internal", "sourceRanges": {"shop": "192.168.9.0/24"}}
    return plan_of(config)


def test_what_partners_are_let_in_to_has_no_address_that_somebody_outside_says() -> None:
    """So the ingress gateway has no name to be led by, and its connections are not tied to anything."""
    inside = [item.manifest for item in render(receiving()) if item.namespace == "istio-ingress"]
    led = [
        leg["destination"]["host"]
        for item in inside
        if item["kind"] == "VirtualService"
        for section in ("http", "tcp")
        for route in item["spec"].get(section, ())
        for leg in route["route"]
    ]
    assert sorted(led) == ["api.orders.svc.cluster.local", "db.orders.svc.cluster.local"]
    known = [item.manifest for item in render(receiving()) if item.kind == "ServiceEntry"]
    assert known
    assert [item for item in known if {"*", "istio-ingress"} & set(item["spec"]["exportTo"])] == []
    (boundary,) = [
        item
        for item in inside
        if (item["kind"], item["metadata"]["name"]) == ("NetworkPolicy", "ingress-boundary")
    ]
    assert [peer for rule in boundary["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer] == []
    assert [item for item in inside if item["metadata"]["name"] == NAME] == []


@pytest.mark.parametrize("name", ["api", "db"])
def test_an_ingress_gateway_that_is_led_by_a_name_is_found(name: str) -> None:
    """By a route to a host that a gateway for leaving knows and that is made known to this one, too."""
    original = deployment(receiving(), render(receiving()))

    def violations(route: bool, known: bool) -> list[str]:
        changed: list[Any] = deepcopy([dict(item) for item in original.kubernetes])
        for item in changed:
            if known and (item["kind"], item["metadata"]["name"]) == ("ServiceEntry", "plain-example-ext"):
                item["spec"]["exportTo"].append("istio-ingress")
            at = (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
            if route and at[:2] == ("VirtualService", "istio-ingress") and name in at[2]:
                (entry,) = item["spec"].get("http") or item["spec"]["tcp"]
                entry["route"][0]["destination"] = {"host": "plain.example", "port": {"number": 80}}
        found = verify(Intent(receiving()), Judges(Snapshot.of(changed, original.google))).violations
        return [violation.says for violation in found if "Services of the cluster alone" in violation.says]

    assert violations(route=True, known=True)
    assert not violations(route=False, known=True)
    assert not violations(route=False, known=False)


@pytest.mark.parametrize("said", ["", "%%", "ZXRoMQ==", None, "ZXRoMA"])
def test_a_card_of_another_name_or_of_none_ties_nothing(said: str | None) -> None:
    """What is no text of bytes at all may come from outside, and is no card."""

    def other(manifest: Manifest) -> None:
        for patch in manifest["spec"]["configPatches"]:
            patch["patch"]["value"]["upstream_bind_config"]["socket_options"][0]["buf_value"] = said

    assert told(other, "EnvoyFilter", NAME)

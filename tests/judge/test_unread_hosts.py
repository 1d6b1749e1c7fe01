"""Rules whose hosts nobody can tell, two rules about one host, and filters of bodies that are on no gateway's
way."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.judge.model.snapshot import identity
from tests.judge.unread_asking import EDGE, Written, fields, found, of_edge, thing

PORTS = [{"number": 80, "name": "http", "protocol": "HTTP"}]


def entry(*hosts: str, namespace: str = "shop", name: str = "entry", **spec: Any) -> Written:
    return thing("ServiceEntry", namespace, name, spec={"hosts": list(hosts), "ports": PORTS, **spec})


def route(*hosts: str, namespace: str = "shop", name: str = "route", **spec: Any) -> Written:
    http = [{"route": [{"destination": {"host": "a.example"}}]}]
    return thing("VirtualService", namespace, name, spec={"hosts": list(hosts), "http": http, **spec})


def rule(host: str, namespace: str = "shop", name: str = "rule", **spec: Any) -> Written:
    return thing("DestinationRule", namespace, name, spec={"host": host, **spec})


@pytest.mark.parametrize(
    ("host", "alone", "beside"),
    [("a.example", True, True), ("*.example", False, True), ("*", False, False), ("web", False, False)],
)
def test_a_rule_is_about_hosts_that_can_be_told(host: str, alone: bool, beside: bool) -> None:
    """A pattern can be told where an entry has the very same; `*`, and names without a dot, cannot."""
    for kind, field in ((rule(host), "spec.host"), (route(host), "spec.hosts")):
        assert fields(kind) == ([] if alone else [field])
        assert fields(kind, entry(host, namespace="bank")) == ([] if beside else [field])
    own = [] if beside else ["spec.hosts"]
    assert fields(entry(host)) == own


def test_of_several_hosts_each_is_asked() -> None:
    assert fields(route("a.example", "*.example", "web", "b.example")) == ["spec.hosts", "spec.hosts"]
    assert fields(entry("a.example", "web")) == ["spec.hosts"]


@pytest.mark.parametrize(
    ("address", "known"), [("10.0.0.1", True), ("2001:db8::1", True), ("10.0.0.0/8", False)]
)
def test_an_entry_has_addresses_and_no_ranges(address: str, known: bool) -> None:
    assert fields(entry("a.example", addresses=["10.0.0.2", address])) == (
        [] if known else ["spec.addresses"]
    )


SAME = [
    (rule("a.example"), rule("a.example", name="second"), True),
    (rule("a.example"), rule("b.example", name="second"), False),
    (rule("a.example"), rule("a.example", "bank"), False),
    (
        rule("a.example"),
        rule("a.example", name="second", workloadSelector={"matchLabels": {"app": "a"}}),
        False,
    ),
    (
        rule("a.example", workloadSelector={"matchLabels": {"app": "a", "b": "c"}}),
        rule("a.example", name="second", workloadSelector={"matchLabels": {"b": "c", "app": "a"}}),
        True,
    ),
    (route("a.example"), route("a.example", name="second"), True),
    (route("a.example", "b.example"), route("c.example", "b.example", name="second"), True),
    (route("a.example"), route("b.example", name="second"), False),
    (route("a.example"), route("a.example", namespace="bank"), False),
    (route("a.example"), route("a.example", name="second", gateways=["mesh"]), True),
    (route("a.example"), route("a.example", name="second", gateways=["gw/edge"]), False),
    (
        route("a.example", gateways=["gw/edge"]),
        route("a.example", name="second", gateways=["mesh", "gw/edge"]),
        True,
    ),
    (entry("a.example"), entry("a.example", name="second"), True),
    (entry("a.example"), entry("b.example", name="second"), False),
    (entry("a.example"), entry("a.example", namespace="bank"), False),
    (entry("a.example", exportTo=["."]), entry("a.example", name="second", exportTo=["bank"]), False),
    (entry("a.example", exportTo=[".", "bank"]), entry("a.example", name="second", exportTo=["bank"]), True),
    (entry("a.example"), entry("a.example", name="second", exportTo=["."]), False),
    (entry("a.example", exportTo=[]), entry("a.example", name="second"), True),
    (entry("a.example"), entry("a.example", name="second", exportTo=["*"]), True),
    (rule("a.example"), route("a.example"), False),
]


@pytest.mark.parametrize(("first", "second", "same"), SAME)
def test_of_two_rules_about_one_host_nobody_knows_which_counts(
    first: Written, second: Written, same: bool
) -> None:
    assert found(first, second) == ([("shop", identity(second), "spec")] if same else [])
    assert found(second, first) == ([("shop", identity(first), "spec")] if same else [])


def test_a_rule_that_is_about_one_host_twice_is_one_rule() -> None:
    assert found(route("a.example", "a.example")) == []


def test_a_rule_about_two_hosts_of_others_is_named_once() -> None:
    first, second = route("a.example", "b.example"), route("a.example", "b.example", name="second")
    assert found(first, second) == [("shop", identity(second), "spec")]


# Filters.


def inspection(namespace: str = "gw", *ports: int, mode: str = "CLIENT", selector: Any = None) -> list[str]:
    spec = {
        "selector": {"matchLabels": selector or {"istio": "gw"}},
        "match": [{"mode": mode, "ports": [{"number": port} for port in ports]}],
    }
    it = thing("TrafficExtension", namespace, spec=spec)
    return [
        field
        for field in fields(it, EDGE, of_edge(ports=[{"port": 443}, {"port": 80, "targetPort": 8080}]))
        if field != "spec"
    ]


def on_its_way(found: list[str]) -> list[str]:
    """What is said of the place, without what is said of the program."""
    return [field for field in found if field in ("spec.selector", "spec.match[0]")]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (("gw", 443), []),
        (("gw", 443, 8080), []),
        (("gw", 8080), []),
        (("gw", 80), ["spec.match[0]"]),
        (("gw", 443, 9), ["spec.match[0]"]),
        (("gw", 443, {"mode": "SERVER"}), ["spec.match[0]"]),
        (("gw", 443, {"selector": {"istio": "other"}}), ["spec.selector"]),
        (("shop", 443), ["spec.selector", "spec.match[0]"]),
    ],
)
def test_a_filter_of_bodies_is_on_a_gateways_way_outside(asked: tuple[Any, ...], wanted: list[str]) -> None:
    namespace, *ports = (one for one in asked if not isinstance(one, dict))
    how = next((one for one in asked if isinstance(one, dict)), {})
    assert on_its_way(inspection(namespace, *ports, **how)) == wanted


def test_filters_are_asked_what_they_do() -> None:
    patch = {"applyTo": "NETWORK_FILTER", "patch": {"operation": "INSERT_FIRST", "value": {"name": "a"}}}
    assert fields(thing("EnvoyFilter", spec={"configPatches": [patch]}))
    assert fields(thing("TrafficExtension", "gw", spec={"lua": {"inlineCode": "a"}}), EDGE)
    assert [
        field
        for field in fields(thing("TrafficExtension", "gw", spec={"url": "a"}), EDGE)
        if field != "spec.selector"
    ]


def test_a_setting_of_the_mesh_that_is_new_concerns_everybody() -> None:
    config = {**thing("ConfigMap", "istio-system", "istio"), "apiVersion": "v1"}
    assert found({**config, "data": {"mesh": yaml.safe_dump({"somethingNew": 1})}}) == [
        ("istio-system", "istio-system/configmap/istio", "somethingNew")
    ]
    assert found({**config, "data": {"mesh": "{}"}}) == []


@pytest.mark.parametrize(
    ("host", "whole"),
    [
        ("*.example.org", True),
        ("a.example.org", True),
        ("*-a.example.org", False),
        ("*.*.example.org", False),
    ],
)
def test_a_pattern_stands_for_whole_labels(host: str, whole: bool) -> None:
    """Istio takes `*-a.example.org` as well."""
    for it, field in ((rule(host), "spec.host"), (route(host), "spec.hosts")):
        assert fields(it, entry(host, namespace="bank")) == ([] if whole else [field])
    for of in ("", "shop/", "*/"):
        server = {
            "port": {"number": 443, "protocol": "TLS"},
            "hosts": ["a.example", f"{of}{host}", "*", "*/*"],
        }
        it = thing("Gateway", "gw", spec={"selector": {"istio": "gw"}, "servers": [server]})
        assert fields(it) == ([] if whole else ["spec.servers[0].hosts"])


def test_whoever_changes_objects_as_they_are_written_or_read_is_named() -> None:
    client = {"service": {"namespace": "tools", "name": "a"}}
    webhooks = [{"name": "a", "clientConfig": client, "rules": [{"apiGroups": ["*"]}]}]
    assert fields(thing("MutatingWebhookConfiguration", None, webhooks=webhooks))
    assert fields(thing("APIService", None, spec={"group": "networking.istio.io", **client}))
    conversion = {"conversion": {"strategy": "Webhook"}}
    assert fields(
        thing("CustomResourceDefinition", None, spec={"group": "networking.istio.io", **conversion})
    )

"""Hosts at which encoded slashes arrive as they were sent: what is rendered, what is proven, what is
refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from egress.answers.asked import flow_of
from egress.answers.explain import explain
from egress.common.errors import ConfigError
from egress.common.normal_form import ambiguous
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import ROOT, config_with, plan_of, teams

GITLAB, API, PACKAGES = "gitlab.partner.example", "api.partner.example", "packages.partner.example"
EXAMPLE = yaml.safe_load((ROOT / "examples/modes/Pulumi.encoded-slashes.yaml").read_text(encoding="utf-8"))


def example() -> Plan:
    return plan_of(EXAMPLE["config"])


def kept(**rules: Any) -> Plan:
    return plan_of(teams(shop={GITLAB: {"http": {"encodedSlashes": "keep", **rules}}}))


def routes(plan: Plan, host: str = GITLAB) -> list[dict[str, Any]]:
    (found,) = [
        item.manifest["spec"]["http"]
        for item in render(plan)
        if item.kind == "VirtualService" and item.manifest["spec"]["hosts"] == [host]
    ]
    return found


def test_it_is_proven() -> None:
    plan = example()
    assert not verify(Intent(plan), Judges(deployment(plan, render(plan)))).violations


def test_who_says_nothing_has_no_filter() -> None:
    for said in ({}, {"encodedSlashes": "decode"}):
        plan = plan_of(teams(shop={GITLAB: {"http": {"paths": ["/a"], **said}}}))
        assert [item for item in render(plan) if item.name == "kept-slashes"] == []
        assert len(routes(plan)) == 2


def test_what_could_mean_another_path_is_refused_where_slashes_are_decoded_too() -> None:
    assert "directResponse" in routes(plan_of(teams(shop={GITLAB: {"http": {"paths": ["/a/*"]}}})))[1]


def test_the_managed_mesh_is_not_known_to_take_such_a_route() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"shop": {"egress": {GITLAB: {"http": {"paths": ["/a/*"]}}}}}
    plan = plan_of(config)
    assert len(routes(plan)) == 2
    assert not verify(Intent(plan), Judges(deployment(plan, render(plan)))).violations


def test_sidecars_of_its_teams_and_the_gateways_own_server_for_it_keep_them() -> None:
    found = {
        item.identity: item.manifest["spec"] for item in render(example()) if item.name == "kept-slashes"
    }
    assert list(found) == ["istio-egress/envoyfilter/kept-slashes", "shop/envoyfilter/kept-slashes"]
    gateway, shop = found.values()
    names = [patch["match"]["listener"]["filterChain"]["sni"] for patch in gateway["configPatches"]]
    assert names == [GITLAB, PACKAGES]
    [patch] = shop["configPatches"]
    assert patch["match"]["context"] == "SIDECAR_OUTBOUND"


@pytest.mark.parametrize(
    ("rules", "guarded"),
    [
        ({}, False),
        ({"methods": ["GET"]}, False),
        ({"paths": ["/a%2Fb", "/c"]}, False),
        ({"paths": ["/a/*"]}, True),
        ({"paths": ["/a/{*}/b"]}, True),
        ({"allow": {"one": {"paths": ["/c"]}, "two": {"paths": ["/{**}"]}}}, True),
    ],
)
def test_where_a_rule_leaves_a_part_of_a_path_open_the_gateway_refuses_first_what_could_mean_another(
    rules: dict[str, Any], guarded: bool
) -> None:
    first = routes(kept(**rules))[1]
    assert ("directResponse" in first) is guarded
    assert first["match"][0]["gateways"] == ["istio-egress/egress-gateway"]


def without(plan: Plan, change: Any) -> list[str]:
    whole = deployment(plan, render(plan))
    items = deepcopy([*whole.kubernetes])
    changed = change(items) or items
    return [
        found.says for found in verify(Intent(plan), Judges(Snapshot.of(changed, whole.google))).violations
    ]


def _no_guard(items: list[Any]) -> None:
    for item in items:
        if item["kind"] == "VirtualService":
            item["spec"]["http"] = [route for route in item["spec"]["http"] if "directResponse" not in route]


def _no_server(items: list[Any]) -> None:
    for item in items:
        if item["kind"] == "Gateway":
            item["spec"]["servers"] = [
                server for server in item["spec"]["servers"] if PACKAGES not in server["hosts"]
            ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_no_guard, f"The gateway in istio-egress has to refuse paths that could mean others to {GITLAB}."),
        (_no_server, f"Encoded slashes have to arrive at {PACKAGES} as they were sent."),
        (
            lambda items: [item for item in items if item["metadata"].get("namespace") != "istio-egress"
                           or item["metadata"]["name"] != "kept-slashes"],
            f"Encoded slashes have to arrive at {GITLAB} as they were sent.",
        ),
        (
            lambda items: [item for item in items if item["metadata"].get("namespace") != "shop"
                           or item["metadata"]["name"] != "kept-slashes"],
            "Sidecars of shop have to send encoded slashes on as they are.",
        ),
    ],
)  # fmt: skip
def test_nothing_of_it_may_be_missing(change: Any, says: str) -> None:
    assert says in without(example(), change)


def test_somebody_who_keeps_them_at_another_host_is_found() -> None:
    def also(items: list[Any]) -> None:
        for item in items:
            if item["kind"] == "Gateway":
                mine = next(one for one in item["spec"]["servers"] if one["hosts"] == [GITLAB])
                port = {**mine["port"], "name": "more"}
                item["spec"]["servers"].append({**mine, "hosts": [API], "port": port})
            if item["metadata"]["name"] == "kept-slashes" and "workloadSelector" in item["spec"]:
                more = deepcopy(item["spec"]["configPatches"][0])
                more["match"]["listener"]["filterChain"]["sni"] = API
                item["spec"]["configPatches"].append(more)

    says = f"Encoded slashes of paths at {API} have to be decoded before rules are asked."
    assert says in without(example(), also)


def test_what_is_refused_says_so() -> None:
    with pytest.raises(ConfigError, match="no EnvoyFilter, so encoded slashes would arrive as slashes"):
        plan_of(
            config_with("mesh", {"flavor": "cloud-service-mesh"})
            | {"gke-mesh-egress:teams": {"shop": {"egress": {GITLAB: {"http": {"encodedSlashes": "keep"}}}}}}
        )
    with pytest.raises(ConfigError, match="encodedSlashes"):
        plan_of(
            teams(
                shop={GITLAB: {"http": {"encodedSlashes": "keep"}}},
                stock={GITLAB: {"http": {}}},
            )
        )


@pytest.mark.parametrize(
    ("url", "allowed", "says"),
    [
        (f"{GITLAB}/api/v4/projects/a%2Fb/issues", True, "To take it away"),
        (f"{PACKAGES}/@scope%2fname", True, "To take it away"),
        (f"{GITLAB}/api/v4/users/a%2Fb", False, "add /api/v4/users/a%2Fb to"),
        (f"{GITLAB}/api/v4/projects/..%2fx/issues", False, "may read `..` in this path"),
        (f"{API}/v1/a%2Fb", True, f"{API} gets /v1/a/b: encoded slashes are decoded on the way."),
        (f"{API}/v1/a%2Fb", True, f'egress["{API}"].http.encodedSlashes: keep sends them as they are.'),
    ],
)
def test_explain_says_what_arrives(url: str, allowed: bool, says: str) -> None:
    plan = example()
    found = explain(Judges(deployment(plan, render(plan))), flow_of("shop", f"http://{url}"), plan)
    assert (found.trace.allowed, says in found.advice) == (allowed, True), found.advice


@pytest.mark.parametrize(
    "path",
    [
        *("/a", "/a%2Fb", "/a/.b", "/a/..b", "/a/b..", "/%2F", "/a%2F...%2Fb", "/a;b", "/a%20b", "/%25"),
        *("/?/../", "/a%3bb", "/a..%3bb/c", "/a/b%3b..", "/...%3b/b"),
    ],
)
def test_a_path_that_means_the_same_to_everybody_is_not_ambiguous(path: str) -> None:
    assert not ambiguous(path)


@pytest.mark.parametrize(
    "path",
    [
        *("/a/..;/b", "/a/..;x/b", "/a/.;/b", "/a/..%3b/b", "/a/..%3B/b", "/a/.%3b/b", "/a/..%3bx/b"),
        *("/a/..%253b/b", "/a/%2e%2e%3b/b", "/a/..%3b", "/a%2F..%3b%2Fb", "/a/..%2Fb", "/a%5cb", "/%252e"),
    ],
)
def test_a_path_that_a_host_may_read_as_another_is_ambiguous(path: str) -> None:
    assert ambiguous(path)

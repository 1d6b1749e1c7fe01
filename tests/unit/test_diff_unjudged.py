"""`egress diff` never says "no effect" of what it does not read: it names it, and that counts as a widening."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from egress.cli.diff import nothing
from egress.deployment import deployment
from egress.diff import Difference, difference
from egress.errors import ConfigError
from egress.judge.deployed import Deployed
from egress.plan import Plan
from egress.render import render
from tests.support import ROOT, config_with, dev_config, plan_of

SAME = "Nothing changes: the objects are the same."


def example(mode: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"examples/modes/Pulumi.{mode}.yaml").read_text(encoding="utf-8"))["config"]


def put(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The config with one value set; None takes it away."""
    changed = copy.deepcopy(config)
    first, *rest = path.split("|")
    node, key = changed, f"gke-mesh-egress:{first}"
    for part in rest:
        node, key = node.setdefault(key, {}), part
    if value is None:
        del node[key]
    else:
        node[key] = value
    return changed


def found(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    plans = (plan_of(old), plan_of(new))
    one, other = (_deployed(plan) for plan in plans)
    return difference(one, other, plans)


def _deployed(plan: Plan) -> Deployed:
    return deployment(plan, render(plan))


def said(of: Difference) -> list[tuple[str, bool]]:
    changes = [(f"{change.risk}: {change.text}", change.widening) for change in of.changes]
    return changes + [(f"not judged: {item.text}", item.widening) for item in of.unjudged]


INSPECT = "teams|shop|egress|api.partner.example|http|inspect"
MYSQL = "teams|orders|receives|mysql"
BUCKET = "teams|team-x|googleApis|serviceAccounts|test|buckets|bucket"
CALLER = "mysql:3306 (mysql.fqdn.example, port 13306)"
SCRIPT = "not judged: istio-egress/trafficextension/body-inspection: spec.lua.inlineCode differs"
MESH = "istio-system/configmap/istio: " + ", ".join(
    f"data.mesh.{key}"
    for key in ("defaultDestinationRuleExportTo", "defaultServiceExportTo", "defaultVirtualServiceExportTo", "discoverySelectors")
)
TLS = "spec.trafficPolicy.portLevelSettings[].tls"

IMAGES = ("not judged: validatingadmissionpolicy/egress-team-workloads: spec.validations[].expression differs", True)
"""The rule that says which image a proxy has."""

ROWS: dict[str, tuple[str, str, Any, list[tuple[str, bool]], list[tuple[str, bool]]]] = {
    # example, path, value; what is said and whether it counts as a widening, forth and back
    "inspection that only reports": ("inspection", f"{INSPECT}|mode", "report", [(SCRIPT, True)], [(SCRIPT, True)]),
    "one thing less that is refused": ("inspection", f"{INSPECT}|refuse|RULE", None, [(SCRIPT, True)], [(SCRIPT, True)]),
    "more that is read of a body": ("inspection", f"{INSPECT}|maxBytes", 4096, [(SCRIPT, True)], [(SCRIPT, True)]),
    "a private network": (
        "",
        "fences|privateHosts",
        {"vpn": "10.200.0.0/24"},
        [
            (
                "removed fence: NetworkPolicy no longer refuses the gateway in istio-egress: 10.200.0.0/24 (TCP 443, TCP 80)",
                True,
            )
        ],
        [("new fence: NetworkPolicy now refuses the gateway in istio-egress: 10.200.0.0/24 (TCP 443, TCP 80)", False)],
    ),
    "whose objects count for whom": (
        "",
        "fences|relaxed",
        {"mesh-exports": "r", "mesh-discovery": "r"},
        [(f"not judged: {MESH} differ", True)],
        [(f"not judged: {MESH} differ", True)],
    ),
    "one more client": (
        "receive",
        f"{MYSQL}|clients|evil",
        "spiffe://evil.example/x",
        [(f"new caller: From outside spiffe://evil.example/x may now connect to orders: {CALLER}", True)],
        [(f"lost caller: From outside spiffe://evil.example/x can no longer connect to orders: {CALLER}", False)],
    ),
    "another Service": (
        "receive",
        f"{MYSQL}|to|service",
        "other",
        [
            (
                "new caller: From outside spiffe://partner.example/gateway may now connect to orders: "
                + CALLER.replace("mysql:", "other:"),
                True,
            ),
            (f"lost caller: From outside spiffe://partner.example/gateway can no longer connect to orders: {CALLER}", False),
        ],
        [
            (f"new caller: From outside spiffe://partner.example/gateway may now connect to orders: {CALLER}", True),
            (
                "lost caller: From outside spiffe://partner.example/gateway can no longer connect to orders: "
                + CALLER.replace("mysql:", "other:"),
                False,
            ),
        ],
    ),
    "another certificate to show": (
        "receive",
        f"{MYSQL}|credential",
        "other",
        [("not judged: istio-ingress/gateway/orders-mysql: spec.servers[].tls.credentialName differs", True)],
        [("not judged: istio-ingress/gateway/orders-mysql: spec.servers[].tls.credentialName differs", True)],
    ),
    "from where partners come": (
        "receive",
        "ingress|exposure",
        "internal",
        [
            (
                "wider exposure: The gateway in istio-ingress now takes connections from 198.51.100.16/28 by way of the VPC and "
                "networks connected to it",
                True,
            ),
            (
                "narrower exposure: The gateway in istio-ingress no longer takes connections from 198.51.100.16/28 by way of the "
                "internet",
                False,
            ),
        ],
        [
            (
                "wider exposure: The gateway in istio-ingress now takes connections from 198.51.100.16/28 by way of the internet",
                True,
            ),
            (
                "narrower exposure: The gateway in istio-ingress no longer takes connections from 198.51.100.16/28 by way of the "
                "VPC and networks connected to it",
                False,
            ),
        ],
    ),
    "IPv6": (
        "",
        "network|firewall|ipv6",
        "open",
        [("not judged: firewall/global-deny-egress-all-ipv6 is gone", True)],
        [("not judged: firewall/global-deny-egress-all-ipv6 is new", False)],
    ),
    "a role on a bucket": (
        "",
        BUCKET,
        "roles/storage.objectAdmin",
        [
            (
                "new role: team-x's service account test now has roles/storage.objectAdmin on bucket sandbox-project-bucket; IAM "
                "decides there, not the network",
                True,
            ),
            (
                "lost role: team-x's service account test no longer has roles/storage.objectViewer on bucket "
                "sandbox-project-bucket; IAM decides there, not the network",
                False,
            ),
        ],
        [
            (
                "new role: team-x's service account test now has roles/storage.objectViewer on bucket sandbox-project-bucket; "
                "IAM decides there, not the network",
                True,
            ),
            (
                "lost role: team-x's service account test no longer has roles/storage.objectAdmin on bucket "
                "sandbox-project-bucket; IAM decides there, not the network",
                False,
            ),
        ],
    ),
    "where images come from": (
        "",
        "mesh|istio",
        {"hub": "elsewhere.example/istio"},
        [IMAGES, ("not judged: config mesh/istio/hub differs, and is in no object that is compared", True)],
        [IMAGES, ("not judged: config mesh/istio/hub differs, and is in no object that is compared", True)],
    ),
    "who reaches the control plane": (
        "",
        "cluster|controlPlane",
        {"dnsEndpoint": False, "authorizedNetworks": {"office": "203.0.113.0/24"}},
        [
            (
                "not judged: config cluster/controlPlane/authorizedNetworks/office differs, and is in no object that is compared",
                True,
            ),
            ("not judged: config cluster/controlPlane/dnsEndpoint differs, and is in no object that is compared", True),
        ],
        [
            (
                "not judged: config cluster/controlPlane/authorizedNetworks/office differs, and is in no object that is compared",
                True,
            ),
            ("not judged: config cluster/controlPlane/dnsEndpoint differs, and is in no object that is compared", True),
        ],
    ),
    "an authority of one's own": (
        "",
        "teams|team-x|egress|example.com|http|ca",
        "own-ca",
        [
            (
                f"not judged: istio-egress/destinationrule/example-com-originate-tls: {TLS}.caCertificates, {TLS}.credentialName "
                "differ",
                True,
            ),
            ("not judged: istio-egress/role/istio-egressgateway-secrets is new", True),
            ("not judged: istio-egress/rolebinding/istio-egressgateway-secrets is new", True),
        ],
        [
            (
                f"not judged: istio-egress/destinationrule/example-com-originate-tls: {TLS}.caCertificates, {TLS}.credentialName "
                "differ",
                True,
            ),
            ("not judged: istio-egress/role/istio-egressgateway-secrets is gone", False),
            ("not judged: istio-egress/rolebinding/istio-egressgateway-secrets is gone", False),
        ],
    ),
}


def sides(row: str) -> tuple[dict[str, Any], dict[str, Any]]:
    mode, path, value, _, _ = ROWS[row]
    config = example(mode) if mode else dev_config()
    if mode == "inspection":
        teams = config["gke-mesh-egress:teams"]
        team, host, rule = next(
            (team, host, next(iter(entry["http"]["inspect"]["refuse"])))
            for team, of in teams.items()
            for host, entry in of["egress"].items()
            if "inspect" in entry.get("http", {})
        )
        path = path.replace("|shop|", f"|{team}|").replace("api.partner.example", host).replace("RULE", rule)
    return config, put(config, path, value)


@pytest.mark.parametrize("row", ROWS)
def test_a_change_that_no_flow_shows_is_named_both_ways(row: str) -> None:
    old, new = sides(row)
    forth, back = found(old, new), found(new, old)
    assert said(forth) == ROWS[row][3]
    assert said(back) == ROWS[row][4]
    assert forth.widens is any(widening for _, widening in ROWS[row][3])
    assert back.widens is any(widening for _, widening in ROWS[row][4])
    for one in (forth, back):
        assert one.changes or "without effect" not in nothing(one)
        assert one.changes or nothing(one) != SAME


def test_all_inspection_gone_is_a_removed_fence() -> None:
    config = example("inspection")
    without = copy.deepcopy(config)
    for team in without["gke-mesh-egress:teams"].values():
        for entry in team["egress"].values():
            entry.get("http", {}).pop("inspect", None)
    gone = found(config, without)
    assert [(change.risk, change.widening) for change in gone.changes] == [("removed fence", True)]
    assert "istio-egress/trafficextension/body-inspection" in gone.changes[0].text


def test_something_hidden_behind_a_real_change_is_still_named() -> None:
    old = example("receive")
    new = put(put(old, f"{MYSQL}|clients|second", "client.second.example"), f"{MYSQL}|credential", "other")
    named = said(found(old, new))
    assert ("not judged: istio-ingress/gateway/orders-mysql: spec.servers[].tls.credentialName differs", True) in named


def test_another_form_of_the_firewall_says_the_same() -> None:
    forth = found(dev_config(), config_with("network/firewall/form", "policy"))
    assert said(forth) == []
    assert not forth.widens


@pytest.mark.parametrize("path", ["protect", "cluster/deletionProtection", "network/dns/queryLogging", "labels"])
def test_what_says_nothing_about_reach_is_named_as_such(path: str) -> None:
    config = dev_config()
    values: dict[str, tuple[Any, Any]] = {"labels": ({"floor": "1"}, {"floor": "2"})}
    one, other = (config_with(path, value) for value in values.get(path, (True, False)))
    of = found(one, other)
    assert said(of) == []
    assert not of.widens
    assert f"config {path}" in nothing(of)
    assert nothing(found(config, config)) == SAME


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, (*path, str(key)))


@pytest.mark.parametrize(
    "mode", ["receive", "perimeter", "google-apis", "own-gateway", "rules", "private-ca", "registry-only", "secret-manager"]
)
def test_no_setting_is_taken_away_in_silence(mode: str) -> None:
    """Whatever a config may do without: that it is gone is named, or the config means the same without it."""
    config = example(mode)
    asked = 0
    for path in _leaves({key: value for key, value in config.items() if key.startswith("gke-mesh-egress:")}):
        shorter = copy.deepcopy(config)
        node = shorter
        for part in path[:-1]:
            node = node[part]
        if path[-1] not in node:
            continue
        del node[path[-1]]
        try:
            plans = plan_of(config), plan_of(shorter)
        except ConfigError:
            continue
        before, after = (plan.settings.model_dump(exclude={"teams": {"__all__": {"egress"}}}) for plan in plans)
        if before == after:
            continue
        asked += 1
        of = found(config, shorter)
        assert of.changes or nothing(of) != SAME, path
    assert asked

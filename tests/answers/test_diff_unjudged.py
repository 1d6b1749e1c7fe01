"""`egress diff` never says "no effect" of what it does not read: it names it, and that counts as a
widening."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from egress.answers.diff import Difference, difference
from egress.cli.diff import nothing
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from tests.support import ROOT, dev_config, plan_of

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
    """By their objects alone, as two folders of `egress render`."""
    one, other = (_deployed(plan_of(config)) for config in (old, new))
    return difference(one, other)


def found_of_configs(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    plans = (plan_of(old), plan_of(new))
    one, other = (_deployed(plan) for plan in plans)
    return difference(one, other, plans)


def _deployed(plan: Plan) -> Snapshot:
    return deployment(plan, render(plan))


def said(of: Difference) -> list[tuple[str, bool]]:
    changes = [(f"{change.risk}: {change.text}", change.widening) for change in of.changes]
    return changes + [(f"not judged: {item.text}", item.widening) for item in of.unjudged]


INSPECT = "teams|shop|egress|api.partner.example|http|inspect"
MYSQL = "teams|orders|receives|mysql"
CALLER = "mysql:3306 (mysql.fqdn.example, port 13306)"
MESH = "istio-system/configmap/istio: " + ", ".join(
    f"data.mesh.{key}"
    for key in (
        "defaultDestinationRuleExportTo",
        "defaultServiceExportTo",
        "defaultVirtualServiceExportTo",
        "discoverySelectors",
    )
)
UNWANTED = "What requests to api.partner.example must not hold is now"
RELAXED = (
    "not judged: namespace/istio-system: metadata.annotations.gke-mesh-egress/relaxed.mesh-discovery, "
    "metadata.annotations.gke-mesh-egress/relaxed.mesh-exports differ",
    True,
)
SHOWN = (
    "other certificate: What istio-ingress shows at mysql.fqdn.example, port 13306, and checks clients "
    "by is now"
)
CHECKED = "other authority: What the certificate of example.com is checked by is now"
IMAGES = (
    "not judged: validatingadmissionpolicy/egress-team-workloads: spec.validations[].expression differs",
    True,
)
"""The rule that says which image a proxy has."""

ROWS: dict[str, tuple[str, str, Any, list[tuple[str, bool]], list[tuple[str, bool]]]] = {
    # example, path, value; what is said and whether it counts as a widening, forth and back
    "inspection that only reports": (
        "inspection",
        f"{INSPECT}|mode",
        "report",
        [
            (
                "less inspection: What requests to api.partner.example must not hold is now only reported, "
                "and no longer refused",
                True,
            )
        ],
        [
            (
                "more inspection: What requests to api.partner.example must not hold is now refused, and no "
                "longer only reported",
                False,
            )
        ],
    ),
    "one thing less that is refused": (
        "inspection",
        f"{INSPECT}|refuse|RULE",
        None,
        [
            (
                "less inspection: Requests to api.partner.example are no longer searched for sensitive-data",
                True,
            )
        ],
        [("more inspection: Requests to api.partner.example are now searched for sensitive-data", False)],
    ),
    "more that is read of a body": (
        "inspection",
        f"{INSPECT}|maxBytes",
        4096,
        [
            (
                "more inspection: Bodies of requests to api.partner.example may now have 4096 bytes instead "
                "of 262144",
                False,
            )
        ],
        [
            (
                "less inspection: Bodies of requests to api.partner.example may now have 262144 bytes "
                "instead of 4096",
                True,
            )
        ],
    ),
    "a private network": (
        "",
        "fences|privateHosts",
        {"vpn": "10.200.0.0/24"},
        [
            (
                "removed fence: NetworkPolicy no longer refuses the gateway in istio-egress: 10.200.0.0/24 "
                "(TCP 443, TCP 80)",
                True,
            )
        ],
        [
            (
                "new fence: NetworkPolicy now refuses the gateway in istio-egress: 10.200.0.0/24 (TCP 443, "
                "TCP 80)",
                False,
            )
        ],
    ),
    "whose objects count for whom": (
        "",
        "fences|relaxed",
        {"mesh-exports": "r", "mesh-discovery": "r"},
        [(f"not judged: {MESH} differ", True), RELAXED],
        [(f"not judged: {MESH} differ", True), RELAXED],
    ),
    "one more client": (
        "receive",
        f"{MYSQL}|clients|evil",
        "spiffe://evil.example/x",
        [(f"new caller: From outside spiffe://evil.example/x may now connect to orders: {CALLER}", True)],
        [
            (
                "lost caller: From outside spiffe://evil.example/x can no longer connect to orders: "
                f"{CALLER}",
                False,
            )
        ],
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
            (
                "lost caller: From outside spiffe://partner.example/gateway can no longer connect to "
                f"orders: {CALLER}",
                False,
            ),
        ],
        [
            (
                "new caller: From outside spiffe://partner.example/gateway may now connect to orders: "
                f"{CALLER}",
                True,
            ),
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
        [(f"{SHOWN} Secret other instead of Secret mysql-credential", True)],
        [(f"{SHOWN} Secret mysql-credential instead of Secret other", True)],
    ),
    "from where partners come": (
        "receive",
        "ingress|exposure",
        "internal",
        [
            (
                "wider exposure: The gateway in istio-ingress now takes connections from 198.51.100.16/28 by "
                "way of the VPC and "
                "networks connected to it",
                True,
            ),
            (
                "narrower exposure: The gateway in istio-ingress no longer takes connections from "
                "198.51.100.16/28 by way of the "
                "internet",
                False,
            ),
        ],
        [
            (
                "wider exposure: The gateway in istio-ingress now takes connections from 198.51.100.16/28 by "
                "way of the internet",
                True,
            ),
            (
                "narrower exposure: The gateway in istio-ingress no longer takes connections from "
                "198.51.100.16/28 by way of the "
                "VPC and networks connected to it",
                False,
            ),
        ],
    ),
    "IPv6": (
        "",
        "network|firewall|ipv6",
        "open",
        [
            (
                "not judged: firewall/global-deny-egress-all-ipv6 is gone (nothing is asked about IPv6 "
                "alone)",
                True,
            )
        ],
        [
            (
                "not judged: firewall/global-deny-egress-all-ipv6 is new (nothing is asked about IPv6 alone)",
                False,
            )
        ],
    ),
    "where images come from": (
        "",
        "mesh|istio",
        {"hub": "elsewhere.example/istio"},
        [IMAGES],
        [IMAGES],
    ),
    "an authority of one's own": (
        "",
        "teams|team-x|egress|example.com|http|ca",
        "own-ca",
        [
            (f"{CHECKED} the authority in Secret own-ca instead of the public authorities", True),
            ("not judged: istio-egress/role/istio-egressgateway-secrets is new", True),
            ("not judged: istio-egress/rolebinding/istio-egressgateway-secrets is new", True),
        ],
        [
            (f"{CHECKED} the public authorities instead of the authority in Secret own-ca", True),
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


def test_something_hidden_behind_a_real_change_is_still_named() -> None:
    old = example("receive")
    new = put(put(old, f"{MYSQL}|clients|second", "client.second.example"), f"{MYSQL}|credential", "other")
    named = said(found(old, new))
    assert (f"{SHOWN} Secret other instead of Secret mysql-credential", True) in named

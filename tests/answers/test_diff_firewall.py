"""`egress diff` says what a changed firewall rule lets come in, or no longer does; silent is no change that
the judge notices."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from egress.answers.diff import Difference, difference
from egress.answers.diff.facts import Fact
from egress.common.objects import Resource
from egress.judge.layers.firewall import Firewall
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import dev_config, plan_of

FIREWALL = "gcp:compute/firewall:Firewall"
APP, GATE = "sa-application-nodes", "sa-gateway-nodes"
PARTNER, OTHER = "198.51.100.16/28", "203.0.113.0/24"
REFUSED, REFUSES = "The firewall no longer refuses from outside: ", "The firewall now refuses from outside: "


@cache
def dev() -> Snapshot:
    plan = plan_of(dev_config())
    return deployment(plan, render(plan))


def account(name: str) -> str:
    return f"{name}@sandbox-project.iam.gserviceaccount.com"


def rule(name: str = "new", **says: Any) -> Resource:
    given = {"name": name, "direction": "INGRESS", "sourceRanges": [PARTNER], **says}
    return Resource(FIREWALL, name, {key: value for key, value in given.items() if value is not None})


def tcp(*ports: str) -> list[dict[str, Any]]:
    return [{"protocol": "tcp", "ports": [*ports]}]


ALL = [{"protocol": "all"}]
SSH = rule(allows=tcp("22"))
DENY = rule("deny", denies=ALL, priority=900)


def with_rules(*rules: Resource) -> Snapshot:
    return replace(dev(), google=(*dev().google, *rules))


def without(identity: str) -> Snapshot:
    return replace(dev(), google=tuple(item for item in dev().google if item.identity != identity))


def told(old: Snapshot, new: Snapshot) -> list[str]:
    return [change.text for change in difference(old, new).changes]


ROWS: dict[str, tuple[list[Resource], list[Resource], str]] = {
    # the narrower rules, the wider ones, and what comes in by the wider ones alone
    "a rule that allows": ([], [SSH], f"TCP 22 to every machine from {PARTNER}"),
    "a further range": (
        [SSH],
        [rule(allows=tcp("22"), sourceRanges=[PARTNER, OTHER])],
        f"TCP 22 to every machine from {OTHER}",
    ),
    "every address": (
        [],
        [rule(allows=tcp("22"), sourceRanges=None)],
        "TCP 22 to every machine from any address",
    ),
    "a further port": ([SSH], [rule(allows=tcp("22-30"))], f"TCP 23-30 to every machine from {PARTNER}"),
    "a port between two that were open": (
        [rule(allows=tcp("100-120", "180-200"))],
        [rule(allows=tcp("100-200"))],
        f"TCP 121-179 to every machine from {PARTNER}",
    ),
    "every port": (
        [SSH],
        [rule(allows=[{"protocol": "tcp"}])],
        f"TCP 1-21, 23-65535 to every machine from {PARTNER}",
    ),
    "UDP": (
        [],
        [rule(allows=[{"protocol": "udp", "ports": ["53"]}])],
        f"UDP 53 to every machine from {PARTNER}",
    ),
    "a protocol by its number": (
        [],
        [rule(allows=[{"protocol": "1"}])],
        f"ICMP to every machine from {PARTNER}",
    ),
    "every protocol": ([], [rule(allows=ALL)], f"anything to every machine from {PARTNER}"),
    "nodes of one pool": (
        [],
        [rule(allows=tcp("22"), targetServiceAccounts=[account(APP)])],
        f"TCP 22 to nodes of default-pool from {PARTNER}",
    ),
    "machines that are no nodes": (
        [],
        [rule(allows=tcp("22"), targetServiceAccounts=["vm@p.iam.gserviceaccount.com"])],
        f"TCP 22 to machines of vm from {PARTNER}",
    ),
    "more than the nodes": (
        [rule(allows=tcp("22"), targetServiceAccounts=[account(APP), account(GATE)])],
        [SSH],
        f"TCP 22 to machines of no such account from {PARTNER}",
    ),
    "a denial that is gone": ([SSH, DENY], [SSH], f"TCP 22 to every machine from {PARTNER}"),
    "a denial that is disabled": (
        [SSH, DENY],
        [SSH, rule("deny", denies=ALL, priority=900, disabled=True)],
        f"TCP 22 to every machine from {PARTNER}",
    ),
    "a denial that is asked later": (
        [SSH, DENY],
        [SSH, rule("deny", denies=ALL, priority=1001)],
        f"TCP 22 to every machine from {PARTNER}",
    ),
    "a denial of fewer addresses": (
        [
            rule(allows=tcp("22"), sourceRanges=None),
            rule("deny", denies=ALL, priority=900, sourceRanges=[PARTNER, OTHER]),
        ],
        [
            rule(allows=tcp("22"), sourceRanges=None),
            rule("deny", denies=ALL, priority=900, sourceRanges=[OTHER]),
        ],
        f"TCP 22 to every machine from {PARTNER}",
    ),
    "an allowance that was disabled": (
        [rule(allows=tcp("22"), disabled=True)],
        [SSH],
        f"TCP 22 to every machine from {PARTNER}",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_a_rule_lets_in_is_a_gain_and_the_way_back_a_loss(row: str) -> None:
    narrow, wide, words = ROWS[row]
    old, new = with_rules(*narrow), with_rules(*wide)
    forth, back = difference(old, new), difference(new, old)
    assert [change.text for change in forth.changes] == [f"{REFUSED}{words}"]
    assert [change.text for change in back.changes] == [f"{REFUSES}{words}"]
    assert forth.widens
    assert not back.widens
    assert forth.unjudged == back.unjudged == ()


def test_what_comes_from_the_clusters_own_pods_and_nodes_is_said_too() -> None:
    """GKE lets them in by itself, so a denial is what tells."""
    pods = rule(denies=tcp("8080"), priority=900, sourceRanges=["10.0.0.0/8"])
    assert told(with_rules(pods), dev()) == [
        "The firewall no longer refuses inside: TCP 8080 to every machine from any pod or node"
    ]


def test_nodes_of_a_pool_that_stands_on_one_side_only_are_asked_on_both() -> None:
    for_gateways = rule(allows=tcp("22"), targetServiceAccounts=[account(GATE)])
    without_pool = without("nodepool/gateway")
    assert any(
        f"TCP 22 to nodes of gateway from {PARTNER}" in text
        for text in told(without_pool, with_rules(for_gateways))
    )
    both = replace(without_pool, google=(*without_pool.google, for_gateways))
    assert not any("TCP 22" in text for text in told(both, with_rules(for_gateways))), "the rule is the same"


def test_a_rule_that_another_one_makes_needless_is_no_change() -> None:
    wide = rule("wide", allows=ALL)
    found = difference(with_rules(wide), with_rules(wide, SSH))
    assert (found.changes, found.unjudged, found.widens) == ((), (), False)
    assert found.objects == ("firewall/new",)


class TestNotJudged:
    """Only what nothing is asked about; and then it is said why."""

    def said(self, old: Snapshot, new: Snapshot) -> list[tuple[str, bool]]:
        return [(item.text, item.widening) for item in difference(old, new).unjudged]

    def test_ipv6_where_the_network_carries_none(self) -> None:
        six = rule(allows=ALL, sourceRanges=["::/0"])
        why = "(it is about IPv6, which the network does not carry)"
        assert told(dev(), with_rules(six)) == []
        assert self.said(dev(), with_rules(six)) == [(f"firewall/new is new {why}", True)]
        assert self.said(with_rules(six), dev()) == [(f"firewall/new is gone {why}", False)]
        beside = rule(allows=tcp("22"), sourceRanges=[PARTNER, "::/0"])
        ((text, widening),) = self.said(with_rules(SSH), with_rules(beside))
        assert why in text
        assert widening

    def test_ipv6_is_asked_where_the_network_carries_it(self) -> None:
        def dual(*rules: Resource) -> Snapshot:
            made = with_rules(*rules)
            subnets = [
                replace(item, properties={**item.properties, "stackType": "IPV4_IPV6"})
                if "subnetwork" in item.type
                else item
                for item in made.google
            ]
            return replace(made, google=tuple(subnets))

        six = rule(allows=tcp("22"), sourceRanges=["2001:db8::/32"])
        assert self.said(dual(), dual(six)) == []
        assert told(dual(), dual(six)) == [f"{REFUSED}TCP 22 to every machine from 2001:db8::/32"]
        assert any("2001:db8::/32" in text for text in told(with_rules(six), dual(six))), (
            "IPv6 that comes later lets it in"
        )

    @pytest.mark.parametrize("of", ["sourceTags", "sourceServiceAccounts", "targetTags"])
    def test_what_the_judges_cannot_read_whatever_it_says(self, of: str) -> None:
        one, other = rule(allows=tcp("22"), **{of: ["a"]}), rule(allows=tcp("22"), **{of: ["b"]})
        for old, new in (
            (dev(), with_rules(one)),
            (with_rules(one), with_rules(other)),
            (with_rules(one), with_rules(SSH)),
        ):
            for found in (difference(old, new), difference(new, old)):
                assert found.widens
                assert any(item.object == "firewall/new" for item in found.unjudged)


PORTS = st.sampled_from([[], ["22"], ["20-30"], ["443"], ["22", "80-443"]])
SOME = st.fixed_dictionaries(
    {
        "priority": st.sampled_from([500, 1000, 1500]),
        "sourceRanges": st.sampled_from(
            [[PARTNER], [OTHER, "198.51.100.0/24"], ["0.0.0.0/0"], ["10.0.0.0/8"], None]
        ),
        "targetServiceAccounts": st.sampled_from(
            [None, [account(APP)], [account(GATE), "vm@p.iam.gserviceaccount.com"]]
        ),
        "disabled": st.sampled_from([None, None, True]),
        "entries": st.builds(
            lambda protocol, ports: [{"protocol": protocol, **({"ports": ports} if ports else {})}],
            st.sampled_from(["tcp", "udp", "all"]),
            PORTS,
        )
        | st.sampled_from([[{"protocol": "icmp"}], [{"protocol": "1"}]]),
        "allow": st.booleans(),
    }
)
RULES = st.lists(SOME, max_size=3).map(
    lambda drawn: [
        rule(f"r{at}", **{"allows" if one["allow"] else "denies": one["entries"]}, **_fields(one))
        for at, one in enumerate(drawn)
    ]
)


def _fields(drawn: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in drawn.items() if key not in ("entries", "allow")}


ASKED = list(
    product(
        [
            *(("TCP", port) for port in (1, 21, 22, 25, 80, 100, 443, 6667)),
            ("UDP", 22),
            ("UDP", 9999),
            ("ICMP", 0),
            ("ESP", 0),
        ],
        ["198.51.100.17", "198.51.100.1", "203.0.113.7", "192.0.2.1", "10.0.0.9", "10.1.2.3", "10.9.9.9"],
        [account(APP), account(GATE), "vm@p.iam.gserviceaccount.com", "stranger@p.iam.gserviceaccount.com"],
    )
)


def answers(of: Snapshot) -> list[bool]:
    judge = Firewall(of)
    return [
        judge.comes_in(Ranges.of([source]), pool, port, source, transport=transport).allowed
        for (transport, port), source, pool in ASKED
    ]


def _facts(of: Difference) -> set[Fact]:
    return {replace(fact, by="") for change in of.changes for fact in change.facts}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(RULES, RULES)
def test_no_change_that_the_judge_notices_is_silent_and_the_way_back_says_the_same(
    before: list[Resource], after: list[Resource]
) -> None:
    """The judge is asked about packets that are written down here, and not about the classes that the
    difference takes."""
    old, new = with_rules(*before), with_rules(*after)
    forth, back = difference(old, new), difference(new, old)
    assert _facts(forth) == {fact.mirrored for fact in _facts(back)}
    pairs = list(zip(answers(old), answers(new), strict=True))
    gains = any(fact.gain for fact in _facts(forth))
    losses = any(not fact.gain for fact in _facts(forth))
    if (False, True) in pairs:
        assert gains
        assert forth.widens
    if (True, False) in pairs:
        assert losses
        assert back.widens

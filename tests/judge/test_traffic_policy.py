"""Which DestinationRule says how a proxy connects, and what it says. Source: Istio reference,
DestinationRule.

Asked of the rules by themselves; what sidecars and gateways make of them is in test_routes.py and
test_gateway_routes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.traffic_policy import Policy, policy
from egress.judge.model.flow import Misread
from tests.judge.asking import BANK, LABELS, ROOT, SHOP, Written, entry, rule
from tests.judge.objects import snapshot

HOST = "a.example"
SOME = {"workloadSelector": {"matchLabels": LABELS}}
OTHERS = {"workloadSelector": {"matchLabels": {"app": "other"}}}
EVERY: Written = {"workloadSelector": {"matchLabels": {}}}


def says(
    *rules: Written,
    namespace: str = SHOP,
    subset: str | None = None,
    labels: Mapping[str, str] | None = None,
    host: str = HOST,
    number: int = 80,
) -> Policy:
    """What is said about a host of the bank's, to a sidecar or to a gateway of these labels."""
    registry = Registry(snapshot(entry(host, BANK), *rules))
    (destination,) = registry.destinations[host]
    return policy(registry, destination, number, subset, namespace, labels)


def decided_by(*rules: Written, **how: Any) -> str:
    """The name of the rule that counts."""
    found = says(*rules, **how).rule
    return found.by.rpartition("/")[2] if found else ""


class TestTheMode:
    @pytest.mark.parametrize(
        ("tls", "mode"),
        [
            (None, ""),
            ({}, "DISABLE"),
            ({"sni": "s"}, "DISABLE"),
            ({"mode": "DISABLE"}, "DISABLE"),
            ({"mode": "SIMPLE"}, "SIMPLE"),
            ({"mode": "ISTIO_MUTUAL"}, "ISTIO_MUTUAL"),
        ],
    )
    def test_is_the_one_that_is_said_and_what_is_said_without_one_is_that_there_is_none(
        self, tls: Written | None, mode: str
    ) -> None:
        for labels in (None, LABELS):
            assert says(rule(SHOP, HOST, tls=tls), labels=labels).mode == mode

    @pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL", "ISTIO_MUTUAL"])
    @pytest.mark.parametrize("secret", ["c", "configmap://c", "kubernetes-gateway://c"])
    def test_a_secret_is_for_gateways_and_for_rules_of_ones_own_pods(self, mode: str, secret: str) -> None:
        """A sidecar opens no TLS that names one; a ConfigMap holds no key and is for everybody."""
        tls = {"mode": mode, "credentialName": secret}
        no = "DISABLE" if mode != "ISTIO_MUTUAL" and not secret.startswith("configmap") else mode
        assert says(rule(SHOP, HOST, tls=tls)).mode == no
        assert says(rule(SHOP, HOST, tls=tls), labels=LABELS).mode == mode
        assert says(rule(SHOP, HOST, tls=tls, **EVERY)).mode == mode
        assert says(rule(SHOP, HOST, tls=tls, subsets=[{"name": "s"}]), subset="s").mode == no
        assert (
            says(rule(SHOP, HOST, tls=tls, subsets=[{"name": "s"}]), subset="s", labels=LABELS).mode == mode
        )

    def test_nothing_is_said_where_there_is_no_rule(self) -> None:
        for found in (says(), says(labels=LABELS), says(rule("till", HOST, tls={"mode": "SIMPLE"}))):
            assert (found.rule, found.tls, found.missing, found.mode) == (None, None, False, "")


class TestWhichCounts:
    def test_the_clients_then_the_hosts_then_the_roots(self) -> None:
        own, hosts, root = (
            rule(SHOP, HOST, name="own"),
            rule(BANK, HOST, name="hosts"),
            rule(ROOT, HOST, name="root"),
        )
        assert decided_by(root, hosts, own) == decided_by(own, hosts, root) == "own"
        assert decided_by(root, hosts) == "hosts"
        assert decided_by(root) == "root"

    def test_the_one_for_the_host_then_the_closest_pattern_above_it(self) -> None:
        names = ("a.b.test", "*.b.test", "*.test", "*")
        rules = [rule(SHOP, host, name=f"r{at}") for at, host in enumerate(names)]
        for at in range(len(names)):
            assert decided_by(*rules[at:], host="a.b.test") == decided_by(
                *rules[:at:-1], *rules[at : at + 1], host="a.b.test"
            )
            assert decided_by(*rules[at:], host="a.b.test") == f"r{at}"

    @pytest.mark.parametrize(
        ("home", "to_whom", "shop", "till"),
        [
            (BANK, None, True, True),
            (BANK, ["*"], True, True),
            (BANK, ["."], False, False),
            (BANK, [SHOP], True, False),
            (BANK, [BANK, "till"], False, True),
            (ROOT, ["."], False, False),
            (ROOT, [SHOP], True, False),
            (SHOP, ["."], True, False),
            (SHOP, [BANK], False, False),
            (SHOP, ["*"], True, False),
        ],
    )
    def test_it_is_for_those_that_it_is_exported_to(
        self, home: str, to_whom: list[str] | None, shop: bool, till: bool
    ) -> None:
        one = rule(home, HOST, **({"exportTo": to_whom} if to_whom else {}))
        assert (decided_by(one) == "rule", decided_by(one, namespace="till") == "rule") == (shop, till)

    def test_the_closest_of_a_namespace_hides_those_behind_it_even_where_it_is_not_for_the_client(
        self,
    ) -> None:
        close, wide = rule(BANK, HOST, name="close", exportTo=["till"]), rule(BANK, "*.example", name="wide")
        assert decided_by(close, wide) == ""
        assert decided_by(close, wide, namespace="till") == "close"
        assert decided_by(close, wide, rule(ROOT, "*.example", name="root")) == "root"

    def test_but_not_where_its_namespace_keeps_it_for_itself(self) -> None:
        close, wide = rule(BANK, HOST, name="close", exportTo=["."]), rule(BANK, "*.example", name="wide")
        assert decided_by(close, wide) == "wide"

    def test_the_root_namespaces_proxies_take_first_what_it_keeps_for_itself(self) -> None:
        kept, all_, hosts = (
            rule(ROOT, HOST, name="kept", exportTo=["."]),
            rule(ROOT, HOST, name="all"),
            rule(BANK, HOST),
        )
        assert decided_by(kept, all_, hosts, namespace=ROOT) == "kept"
        assert decided_by(all_, hosts, namespace=ROOT) == "rule"
        assert decided_by(all_, namespace=ROOT) == "all"
        assert decided_by(kept, all_) == "all"

    def test_two_of_a_namespace_are_a_matter_of_their_age(self) -> None:
        with pytest.raises(Misread) as said:
            says(rule(BANK, HOST, name="one"), rule(BANK, HOST, name="two"))
        assert (said.value.by, said.value.field) == ("bank/destinationrule/one", "spec.host")
        assert "bank/destinationrule/two" in said.value.reason


class TestRulesForSomePods:
    def test_are_those_of_the_gateway_with_the_labels_and_come_first(self) -> None:
        some, others, all_ = (
            rule(SHOP, HOST, name="some", **SOME),
            rule(SHOP, HOST, name="others", **OTHERS),
            rule(SHOP, HOST),
        )
        for rules in ((some, others, all_), (all_, others, some)):
            assert decided_by(*rules, labels=LABELS) == "some"
            assert decided_by(*rules, labels={**LABELS, "app": "a"}) == "some"
            assert decided_by(*rules, labels={"app": "other"}) == "others"
            assert decided_by(*rules, labels={}) == "rule"
        assert decided_by(others, labels=LABELS) == ""

    def test_hold_for_some_sidecars_of_the_namespace_which_is_not_understood(self) -> None:
        with pytest.raises(Misread) as said:
            says(rule(SHOP, HOST), rule(SHOP, HOST, name="some", **SOME))
        assert (said.value.by, said.value.field) == ("shop/destinationrule/some", "spec.workloadSelector")

    def test_unless_they_are_for_every_pod(self) -> None:
        assert decided_by(rule(SHOP, HOST), rule(SHOP, HOST, name="every", **EVERY)) == "every"

    def test_two_of_them_are_a_matter_of_their_age(self) -> None:
        with pytest.raises(Misread):
            says(
                rule(SHOP, HOST, name="some", **SOME), rule(SHOP, HOST, name="every", **EVERY), labels=LABELS
            )

    def test_are_their_namespaces_alone(self) -> None:
        assert decided_by(rule(BANK, HOST, **SOME), labels=LABELS) == ""
        assert decided_by(rule(BANK, HOST, **EVERY, exportTo=["*"])) == ""


class TestPortsAndSubsets:
    TOP, PORT, SUBSET, BOTH = ({"mode": "SIMPLE", "sni": name} for name in ("top", "port", "subset", "both"))

    @staticmethod
    def at(number: int, tls: Written | None) -> Written:
        return {"port": {"number": number}, **({"tls": tls} if tls else {})}

    def sni(self, top: Written, subset: Written | None = None, *, number: int = 80) -> str | None:
        named = (
            [{"name": "other"}]
            if subset is None
            else [{"name": "other"}, {"name": "s", "trafficPolicy": subset}]
        )
        asked = None if subset is None else "s"
        found = says(rule(SHOP, HOST, trafficPolicy=top, subsets=named), subset=asked, number=number)
        assert not found.missing
        return found.tls["sni"] if found.tls else None

    def test_settings_of_a_port_say_everything_about_it(self) -> None:
        top = {
            "tls": self.TOP,
            "portLevelSettings": [self.at(443, None), self.at(80, self.PORT), self.at(8080, None)],
        }
        assert [self.sni(top, number=number) for number in (80, 443, 8080, 81)] == ["port", None, None, "top"]

    @pytest.mark.parametrize(
        ("subset", "sni"),
        [
            ({}, "top"),
            ({"connectionPool": {"tcp": {"maxConnections": 1}}}, "top"),
            ({"tls": SUBSET}, "subset"),
            ({"tls": SUBSET, "portLevelSettings": [{"port": {"number": 80}, "tls": BOTH}]}, "both"),
            ({"tls": SUBSET, "portLevelSettings": [{"port": {"number": 80}}]}, None),
            ({"portLevelSettings": [{"port": {"number": 80}}]}, None),
            ({"portLevelSettings": [{"port": {"number": 443}}]}, "top"),
        ],
    )
    def test_a_subset_says_more_than_the_whole(self, subset: Written, sni: str | None) -> None:
        assert self.sni({"tls": self.TOP}, subset) == sni

    def test_one_that_is_not_there_is_missing_whether_there_is_a_rule_or_not(self) -> None:
        found = says(rule(SHOP, HOST, tls=self.TOP, subsets=[{"name": "s"}]), subset="t")
        assert (found.rule is not None, found.tls, found.missing) == (True, None, True)
        assert says(subset="t").missing
        assert not says(rule(SHOP, HOST, subsets=[{"name": "s"}]), subset="s").missing

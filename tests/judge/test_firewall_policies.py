"""What network firewall policies let through, and that they decide before the rules of the network."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.firewall import Firewall
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from tests.judge.firewall_asking import (
    ALL,
    ANY_SITE,
    APP,
    DENY_ALL,
    GATE,
    judged,
    of_policy,
    policy,
    rule,
    says,
)
from tests.support import config_with, plan_of


class TestPolicies:
    def test_the_rule_that_decides_is_named(self) -> None:
        two = policy(of_policy("allow", "udp", priority=1), of_policy("deny", "tcp", priority=2))
        verdict = judged(two)
        assert says(verdict) == (
            False,
            True,
            "networkfirewallpolicywithrules/policy",
            "rules[1].match.layer4Configs[0]",
        )
        assert verdict.reason == "The rule denies TCP 443 to the internet: deny."
        unnamed = of_policy("deny", priority=7)
        del unnamed["ruleName"]
        assert judged(policy(unnamed)).reason == "The rule denies TCP 443 to the internet: 7."

    def test_without_a_match_a_rule_means_everything(self) -> None:
        verdict = judged(policy({"direction": "EGRESS", "action": "deny", "priority": 1}))
        assert says(verdict) == (False, True, "networkfirewallpolicywithrules/policy", "")

    def test_ports_of_a_rule(self) -> None:
        match = {
            "destIpRanges": ["0.0.0.0/0"],
            "layer4Configs": [{"ipProtocol": "udp"}, {"ipProtocol": "tcp", "ports": ["80"]}],
        }
        denied = policy(of_policy("deny", match=match))
        assert judged(denied, port=80).field == "rules[0].match.layer4Configs[1].ports[0]"
        assert judged(denied, port=81).allowed
        assert not judged(denied, port=81, transport="UDP").allowed

    def test_a_disabled_rule_says_nothing(self) -> None:
        assert judged(policy(of_policy("deny", disabled=True))).decided_by is None

    def test_without_a_direction_a_rule_is_for_what_comes_in(self) -> None:
        far, out = Pod("bank", {}, pool=GATE), rule(allows=ALL)
        written = of_policy(
            "deny", match={"srcIpRanges": ["10.0.0.0/24"], "layer4Configs": [{"ipProtocol": "all"}]}
        )
        del written["direction"]
        assert judged(policy(written)).allowed
        assert judged(policy(written), out, to=far).decided_by == "networkfirewallpolicywithrules/policy"
        assert (
            judged(policy({**written, "direction": "INGRESS"}), out, to=far).decided_by
            == "networkfirewallpolicywithrules/policy"
        )
        verdict = judged(policy(written), out, source=Pod("shop", {}, pool=APP), to=far)
        assert (verdict.allowed, verdict.understood) == (True, True), "the rule's range is the nodes' alone"

    @pytest.mark.parametrize(
        ("match", "unknown"),
        [
            ({"destIpRanges": ["example.com"], "layer4Configs": [{"ipProtocol": "tcp"}]}, "'example.com'"),
            (
                {"destIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["web"]}]},
                "'web'",
            ),
            ({"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]}, "srcIpRanges"),
        ],
    )
    def test_a_match_that_cannot_be_read_may_mean_everything(
        self, match: dict[str, Any], unknown: str
    ) -> None:
        verdict = judged(policy(of_policy("deny", match=match)), port=1, transport="UDP")
        assert (verdict.allowed, verdict.understood) == (True, False)
        assert unknown in verdict.reason
        assert not verdict.field or "srcIpRanges" in match

    def test_a_policy_decides_before_any_rule_of_the_network(self) -> None:
        opened = rule("somebody-opened-it", allows=ALL, priority=0)
        verdict = judged(policy(of_policy("deny", priority=65000)), opened)
        assert (verdict.allowed, verdict.decided_by) == (False, "networkfirewallpolicywithrules/policy")

    def test_its_rules_decide_by_their_numbers_and_for_their_machines(self) -> None:
        both = policy(
            of_policy("deny", priority=2), of_policy("allow", "tcp", priority=1, targetServiceAccounts=[GATE])
        )
        assert judged(both, source=Node(GATE)).allowed
        assert not judged(both, source=Node(APP)).allowed

    def test_what_it_does_not_mean_is_for_the_rules_of_the_network(self) -> None:
        assert not judged(policy(of_policy("allow", "udp")), DENY_ALL).allowed

    @pytest.mark.parametrize(
        "change",
        [
            {"action": "goto_next"},
            {"targetSecureTags": [{"name": "t"}]},
            {"match": {"destFqdns": ["example.com"]}},
        ],
    )
    def test_what_this_judge_cannot_read_is_not_understood(self, change: dict[str, Any]) -> None:
        assert not judged(policy({**of_policy("deny"), **change})).understood

    def test_the_programs_own_policy_lets_through_what_its_rules_do(self) -> None:
        kinds = {
            form: Firewall(
                Snapshot.of((), google_objects(plan_of(config_with("network/firewall", {"form": form}))))
            )
            for form in ("rules", "policy")
        }
        for account in ("sa-application-nodes", "sa-gateway-nodes"):
            source = Node(f"{account}@sandbox-project.iam.gserviceaccount.com")
            for to in (
                ANY_SITE,
                Outside("v6", "2606:2800::1"),
                Outside("google", "199.36.153.8"),
                Outside("plane", "10.5.0.2"),
            ):
                for port in (22, 80, 443, 10250):
                    said = {
                        form: judge.judge(Connection(source, to, port, Protocol.TCP))
                        for form, judge in kinds.items()
                    }
                    assert said["rules"].allowed == said["policy"].allowed, (account, to, port)
                    assert said["policy"].understood

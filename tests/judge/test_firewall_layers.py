"""What VPC firewall rules let through, read from the resources: Google's semantics one by one, then the
tutorial's own rules."""

from __future__ import annotations

from functools import cache
from typing import Any

import pulumi_gcp
import pytest

from egress.common.objects import Resource
from egress.judge.layers.firewall import Firewall
from egress.judge.lookup import firewall_rules
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from tests.support import config_with, dev_config, plan_of

SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "subnet",
    {
        "ipCidrRange": "10.0.0.0/24",
        "network": "projects/p/global/networks/ours",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"}],
    },
)
CLUSTER = Resource(
    "gcp:container/cluster:Cluster", "one", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
)
APP, GATE = "app@p.iam", "gate@p.iam"
ANY_SITE = Outside("example.com", None)
TCP_443 = [{"protocol": "tcp", "ports": ["443"]}]
ALL = [{"protocol": "all"}]


def rule(name: str = "rule", **properties: Any) -> Resource:
    return Resource(
        "gcp:compute/firewall:Firewall", name, {"name": name, "direction": "EGRESS", **properties}
    )


DENY_ALL = rule("deny-all", denies=ALL, destinationRanges=["0.0.0.0/0"], priority=65535)


def judged(*rules: Resource, to: Pod | Outside = ANY_SITE, port: int = 443, **how: Any) -> Verdict:
    others = how.pop("others", (SUBNET, CLUSTER))
    must_pass = how.pop("must_pass", False)
    source = how.pop("source", Node(APP))
    connection = Connection(source, to, port, Protocol.TCP, **how)
    return Firewall(Snapshot.of((), (*rules, *others))).judge(connection, must_pass=must_pass)


def policy(*rules: dict[str, Any]) -> Resource:
    kind = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
    return Resource(kind, "policy", {"name": "policy", "rules": list(rules)})


def of_policy(action: str, protocol: str = "all", **properties: Any) -> dict[str, Any]:
    match = {"destIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": protocol}]}
    return {
        "ruleName": action,
        "direction": "EGRESS",
        "action": action,
        "priority": 1000,
        "match": match,
        **properties,
    }


def of_google(**properties: Any) -> Resource:
    """A rule without the direction that `rule` says."""
    return Resource("gcp:compute/firewall:Firewall", "of-google", properties)


def says(verdict: Verdict) -> tuple[bool, bool, str, str]:
    return verdict.allowed, verdict.understood, verdict.decided_by, verdict.field


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
        assert verdict.reason == "stops TCP 443 to the internet: deny"
        unnamed = of_policy("deny", priority=7)
        del unnamed["ruleName"]
        assert judged(policy(unnamed)).reason == "stops TCP 443 to the internet: 7"

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


class TestKnownFields:
    """Exports hold whatever the provider puts out: each field is read, is known to decide nothing, or is not
    understood."""

    NOT_UNDERSTOOD = {"sourceServiceAccounts", "sourceTags", "targetTags"}
    NOT_UNDERSTOOD_OF_POLICY = {"securityProfileGroup", "targetSecureTags", "tlsInspect"}

    def test_every_output_of_the_installed_provider_is_known(self) -> None:
        of_engine = {"urn", "pulumiResourceName", "pulumiResourceType"}
        known = firewall_rules._READ | firewall_rules._SILENT
        assert _outputs(pulumi_gcp.compute.Firewall) - of_engine == known | self.NOT_UNDERSTOOD
        known = firewall_rules._READ_OF_POLICY | firewall_rules._SILENT_OF_POLICY
        of_policy_rule = _outputs(pulumi_gcp.compute.outputs.NetworkFirewallPolicyWithRulesRule)
        assert of_policy_rule == known | self.NOT_UNDERSTOOD_OF_POLICY

    @pytest.mark.parametrize("field", sorted(NOT_UNDERSTOOD))
    def test_what_is_not_read_is_not_understood(self, field: str) -> None:
        assert not judged(
            rule("rule", denies=ALL, destinationRanges=["0.0.0.0/0"], **{field: ["x"]})
        ).understood

    @pytest.mark.parametrize("field", sorted(NOT_UNDERSTOOD_OF_POLICY))
    def test_nor_is_it_of_a_policy(self, field: str) -> None:
        assert not judged(policy(of_policy("deny", **{field: "x"}))).understood

    def test_what_the_provider_adds_decides_nothing(self) -> None:
        added = {
            "deletionPolicy": "DELETE",
            "creationTimestamp": "x",
            "selfLink": "x",
            "project": "p",
            "enableLogging": True,
        }
        verdict = judged(rule(denies=ALL, destinationRanges=["0.0.0.0/0"], **added))
        assert verdict.understood
        assert not verdict.allowed


def _outputs(kind: type) -> set[str]:
    names = {name for name, value in vars(kind).items() if isinstance(value, property)}
    names |= {
        name for base in kind.__mro__[1:] for name, value in vars(base).items() if isinstance(value, property)
    }
    return {
        "".join([name.partition("_")[0], *(part.capitalize() for part in name.split("_")[1:])])
        for name in names
    }


class TestWhoDecides:
    def test_what_no_rule_means_leaves(self) -> None:
        verdict = judged()
        assert says(verdict) == (True, True, None, "")

    def test_what_no_rule_means_does_not_come_in(self) -> None:
        verdict = judged(to=Pod("bank", {}, pool=GATE), others=(SUBNET,))
        assert says(verdict) == (False, True, None, "")

    def test_a_rule_without_a_number_has_the_number_1000(self) -> None:
        deny = rule("deny", denies=ALL, priority=1001)
        assert judged(deny, rule("allow", allows=ALL)).allowed
        assert judged(deny, rule("allow", allows=ALL, priority=0)).allowed
        assert not judged(rule("deny", denies=ALL, priority=999), rule("allow", allows=ALL)).allowed

    def test_a_rule_without_ranges_is_for_every_address(self) -> None:
        dual = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "stackType": "IPV4_IPV6"})
        for site in ("192.0.2.1", "2001:db8::1"):
            assert (
                judged(rule(denies=ALL), to=Outside(None, site), others=(dual, CLUSTER)).decided_by
                == "firewall/rule"
            )

    def test_a_rule_without_a_network_or_of_one_that_nobody_knows_holds(self) -> None:
        unknown = (Resource(SUBNET.type, "subnet", {"ipCidrRange": "10.0.0.0/24"}), CLUSTER)
        assert not judged(rule(denies=ALL), others=(SUBNET, CLUSTER)).allowed
        assert not judged(
            rule(denies=ALL, network="projects/p/global/networks/theirs"), others=unknown
        ).allowed

    def test_the_cluster_says_as_well_which_network_is_meant(self) -> None:
        cluster = Resource(CLUSTER.type, "one", {**CLUSTER.properties, "network": "ours"})
        subnet = Resource(SUBNET.type, "subnet", {"ipCidrRange": "10.0.0.0/24"})
        assert judged(
            rule(denies=ALL, network="projects/p/global/networks/theirs"), others=(subnet, cluster)
        ).allowed
        assert not judged(
            rule(denies=ALL, network="projects/p/global/networks/ours"), others=(subnet, cluster)
        ).allowed

    def test_the_lower_number_decides_whatever_the_order(self) -> None:
        allow = rule("allow", allows=TCP_443, priority=1000)
        verdict = judged(DENY_ALL, allow)
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            True,
            "firewall/allow",
            "allows[0].ports[0]",
        )
        assert judged(DENY_ALL, allow, port=80).decided_by == "firewall/deny-all"

    def test_of_one_number_the_denial_decides(self) -> None:
        allow, deny = rule("allow", allows=TCP_443), rule("deny", denies=TCP_443)
        assert not judged(allow, deny).allowed
        assert not judged(rule("allow", allows=TCP_443, priority=1000), deny).allowed

    def test_a_disabled_rule_and_a_rule_of_another_network_say_nothing(self) -> None:
        assert not judged(DENY_ALL, rule(allows=ALL, disabled=True)).allowed
        assert not judged(DENY_ALL, rule(allows=ALL, network="projects/p/global/networks/theirs")).allowed
        assert judged(
            DENY_ALL,
            rule(allows=ALL, network="https://www.googleapis.com/compute/v1/projects/p/global/networks/ours"),
        ).allowed

    def test_rules_of_the_other_direction_say_nothing(self) -> None:
        assert judged(rule(denies=ALL, direction="INGRESS")).allowed
        assert judged(of_google(denies=ALL)).allowed


class TestTargets:
    def test_a_rule_for_a_service_account_is_for_its_nodes_and_their_pods(self) -> None:
        allow = rule(allows=TCP_443, targetServiceAccounts=[GATE])
        assert judged(DENY_ALL, allow, source=Node(GATE)).allowed
        assert judged(DENY_ALL, allow, source=Pod("istio-egress", {}, pool=GATE)).allowed
        assert not judged(DENY_ALL, allow, source=Node(APP)).allowed

    def test_a_pod_of_an_unknown_pool_is_where_more_is_let_through(self) -> None:
        allow = rule(allows=TCP_443, targetServiceAccounts=[GATE])
        assert judged(DENY_ALL, allow, source=Pod("team-x", None)).allowed
        assert not judged(DENY_ALL, allow, source=Pod("team-x", None), must_pass=True).allowed

    def test_tags_are_not_understood(self) -> None:
        verdict = judged(DENY_ALL, rule(allows=TCP_443, targetTags=["web"]))
        assert (verdict.allowed, verdict.understood, verdict.decided_by) == (True, False, "firewall/rule")
        assert judged(
            rule("first", denies=ALL, priority=1), rule(allows=TCP_443, targetTags=["web"])
        ).understood


class TestWhatItMeans:
    @pytest.mark.parametrize(
        ("allows", "let_through"),
        [
            ([{"protocol": "tcp"}], {("TCP", 79), ("TCP", 80), ("TCP", 81)}),
            (
                [{"protocol": "all"}],
                {(transport, port) for transport in ("TCP", "UDP") for port in (79, 80, 81)},
            ),
            ([{"protocol": "TCP", "ports": ["80-90"]}], {("TCP", 80), ("TCP", 81)}),
            ([{"protocol": "17", "ports": [80]}], {("UDP", 80)}),
            ([{"protocol": "icmp"}], set()),
            (
                [{"protocol": "tcp", "ports": ["1", "80"]}, {"protocol": "udp", "ports": ["79"]}],
                {("TCP", 80), ("UDP", 79)},
            ),
        ],
    )
    def test_protocols_and_ports(
        self, allows: list[dict[str, Any]], let_through: set[tuple[str, int]]
    ) -> None:
        seen = {
            (transport, port)
            for transport in ("TCP", "UDP")
            for port in (79, 80, 81)
            if judged(DENY_ALL, rule(allows=allows), port=port, transport=transport).allowed
        }
        assert seen == let_through

    def test_a_known_address(self) -> None:
        allow = rule(allows=TCP_443, destinationRanges=["192.0.2.0/28"])
        assert judged(DENY_ALL, allow, to=Outside(None, "192.0.2.15")).allowed
        assert not judged(DENY_ALL, allow, to=Outside(None, "192.0.2.16")).allowed

    def test_some_address_of_the_internet_is_reached_if_one_is(self) -> None:
        allow = rule(allows=TCP_443, destinationRanges=["8.8.8.8/32"])
        assert judged(DENY_ALL, allow).allowed
        assert not judged(DENY_ALL, rule(allows=TCP_443, destinationRanges=["10.0.0.0/8"])).allowed
        assert not judged(
            DENY_ALL, rule("first", denies=ALL, destinationRanges=["8.8.8.0/24"], priority=1), allow
        ).allowed

    def test_a_declared_host_needs_every_address_of_the_internet(self) -> None:
        assert not judged(
            DENY_ALL, rule(allows=TCP_443, destinationRanges=["8.8.8.8/32"]), must_pass=True
        ).allowed
        halves = rule(allows=TCP_443, destinationRanges=["0.0.0.0/1", "128.0.0.0/1"])
        assert judged(DENY_ALL, halves, must_pass=True).allowed
        hole = rule("hole", denies=ALL, destinationRanges=["8.8.8.8/32"], priority=1)
        assert judged(hole, halves, must_pass=True).decided_by == "firewall/hole"

    def test_private_google_access_is_no_address_of_the_internet(self) -> None:
        allow = rule(allows=TCP_443, destinationRanges=["199.36.153.8/30"])
        assert not judged(DENY_ALL, allow).allowed
        assert judged(DENY_ALL, allow, to=Outside("storage.googleapis.com", "199.36.153.9")).allowed

    def test_the_metadata_server_is_always_reached(self) -> None:
        verdict = judged(DENY_ALL, to=Outside(None, "169.254.169.254"), port=53, transport="UDP")
        assert says(verdict) == (True, True, None, "")

    def test_of_a_whole_range_one_address_is_enough(self) -> None:
        allow = rule(allows=TCP_443, destinationRanges=["192.0.2.0/28"])
        for must_pass in (False, True):
            assert judged(DENY_ALL, allow, to=Outside(None, "192.0.2.0/24"), must_pass=must_pass).allowed

    def test_who_must_reach_googles_apis_needs_private_access(self) -> None:
        google = Outside("storage.googleapis.com", "199.36.153.8")
        for how, reached in ((True, True), (False, False), (None, False)):
            subnet = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "privateIpGoogleAccess": how})
            verdict = judged(to=google, must_pass=True, others=(subnet, CLUSTER))
            assert verdict.allowed is reached
            assert reached or says(verdict) == (False, True, "subnetwork/subnet", "privateIpGoogleAccess")
            assert judged(to=google, others=(subnet, CLUSTER)).allowed, (
                "what nobody may reach is not called unreachable"
            )
            assert judged(to=Outside(None, "192.0.2.1"), must_pass=True, others=(subnet, CLUSTER)).allowed
        proxies = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "purpose": "REGIONAL_MANAGED_PROXY"})
        private = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "purpose": "PRIVATE"})
        assert judged(to=google, must_pass=True, others=(proxies, CLUSTER)).allowed
        assert not judged(to=google, must_pass=True, others=(private, CLUSTER)).allowed

    def test_who_must_pass_needs_no_ipv6(self) -> None:
        dual = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "stackType": "IPV4_IPV6"})
        allow = rule(allows=TCP_443, destinationRanges=["0.0.0.0/0"])
        sixth = rule("sixth", denies=ALL, destinationRanges=["::/0"], priority=1)
        assert judged(DENY_ALL, allow, sixth, must_pass=True, others=(dual, CLUSTER)).allowed

    def test_ipv6_is_stopped_by_having_none(self) -> None:
        site = Outside(None, "2001:db8::1")
        assert says(judged(DENY_ALL, to=site)) == (False, True, "subnetwork/subnet", "stackType")
        dual = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "stackType": "IPV4_IPV6"})
        assert judged(DENY_ALL, to=site, others=(dual, CLUSTER)).allowed
        assert judged(DENY_ALL, others=(dual, CLUSTER)).allowed

    def test_what_cannot_be_read_may_mean_every_port_and_protocol(self) -> None:
        for strange in (
            rule(allows=[{"protocol": "tcp", "ports": ["web"]}], destinationRanges=["192.0.2.0/24"]),
            rule(allows=TCP_443, destinationRanges=["example.com"]),
            rule(allows=[{"ports": ["443"]}]),
            rule(),
        ):
            verdict = judged(DENY_ALL, strange, port=1, transport="UDP")
            assert says(verdict) == (True, False, "firewall/rule", ""), strange

    @pytest.mark.parametrize("field", ["pulumiLabels", "__defaults", "sourceTags"])
    @pytest.mark.parametrize("value", [None, [], "", ["x"]])
    def test_a_field_that_says_nothing_or_is_the_engines_own_decides_nothing(
        self, field: str, value: object
    ) -> None:
        verdict = judged(rule(denies=ALL, **{field: value}))
        assert verdict.understood is not (field == "sourceTags" and bool(value))

    def test_a_denial_has_its_own_field(self) -> None:
        assert judged(rule(denies=[{"protocol": "udp"}, {"protocol": "tcp"}])).field == "denies[1]"
        assert judged(rule(denies=[{"protocol": "6"}])).field == "denies[0]"

    def test_ranges_of_the_other_side_are_not_understood(self) -> None:
        out, far = rule(allows=ALL, priority=1), Pod("bank", {}, pool=GATE)
        assert not judged(rule(denies=ALL, sourceRanges=["10.0.0.0/8"])).understood
        ingress = rule("in", direction="INGRESS", denies=ALL, destinationRanges=["10.0.0.0/8"], priority=1)
        assert not judged(out, ingress, to=far).understood
        assert judged(out, rule("in", direction="INGRESS", denies=ALL, priority=1), to=far).understood

    def test_what_cannot_be_read_is_not_understood(self) -> None:
        for strange in (
            rule(allows=TCP_443, denies=TCP_443),
            rule(allows=[{"protocol": "tcp", "ports": ["web"]}]),
            rule(allows=TCP_443, destinationRanges=["example.com"]),
            rule(allows=TCP_443, sourceRanges=["10.0.0.0/8"]),
            rule(allows=TCP_443, destinationFqdns=["example.com"]),
        ):
            assert not judged(DENY_ALL, strange).understood, strange


class TestBetweenPodsAndNodes:
    FAR = Pod("bank", {}, pool=GATE)
    OUT = rule(allows=ALL, destinationRanges=["10.0.0.0/24", "10.1.0.0/16"])

    def test_gke_lets_its_own_pods_and_nodes_in(self) -> None:
        assert (
            judged(DENY_ALL, self.OUT, source=Pod("shop", {}, pool=APP), to=self.FAR).decided_by
            == "firewall/rule"
        )
        assert judged(DENY_ALL, self.OUT, to=self.FAR).allowed
        assert not judged(DENY_ALL, self.OUT, to=self.FAR, others=(SUBNET,)).allowed

    def test_a_rule_without_a_direction_is_for_what_comes_in(self) -> None:
        closed = of_google(denies=ALL, sourceRanges=["10.0.0.0/24"], priority=1)
        assert judged(self.OUT, closed, to=self.FAR).decided_by == "firewall/of-google"
        assert judged(self.OUT, closed, to=self.FAR, source=Pod("shop", {}, pool=APP)).allowed

    def test_nodes_and_pods_come_from_ranges_of_their_own(self) -> None:
        only_pods = rule("closed", direction="INGRESS", denies=ALL, sourceRanges=["10.1.0.0/16"], priority=1)
        only_nodes = rule("closed", direction="INGRESS", denies=ALL, sourceRanges=["10.0.0.0/24"], priority=1)
        for closed, stopped, free in (
            (only_pods, Pod("shop", {}, pool=APP), Node(APP)),
            (only_nodes, Node(APP), Pod("shop", {}, pool=APP)),
        ):
            verdict = judged(self.OUT, closed, to=self.FAR, source=stopped)
            assert verdict.decided_by == "firewall/closed"
            assert verdict.reason == f"stops TCP 443 from {'nodes' if isinstance(stopped, Node) else 'pods'}"
            assert judged(self.OUT, closed, to=self.FAR, source=free).allowed

    def test_gke_opens_udp_as_well_and_nothing_else(self) -> None:
        for transport in ("TCP", "UDP"):
            assert judged(self.OUT, to=self.FAR, transport=transport).decided_by == "firewall/rule"
        verdict = judged(self.OUT, to=self.FAR, transport="SCTP")
        assert says(verdict) == (False, True, None, "")

    def test_what_gke_opens_a_rule_of_a_lower_number_closes(self) -> None:
        for priority, allowed in ((999, False), (1000, False), (1001, True)):
            closed = rule("closed", direction="INGRESS", denies=ALL, priority=priority)
            assert judged(self.OUT, closed, to=self.FAR).allowed is allowed, priority

    def test_what_is_not_understood_at_either_end_is_said(self) -> None:
        strange = rule("strange", allows=ALL, targetTags=["x"], priority=1)
        assert says(judged(strange, to=self.FAR)) == (True, False, "firewall/strange", "allows[0]")
        strange = rule("strange", direction="INGRESS", allows=ALL, targetTags=["x"], priority=1)
        assert says(judged(self.OUT, strange, to=self.FAR)) == (True, False, "firewall/strange", "allows[0]")
        closed = rule("closed", denies=ALL, priority=0)
        assert judged(closed, strange, to=self.FAR).decided_by == "firewall/closed"
        out, shut = (
            rule("out", allows=ALL, targetTags=["x"]),
            rule("shut", direction="INGRESS", denies=ALL, priority=0),
        )
        assert judged(out, shut, to=self.FAR).decided_by == "firewall/out"

    def test_what_nobody_may_reach_is_what_is_asked_if_nothing_else_is_said(self) -> None:
        half = rule(allows=ALL, destinationRanges=["10.1.0.0/17"])
        judge = Firewall(Snapshot.of((), (DENY_ALL, half, SUBNET, CLUSTER)))
        assert judge.judge(Connection(Node(APP), self.FAR, 443, Protocol.TCP)).allowed

    def test_both_ends_are_asked(self) -> None:
        assert not judged(DENY_ALL, to=self.FAR).allowed
        closed = rule("closed", direction="INGRESS", denies=ALL, targetServiceAccounts=[GATE], priority=1)
        assert judged(DENY_ALL, self.OUT, closed, to=self.FAR).decided_by == "firewall/closed"
        assert judged(DENY_ALL, self.OUT, closed, to=Pod("bank", {}, pool=APP)).allowed

    def test_a_range_may_hold_the_pod_or_must(self) -> None:
        half = rule(allows=ALL, destinationRanges=["10.1.0.0/17"])
        assert judged(DENY_ALL, half, to=self.FAR).allowed
        assert not judged(DENY_ALL, half, to=self.FAR, must_pass=True).allowed


@cache
def dev() -> Firewall:
    return Firewall(Snapshot.of((), google_objects(plan_of(dev_config()))))


APP_NODES = "sa-application-nodes@sandbox-project.iam.gserviceaccount.com"
GATEWAY_NODES = "sa-gateway-nodes@sandbox-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("source", "to", "port", "transport", "allowed", "by"),
    [
        (APP_NODES, ANY_SITE, 443, "TCP", False, "firewall/global-deny-egress-all"),
        (APP_NODES, ANY_SITE, 53, "UDP", False, "firewall/global-deny-egress-all"),
        (
            APP_NODES,
            Outside("storage.googleapis.com", "199.36.153.8"),
            443,
            "TCP",
            True,
            "firewall/allow-egress-gcp-apis",
        ),
        (APP_NODES, Outside(None, "10.5.0.2"), 443, "TCP", True, "firewall/allow-egress-to-api-server"),
        (
            APP_NODES,
            Pod("istio-egress", {}, pool=GATEWAY_NODES),
            8443,
            "TCP",
            True,
            "firewall/allow-egress-nodes-and-pods",
        ),
        (GATEWAY_NODES, ANY_SITE, 443, "TCP", True, "firewall/gateway-allow-egress-web"),
        (GATEWAY_NODES, ANY_SITE, 80, "TCP", True, "firewall/gateway-allow-egress-web"),
        (GATEWAY_NODES, ANY_SITE, 22, "TCP", False, "firewall/global-deny-egress-all"),
        (GATEWAY_NODES, ANY_SITE, 443, "UDP", False, "firewall/global-deny-egress-all"),
    ],
)
def test_the_tutorials_nodes(
    source: str, to: Pod | Outside, port: int, transport: str, allowed: bool, by: str
) -> None:
    verdict = dev().judge(Connection(Node(source), to, port, Protocol.TCP, transport))
    assert (verdict.allowed, verdict.decided_by, verdict.understood) == (allowed, by, True)


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.169.254/32", "::ffff:169.254.169.254"])
def test_the_metadata_server_is_reached_however_its_address_is_written(address: str) -> None:
    assert judged(DENY_ALL, to=Outside(None, address)).allowed
    assert not judged(DENY_ALL, to=Outside(None, "169.254.169.253")).allowed

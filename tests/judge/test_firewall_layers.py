"""What VPC firewall rules let through, read from the resources: Google's semantics one by one, then the
tutorial's own rules."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.firewall import Firewall
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from tests.judge.firewall_asking import (
    ALL,
    ANY_SITE,
    APP,
    CLUSTER,
    DENY_ALL,
    GATE,
    SUBNET,
    TCP_443,
    judged,
    of_google,
    rule,
    says,
)
from tests.support import dev_config, plan_of


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

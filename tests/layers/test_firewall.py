"""What the network's firewall lets nodes connect to, whatever runs on them, read from the rendered rules."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from egress.layers.google import firewall
from egress.layers.google.firewall import Nodes
from tests.program_runner import run_program
from tests.support import config_with, dev_config, plan_of, teams

INSIDE = ["10.0.0.7", "10.1.200.3"]
CONTROL_PLANE, VIP = "10.5.0.2", "199.36.153.9"
OUTSIDE = ["93.184.216.34", "8.8.8.8", "10.9.0.1", "192.168.1.1", "199.36.153.4", "172.16.0.1"]
RULE, POLICY = (
    "gcp:compute/firewall:Firewall",
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules",
)


def passes(
    nodes: Nodes, address: str, port: int, protocol: str = "tcp", config: dict[str, Any] | None = None
) -> bool:
    """Whether a connection from such a node to the address passes. The lowest number decides, and before
    equals the refusal."""
    found = [
        rule
        for rule in firewall.render(plan_of(config or dev_config()))
        if rule.egress
        and (not rule.targets or nodes in rule.targets)
        and rule.protocol in ("all", protocol)
        and (not rule.ports or port in rule.ports)
        and any(ip_address(address) in ip_network(part) for part in rule.ranges)
    ]
    deciding = min(found, key=lambda rule: (rule.priority, rule.allow), default=None)
    return deciding is None or deciding.allow  # no rule at all: Google's implied one allows


class TestApplicationNodes:
    @pytest.mark.parametrize("address", INSIDE)
    def test_they_reach_nodes_and_pods(self, address: str) -> None:
        assert passes(Nodes.APPLICATION, address, 8080)

    def test_they_reach_the_control_plane_and_google_apis_on_the_ports_that_these_have(self) -> None:
        assert all(passes(Nodes.APPLICATION, CONTROL_PLANE, port) for port in (443, 8132, 10250))
        assert passes(Nodes.APPLICATION, VIP, 443)
        assert not passes(Nodes.APPLICATION, CONTROL_PLANE, 80)
        assert not passes(Nodes.APPLICATION, VIP, 80)

    @pytest.mark.parametrize("address", OUTSIDE)
    @pytest.mark.parametrize(
        ("port", "protocol"), [(443, "tcp"), (80, "tcp"), (53, "udp"), (53, "tcp"), (443, "udp"), (0, "icmp")]
    )
    def test_they_reach_nothing_else(self, address: str, port: int, protocol: str) -> None:
        assert not passes(Nodes.APPLICATION, address, port, protocol)


class TestGatewayNodes:
    @pytest.mark.parametrize("port", [80, 443])
    def test_they_leave_on_the_ports_that_declared_hosts_need(self, port: int) -> None:
        assert passes(Nodes.GATEWAY, "93.184.216.34", port)

    @pytest.mark.parametrize(
        ("port", "protocol"),
        [(22, "tcp"), (53, "udp"), (53, "tcp"), (443, "udp"), (853, "tcp"), (8443, "tcp")],
    )
    def test_they_leave_on_no_other(self, port: int, protocol: str) -> None:
        assert not passes(Nodes.GATEWAY, "93.184.216.34", port, protocol)

    def test_raw_tcp_leaves_to_its_addresses_only(self) -> None:
        tcp = {"tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["importer"]}}
        config = teams(team_a={"db.example": tcp})
        assert passes(Nodes.GATEWAY, "203.0.113.9", 5432, config=config)
        assert not passes(Nodes.GATEWAY, "203.0.113.10", 5432, config=config)
        assert not passes(Nodes.GATEWAY, "203.0.113.9", 443, config=config)


class TestIpv6:
    @pytest.mark.parametrize("nodes", [Nodes.APPLICATION, Nodes.GATEWAY])
    def test_nothing_leaves_over_it(self, nodes: Nodes) -> None:
        assert not passes(nodes, "2606:2800:220:1::1", 443)
        assert not passes(nodes, "fd20::1", 443)

    def test_the_subnet_and_the_cluster_have_none(self) -> None:
        run = run_program(dev_config())
        (subnet,) = run.of_type("gcp:compute/subnetwork:Subnetwork")
        (cluster,) = run.of_type("gcp:container/cluster:Cluster")
        assert subnet["inputs"]["stackType"] == "IPV4_ONLY"
        assert cluster["inputs"]["ipAllocationPolicy"]["stackType"] == "IPV4"

    def test_the_stack_may_leave_it_to_others_by_a_named_setting(self) -> None:
        config = config_with("network/firewall", {"ipv6": "open"})
        assert passes(Nodes.APPLICATION, "2606:2800:220:1::1", 443, config=config)
        assert not passes(Nodes.APPLICATION, "93.184.216.34", 443, config=config)


class TestPolicy:
    CONFIG = config_with("network/firewall", {"form": "policy"})

    def test_it_says_what_the_rules_say(self) -> None:
        """Each rule of the one form is in the other, with the same words, ranges, ports and machines."""
        as_rules, as_policy = run_program(dev_config()), run_program(self.CONFIG)
        (policy,) = as_policy.of_type(POLICY)
        expected = {
            resource["inputs"]["name"]: _of_rule(resource["inputs"]) for resource in as_rules.of_type(RULE)
        }
        assert {rule["ruleName"]: _of_policy(rule) for rule in policy["inputs"]["rules"]} == expected
        assert as_policy.of_type(RULE) == []

    def test_refusals_come_last_and_no_two_rules_share_a_priority(self) -> None:
        (policy,) = run_program(self.CONFIG).of_type(POLICY)
        ordered = sorted(policy["inputs"]["rules"], key=lambda rule: rule["priority"])
        assert len({rule["priority"] for rule in ordered}) == len(ordered)
        assert [rule["action"] for rule in ordered[-2:]] == ["deny", "deny"]
        assert {rule["action"] for rule in ordered[:-2]} == {"allow"}

    def test_it_is_asked_before_the_rules_that_somebody_may_add_to_the_network(self) -> None:
        run = run_program(self.CONFIG)
        (network,) = [
            network["inputs"]
            for network in run.of_type("gcp:compute/network:Network")
            if network["name"] == "network-vpc"
        ]
        assert network["networkFirewallPolicyEnforcementOrder"] == "BEFORE_CLASSIC_FIREWALL"
        (on,) = run.of_type("gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation")
        assert on["inputs"]["attachmentTarget"].endswith("/networks/vpc-network")

    def test_nodes_wait_for_it(self) -> None:
        (cluster,) = run_program(self.CONFIG).of_type("gke-mesh-egress:cluster:Cluster")
        assert {"firewall-policy", "firewall-association"} <= {
            urn.rpartition("::")[2] for urn in cluster["dependencies"]
        }


def _of_rule(inputs: dict[str, Any]) -> tuple[Any, ...]:
    (what,) = inputs.get("allows") or inputs["denies"]
    ranges = inputs.get("destinationRanges") or inputs["sourceRanges"]
    return (
        inputs["direction"],
        "allow" if inputs.get("allows") else "deny",
        ranges,
        what["protocol"],
        what.get("ports"),
        inputs.get("targetServiceAccounts"),
        "logConfig" in inputs,
        inputs["description"],
    )


def _of_policy(rule: dict[str, Any]) -> tuple[Any, ...]:
    (what,) = rule["match"]["layer4Configs"]
    ranges = rule["match"].get("destIpRanges") or rule["match"]["srcIpRanges"]
    return (
        rule["direction"],
        rule["action"],
        ranges,
        what["ipProtocol"],
        what.get("ports"),
        rule.get("targetServiceAccounts"),
        rule["enableLogging"],
        rule["description"],
    )


class TestLogging:
    def logged(self, how: str) -> set[str]:
        return {
            rule.name
            for rule in firewall.render(plan_of(config_with("network/firewall", {"logging": how})))
            if rule.log
        }

    def test_refusals_are_logged(self) -> None:
        assert self.logged("denied") == {"global-deny-egress-all", "global-deny-egress-all-ipv6"}
        assert {rule.name for rule in firewall.render(plan_of(dev_config())) if rule.log} == self.logged(
            "denied"
        )

    def test_what_leaves_is_logged_too_where_the_stack_asks_for_it(self) -> None:
        assert self.logged("all") - self.logged("denied") == {"gateway-allow-egress-web"}

    def test_nothing_is_logged_where_the_stack_says_so(self) -> None:
        assert self.logged("none") == set()

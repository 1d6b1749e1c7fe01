"""Below Kubernetes, several gateways have ranges, firewall rules and node pools of their own."""

from __future__ import annotations

from egress.judge.lookup.subnets import Subnets
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Snapshot
from egress.layers.google import firewall, node_pools
from egress.layers.google.resources import google_objects
from tests.layers.gateways import NAT, PARTNER, PASSED, SHARED, TLS, both, config, found, refused
from tests.support import plan_of


class TestBelowKubernetes:
    def test_no_gateway_connects_into_the_ranges_of_another(self) -> None:
        nat = NAT | {"pods": "25.0.0.0/20"}
        plan = plan_of(config({"partner": {"nat": nat}}, a={"egress": {"x.example": PASSED}}))
        boundary = found(plan, "NetworkPolicy", SHARED)["gateway-boundary"]["spec"]["egress"]
        assert any(
            "25.0.0.0/20" in peer.get("ipBlock", {}).get("except", [])
            for rule in boundary
            for peer in rule["to"]
        )
        private = {"fences": {"privateHosts": {"office": "10.4.0.0/24"}}}
        message = refused(
            config({"partner": {"nat": NAT}})
            | {f"gke-mesh-egress:{key}": value for key, value in private.items()}
        )
        assert "10.4.0.0/24 overlaps 10.4.0.0/20, the range of the pods of gateway partner" in message

    def test_its_boundary_lets_in_its_own_teams_alone(self) -> None:
        for namespace, team in ((SHARED, "a"), (PARTNER, "b")):
            (rule,) = found(both(), "NetworkPolicy", namespace)["gateway-boundary"]["spec"]["ingress"]
            names_in = [
                peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                for peer in rule["from"]
            ]
            assert names_in == [team]

    def test_each_gateways_nodes_leave_on_the_ports_of_its_own_hosts(self) -> None:
        plan = plan_of(
            config(
                {"partner": {}},
                a={"egress": {"api.example.net": TLS}},
                b={
                    "gateway": "partner",
                    "egress": {
                        "db.example.net": {
                            "tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["x"]}
                        }
                    },
                },
            )
        )
        opened = {
            rule.name: (rule.targets, rule.ports, rule.ranges)
            for rule in firewall.render(plan)
            if "gateway" in rule.name
        }
        assert opened == {
            "gateway-allow-egress-web": (("gateway",), (443,), ("0.0.0.0/0",)),
            "gateway-partner-allow-egress-tcp-5432": (("gateway-partner",), (5432,), ("203.0.113.9/32",)),
        }

    def test_nodes_of_every_kind_reach_the_control_plane_and_each_other(self) -> None:
        kinds = ("application", "gateway", "gateway-partner")
        rules = {rule.name: rule for rule in firewall.render(both())}
        assert firewall.nodes(both()) == kinds
        assert rules["allow-egress-to-api-server"].targets == kinds
        ranges = ("10.0.0.0/24", "10.1.0.0/16", "10.3.0.0/28", "10.4.0.0/20")
        assert rules["allow-egress-nodes-and-pods"].ranges == ranges
        assert (
            rules["allow-ingress-nodes-and-pods"].egress,
            rules["allow-ingress-nodes-and-pods"].ranges,
        ) == (False, ranges)

    def test_without_a_subnet_of_its_own_the_rules_between_nodes_stay(self) -> None:
        plan = plan_of(config({"partner": {}}))
        assert "allow-ingress-nodes-and-pods" not in {rule.name for rule in firewall.render(plan)}

    def test_a_judge_takes_its_pods_for_pods(self) -> None:
        known = Subnets(Snapshot.of((), google_objects(both())))
        assert known.pods == Ranges.of(["10.1.0.0/16", "10.4.0.0/20"])
        assert known.nodes == Ranges.of(["10.0.0.0/24", "10.3.0.0/28"])

    def test_its_pool_is_tainted_and_lies_in_its_subnet(self) -> None:
        _, shared, own = node_pools.render(both())
        assert shared.subnet is None
        assert own.subnet is not None
        assert (own.key, own.nodes, own.taint) == (
            "gateway-partner",
            "gateway-partner",
            {"key": "dedicated", "value": "gateway-partner", "effect": "NoSchedule"},
        )
        assert (own.subnet.name, own.subnet.nodes, own.subnet.pods) == (
            "subnet-gke-gateway-partner",
            "10.3.0.0/28",
            "10.4.0.0/20",
        )

"""NetworkPolicies of the platform's own namespaces: default-deny, and what the gateways and the control plane
are there for."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
import yaml

from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import ROOT, config_with, dev_config, plan_of, teams


@cache
def dev() -> Plan:
    return plan_of(dev_config())


def policies(plan: Plan) -> dict[str, dict[str, Any]]:
    """Spec by `namespace/name`."""
    found = [item for item in render(plan) if item.kind == "NetworkPolicy"]
    return {f"{item.namespace}/{item.name}": item.manifest["spec"] for item in found}


def opened(rule: dict[str, Any]) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def peers(rule: dict[str, Any], side: str = "from") -> list[str]:
    """Namespaces and ranges that a rule names."""
    return [
        peer["ipBlock"]["cidr"]
        if "ipBlock" in peer
        else peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in rule[side]
    ]


def reaches(plan: Plan, address: str, port: int) -> bool:
    """Whether the egress gateway may connect to an address, by its policy's ranges."""
    for rule in policies(plan)["istio-egress/gateway-boundary"]["egress"]:
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            inside = IPv4Address(address) in IPv4Network(block["cidr"])
            excepted = any(
                IPv4Address(address) in IPv4Network(network) for network in block.get("except", [])
            )
            if inside and not excepted and port in opened(rule):
                return True
    return False


def receiving() -> Plan:
    return plan_of(
        yaml.safe_load((ROOT / "examples/modes/Pulumi.receive.yaml").read_text(encoding="utf-8"))["config"]
    )


@pytest.mark.parametrize("namespace", ["istio-system", "istio-egress", "istio-ingress"])
def test_a_pod_of_the_platforms_namespaces_that_nothing_names_speaks_to_nobody(namespace: str) -> None:
    spec = policies(receiving())[f"{namespace}/nothing"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


class TestControlPlane:
    def test_proxies_reach_it_on_one_port_and_only_from_namespaces_that_have_proxies(self) -> None:
        (proxies, _) = policies(dev())["istio-system/control-plane-boundary"]["ingress"]
        assert opened(proxies) == [15012]
        (peer,) = proxies["from"]
        wanted = peer["namespaceSelector"]["matchLabels"].items()
        namespaces = [item for item in render(receiving()) if item.kind == "Namespace"]
        let_in = [item.name for item in namespaces if wanted <= item.manifest["metadata"]["labels"].items()]
        assert let_in == ["istio-egress", "orders", "istio-ingress"]

    def test_its_webhooks_are_for_the_api_server_alone(self) -> None:
        (_, webhooks) = policies(dev())["istio-system/control-plane-boundary"]["ingress"]
        assert (peers(webhooks), opened(webhooks)) == (["10.5.0.0/28", "kube-system"], [15017])
        assert webhooks["from"][1]["podSelector"] == {"matchLabels": {"k8s-app": "konnectivity-agent"}}

    def test_it_connects_to_the_api_server_and_to_dns(self) -> None:
        (api, dns) = policies(dev())["istio-system/control-plane-boundary"]["egress"]
        # The control plane itself, and the first address of the Services, which leads to it.
        assert (peers(api, "to"), opened(api)) == (["10.5.0.0/28", "10.2.0.1/32"], [443])
        assert set(opened(dns)) == {53}

    def test_a_managed_control_plane_has_no_pods_here_and_nothing_is_opened(self) -> None:
        found = policies(plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"})))
        assert [name for name in found if name.startswith("istio-system/")] == ["istio-system/nothing"]


class TestEgressGateway:
    def test_it_is_reached_from_teams_that_have_hosts_only(self) -> None:
        plan = plan_of(teams(team_a={"example.com": {"https": "passthrough"}}, team_b={}))
        (rule,) = policies(plan)["istio-egress/gateway-boundary"]["ingress"]
        assert (peers(rule), opened(rule)) == (["team-a"], [15040, 15043])

    def test_without_any_host_it_is_reached_by_nobody_and_does_not_leave(self) -> None:
        spec = policies(plan_of(teams(team_a={})))["istio-egress/gateway-boundary"]
        assert "ingress" not in spec
        assert "ipBlock" not in str(spec["egress"])

    @pytest.mark.parametrize("port", [80, 443])
    def test_it_reaches_the_internet_on_the_plans_ports(self, port: int) -> None:
        assert reaches(dev(), "93.184.216.34", port)

    def test_a_port_that_no_host_needs_is_shut(self) -> None:
        plan = plan_of(teams(team_a={"example.com": {"https": "passthrough"}}))
        assert reaches(plan, "93.184.216.34", 443)
        assert not reaches(plan, "93.184.216.34", 80)

    @pytest.mark.parametrize(
        "address",
        [
            "10.0.0.2",  # a node
            "10.1.0.10",  # a pod
            "10.2.0.10",  # a Service
            "10.5.0.2",  # the control plane
            "169.254.169.254",  # the metadata server
            "199.36.153.8",  # private.googleapis.com
            "199.36.153.4",  # restricted.googleapis.com
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "224.0.0.1",
        ],
    )
    def test_it_never_turns_inwards(self, address: str) -> None:
        assert not reaches(dev(), address, 443)

    def test_a_cluster_on_public_addresses_is_inside_as_well(self) -> None:
        plan = plan_of(config_with("network/subnet/pods", "34.60.0.0/16"))
        assert not reaches(plan, "34.60.7.7", 443)
        assert reaches(plan, "34.61.7.7", 443)

    def test_raw_tcp_reaches_its_addresses_and_no_others(self) -> None:
        tcp = {"port": 3306, "addresses": ["203.0.113.10"], "serviceAccounts": ["app"]}
        plan = plan_of(teams(team_a={"mysql.example": {"tcp": tcp}}))
        assert reaches(plan, "203.0.113.10", 3306)
        assert not reaches(plan, "203.0.113.11", 3306)
        assert not reaches(plan, "203.0.113.10", 443)

    def test_hosts_behind_a_vpn_are_reached_where_the_config_names_their_range(self) -> None:
        plan = plan_of(config_with("fences", {"privateHosts": {"partner": "10.200.0.0/24"}}))
        assert reaches(plan, "10.200.0.7", 443)
        assert not reaches(plan, "10.200.1.7", 443)
        assert not reaches(plan, "10.200.0.7", 22)

    def test_with_the_managed_mesh_it_reaches_googles_control_plane_and_the_metadata_server(self) -> None:
        plan = plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"}))
        assert reaches(plan, "199.36.153.8", 443)
        assert reaches(plan, "169.254.169.254", 80)
        assert not reaches(plan, "169.254.169.254", 443)


class TestIngressGateway:
    def test_it_is_reached_from_partners_ranges_on_its_ports(self) -> None:
        plan = receiving()
        (rule,) = policies(plan)["istio-ingress/ingress-boundary"]["ingress"]
        assert plan.settings.ingress
        assert peers(rule) == sorted(str(network) for network in plan.settings.ingress.source_ranges.values())
        assert opened(rule) == sorted({reception.wanted.pod_port for reception in plan.receptions})

    def test_it_connects_to_what_teams_opened_to_it(self) -> None:
        rules = policies(receiving())["istio-ingress/ingress-boundary"]["egress"]
        assert [peers(rule, "to")[0] for rule in rules] == ["istio-system", "kube-system", "orders"]


@pytest.mark.parametrize(
    ("fence", "gone", "namespace"),
    [
        ("gateway-network", {"istio-egress/nothing", "istio-egress/gateway-boundary"}, "istio-egress"),
        (
            "control-plane-network",
            {"istio-system/nothing", "istio-system/control-plane-boundary"},
            "istio-system",
        ),
    ],
)
def test_a_fence_is_taken_down_by_name_and_its_namespace_says_why(
    fence: str, gone: set[str], namespace: str
) -> None:
    plan = plan_of(config_with("fences", {"relaxed": {fence: "a scanner of the platform's own"}}))
    assert policies(dev()).keys() - policies(plan).keys() == gone
    (found,) = [item for item in render(plan) if item.kind == "Namespace" and item.name == namespace]
    assert found.manifest["metadata"]["annotations"] == {
        f"gke-mesh-egress/relaxed.{fence}": "a scanner of the platform's own"
    }


def test_every_object_comes_after_its_namespace() -> None:
    """As `make render` prints them, they can be applied."""
    made: set[str] = set()
    for item in render(receiving()):
        assert item.namespace is None or item.namespace in made, item.identity
        if item.kind == "Namespace":
            made.add(item.name)

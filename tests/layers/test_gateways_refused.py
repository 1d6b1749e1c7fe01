"""What may not be said of several gateways: names, hosts, ranges, and ways past an inspection."""

from __future__ import annotations

from typing import Any

import pytest

from egress.settings.gateways import NAME_LIMIT
from tests.layers.gateways import NAT, PASSED, TLS, config, refused
from tests.support import config_with, dev_config, plan_of

OPENED: dict[str, Any] = {"fences": {"applicationNodes": {"leaveOn": [443], "reason": "a trial"}}}


class TestRefused:
    def test_a_gateway_that_there_is_not(self) -> None:
        assert refused(config({"partner": {}}, b={"gateway": "parner"})) == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.gateway = "parner"\n'
            "    There is no gateway of this name through which the team could leave.\n"
            "    Fix: Name one of gateways (partner), or leave it out for the shared one."
        )
        assert "Add gateways: {partner: {}}" in refused(config({}, b={"gateway": "partner"}))

    def test_a_host_that_the_teams_gateway_does_not_lead_to(self) -> None:
        limited = {"partner": {"hosts": ["api.example.net", "*.files.example.net"]}}
        allowed = {"api.example.net": TLS, "in.files.example.net": PASSED, "*.in.files.example.net": PASSED}
        plan_of(
            config(limited, b={"gateway": "partner", "egress": allowed}, a={"egress": {"example.com": TLS}})
        )
        assert refused(config(limited, b={"gateway": "partner", "egress": {"example.com": TLS}})) == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.egress["example.com"] = "example.com"\n'
            "    b leaves only through gke-mesh-egress:gateways.partner, whose hosts do not include this "
            "one: the gateway would refuse every connection.\n"
            "    Fix: Add it to gke-mesh-egress:gateways.partner.hosts, or remove this entry."
        )

    @pytest.mark.parametrize("wide", ["*.example.net", "files.example.net"])
    def test_a_pattern_wider_than_the_gateways(self, wide: str) -> None:
        limited = {"partner": {"hosts": ["*.files.example.net"]}}
        assert "whose hosts do not include this one" in refused(
            config(limited, b={"gateway": "partner", "egress": {wide: PASSED}})
        )

    @pytest.mark.parametrize("name", ["", "Partner", "1st", "-x", "x-", "a.b", "a" * (NAME_LIMIT + 1)])
    def test_a_name_that_google_or_kubernetes_refuses(self, name: str) -> None:
        assert f"at most {NAME_LIMIT} lower-case letters" in refused(config({name: {}}))

    def test_a_gateway_that_leads_nowhere(self) -> None:
        assert "Nothing could leave by this gateway." in refused(config({"partner": {"hosts": []}}))

    def test_a_host_that_is_no_host(self) -> None:
        assert "gke-mesh-egress:gateways.partner.hosts[0]" in refused(
            config({"partner": {"hosts": ["https://example.com"]}})
        )

    def test_a_subnet_without_a_reserved_address(self) -> None:
        message = refused(config({"partner": {"nat": NAT | {"addresses": {}}}}))
        assert "nothing for a partner to allow-list" in message

    @pytest.mark.parametrize(
        ("ranges", "words"),
        [
            (
                {"nodes": "10.0.0.0/28"},
                'gateways.partner.nat.nodes = "10.0.0.0/28"\n    10.0.0.0/28 overlaps 10.0.0.0/24 '
                "(network.subnet.nodes)",
            ),
            ({"pods": "10.1.16.0/20"}, "10.1.16.0/20 overlaps 10.1.0.0/16 (network.subnet.pods)"),
            ({"nodes": "10.4.0.0/28"}, "overlaps"),
            ({"nodes": "10.3.0.0/30"}, "ranges smaller than /29"),
            ({"pods": "10.4.0.0/25"}, "takes a /24"),
            ({"nodes": "10.3.0.0/29", "pods": "10.4.0.0/24"}, "the range has room for only 1"),
        ],
    )
    def test_ranges_that_overlap_or_are_too_small(self, ranges: dict[str, str], words: str) -> None:
        assert words in refused(config({"partner": {"nat": NAT | ranges}}))

    def test_nodes_that_do_not_fit_into_the_shared_subnet(self) -> None:
        assert "The pools may grow to 106 nodes" in refused(
            config({"partner": {"pool": {"maxNodes": 100}}}) | _small_subnet()
        )
        plan_of(config({"partner": {"pool": {"maxNodes": 10}, "nat": NAT}}) | _small_subnet())

    def test_one_address_for_two_gateways(self) -> None:
        other = NAT | {"nodes": "10.6.0.0/28", "pods": "10.7.0.0/20"}
        message = refused(config({"partner": {"nat": NAT}, "second": {"nat": other}}))
        assert "gateways.second.nat.addresses.partner-1" in message
        assert "gateways.partner.nat.addresses has an address of this name" in message
        shared = config_with("network/nat/addresses", {"partner-1": "x"}) | {
            "gke-mesh-egress:gateways": {"p": {"nat": NAT}}
        }
        assert "network.nat.addresses has an address of this name" in refused(shared)

    def test_more_subnets_than_a_cluster_takes(self) -> None:
        nats = {
            f"g{number}": {
                "nat": {
                    "nodes": f"10.{20 + number}.0.0/28",
                    "pods": f"10.{40 + number}.0.0/20",
                    "addresses": {f"a{number}": "x"},
                }
            }
            for number in range(9)
        }
        message = refused(config(nats))
        assert "1 problem" in message
        assert "gke-mesh-egress:gateways.g8.nat" in message
        assert "at most 8 besides its first" in message
        plan_of(config(nats | {"g8": {}}))

    def test_a_filter_that_the_managed_mesh_does_not_take(self) -> None:
        managed = config({"partner": {"connectAfterAuthorization": True}}) | {
            "gke-mesh-egress:mesh": {"flavor": "cloud-service-mesh"}
        }
        assert "gke-mesh-egress:gateways.partner.connectAfterAuthorization = true" in refused(managed)

    @pytest.mark.parametrize("way", [PASSED, {"http": {}}, {"http": {}, "https": "passthrough"}])
    def test_a_gateway_as_a_way_round_an_inspection(self, way: dict[str, Any]) -> None:
        inspected = {"api.example.net": {"http": {"inspect": {"refuse": {"card": {"text": "4111"}}}}}}
        b = {"gateway": "partner", "egress": {"api.example.net": way}}
        message = refused(config({"partner": {}}, a={"egress": inspected}, b=b))
        assert 'gke-mesh-egress:teams.b.egress["api.example.net"]' in message
        assert (
            'gke-mesh-egress:teams.a.egress["api.example.net"].http.inspect inspects what is sent to this '
            "host through another gateway" in message
        )
        plan_of(config({"partner": {}}, a={"egress": inspected}, b=b | {"egress": inspected}))

    def test_a_team_that_leaves_past_every_gateway(self) -> None:
        past = {"model": {"open": "a trial"}, "gateway": "partner"}
        message = refused(
            config({"partner": {}}, b=past)
            | {f"gke-mesh-egress:{key}": value for key, value in OPENED.items()}
        )
        assert message == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.gateway = "partner"\n'
            "    With its model the team bypasses every gateway: this one would carry nothing, and no "
            "partner would see its "
            "addresses.\n"
            "    Fix: Remove gateway, or remove model."
        )

    def test_a_teams_account_that_is_a_gateways_nodes(self) -> None:
        account = {"serviceAccounts": {"x": {"accountId": "sa-gateway-partner-nodes"}}}
        message = refused(config({"partner": {}}, a={"googleApis": account}))
        assert "belongs to the gateway-partner nodes" in message


def _small_subnet() -> dict[str, Any]:
    network = dev_config()["gke-mesh-egress:network"]
    return {"gke-mesh-egress:network": network | {"subnet": network["subnet"] | {"nodes": "10.0.0.0/28"}}}

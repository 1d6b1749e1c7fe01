"""Which names mean something in the cluster's network, read from the rendered zones."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.layers.google import dns
from egress.settings import load
from tests.program_runner import run_program
from tests.support import config_with, dev_config, plan_of, teams

TCP = {"tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["importer"]}}
ZONE, RECORD, NETWORK = (
    "gcp:dns/managedZone:ManagedZone",
    "gcp:dns/recordSet:RecordSet",
    "gcp:compute/network:Network",
)


def fate(name: str, config: dict[str, Any] | None = None) -> str:
    """What becomes of a question: `google`, `asked` (the internet is asked) or `refused` (there is no such
    name)."""
    zone = dns.answering(dns.render(plan_of(config or dev_config())), name)
    if zone is None or zone.resolved:
        return "asked"
    held = {record.name for record in zone.records}
    known = f"{name}." in held if zone.dns_name == "." else bool(held)
    return "google" if known else "refused"


@pytest.mark.parametrize("name", ["example.com", "httpbin.org"])
def test_a_declared_name_resolves(name: str) -> None:
    assert fate(name) == "asked"


@pytest.mark.parametrize(
    "name",
    [
        "example.org",
        "c2VjcmV0.tunnel.example",
        "xexample.com",
        "com",
        "4.3.2.1.in-addr.arpa",
        "dns.google",
        "httpbin.org.evil.example",
    ],
)
def test_a_name_that_no_team_declares_does_not_exist_and_nobody_outside_hears_of_it(name: str) -> None:
    assert fate(name) == "refused"


@pytest.mark.parametrize(
    "name", ["storage.googleapis.com", "gcr.io", "europe-docker.pkg.dev", "gke-1.europe-west1.gke.goog"]
)
def test_googles_names_keep_their_own_zones(name: str) -> None:
    assert fate(name) == "google"


def test_the_one_name_that_the_refusing_zone_holds_is_the_metadata_servers() -> None:
    (zone,) = [zone for zone in dns.render(plan_of(dev_config())) if zone.dns_name == "."]
    assert zone.records == (dns.Record("metadata.google.internal.", "A", ("169.254.169.254",)),)
    assert fate("metadata.google.internal") == "google"
    for name in ("below.metadata.google.internal", "google.internal", "vm.c.my-project-id.internal"):
        assert fate(name) == "refused"
    assert (
        fate("metadata.google.internal", config_with("network/dns", {"undeclaredNames": "resolve"}))
        == "asked"
    )


def test_a_name_below_a_declared_one_resolves_too_which_is_what_is_left_open() -> None:
    assert fate("c2VjcmV0.example.com") == "asked"


def test_a_pattern_resolves_with_everything_below_it() -> None:
    config = teams(team_a={"*.example.org": {"https": "passthrough"}})
    assert fate("deep.files.example.org", config) == "asked"
    assert fate("example.com", config) == "refused"


def test_a_pattern_and_its_own_domain_are_one_zone() -> None:
    config = teams(
        team_a={"*.example.org": {"https": "passthrough"}}, team_b={"example.org": {"https": "passthrough"}}
    )
    assert [zone.dns_name for zone in dns.render(plan_of(config)) if zone.resolved] == ["example.org."]


def test_a_name_below_another_keeps_its_zone_so_that_it_stays_when_the_other_goes() -> None:
    both = teams(
        team_a={"example.com": {"https": "passthrough"}, "www.example.com": {"https": "passthrough"}}
    )
    fewer = teams(team_a={"www.example.com": {"https": "passthrough"}})
    of_both, of_fewer = (set(dns.render(plan_of(config))) for config in (both, fewer))
    assert of_fewer < of_both


def test_a_name_of_raw_tcp_resolves() -> None:
    assert fate("db.example", teams(team_a={"db.example": TCP})) == "asked"


def test_the_stack_may_let_everything_resolve_by_a_named_setting() -> None:
    config = config_with("network/dns", {"undeclaredNames": "resolve"})
    assert fate("tunnel.example", config) == "asked"
    assert fate("storage.googleapis.com", config) == "google"
    assert NETWORK not in [
        resource["type"] for resource in run_program(config).registered if resource["name"].startswith("dns")
    ]


def test_one_more_name_is_let_through_by_name_and_reason() -> None:
    config = config_with("network/dns", {"alsoResolved": {"Time.Example.net": "clocks of an appliance"}})
    assert fate("time.example.net", config) == "asked"
    assert fate("example.net", config) == "refused"


def test_a_host_that_a_team_reaches_past_the_gateway_resolves() -> None:
    config = teams(team_a={"api.example.net": {"https": "passthrough"}})
    config["gke-mesh-egress:teams"]["team-a"]["model"] = {"registryOnly": "uploads"}
    config["gke-mesh-egress:fences"] = {"applicationNodes": {"leaveOn": [443], "reason": "uploads"}}
    assert fate("api.example.net", config) == "asked"
    assert fate("example.com", config) == "refused"


def test_a_declared_name_that_the_companys_own_zone_answers_is_left_to_it() -> None:
    config = teams(
        team_a={"api.corp.example": {"https": "passthrough"}, "api.corp2.example": {"https": "passthrough"}}
    )
    config["gke-mesh-egress:network"]["dns"] = {
        "answeredElsewhere": {"corp.example": "forwarded over the VPN"}
    }
    config["gke-mesh-egress:fences"] = {"privateHosts": {"vpn": "10.200.0.0/24"}}
    made = [zone.dns_name for zone in dns.render(plan_of(config)) if zone.resolved]
    assert made == ["api.corp2.example."]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"time.example.net": " "}, "Write the reason."),
        ({"*.com": "all of them"}, "the whole of com"),
        ({"storage.googleapis.com": "ours"}, "belongs to Google"),
    ],
)
def test_what_would_open_more_than_it_says_is_refused(names: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(config_with("network/dns", {"alsoResolved": names}))


class TestResources:
    def test_a_host_costs_one_resource_and_the_fence_three(self) -> None:
        open_to_all = {
            r["urn"]
            for r in run_program(config_with("network/dns", {"undeclaredNames": "resolve"})).registered
        }
        fenced = {r["urn"] for r in run_program(dev_config()).registered}
        assert {urn.rpartition("::")[2] for urn in fenced - open_to_all} == {
            "dns-resolving-network",
            "dns-refuse-undeclared-names",
            "dns-refuse-undeclared-names-a",
            "dns-egress-example-com",
            "dns-egress-httpbin-org",
        }

    def test_the_refusal_is_a_zone_for_the_root_made_after_what_it_would_refuse(self) -> None:
        run = run_program(dev_config())
        (refusal,) = [zone for zone in run.of_type(ZONE) if zone["inputs"]["dnsName"] == "."]
        assert refusal["inputs"]["visibility"] == "private"
        assert not {"peeringConfig", "forwardingConfig"} & refusal["inputs"].keys()
        assert [
            record["inputs"]["name"]
            for record in run.of_type(RECORD)
            if record["inputs"]["managedZone"] == refusal["inputs"]["name"]
        ] == ["metadata.google.internal."]
        others = {zone["urn"] for zone in run.of_type(ZONE)} - {refusal["urn"]}
        assert others <= set(refusal["dependencies"])

    def test_declared_names_are_resolved_in_the_place_of_a_network_that_is_empty(self) -> None:
        run = run_program(dev_config())
        (target,) = [
            network for network in run.of_type(NETWORK) if network["inputs"]["name"] == "vpc-network-names"
        ]
        assert target["inputs"]["autoCreateSubnetworks"] is False
        (zone,) = [
            zone["inputs"] for zone in run.of_type(ZONE) if zone["inputs"]["dnsName"] == "example.com."
        ]
        assert zone["peeringConfig"]["targetNetwork"]["networkUrl"].endswith("/networks/vpc-network-names")
        asking = [zone["inputs"]["privateVisibilityConfig"]["networks"] for zone in run.of_type(ZONE)]
        assert {network["networkUrl"].rpartition("/")[2] for networks in asking for network in networks} == {
            "vpc-network"
        }

    def test_questions_are_logged_where_the_stack_asks_for_it(self) -> None:
        assert run_program(dev_config()).of_type("gcp:dns/policy:Policy") == []
        (policy,) = run_program(config_with("network/dns", {"queryLogging": True})).of_type(
            "gcp:dns/policy:Policy"
        )
        assert policy["inputs"]["enableLogging"] is True
        assert [network["networkUrl"].rpartition("/")[2] for network in policy["inputs"]["networks"]] == [
            "vpc-network"
        ]

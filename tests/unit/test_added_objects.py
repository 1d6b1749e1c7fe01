"""An object that somebody adds, in words: none that opens something is called Proven."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.deployed import Resource
from tests.unit.test_every_object import with_resource
from tests.unit.test_unread import MODES, rendered, violations

NETWORK = rendered("dev").networks
ZONES: dict[str, dict[str, Any]] = {
    "names of one domain are asked of another network": {"peeringConfig": {"targetNetwork": {"networkUrl": "another"}}},
    "names of one domain are asked of servers outside": {"forwardingConfig": {"targetNameServers": [{"ipv4Address": "8.8.8.8"}]}},
}


def zone(dns_name: str, network: str, **fields: Any) -> Resource:
    visible = {"networks": [{"networkUrl": network}]}
    said = {"name": "somebodys", "dnsName": dns_name, "visibility": "private", "privateVisibilityConfig": visible}
    return Resource("gcp:dns/managedZone:ManagedZone", "somebodys", {**said, **fields})


@pytest.mark.parametrize("name", ["exfil.test.", "a.b.exfil.test.", "com.", "example."])
@pytest.mark.parametrize("what", ZONES)
def test_a_zone_that_answers_elsewhere_is_found_whatever_its_name(what: str, name: str) -> None:
    (network,) = NETWORK
    found = violations("dev", with_resource(zone(name, network, **ZONES[what])))
    assert any("must not resolve" in violation.says for violation in found)


@pytest.mark.parametrize("mode", ["dev", *MODES])
def test_zones_of_declared_hosts_are_no_surprise(mode: str) -> None:
    assert violations(mode, rendered(mode)) == []


def test_a_zone_of_another_network_is_none_of_ours() -> None:
    another = "projects/sandbox-project/global/networks/another"
    found = violations("dev", with_resource(zone("exfil.test.", another, **next(iter(ZONES.values())))))
    assert found == []

"""Cloud NAT: whom it serves, and how many connections it has room for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.test_components import dev, one, production
from tests.program_runner import run_program
from tests.support import config_with


def test_nat_serves_the_clusters_subnet_only() -> None:
    nat = one(dev(), "gcp:compute/routerNat:RouterNat")
    assert nat["sourceSubnetworkIpRangesToNat"] == "LIST_OF_SUBNETWORKS"
    assert nat["subnetworks"] == [
        {
            "name": "projects/sandbox-project/regions/europe-west1/subnetworks/subnet-gke",
            "sourceIpRangesToNats": ["ALL_IP_RANGES"],
        }
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("errors", {"enable": True, "filter": "ERRORS_ONLY"}),
        ("translations", {"enable": True, "filter": "TRANSLATIONS_ONLY"}),
        ("all", {"enable": True, "filter": "ALL"}),
        ("none", {"enable": False, "filter": "ERRORS_ONLY"}),
    ],
)
def test_nat_logs_what_the_setting_says(said: str, expected: dict[str, Any]) -> None:
    run = run_program(config_with("network/nat", {"logging": said}))
    assert one(run, "gcp:compute/routerNat:RouterNat")["logConfig"] == expected
    if said == "errors":
        assert one(dev(), "gcp:compute/routerNat:RouterNat")["logConfig"] == expected


def test_nodes_take_ports_as_they_need_them_and_use_them_again_soon() -> None:
    config = config_with(
        "gateways",
        {
            "partner": {
                "nat": {"nodes": "10.8.0.0/24", "pods": "10.9.0.0/20", "addresses": {"out": "a partner"}}
            }
        },
    )
    nats = [resource["inputs"] for resource in run_program(config).of_type("gcp:compute/routerNat:RouterNat")]
    assert len(nats) == 2, "the shared one and the gateway's own"
    for nat in nats:
        assert nat["enableDynamicPortAllocation"] is True
        assert (nat["minPortsPerVm"], nat["maxPortsPerVm"]) == (1024, 32768)
        assert nat["tcpTimeWaitTimeoutSec"] == 30
        assert (nat["tcpEstablishedIdleTimeoutSec"], nat["tcpTransitoryIdleTimeoutSec"]) == (1200, 30)


def test_without_dynamic_allocation_every_node_has_the_same_ports() -> None:
    run = run_program(
        config_with(
            "network/nat", {"dynamicPortAllocation": False, "minPortsPerVm": 5000, "tcpTimeWait": "2m"}
        )
    )
    nat = one(run, "gcp:compute/routerNat:RouterNat")
    assert (nat["minPortsPerVm"], nat.get("maxPortsPerVm")) == (5000, None)
    assert nat["tcpTimeWaitTimeoutSec"] == 120


def test_how_long_an_idle_connection_is_remembered_is_a_setting() -> None:
    given = {"tcpEstablishedIdle": "2h", "tcpTransitoryIdle": "1m"}
    nat = one(run_program(config_with("network/nat", given)), "gcp:compute/routerNat:RouterNat")
    assert (nat["tcpEstablishedIdleTimeoutSec"], nat["tcpTransitoryIdleTimeoutSec"]) == (7200, 60)


def test_dynamic_port_allocation_comes_without_endpoint_independent_mapping() -> None:
    nat = one(production(), "gcp:compute/routerNat:RouterNat")
    assert (nat["enableDynamicPortAllocation"], nat["enableEndpointIndependentMapping"]) == (True, False)
    assert (nat["minPortsPerVm"], nat["maxPortsPerVm"]) == (128, 4096)

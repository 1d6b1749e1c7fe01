"""The whole program under Pulumi's mocks: what it registers, what it exports, and that preview and up
agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from egress.layers.render import render, to_yaml
from tests.program_runner import ProgramRun, run_program
from tests.support import config_with, dev_config, plan_of

GOLDEN = Path(__file__).parent / "golden"


@cache
def dev() -> ProgramRun:
    return run_program(dev_config())


def compare(path: Path, text: str, regenerate: bool) -> None:
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, (
        f"{path.name} differs: look at the change, then `make golden`"
    )


def test_the_dev_stacks_google_resources_are_the_golden_ones(regenerate: bool) -> None:
    google = {
        f"{resource['type']}::{resource['name']}": resource["inputs"]
        for resource in dev().registered
        if resource["type"].startswith("gcp:")
    }
    compare(GOLDEN / "dev.google.yaml", yaml.safe_dump(google, width=120), regenerate)


def test_the_dev_stacks_kubernetes_objects_are_the_golden_ones(regenerate: bool) -> None:
    compare(
        GOLDEN / "dev.kubernetes.yaml",
        to_yaml(item.manifest for item in render(plan_of(dev_config()))),
        regenerate,
    )


def test_the_dev_stacks_inventory_is_the_golden_one(regenerate: bool) -> None:
    lines = sorted(
        resource["urn"].removeprefix("urn:pulumi:dev::gke-mesh-egress::") for resource in dev().registered
    )
    compare(GOLDEN / "dev.inventory.txt", "\n".join(lines) + "\n", regenerate)


def test_what_is_rendered_is_what_is_registered() -> None:
    rendered = {item.identity: item.manifest for item in render(plan_of(dev_config()))}
    registered = {
        resource["name"]: resource["inputs"]
        for resource in dev().registered
        if resource["type"].startswith("kubernetes:") and "helm" not in resource["type"]
    }
    assert registered == rendered


def test_preview_registers_the_same_resources_as_up() -> None:
    preview = run_program(dev_config(), preview=True)
    assert [resource["urn"] for resource in preview.registered] == [
        resource["urn"] for resource in dev().registered
    ]


def test_labels_are_given_to_all_that_the_provider_makes() -> None:
    (google,) = run_program(config_with("labels", {"cost-centre": "42"})).of_type("pulumi:providers:gcp")
    assert yaml.safe_load(google["inputs"]["defaultLabels"]) == {"cost-centre": "42"}


def test_a_refused_config_registers_nothing_at_all() -> None:
    refused = run_program(config_with("teams/team-x/egress/intranet", {"htp": {}}))
    assert refused.registered == []
    assert refused.error is not None
    assert "2 problems" in refused.error


def test_two_plans_that_differ_in_one_team_share_every_other_urn() -> None:
    config = dev_config()
    del config["gke-mesh-egress:teams"]["team-y"]
    config["gke-mesh-egress:teams"]["team-x"]["reaches"] = []
    fewer = {resource["urn"] for resource in run_program(config).registered}
    gone = {resource["urn"] for resource in dev().registered} - fewer
    assert fewer <= {resource["urn"] for resource in dev().registered}
    assert all("team-y" in urn for urn in gone), gone


class TestOutputs:
    def test_the_contract_is_versioned_and_complete(self) -> None:
        contract = dev().outputs["egress"]
        assert contract["contract"] == 1
        assert set(contract) == {
            "contract", "project", "region", "workloadPool", "network", "cluster", "gateway", "teams",
        }  # fmt: skip
        assert contract["cluster"]["endpoint"] == "https://gke-0123.europe-west1.gke.goog"
        assert contract["cluster"]["caCertificate"] == "Q0E="
        assert (
            contract["gateway"]["identity"] == "spiffe://cluster.local/ns/istio-egress/sa/istio-egressgateway"
        )

    def test_the_contract_says_who_may_reach_what(self) -> None:
        assert dev().outputs["egress"]["teams"]["team-y"] == {
            "namespace": "team-y",
            "serviceAccounts": {},
            "reaches": [],
            "egress": [
                {
                    "host": "httpbin.org",
                    "protocol": "http",
                    "port": 80,
                    "leaves": "http",
                    "paths": ["/status/418"],
                },
                {"host": "httpbin.org", "protocol": "https", "port": 443, "leaves": "https"},
            ],
        }

    def test_reserved_addresses_are_exported_for_partners(self) -> None:
        run = run_program(config_with("network/nat", {"addresses": {"nat-1": "for partners"}}))
        assert run.outputs["gatewayAddresses"] == {"nat-1": "203.0.113.7"}
        (nat,) = run.of_type("gcp:compute/routerNat:RouterNat")
        assert (nat["inputs"]["natIpAllocateOption"], nat["inputs"]["natIps"]) == ("MANUAL_ONLY", ["link"])


@pytest.mark.parametrize("flavor", ["istio", "cloud-service-mesh"])
def test_both_mesh_flavors_register_the_same_team_fences(flavor: str) -> None:
    run = run_program(config_with("mesh", {"flavor": flavor}))
    assert run.error is None
    kinds = {
        resource["type"].rpartition(":")[2] for resource in run.registered if "team-x" in resource["name"]
    }
    assert {"Sidecar", "NetworkPolicy", "AuthorizationPolicy", "DestinationRule"} <= kinds
    releases = [resource["name"] for resource in run.of_type("kubernetes:helm.sh/v3:Release")]
    assert releases == (["istio-base", "istio-cni", "istio-istiod"] if flavor == "istio" else [])

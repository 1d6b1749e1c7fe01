"""Whose objects count in the mesh: the mesh's own configuration, as rendered."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.layers.mesh.mesh_config import istiod_environment, istiod_values, mesh_config
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import ROOT, config_with, dev_config, plan_of, teams


def relaxed(*fences: str) -> Plan:
    return plan_of(config_with("fences", {"relaxed": dict.fromkeys(fences, "a mesh that was there before")}))


def test_what_an_object_does_not_export_stays_in_its_namespace() -> None:
    config = mesh_config(plan_of(teams(team_a={}, team_b={})))
    kinds = ("Service", "VirtualService", "DestinationRule")
    assert [config[f"default{kind}ExportTo"] for kind in kinds] == [["."], ["."], ["."]]


def test_services_count_for_teams_that_reach_another_and_for_the_ingress_gateway() -> None:
    assert mesh_config(plan_of(dev_config()))["defaultServiceExportTo"] == [".", "team-x"]
    receiving = yaml.safe_load((ROOT / "examples/modes/Pulumi.receive.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    assert mesh_config(plan_of(receiving))["defaultServiceExportTo"] == [".", "istio-ingress"]


def test_the_gateways_service_is_seen_by_its_own_teams() -> None:
    plan = plan_of(teams(team_a={"example.com": {"https": "passthrough"}}, team_b={}))
    (service,) = [item.manifest for item in render(plan) if item.kind == "Service"]
    assert service["metadata"]["annotations"] == {"networking.istio.io/exportTo": ".,team-a"}


def test_the_control_plane_reads_the_stacks_namespaces_only() -> None:
    def reads(selectors: list[dict[str, Any]], labels: dict[str, str]) -> bool:
        expressions = [selector["matchExpressions"][0] for selector in selectors]
        return any(
            labels[of["key"]] in of.get("values", labels.values())
            for of in expressions
            if of["key"] in labels
        )

    plan = plan_of(dev_config())
    selectors = mesh_config(plan)["discoverySelectors"]
    for item in render(plan):
        if item.kind == "Namespace":
            assert reads(
                selectors, {**item.manifest["metadata"]["labels"], "kubernetes.io/metadata.name": item.name}
            )
    assert not reads(selectors, {"kubernetes.io/metadata.name": "default", "istio-injection": "enabled"})


def test_a_gateway_object_selects_pods_of_its_own_namespace_alone() -> None:
    assert istiod_values(plan_of(dev_config()))["pilot"]["env"] == {
        "PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"
    }


@pytest.mark.parametrize(
    ("fence", "gone"),
    [
        (
            "mesh-exports",
            {f"default{kind}ExportTo" for kind in ("Service", "VirtualService", "DestinationRule")},
        ),
        ("mesh-discovery", {"discoverySelectors"}),
    ],
)
def test_each_is_taken_down_by_name_and_the_control_planes_namespace_says_why(
    fence: str, gone: set[str]
) -> None:
    plan = relaxed(fence)
    assert mesh_config(plan_of(dev_config())).keys() - mesh_config(plan).keys() == gone
    assert bool(istiod_environment(plan)) is (fence != "mesh-exports")
    (namespace,) = [item.manifest for item in render(plan) if item.identity == "namespace/istio-system"]
    assert namespace["metadata"]["annotations"] == {
        f"gke-mesh-egress/relaxed.{fence}": "a mesh that was there before"
    }


def test_with_the_managed_mesh_they_are_not_put_up() -> None:
    config = mesh_config(plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"})))
    assert not [key for key in config if key.endswith("ExportTo") or key == "discoverySelectors"]

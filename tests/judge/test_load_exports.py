"""What is read of exports of stacks, resource by resource, and of the charts among them.

Source: Pulumi, "Exporting and importing state".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.model.load import Unreadable
from egress.judge.model.snapshot import Snapshot
from tests.judge.loading import Object, names, namespace, of, refused

ZONE = "gcp:dns/managedZone:ManagedZone"
URN = "urn:pulumi:dev::house::gcp:dns/managedZone:ManagedZone::zone"


def export(*resources: Any) -> Object:
    return {"version": 3, "deployment": {"resources": list(resources)}}


def exported(type_token: str, urn: str = URN, **more: Any) -> Object:
    return {"type": type_token, "urn": urn, **more}


class TestExportsOfStacks:
    def google(self, tmp_path: Path, resource: Object) -> Resource:
        (found,) = of(tmp_path, export(resource), name="a.json").google
        return found

    def test_what_came_of_a_resource_counts_before_what_was_wanted_unless_it_is_empty(
        self, tmp_path: Path
    ) -> None:
        found = self.google(
            tmp_path,
            exported(
                ZONE,
                inputs={"dnsName": "a.", "name": "x", "visibility": "private"},
                outputs={"dnsName": "b.", "visibility": None},
            ),
        )
        assert (found.type, found.name) == (ZONE, "x")
        assert found.properties == {"dnsName": "b.", "name": "x", "visibility": "private"}

    def test_without_a_name_of_its_own_it_is_called_as_the_program_does(self, tmp_path: Path) -> None:
        assert self.google(tmp_path, exported(ZONE, inputs={"name": None})).name == "zone"
        assert self.google(tmp_path, exported(ZONE)).name == "zone"
        assert self.google(tmp_path, exported(ZONE, urn="zone")).name == "zone"
        assert self.google(tmp_path, exported("google-native:compute/v1:Firewall", urn="mine")).name == "mine"
        assert "zone is of another form" in refused(
            tmp_path, export(exported(ZONE, "zone", inputs={"dnsName": 5})), name="a.json"
        )

    def test_one_of_another_form_is_refused_where_it_stands(self, tmp_path: Path) -> None:
        said = refused(tmp_path, export(exported(ZONE, inputs={"dnsName": 5})), name="a.json")
        assert "deployment.resources[0]" in said
        assert f"{ZONE} zone is of another form" in said

    def test_another_providers_words_for_googles_resources_are_kept_as_they_are(self, tmp_path: Path) -> None:
        native = "google-native:compute/v1:Firewall"
        found = self.google(
            tmp_path, exported(native, urn=f"urn:x::{native}::mine", inputs={"name": "theirs"})
        )
        assert (found.type, found.name, found.properties) == (native, "mine", {"name": "theirs"})

    def test_resources_of_other_providers_are_none(self, tmp_path: Path) -> None:
        found = of(
            tmp_path,
            export(exported("pulumi:pulumi:Stack"), exported("aws:s3/bucket:Bucket", inputs=namespace())),
            name="a.json",
        )
        assert (found.kubernetes, found.google) == ((), ())

    def test_objects_of_kubernetes_are_what_the_program_wrote_without_its_own_marks(
        self, tmp_path: Path
    ) -> None:
        inputs = {**namespace(), "__defaults": [], "spec": {"a": 1}}
        (found,) = of(
            tmp_path, export(exported("kubernetes:core/v1:Namespace", inputs=inputs)), name="a.json"
        ).kubernetes
        assert found == {**namespace(), "spec": {"a": 1}}

    def test_those_without_a_kind_or_metadata_are_none(self, tmp_path: Path) -> None:
        for inputs in ({"kind": "Namespace"}, {"metadata": {"name": "a"}}, {"manifest": "x"}):
            found = of(
                tmp_path, export(exported("kubernetes:yaml/v2:ConfigFile", inputs=inputs)), name="a.json"
            )
            assert (found.kubernetes, found.google) == ((), ())

    def test_an_export_without_anything_is_empty(self, tmp_path: Path) -> None:
        for deployment in (None, {}, {"resources": None}, {"resources": []}):
            assert of(tmp_path, {"deployment": deployment}, name="a.json").google == ()

    def test_an_object_that_has_a_deployment_is_an_object(self, tmp_path: Path) -> None:
        assert names(of(tmp_path, namespace(deployment={"resources": "x"}))) == ["shop"]

    @pytest.mark.parametrize(
        ("deployment", "where"),
        [
            ("text", "deployment holds something"),
            ({"resources": "text"}, "deployment.resources has to be a list"),
            ({"resources": ["text"]}, r"deployment.resources[0] holds something"),
            ({"resources": [{"urn": URN}]}, "deployment.resources[0].type has to be text"),
            ({"resources": [{"type": ZONE}]}, "deployment.resources[0].urn has to be text"),
            ({"resources": [{"type": 5, "urn": URN}]}, "deployment.resources[0].type has to be text"),
            ({"resources": [exported(ZONE, inputs="x")]}, "deployment.resources[0].inputs holds something"),
            ({"resources": [exported(ZONE, outputs="x")]}, "deployment.resources[0].outputs holds something"),
            (
                {
                    "resources": [
                        exported("kubernetes:core/v1:Namespace", inputs={"kind": "", "metadata": {}})
                    ]
                },
                "deployment.resources[0].inputs holds neither",
            ),
        ],
    )
    def test_what_has_another_form_is_named_by_its_place(
        self, deployment: Any, where: str, tmp_path: Path
    ) -> None:
        assert f"a.json: {where}" in refused(tmp_path, {"deployment": deployment}, name="a.json")


class TestCharts:
    RELEASE = "kubernetes:helm.sh/v3:Release"

    def read(self, tmp_path: Path, **inputs: Any) -> Snapshot:
        return of(
            tmp_path,
            export(exported(self.RELEASE, urn=f"urn::{self.RELEASE}::mesh", inputs=inputs)),
            name="a.json",
        )

    def test_the_meshs_configuration_is_the_config_map_that_the_chart_makes(self, tmp_path: Path) -> None:
        told = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
        found = self.read(
            tmp_path, chart="istiod", namespace="mesh", values={"meshConfig": told, "pilot": {"replicas": 2}}
        )
        (config,) = found.kubernetes
        assert (config["apiVersion"], config["kind"]) == ("v1", "ConfigMap")
        assert config["metadata"] == {"name": "istio", "namespace": "mesh"}
        assert json.loads(config["data"]["mesh"]) == told
        (release,) = found.google
        assert (release.type, release.name) == (self.RELEASE, "mesh")
        assert release.properties == {
            "chart": "istiod",
            "namespace": "mesh",
            "values": {"pilot": {"replicas": 2}},
        }

    def test_its_namespace_is_istios_where_none_is_given(self, tmp_path: Path) -> None:
        (config,) = self.read(
            tmp_path, chart="https://charts.example/istiod", values={"meshConfig": {"a": 1}}
        ).kubernetes
        assert config["metadata"]["namespace"] == "istio-system"

    def test_of_other_charts_and_without_configuration_there_is_none(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, chart="cni", values={"meshConfig": {"a": 1}}).kubernetes == ()
        assert self.read(tmp_path, values={"meshConfig": {"a": 1}}).kubernetes == ()
        assert self.read(tmp_path, chart="istiod", values={}).kubernetes == ()
        assert self.read(tmp_path, chart="istiod").kubernetes == ()

    def test_which_chart_it_is_and_from_where_is_kept(self, tmp_path: Path) -> None:
        given = {
            "chart": "base",
            "version": "1.30.3",
            "namespace": "mesh",
            "repositoryOpts": {"repo": "https://x.example"},
        }
        (release,) = self.read(tmp_path, **given, timeout=5).google
        assert release.properties == {**given, "values": {}}
        (named,) = of(tmp_path, export(exported(self.RELEASE, urn="mesh")), name="a.json").google
        assert named.name == "mesh"

    def test_values_have_to_be_a_mapping(self, tmp_path: Path) -> None:
        with pytest.raises(Unreadable, match=r"deployment.resources\[0\].inputs.values holds something"):
            self.read(tmp_path, chart="istiod", values=["a"])

    def test_a_configuration_that_cannot_be_read_is_refused_where_the_chart_stands(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(Unreadable, match=r"deployment.resources\[0\]"):
            self.read(tmp_path, chart="istiod", values={"meshConfig": {"discoverySelectors": 5}})

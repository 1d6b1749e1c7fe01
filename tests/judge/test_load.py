"""What is read of files, folders, lists and exports of stacks, form by form.

Source: Kubernetes, List; Pulumi, "Exporting and importing state".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.common.objects import Resource
from egress.judge.model.documents import DEEPEST
from egress.judge.model.load import KINDS, KUBECTL, SUFFIXES, Unreadable, read
from egress.judge.model.snapshot import Snapshot

Object = dict[str, Any]
ZONE = "gcp:dns/managedZone:ManagedZone"
URN = "urn:pulumi:dev::house::gcp:dns/managedZone:ManagedZone::zone"


def namespace(name: str = "shop", **more: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, **more}


def of(tmp_path: Path, *documents: Any, name: str = "a.yaml") -> Snapshot:
    file = tmp_path / name
    text = json.dumps(documents[0]) if name.endswith(".json") else yaml.safe_dump_all(documents)
    file.write_text(text, encoding="utf-8")
    return read(file)


def names(found: Snapshot) -> list[str]:
    return [item["metadata"]["name"] for item in found.kubernetes]


def export(*resources: Any) -> Object:
    return {"version": 3, "deployment": {"resources": list(resources)}}


def exported(type_token: str, urn: str = URN, **more: Any) -> Object:
    return {"type": type_token, "urn": urn, **more}


def refused(tmp_path: Path, *documents: Any, name: str = "a.yaml") -> str:
    with pytest.raises(Unreadable) as found:
        of(tmp_path, *documents, name=name)
    return str(found.value)


class TestFilesAndFolders:
    def test_a_file_is_read_whatever_it_is_called(self, tmp_path: Path) -> None:
        assert names(of(tmp_path, namespace(), name="objects.txt")) == ["shop"]

    def test_of_a_folder_every_file_of_yaml_and_json_below_it_in_the_order_of_their_names(
        self, tmp_path: Path
    ) -> None:
        assert {".yaml", ".yml", ".json"} == SUFFIXES
        (tmp_path / "below").mkdir()
        of(tmp_path, namespace("last"), name="z.json")
        of(tmp_path, namespace("first"), name="a.yml")
        of(tmp_path / "below", namespace("middle"), name="b.yaml")
        of(tmp_path, namespace("other"), name="c.txt")
        assert names(read(tmp_path)) == ["first", "middle", "last"]

    def test_a_folder_that_is_called_like_a_file_is_none(self, tmp_path: Path) -> None:
        of(tmp_path, namespace())
        (tmp_path / "b.yaml").mkdir()
        assert names(read(tmp_path)) == ["shop"]

    def test_what_is_not_there_or_holds_nothing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Unreadable, match=r"holds no file that ends in \.json, \.yaml, \.yml"):
            read(tmp_path)
        with pytest.raises(Unreadable, match="neither a file nor a folder"):
            read(tmp_path / "none")

    def test_several_documents_of_a_file_and_several_files_are_one_state(self, tmp_path: Path) -> None:
        of(tmp_path, namespace("a"), None, namespace("b"))
        of(tmp_path, namespace("c"), name="b.json")
        assert names(read(tmp_path / "a.yaml", tmp_path / "b.json")) == ["a", "b", "c"]

    def test_of_an_object_that_is_there_twice_the_last_counts(self, tmp_path: Path) -> None:
        found = of(tmp_path, namespace(spec={"a": 1}), namespace(spec={"a": 2}))
        assert [item["spec"] for item in found.kubernetes] == [{"a": 2}]

    @pytest.mark.parametrize(
        "other",
        [
            {"metadata": {"name": "other"}},
            {"metadata": {"name": "shop", "namespace": "else"}},
            {"kind": "Service"},
            {"apiVersion": "example.com/v1"},
        ],
    )
    def test_another_name_namespace_kind_or_api_is_another_object(
        self, other: Object, tmp_path: Path
    ) -> None:
        assert len(of(tmp_path, namespace(), {**namespace(), **other}).kubernetes) == 2

    def test_the_line_for_kubectl_names_every_kind_that_is_read(self) -> None:
        assert f"kubectl get {','.join(KINDS)} -A -o yaml" == KUBECTL
        assert (
            *(
                "ns",
                "netpol",
                "svc",
                "sa",
                "deploy",
                "cm",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
            ),
            "istio-io",
        ) == KINDS


class TestWhatCannotBeRead:
    def test_text_that_is_no_yaml_json_or_utf8_is_refused_with_the_files_name(self, tmp_path: Path) -> None:
        for name, text in (
            ("a.yaml", b"a: [1"),
            ("a.json", b"{"),
            ("a.yml", b"\xff\xfe\x00"),
            ("b.json", b"kind: Namespace"),
        ):
            (tmp_path / name).write_bytes(text)
            with pytest.raises(Unreadable, match=rf"{name} cannot be read"):
                read(tmp_path / name)

    @pytest.mark.parametrize("name", ["a.yaml", "a.json"])
    @pytest.mark.parametrize("kind", [dict, list])
    def test_what_lies_deeper_than_any_object_is_refused_and_no_less(
        self, name: str, kind: type, tmp_path: Path
    ) -> None:
        def deep(levels: int) -> Any:
            value: Any = 1
            for _ in range(levels):
                value = {"a": value} if kind is dict else [value]
            return value

        # The object itself is one level, and what it holds lies below.
        assert names(of(tmp_path, namespace(spec={"a": deep(DEEPEST - 3)}), name=name)) == ["shop"]
        assert "deep in one another" in refused(tmp_path, namespace(spec={"a": deep(DEEPEST)}), name=name)
        assert str(DEEPEST) == "100"

    def test_the_deepest_that_is_read_is_a_hundred_levels(self, tmp_path: Path) -> None:
        def levels(more: int) -> str:
            return f"kind: Namespace\nmetadata: {{name: a}}\nspec: {'[' * more}{']' * more}\n"

        (tmp_path / "a.yaml").write_text(levels(DEEPEST - 1), encoding="utf-8")
        assert names(read(tmp_path)) == ["a"]
        (tmp_path / "a.yaml").write_text(levels(DEEPEST), encoding="utf-8")
        with pytest.raises(Unreadable, match="deep in one another"):
            read(tmp_path)

    @pytest.mark.parametrize("level", ["[", "[[],", "[a,", "{a: ", "{b: {}, a: "])
    def test_nothing_is_built_of_a_text_that_is_deeper_whatever_stands_beside_its_levels(
        self, level: str, tmp_path: Path
    ) -> None:
        (tmp_path / "a.yaml").write_text(level * 100_000, encoding="utf-8")
        with pytest.raises(Unreadable, match="deep in one another"):
            read(tmp_path)

    def test_nor_of_such_json(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text("[" * 100_000, encoding="utf-8")
        with pytest.raises(Unreadable, match="deep in one another"):
            read(tmp_path)

    def test_many_things_beside_one_another_are_not_deep(self, tmp_path: Path) -> None:
        assert (
            len(of(tmp_path, *(namespace(f"n{at}", spec={"a": [[1], [2]]}) for at in range(60))).kubernetes)
            == 60
        )

    def test_an_anchor_that_holds_itself_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(
            "kind: Namespace\nmetadata: {name: a}\nspec: &x {y: *x}\n", encoding="utf-8"
        )
        with pytest.raises(Unreadable, match="deep in one another"):
            read(tmp_path / "a.yaml")

    @pytest.mark.parametrize("document", ["text", 5, [namespace()], {1: "a"}, {"kind": "Namespace", 2: "b"}])
    def test_what_is_no_mapping_with_names_is_no_object(self, document: Any, tmp_path: Path) -> None:
        assert "holds something that is no object" in refused(tmp_path, document)

    @pytest.mark.parametrize(("length", "whole"), [(58, True), (59, False)])
    def test_long_values_are_named_by_their_beginning(self, length: int, whole: bool, tmp_path: Path) -> None:
        said = refused(tmp_path, "x" * length)
        assert ("'" + "x" * length + "'" in said) is whole
        assert ("'" + "x" * 56 + "..." in said) is not whole

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"kind": "Namespace"},
            {"kind": "Namespace", "metadata": {}},
            {"kind": "Namespace", "metadata": {"name": ""}},
            {"kind": "Namespace", "metadata": "shop"},
            {"metadata": {"name": "shop"}},
            {"kind": "", "metadata": {"name": "shop"}},
            {"kind": "Things", "items": []},
            {"items": []},
        ],
    )
    def test_an_object_has_a_kind_and_a_name(self, document: Object, tmp_path: Path) -> None:
        assert "holds neither Kubernetes objects" in refused(tmp_path, document)

    def test_a_form_that_no_api_takes_is_refused_with_the_objects_name(self, tmp_path: Path) -> None:
        wrong = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"ports": 5},
        }
        assert "Service web is of another form" in refused(tmp_path, wrong)
        # Of another API's kind of that name nobody knows the form.
        assert names(of(tmp_path, {**wrong, "apiVersion": "serving.example/v1"})) == ["web"]
        # Nor do words of Google's providers mean anything among objects of Kubernetes.
        assert names(of(tmp_path, {**wrong, "kind": "gcp:compute/firewall:Firewall", "priority": "x"})) == [
            "web"
        ]

    def test_a_kind_is_text(self, tmp_path: Path) -> None:
        assert "5 shop is of another form" in refused(tmp_path, {**namespace(), "kind": 5})


class TestLists:
    def test_every_item_is_an_object_lists_in_lists_too(self, tmp_path: Path) -> None:
        inner = {"kind": "NamespaceList", "items": [namespace("b"), namespace("c")]}
        assert names(
            of(tmp_path, {"apiVersion": "v1", "kind": "List", "items": [namespace("a"), inner]})
        ) == ["a", "b", "c"]

    def test_one_without_items_is_empty(self, tmp_path: Path) -> None:
        assert names(of(tmp_path, {"kind": "List", "items": None})) == []

    def test_items_have_to_be_a_list_of_objects(self, tmp_path: Path) -> None:
        assert "a.yaml: items has to be a list, and is 'all'" in refused(
            tmp_path, {"kind": "List", "items": "all"}
        )
        assert "a.yaml: items[1] holds something" in refused(
            tmp_path, {"kind": "List", "items": [namespace(), "b"]}
        )

    def test_an_object_whose_kind_ends_like_a_lists_and_has_no_items_is_one(self, tmp_path: Path) -> None:
        assert names(of(tmp_path, {"kind": "AllowList", "metadata": {"name": "a"}})) == ["a"]


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

"""What is read of files, folders and lists, form by form, and what cannot be read. Exports of stacks are in
test_load_exports.py.

Source: Kubernetes, List.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from egress.judge.model.documents import DEEPEST
from egress.judge.model.load import KINDS, KUBECTL, SUFFIXES, Unreadable, read
from tests.judge.loading import Object, names, namespace, of, refused


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

"""YAML and JSON from outside: what is read of a text, and what no machine could hold.

Source: YAML 1.2, "Anchors and Aliases".
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from egress.judge.model.documents import DEEPEST, LARGEST, documents, mesh_config, single
from egress.judge.model.load import Unreadable, read

BOMB = "\n".join(f"a{at}: &a{at} [{', '.join(['x' if at == 0 else f'*a{at - 1}'] * 10)}]" for at in range(12))
"""Twelve lines that stand for more than a million million values."""
NARROW = "\n".join(
    f"a{at}: &a{at} [{', '.join(['x' if at == 0 else f'*a{at - 1}'] * 2)}]" for at in range(DEEPEST + 5)
)
"""The same of two values each, and deeper than anything may be."""


def repeated(values: int) -> str:
    """A text that stands for so many values, by a list of a thousand that is referred to again and again."""
    thousand = f"&a [{', '.join('x' * 999)}]"
    times, rest = divmod(values - 1, 1000)
    return f"[{', '.join([thousand, *['*a'] * (times - 1), *'x' * rest])}]"


class TestTexts:
    def test_every_document_of_a_text_is_read(self) -> None:
        assert documents("a: 1\n---\n- b\n---\n") == [{"a": 1}, ["b"], None]
        assert documents("") == []

    def test_json_is_one_document(self) -> None:
        assert documents('{"a": [1, null]}', as_json=True) == [{"a": [1, None]}]
        with pytest.raises(ValueError, match="Expecting value"):
            documents("a: 1", as_json=True)

    @pytest.mark.parametrize("text", ["a: [b", "\0", "*a", "a: !!python/object:os.system x", "a: b: c"])
    def test_what_is_no_yaml_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            documents(text)

    @pytest.mark.parametrize("as_json", [True, False])
    def test_what_lies_too_deep_is_refused_and_no_less(self, as_json: bool) -> None:
        assert documents("[" * DEEPEST + "]" * DEEPEST, as_json=as_json) != []
        for depth in (DEEPEST + 1, 100_000):
            with pytest.raises(ValueError, match="more than 100 deep"):
                documents("[" * depth + "]" * depth, as_json=as_json)


class TestAnchors:
    def test_what_they_stand_for_is_counted_as_often_as_it_stands_there(self) -> None:
        assert len(documents(repeated(LARGEST))[0]) == 10_000 - 1 + 999
        with pytest.raises(ValueError, match="more than 10000000 values"):
            documents(repeated(LARGEST + 1))

    @pytest.mark.parametrize("text", [BOMB, "a: 1\n---\n" + BOMB], ids=["alone", "in a later document"])
    def test_few_lines_that_stand_for_more_than_any_machine_holds_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="its anchors stand for more than"):
            documents(text)

    def test_nor_may_they_lie_deeper_than_what_is_written_out(self) -> None:
        with pytest.raises(ValueError, match="more than 100 deep"):
            documents(NARROW)

    @pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "a: &a [{b: [*a]}]"])
    def test_none_holds_itself(self, text: str) -> None:
        with pytest.raises(ValueError, match="more than 100 deep"):
            documents(text)


class TestTextsInObjects:
    def test_hold_one_value(self) -> None:
        assert single("a: 1") == {"a": 1}
        assert single("") is None
        assert single("# nothing") is None
        with pytest.raises(ValueError, match="several documents"):
            single("a: 1\n---\nb: 2")

    def test_the_meshs_configuration_is_json_if_it_begins_like_it(self) -> None:
        assert mesh_config('{"trustDomain": "a"}') == mesh_config("trustDomain: a") == {"trustDomain": "a"}
        with pytest.raises(ValueError, match="Expecting property name"):
            mesh_config("{trustDomain: a}")

    def test_dates_are_what_yaml_says_they_are(self) -> None:
        assert single("2026-01-31") == date(2026, 1, 31)


class TestReadingThem:
    """From a file, and from the texts that objects hold."""

    @pytest.mark.parametrize("bomb", [BOMB, NARROW])
    def test_a_file_is_refused_in_one_sentence(self, bomb: str, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_text(bomb, encoding="utf-8")
        with pytest.raises(Unreadable, match=r"a\.yaml cannot be read: (its anchors|lists and mappings)"):
            read(file)

    @pytest.mark.parametrize("bomb", [BOMB, NARROW])
    def test_so_is_a_mesh_configuration(self, bomb: str, tmp_path: Path) -> None:
        metadata = {"name": "istio", "namespace": "istio-system"}
        mesh = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mesh": bomb}}
        file = tmp_path / "a.json"
        file.write_text(json.dumps(mesh), encoding="utf-8")
        with pytest.raises(Unreadable, match=r"data\.mesh has to be the mesh's configuration"):
            read(file)

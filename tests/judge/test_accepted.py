"""Which fields of an object nobody knows: neither read, nor listed as harmless, nor of a value that is
understood."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.fields.accepted import Accepted, beyond
from egress.judge.model.shape_types import ANY, TEXTS

SHAPE = {
    "host": str,
    "hosts": TEXTS,
    "tls": {"mode": str},
    "servers": [{"name": str, "port": {"number": int}}],
    "free": ANY,
}


def lists() -> Accepted:
    return Accepted(
        {
            "note": "words",
            "tls.note": "words",
            "servers.note": "words",
            "servers.deep.note": "words",
            "a.b.c": "words",
            "addons.note": "words",
        },
        {"mode": ("GOOD", "FINE"), "tls.version": ("1.2",), "deep.down.version": ("1.2",)},
    )


@pytest.mark.parametrize(
    ("written", "unknown"),
    [
        ({}, []),
        (None, []),
        ("text where an object may be", []),
        # What is read.
        ({"host": "a", "hosts": ["a"], "tls": {"mode": "a"}, "free": {"any": "thing"}}, []),
        ({"host": {"more": 1}}, []),
        # What nobody knows.
        ({"other": 1}, ["other"]),
        ({"other": {"note": 1}}, ["other"]),
        ({"hosts": ["a"], "other": 1, "another": 2}, ["other", "another"]),
        ({"tls": {"other": 1}, "host": "a"}, ["tls.other"]),
        ({"tls": "text", "other": 1}, ["other"]),
        # What says nothing because it is empty or false; and what Pulumi notes by itself.
        ({"other": None, "one": "", "more": [], "off": False, "none": 0, "map": {}}, []),
        ({"__defaults": ["a"], "tls": {"__defaults": ["a"]}}, []),
        ({"_defaults": ["a"]}, ["_defaults"]),
        ({"defaults__": ["a"]}, ["defaults__"]),
        # What is harmless, at its own place alone.
        ({"note": "a", "tls": {"note": "a"}}, []),
        ({"note": {"below": {"it": 1}}}, []),
        ({"c": 1}, ["c"]),
        ({"a": {"b": {"c": 1}}}, []),
        ({"a": {"b": {"c": {"more": 1}, "d": 1}, "c": 2}}, ["a.b.d", "a.c"]),
        ({"a": {"b": "text"}}, ["a.b"]),
        ({"a": "text"}, ["a"]),
        ({"b": {"c": 1}}, ["b"]),
        # What is understood with some values alone.
        ({"mode": "GOOD"}, []),
        ({"mode": "FINE"}, []),
        ({"mode": "BAD"}, ["mode"]),
        ({"mode": ""}, []),
        ({"mode": {"GOOD": 1}}, ["mode"]),
        ({"tls": {"version": "1.2"}}, []),
        ({"tls": {"version": "1.3"}}, ["tls.version"]),
        ({"version": "1.2"}, ["version"]),
        ({"deep": {"down": {"version": "1.2"}}}, []),
        ({"deep": {"down": {"version": "1.3"}}}, ["deep.down.version"]),
        ({"deep": {"other": 1}}, ["deep.other"]),
        ({"addons": {"note": 1}}, []),
        ({"addons": {"note": 1, "other": 1}}, ["addons.other"]),
        ([{"host": "a"}, {"other": 1, "tls": {"other": 1}}], ["[1].other", "[1].tls.other"]),
        # Entries of lists, each with its number.
        ({"servers": [{"name": "a", "port": {"number": 1}}]}, []),
        (
            {"servers": [{"name": "a"}, {"other": 1}, {"port": {"other": 1}}]},
            ["servers[1].other", "servers[2].port.other"],
        ),
        ({"servers": ({"other": 1},)}, ["servers[0].other"]),
        ({"servers": [{"note": 1}, {"deep": {"note": 1}}]}, []),
        ({"servers": [{"deep": {"other": 1}}]}, ["servers[0].deep.other"]),
        ({"servers": [{"deep": [{"note": 1}, {"other": 1}]}]}, ["servers[0].deep[1].other"]),
        ({"servers": {"name": "a"}}, []),
        ({"hosts": [{"other": 1}]}, []),
        # A list where an object is read: each entry is asked.
        ({"tls": [{"mode": "a"}, {"other": 1}]}, ["tls[1].other"]),
        ({"a": [{"b": [{"c": 1}]}, {"x": 1}]}, ["a[1].x"]),
    ],
)
def test_a_field_is_read_or_harmless_or_named_with_its_place(written: Any, unknown: list[str]) -> None:
    assert list(beyond(written, SHAPE, lists())) == unknown


def test_with_no_list_at_all_everything_that_is_not_read_is_named() -> None:
    assert list(beyond({"host": "a", "note": "a", "mode": "GOOD"}, SHAPE, Accepted({}))) == ["note", "mode"]

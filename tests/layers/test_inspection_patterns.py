"""Texts and patterns of body inspection in Lua: what a rule says is data, never program."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from egress.common.body_patterns import Atom, parse
from egress.common.lua import lua_pattern, quoted
from tests.layers.envoy_lua import Filter
from tests.layers.inspection import the_filter


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_every_quoted_text_is_that_text_in_lua(data: bytes) -> None:
    assert EMPTY.value(quoted(data)) == data


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(min_size=1, max_size=60).filter(str.isprintable),
    before=st.binary(max_size=20),
    after=st.binary(max_size=20),
)
def test_a_text_is_found_whatever_it_is_and_whatever_stands_around_it(
    text: str, before: bytes, after: bytes
) -> None:
    try:
        needle = text.encode()
    except UnicodeEncodeError:
        return
    found = the_filter(refuse={"only": text})
    assert found.request({}, before + needle + after).status == 400
    assert found.request({}, urlencode({"x": text}).encode()).status == 400
    assert found.request({":path": "/?" + quote(text)}).status == 400


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(max_codepoint=0xD7FF), min_size=1, max_size=30).filter(str.isprintable))
def test_a_text_is_found_in_json_however_it_is_escaped(text: str) -> None:
    found = the_filter(refuse={"only": text})
    assert found.request({}, json.dumps({"a": text}).encode()).status == 400
    assert found.request({}, "".join(f"\\u{ord(character):04X}" for character in text).encode()).status == 400


EMPTY = Filter("function envoy_on_request() end")

single = st.sampled_from(
    [
        *"abzAZ09 _-%:/",
        r"\.",
        r"\]",
        r"\[",
        r"\\",
        r"\^",
        r"\$",
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        r"\W",
        r"\S",
        r"\n",
        ".",
    ]
)
member = st.sampled_from(
    ["a-z", "A-Z", "0-9", "!-~", " -/", "%", "^", r"\]", r"\-", r"\\", "_", "-", r"\d", r"\W", r"\t", "x"]
)
sets = st.tuples(st.sampled_from(["", "^"]), st.lists(member, min_size=1, max_size=4)).map(
    # A leading ^ of the members would negate, and a hyphen between two of them would make a range of its own.
    lambda drawn: "[" + drawn[0] + "a" + "".join(sorted(drawn[1], key="-".__eq__)) + "]"
)
repeats = st.sampled_from(["", "", "", "?", "{2}", "{0,2}", "{1,3}"])
expressions = st.lists(st.tuples(st.one_of(single, sets), repeats).map("".join), min_size=1, max_size=5).map(
    "".join
)
bodies = st.one_of(st.binary(max_size=24), st.text("abzAZ019 _-%:./\\[]^$\n\t", max_size=24).map(str.encode))


@pytest.mark.filterwarnings("ignore:Possible set:FutureWarning")
@settings(max_examples=1500, deadline=None)
@given(expression=expressions, body=bodies, ignore_case=st.booleans())
def test_a_pattern_matches_exactly_what_it_matches_in_python(
    expression: str, body: bytes, ignore_case: bool
) -> None:
    try:
        atoms = parse(expression, ignore_case)
    except ValueError:
        return
    flags = re.IGNORECASE if ignore_case else 0
    expected = re.search(expression.encode(), body, flags) is not None
    assert EMPTY.find(body, lua_pattern(atoms)) == expected


@settings(max_examples=300, deadline=None)
@given(
    members=st.lists(st.tuples(st.integers(0, 255), st.integers(1, 40)), min_size=1, max_size=4).map(
        lambda runs: frozenset(byte for low, length in runs for byte in range(low, min(low + length, 256)))
    )
)
@example(members=frozenset(b"%&'"))
@example(members=frozenset(b"]^_`a"))
@example(members=frozenset(b"^_`"))
@example(members=frozenset(b"Z[\\]"))
def test_a_set_of_bytes_is_that_set_in_lua(members: frozenset[int]) -> None:
    pattern = lua_pattern([Atom(members)])
    assert {byte for byte in range(256) if EMPTY.find(bytes((byte,)), pattern)} == members

"""Requests that no rule tells apart are asked about once: every path belongs to the class of some
representative."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from egress.judge.model.equivalence import OTHER_METHOD, Requests, paths, representatives
from egress.judge.model.text_patterns import path_matches

segments = st.sampled_from(["a", "ab", "b", "x", "status", "418"])
literal = st.lists(segments, min_size=0, max_size=3).map(lambda parts: "/" + "/".join(parts))
template = st.lists(st.one_of(segments, st.just("{*}")), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
deep = st.tuples(literal, st.sampled_from(["", "/z"])).map(
    lambda ends: ends[0].rstrip("/") + "/{**}" + ends[1]
)
patterns = st.lists(st.one_of(literal, literal.map(lambda path: path + "*"), template, deep), max_size=4)
asked = st.lists(st.text("abxz/418st[", min_size=1, max_size=6), min_size=0, max_size=4).map(
    lambda parts: "/" + "/".join(part.strip("/") or "a" for part in parts).replace("//", "/")
)


@given(patterns, asked)
def test_every_path_is_represented_by_one_that_the_same_patterns_match(
    patterns: list[str], path: str
) -> None:
    seen = {tuple(path_matches(pattern, one) for pattern in patterns) for one in paths(patterns)}
    while "//" in path:
        path = path.replace("//", "/")
    assert tuple(path_matches(pattern, path) for pattern in patterns) in seen


@given(patterns)
def test_no_two_representatives_say_the_same(patterns: list[str]) -> None:
    found = [tuple(path_matches(pattern, one) for pattern in patterns) for one in paths(patterns)]
    assert len(found) == len(set(found))


def test_a_rule_without_conditions_has_one_class() -> None:
    assert [(one.method, one.path) for one in representatives(Requests())] == [("GET", "/")]


def test_methods_that_no_rule_names_are_one_class() -> None:
    methods = {one.method for one in representatives(Requests(methods=frozenset({"GET", "POST"})))}
    assert methods == {"GET", "POST", OTHER_METHOD}


def test_a_header_is_asked_with_each_value_with_another_and_without() -> None:
    asked = [
        dict(one.headers)
        for one in representatives(Requests(headers=frozenset({("x-env", "prod"), ("x-env", "test-*")})))
    ]
    assert {value.get("x-env") for value in asked} == {"prod", "test-x", "no-rule-names-this", None}

"""Requests that no rule tells apart are one class: which paths, methods and headers stand for all others."""

from __future__ import annotations

from itertools import product

import pytest

from egress.judge.model.equivalence import (
    OTHER_METHOD,
    OTHER_VALUE,
    Representative,
    Requests,
    header_words,
    paths,
    representatives,
)
from egress.judge.model.text_patterns import path_matches


def universe(letters: str = "/abx[*", most: int = 5) -> dict[int, list[str]]:
    """Every path of some letters by its length, as proxies compare them: two slashes on end are one."""
    found = ["/" + "".join(rest) for length in range(most) for rest in product(letters, repeat=length)]
    kept = [path for path in found if "//" not in path]
    return {length: [path for path in kept if len(path) == length] for length in range(1, most + 1)}


EVERY = universe()
PATTERNS: list[list[str]] = [
    [],
    ["*"],
    ["/"],
    ["/a"],
    ["/x"],
    ["/a*"],
    ["*a"],
    ["*/a"],
    ["/a/*"],
    ["/a/b"],
    ["/a/"],
    ["/a", "/b"],
    ["/a", "/a*"],
    ["/x", "/xa"],
    ["/a*", "*b"],
    ["/a*", "/ab*"],
    ["/a", "/ab", "/abx"],
    ["*a", "*ba"],
    # One in the middle is a letter, and so is one at the end behind one at the beginning.
    ["/a*b"],
    ["*a*"],
    ["**"],
    ["*a/*"],
    ["/[a"],
    ["/{*}"],
    ["/a/{*}"],
    ["/{*}/a"],
    ["/{*}/{*}"],
    ["/{**}"],
    ["/a/{**}"],
    ["/{**}/a"],
    ["/{*}", "/a"],
    ["/{*}", "*/a"],
    ["/{*}/a", "*/a"],
    ["/{*}", "/a/{*}"],
    ["/{*}*"],
    ["/{*}", "/[a"],
    ["/{**}", "/a*"],
    ["/a/{*}", "/a/b"],
    ["/a/{**}", "/a/{*}"],
    ["/{*}", "/{**}", "*"],
    ["/{*}/a", "/b/{**}"],
    ["/a/{*}", "*b", "/a*"],
]


@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_every_path_has_one_that_the_same_patterns_match_and_no_shorter_one_does(patterns: list[str]) -> None:
    """Of all paths of a few letters: a pattern with a star at both ends had none that it matches."""
    shortest: dict[tuple[bool, ...], int] = {}
    for length, all_of_it in EVERY.items():
        for path in all_of_it:
            shortest.setdefault(tuple(path_matches(pattern, path) for pattern in patterns), length)
    found = [
        (tuple(path_matches(pattern, path) for pattern in patterns), len(path)) for path in paths(patterns)
    ]
    assert sorted(found) == sorted(shortest.items())


@pytest.mark.parametrize(
    ("patterns", "asked"),
    [
        ([], ("/",)),
        (["/a"], ("/", "/a")),
        (["/b", "/a", "/b"], ("/", "/a", "/b")),
        (["/"], ("/", "/x")),
        (["/x"], ("/", "/x")),
        (["/{*}"], ("/", "/x")),
        # No rule names it, so it stands for every letter that none names.
        (["/", "/x"], ("/", "/a", "/x")),
        (["/", "/x", "/a"], ("/", "/a", "/b", "/x")),
        (["/abc/{**}"], ("/", "/abc/")),
        # A letter that templates do not take, and those that they do.
        (["/{**}"], ("/", "/[")),
        # One open segment holds no slash, any number of them do.
        (["/{*}/z", "/{**}/z"], ("/", "/x/z", "/x/x/z")),
        (["/{*}", "*o"], ("/", "/o", "/x", "/[o")),
    ],
)
def test_the_most_ordinary_path_comes_first(patterns: list[str], asked: tuple[str, ...]) -> None:
    assert paths(patterns) == asked
    assert paths(iter(patterns)) == asked


def test_where_rules_name_every_plain_letter_another_one_stands_for_the_rest() -> None:
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()+,=:@"
    found = paths([f"/{letter}" for letter in plain] + ["/"])
    (other,) = (path for path in found if path[1:] and path[1:] not in plain)
    assert other == "/\u0100"
    assert "/a" in found


def asked(requests: Requests) -> list[tuple[str, str, dict[str, str]]]:
    return [(one.method, one.path, dict(one.headers)) for one in representatives(requests)]


@pytest.mark.parametrize(
    ("methods", "named"),
    [
        ([], ["GET"]),
        (["GET"], ["GET", OTHER_METHOD]),
        (["POST"], ["POST", OTHER_METHOD]),
        (["POST", "GET"], ["GET", "POST", OTHER_METHOD]),
        # A pattern is matched by some that is named anyway, or by none.
        (["*"], ["GET", OTHER_METHOD]),
        (["P*", "POST"], ["POST", OTHER_METHOD]),
    ],
)
def test_each_method_that_rules_name_is_asked_for_and_one_that_none_does(
    methods: list[str], named: list[str]
) -> None:
    assert asked(Requests(methods=frozenset(methods))) == [(method, "/", {}) for method in named]


def test_each_value_of_a_header_is_asked_for_another_one_and_none() -> None:
    of = Requests(headers=frozenset({("x-b", "1"), ("x-a", "*"), ("x-a", "v*"), ("x-a", OTHER_VALUE)}))
    first, second = ["x", OTHER_VALUE, "vx", None], ["1", OTHER_VALUE, None]
    wanted = [
        {name: value for name, value in (("x-a", a), ("x-b", b)) if value is not None}
        for a in first
        for b in second
    ]
    assert asked(of) == [("GET", "/", headers) for headers in wanted]


def test_every_combination_is_asked_for() -> None:
    of = Requests(frozenset({"GET"}), frozenset({"/a"}), frozenset({("x-a", "1")}))
    assert {(method, path, headers.get("x-a")) for method, path, headers in asked(of)} == set(
        product(["GET", OTHER_METHOD], ["/", "/a"], ["1", OTHER_VALUE, None])
    )
    assert next(representatives(of)) == Representative("GET", "/", (("x-a", "1"),))


def test_what_two_rules_tell_apart_is_apart() -> None:
    one = Requests(frozenset({"GET"}), frozenset({"/a"}), frozenset({("x", "1")}))
    other = Requests(frozenset({"PUT"}), frozenset({"/b"}), frozenset({("x", "2")}))
    both = Requests(frozenset({"GET", "PUT"}), frozenset({"/a", "/b"}), frozenset({("x", "1"), ("x", "2")}))
    assert one | other == both
    assert one | Requests() == one


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x-env", "prod", "x-env: prod"),
        ("x-env", "test-x", "x-env: test-*"),
        ("x-env", OTHER_VALUE, "x-env: any other value"),
        # What no rule of this header says is told as it is.
        ("x-env", "stage", "x-env: stage"),
        ("x-other", "test-x", "x-other: test-x"),
        ("x-more", "prod", "x-more: prod"),
        ("x-more", "ax", "x-more: a*"),
    ],
)
def test_a_header_is_told_in_the_words_of_its_rule(name: str, value: str, words: str) -> None:
    rules = {
        ("x-env", "prod"),
        ("x-env", "test-*"),
        ("x-more", "a*"),
        ("a-first", "test-*"),
        ("a-first", "st*ge"),
    }
    assert header_words(Requests(headers=frozenset(rules)), name, value) == words

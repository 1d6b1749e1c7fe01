"""Which outside hosts stand for others, and which of them a rule's pattern means."""

from __future__ import annotations

from itertools import product

import pytest

from egress.judge.lookup.host_names import matches
from egress.judge.lookup.host_shapes import BELOW, common, concrete
from egress.judge.model.text_patterns import text_matches

LABELS = ("a", "b", "ab")
NAMES = [".".join(labels) for count in (2, 3) for labels in product(LABELS, repeat=count)]
HOSTS = [*NAMES, *(f"*.{name}" for name in NAMES)]
PATTERNS = [
    "*",
    *{f"*{name[at:]}" for name in NAMES for at in range(len(name))},
    *{f"{name[:at]}*" for name in NAMES for at in range(1, len(name))},
]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("api.example.com", "api.example.com"),
        ("*.example.com", f"{BELOW}.example.com"),
        ("*ample.com", f"{BELOW}ample.com"),
        ("api.*", f"api.{BELOW}"),
        ("*", "*"),
    ],
)
def test_a_name_stands_for_a_pattern(pattern: str, name: str) -> None:
    assert concrete(pattern) == name
    assert text_matches(pattern, name)


def test_a_name_that_both_cover_is_covered_by_both() -> None:
    for pattern, host in product(PATTERNS, HOSTS):
        name = common(pattern, host)
        if name is not None:
            assert text_matches(pattern, name), (pattern, host, name)
            assert matches(host, name), (pattern, host, name)


def test_where_any_name_is_covered_by_both_one_is_found() -> None:
    for pattern, host in product(PATTERNS, HOSTS):
        if any(text_matches(pattern, name) and matches(host, name) for name in NAMES):
            assert common(pattern, host) is not None, (pattern, host)

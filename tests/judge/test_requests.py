"""What a proxy makes of a request before any rule is asked. Held against Envoy itself in tests/mesh/test_paths.py."""

from __future__ import annotations

import pytest

from egress.judge.flow import Request
from egress.judge.requests import METHODS, read
from egress.normal_form import Normalization

STRICT = Normalization.DECODE_AND_MERGE_SLASHES


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "MSEARCH"]
)
def test_methods_that_are_known(method: str) -> None:
    taken = read(Request("a.example", method), STRICT)
    assert isinstance(taken, Request) is (method in METHODS)


@pytest.mark.parametrize("method", ["get", "Get"])
def test_methods_are_read_letter_by_letter(method: str) -> None:
    said = read(Request("a.example", method), STRICT)
    assert said == f"Methods are read letter by letter, and {method} is none; GET is."


@pytest.mark.parametrize("method", ["BREW", "", "CONNECT"])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    assert read(Request("a.example", method), STRICT) == f"The proxy takes no request with the method {method}."


def test_a_path_is_taken_in_its_normal_form() -> None:
    taken = read(Request("a.example", path="/a/../b//c", headers={"x-a": "1"}), STRICT)
    assert isinstance(taken, Request)
    assert (taken.path, taken.headers, taken.host) == ("/b/c", {"x-a": "1"}, "a.example")
    same = Request("a.example", path="/b")
    assert read(same, STRICT) is same


def test_the_normal_form_is_the_meshs() -> None:
    for how, path in ((Normalization.NONE, "/a/../b//c"), (Normalization.BASE, "/b//c"), (Normalization.MERGE_SLASHES, "/b/c")):
        taken = read(Request("a.example", path="/a/../b//c"), how)
        assert isinstance(taken, Request)
        assert taken.path == path


def test_a_path_that_has_none_is_refused() -> None:
    assert read(Request("a.example", path="/a%00"), STRICT) == "The proxy takes no request with the path '/a%00'."

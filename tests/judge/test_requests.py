"""What proxies make of a request before rules are asked. Source: Envoy, HTTP/1 codec,
HttpConnectionManager."""

from __future__ import annotations

import pytest

from egress.common.normal_form import Normalization
from egress.judge.model.flow import Request
from egress.judge.model.requests import METHODS, read


def asked(method: str = "GET", path: str = "/a") -> Request:
    return Request("example.com", method, path)


@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "ACL", "UNSUBSCRIBE", "PURGE"])
def test_a_known_method_is_read_as_it_is(method: str) -> None:
    assert read(asked(method), Normalization.BASE) == asked(method)
    assert method in METHODS


@pytest.mark.parametrize(
    ("method", "words"), [("get", "letter by letter"), ("Post", "POST is"), ("FETCH", "the method FETCH")]
)
def test_methods_are_read_letter_by_letter(method: str, words: str) -> None:
    answer = read(asked(method), Normalization.BASE)
    assert isinstance(answer, str)
    assert words in answer


def test_connect_has_no_route() -> None:
    assert "CONNECT" not in METHODS


def test_a_path_is_sent_on_in_its_normal_form_and_nothing_else_is_changed() -> None:
    changed = read(asked("PUT", "/a/../b"), Normalization.BASE)
    assert changed == asked("PUT", "/b")


@pytest.mark.parametrize("path", ["a", "/%00", "/a b"])
def test_a_path_that_has_no_normal_form_is_refused(path: str) -> None:
    answer = read(asked(path=path), Normalization.BASE)
    assert isinstance(answer, str)
    assert repr(path) in answer

"""Ways to write a body: the filter of body inspection reads what a receiver may read in it, or refuses it."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.layers.encodings import encoded
from tests.layers.envoy_lua import Filter
from tests.layers.inspection import refused, the_filter

SECRETS = [
    "sensitiveData",
    "for internal use",
    "a+b=c_100%",
    'DOMAIN\\name"x"',
    "müßig",
    "zażółć",
    "\U0001f511 key",
    "x&y<z>",
]


@pytest.fixture(scope="module")
def enforcing() -> Filter:
    return the_filter(maxBytes=1000)


@settings(max_examples=1200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    secret=st.sampled_from(SECRETS),
    seed=st.integers(0, 2**32),
    before=st.sampled_from(["", '{"a": "', "<a>", "x=1&y="]),
)
def test_nothing_gets_past_by_any_composition_of_encodings(secret: str, seed: int, before: str) -> None:
    """Whatever encodings a receiver undoes, in whatever order, the filter undoes them too, or refuses."""
    sent = encoded(before + secret, Random(seed))
    outcome = filters(secret).request({}, sent)
    assert outcome.status in (400, 415), sent
    if sent.isascii() and b"\0" not in sent:
        assert filters(secret).request({":path": "/?" + sent.decode()}).status == 400, sent


@cache
def filters(secret: str) -> Filter:
    return the_filter(refuse={"only": secret})


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, '{"a": "sensitiveData"}'.encode("utf-16")),
        ({"content-type": "application/json"}, '{"a": "sensitiveData"}'.encode("utf-16-le")),
        ({"content-type": "application/json"}, '{"a": "sensitiveData"}'.encode("utf-32-be")),
        ({"content-type": "text/plain; charset=utf-8; charset=utf-16"}, b"harmless"),
        ({"content-type": "text/plain; charset*=utf-8''utf-16"}, b"harmless"),
        ({"content-type": "text/plain, text/plain; charset=utf-16"}, b"harmless"),
        ({"content-type": "text/plain; charset='utf-8'"}, b"harmless"),
        ({"content-type": "text/xml"}, b'<?xml version="1.0" encoding="utf-16"?><a/>'),
        ({"content-type": "text/xml"}, b"<?xml version='1.0'\n encoding = 'UTF-7' ?><a/>"),
        ({"content-type": "text/xml"}, b"<?xml version='1.0'?><a>&#115;ensitive&#x44;ata</a>"),
        ({"content-type": "text/xml"}, b"<a>sensi<![CDATA[tive]]>Da<!-- x -->ta</a>"),
        ({"content-type": "text/xml"}, b'<!DOCTYPE a [<!ENTITY x "sensi">]><a>&x;tiveData</a>'),
        (
            {"content-type": "application/x-www-form-urlencoded"},
            b"payload=%7B%22a%22%3A%22%5Cu0073ensitiveData%22%7D",
        ),
        ({"content-type": "application/x-www-form-urlencoded"}, b"payload=%2573ensitiveData"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"payload=%u0073ensitiveData"),
        ({"content-type": "text/javascript"}, b"'\\x73ensitive\\u{44}ata'"),
        ({"content-type": "text/yaml"}, b'"\\U00000073ensitiveData"'),
        ({"content-type": "text/html"}, b"sensitive&#68ata"),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nc2Vu\r\n--x--",
        ),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\nContent-Type: text/plain; charset=utf-16\r\n\r\nx\r\n--x--",
        ),
        (
            {"content-type": "message/rfc822"},
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=73ensitiveData",
        ),
    ],
)
def test_what_a_receiver_may_read_is_read_or_refused(
    enforcing: Filter, headers: dict[str, str], body: bytes
) -> None:
    assert enforcing.request(headers, body).status in (400, 415)


@pytest.mark.parametrize(
    "charset", ["", "; charset=iso-8859-1", "; charset=UTF-8", '; charset="utf-8"; boundary=x']
)
def test_a_body_that_says_how_it_is_written_passes(enforcing: Filter, charset: str) -> None:
    assert enforcing.request({"content-type": "text/plain" + charset}, b"harmless \xe9").ended == "passed"


def test_latin_and_escapes_are_read_together() -> None:
    found = the_filter(refuse={"only": "élégant"})
    assert (
        found.request({"content-type": "text/plain; charset=iso-8859-1"}, b"\xe9l\\u00e9gant").status == 400
    )
    assert found.request({}, "élégant".encode("latin-1")).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"html": "<p class=\\"a\\">1 + 1 &lt; 3 &amp; 100%25</p>", '
        b'"url": "https://x.example/?a=b%20c&d=e+f"}',
        b"<?xml version='1.0' encoding='UTF-8'?><a><!-- n --><![CDATA[x]]></a>",
        b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--x--",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0",
        b"\0\0\0\x20ftypisom",
        b"C:\\users\\n\\x41 &unknown; &#99999999; %zz \\u12 <!-- open",
    ],
)
def test_ordinary_bodies_pass(enforcing: Filter, body: bytes) -> None:
    assert enforcing.request({}, body).ended == "passed"


def test_what_would_take_too_long_to_read_is_refused(enforcing: Filter) -> None:
    deep = "%2525252525" * 20 + "\\\\\\\\\\\\\\\\" * 20 + "&amp;amp;amp;amp;" * 20 + "a+b"
    refused(enforcing.request({}, deep.encode()), 415, "ways that cannot be read")
    assert enforcing.request({":path": "/?" + deep}).status == 400

"""The filter of body inspection on the Lua that Envoy runs: what it refuses, reports and lets pass."""

from __future__ import annotations

import pytest

from tests.layers.envoy_lua import Filter
from tests.layers.inspection import SECRET, refused, the_filter


@pytest.fixture(scope="module")
def enforcing() -> Filter:
    return the_filter(maxBytes=1000)


@pytest.fixture(scope="module")
def reporting() -> Filter:
    return the_filter(maxBytes=1000, mode="report")


FOUND = [
    ("as it is", f'{{"{SECRET}": 1}}', "sensitive-data"),
    ("in two cases", "this is INTERNAL Only, you know", "marking"),
    ("as a pattern", "card=4111 1111-11111111.", "card-number"),
    ("percent-encoded", "x=sensitive%44ata", "sensitive-data"),
    ("percent-encoded all over", "".join(f"%{byte:02x}" for byte in SECRET.encode()), "sensitive-data"),
    ("with a plus for a space", "x=internal+only", "marking"),
    ("with JSON's escapes", '{"\\u0073ensitive\\u0044ata": 1}', "sensitive-data"),
    ("behind a JSON escape that digits follow", '"\\nabc\\u0073ensitiveData"', "sensitive-data"),
]


@pytest.mark.parametrize(("body", "rule"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_a_body_is_refused_by_the_rules_name(enforcing: Filter, body: str, rule: str) -> None:
    refused(enforcing.request({}, body.encode()), 400, f"the body breaks the rule {rule}")


def test_a_match_may_lie_across_chunks(enforcing: Filter) -> None:
    refused(enforcing.request({}, b"...sensi", b"tive", b"Data..."), 400, "sensitive-data")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_method_does_not_matter(enforcing: Filter, method: str) -> None:
    refused(enforcing.request({":method": method}, SECRET.encode()), 400, "sensitive-data")


@pytest.mark.parametrize("path", [f"/x?{SECRET}=1", "/sensitive%44ata", "/x?note=internal+only"])
def test_path_and_query_are_read_as_well(enforcing: Filter, path: str) -> None:
    refused(enforcing.request({":path": path}), 400, "the path or query breaks the rule")


@pytest.mark.parametrize(
    "body", [b"", b"harmless", b"\x00\xff binary \x00", b"sensitive Data", b"100% + 1 \\ 2"]
)
def test_what_breaks_no_rule_passes_silently(enforcing: Filter, body: bytes) -> None:
    outcome = enforcing.request({}, body)
    assert (outcome.ended, outcome.log) == ("passed", [])
    assert enforcing.request().ended == "passed"


@pytest.mark.parametrize(
    "authority", ["API.Example.COM", "api.example.com:80", "Api.example.com.:80", "api.example.com."]
)
def test_the_host_is_known_however_it_is_written(enforcing: Filter, authority: str) -> None:
    refused(enforcing.request({}, SECRET.encode(), authority=authority), 400, "sensitive-data")


@pytest.mark.parametrize("authority", ["other.example", "xapi.example.com", "api.example.com.other.example"])
def test_other_hosts_are_not_read_at_all(enforcing: Filter, authority: str) -> None:
    outcome = enforcing.request({"content-encoding": "gzip"}, SECRET.encode(), authority=authority)
    assert (outcome.ended, outcome.held, outcome.log) == ("passed", False, [])


UNREADABLE = [
    ({"content-length": "1001"}, 413, "too large"),
    ({"content-length": "1e9"}, 413, "too large"),
    ({"content-length": "many"}, 413, "too large"),
    ({"content-encoding": "gzip"}, 415, "encoded"),
    ({"content-encoding": "identity, br"}, 415, "encoded"),
    ({"content-encoding": ""}, 415, "encoded"),
    ({"grpc-encoding": "gzip"}, 415, "encoded"),
    ({"content-type": "application/json; charset=utf-16"}, 415, "character set"),
    ({"content-type": 'text/plain; Charset = "UTF-7"'}, 415, "character set"),
    ({"upgrade": "websocket"}, 400, "another protocol"),
    ({":method": "CONNECT"}, 400, "another protocol"),
]


@pytest.mark.parametrize(("headers", "status", "reason"), UNREADABLE)
def test_what_cannot_be_read_is_refused_unread(
    enforcing: Filter, headers: dict[str, str], status: int, reason: str
) -> None:
    outcome = enforcing.request(headers, b"harmless")
    refused(outcome, status, reason)
    assert not outcome.held


def test_a_body_that_turns_out_too_large_is_refused(enforcing: Filter) -> None:
    refused(enforcing.request({}, b"x" * 600, b"x" * 401), 413, "too large")
    assert enforcing.request({}, b"x" * 600, b"x" * 400).ended == "passed"


@pytest.mark.parametrize(
    "headers", [{"content-encoding": "Identity"}, {"content-type": "text/plain; charset=UTF-8"}]
)
def test_readable_bodies_may_say_so(enforcing: Filter, headers: dict[str, str]) -> None:
    assert enforcing.request(headers, b"harmless").ended == "passed"


@pytest.mark.parametrize("failing", ["headers", ":authority", ":path", "content-encoding", "body"])
def test_an_error_in_the_filter_refuses(enforcing: Filter, failing: str) -> None:
    outcome = enforcing.request({}, b"harmless", failing=failing)
    assert (outcome.ended, outcome.status) == ("responded", 500)
    assert "the inspection itself failed" in outcome.reason


@pytest.mark.parametrize("failing", ["certificate", "log"])
def test_an_error_while_it_is_written_down_lets_nothing_pass(enforcing: Filter, failing: str) -> None:
    assert enforcing.request({}, SECRET.encode(), failing=failing).status == 400


# Report only


@pytest.mark.parametrize(
    ("headers", "body", "failing", "words"),
    [
        ({}, SECRET.encode(), "", "the body breaks the rule sensitive-data"),
        ({":path": f"/?{SECRET}"}, b"", "", "the path or query breaks the rule sensitive-data"),
        ({}, b"x" * 1001, "", "too large"),
        ({"content-encoding": "gzip"}, b"", "", "encoded"),
        ({"upgrade": "websocket"}, b"", "", "another protocol"),
        ({}, b"harmless", "body", "the inspection itself failed"),
    ],
)
def test_a_report_says_what_enforcing_would_do_and_holds_nothing_back(
    reporting: Filter, headers: dict[str, str], body: bytes, failing: str, words: str
) -> None:
    outcome = reporting.request(headers, body, failing=failing)
    assert (outcome.ended, outcome.held, outcome.status) == ("passed", False, None)
    (line,) = outcome.log
    assert "would refuse; host=api.example.com" in line
    assert words in line
    assert SECRET not in line


def test_a_report_reads_across_chunks_and_is_silent_about_the_rest(reporting: Filter) -> None:
    assert len(reporting.request({}, b"sensi", b"tiveData").log) == 1
    assert reporting.request({}, b"harm", b"less").log == []

"""Body inspection: what a rule may say, the object that comes of it, and the filter itself on the Lua that
Envoy runs."""

from __future__ import annotations

import json
import re
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from egress.common.body_patterns import Atom, parse
from egress.common.errors import ConfigError
from egress.common.lua import lua_pattern, quoted
from egress.common.objects import Object
from egress.layers.render import render
from egress.plan.inspection_script import LONGEST_SCRIPT, script
from egress.plan.model import Plan
from tests.layers.encodings import encoded
from tests.layers.envoy_lua import Filter, Outcome
from tests.support import config_with, plan_of, teams

HOST = "api.example.com"
SECRET = "sensitiveData"
RULES: dict[str, Any] = {
    "sensitive-data": SECRET,
    "card-number": {"pattern": "[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}"},
    "marking": {"text": "Internal only", "ignoreCase": True},
}


def inspected(**changes: Any) -> Plan:
    return plan_of(
        teams(
            team_a={
                HOST: {"http": {"upgrade": "tls", "inspect": {"refuse": RULES} | changes}},
                "other.example": {"http": {}},
            }
        )
    )


def the_filter(**changes: Any) -> Filter:
    return Filter(script(inspected(**changes).hosts))


@pytest.fixture(scope="module")
def enforcing() -> Filter:
    return the_filter(maxBytes=1000)


@pytest.fixture(scope="module")
def reporting() -> Filter:
    return the_filter(maxBytes=1000, mode="report")


# The object


def extensions(plan: Plan) -> list[Object]:
    return [item for item in render(plan) if item.kind == "TrafficExtension"]


def test_one_extension_on_the_gateways_plain_http_listener_behind_authorization() -> None:
    (item,) = extensions(inspected())
    assert item.identity == "istio-egress/trafficextension/body-inspection"
    spec = item.manifest["spec"]
    assert spec["match"] == [{"mode": "CLIENT", "ports": [{"number": 8080}]}]
    assert spec["selector"] == {"matchLabels": {"istio": "egressgateway"}}
    assert "phase" not in spec


def test_nobody_who_inspects_nothing_has_a_filter() -> None:
    assert extensions(plan_of(teams(team_a={HOST: {"http": {}}}))) == []


def test_two_teams_that_say_the_same_share_it() -> None:
    way = {"http": {"inspect": {"refuse": RULES}}}
    both = plan_of(teams(team_a={HOST: way}, team_b={HOST: way}))
    assert script(both.hosts) == script(plan_of(teams(team_a={HOST: way})).hosts)


# The filter: what is refused, and how


def refused(outcome: Outcome, status: int, reason: str) -> None:
    assert (outcome.ended, outcome.status) == ("responded", status)
    assert reason in outcome.reason
    assert len(outcome.log) == 1
    assert "refused; host=api.example.com" in outcome.log[0]
    assert "from=spiffe://cluster.local/ns/team-a/sa/app" in outcome.log[0]
    assert SECRET not in outcome.reason + outcome.log[0]


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


# What a rule says is data, never program


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


# Refusals

REFUSED_RULES = [
    ("nothing at all", {}, "text or a pattern", "not both"),
    ("two things", {"text": "a", "pattern": "b"}, "text or a pattern", "not both"),
    ("an empty text", "", "every body", "must not leave"),
    ("a line end in a text", "a\nb", "more than one way", "before or behind"),
    ("a text too long", "x" * 201, "more than 200", "telling part"),
    ("an empty pattern", {"pattern": ""}, "every body", "at least one"),
    ("a pattern that matches all", {"pattern": "a?b{0,3}"}, "every body", "at least one"),
    ("without bound *", {"pattern": "a.*b"}, "without bound", "how often"),
    ("without bound +", {"pattern": "[0-9]+"}, "without bound", "how often"),
    ("without bound {n,}", {"pattern": "a{3,}"}, "without bound", "how often"),
    ("a lazy repetition", {"pattern": "a??"}, "stands behind another", "one of the two"),
    ("a group", {"pattern": "(ab)"}, "Groups", "rule for each"),
    ("alternatives", {"pattern": "a|b"}, "alternatives", "rule for each"),
    ("an anchor", {"pattern": "^a"}, "no line or end", "Leave it out"),
    ("an unknown escape", {"pattern": r"\bword"}, "not part of this language", "Known are"),
    ("an open set", {"pattern": "[a-z"}, "in the middle", "Close"),
    ("a backslash at the end", {"pattern": "a\\"}, "in the middle", "backslash"),
    ("a range backwards", {"pattern": "[z-a]"}, "later one", "[a-z]"),
    ("a set of nothing", {"pattern": r"[^\d\D]"}, "nothing would match", "Leave something"),
    ("a class of POSIX", {"pattern": "[[:alpha:]]"}, "different things", "\\["),
    ("a count of nothing", {"pattern": "a{x}"}, "no number of times", "{4}"),
    ("a count backwards", {"pattern": "a{3,2}"}, "no number of times", "{4}"),
    ("too long a match", {"pattern": "a{65}"}, "65 comparisons", "fewer characters"),
    ("too much that may be absent", {"pattern": "ba{0,9}a"}, "comparisons", "differ from what follows"),
    ("no ASCII in a pattern", {"pattern": "[äö]"}, "ASCII", "text:"),
]


@pytest.mark.parametrize(
    ("rule", "consequence", "fix"), [row[1:] for row in REFUSED_RULES], ids=[row[0] for row in REFUSED_RULES]
)
def test_a_rule_is_refused(rule: Any, consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as error:
        inspected(refuse={"a-rule": rule})
    (problem,) = error.value.problems
    assert problem.path.startswith(
        f'gke-mesh-egress:teams.team-a.egress["{HOST}"].http.inspect.refuse.a-rule'
    )
    assert consequence in problem.consequence
    assert fix in problem.fix


REFUSED = [
    ("no rule", {"refuse": {}}, "for nothing", "leave inspect out"),
    ("a name with a blank", {"refuse": {"My rule": "x"}}, "told", "another name"),
    ("a mode that is none", {"mode": "off"}, "not one of the choices", "enforce"),
    ("no byte", {"maxBytes": 0}, "at least 1", "at least 1"),
    ("more than the gateway holds", {"maxBytes": 1048577}, "at most 1048576", "at most"),
]


@pytest.mark.parametrize(
    ("changes", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_an_inspection_is_refused(changes: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as error:
        inspected(**changes)
    (problem,) = error.value.problems
    assert consequence in problem.consequence
    assert fix in problem.fix


def problem_of(config: dict[str, Any]) -> Any:
    with pytest.raises(ConfigError) as error:
        plan_of(config)
    (problem,) = error.value.problems
    return problem


INSPECT = {"refuse": RULES}


@pytest.mark.parametrize("other", ["team-a", "team-b"])
def test_passthrough_beside_it_would_be_a_way_round(other: str) -> None:
    if other == "team-a":
        hosts = teams(team_a={HOST: {"http": {"inspect": INSPECT}, "https": "passthrough"}})
    else:
        hosts = teams(team_a={HOST: {"http": {"inspect": INSPECT}}}, team_b={HOST: {"https": "passthrough"}})
    problem = problem_of(hosts)
    assert problem.path == f'gke-mesh-egress:teams.{other}.egress["{HOST}"].https'
    assert "never opened" in problem.consequence
    assert "teams.team-a." in problem.consequence


@pytest.mark.parametrize("way", ["https", "tcp"])
def test_there_is_no_inspection_of_what_is_not_http(way: str) -> None:
    with pytest.raises(ConfigError):
        plan_of(teams(team_a={HOST: {way: {"inspect": INSPECT}}}))


@pytest.mark.parametrize(
    "inspect", [None, {"refuse": RULES, "mode": "report"}, {"refuse": {"sensitive-data": SECRET}}]
)
def test_two_teams_that_disagree_are_both_named(inspect: dict[str, Any] | None) -> None:
    other = {"inspect": inspect} if inspect else {}
    problem = problem_of(teams(team_a={HOST: {"http": {"inspect": INSPECT}}}, team_b={HOST: {"http": other}}))
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["{HOST}"].http.inspect'
    assert "teams.team-a." in problem.consequence
    assert "<" not in str(problem)


@pytest.mark.parametrize("field", ["split", "mirror"])
def test_requests_to_another_host_cannot_arrive_at_an_inspected_one_unread(field: str) -> None:
    value: Any = {HOST: 10} if field == "split" else {"host": HOST}
    target = {"http": {"inspect": INSPECT}}
    problem = problem_of(teams(team_a={"first.example": {"http": {field: value}}, HOST: target}))
    assert problem.path.endswith(f'["first.example"].http.{field}')
    assert "uninspected" in problem.consequence
    plan_of(teams(team_a={"first.example": {"http": {field: value, "inspect": INSPECT}}, HOST: target}))


def test_grpc_streams_cannot_be_held_back_but_can_be_reported_on() -> None:
    way = {"upgrade": "tls", "protocol": "grpc"}
    problem = problem_of(teams(team_a={HOST: {"http": way | {"inspect": INSPECT}}}))
    assert problem.path.endswith(".http.inspect")
    assert "before it ends" in problem.consequence
    plan_of(teams(team_a={HOST: {"http": way | {"inspect": INSPECT | {"mode": "report"}}}}))


def test_more_rules_than_one_object_holds_are_refused_before_the_api_server_does() -> None:
    many = {f"r{number}": {"pattern": "[acegikmoqsuwy]{64}"} for number in range(80)}
    problem = problem_of(teams(team_a={HOST: {"http": {"inspect": {"refuse": many}}}}))
    assert problem.path.endswith(".http.inspect.refuse")
    assert str(LONGEST_SCRIPT) in problem.consequence


def test_the_managed_mesh_cannot_read_requests() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {HOST: {"http": {"inspect": INSPECT}}}}}
    problem = problem_of(config)
    assert problem.path.endswith(".http.inspect")
    assert "TrafficExtension" in problem.consequence


# Ways to write it


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


@settings(max_examples=1200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    secret=st.sampled_from(SECRETS),
    seed=st.integers(0, 2**32),
    before=st.sampled_from(["", '{"a": "', "<a>", "x=1&y="]),
)
def test_nothing_gets_past_by_any_composition_of_encodings(secret: str, seed: int, before: str) -> None:
    """What a receiver undoes, and in whatever order it was done, is undone here too, or refused: nothing is
    passed."""
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

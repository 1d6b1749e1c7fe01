"""What a team may not say about a host: which way out, with which methods, paths, headers and times."""

from __future__ import annotations

from typing import Any

from tests.settings.refused import HOSTS, Row, check_refused, each, problems_of
from tests.support import teams

REFUSED: list[Row] = [
    ("no way at all", f"{HOSTS}/example.org", {}, "nothing would be allowed", "passthrough"),
    (
        "a path on passthrough",
        f"{HOSTS}/example.org",
        {"https": {"paths": ["/x"]}},
        "never opened",
        "upgrade: tls",
    ),
    (
        "a method on passthrough",
        f"{HOSTS}/example.org",
        {"https": {"methods": ["GET"]}},
        "never opened",
        "upgrade: tls",
    ),
    ("an unknown way", f"{HOSTS}/example.org", {"https": "terminate"}, "passthrough", "https: passthrough"),
    (
        "an unknown upgrade",
        f"{HOSTS}/example.org",
        {"http": {"upgrade": "ssl"}},
        "not one of the choices",
        "tls",
    ),
    (
        "a path without a slash",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["ok"]}},
        "starts with a slash",
        "/ok",
    ),
    (
        "a path with a star inside",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/*/b"]}},
        "that ends in one `*`",
        "/ok/*",
    ),
    (
        "a path that is normalised away",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/../b"]}},
        "normalises",
        "without",
    ),
    (
        "a path that is written in escapes",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/%61dmin"]}},
        "decodes",
        "Write a",
    ),
    (
        "a path beyond ASCII",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/grün/*"]}},
        "no path can contain",
        "/ok/*",
    ),
    (
        "a path with dots and parameters",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/..;/{*}"]}},
        "normalises",
        "without",
    ),
    ("a path with a query", f"{HOSTS}/example.org", {"http": {"paths": ["/a?b=c"]}}, "query", "/status/418"),
    (
        "a method in lower case",
        f"{HOSTS}/example.org",
        {"http": {"methods": ["get"]}},
        "letter by letter",
        "GET",
    ),
    ("an unknown method", f"{HOSTS}/example.org", {"http": {"methods": ["FETCH"]}}, "never sent", "GET"),
    ("a tunnel", f"{HOSTS}/example.org", {"http": {"methods": ["CONNECT"]}}, "tunnel", "passthrough"),
    (
        "an empty list of paths",
        f"{HOSTS}/example.org",
        {"http": {"paths": []}},
        "allow nothing",
        "Leave the field out",
    ),
    (
        "an empty header value",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"cookie": [""]}}},
        "empty header",
        "`*`",
    ),
    (
        "a header value with two stars",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["*shop*"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value with a star inside",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["a*b"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value of stars",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["**"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value in spaces",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": [" shop"]}}},
        "never match",
        "arrives",
    ),
    (
        "a path that is decoded",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/%61"]}},
        "decodes %61",
        "Write a instead",
    ),
    (
        "a path with an encoded slash",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a%2Fb"]}},
        "decodes %2F",
        "Write / instead, or encodedSlashes: keep",
    ),
    (
        "a path with an encoded slash in a rule with a name",
        f"{HOSTS}/example.org",
        {"http": {"allow": {"one": {"paths": ["/a", "/a%2fb/*"]}}}},
        "decodes %2f",
        "Write / instead, or encodedSlashes: keep",
    ),
    (
        "a path in Unicode",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/ü"]}},
        "written as %XX",
        "/status/418",
    ),
    (
        "one segment behind any number",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/{**}/{*}"]}},
        "after those",
        "/status/418",
    ),
    (
        "a time below a millisecond",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "0.5ms"}}},
        "milliseconds",
        "5s",
    ),
    (
        "a time past any end",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "99999999h"}}},
        "longer than a year",
        "less",
    ),
    (
        "a time in other digits",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "٣s"}}},
        "not a length of time",
        "5s",
    ),
    (
        "a silence that TCP cannot wait for",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"keepalive": "500ms"}}},
        "whole seconds",
        "60s",
    ),
    (
        "more connections than a number holds",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"limits": {"connections": 9999999999999}}}},
        "out of range",
        "at most",
    ),
    (
        "a description with a bell",
        f"{HOSTS}/example.org",
        {"http": {"description": "\x07"}},
        "control character",
        "plain text",
    ),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_two_teams_that_disagree_about_the_upgrade_are_both_named() -> None:
    config = teams(team_a={"example.com": {"http": {"upgrade": "tls"}}}, team_b={"example.com": {"http": {}}})
    (problem,) = problems_of(config)
    assert problem.path == 'gke-mesh-egress:teams.team-b.egress["example.com"].http.upgrade'
    assert "teams.team-a" in problem.consequence

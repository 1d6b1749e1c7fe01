"""Questions to `explain`: what it answers and advises."""

from __future__ import annotations

import contextlib
from typing import Any

import yaml
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from egress.answers.asked import NoFlow, flow_of
from egress.judge.model.flow import Vantage
from tests.answers import test_hints
from tests.fuzz.commands import command, folder
from tests.random_configs import OF_HTTP, OF_TCP, OF_TLS
from tests.support import plan_of

_TRICKS = st.sampled_from(
    [
        *(
            "https://[::1",
            "https://[zz]/",
            "https://x[/red]y",
            "tcp://1.2:53",
            "https://2130706433",
            "https://1.2.3.4.5",
            "http://",
        ),
        *(
            "//",
            "?",
            "udp://:53",
            "http://example.com:0/",
            "http://example.com:99999",
            "https://bücher.example",
            "https://a..b",
        ),
        *(
            "ftp://example.com",
            "https://.",
            "http://user:secret@example.com/",
            "http://example.com/%zz",
            "http://example.com/\x00",
        ),
        "tcp://[fe80::1%25eth0]:22",
    ]
)
_HOSTS = st.sampled_from(
    [
        *OF_HTTP,
        *OF_TLS,
        *OF_TCP,
        "new.example",
        "test.a",
        "storage.googleapis.com",
        "metadata.google.internal",
    ]
)
_URLS = st.tuples(
    st.sampled_from(["http", "https", "tcp", "udp", "HTTP", ""]),
    _HOSTS | st.text(max_size=12),
    st.sampled_from(["", ":80", ":443", ":3306", ":5432", ":8443", ":x"]),
    st.sampled_from(
        ["", "/", "/ok/x", "/ok/../x", "//ok/x", "/ok%2Fx", "/v1/a/orders/b", "/status/418", "?q"]
    )
    | st.text(max_size=8),
).map(lambda part: f"{part[0]}://{part[1]}{part[2]}{part[3]}")


def questions(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "config": of,
            "url": _URLS | _TRICKS,
            "method": st.sampled_from(["GET", "POST", "DELETE", "get", "PROPFIND", ""]),
            "headers": st.sampled_from(
                [[], ["x-tenant: shop"], ["x-tenant: b", "x-tenant: shop-1"], ["Host: evil.example"], ["x"]]
            ),
            "account": st.sampled_from(["default", "app", "report"]),
            "way": st.sampled_from([vantage.value for vantage in Vantage]),
        }
    )


def check_question(asked: Any) -> None:
    """Asks the command, whatever the question is; if it is a flow, checks the advice by following it."""
    team = sorted(asked["config"]["gke-mesh-egress:teams"])[0]
    headers = [word for header in asked["headers"] for word in ("-H", header)]
    options = ["-X", asked["method"], "-a", asked["account"], "--as", asked["way"], *headers]
    with folder(**{"Pulumi.fuzz.yaml": yaml.safe_dump({"config": asked["config"]}, allow_unicode=True)}):
        code, said = command("explain", "--stack", "fuzz", *options, "--", team, asked["url"])
        assert code == 2 or "allowed" in said or "denied" in said
    if code == 2:
        event("no flow")
        return
    plan = plan_of(asked["config"])
    lines = tuple(
        (name.strip(), value.strip())
        for name, _, value in (header.partition(":") for header in asked["headers"])
    )
    try:
        flow = flow_of(
            team,
            asked["url"],
            method=asked["method"],
            headers=lines,
            account=asked["account"],
            vantage=Vantage(asked["way"]),
        )
    except NoFlow:
        return
    with contextlib.suppress(UnsatisfiedAssumption):  # there is no hint
        test_hints.advice_is_true(plan, flow)

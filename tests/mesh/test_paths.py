"""Paths, headers, methods and Host as two proxies of a whole mesh read them before they ask a rule."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from egress.answers.asked import NoFlow, flow_of
from egress.answers.explain import traced
from egress.common.normal_form import Normalization, normal
from egress.judge.model.flow import Layer
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.mesh import evidence
from tests.mesh.client import APP_UID, curl, exchange, request_to_gateway
from tests.mesh.evidence import Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.random_paths import paths
from tests.mesh.verdicts import SAYS
from tests.support import plan_of, teams

_SECONDS = 5.0


HOST = "api.example.net"
PLAN = plan_of(
    teams(
        shop={
            HOST: {
                "http": {
                    "allow": {
                        "files": {
                            "paths": ["/ok/*", "/exact", "/items/{*}/lines", "/deep/{**}/end"],
                            "methods": ["GET"],
                        },
                        "tenants": {"headers": {"x-t": ["abc", "shop-*"]}, "paths": ["/h/*"]},
                    }
                }
            },
            "other.example.net": {"http": {"paths": ["/only"]}},
            "tls.example.net": {"https": "passthrough"},
            "xn--bcher-kva.example": {"https": "passthrough"},
            "db.example.net": {
                "tcp": {"port": 5432, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}
            },
            "dbs.example.net": {
                "tcp": {"port": 8443, "outsidePort": 443, "byName": True, "serviceAccounts": ["default"]}
            },
            "fixed.example.net": {
                "tcp": {
                    "port": 5433,
                    "outsidePort": 80,
                    "addresses": ["203.0.113.60"],
                    "serviceAccounts": ["default"],
                }
            },
        },
    )
)
POD = "test-shop"


@pytest.fixture(scope="module")
def two(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as running:
        yield running


@pytest.fixture(scope="module")
def judges() -> Judges:
    return Judges(deployment(PLAN, render(PLAN)))


def test_every_path_is_judged_as_it_is_let_through_and_arrives_in_its_normal_form(
    two: Mesh, judges: Judges
) -> None:
    wrong: list[str] = []
    arrived = two.sites[HOST].arrived
    prefixes = ("", "/ok", "/ok/x", "/exact", "/items/a", "/deep/a")
    passed = 0
    for at, tail in enumerate(paths(600, seed=7)):
        path = prefixes[at % len(prefixes)] + tail
        if any(not " " < character < "\x7f" for character in path) or "#" in path:
            continue  # what clients do not send; Envoy alone was asked for it
        flow = flow_of("shop", f"http://{HOST}{path}")
        judged = judges.trace(flow).allowed
        before = len(arrived)
        answer = exchange(lambda: _connected(two), flow.request)
        seen = [one.path for one in arrived[before:] if one.method]
        twice = normal(path, Normalization.DECODE_AND_MERGE_SLASHES)
        twice = twice and normal(twice, Normalization.DECODE_AND_MERGE_SLASHES)
        passed += judged
        if judged != bool(seen) or (seen and seen != [twice]) or judged != Intent(PLAN).allows(flow):
            wrong.append(f"{path!r}: judged {judged}, seen {answer.status} {seen}, normal form {twice!r}")
    assert not wrong, "\n".join(wrong[:20])
    assert passed > 30


def test_what_one_proxy_alone_leaves_of_escaped_dots_is_refused(two: Mesh) -> None:
    """A process that goes past its sidecar with its own certificate passes one proxy, not two: the path is
    `/ok/..;/admin` there, and Tomcat reads `/admin`."""
    before = len(two.sites[HOST].arrived)
    answer = request_to_gateway(two, "cheat-shop", two.proxies[POD].identity, HOST, "/ok/%2e%2e;/admin")
    assert (answer.status, [one.path for one in two.sites[HOST].arrived[before:] if one.method]) == (403, [])


def _connected(mesh: Mesh) -> socket.socket:
    address = mesh.address_of(HOST)
    return mesh.namespaces[POD].inside(lambda: socket.create_connection((address, 80), _SECONDS))


ASKED = (
    ("http://api.example.net/ok/../admin",),
    ("http://api.example.net/ok/%2e%2e/admin",),
    ("http://api.example.net/ok/..;/admin",),
    ("http://api.example.net/ok/%2e%2e;/admin",),
    ("http://api.example.net//ok/x",),
    ("http://api.example.net/ok%2Fx",),
    ("http://api.example.net/ok/x?a=/../b",),
    ("http://api.example.net/h/x",),
    ("http://api.example.net/h/x", "-H", "x-t: abc"),
    ("http://api.example.net/h/x", "-H", "x-t: b", "-H", "x-t: abc"),
    ("http://api.example.net/h/x", "-H", "x-t: b", "-H", "x-t: c"),
    ("http://api.example.net/h/x", "-H", "X-T: shop-1"),
    ("http://api.example.net/exact", "-X", "get"),
    ("http://api.example.net/h/x", "-H", "x-t: abc", "-X", "get"),
    ("http://api.example.net/h/x", "-H", "x-t: abc", "-X", "PATCH"),
    ("http://api.example.net/exact", "-X", "POST"),
    ("http://api.example.net/exact", "-H", "Host: other.example.net"),
    ("http://api.example.net/only", "-H", "Host: other.example.net"),
    ("http://api.example.net/only", "-H", "Host: OTHER.example.net:80"),
    ("http://api.example.net/only", "-H", "Host: other.example.net:81"),
    ("http://api.example.net/only", "-H", "Host: other.example.net."),
    ("http://api.example.net/exact", "-H", "Host: evil.example"),
    ("http://api.example.net./exact",),
    ("https://tls.example.net/",),
    ("https://tls.example.net./",),
    ("https://xn--bcher-kva.example/",),
    ("http://tls.example.net/",),
    ("https://api.example.net/",),
    ("http://tls.example.net:443/",),
    ("https://api.example.net:80/",),
    ("http://db.example.net:5432/",),
    ("https://dbs.example.net:8443/",),
    ("http://dbs.example.net:5432/",),
    ("http://fixed.example.net:5433/", "-H", "Host: api.example.net"),
    ("http://203.0.113.60:5433/",),
    ("http://api.example.net:8080/exact",),
    ("http://3405803836:5433/",),
    ("http://0xcb00713c:5433/",),
    ("http://203.0.29500:5433/",),
    ("https://1.2/",),
)
"""A URL, and further options for curl."""


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_what_curl_asks_is_answered_as_explain_says(
    two: Mesh, judges: Judges, words: tuple[str, ...]
) -> None:
    url, *options = words
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = [
        (name, value) for flag, line in pairs if flag == "-H" for name, _, value in [line.partition(":")]
    ]
    method = next((value for flag, value in pairs if flag == "-X"), "GET")
    trace = traced(judges, flow_of("shop", url, method=method, headers=headers), None)
    watch = Watch(two, POD)
    answer = curl(two, POD, "-k", "--path-as-is", *options, url, uid=APP_UID)
    seen = watch.evidence()
    by = seen.stopped_by()
    says = "" if by is evidence.Layer.NOBODY else {**SAYS, evidence.Layer.DNS: Layer.DNS}[by].value
    assert ("" if trace.allowed else trace.decision.layer.value) == says, (answer, trace.decision)


@pytest.mark.parametrize(
    "url", ["http://1.2.3.4.5/", "http://a..b/", "http://[zz]/", "http://x[/red]y", "http://a b/"]
)
def test_what_is_refused_as_no_flow_curl_does_not_send_either(two: Mesh, url: str) -> None:
    with pytest.raises(NoFlow):
        flow_of("shop", url)
    watch = Watch(two, POD)
    assert curl(two, POD, url).status is None
    assert not watch.evidence().arrived

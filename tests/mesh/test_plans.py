"""Another plan than the dev stack's: long names, no test application, plain HTTP that stays plain."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.mesh.client import curl
from tests.mesh.cluster import interface_name
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh, websites_of
from tests.mesh.programs import Programs
from tests.mesh.websites import Arrival
from tests.support import plan_of, teams

LONG, OTHER = "a-team-with-quite-a-long-name-0123456789", "b"
PLAN = plan_of(
    teams(
        **{
            LONG: {
                "api.example.net": {"http": {"upgrade": "none", "methods": ["GET"]}, "https": "passthrough"}
            },
            OTHER: {
                "api.example.net": {"https": "passthrough"},
                "plain.example.net": {"http": {"upgrade": "none"}},
                "retried.example.net": {
                    "http": {"traffic": {"timeout": "1s", "retries": {"attempts": 2, "retryOn": ["5xx"]}}}
                },
                "mirrored.example.net": {"http": {"mirror": {"host": "plain.example.net"}}},
                "copied.example.net": {
                    "http": {
                        "upgrade": "tls",
                        "traffic": {"timeout": "5s"},
                        "mirror": {"host": "sealed.example.net"},
                    }
                },
                "sealed.example.net": {"http": {"upgrade": "tls"}},
                "fronted.example.net": {
                    "http": {
                        "upgrade": "tls",
                        "sni": "edge.example.org",
                        "subjectAltNames": ["other.example.org", "edge.example.org"],
                    }
                },
                "misnamed.example.net": {"http": {"upgrade": "tls", "subjectAltNames": ["edge.example.org"]}},
                "account.example.net": {"https": "passthrough", "serviceAccounts": ["somebody-else"]},
            },
        }
    )
)


@pytest.fixture(scope="module")
def other(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found, certified={"fronted.example.net": ["edge.example.org"]}) as running:
        yield running


@pytest.mark.parametrize(
    ("team", "words", "expected", "layer"),
    [
        (LONG, ["http://api.example.net/"], "200", Layer.NOBODY),
        (LONG, ["-X", "DELETE", "http://api.example.net/"], "403", Layer.AUTHORIZATION),
        (LONG, ["https://api.example.net/"], "200", Layer.NOBODY),
        (LONG, ["http://plain.example.net/"], "502", Layer.SIDECAR),
        (OTHER, ["http://plain.example.net/"], "200", Layer.NOBODY),
        (OTHER, ["http://api.example.net/"], "403", Layer.AUTHORIZATION),
        (OTHER, ["https://api.example.net/"], "200", Layer.NOBODY),
        (OTHER, ["https://plain.example.net/"], "refused", Layer.SIDECAR),
        (OTHER, ["http://example.com/"], "refused", Layer.DNS),
        (OTHER, ["https://account.example.net/"], "refused", Layer.AUTHORIZATION),
    ],
)
def test_each_team_gets_what_it_declared(
    other: Mesh, team: str, words: list[str], expected: str, layer: Layer
) -> None:
    pod = interface_name(f"test-{team}")
    watch = Watch(other, pod)
    answer = curl(other, pod, *words)
    evidence = watch.evidence()
    assert (answer.word, evidence.stopped_by()) == (expected, layer), evidence
    assert len(evidence.requests) == (1 if layer is Layer.NOBODY else 0)


def test_every_host_of_a_plan_has_a_site_of_its_own() -> None:
    sites = websites_of(PLAN)
    assert {"api.example.net", "plain.example.net", "example.com"} <= sites.keys()
    assert len(set(sites.values())) == len(sites)


def _requests(mesh: Mesh, *words: str, expected: int) -> list[Arrival]:
    """What arrives at sites when the second team asks."""
    pod = interface_name(f"test-{OTHER}")
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    assert answer.status == expected, answer
    time.sleep(0.3)  # a mirrored copy is sent beside the answer
    return watch.evidence().requests


def _told(requests: list[Arrival]) -> set[str]:
    """Names of headers beside those that the application sent."""
    return {name.lower() for request in requests for name, _ in request.headers} - {
        "host",
        "user-agent",
        "accept",
    }


def test_a_host_behind_somebody_elses_name_is_asked_for_and_checked_by_it(other: Mesh) -> None:
    [request] = _requests(other, "http://fronted.example.net/", expected=200)
    assert (request.sni, request.header("host")) == ("edge.example.org", "fronted.example.net")


def test_a_certificate_for_the_hosts_own_name_is_not_enough_where_another_is_asked_for(other: Mesh) -> None:
    assert _requests(other, "http://misnamed.example.net/", expected=503) == []


def test_a_websocket_gets_through(other: Mesh) -> None:
    key = ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Version: 13"]
    [request] = _requests(
        other,
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        *key,
        "http://plain.example.net/",
        expected=101,
    )
    assert request.header("upgrade") == "websocket"


def test_retries_are_as_many_as_declared_and_on_one_leg(other: Mesh) -> None:
    assert len(_requests(other, "http://retried.example.net/status/503", expected=503)) == 3
    assert len(_requests(other, "-X", "POST", "http://retried.example.net/status/503", expected=503)) == 1
    assert len(_requests(other, "http://plain.example.net/status/503", expected=503)) == 1


def test_a_timeout_and_retries_tell_nothing(other: Mesh) -> None:
    assert _told(_requests(other, "http://retried.example.net/status/503", expected=503)) == set()


def test_a_mirrored_request_arrives_at_both_hosts(other: Mesh) -> None:
    requests = _requests(other, "http://mirrored.example.net/", expected=200)
    assert {request.site for request in requests} == {"mirrored.example.net", "plain.example.net"}


def test_a_mirrored_request_tells_nothing(other: Mesh) -> None:
    assert _told(_requests(other, "http://mirrored.example.net/", expected=200)) == set()


def test_a_mirrored_request_names_the_host_that_it_goes_to(other: Mesh) -> None:
    requests = _requests(other, "http://mirrored.example.net/", expected=200)
    assert {request.header("host") == request.site for request in requests} == {True}


@pytest.mark.parametrize("words", [[], ["-H", "X-Forwarded-For: 10.1.2.3", "-H", "X-Envoy-Internal: true"]])
def test_a_copy_that_leaves_as_tls_says_what_the_application_said_and_no_more(
    other: Mesh, words: list[str]
) -> None:
    requests = _requests(
        other, *words, "-X", "POST", "http://copied.example.net/anything?of=it", expected=200
    )
    assert {(request.site, request.port, request.method) for request in requests} == {
        ("copied.example.net", 443, "POST"),
        ("sealed.example.net", 443, "POST"),
    }
    assert {request.header("host") == request.site for request in requests} == {True}
    to_sealed = [request for request in requests if request.site == "sealed.example.net"]
    assert _told(to_sealed) - {"content-length"} == set()


def test_a_host_that_gets_copies_is_asked_directly_as_before(other: Mesh) -> None:
    [request] = _requests(other, "http://sealed.example.net/", expected=200)
    assert (request.site, request.header("host"), _told([request])) == (
        "sealed.example.net",
        "sealed.example.net",
        set(),
    )

"""URLs, headers and names as flows: read as curl and the proxies read them, or refused in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.answers.asked import NoFlow, flow_of
from egress.common.normal_form import Normalization, normal
from egress.judge.model.flow import Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import dev_config, plan_of

SHOUTED = Normalization.DECODE_AND_MERGE_SLASHES


@pytest.fixture(scope="module")
def judges() -> Judges:
    plan = plan_of(dev_config())
    return Judges(deployment(plan, render(plan)))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://[::1", "is no URL"),
        ("https://[zz]/", "is no URL"),
        ("https://x[/red]y", "is no URL"),
        ("x[/red]y", "is no URL"),
        ("http://example.com:0/", "no number from 1 to 65535"),
        ("http://example.com:65536/", "no number from 1 to 65535"),
        ("http://example.com:x/", "no number from 1 to 65535"),
        ("https://1.2.3.4.5", "reads as an address and is none"),
        ("https://256.1.1.1", "reads as an address and is none"),
        ("https://08.1.1.1", "reads as an address and is none"),
        ("https://4294967296", "reads as an address and is none"),
        ("https://2130706433", "is the pod itself"),
        ("https://127.1", "is the pod itself"),
        ("https://[::ffff:127.0.0.1]/", "is the pod itself"),
        ("http://localhost:8080", "is the pod itself"),
        ("https://*.example.org", "below the pattern"),
        ("https://a..b", "is no name"),
        ("https://-a.example", "is no name"),
        (f"https://{'a' * 64}.example", "is no name"),
        (f"https://{'.'.join(['a' * 60] * 5)}", "253"),
        ("http://example.com/a b", "%20"),
        ("http://example.com/a\tb", "%20"),
    ],
)
def test_what_no_client_could_ask_for_is_refused_in_a_sentence(url: str, words: str) -> None:
    with pytest.raises(NoFlow, match=words):
        flow_of("team-x", url)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tcp://1.2:53", "1.0.0.2"),
        ("tcp://134744072:53", "8.8.8.8"),
        ("tcp://0x8.010.2056:53", "8.8.8.8"),
        ("tcp://[2001:DB8::1]:53", "2001:db8::1"),
        ("tcp://[::ffff:8.8.8.8]:53", "8.8.8.8"),
    ],
)
def test_an_address_is_known_in_each_of_its_spellings(url: str, address: str) -> None:
    flow = flow_of("team-x", url)
    assert (flow.host, flow.address) == (address, address)


@pytest.mark.parametrize("way", Vantage)
@pytest.mark.parametrize(
    "url",
    ["tcp://1.2:53", "https://16909060", "https://[2001:db8::1]/", "udp://[2001:db8::1]:53", "http://0x1.2"],
)
def test_no_way_stumbles_over_an_address(judges: Judges, way: Vantage, url: str) -> None:
    """Each of these ended in a traceback, or would if addresses were told by their characters."""
    assert not judges.trace(flow_of("team-x", url, vantage=way)).allowed


def test_names_beyond_ascii_are_asked_for_by_their_ascii_form() -> None:
    assert flow_of("team-x", "https://bücher.example").host == "xn--bcher-kva.example"
    # What browsers and curl write today; the older rules lead to fass.example, which is somebody else's.
    assert flow_of("team-x", "https://faß.example").host == "xn--fa-hia.example"


def test_a_trailing_dot_is_no_part_of_a_server_name_and_stays_in_the_host_header() -> None:
    assert flow_of("team-x", "https://example.com.").host == "example.com"
    plain = flow_of("team-x", "http://example.com./")
    assert (plain.host, plain.request.host) == ("example.com", "example.com.")


def test_methods_headers_and_host_are_as_sent() -> None:
    headers = [("X-T", "b"), ("x-t", " abc "), ("Host", "evil.example")]
    flow = flow_of("team-x", "http://example.com/a?b=c#d", method="get", headers=headers)
    assert (flow.method, flow.path, flow.request.host) == ("get", "/a?b=c", "evil.example")
    assert flow.request.values("x-t") == ("b", "abc")
    for two in ([("host", "a"), ("Host", "b")], [("Host", "")]):
        with pytest.raises(NoFlow, match="one Host header"):
            flow_of("team-x", "http://example.com/", headers=two)
    with pytest.raises(NoFlow, match="is no method"):
        flow_of("team-x", "http://example.com/", method="GET /")


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("test.team-y", "test.team-y.svc.cluster.local"),
        ("test.team-y.svc", "test.team-y.svc.cluster.local"),
        ("test.team-y.svc.cluster.local", "test.team-y.svc.cluster.local"),
        ("test", "test.team-x.svc.cluster.local"),
    ],
)
def test_names_of_services_are_resolved_as_a_pod_does(judges: Judges, name: str, service: str) -> None:
    flow = judges.resolved(flow_of("team-x", f"http://{name}"))
    assert flow.host == service
    assert judges.trace(flow).allowed
    past = judges.resolved(flow_of("team-x", f"http://{name}", vantage=Vantage.POD_WITHOUT_SIDECAR))
    assert past.to
    assert past.to.namespace == service.split(".")[1]


def test_a_service_that_the_team_wrote_itself_is_its_pods(judges: Judges) -> None:
    flow = judges.resolved(flow_of("team-x", "http://api.team-y:8080"))
    assert flow.to
    assert flow.to.namespace == "team-y"
    assert judges.trace(flow).allowed
    assert not judges.trace(judges.resolved(flow_of("team-y", "http://api.team-x:8080"))).allowed


@pytest.mark.parametrize("name", ["example.com", "a.b.team-y", "team-y", "test.team-y.", "bücher.example"])
def test_other_names_stay_what_they_are(judges: Judges, name: str) -> None:
    """Services are one label before their namespace, an ending dot asks for exactly this name."""
    flow = flow_of("team-x", f"http://{name}")
    found = judges.resolved(flow)
    assert found.host == flow.host or name == "team-y"
    assert found.to is None or name == "team-y"


@pytest.mark.parametrize("written", ["/a?", "/a/?", "/?", "/a?#b", "/a??", "/a?b"])
def test_a_question_mark_with_nothing_behind_it_is_sent_as_curl_sends_it(written: str) -> None:
    assert flow_of("team-x", f"http://example.com{written}").path == written.partition("#")[0]


def test_a_question_mark_in_a_fragment_is_not_sent() -> None:
    assert flow_of("team-x", "http://example.com/a#b?c").path == "/a"


@given(st.text(st.sampled_from('/.;%2eEfF5cC\\a"{?03'), max_size=12).map(lambda text: f"/{text}"))
def test_the_normal_form_says_the_same_a_third_time(path: str) -> None:
    """So two proxies are enough to know what arrives, whatever stands behind them."""
    once = normal(path, SHOUTED)
    twice = once and normal(once, SHOUTED)
    assert twice is None or normal(twice, SHOUTED) == twice


def test_tls_keeps_what_was_asked_though_nobody_sees_it() -> None:
    flow = flow_of("team-x", "https://example.com/secret")
    assert (flow.protocol, flow.path) == (Protocol.TLS, "/secret")

"""Body inspection on real proxies: the article's six tests of an egress gateway in its own order and words,
and ways round it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mesh.client import Answer, curl
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import ROOT, plan_of

SHOP, STOCK, CHEAT = "test-shop", "test-stock", "cheat-shop"
READ, REPORTED, UNREAD = "api.partner.example", "reports.partner.example", "files.partner.example"
LARGE = "uploads.partner.example"
UNDECLARED = "other.example"
SECRET = "sensitiveData=1234"


def config() -> dict[str, Any]:
    """The example, with a team that may only GET from its host, and a host that nobody inspects."""
    given = yaml.safe_load((ROOT / "examples/modes/Pulumi.inspection.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    teams = given["gke-mesh-egress:teams"]
    hosts = teams["shop"]["egress"]
    teams["stock"] = {"egress": {READ: {"http": {**hosts[READ]["http"], "methods": ["GET"]}}}}
    hosts[LARGE] = {"http": {"upgrade": "tls", "inspect": {"refuse": {"sensitive-data": "sensitiveData"}}}}
    hosts[UNREAD] = {"http": {"upgrade": "tls"}}
    return given


@pytest.fixture(scope="module")
def inspected(found: Programs) -> Iterator[Mesh]:
    with Mesh(plan_of(config()), found) as running:
        yield running


def ask(mesh: Mesh, *words: str, pod: str = SHOP) -> tuple[Answer, Evidence, str]:
    """A request: its answer, its traces, and what the filter wrote into the gateway's log."""
    gateway = mesh.proxies[mesh.gateway.key].process
    watch, position = Watch(mesh, pod), gateway.size()
    answer = curl(mesh, pod, *words)
    evidence = watch.evidence()
    said = [line for line in gateway.output(position).splitlines() if "egress inspection:" in line]
    return answer, evidence, "\n".join(said)


@pytest.fixture
def body(inspected: Mesh) -> Path:
    """A file for what is sent, where an application may read it."""
    return inspected.folder / "body"


def refused(asked: tuple[Answer, Evidence, str], status: int, reason: str) -> None:
    answer, evidence, said = asked
    assert (answer.status, evidence.stopped_by()) == (status, Layer.INSPECTION), (answer, evidence, said)
    assert reason in answer.body
    assert reason in said
    assert f"refused; host={READ} status={status}" in said
    assert "from=spiffe://cluster.local/ns/shop/sa/default" in said
    assert not evidence.arrived, "nothing reached the outside, not even a connection"


def passed(asked: tuple[Answer, Evidence, str], site: str) -> None:
    answer, evidence, said = asked
    assert (answer.status, [arrival.site for arrival in evidence.requests]) == (200, [site]), (
        answer,
        evidence,
        said,
    )


# The article's six tests


def test_1_verify_routing_with_curl(inspected: Mesh) -> None:
    """The request should succeed if the egress gateway is routing traffic correctly."""
    passed(ask(inspected, f"http://{READ}"), READ)
    (arrival, *_) = inspected.sites[READ].arrived
    assert arrival.source == inspected.gateway.address


def test_2_check_metrics(inspected: Mesh) -> None:
    """Metrics related to the egress gateway confirm that requests are being processed."""

    def counted() -> int:
        stats = inspected.proxies[inspected.gateway.key].admin("/clusters")
        lines = [
            line
            for line in stats.splitlines()
            if line.startswith(f"outbound|80||{READ}::") and "::rq_total::" in line
        ]
        return sum(int(line.rpartition("::")[2]) for line in lines)

    before = counted()
    passed(ask(inspected, f"http://{READ}"), READ)
    assert counted() == before + 1


def test_3_examine_logs(inspected: Mesh) -> None:
    """The gateway's logs contain entries for the requests that have passed through the gateway."""
    _, evidence, _ = ask(inspected, f"http://{READ}/seen")
    (line,) = evidence.gateway_log
    assert (line["method"], line["authority"], line["path"], line["response_code"]) == (
        "GET",
        READ,
        "/seen",
        200,
    )


def test_4_unauthorized_requests(inspected: Mesh) -> None:
    """Try to access an external service that's not declared. The request should be blocked."""
    answer, evidence, _ = ask(inspected, f"http://{UNDECLARED}")
    assert (answer.status, evidence.stopped_by()) == (None, Layer.DNS)
    assert not evidence.arrived


def test_5_network_policy(inspected: Mesh) -> None:
    """It should fail to reach the external service without going through the gateway."""
    answer, evidence, _ = ask(inspected, f"http://{READ}", pod=CHEAT)
    assert (answer.word, evidence.stopped_by()) == ("refused", Layer.NETWORK_POLICY)
    assert not evidence.arrived


def test_6_data_leakage_prevention(inspected: Mesh) -> None:
    """curl -X POST -d "sensitiveData=1234" http://example.com/resource is blocked: 400, and the reason."""
    asked = ask(inspected, "-X", "POST", "-d", SECRET, f"http://{READ}/resource")
    refused(asked, 400, "the body breaks the rule sensitive-data")
    assert "sensitiveData" not in asked[0].body + asked[2]
    passed(ask(inspected, "-X", "POST", "-d", "harmless=1234", f"http://{READ}/resource"), READ)


# Beyond the article: ways round it


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-X", "PUT", "-d", "card 4111 1111-1111 1111"], "the body breaks the rule card-number"),
        (["-X", "GET", "-d", SECRET], "the body breaks the rule sensitive-data"),
        (["-d", "sensitive%44ata=1"], "the body breaks the rule sensitive-data"),
        (["-d", '{"\\u0073ensitiveData": 1}'], "the body breaks the rule sensitive-data"),
        (["-d", "x=FOR+Internal+use+only"], "the body breaks the rule internal-note"),
        (["-H", "Transfer-Encoding: chunked", "-d", SECRET], "the body breaks the rule sensitive-data"),
        (["-G", "-d", SECRET], "the path or query breaks the rule sensitive-data"),
        (["-H", f"Host: {READ.upper()}:80", "-d", SECRET], "the body breaks the rule sensitive-data"),
    ],
)
def test_a_way_round_it_is_refused(inspected: Mesh, words: list[str], reason: str) -> None:
    refused(ask(inspected, *words, f"http://{READ}/resource"), 400, reason)


def test_a_large_body_is_read_to_its_end(inspected: Mesh, body: Path) -> None:
    body.write_bytes(b"x" * 262_000 + SECRET.encode())
    refused(ask(inspected, "--data-binary", f"@{body}", f"http://{READ}/"), 400, "sensitive-data")
    body.write_bytes(b"x" * 262_144)
    passed(ask(inspected, "--data-binary", f"@{body}", f"http://{READ}/"), READ)


@pytest.mark.parametrize("words", [[], ["-H", "Transfer-Encoding: chunked"], ["--http2-prior-knowledge"]])
def test_without_a_limit_a_mebibyte_is_read(inspected: Mesh, body: Path, words: list[str]) -> None:
    body.write_bytes(b"x" * (1024 * 1024 - len(SECRET)) + SECRET.encode())
    answer, evidence, said = ask(inspected, *words, "--data-binary", f"@{body}", f"http://{LARGE}/")
    assert (answer.status, evidence.arrived) == (400, [])
    assert "the body breaks the rule sensitive-data" in said


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_too_large_to_be_read_is_refused(inspected: Mesh, body: Path, announced: bool) -> None:
    body.write_bytes(b"x" * 300_000)
    words = [] if announced else ["-H", "Transfer-Encoding: chunked"]
    refused(ask(inspected, *words, "--data-binary", f"@{body}", f"http://{READ}/"), 413, "too large")


def test_a_body_larger_than_the_gateway_holds_is_refused_by_the_gateway(inspected: Mesh, body: Path) -> None:
    """Of unannounced length, so that it is held back until there is no room."""
    body.write_bytes(b"x" * 40_000_000)
    answer, evidence, _ = ask(
        inspected, "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{body}", f"http://{READ}/"
    )
    assert answer.status == 413, answer
    assert not evidence.arrived


def test_a_compressed_body_is_refused(inspected: Mesh, body: Path) -> None:
    body.write_bytes(gzip.compress(SECRET.encode()))
    words = ["-H", "Content-Encoding: gzip", "--data-binary", f"@{body}"]
    refused(ask(inspected, *words, f"http://{READ}/"), 415, "encoded")


WRITTEN = [
    ("application/json", '{"a": "sensitiveData"}'.encode("utf-16"), 415, "read"),
    ("application/json", '{"a": "sensitiveData"}'.encode("utf-16-le"), 400, "sensitive-data"),
    ("application/json", '{"a": "sensitiveData"}'.encode("utf-32-be"), 400, "sensitive-data"),
    ("text/plain; charset=utf-8; charset=utf-16", b"harmless", 415, "character set"),
    ("text/plain; charset*=utf-8''utf-16", b"harmless", 415, "character set"),
    ("text/xml", b'<?xml version="1.0" encoding="utf-7"?><a/>', 415, "read"),
    ("text/xml", b"<a>&#115;ensitive&#x44;ata</a>", 400, "sensitive-data"),
    ("text/xml", b"<a>sensi<![CDATA[tive]]>Da<!-- x -->ta</a>", 400, "sensitive-data"),
    ("text/xml", b'<!DOCTYPE a [<!ENTITY x "sensi">]><a>&x;tiveData</a>', 415, "read"),
    (
        "application/x-www-form-urlencoded",
        b"payload=%7B%22a%22%3A%22%5Cu0073ensitiveData%22%7D",
        400,
        "sensitive-data",
    ),
    ("application/x-www-form-urlencoded", b"payload=%2573ensitiveData", 400, "sensitive-data"),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nc2Vu\r\n--x--",
        415,
        "read",
    ),
]


@pytest.mark.parametrize(("kind", "sent", "status", "reason"), WRITTEN)
def test_what_a_receiver_may_read_is_read_or_refused(
    inspected: Mesh, body: Path, kind: str, sent: bytes, status: int, reason: str
) -> None:
    body.write_bytes(sent)
    words = ["-H", f"Content-Type: {kind}", "--data-binary", f"@{body}"]
    refused(ask(inspected, *words, f"http://{READ}/"), status, reason)


def test_a_websocket_is_refused_before_it_opens(inspected: Mesh) -> None:
    key = ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Version: 13"]
    asked = ask(inspected, "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", *key, f"http://{READ}/")
    refused(asked, 400, "connection of another protocol")


def test_a_caller_without_the_right_is_refused_before_anything_is_read(inspected: Mesh) -> None:
    answer, evidence, said = ask(inspected, "-d", SECRET, f"http://{READ}/", pod=STOCK)
    assert (answer.status, evidence.stopped_by(), said) == (403, Layer.AUTHORIZATION, "")


def test_other_hosts_are_not_read(inspected: Mesh, body: Path) -> None:
    body.write_bytes(b"x" * 3_000_000 + SECRET.encode())
    asked = ask(inspected, "-H", "Content-Encoding: gzip", "--data-binary", f"@{body}", f"http://{UNREAD}/")
    passed(asked, UNREAD)
    assert asked[2] == ""


def test_a_report_lets_everything_pass_and_says_so(inspected: Mesh, body: Path) -> None:
    asked = ask(inspected, "-d", "card=4111111111111111", f"http://{REPORTED}/")
    passed(asked, REPORTED)
    assert f"would refuse; host={REPORTED} status=400" in asked[2]
    assert "4111" not in asked[2]
    body.write_bytes(b"x" * 3_000_000)
    asked = ask(inspected, "--data-binary", f"@{body}", f"http://{REPORTED}/")
    passed(asked, REPORTED)
    assert "would refuse" in asked[2]
    assert "too large" in asked[2]
    assert "3000000" in asked[0].body.replace(" ", ""), "all of it arrived"
    asked = ask(inspected, "-d", "harmless", f"http://{REPORTED}/")
    passed(asked, REPORTED)
    assert asked[2] == ""


def test_the_gateway_took_the_filter(inspected: Mesh) -> None:
    """A script that Envoy refuses leaves no trace but this one."""
    time.sleep(0.2)
    log = inspected.istiod.process.output()
    assert not [line for line in log.splitlines() if "ACK ERROR" in line or "NACK" in line]
    assert "script error" not in inspected.proxies[inspected.gateway.key].process.output()

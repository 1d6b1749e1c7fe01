"""HTTP as applications send it, through two real proxies: what arrives, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.answers.asked import flow_of
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.mesh.client import APP_UID, Answer, curl, request_to_gateway
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.redteam import raw
from tests.mesh.verdicts import SAYS
from tests.support import plan_of, teams

SEALED, PLAIN = "sealed.example.net", "plain.example.net"
GITLAB, STORE = "gitlab.example.net", "store.example.net"
_CONFIG = teams(
    shop={
        SEALED: {"http": {"upgrade": "tls", "methods": ["GET"], "paths": ["/ok/*"]}},
        PLAIN: {"http": {}},
        GITLAB: {
            "http": {
                "upgrade": "tls",
                "encodedSlashes": "keep",
                "methods": ["GET"],
                "paths": ["/api/v4/projects/*", "/groups/{*}/issues", "/one/a%2Fb", "/queues/%2F"],
            }
        },
        STORE: {"http": {"encodedSlashes": "keep"}},
    },
    stock={PLAIN: {"http": {"paths": ["/only"]}}},
)
_CONFIG["gke-mesh-egress:teams"]["shop"]["http10"] = True
PLAN = plan_of(_CONFIG)


@pytest.fixture(scope="module")
def judges() -> Judges:
    return Judges(deployment(PLAN, render(PLAN)))


@pytest.fixture(scope="module")
def running(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as mesh:
        yield mesh


def _offering(version: str) -> list[str]:
    """What Apache HttpClient 5.4 writes into each request without TLS."""
    return ["-H", f"Upgrade: {version}", "-H", "Connection: Upgrade"]


@pytest.mark.parametrize("host", [SEALED, PLAIN])
@pytest.mark.parametrize("version", ["TLS/1.2", "TLS/1.3", "tls/1.0"])
def test_a_client_that_offers_tls_is_answered_and_the_offer_stays_behind(
    running: Mesh, host: str, version: str
) -> None:
    watch = Watch(running, "test-shop")
    answer = curl(running, "test-shop", *_offering(version), f"http://{host}/ok/x")
    [request] = watch.evidence().requests
    assert (answer.status, request.site, request.header("upgrade")) == (200, host, None), answer


@pytest.mark.parametrize(
    ("team", "words", "status", "layer"),
    [
        ("shop", [f"http://{SEALED}/other"], 403, Layer.AUTHORIZATION),
        ("shop", ["-X", "POST", f"http://{SEALED}/ok/x"], 403, Layer.AUTHORIZATION),
        ("shop", ["-H", "Host: evil.example", f"http://{PLAIN}/"], 502, Layer.SIDECAR),
        ("stock", [f"http://{PLAIN}/ok/x"], 403, Layer.AUTHORIZATION),
        ("stock", ["-H", f"Host: {SEALED}", f"http://{PLAIN}/ok/x"], 502, Layer.SIDECAR),
    ],
)
def test_an_offer_of_tls_opens_nothing(
    running: Mesh, team: str, words: list[str], status: int, layer: Layer
) -> None:
    watch = Watch(running, f"test-{team}")
    answer = curl(running, f"test-{team}", *_offering("TLS/1.2"), *words)
    evidence = watch.evidence()
    assert (answer.status, evidence.stopped_by(), evidence.requests) == (status, layer, []), evidence


@pytest.mark.parametrize("upgrade", ["invented", "TLS"])
def test_another_upgrade_is_refused_as_before(running: Mesh, upgrade: str) -> None:
    watch = Watch(running, "test-shop")
    answer = curl(running, "test-shop", *_offering(upgrade), f"http://{PLAIN}/")
    assert (answer.status, watch.evidence().stopped_by()) == (403, Layer.SIDECAR)


def _as_is(mesh: Mesh, url: str, team: str = "shop") -> tuple[Answer, list[str], Layer]:
    """The answer, what arrived, and who stopped it, of a path that curl leaves as it is."""
    watch = Watch(mesh, f"test-{team}")
    answer = curl(mesh, f"test-{team}", "--path-as-is", "-g", url, uid=APP_UID)
    evidence = watch.evidence()
    return answer, [request.path for request in evidence.requests], evidence.stopped_by()


KEPT = (
    f"{GITLAB}/api/v4/projects/group%2Fname",
    f"{GITLAB}/api/v4/projects/group%2fname/issues?ref=a%2Fb&path=..%2Fc",
    f"{GITLAB}/api/v4/projects/@scope%2fname",
    f"{GITLAB}/api/v4/projects/a%2F.hidden%2Fb..c",
    f"{GITLAB}/groups/a%2Fb/issues",
    f"{GITLAB}/one/a%2Fb",
    f"{GITLAB}/queues/%2F",
    f"{STORE}/bucket/key%2Fwith%2Fslashes?X-Amz-Credential=A%2F20260101%2Fs3&X-Amz-Signature=0a",
    f"{STORE}/..%2f..%2fetc/%252e%252e/x",
)


@pytest.mark.parametrize("url", KEPT)
def test_encoded_slashes_arrive_as_they_were_sent_where_a_host_keeps_them(running: Mesh, url: str) -> None:
    answer, arrived, _ = _as_is(running, f"http://{url}")
    host, _, rest = url.partition("/")
    assert (answer.status, arrived) == (200, [f"/{rest}"]), (host, answer)


BELOW = "/api/v4/projects"
TRICKS = (
    "..%2f..%2fadmin",
    "..%2F..%2Fadmin",
    "x%2f..%2f..%2f..%2fadmin",
    "%2e%2e%2fadmin",
    "%2e%2e%2f%2e%2e%2fadmin",
    "x/..%2fadmin",
    "x%2f../../../admin",
    "..%5cadmin",
    "x%5c..%5c..%5cadmin",
    "..;%2f..;%2fadmin",
    "..;x%2fadmin",
    "..%3b/admin",
    ".%3B/..%3B/admin",
    "x%2f..%3bx%2fadmin",
    "%2e%2e%253b/admin",
    "x%2f..",
    "x%2f.",
    "%252e%252e/admin",
    "..%252fadmin",
    "..%255cadmin",
    "%25252e%25252e%25252fadmin",
    "%2e%2e;/admin",
    "%2f..%2fadmin",
)


@pytest.mark.parametrize(
    "path", [*(f"{BELOW}/{trick}" for trick in TRICKS), *(url.partition("/")[2] for url in KEPT)]
)
@pytest.mark.parametrize("host", [GITLAB, STORE, SEALED, PLAIN])
def test_every_path_is_judged_as_it_is_let_through(
    running: Mesh, judges: Judges, host: str, path: str
) -> None:
    url = f"http://{host}/{path.removeprefix('/')}"
    flow = flow_of("shop", url)
    trace = judges.trace(flow)
    _, arrived, stopped = _as_is(running, url)
    assert trace.allowed is Intent(PLAN).allows(flow) is bool(arrived)
    says = "" if trace.allowed else trace.decision.layer
    assert says == ("" if stopped is Layer.NOBODY else SAYS[stopped])


@pytest.mark.parametrize("trick", TRICKS)
def test_no_rule_is_tricked_by_slashes_that_are_kept(running: Mesh, trick: str) -> None:
    answer, arrived, layer = _as_is(running, f"http://{GITLAB}{BELOW}/{trick}")
    assert (answer.status, arrived) == (403, []), answer
    assert layer in (Layer.AUTHORIZATION, Layer.PATHS)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("name", [GITLAB, "another.name"])
def test_nor_by_a_pod_that_goes_to_the_gateway_itself(running: Mesh, trick: str, name: str) -> None:
    """By the host's own server name slashes are kept, and by any other they are decoded before the rule."""
    before = len(running.sites[GITLAB].arrived)
    identity = running.proxies["test-shop"].identity
    answer = request_to_gateway(running, "cheat-shop", identity, GITLAB, f"{BELOW}/{trick}", server_name=name)
    arrived = [one.path for one in running.sites[GITLAB].arrived[before:] if one.method]
    if name == GITLAB or arrived == []:
        assert (answer.status, arrived) == (403, [])
    else:
        assert arrived[0] in (f"{BELOW}/", f"{BELOW}/admin", f"{BELOW}/x/"), "decoded, and still below"


def test_the_way_on_which_slashes_are_kept_leads_to_that_host_alone(running: Mesh) -> None:
    identity = running.proxies["test-shop"].identity
    for host in (SEALED, PLAIN, "evil.example"):
        watch = Watch(running, "cheat-shop")
        answer = request_to_gateway(running, "cheat-shop", identity, host, "/ok/x", server_name=GITLAB)
        assert answer.status in (403, 404), (host, answer)
        assert watch.evidence().arrived == []


@pytest.mark.parametrize(
    ("url", "team", "status", "layer"),
    [
        (f"{GITLAB}/api/v4/users/a%2Fb", "shop", 403, Layer.AUTHORIZATION),
        (f"{GITLAB}/api%2Fv4/projects/x", "shop", 403, Layer.AUTHORIZATION),
        (f"{GITLAB}/one/a/b", "shop", 403, Layer.AUTHORIZATION),
        (f"{GITLAB}/groups/a/b/issues", "shop", 403, Layer.AUTHORIZATION),
        (f"{GITLAB}/api/v4/projects/x", "stock", 502, Layer.SIDECAR),
        (f"{STORE}/", "stock", 502, Layer.SIDECAR),
        (f"{SEALED}/ok%2F..%2Fadmin", "shop", 403, Layer.AUTHORIZATION),
    ],
)
def test_what_is_not_declared_is_refused_as_everywhere(
    running: Mesh, url: str, team: str, status: int, layer: Layer
) -> None:
    answer, arrived, stopped = _as_is(running, f"http://{url}", team)
    assert (answer.status, arrived, stopped) == (status, [], layer)


def test_hosts_that_say_nothing_get_slashes_for_encoded_ones_as_before(running: Mesh) -> None:
    answer, arrived, _ = _as_is(running, f"http://{SEALED}/ok%2Fa%2Fb")
    assert (answer.status, arrived) == (200, ["/ok/a/b"])


def _in_http10(mesh: Mesh, team: str, host: str, path: str, named: str | None) -> Answer:
    header = f"Host: {named}\r\n" if named else ""
    return raw.say(
        mesh,
        f"test-{team}",
        mesh.address_of(host),
        80,
        f"GET {path} HTTP/1.0\r\n{header}\r\n".encode(),
    )


def test_an_app_that_speaks_http10_is_answered_where_its_team_says_so(running: Mesh) -> None:
    for host in (SEALED, PLAIN):
        watch = Watch(running, "test-shop")
        answer = _in_http10(running, "shop", host, "/ok/x", host)
        [request] = watch.evidence().requests
        assert (answer.status, request.site, request.path) == (200, host, "/ok/x")


@pytest.mark.parametrize(
    ("team", "host", "path", "named", "layer"),
    [
        ("shop", SEALED, "/other", SEALED, Layer.AUTHORIZATION),
        ("shop", SEALED, "/ok/..%252fx", SEALED, Layer.PATHS),
        ("shop", PLAIN, "/", "evil.example", Layer.SIDECAR),
        ("shop", PLAIN, "/", None, Layer.SIDECAR),
        ("stock", PLAIN, "/only", PLAIN, Layer.SIDECAR),
    ],
)
def test_http10_opens_nothing_and_for_other_teams_the_connection_ends(
    running: Mesh, team: str, host: str, path: str, named: str | None, layer: Layer
) -> None:
    watch = Watch(running, f"test-{team}")
    answer = _in_http10(running, team, host, path, named)
    evidence = watch.evidence()
    assert answer.status != 200
    assert (evidence.stopped_by(), evidence.requests) == (layer, []), (answer, evidence)

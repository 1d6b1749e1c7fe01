"""Another plan than the dev stack's: long names, no test application, plain HTTP that stays plain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh.client import curl
from tests.mesh.cluster import interface_name
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh, websites_of
from tests.mesh.programs import Programs
from tests.support import plan_of, teams

LONG, OTHER = "a-team-with-quite-a-long-name-0123456789", "b"
PLAN = plan_of(
    teams(
        **{
            LONG: {"api.example.net": {"http": {"upgrade": "none", "methods": ["GET"]}, "https": "passthrough"}},
            OTHER: {"api.example.net": {"https": "passthrough"}, "plain.example.net": {"http": {"upgrade": "none"}}},
        }
    )
)


@pytest.fixture(scope="module")
def other(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as running:
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
        (OTHER, ["http://example.com/"], "502", Layer.SIDECAR),
    ],
)
def test_each_team_gets_what_it_declared(other: Mesh, team: str, words: list[str], expected: str, layer: Layer) -> None:
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

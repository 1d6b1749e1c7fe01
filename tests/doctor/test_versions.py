"""Versions that are supported, are not any more, and of which nothing is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from egress.doctor import versions
from egress.doctor.finding import State
from egress.doctor.google import Api
from egress.doctor.releases import GKE, ISTIO, Releases
from tests.doctor.cases import PROJECT, Answers, case, plan


def istio(version: str) -> Any:
    of = plan()
    # One that the config would refuse for its holes has an end of support all the same.
    chart = of.settings.mesh.chart.model_copy(update={"version": version})
    mesh = of.settings.mesh.model_copy(update={"istio": chart})
    return replace(of, settings=of.settings.model_copy(update={"mesh": mesh}))


@pytest.mark.parametrize(
    ("version", "day", "state", "said"),
    [
        ("1.30.5", date(2026, 11, 27), State.OK, "1.30.5, expected to be supported until 2026-11-30"),
        (
            "1.30.5",
            date(2026, 12, 1),
            State.UNKNOWN,
            "was expected to end on 2026-11-30, as read on 2026-09-21",
        ),
        ("1.31.1", date(2027, 5, 1), State.OK, "1.31.1, without an end yet"),
        ("1.28.0", date(2026, 7, 1), State.OK, "1.28.0, supported until 2026-07-01"),
        ("1.28.0", date(2026, 7, 2), State.WRONG, "1.28.0, out of support since 2026-07-01"),
        ("1.20.0", date(2026, 1, 1), State.WRONG, "1.20.0, out of support"),
        ("1.99.0", date(2026, 1, 1), State.UNKNOWN, "the table of 2026-09-21 has no Istio 1.99"),
    ],
)
def test_a_version_of_istio_on_a_day(version: str, day: date, state: State, said: str) -> None:
    try:
        asked = case(istio(version), today=day)
    except Exception as refused:  # the config may refuse what is too old before the doctor is asked
        pytest.skip(f"the config does not take {version}: {refused}")
    row = next(iter(versions.istio(asked)))
    assert row.state is state
    assert said in row.found


def channel(version: str, **config: Any) -> list[Any]:
    asked = case(plan(cluster={"zone": "europe-west1-b", **config}))
    assert isinstance(asked.google, Answers)
    asked.google.gets[Api.CONTAINER, f"projects/{PROJECT}/locations/europe-west1-b/serverConfig"] = {
        "channels": [
            {"channel": name, "defaultVersion": version}
            for name in ("RAPID", "REGULAR", "STABLE", "EXTENDED")
        ]
    }
    return list(versions.gke(asked))


def test_a_channel_that_gives_an_old_version_is_found() -> None:
    supported, together = channel("1.32.1-gke.1")
    assert supported.state is State.WRONG
    assert supported.found == "1.32.1-gke.1 of the channel regular, out of support since 2026-04-11"
    assert together.state is State.OK


def test_a_cluster_that_istio_does_not_support_is_found() -> None:
    row = channel("1.31.9-gke.1")[1]
    assert (row.state, row.found) == (State.WRONG, "Kubernetes 1.31")
    assert row.needed.startswith("Kubernetes 1.32 to 1.36 for Istio 1.3")


def test_the_extended_channel_supports_a_version_for_longer() -> None:
    assert channel("1.32.1-gke.1", releaseChannel="extended")[0].state is State.OK


def test_copied_secrets_need_a_version_of_their_own() -> None:
    old = channel("1.33.1-gke.1", secretSync=True)
    assert [row.state for row in old if row.what == "GKE for cluster.secretSync"] == [State.WRONG]
    new = channel("1.35.1-gke.1", secretSync=True)
    assert [row.state for row in new if row.what == "GKE for cluster.secretSync"] == [State.OK]


@pytest.mark.parametrize("table", [ISTIO, GKE], ids=lambda table: table.what)
def test_a_table_has_no_gap_and_ends_in_order(table: Releases) -> None:
    minors = sorted(table.by_minor)
    assert all((a[0], a[1] + 1) == b for a, b in pairwise(minors))
    ends = [table.by_minor[minor].ends for minor in minors]
    known = [end for end in ends if end]
    assert known == sorted(known)
    assert None not in ends[: len(known)]
    assert table.source.startswith("https://")


def test_the_default_version_is_in_the_table() -> None:
    from egress.doctor.releases import minor
    from egress.settings.mesh import Istio

    assert minor(Istio().version) in ISTIO.by_minor

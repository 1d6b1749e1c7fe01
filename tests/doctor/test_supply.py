"""Charts and images of Istio are where the config says, or somebody is told before nodes wait for them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from egress.doctor import supply
from egress.doctor.finding import NotKnown, State
from egress.doctor.login import Login
from tests.doctor.cases import Page, case, plan, public

Fetch = Callable[[str, Mapping[str, str]], Page]
VERSION = case().plan.settings.mesh.chart.version


def istio(**said: str) -> Any:
    return plan(mesh={"istio": {"version": VERSION, **said}})


def test_where_both_are_there_both_rows_are_ok() -> None:
    rows = [*supply.charts(case()), *supply.images(case())]
    assert [row.state for row in rows] == [State.OK, State.OK]


def test_a_version_that_the_repository_has_not_is_found() -> None:
    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        return Page(200, f"entries:\n  base:\n  - version: {VERSION}\n  istiod:\n  - version: 1.2.3\n")

    row = next(iter(supply.charts(case(istio(repository="https://charts.example.com"), fetch=fetch))))
    assert (row.state, row.found) == (State.WRONG, f"https://charts.example.com has no istiod {VERSION}")


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(503), "https://charts.example.com answers with status 503"),
        (Page(200, "<html>"), "what https://charts.example.com answers is no index of charts"),
        (Page(200, "a: [b"), "what https://charts.example.com answers is no index of charts"),
    ],
)
def test_a_repository_that_does_not_answer_is_not_known(page: Page, why: str) -> None:
    asked = case(istio(repository="https://charts.example.com"), fetch=lambda *_: page)
    with pytest.raises(NotKnown) as raised:
        list(supply.charts(asked))
    assert str(raised.value) == why


def test_offline_neither_is_known() -> None:
    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        raise OSError("no route")

    with pytest.raises(NotKnown, match=r"charts\.example\.com cannot be reached"):
        list(supply.charts(case(istio(repository="https://charts.example.com"), fetch=fetch)))
    row = next(iter(supply.images(case(istio(hub="gcr.io/istio-release"), fetch=fetch))))
    assert (row.state, row.found) == (State.UNKNOWN, "not known, because gcr.io cannot be reached")


def test_charts_in_a_registry_are_asked_for_by_their_tag() -> None:
    asked: list[str] = []

    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        asked.append(url)
        return Page(404 if "istiod" in url else 200)

    row = next(iter(supply.charts(case(istio(repository="oci://ghcr.io/istio/release/charts"), fetch=fetch))))
    assert asked[0] == f"https://ghcr.io/v2/istio/release/charts/base/manifests/{VERSION}"
    assert (row.state, row.found) == (
        State.WRONG,
        f"oci://ghcr.io/istio/release/charts has no istiod {VERSION}",
    )


def test_a_registry_that_private_nodes_do_not_reach_is_found() -> None:
    row = next(iter(supply.images(case(istio(hub="docker.io/istio")))))
    assert (row.state, row.found) == (State.WRONG, "docker.io, which private nodes do not reach")


def test_an_image_that_is_not_there_is_found() -> None:
    row = next(iter(supply.images(case(istio(hub="gcr.io/istio-release"), fetch=lambda *_: Page(404)))))
    assert (row.state, row.found) == (
        State.WRONG,
        f"gcr.io/istio-release has no pilot {VERSION} and proxyv2 {VERSION}",
    )


def registry(realm: str) -> tuple[Fetch, list[tuple[str, Mapping[str, str]]]]:
    """A registry that gives its images to whoever has its token."""
    asked: list[tuple[str, Mapping[str, str]]] = []

    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        asked.append((url, headers))
        if "/v2/" in url and headers.get("Authorization") != "Bearer given":
            return Page(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s",scope="pull"'})
        return Page(200, content={"token": "given"})

    return fetch, asked


def test_a_token_that_everybody_gets_is_fetched() -> None:
    fetch, asked = registry("https://gcr.io/v2token")
    row = next(iter(supply.images(case(istio(hub="gcr.io/istio-release"), fetch=fetch))))
    assert row.state is State.OK
    assert asked[1][0] == "https://gcr.io/v2token?service=s&scope=pull"


@pytest.mark.parametrize(
    ("realm", "shown"),
    [
        ("https://europe-west1-docker.pkg.dev/token", True),
        ("https://evil.example.com/token", False),
        ("https://x.gcr.io/token", False),
    ],
)
def test_the_login_is_shown_to_the_registry_itself_alone(realm: str, shown: bool) -> None:
    fetch, asked = registry(realm)
    login = Login(lambda *_: Page(500), token=lambda: "mine")
    hub = "europe-west1-docker.pkg.dev/my-project-id/istio/istio"
    list(supply.images(case(istio(hub=hub), fetch=fetch, login=login)))
    mine = base64.b64encode(b"oauth2accesstoken:mine").decode()
    assert (dict(asked[1][1]) == {"Authorization": f"Basic {mine}"}) is shown


def test_of_the_managed_mesh_nothing_is_fetched() -> None:
    managed = case(plan(mesh={"flavor": "cloud-service-mesh"}))
    assert [*supply.charts(managed), *supply.images(managed)] == []


def test_in_a_closed_place_all_of_it_is_asked_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(supply.ELSEWHERE, "http://127.0.0.1:9/supply")
    asked: list[str] = []

    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        asked.append(url)
        return public(url, headers)

    list(supply.images(case(istio(hub="gcr.io/istio-release"), fetch=fetch)))
    assert asked[0] == f"http://127.0.0.1:9/supply/gcr.io/v2/istio-release/pilot/manifests/{VERSION}"


def test_without_a_hub_docker_hub_is_asked_which_nodes_read_through_the_stack_s_repository() -> None:
    asked: list[str] = []

    def fetch(url: str, headers: Mapping[str, str]) -> Page:
        asked.append(url)
        return Page(200 if "/pilot/" in url else 404)

    row = next(iter(supply.images(case(fetch=fetch))))
    assert asked[0] == f"https://registry-1.docker.io/v2/istio/pilot/manifests/{VERSION}"
    assert (row.state, row.found) == (State.WRONG, f"registry-1.docker.io/istio has no proxyv2 {VERSION}")

"""What Google answers becomes a sentence, and nothing that is asked changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.doctor.finding import NotKnown
from egress.doctor.google import Absent, Api, Denied, Nowhere, Rest, pages
from tests.doctor.cases import Page

OFF = {
    "error": {
        "code": 403,
        "message": "Compute Engine API has not been used in project 1 before or it is disabled.",
        "status": "PERMISSION_DENIED",
        "details": [{"reason": "SERVICE_DISABLED", "metadata": {"service": "compute.googleapis.com"}}],
    }
}
OFF_AS_BEFORE = {"error": {"code": 403, "message": "x", "errors": [{"reason": "accessNotConfigured"}]}}
DENIED = {
    "error": {"code": 403, "message": "Permission 'x' denied on resource.", "status": "PERMISSION_DENIED"}
}


class Wire:
    """A line to Google on which these answers come, in this order."""

    def __init__(self, *answers: Page | OSError) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str]] = []

    def __call__(
        self, method: str, url: str, query: Mapping[str, str] | None, body: dict[str, Any] | None
    ) -> Page:
        self.sent.append((method, url))
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("status", "content", "error", "said"),
    [
        (404, {"error": {"message": "Not found"}}, Absent, "Not found"),
        (401, {}, NotKnown, "Google does not accept this login any more"),
        (403, OFF, NotKnown, "the API compute.googleapis.com is off"),
        (403, OFF_AS_BEFORE, NotKnown, "the API compute.googleapis.com is off"),
        (403, DENIED, Denied, "this account may not ask: Permission 'x' denied on resource"),
        (500, {}, NotKnown, "Google answers with status 500: compute.googleapis.com answers with status 500"),
        (503, {"error": "busy"}, NotKnown, "Google answers with status 503: busy"),
    ],
)
def test_an_error_of_googles_is_said_in_words(
    status: int, content: dict[str, Any], error: type[Exception], said: str
) -> None:
    google = Rest(Wire(Page(status, content=content)), {})
    with pytest.raises(error) as raised:
        google.get(Api.COMPUTE, "projects/p")
    assert str(raised.value) == said


def test_an_api_that_is_off_comes_with_the_command_that_switches_it_on() -> None:
    with pytest.raises(NotKnown) as raised:
        Rest(Wire(Page(403, content=OFF)), {}).get(Api.COMPUTE, "projects/p")
    assert raised.value.fix == "gcloud services enable compute.googleapis.com"


def test_whom_nobody_answers_is_asked_once() -> None:
    wire = Wire(OSError("No route to host"))
    google = Rest(wire, {})
    for path in ("projects/p", "projects/q"):
        with pytest.raises(NotKnown, match=r"compute.googleapis.com cannot be reached \(No route to host\)"):
            google.get(Api.COMPUTE, path)
    assert len(wire.sent) == 1


def test_the_same_question_is_asked_once() -> None:
    wire = Wire(Page(200, content={"name": "p"}))
    google = Rest(wire, {})
    assert google.get(Api.COMPUTE, "projects/p") == google.get(Api.COMPUTE, "projects/p") == {"name": "p"}


def test_an_api_is_asked_where_the_providers_variable_says() -> None:
    wire = Wire(Page(200, content={}))
    Rest(wire, {"GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "http://127.0.0.1:9/compute/v1"}).get(
        Api.COMPUTE, "projects/p"
    )
    assert wire.sent == [("GET", "http://127.0.0.1:9/compute/v1/projects/p")]


@pytest.mark.parametrize("path", ["projects/p/services:batchEnable", "projects/p", "projects/p:setIamPolicy"])
def test_nothing_but_a_question_is_ever_posted(path: str) -> None:
    wire = Wire()
    with pytest.raises(ValueError, match="the doctor changes nothing"):
        Rest(wire, {}).ask(Api.PROJECTS, path, {})
    assert wire.sent == []


def test_a_list_is_read_over_all_its_pages() -> None:
    wire = Wire(
        Page(200, content={"items": [{"name": "a"}], "nextPageToken": "more"}),
        Page(200, content={"items": [{"name": "b"}]}),
    )
    found = pages(Rest(wire, {}), Api.COMPUTE, "projects/p/global/networks", "items")
    assert [one["name"] for one in found] == ["a", "b"]


def test_of_a_stack_that_names_no_project_only_the_account_is_asked_about() -> None:
    wire = Wire(Page(200, content={"email": "someone@example.com"}))
    google = Nowhere(Rest(wire, {}))
    assert google.get(Api.IDENTITY, "userinfo") == {"email": "someone@example.com"}
    for ask in (lambda: google.get(Api.COMPUTE, "projects/p"), lambda: google.ask(Api.PROJECTS, "x", {})):
        with pytest.raises(NotKnown, match="the config names no project"):
            ask()

"""Who asks: found as the Google provider finds it, and said in words where there is nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from egress.doctor.finding import NotKnown
from egress.doctor.google import Api, Rest
from egress.doctor.login import Login, account_of, log_in, nobody
from tests.doctor.cases import Page


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither is this machine one of Google's."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


def test_a_token_is_taken_as_it_is() -> None:
    assert log_in({"GOOGLE_OAUTH_ACCESS_TOKEN": "t"}).token() == "t"


def test_nobody_is_said_in_words_with_what_logs_in() -> None:
    login = log_in({})
    assert login.problem
    assert (str(login.problem), login.problem.fix) == (
        "nobody is logged in",
        "gcloud auth application-default login",
    )
    with pytest.raises(NotKnown, match="nobody is logged in"):
        Rest(login.send, {}).get(Api.COMPUTE, "projects/p")


@pytest.mark.parametrize("key", ["/nowhere/key.json", "{}", "{", '{"type": "service_account"}'])
def test_a_key_that_is_none_is_said_in_words(key: str) -> None:
    login = log_in({"GOOGLE_CREDENTIALS": key})
    assert login.problem
    assert "\n" not in str(login.problem)
    assert "login" in str(login.problem)


def test_a_key_of_a_service_account_says_whose_it_is(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "client_email": "ci@my-project-id.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": private.decode(),
        "private_key_id": "1",
        "project_id": "my-project-id",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    for key in (str(path), json.dumps(content)):
        login = log_in({"GOOGLE_CREDENTIALS": key})
        assert login.problem is None
        assert login.account == "ci@my-project-id.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("RefreshError", "the login has expired or was withdrawn: why"),
        ("MutualTLSChannelError", "the login does not work: why"),
        ("TransportError", r"compute.googleapis.com cannot be reached \(why\)"),
    ],
)
def test_a_login_that_fails_when_it_is_used_is_said_in_words(
    error: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from google.auth import exceptions
    from google.auth.transport.requests import AuthorizedSession

    def request(*_: object, **__: object) -> None:
        raise getattr(exceptions, error)("why")

    monkeypatch.setattr(AuthorizedSession, "request", request)
    key = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    login = log_in({"GOOGLE_CREDENTIALS": json.dumps(key)})
    with pytest.raises(NotKnown, match=said):
        Rest(login.send, {}).get(Api.COMPUTE, "projects/p")


def asked(content: Any) -> str:
    def send(*_: object) -> Page:
        return Page(200, content=content)

    return account_of(Rest(send, {}), Login(send))


def test_google_says_whose_a_login_is() -> None:
    assert asked({"email": "someone@example.com"}) == "someone@example.com"


def test_a_login_that_does_not_say_whose_it_is_is_not_known() -> None:
    with pytest.raises(NotKnown, match="the login does not say whose it is"):
        asked({"sub": "1"})


def test_nobody_answers_nothing() -> None:
    with pytest.raises(NotKnown, match="no"):
        nobody(NotKnown("no")).send("GET", "https://compute.googleapis.com/", None, None)

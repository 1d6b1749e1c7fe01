"""Who asks Google: the account that the Google provider would use, found as the provider finds it.

Source: "Google provider configuration reference", authentication: an access token, then a key or a path in
one of three variables, then Application Default Credentials.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from egress.doctor.finding import NotKnown
from egress.doctor.google import SECONDS, Absent, Answer, Api, Google, Json, Send

TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"
KEYS = ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON")
SCOPES = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
]
LOG_IN = "gcloud auth application-default login"

Fetch = Callable[[str, Mapping[str, str]], Any]
"""A GET of an address with headers, as `requests` answers it. An OSError where nobody answers."""


@dataclass(frozen=True)
class Login:
    send: Send
    account: str | None = None
    """What the credential itself says; most say nothing."""
    problem: NotKnown | None = None
    """Why there is no login."""
    token: Callable[[], str | None] = lambda: None
    """What is shown to a registry of Google's."""


def log_in(environment: Mapping[str, str] = os.environ) -> Login:
    """The login of this machine. Nothing is sent yet."""
    if token := environment.get(TOKEN):
        return Login(_with_token(token), token=lambda: token)
    try:
        return _by_google_auth(environment)
    except NotKnown as problem:
        return nobody(problem)


def nobody(problem: NotKnown) -> Login:
    """A login as nobody: whatever is asked is not known."""

    def send(*_: object) -> Answer:
        raise problem

    return Login(send, problem=problem)


def account_of(google: Google, login: Login) -> str:
    """The e-mail address of the account that asks."""
    if login.account:
        return login.account
    try:
        email = google.get(Api.IDENTITY, "userinfo").get("email")
    except Absent as error:
        raise NotKnown(f"Google does not say whose login this is: {error}") from None
    if not isinstance(email, str):
        raise NotKnown("the login does not say whose it is", LOG_IN)
    return email


def fetched(url: str, headers: Mapping[str, str]) -> Any:
    """What is public, by HTTP."""
    import requests

    return requests.get(url, headers=dict(headers), timeout=SECONDS)


def _with_token(token: str) -> Send:
    import requests

    session: Any = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"

    def send(method: str, url: str, query: Mapping[str, str] | None, body: Json | None) -> Answer:
        return cast("Answer", session.request(method, url, params=query, json=body, timeout=SECONDS))

    return send


def _of_key(key: str) -> Any:
    """The credentials of a key, which is JSON or the path to it."""
    from google.auth import identity_pool
    from google.oauth2 import credentials, service_account

    text = key if key.lstrip().startswith("{") else Path(key).read_text(encoding="utf-8")
    content: Any = json.loads(text)
    kind = str(cast("Json", content).get("type")) if isinstance(content, dict) else "none"
    makers: dict[str, Any] = {
        "service_account": cast("Any", service_account).Credentials.from_service_account_info,
        "authorized_user": cast("Any", credentials).Credentials.from_authorized_user_info,
        "external_account": cast("Any", identity_pool).Credentials.from_info,
    }
    if kind not in makers:
        raise ValueError(f"a key of the type {kind} is not understood here")
    return makers[kind](content, scopes=SCOPES)


def _by_google_auth(environment: Mapping[str, str]) -> Login:
    import google.auth
    from google.auth import exceptions
    from google.auth.transport.requests import AuthorizedSession

    library = cast("Any", google.auth)
    key = next((environment[name] for name in KEYS if environment.get(name)), None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a login without a project to bill: Google says so itself
            credentials: Any = library.default(scopes=SCOPES)[0] if key is None else _of_key(key)
    except exceptions.DefaultCredentialsError as error:
        why = str(error).splitlines()[0].rstrip(".")
        said = (
            "nobody is logged in" if key is None and "were not found" in why else f"there is no login: {why}"
        )
        raise NotKnown(said, LOG_IN) from None
    except (OSError, ValueError) as error:
        raise NotKnown(f"the login cannot be read: {str(error).splitlines()[0]}", LOG_IN) from None
    session: Any = AuthorizedSession(credentials)

    def send(method: str, url: str, query: Mapping[str, str] | None, body: Json | None) -> Answer:
        try:
            return cast("Answer", session.request(method, url, params=query, json=body, timeout=SECONDS))
        except exceptions.TransportError as error:
            raise OSError(str(error)) from error
        except exceptions.RefreshError as error:
            raise NotKnown(f"the login has expired or was withdrawn: {str(error)[:120]}", LOG_IN) from None
        except exceptions.GoogleAuthError as error:
            raise NotKnown(f"the login does not work: {str(error)[:120]}", LOG_IN) from None

    account = getattr(credentials, "service_account_email", None)
    known = account if isinstance(account, str) and "@" in account else None
    return Login(send, known, token=lambda: getattr(credentials, "token", None))

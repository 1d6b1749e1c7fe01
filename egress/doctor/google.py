"""Google's REST APIs, asked and never told: only reads, and the few questions that Google wants as a POST.

Each API can be asked elsewhere, by the same variable that the Google provider takes for it, such as
GOOGLE_COMPUTE_CUSTOM_ENDPOINT. Source: "Google provider configuration reference", custom endpoints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from egress.doctor.finding import NotKnown

Json = dict[str, Any]
SECONDS = 20
"""How long one answer may take."""


class Api(Enum):
    """An API with the variable that leads elsewhere, and where it is otherwise."""

    ACCESS = (
        "GOOGLE_ACCESS_CONTEXT_MANAGER_CUSTOM_ENDPOINT",
        "https://accesscontextmanager.googleapis.com/v1/",
    )
    ARTIFACTS = "GOOGLE_ARTIFACT_REGISTRY_CUSTOM_ENDPOINT", "https://artifactregistry.googleapis.com/v1/"
    BIGQUERY = "GOOGLE_BIG_QUERY_CUSTOM_ENDPOINT", "https://bigquery.googleapis.com/bigquery/v2/"
    BILLING = "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT", "https://cloudbilling.googleapis.com/v1/"
    COMPUTE = "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "https://compute.googleapis.com/compute/v1/"
    CONTAINER = "GOOGLE_CONTAINER_CUSTOM_ENDPOINT", "https://container.googleapis.com/v1/"
    DNS = "GOOGLE_DNS_CUSTOM_ENDPOINT", "https://dns.googleapis.com/dns/v1/"
    FLEET = "GOOGLE_GKE_HUB_CUSTOM_ENDPOINT", "https://gkehub.googleapis.com/v1/"
    IAM = "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT", "https://iam.googleapis.com/v1/"
    IDENTITY = "GOOGLE_OPENIDCONNECT_CUSTOM_ENDPOINT", "https://openidconnect.googleapis.com/v1/"
    """Who the account is; the provider asks it as well, but knows no variable for it."""
    PROJECTS = "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT", "https://cloudresourcemanager.googleapis.com/v1/"
    PUBSUB = "GOOGLE_PUBSUB_CUSTOM_ENDPOINT", "https://pubsub.googleapis.com/v1/"
    SECRETS = "GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT", "https://secretmanager.googleapis.com/v1/"
    SERVICES = "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT", "https://serviceusage.googleapis.com/v1/"
    STORAGE = "GOOGLE_STORAGE_CUSTOM_ENDPOINT", "https://storage.googleapis.com/storage/v1/"

    def url(self, environment: Mapping[str, str]) -> str:
        variable, usual = self.value
        return (environment.get(variable) or usual).rstrip("/") + "/"


class Absent(Exception):
    """There is nothing of this name, as far as this account may know."""


class Denied(NotKnown):
    """This account may not ask, or may not know whether there is such a thing."""


class Google(Protocol):
    """What checks need of it."""

    def get(self, api: Api, path: str, **query: str) -> Json:
        """One answer. Absent where there is no such thing, NotKnown where there is no answer."""
        ...

    def ask(self, api: Api, path: str, question: Json) -> Json:
        """As `get`, for a question that Google wants as a POST. Nothing is changed by it."""
        ...


class Answer(Protocol):
    """What `requests` gives, as far as it is used."""

    status_code: int

    def json(self) -> Any: ...


Send = Callable[[str, str, Mapping[str, str] | None, Json | None], Answer]
"""Method, address, query and body. An OSError where nobody answers."""

QUESTIONS = (":testIamPermissions", ":getEffectiveOrgPolicy", ":getAncestry")
"""What may be sent as a POST: Google's names of questions."""


NO_PROJECT = "the config names no project"


class Rest:
    """Google over HTTP, as one account."""

    def __init__(self, send: Send, environment: Mapping[str, str] = os.environ) -> None:
        self._send = send
        self._environment = environment
        self._silent: dict[str, str] = {}
        self._heard: dict[tuple[Api, str, frozenset[tuple[str, str]]], Json | Absent | NotKnown] = {}

    def get(self, api: Api, path: str, **query: str) -> Json:
        """Several checks read the same; each thing is asked for once."""
        asked = (api, path, frozenset(query.items()))
        if asked not in self._heard:
            try:
                self._heard[asked] = self._answer(api, "GET", path, query, None)
            except (Absent, NotKnown) as answer:
                self._heard[asked] = answer
        heard = self._heard[asked]
        if isinstance(heard, Exception):
            raise heard
        return heard

    def ask(self, api: Api, path: str, question: Json) -> Json:
        if not path.endswith(QUESTIONS):
            raise ValueError(f"{path} is no question: the doctor changes nothing")
        return self._answer(api, "POST", path, None, question)

    def _answer(
        self, api: Api, method: str, path: str, query: Mapping[str, str] | None, body: Json | None
    ) -> Json:
        url = api.url(self._environment) + path
        host = urlsplit(url).netloc
        if host in self._silent:
            raise NotKnown(self._silent[host])
        try:
            answer = self._send(method, url, query, body)
        except OSError as error:
            self._silent[host] = f"{host} cannot be reached ({_first_line(error)})"
            raise NotKnown(self._silent[host]) from None
        try:
            said: Any = answer.json()
        except ValueError:
            said = {}
        content = cast("Json", said) if isinstance(said, dict) else {}
        if answer.status_code < 300:
            return content
        raise refused(answer.status_code, content, host)


class Nowhere:
    """Google, for a stack that names no project: who asks is known, and nothing else."""

    def __init__(self, google: Google) -> None:
        self._google = google

    def get(self, api: Api, path: str, **query: str) -> Json:
        if api is Api.IDENTITY:
            return self._google.get(api, path, **query)
        raise NotKnown(NO_PROJECT)

    def ask(self, api: Api, path: str, question: Json) -> Json:  # noqa: ARG002
        raise NotKnown(NO_PROJECT)


def refused(status: int, content: Json, host: str) -> Absent | NotKnown:
    """What an error of Google's means to somebody who asked."""
    error: Any = content.get("error") or {}
    if not isinstance(error, dict):
        error = {"message": str(error)}
    said = cast("Json", error)
    message = str(said.get("message") or f"{host} answers with status {status}").strip().splitlines()[0]
    if status == 404:
        return Absent(message)
    if status == 401:
        return NotKnown("Google does not accept this login any more", "gcloud auth application-default login")
    details = cast("list[Json]", said.get("details") or [])
    for detail in details:
        if detail.get("reason") == "SERVICE_DISABLED":
            service = str(cast("Json", detail.get("metadata") or {}).get("service") or host)
            return _off(service)
    reasons = [one.get("reason") for one in cast("list[Json]", said.get("errors") or [])]
    if "accessNotConfigured" in reasons:
        return _off(host)
    if status == 403:
        return Denied(f"this account may not ask: {message.rstrip('.')}")
    return NotKnown(f"Google answers with status {status}: {message.rstrip('.')}")


def _off(service: str) -> NotKnown:
    return NotKnown(f"the API {service} is off", f"gcloud services enable {service}")


def entries(answer: Json, key: str) -> list[Json]:
    """The objects of a list; none where it is not there."""
    return cast("list[Json]", answer.get(key) or [])


def texts(answer: Json, key: str) -> list[str]:
    """The texts of a list; none where it is not there."""
    return cast("list[str]", answer.get(key) or [])


def part(answer: Json, key: str) -> Json:
    """An object within an object; empty where it is not there."""
    return cast("Json", answer.get(key) or {})


def pages(google: Google, api: Api, path: str, key: str, **query: str) -> Iterator[Json]:
    """Every entry of a list, over all its pages."""
    token = ""
    while True:
        answer = google.get(api, path, **query, **({"pageToken": token} if token else {}))
        yield from entries(answer, key)
        token = str(answer.get("nextPageToken") or "")
        if not token:
            return


def _first_line(error: OSError) -> str:
    """The innermost reason, which says more than what is wrapped around it."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    text = (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__).splitlines()[0]
    return str(text)[:120]

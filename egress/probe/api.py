"""A cluster's API server, asked with the user's own kubeconfig.

The `kubernetes` client finds out who asks (kubeconfig, context, the plugin of GKE that signs in) and carries
the requests; everything that is asked goes through `Api.ask`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

Json = dict[str, Any]
SECONDS = 30.0
"""How long one answer may take."""
_FORMS = {"PATCH": "application/merge-patch+json"}


def items_of(item: Json, field: str) -> list[Json]:
    """A list of an object, which may be missing or null."""
    return cast("list[Json]", item.get(field) or [])


class ApiError(Exception):
    """The API server refused, or could not be reached. `status` is its HTTP status, 0 where it gave none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoCluster(Exception):
    """Nobody says which cluster, or there is none; the message says what to do."""


class Api:
    """One API server."""

    def __init__(self, client: Any, context: str) -> None:
        self._client, self.context = client, context
        self.url: str = client.configuration.host

    @classmethod
    def of(cls, kubeconfig: Path | None, context: str | None) -> Api:
        """By a kubeconfig's context; absent: the one that kubectl would take.

        Raises:
            NoCluster: there is no such file or context.
        """
        try:
            from kubernetes import client, config
        except ImportError:
            raise NoCluster("The package kubernetes is not installed. Run `make install`.") from None
        source = cast(Any, config)
        try:
            file = str(kubeconfig) if kubeconfig else None
            _, active = source.list_kube_config_contexts(config_file=file)
            made: Any = cast(Any, client).Configuration()
            source.load_kube_config(config_file=file, context=context, client_configuration=made)
        except Exception as error:  # the client raises what it likes: of files, YAML, plugins
            listed = "gcloud container clusters get-credentials CLUSTER --location LOCATION --dns-endpoint"
            why = str(error).rstrip(".")
            raise NoCluster(
                f"No cluster to ask: {why}. `{listed}` writes one into the kubeconfig; --context names "
                "one of several, --kubeconfig another file."
            ) from None
        made.retries = False
        return cls(cast(Any, client).ApiClient(made), context or str(active["name"]))

    def ask(
        self, method: str, path: str, body: Json | None = None, *, accept: str = "*/*", **query: str
    ) -> Json:
        """One request; what came back.

        Raises:
            ApiError: it was refused, or nobody answered.
        """
        return cast(Json, json.loads(self.text(method, path, body, accept=accept, **query)))

    def text(
        self, method: str, path: str, body: Json | None = None, *, accept: str = "*/*", **query: str
    ) -> str:
        """The same, as text: logs are no JSON."""
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = _FORMS.get(method, "application/json")
        url = f"{path}?{urlencode(query)}" if query else path
        try:
            asked = self._client.param_serialize(
                method, url, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            answer = self._client.call_api(*asked, _request_timeout=SECONDS)
            data: bytes = answer.read()
        except Exception as error:  # urllib3's, the client's own, the plugin's
            raise ApiError(f"{method} {path}: nobody answered: {error}") from None
        text = data.decode("utf-8", "replace")
        if not 200 <= answer.status < 300:
            raise ApiError(_message(text) or f"{method} {path}: {answer.status}", int(answer.status))
        return text


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:300]

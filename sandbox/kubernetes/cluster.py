"""The sandbox's API server, as the provider uses it: find a kind, apply, read, delete.

Built on the `kubernetes` client's transport with a discovery of its own: the client's discovery is not safe
for threads and caches by address on disk, where the next sandbox on the same port would find it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client as kube
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from sandbox.kubernetes import ownership
from sandbox.provider.wire import Json

FIELD_MANAGER = "pulumi-kubernetes"
FORCE_ANNOTATION = "pulumi.com/patchForce"
KIND_SECONDS = 15.0
"""How long a kind may be unknown before that is an error: a definition that was just applied needs a
moment."""

_REQUEST_SECONDS = 30.0
_PAUSE = 0.2
_APPLY, _JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"


class ClusterError(RuntimeError):
    """The API server refused, or could not be reached. `status` is its HTTP status, 0 where it gave none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class UnknownKind(ClusterError):
    """The API server does not serve this kind."""


class Exists(ClusterError):
    """There is an object of this name already."""


class Stopped(ClusterError):
    """The engine cancelled the operation while it waited."""


@dataclass(frozen=True)
class Kind:
    """One kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection (all namespaces where None is given) or of one object."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class _NoDiscovery:
    """Keeps the dynamic client from discovering anything by itself."""

    def __init__(self, client: DynamicClient, cache_file: str | None) -> None: ...


class Cluster:
    """One API server. Methods may be called from any thread."""

    def __init__(
        self, server: str, token: str, ca_pem: str, force: bool = False, user: str | None = None
    ) -> None:
        """`user`: the user to impersonate; None: the token's own."""
        self._force = force or os.environ.get("PULUMI_K8S_ENABLE_PATCH_FORCE") == "true"
        configuration = kube.Configuration()
        configuration.host = server
        configuration.api_key = {"authorization": token}
        configuration.api_key_prefix = {"authorization": "Bearer"}
        configuration.ca_cert_data = ca_pem
        configuration.proxy = None
        configuration.retries = False
        configuration.connection_pool_maxsize = 16
        self.server = server
        client = kube.ApiClient(configuration)
        if user:
            client.set_default_header("Impersonate-User", user)
        self._client = DynamicClient(client, discoverer=_NoDiscovery)
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._discovery = threading.Lock()
        self.stopping = threading.Event()

    # Requests

    def request(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        """One request. If the server asks for patience (429, 5xx but 501), it is sent again for a few
        seconds."""
        content_type = "application/json"
        if method == "PATCH":
            content_type = _JSON_PATCH if isinstance(body, list) else _APPLY
        for attempt in range(5):
            try:
                return self._client.request(
                    method,
                    path,
                    body=body,
                    content_type=content_type,
                    query_params=list(query.items()),
                    header_params={},
                    serializer=lambda _, data: data,
                    _request_timeout=_REQUEST_SECONDS,
                )
            except DynamicApiError as error:
                if attempt < 4 and error.status in (429, 500, 502, 503, 504):
                    self._pause(_PAUSE * 2**attempt)
                    continue
                raise ClusterError(_message(error), error.status) from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise ClusterError(
                    f"configured Kubernetes cluster is unreachable: {self.server}: {error}. "
                    "If the sandbox's API server stopped, `make up` starts it again."
                ) from None
        raise AssertionError("every attempt returns or raises")

    def _pause(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopped("cancelled while waiting for the API server")

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Asks until `done`. Raises ClusterError after `seconds`; `what` says what was awaited."""
        deadline = time.monotonic() + seconds
        pause = 0.02
        while not done():
            if time.monotonic() > deadline:
                raise ClusterError(f"{what}: not so after {seconds:.0f} s")
            self._pause(pause)
            pause = min(pause * 1.5, 0.5)

    # Kinds

    def kind(self, api_version: str, kind: str, seconds: float = KIND_SECONDS) -> Kind:
        """The kind as the API server serves it. Waits for one that is unknown, and then raises
        UnknownKind."""
        deadline = time.monotonic() + seconds
        while True:
            served = self._kinds.get(api_version, {}).get(kind)
            if served:
                return served
            with self._discovery:
                if kind not in self._kinds.get(api_version, {}):
                    self._kinds[api_version] = self._discover(api_version)
            if kind in self._kinds[api_version]:
                continue
            if time.monotonic() > deadline:
                raise UnknownKind(
                    f'no matches for kind "{kind}" in version "{api_version}": the API server does not serve '
                    "it. If a chart or a definition brings it, the object must depend on that resource.",
                    404,
                )
            self._pause(_PAUSE)

    def forget_kinds(self) -> None:
        """Discovers kinds anew from here on. Call it after definitions were added or removed."""
        with self._discovery:
            self._kinds.clear()

    def _discover(self, api_version: str) -> dict[str, Kind]:
        try:
            listing = self.request(
                "GET", f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            )
        except ClusterError as error:
            if error.status == 404:
                return {}
            raise
        return {
            entry["kind"]: Kind(
                api_version,
                entry["kind"],
                entry["name"],
                bool(entry["namespaced"]),
                frozenset(entry["verbs"]),
            )
            for entry in listing.get("resources", [])
            if "/" not in entry["name"]
        }

    def namespaced_kinds(self) -> list[Kind]:
        """Every namespaced kind that can be listed and deleted, whatever API group serves it."""
        versions = ["v1"]
        for group in self.request("GET", "/apis").get("groups", []):
            versions.append(group["preferredVersion"]["groupVersion"])
        kinds = [kind for version in versions for kind in self._discover(version).values()]
        return [kind for kind in kinds if kind.namespaced and {"list", "delete"} <= kind.verbs]

    # Objects

    def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """The live object; None where there is none."""
        try:
            return self.request("GET", kind.path(namespace, name))
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    def create(self, kind: Kind, namespace: str | None, manifest: Json, dry_run: bool = False) -> Json:
        """Create an object that is not there yet, as the real provider does unless it is told to upsert.

        Raises:
            Exists: there is one already.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        deadline = time.monotonic() + KIND_SECONDS
        while True:
            try:
                return self.request("POST", kind.path(namespace), manifest, **query)
            except ClusterError as error:
                if error.status == 409 and "already exists" in str(error):
                    raise Exists(str(error), error.status) from None
                if dry_run or not _unserved(error) or time.monotonic() > deadline:
                    raise _explained(error, kind, manifest["metadata"]["name"]) from None
            self._pause(_PAUSE)

    def apply(self, kind: Kind, namespace: str | None, manifest: Json, dry_run: bool = False) -> Json:
        """Server-side apply, as the real provider does it: we own what the manifest states, and the rest is
        not touched.

        Stricter than the real provider in one point: a field that the schema does not know is refused, not
        dropped.
        """
        name = manifest["metadata"]["name"]
        annotations = manifest["metadata"].get("annotations") or {}
        force = (
            self._force if (annotated := annotations.get(FORCE_ANNOTATION)) is None else annotated == "true"
        )
        if dry_run:  # what was created is handed over by the update alone; kubectl's is in the way until then
            force = force or self.created(kind, namespace, name)
        else:
            self._own(kind, namespace, name)
        query = {"fieldManager": FIELD_MANAGER, "force": json.dumps(force), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        deadline = time.monotonic() + KIND_SECONDS
        while True:
            try:
                return self.request("PATCH", kind.path(namespace, name), manifest, **query)
            except ClusterError as error:
                # A name is free a moment after a delete.
                leaving = error.status == 409 and "object is being deleted" in str(error)
                if dry_run or not (_unserved(error) or leaving) or time.monotonic() > deadline:
                    raise _explained(error, kind, name) from None
            self._pause(_PAUSE)

    def created(self, kind: Kind, namespace: str | None, name: str) -> bool:
        """Whether there is such an object, and it was created by this program."""
        live = self.get(kind, namespace, name)
        return live is not None and ownership.created(live["metadata"], FIELD_MANAGER)

    def _own(self, kind: Kind, namespace: str | None, name: str) -> None:
        """Hold by apply what was set by creating and by kubectl, as the real provider does before each update
        of an object."""
        live = self.get(kind, namespace, name)
        if live and (managed := ownership.by_apply(live["metadata"], FIELD_MANAGER)):
            patch = [
                {"op": "replace", "path": f"/metadata/{key}", "value": value}
                for key, value in (
                    ("managedFields", managed),
                    ("resourceVersion", live["metadata"]["resourceVersion"]),
                )
            ]
            self.request("PATCH", kind.path(namespace, name), patch)

    def delete(self, kind: Kind, namespace: str | None, name: str) -> bool:
        """Requests the deletion; False where there was nothing to delete. It does not wait for dependents,
        because no garbage collector runs."""
        try:
            self.request("DELETE", kind.path(namespace, name), {"propagationPolicy": "Background"})
        except ClusterError as error:
            if error.status == 404:
                return False
            raise
        return True

    def delete_and_wait(self, kind: Kind, namespace: str | None, name: str, seconds: float) -> None:
        """Deletes and waits until the object is gone; the error names the finalizers that hold it."""
        if not self.delete(kind, namespace, name):
            return
        try:
            self.wait(
                lambda: self.get(kind, namespace, name) is None,
                seconds,
                f"{kind.kind} {name} is to be deleted",
            )
        except Stopped:
            raise
        except ClusterError as error:
            held = (self.get(kind, namespace, name) or {}).get("metadata", {}).get("finalizers")
            raise ClusterError(
                f"{error}; finalizers {held} hold it, and no controller here removes them"
            ) from None


def _unserved(error: ClusterError) -> bool:
    """A definition is discovered a moment before it is served."""
    return error.status == 404 and "could not find the requested resource" in str(error)


def _message(error: DynamicApiError) -> str:
    try:
        message = json.loads(error.body or "")["message"]
    except (ValueError, KeyError, TypeError):
        message = error.body or error.reason
    return str(message)


def _explained(error: ClusterError, kind: Kind, name: str) -> ClusterError:
    text = f"{kind.kind} {name}: {error}"
    if error.status == 409 and "conflict" in text:
        text += (
            "\nServer-side apply: another program changed this field since, and owns it. Give the field "
            f'back, or set the annotation {FORCE_ANNOTATION}: "true" on the object, or '
            "enablePatchForce on the provider, to take it over."
        )
    return ClusterError(text, error.status)

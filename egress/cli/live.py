"""What lives in a cluster, read from its API server with the rights of whoever is logged in: get and list,
and never a Secret."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egress.answers.diff.foreign import RUNNING, is_fence
from egress.judge.model.snapshot import Manifest
from egress.probe.api import Api, ApiError, NoCluster

PAGE = 500
"""Objects in one answer."""
_KINDS = {*RUNNING, "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Namespace"}
_NEVER = ("Secret", "Event", "Lease", "Pod", "ReplicaSet")
_APIS = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_REFUSED = 403


class Unreachable(Exception):
    """The cluster gives no answer, or nothing says where it is; the message says which."""


@dataclass(frozen=True)
class Live:
    """What was read."""

    server: str
    objects: tuple[Manifest, ...]
    refused: frozenset[str]
    """Kinds that the account may not list."""


@dataclass(frozen=True)
class _Kind:
    """One kind as the API server serves it."""

    api_version: str
    kind: str
    path: str


def read_cluster(kubeconfig: Path | None, context: str | None, rendered: Collection[Manifest]) -> Live:
    """Every object of the rendered kinds, of every kind of fence, and what runs beside them.

    Raises:
        Unreachable: nothing says where the cluster is, or it does not answer.
    """
    server = _Server(kubeconfig, context)
    wanted = {(str(item["apiVersion"]), str(item["kind"])) for item in rendered}
    objects: list[Manifest] = []
    refused: set[str] = set()
    for kind in _chosen(server.kinds(), wanted):
        listed = server.list(kind)
        if listed is None:
            refused.add(kind.kind)
        else:
            objects += listed
    return Live(server.url, tuple(objects), frozenset(refused))


def _chosen(served: Collection[_Kind], wanted: Collection[tuple[str, str]]) -> Iterator[_Kind]:
    """Each kind once: in the version in which it is rendered, else in the one that the server prefers."""
    chosen: dict[tuple[str, str], _Kind] = {}
    rendered = {(version.rpartition("/")[0], kind) for version, kind in wanted}
    for one in served:
        name = one.api_version.rpartition("/")[0], one.kind
        fence = is_fence({"apiVersion": one.api_version, "kind": one.kind})
        if one.kind in _NEVER or not (name in rendered or fence or one.kind in _KINDS):
            continue
        if name not in chosen or (one.api_version, one.kind) in wanted:
            chosen[name] = one
    yield from chosen.values()


class _Server:
    """An API server, asked as whoever the kubeconfig names."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        try:
            self._api = Api.of(kubeconfig, context)
        except NoCluster as error:
            where = kubeconfig or "the kubeconfig of this machine"
            raise Unreachable(f"{where} leads to no cluster: {error}") from None
        self.url = self._api.url

    def kinds(self) -> list[_Kind]:
        """Every kind that can be listed, the preferred version of each group first."""
        found: list[_Kind] = []
        for root in ("/api", "/apis"):
            answer = self._get(root, accept=_APIS)
            for group in (answer or {}).get("items") or ():
                name = group["metadata"].get("name") or ""
                for version in group.get("versions") or ():
                    api_version = "/".join(filter(None, (name, version["version"])))
                    found += _served(root, api_version, version)
        if not found:
            raise Unreachable(f"{self.url} says of no kind that it serves it.")
        return found

    def list(self, kind: _Kind) -> list[Manifest] | None:
        """Every object of a kind in every namespace; None where the account may not."""
        found: list[Manifest] = []
        more = ""
        while True:
            answer = self._get(kind.path, limit=str(PAGE), **({"continue": more} if more else {}))
            if answer is None:
                return None
            items = answer.get("items") or ()
            found += ({**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in items)
            metadata: Mapping[str, Any] = answer.get("metadata") or {}
            more = str(metadata.get("continue") or "")
            if not more:
                return found

    def _get(self, path: str, accept: str = "application/json", **query: str) -> Mapping[str, Any] | None:
        """One answer; None where the account may not have it."""
        try:
            return self._api.ask("GET", path, None, accept=accept, **query)
        except ApiError as error:
            if error.status == _REFUSED:
                return None
            said = f"{path} answers {error.status}" if error.status else "does not answer"
            raise Unreachable(f"{self.url} {said}: {error}") from None


def _served(root: str, api_version: str, version: Mapping[str, Any]) -> Iterator[_Kind]:
    for resource in version.get("resources") or ():
        if "list" in resource.get("verbs", ()):
            kind = resource["responseKind"]["kind"]
            path = f"{root}/{api_version}/{resource['resource']}"
            yield _Kind(api_version, kind, path)

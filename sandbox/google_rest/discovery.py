"""Google's own description of its APIs: which requests there are, and what they may say.

The documents are those that Google publishes for its clients; the package google-api-python-client carries
them. Nothing of it is imported: the files are read.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

Json = dict[str, Any]
PACKAGE: Final = "google-api-python-client"

#: `compute/beta/projects/...`, `dns/v1/...`, `v1beta1/projects/...`: what stands before a resource's name
_VERSION = re.compile(r"^(?:(?:compute|dns|storage|bigquery)/)?(v\d\w*|beta|alpha)/")
_PARAMETER = re.compile(r"\{(\+?)([A-Za-z0-9_.-]+)\}")


class Unpublished(Exception):
    """There is no such API, no such version of it, or no such request."""


def folder() -> Path | None:
    """Where the documents lie, or None where the package is not installed."""
    found = importlib.util.find_spec("googleapiclient")
    if found is None or not found.submodule_search_locations:
        return None
    documents = Path(found.submodule_search_locations[0]) / "discovery_cache" / "documents"
    return documents if documents.is_dir() else None


@dataclass(frozen=True)
class Method:
    """One kind of request, like `compute.networks.insert`."""

    id: str
    http: str
    pattern: re.Pattern[str]
    description: Mapping[str, Any]
    document: Document

    @property
    def verb(self) -> str:
        """`insert` of `compute.networks.insert`."""
        return self.id.rpartition(".")[2]

    @property
    def collection(self) -> str:
        """`compute.networks` of `compute.networks.insert`."""
        return self.id.rpartition(".")[0]

    @property
    def answers(self) -> str:
        """The name of the schema of what is answered."""
        return str(self.description.get("response", {}).get("$ref", ""))

    @property
    def takes(self) -> str:
        """The name of the schema of the body; empty where there is none."""
        return str(self.description.get("request", {}).get("$ref", ""))

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters that may stand behind the question mark."""
        own = self.description.get("parameters", {})
        return frozenset(name for name, said in own.items() if said.get("location") == "query") | frozenset(
            self.document.raw.get("parameters", {})
        )


@dataclass(frozen=True)
class Found:
    """A request as it is understood: the method, the parameters in its path, and the resource it is about."""

    method: Method
    parameters: Mapping[str, str]
    #: the resource's name without version and action, as `projects/p/global/networks/vpc`; of a request for
    #: a whole collection, the collection's
    name: str


@dataclass(frozen=True)
class Document:
    """One version of one API."""

    api: str
    version: str
    raw: Mapping[str, Any]

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        """Every request that the document describes."""
        return tuple(self._methods(self.raw))

    def schema(self, name: str) -> Mapping[str, Any]:
        """The schema of this name."""
        found: Mapping[str, Any] = self.raw["schemas"][name]
        return found

    def find(self, http: str, path: str) -> Found | None:
        """What a request asks for. Of several readings the one with the most words of its own."""
        best: tuple[int, Method, re.Match[str]] | None = None
        for method in self.methods:
            if method.http == http and (match := method.pattern.fullmatch(path)):
                own = len(path) - sum(len(value) for value in match.groups())
                if best is None or own > best[0]:
                    best = (own, method, match)
        if best is None:
            return None
        _, method, match = best
        named = {key: unquote(value) for key, value in match.groupdict().items()}
        return Found(method, named, _name(path, method.verb))

    def _methods(self, at: Mapping[str, Any]) -> Iterator[Method]:
        for said in at.get("methods", {}).values():
            path = str(said.get("flatPath") or said["path"])
            yield Method(said["id"], said["httpMethod"], self._pattern(path), said, self)
        for below in at.get("resources", {}).values():
            yield from self._methods(below)

    def _pattern(self, path: str) -> re.Pattern[str]:
        text, end = "", 0
        whole = str(self.raw.get("servicePath", "")) + path
        for place in _PARAMETER.finditer(whole):
            name = re.sub(r"\W", "_", place[2])
            text += re.escape(whole[end : place.start()]) + (
                f"(?P<{name}>.+)" if place[1] else f"(?P<{name}>[^/:]+)"
            )
            end = place.end()
        return re.compile(text + re.escape(whole[end:]))


def _name(path: str, verb: str) -> str:
    name = _VERSION.sub("", path).partition(":")[0]
    parts = [unquote(part) for part in name.split("/")]
    if parts[-1] == verb or (parts[-1] == "iam" and "Iam" in verb):
        parts.pop()
    return "/".join(parts)


def find(host: str, http: str, path: str) -> Found:
    """What a request to `https://HOST/PATH` asks for. Unpublished when Google knows no such one."""
    api = host.removesuffix(".googleapis.com")
    version = _VERSION.match(path)
    if version is None:
        raise Unpublished(f"/{path} names no version of an API of Google's")
    document = load(api, version[1])
    found = document.find(http, path)
    if found is None:
        raise Unpublished(f"{api} {version[1]} has no request {http} /{path}")
    return found


@cache
def load(api: str, version: str) -> Document:
    """One document. Unpublished when there is none, or when the package is not installed."""
    documents = folder()
    if documents is None:
        raise Unpublished(f"Google's discovery documents are missing: pip install {PACKAGE}")
    file = documents / f"{api}.{version}.json"
    if not file.is_file():
        raise Unpublished(f"Google publishes no API {api} in version {version}")
    return Document(api, version, json.loads(file.read_text(encoding="utf-8")))

"""The form of a row: what a resource of a REST API is in the tables of sandbox/google, and what Google adds
to it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from sandbox.google.cloud import Cloud
from sandbox.google.kinds import LINK, ApiServer, Values, region_of, tail
from sandbox.google_rest.discovery import Json

NOW: Final = "2026-01-01T00:00:00.000000Z"

#: what a part of a resource's name is called in the provider's words
_PLACES = {
    "projects": "project",
    "regions": "region",
    "zones": "zone",
    "locations": "location",
    "managedZones": "managedZone",
    "clusters": "cluster",
    "firewallPolicies": "firewallPolicy",
    "serviceAccounts": "account",
}
_COMPUTE = re.compile(r"^(?:https?://[^ ]+?/)?(projects/[^/ ]+/(?:global|regions|zones)(?:/[^ ]+)?)$")


@dataclass(frozen=True)
class Making:
    """A resource that is being made: what was asked for, and what there is to choose from."""

    name: str
    rest: Json
    #: what the tables of sandbox/google add, in the provider's words
    computed: Values
    cloud: Cloud
    apiserver: ApiServer

    @property
    def project(self) -> str:
        return str(place(self.name).get("project", ""))


def nothing(_making: Making) -> Json:
    """Google adds nothing."""
    return {}


def same(view: Json) -> Json:
    """The provider uses the words of the API."""
    return view


@dataclass(frozen=True)
class Part:
    """A piece of a resource that is an object of its own in the tables, as a NAT is of its router."""

    row: Row
    id: str
    view: Json


@dataclass(frozen=True)
class Row:
    """One kind of resource.

    `token` names the row of sandbox/google with its rules; a kind that has none there has no rules but its
    schema.
    """

    token: str
    #: the resource in the provider's words, as far as the rules read it; the place is there already
    words: Callable[[Json], Json] = same
    #: what Google adds to a new resource
    made: Callable[[Making], Json] = nothing
    #: what is true only now, at each answer
    live: Callable[[Making], Json] = nothing
    #: the query parameter, or the field of the body, that names a new resource
    named_by: str = "name"
    #: the field of the request's body that holds the resource
    wrapped: str = ""
    #: the object's id in the cloud, from its name
    id: Callable[[str], str] = str
    parts: Callable[[str, Json], Iterable[Part]] | None = None
    #: the list of an answer to `list`; by default the last part of the collection
    listed: str = ""

    def view(self, name: str, rest: Mapping[str, Any]) -> Json:
        """The resource in the provider's words."""
        return self.words({**rest, **place(name), "name": tail(name)})


def place(name: str) -> Json:
    """Project, region and so on of a resource, from its name; not the last part, which is its own."""
    parts = name.split("/")[:-1]
    found = {_PLACES[key]: value for key, value in pairwise(parts) if key in _PLACES}
    if "zone" in found:
        found.setdefault("region", region_of({"location": found["zone"]}))
    return found


def links(value: Any) -> Any:
    """Every name of a compute resource in `value` written as Compute Engine writes it: as a link."""
    if isinstance(value, dict):
        return {key: links(item) for key, item in value.items()}
    if isinstance(value, list):
        return [links(item) for item in value]
    match = _COMPUTE.match(value) if isinstance(value, str) else None
    return LINK + match[1] if match else value


def fingerprint(value: Any) -> str:
    """A text that is another one when the value is: Google's guard against lost updates."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return base64.b64encode(digest[:8]).decode()

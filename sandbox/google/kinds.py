"""The form of a row: what the stand-in knows about one resource type.

Paths name fields as they are on the wire, joined by dots; `*` stands for every element of a list or map:
`allows.*.ports.*`. Fields themselves (names, types, required) are not in the rows; see schema.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sandbox.google.checks import Check
from sandbox.google.cloud import Cloud, Resource
from sandbox.provider.wire import UNKNOWN

Values = Mapping[str, Any]
LINK = "https://www.googleapis.com/compute/v1/"


class ApiServer(Protocol):
    """What the stand-in needs of the real Kubernetes API server behind a cluster."""

    @property
    def endpoint(self) -> str: ...

    @property
    def ca_pem(self) -> str: ...

    def start(self) -> None: ...

    def wipe(self, keep_address: bool = False) -> None: ...

    def define_secret_sync(self) -> None: ...


class ApiServers(Protocol):
    """Those of every cluster."""

    def of(self, cluster: str) -> ApiServer:
        """The one behind the cluster with this id."""
        ...

    def own(self, cluster: str) -> None:
        """The cluster has its server from now on."""
        ...


@dataclass(frozen=True)
class OneApiServer:
    """The one of a cloud that has a single cluster."""

    apiserver: ApiServer

    def of(self, cluster: str) -> ApiServer:  # noqa: ARG002 - it is every cluster's
        return self.apiserver

    def own(self, cluster: str) -> None:
        """It is the only cluster's anyhow."""


@dataclass(frozen=True)
class Problem:
    """A refusal: the field, its value, and the rule with what follows. `code` is Google's HTTP status."""

    path: str
    value: Any
    rule: str
    code: int = 400


@dataclass(frozen=True)
class Context:
    """What a rule of the cloud looks at: the object as it would become, as it was, and everything else."""

    kind: Kind
    id: str
    project: str
    new: Values
    old: Values | None
    cloud: Cloud
    apiservers: ApiServers


@dataclass(frozen=True)
class Reference:
    """A field that names another object.

    `find` turns the value into that object's id, or into None when it means something outside this stand-in.
    `holds`: while this object exists, the other cannot be deleted. `output` is how Google writes the value
    back.
    """

    path: str
    to: str
    find: Callable[[str, Values], str | None]
    holds: bool = False
    output: Literal["as given", "link", "id"] = "as given"


@dataclass(frozen=True)
class Kind:
    """One resource type."""

    token: str
    schema: str
    #: the object's id, from its fields
    id: Callable[[Values], str]
    #: the API that must be enabled in the project
    api: str = ""
    #: the field that gets a generated name when the program gives none
    autoname: str = "name"
    autoname_length: int = 63
    #: project, region, zone or location: taken from the provider when the program gives none
    place: tuple[str, ...] = ("project",)
    #: preview: rules for single values, by path, and rules over the whole
    checks: Mapping[str, Check] = field(default_factory=dict)
    rules: tuple[Callable[[Values], Iterable[Problem]], ...] = ()
    #: what a field is when it is not given
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: changes that replace the resource: always, or when the function of (old, new) says so
    replaces: Mapping[str, Callable[[Any, Any], bool] | None] = field(default_factory=dict)
    #: lists whose order means nothing
    sets: frozenset[str] = frozenset()
    #: texts in which upper and lower case are the same
    caseless: frozenset[str] = frozenset()
    #: nested fields that the cloud fills in when the program does not
    kept: frozenset[str] = frozenset()
    references: tuple[Reference, ...] = ()
    #: the cloud: refusals at create and update, refusals at delete
    cloud_rules: tuple[Callable[[Context], Iterable[Problem]], ...] = ()
    delete_rules: tuple[Callable[[Context], Iterable[Problem]], ...] = ()
    #: outputs that the cloud adds at creation, and outputs that are true again at every read
    computed: Callable[[Context], Values] | None = None
    live: Callable[[Context], Values] | None = None
    #: outputs that the provider already knows at preview
    foreseen: Callable[[Values], Values] | None = None
    #: creating what exists is no error (memberships of policies, enabled APIs)
    idempotent: bool = False
    #: whether what asks for the object takes over one that exists already
    adopts: Callable[[Values], bool] = lambda _: False
    #: objects that go with this one: their types and the start of their ids
    cascades: Callable[[Resource], Iterable[tuple[str, str]]] | None = None
    #: work beside the table of objects; each may run twice
    before_create: Callable[[Context], None] | None = None
    after_create: Callable[[Context], None] | None = None
    after_update: Callable[[Context], None] | None = None
    before_delete: Callable[[Context], None] | None = None
    #: False leaves the object in the cloud when the resource is deleted
    deletes: Callable[[Values], bool] | None = None
    #: outputs that are secret, as paths
    secret: frozenset[str] = frozenset()


def tail(value: Any) -> str:
    """The last part of a link or id: the plain name."""
    return str(value).rstrip("/").rpartition("/")[2]


def path(template: str) -> Callable[[Values], str]:
    """A function that makes an id like `projects/{project}/global/networks/{name}`. Of a field that holds
    a link, the last part counts."""
    return lambda values: template.format_map({key: tail(value) for key, value in values.items()})


def named(template: str) -> Callable[[str, Values], str]:
    """A function that turns a name, an id or a link into an id like
    `projects/{project}/regions/{region}/routers/{name}`."""

    def find(value: str, values: Values) -> str:
        start = value.find("projects/")
        if start >= 0:
            return value[start:]
        return template.format_map({**values, "region": region_of(values), "name": value})

    return find


def region_of(values: Values) -> str:
    """The region of an object that has a region, or a location that may be a zone."""
    place = str(values.get("region") or values.get("location") or "")
    return re.sub(r"-[a-z]$", "", place)


def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every known value at `path`, with the place where it is, like `allows[0].ports[1]`."""
    yield from _walk(value, path.split("."), "")


def _walk(value: Any, parts: list[str], at: str) -> Iterator[tuple[str, Any]]:
    if value is None or value is UNKNOWN:
        return
    if not parts:
        yield at, value
    elif parts[0] == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, parts[1:], f"{at}[{index}]")
    elif parts[0] == "*" and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(item, parts[1:], f"{at}.{key}")
    elif isinstance(value, Mapping):
        yield from _walk(value.get(parts[0]), parts[1:], f"{at}.{parts[0]}" if at else parts[0])


def first(value: Any, path: str) -> Any:
    """The first known value at `path`, or None."""
    return next((known for _, known in walk(value, path)), None)


def number(text: str, digits: int) -> int:
    """A number like Google's numeric ids: the same for the same text."""
    return 10 ** (digits - 1) + int(hashlib.sha256(text.encode()).hexdigest(), 16) % (9 * 10 ** (digits - 1))


def never_changes(*paths: str) -> dict[str, Callable[[Any, Any], bool] | None]:
    """A `replaces` table of fields that cannot be changed in place."""
    return dict.fromkeys(paths, None)

"""What every answer rests on: the cloud, the operations, what a test broke; and one request as it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.google.kinds import ApiServer
from sandbox.google_rest.discovery import Found, Json, Method
from sandbox.google_rest.faults import Faults
from sandbox.google_rest.operations import Operations
from sandbox.google_rest.store import Store


@dataclass(frozen=True)
class World:
    """One Google Cloud."""

    store: Store
    apiserver: ApiServer
    operations: Operations = field(default_factory=Operations)
    faults: Faults = field(default_factory=Faults)
    #: limits that a test set, by metric
    quotas: dict[str, float] = field(default_factory=dict)
    #: policies of the organisation that a test set, by constraint
    policies: dict[str, Json] = field(default_factory=dict)
    #: APIs that somebody switched on in every project without leaving a trace in the cloud
    switched_on: set[str] = field(default_factory=set)
    #: charts and images that are nowhere, by name
    unpublished: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Request:
    """One request, understood and found free of misspellings."""

    host: str
    found: Found
    query: Mapping[str, str]
    body: Json
    #: how much longer than usual its operation takes
    seconds: float = 0.0

    @property
    def method(self) -> Method:
        return self.found.method

    @property
    def name(self) -> str:
        """The resource that it is about, or the collection."""
        return self.found.name

    @property
    def api(self) -> str:
        """`compute` of `compute.networks.insert`."""
        return self.method.document.api

    @property
    def mask(self) -> list[str]:
        """The fields that a PATCH is about; empty where it does not say."""
        given = self.query.get("updateMask") or self.body.get("updateMask") or ""
        return [part.strip() for part in str(given).split(",") if part.strip()]


Handler = Callable[[World, Request], Json]


def operation(world: World, request: Request, target: str, result: Json) -> Json:
    """The answer to a request for something that takes a while."""
    return world.operations.begin(request.api, request.method.verb, target, result, request.seconds)

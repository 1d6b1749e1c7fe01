"""The provider's gRPC side: the `gcp` provider as the Pulumi engine sees it.

One server serves all `gcp` providers of a program, each over a connection of its own, so the settings of each
are kept by connection.
"""

# ruff: noqa: ARG002 - the signatures are gRPC's

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2

from sandbox.google import checks, lookups, schema
from sandbox.google.cloud import Cloud, HasGoogle
from sandbox.google.diff import Change, changes, top_field
from sandbox.google.kinds import ApiServers, Kind, Problem, Values
from sandbox.google.lifecycle import Lifecycle
from sandbox.google.preview import problems
from sandbox.google.refusal import Refused
from sandbox.google.settings import Settings
from sandbox.google.table import KINDS
from sandbox.provider import protocol, wire
from sandbox.provider.protocol import answers_refusals
from sandbox.provider.wire import Json

_GENERATED = "__defaults"  # as in the real provider: names of the fields that it filled in itself
_THREADS = 16
_STATUSES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
}


def serve(home: HasGoogle, apiservers: ApiServers) -> tuple[grpc.Server, int]:
    """Start the provider on a free port of this machine only; the running server and its port."""
    return protocol.serve(GoogleProvider(home, apiservers), _THREADS)


class GoogleProvider(protocol.Provider):
    """The `gcp` provider, with the cloud of one sandbox behind it."""

    NAME = "google"
    VERSION = "10.2.0"

    def __init__(self, home: HasGoogle, apiservers: ApiServers) -> None:
        super().__init__()
        self._cloud = Cloud(home)
        self._lifecycle = Lifecycle(self._cloud, apiservers, self.log)
        self._settings: dict[str, Settings] = {}
        self._latest = Settings()
        self._guard = threading.Lock()

    def status(self, error: Exception) -> grpc.StatusCode | None:
        if isinstance(error, Refused):
            return _STATUSES[error.code]
        return grpc.StatusCode.NOT_FOUND if isinstance(error, lookups.Unanswered) else None

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        project = _read(request.news).get("project")
        rule = checks.PROJECT(project) if isinstance(project, str) else None
        failures = (
            [provider_pb2.CheckFailure(property="project", reason=f"project is {project!r}: {rule}.")]
            if rule
            else []
        )
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        given: dict[str, Any] = {
            name.removeprefix("gcp:config:"): value for name, value in request.variables.items()
        }
        given |= _read(request.args)
        settings = Settings(
            *(
                value if isinstance(value := given.get(name), str) else ""
                for name in ("project", "region", "zone")
            )
        )
        with self._guard:
            self._settings[context.peer()] = self._latest = settings
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    # Resources

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        token = protocol.token(request.urn)
        kind = KINDS.get(token)
        if kind is None:
            return provider_pb2.CheckResponse(
                failures=[provider_pb2.CheckFailure(reason=_unknown_type(token))]
            )
        inputs = _inputs(_read(request.news))
        generated = _name(kind, inputs, _read(request.olds), request)
        failures = [_failure(inputs, kind, problem) for problem in problems(kind, inputs)]
        return provider_pb2.CheckResponse(inputs=_write(inputs | generated), failures=failures)

    @answers_refusals
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        kind = _kind(request.urn)
        self._cloud.acknowledge(request.id)
        news, before = _read(request.news), _inputs(_read(request.old_inputs))
        wanted, state = _inputs(news), _read(request.olds)
        settings = self._settings_of(context)
        if "project" in kind.place and settings.project:
            wanted.setdefault("project", settings.project)
        ignored = {top_field(path) for path in request.ignoreChanges}
        compared = [change for change in changes(kind, wanted, state, before) if change.field not in ignored]
        return _difference(kind, compared, news, state)

    @answers_refusals
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        kind, inputs, settings = (
            _kind(request.urn),
            _inputs(_read(request.properties)),
            self._settings_of(context),
        )
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=_write(self._lifecycle.preview_create(kind, inputs, settings))
            )
        id, state = self._lifecycle.create(kind, request.urn, inputs, settings)
        return provider_pb2.CreateResponse(id=id, properties=_write(state))

    @answers_refusals
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        kind = _kind(request.urn)
        state = self._lifecycle.read(kind, request.id)
        if state is None:
            return provider_pb2.ReadResponse()
        before = _read(request.inputs)
        plain = _read(_write(state))
        known = _inputs(before) or {name: plain[name] for name in schema.inputs(kind.schema) if name in plain}
        drifted = {change.field for change in changes(kind, known, plain, known)}
        inputs = {name: plain.get(name) if name in drifted else value for name, value in known.items()}
        if _GENERATED in before:
            inputs[_GENERATED] = before[_GENERATED]
        return provider_pb2.ReadResponse(id=request.id, properties=_write(state), inputs=_write(inputs))

    @answers_refusals
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        kind, inputs = _kind(request.urn), _inputs(_read(request.news))
        state = self._lifecycle.update(kind, request.id, inputs, self._settings_of(context), request.preview)
        return provider_pb2.UpdateResponse(properties=_write(state))

    @answers_refusals
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._lifecycle.delete(_kind(request.urn), request.id)
        return empty_pb2.Empty()

    @answers_refusals
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        answer = lookups.answer(request.tok, _read(request.args), self._settings_of(context))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(_write(answer))  # the field is named like a keyword
        return response

    def _settings_of(self, context: grpc.ServicerContext) -> Settings:
        with self._guard:
            return self._settings.get(context.peer(), self._latest)


def _read(struct: struct_pb2.Struct) -> Json:
    """The values of a message. To Google's APIs a field that is null is one that was not given."""
    return wire.without_nulls(wire.read(struct))


def _write(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The message of these values, without nulls: the engine reads a missing field the same way."""
    return wire.write(wire.without_nulls(values))


def _kind(urn: str) -> Kind:
    token = protocol.token(urn)
    if token not in KINDS:
        raise Refused(400, _unknown_type(token))
    return KINDS[token]


def _unknown_type(token: str) -> str:
    return (
        f"this stand-in for Google Cloud does not know {token}, so it cannot say whether Google would take "
        f"it. Add a row for it in sandbox/google (see table.py). It knows {', '.join(sorted(KINDS))}."
    )


def _inputs(values: Json) -> Json:
    return {name: value for name, value in values.items() if not name.startswith("__")}


def _name(kind: Kind, inputs: Json, before: Values, request: provider_pb2.CheckRequest) -> Json:
    """Fill in a generated name as the real provider does: once, and kept afterwards."""
    field = kind.autoname
    if not field or inputs.get(field) is not None or schema.inputs(kind.schema)[field].required:
        return {}
    if field in before.get(_GENERATED, []):
        inputs[field] = before[field]
    else:
        logical = request.urn.split("::", 3)[3]
        inputs[field] = (
            f"{logical[: kind.autoname_length - 8]}-{(request.randomSeed.hex() or secrets.token_hex())[:7]}"
        )
    return {_GENERATED: [field]}


def _failure(inputs: Values, kind: Kind, problem: Problem) -> provider_pb2.CheckFailure:
    name = inputs.get(kind.autoname) if kind.autoname else None
    owner = f"'{name}': " if isinstance(name, str) and problem.path != kind.autoname else ""
    value = "missing" if problem.value is None else repr(problem.value)
    return provider_pb2.CheckFailure(
        property=problem.path, reason=f"{owner}{problem.path} is {value}: {problem.rule}."
    )


def _difference(kind: Kind, compared: list[Change], news: Values, state: Values) -> provider_pb2.DiffResponse:
    replaces = sorted({change.path for change in compared if change.replaces})
    # A name chosen by the program cannot be taken twice, so the old object goes first; a generated one is new
    # anyway.
    chosen = kind.autoname and kind.autoname not in news.get(_GENERATED, [])
    return provider_pb2.DiffResponse(
        changes=protocol.some(compared),
        diffs=sorted({change.field for change in compared}),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces and chosen and news.get(kind.autoname) == state.get(kind.autoname)),
        detailedDiff={
            change.path: protocol.property_diff(change.how, change.replaces) for change in compared
        },
        hasDetailedDiff=True,
    )

"""The provider's gRPC side: the `gcp` provider as the Pulumi engine sees it.

One server serves all `gcp` providers of a program, each over a connection of its own, so the settings of each
are kept by connection.
"""

# ruff: noqa: ARG002 - the signatures are gRPC's

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent import futures
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from . import checks, lookups, shapes, wire
from .cloud import Cloud, HasGoogle
from .diff import Change, changes
from .kinds import ApiServer, Kind, Problem, Values
from .life import Life, Refused, Settings
from .preview import problems
from .table import KINDS

VERSION = "10.2.0"
_GENERATED = "__defaults"  # as in the real provider: names of the fields that it filled in itself
_MAX_MESSAGE = 400 * 1024 * 1024
_THREADS = 16
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ALREADY_EXISTS,
}
_KINDS_OF_CHANGE = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
}
Method = TypeVar("Method", bound=Callable[..., Any])


def serve(home: HasGoogle, apiserver: ApiServer) -> tuple[grpc.Server, int]:
    """Start the provider on a free port of this machine only; the running server and its port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="google"),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(home, apiserver), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _answers_refusals(method: Method) -> Method:
    """Let a refusal reach the engine as Google's error and not as a crash of the provider."""

    @wraps(method)
    def wrapper(self: Provider, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except Refused as refusal:
            context.abort(_CODES[refusal.code], str(refusal))
        except lookups.Unanswered as refusal:
            context.abort(grpc.StatusCode.NOT_FOUND, str(refusal))

    return wrapper  # type: ignore[return-value]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The `gcp` provider, with the cloud of one sandbox behind it."""

    def __init__(self, home: HasGoogle, apiserver: ApiServer) -> None:
        self._cloud = Cloud(home)
        self._life = Life(self._cloud, apiserver, self._log)
        self._settings: dict[str, Settings] = {}
        self._latest = Settings()
        self._engine = ""
        self._guard = threading.Lock()

    # The provider itself

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        self._engine = request.engine_address
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=False, accept_outputs=False
        )

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._engine = request.address
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        project = wire.read(request.news).get("project")
        rule = checks.PROJECT(project) if isinstance(project, str) else None
        failures = (
            [provider_pb2.CheckFailure(property="project", reason=f"project is {project!r}: {rule}.")]
            if rule
            else []
        )
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        before, after = wire.read(request.old_inputs) or wire.read(request.olds), wire.read(request.news)
        changed = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
        found = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=found, diffs=changed)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        given: dict[str, Any] = {
            name.removeprefix("gcp:config:"): value for name, value in request.variables.items()
        }
        given |= wire.read(request.args)
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
        token = _token(request.urn)
        kind = KINDS.get(token)
        if kind is None:
            return provider_pb2.CheckResponse(
                failures=[provider_pb2.CheckFailure(reason=_unknown_type(token))]
            )
        inputs = _inputs(wire.read(request.news))
        generated = _name(kind, inputs, wire.read(request.olds), request)
        found = [_failure(inputs, kind, problem) for problem in problems(kind, inputs)]
        return provider_pb2.CheckResponse(inputs=wire.write(inputs | generated), failures=found)

    @_answers_refusals
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        kind = _kind(request.urn)
        self._cloud.acknowledge(request.id)
        news, before = wire.read(request.news), _inputs(wire.read(request.old_inputs))
        wanted, state = _inputs(news), wire.read(request.olds)
        settings = self._of(context)
        if "project" in kind.place and settings.project:
            wanted.setdefault("project", settings.project)
        ignored = {path.split(".")[0].split("[")[0] for path in request.ignoreChanges}
        found = [
            change
            for change in changes(kind, wanted, state, before)
            if change.path.split(".")[0].split("[")[0] not in ignored
        ]
        return _difference(kind, found, news, state)

    @_answers_refusals
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        kind, inputs, settings = _kind(request.urn), _inputs(wire.read(request.properties)), self._of(context)
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=wire.write(self._life.preview_create(kind, inputs, settings))
            )
        id, state = self._life.create(kind, request.urn, inputs, settings)
        return provider_pb2.CreateResponse(id=id, properties=wire.write(state))

    @_answers_refusals
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        kind = _kind(request.urn)
        state = self._life.read(kind, request.id)
        if state is None:
            return provider_pb2.ReadResponse()
        before = wire.read(request.inputs)
        plain = wire.read(wire.write(state))
        known = _inputs(before) or {name: plain[name] for name in shapes.inputs(kind.shape) if name in plain}
        drifted = {change.path.split(".")[0].split("[")[0] for change in changes(kind, known, plain, known)}
        inputs = {name: plain.get(name) if name in drifted else value for name, value in known.items()}
        if _GENERATED in before:
            inputs[_GENERATED] = before[_GENERATED]
        return provider_pb2.ReadResponse(
            id=request.id, properties=wire.write(state), inputs=wire.write(inputs)
        )

    @_answers_refusals
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        kind, inputs = _kind(request.urn), _inputs(wire.read(request.news))
        state = self._life.update(kind, request.id, inputs, self._of(context), request.preview)
        return provider_pb2.UpdateResponse(properties=wire.write(state))

    @_answers_refusals
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._life.delete(_kind(request.urn), request.id)
        return empty_pb2.Empty()

    @_answers_refusals
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        found = lookups.answer(request.tok, wire.read(request.args), self._of(context))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(wire.write(found))  # the field is named like a keyword
        return response

    def _of(self, context: grpc.ServicerContext) -> Settings:
        with self._guard:
            return self._settings.get(context.peer(), self._latest)

    def _log(self, urn: str, message: str) -> None:
        """Tell the user through the engine's own display, or on standard error when there is no engine."""
        try:
            with grpc.insecure_channel(self._engine) as channel:
                note = engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=message)
                engine_pb2_grpc.EngineStub(channel).Log(note, timeout=5)
        except (grpc.RpcError, ValueError):
            print(f"google: {message}", file=sys.stderr)


def _token(urn: str) -> str:
    """The resource's own type: the last part of the type chain in its URN."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def _kind(urn: str) -> Kind:
    token = _token(urn)
    if token not in KINDS:
        raise Refused(400, _unknown_type(token))
    return KINDS[token]


def _unknown_type(token: str) -> str:
    return (
        f"this stand-in for Google Cloud does not know {token}, so it cannot say whether Google would take "
        "it. "
        f"Add a row for it in sandbox/google (see table.py). It knows {', '.join(sorted(KINDS))}."
    )


def _inputs(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith("__")}


def _name(
    kind: Kind, inputs: dict[str, Any], before: Values, request: provider_pb2.CheckRequest
) -> dict[str, Any]:
    """Fill in a generated name as the real provider does: once, and kept afterwards."""
    field = kind.autoname
    if not field or inputs.get(field) is not None or shapes.inputs(kind.shape)[field].required:
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


def _difference(
    kind: Kind, found: Iterable[Change], news: Values, state: Values
) -> provider_pb2.DiffResponse:
    found = list(found)
    replaces = sorted({change.path for change in found if change.replaces})
    # A name chosen by the program cannot be taken twice, so the old object goes first; a generated one is new
    # anyway.
    chosen = kind.autoname and kind.autoname not in news.get(_GENERATED, [])
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({change.path.split(".")[0].split("[")[0] for change in found}),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces and chosen and news.get(kind.autoname) == state.get(kind.autoname)),
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=_KINDS_OF_CHANGE[change.how, change.replaces])
            for change in found
        },
        hasDetailedDiff=True,
    )

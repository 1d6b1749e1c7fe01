"""The part of Pulumi's provider protocol (pulumi/provider.proto) that every stand-in answers alike."""

# ruff: noqa: ARG002 - the signatures are gRPC's

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from concurrent import futures
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.provider import wire
from sandbox.provider.wire import Json

_MESSAGE_BYTES = 400 * 1024 * 1024
_PROPERTY_DIFF = provider_pb2.PropertyDiff
_PROPERTY_DIFFS = {
    ("add", False): _PROPERTY_DIFF.ADD,
    ("add", True): _PROPERTY_DIFF.ADD_REPLACE,
    ("update", False): _PROPERTY_DIFF.UPDATE,
    ("update", True): _PROPERTY_DIFF.UPDATE_REPLACE,
    ("delete", False): _PROPERTY_DIFF.DELETE,
    ("delete", True): _PROPERTY_DIFF.DELETE_REPLACE,
}
Method = TypeVar("Method", bound=Callable[..., Any])


def serve(provider: Provider, threads: int) -> tuple[grpc.Server, int]:
    """Start a provider on a free port of this machine only; the server (`.stop` ends it) and its port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(threads, thread_name_prefix=provider.NAME),
        options=[
            ("grpc.max_receive_message_length", _MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def answers_refusals(method: Method) -> Method:
    """Let a refusal reach the engine in its own words, without this program's stack, which would tell the
    reader nothing. An error that is no refusal (see `Provider.status`) is still a crash."""

    @wraps(method)
    def wrapper(self: Provider, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except Exception as error:
            status = self.status(error)
            if status is None:
                raise
            context.abort(status, str(error))

    return wrapper  # type: ignore[return-value]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A provider as the engine meets it before it asks about any resource."""

    NAME: str
    VERSION: str
    """The version of the real provider that this one stands in for."""
    UNCOMPARED_SETTINGS: frozenset[str] = frozenset()
    """Settings of the provider that may change without anybody being told."""

    def __init__(self) -> None:
        self._engine = ""

    def status(self, error: Exception) -> grpc.StatusCode | None:
        """The status with which this error is answered; None for an error that is no refusal but a mistake
        in the provider."""
        raise NotImplementedError

    def replaced_by(self, setting: str, old: Json, new: Json) -> bool:
        """Whether a change of this provider setting replaces everything that the provider created."""
        return False

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
        return plugin_pb2.PluginInfo(version=self.VERSION)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        old = wire.read(request.old_inputs) or wire.read(request.olds)
        new = wire.read(request.news)
        settings = (old.keys() | new.keys()) - self.UNCOMPARED_SETTINGS
        changed = sorted(setting for setting in settings if old.get(setting) != new.get(setting))
        return provider_pb2.DiffResponse(
            changes=some(changed),
            diffs=changed,
            replaces=[setting for setting in changed if self.replaced_by(setting, old, new)],
        )

    def log(self, urn: str, message: str) -> None:
        """Tell the user through the engine's own display, or on standard error when there is no engine."""
        try:
            with grpc.insecure_channel(self._engine) as channel:
                note = engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=message)
                engine_pb2_grpc.EngineStub(channel).Log(note, timeout=5)
        except (grpc.RpcError, ValueError):
            print(f"{self.NAME}: {message}", file=sys.stderr)


def token(urn: str) -> str:
    """The resource's own type, the last of the chain in `urn:pulumi:stack::project::parent$type::name`."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def some(changes: Collection[object]) -> provider_pb2.DiffResponse.DiffChanges.ValueType:
    """Whether there is any change, as the engine wants it said."""
    return provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE


def property_diff(how: str, replaces: bool, of_input: bool = False) -> provider_pb2.PropertyDiff:
    """One changed property; `how` is add, update or delete."""
    return _PROPERTY_DIFF(kind=_PROPERTY_DIFFS[how, replaces], inputDiff=of_input)

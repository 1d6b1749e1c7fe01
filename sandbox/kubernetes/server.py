"""The provider's gRPC side: the `kubernetes` provider as the Pulumi engine sees it.

Refusals end up in the engine's diagnostics, so each says what is wrong, what follows from it, and what to do
instead.
"""

# ruff: noqa: ARG002 - the signatures are gRPC's

from __future__ import annotations

import importlib.metadata
import json
import os
import threading
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2

from sandbox.apiserver import ApiServer, ApiServerError
from sandbox.kubernetes import kubeconfig, lifecycle, manifest, release
from sandbox.kubernetes.cluster import Cluster, ClusterError
from sandbox.provider import protocol, wire
from sandbox.provider.protocol import answers_refusals
from sandbox.provider.wire import UNKNOWN, Json
from sandbox.tools import ToolError

_THREADS = 8
_DELETE_SECONDS = 300.0
_FORGET_UNREACHABLE = "PULUMI_K8S_DELETE_UNREACHABLE"
"""The real provider's setting: deleting an object in a cluster that is gone only takes it out of the
state."""
_REFUSALS = (ApiServerError, ToolError, ClusterError, manifest.ManifestError, kubeconfig.KubeconfigError)


def serve(apiserver: ApiServer) -> tuple[grpc.Server, int]:
    """Start the provider on a free port of this machine only; the running server and its port."""
    return protocol.serve(KubernetesProvider(apiserver), _THREADS)


class KubernetesProvider(protocol.Provider):
    """The `kubernetes` provider. One serves every provider resource of a program, because there is one
    cluster."""

    NAME = "kubernetes"
    VERSION = importlib.metadata.version("pulumi-kubernetes")
    UNCOMPARED_SETTINGS = frozenset({"version"})

    def __init__(self, apiserver: ApiServer) -> None:
        super().__init__()
        self._apiserver = apiserver
        self._cluster: Cluster | None = None
        self._unreachable = ""
        self._configuring = threading.Lock()
        self._mutable: frozenset[str] = frozenset()

    def status(self, error: Exception) -> grpc.StatusCode | None:
        return grpc.StatusCode.UNKNOWN if isinstance(error, _REFUSALS) else None

    def replaced_by(self, setting: str, old: Json, new: Json) -> bool:
        """A kubeconfig that names another server means another cluster: everything in it is replaced."""
        text = new.get("kubeconfig")
        return setting == "kubeconfig" and text is not UNKNOWN and _server(text) != _server(old.get(setting))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        if self._cluster:
            self._cluster.stopping.set()
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        rule = _kubeconfig_problem(wire.read(request.news).get("kubeconfig"))
        failures = [provider_pb2.CheckFailure(property="kubeconfig", reason=rule)] if rule else []
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answers_refusals
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        settings: Json = wire.read(request.args) or dict(request.variables)
        with self._configuring:
            self._mutable = frozenset(
                kind for kind, setting in manifest.MAP_MUTABLE.items() if _on(settings.get(setting))
            )
            text = settings.get("kubeconfig") or settings.get("kubernetes:config:kubeconfig")
            self._cluster = None
            self._unreachable = "its kubeconfig comes from a resource that does not exist yet"
            if text is not None and text is not UNKNOWN:
                self._connect(text, _on(settings.get("enablePatchForce")))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def _connect(self, text: str, force: bool) -> None:
        target = kubeconfig.parse(text)
        try:
            kubeconfig.require_sandbox(target, self._apiserver.url)
            self._cluster = Cluster(
                target.server, self._apiserver.token, target.ca_pem or self._apiserver.ca_pem, force
            )
        except ApiServerError as error:  # the cluster is gone; what lived in it can still be forgotten
            self._unreachable = str(error)

    def _reached(self) -> Cluster:
        if self._cluster is None:
            raise ClusterError(
                f"configured Kubernetes cluster is unreachable: {self._unreachable}. If the cluster was "
                f"deleted, {_FORGET_UNREACHABLE}=true lets objects in it be deleted from the state alone."
            )
        return self._cluster

    # Resources

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        type_token = protocol.token(request.urn)
        inputs = wire.read(request.news)
        try:
            if type_token == release.TYPE:
                release.check(inputs)
            else:
                inputs = manifest.complete(type_token, inputs)
        except manifest.ManifestError as error:
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        return provider_pb2.CheckResponse(inputs=wire.write(inputs))

    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        old, new = wire.read(request.old_inputs), wire.read(request.news)
        is_release = protocol.token(request.urn) == release.TYPE
        details: dict[str, Any] = {}
        changed: set[str] = set()
        replaces: set[str] = set()
        for change in manifest.changes(old, new):
            if change.path == ("metadata", "namespace") and _same_namespace(old, new):
                continue
            top = str(change.path[0])
            replaced = (
                top in release.REPLACED_BY
                if is_release
                else manifest.replaces(change, old, new, self._mutable)
            )
            details[str(change)] = protocol.property_diff(change.how, replaced, of_input=True)
            changed.add(top)
            if replaced:
                replaces.add(top)
        return provider_pb2.DiffResponse(
            changes=protocol.some(details),
            diffs=sorted(changed),
            replaces=sorted(replaces),
            deleteBeforeReplace=bool(replaces) and _identity(is_release, old) == _identity(is_release, new),
            detailedDiff=details,
            hasDetailedDiff=True,
        )

    @answers_refusals
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        inputs = wire.read(request.properties)
        created_id, live = self._apply(protocol.token(request.urn), inputs, request.preview)
        return provider_pb2.CreateResponse(id="" if request.preview else created_id, properties=_state(live))

    @answers_refusals
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        inputs, olds = wire.read(request.news), wire.read(request.olds)
        _, live = self._apply(protocol.token(request.urn), inputs, request.preview, olds)
        return provider_pb2.UpdateResponse(properties=_state(live))

    def _apply(
        self, type_token: str, inputs: Json, preview: bool, olds: Json | None = None
    ) -> tuple[str, Json]:
        if preview and (self._cluster is None or wire.has_unknown(inputs)):
            return "", inputs
        return lifecycle.apply(self._reached(), type_token, inputs, preview, olds)

    @answers_refusals
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        inputs, then = wire.read(request.inputs), wire.read(request.properties)
        current = lifecycle.read(self._reached(), protocol.token(request.urn), request.id, inputs, then)
        if current is None:
            return provider_pb2.ReadResponse()
        inputs, outputs = current
        return provider_pb2.ReadResponse(id=request.id, inputs=wire.write(inputs), properties=_state(outputs))

    @answers_refusals
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        if self._cluster is None and os.environ.get(_FORGET_UNREACHABLE) == "true":
            return empty_pb2.Empty()
        outputs, seconds = wire.read(request.properties), request.timeout or _DELETE_SECONDS
        lifecycle.delete(self._reached(), protocol.token(request.urn), request.id, outputs, seconds)
        return empty_pb2.Empty()

    # What the sandbox does not do

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"function {request.tok}", "declare the objects themselves")

    def Call(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"method {request.tok}", "declare the objects themselves")

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"component {request.type}", "use helm.v3.Release, or declare the objects")


def _refuse(context: grpc.ServicerContext, what: str, instead: str) -> None:
    message = f"{what} is not part of the sandbox's stand-in for the kubernetes provider; {instead}"
    context.abort(grpc.StatusCode.UNIMPLEMENTED, message)


def _kubeconfig_problem(text: Any) -> str:
    """What is wrong with the provider's kubeconfig, as far as that is known; empty when nothing is."""
    if text is None:
        return (
            "missing: the real provider would take whatever cluster this machine's kubeconfig names. "
            "Pass the kubeconfig of the stack's own cluster."
        )
    if text is UNKNOWN:
        return ""
    try:
        kubeconfig.parse(text)
    except kubeconfig.KubeconfigError as error:
        return str(error)
    return ""


def _identity(is_release: bool, inputs: Json) -> tuple[str, ...]:
    return release.identity(inputs) if is_release else manifest.identity(inputs)


def _same_namespace(old: Json, new: Json) -> bool:
    return manifest.identity(old)[2] == manifest.identity(new)[2]


def _server(text: Any) -> str | None:
    try:
        return kubeconfig.parse(text).server if isinstance(text, str) else None
    except kubeconfig.KubeconfigError:
        return None


def _on(value: Any) -> bool:
    return (
        json.loads(value) is True if isinstance(value, str) and value in ("true", "false") else value is True
    )


def _state(live: Json) -> struct_pb2.Struct:
    """Outputs for the engine. The data of a Secret is secret even where the program did not mark it."""
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        live = live | {key: wire.Secret(live[key]) for key in ("data", "stringData") if key in live}
    return wire.write(live)

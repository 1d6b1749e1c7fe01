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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2

from sandbox.apiserver import ApiServerError
from sandbox.apiservers import ApiServers
from sandbox.kubernetes import kubeconfig, lifecycle, manifest, release
from sandbox.kubernetes.cluster import Cluster, ClusterError, Exists
from sandbox.provider import protocol, wire
from sandbox.provider.protocol import answers_refusals
from sandbox.provider.wire import UNKNOWN, Json
from sandbox.tools import ToolError

_THREADS = 8
_DELETE_SECONDS = 300.0
_IDENTIFIER = "clusterIdentifier"
_FORGET_UNREACHABLE = "PULUMI_K8S_DELETE_UNREACHABLE"
"""The real provider's setting: deleting an object in a cluster that is gone only takes it out of the
state."""
_AS = "EGRESS_SANDBOX_AS"
"""Names the user as whom the stand-in asks the API server, with that user's rights: one who may read no
Secrets, for example."""
_REFUSALS = (ApiServerError, ToolError, ClusterError, manifest.ManifestError, kubeconfig.KubeconfigError)


class Balancers(Protocol):
    """Whoever makes what Google Cloud has for Services of the cluster."""

    def follow(self, service: Mapping[str, Any], cluster: str) -> None:
        """A Service was created or changed."""

    def gone(self, namespace: str, name: str, cluster: str) -> None:
        """A Service was deleted."""


def serve(
    apiservers: ApiServers, balancers: Balancers | None = None, *, adopts: bool = False
) -> tuple[grpc.Server, int]:
    """Start the provider on a free port of this machine only; the running server and its port.

    Args:
        adopts: whether a run was killed and no `up` has gone through since. The engine outlives the sandbox
        for a moment and may have given up what the API server made all the same, so what the stack itself
        made is taken over.
    """
    return protocol.serve(KubernetesProvider(apiservers, balancers, adopts=adopts), _THREADS)


@dataclass(frozen=True)
class _Configured:
    """One provider resource of the program."""

    cluster: Cluster | None
    unreachable: str
    """Why there is no cluster."""
    mutable: frozenset[str]
    upserts: bool
    """Whether it creates over what is there already."""
    of: str = ""
    """The id of the cluster in Google Cloud."""

    def reached(self) -> Cluster:
        if self.cluster is None:
            raise ClusterError(
                f"configured Kubernetes cluster is unreachable: {self.unreachable}. If the cluster was "
                f"deleted, {_FORGET_UNREACHABLE}=true lets objects in it be deleted from the state alone."
            )
        return self.cluster


_NOT_CONFIGURED = _Configured(None, "the engine has not said where it is", frozenset(), upserts=False)


class KubernetesProvider(protocol.Provider):
    """The `kubernetes` provider. One serves every provider resource of a program: the engine opens a
    connection for each, by which they are told apart."""

    NAME = "kubernetes"
    VERSION = importlib.metadata.version("pulumi-kubernetes")
    UNCOMPARED_SETTINGS = frozenset({"version"})

    def __init__(
        self, apiservers: ApiServers, balancers: Balancers | None = None, *, adopts: bool = False
    ) -> None:
        super().__init__()
        self._adopts = adopts
        self._apiservers = apiservers
        self._balancers = balancers
        self._configured: dict[str, _Configured] = {}
        self._configuring = threading.Lock()

    def status(self, error: Exception) -> grpc.StatusCode | None:
        return grpc.StatusCode.UNKNOWN if isinstance(error, _REFUSALS) else None

    def replaced_by(self, setting: str, old: Json, new: Json) -> bool:
        """Another cluster, in which everything is made anew: one with another identifier, or, where none is
        given, one that the kubeconfig says anything else about, or that is not known yet."""
        before, now = old.get(_IDENTIFIER), new.get(_IDENTIFIER)
        if setting == _IDENTIFIER:
            return before is not None and now is not None
        if setting != "kubeconfig" or (now is not None and before == now):
            return False
        text = new.get("kubeconfig")
        return text is UNKNOWN or _described(text) != _described(old.get(setting))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        for one in self._configured.values():
            if one.cluster:
                one.cluster.stopping.set()
        return empty_pb2.Empty()

    def _of(self, context: grpc.ServicerContext) -> _Configured:
        return self._configured.get(context.peer(), _NOT_CONFIGURED)

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
        text = settings.get("kubeconfig") or settings.get("kubernetes:config:kubeconfig")
        of = ""
        cluster, unreachable = None, "its kubeconfig comes from a resource that does not exist yet"
        if text is not None and text is not UNKNOWN:
            try:
                cluster, of = self._connected(text, _on(settings.get("enablePatchForce")))
            except ApiServerError as error:  # the cluster is gone; what lived in it can still be forgotten
                unreachable = str(error)
        mutable = frozenset(
            kind for kind, setting in manifest.MAP_MUTABLE.items() if _on(settings.get(setting))
        )
        with self._configuring:
            self._configured[context.peer()] = _Configured(
                cluster, unreachable, mutable, _on(settings.get("upsertExistingObjects")), of
            )
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def _connected(self, text: str, force: bool) -> tuple[Cluster, str]:
        target = kubeconfig.parse(text)
        server, of = self._apiservers.at(target.server)
        kubeconfig.require_sandbox(target, server.url)
        authority = target.ca_pem or server.ca_pem
        return Cluster(target.server, server.token, authority, force, os.environ.get(_AS)), of

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
        old = manifest.compared(wire.read(request.old_inputs))
        new = manifest.compared(wire.read(request.news))
        is_release, mutable = protocol.token(request.urn) == release.TYPE, self._of(context).mutable
        details: dict[str, Any] = {}
        changed: set[str] = set()
        replaces: set[str] = set()
        for change in manifest.changes(old, new):
            if change.path == ("metadata", "namespace") and _same_namespace(old, new):
                continue
            top = str(change.path[0])
            replaced = (
                top in release.REPLACED_BY if is_release else manifest.replaces(change, old, new, mutable)
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
        inputs, of = wire.read(request.properties), self._of(context)
        try:
            created_id, live = _apply(
                of, protocol.token(request.urn), inputs, request.preview, adopts=self._adopts
            )
        except Exists as error:
            what = f'resource "{request.urn}" was not successfully created by the Kubernetes API server'
            raise Exists(f"{what}: {error}", error.status) from None
        self._follow(of, live, request.preview)
        return provider_pb2.CreateResponse(id="" if request.preview else created_id, properties=_state(live))

    @answers_refusals
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        inputs, olds = wire.read(request.news), wire.read(request.olds)
        of = self._of(context)
        _, live = _apply(of, protocol.token(request.urn), inputs, request.preview, olds)
        self._follow(of, live, request.preview)
        return provider_pb2.UpdateResponse(properties=_state(live))

    @answers_refusals
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        inputs, then = wire.read(request.inputs), wire.read(request.properties)
        cluster = self._of(context).reached()
        current = lifecycle.read(cluster, protocol.token(request.urn), request.id, inputs, then)
        if current is None:
            return provider_pb2.ReadResponse()
        inputs, outputs = current
        return provider_pb2.ReadResponse(id=request.id, inputs=wire.write(inputs), properties=_state(outputs))

    @answers_refusals
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        of = self._of(context)
        if of.cluster is None and os.environ.get(_FORGET_UNREACHABLE) == "true":
            return empty_pb2.Empty()
        outputs, seconds = wire.read(request.properties), request.timeout or _DELETE_SECONDS
        lifecycle.delete(of.reached(), protocol.token(request.urn), request.id, outputs, seconds)
        if self._balancers and _is_service(outputs):
            self._balancers.gone(outputs["metadata"]["namespace"], outputs["metadata"]["name"], of.of)
        return empty_pb2.Empty()

    def _follow(self, of: _Configured, live: Json, preview: bool) -> None:
        if self._balancers and not preview and _is_service(live):
            self._balancers.follow(live, of.of)

    # What the sandbox does not do

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"function {request.tok}", "declare the objects themselves")

    def Call(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"method {request.tok}", "declare the objects themselves")

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        _refuse(context, f"component {request.type}", "use helm.v3.Release, or declare the objects")


def _apply(
    of: _Configured,
    type_token: str,
    inputs: Json,
    preview: bool,
    olds: Json | None = None,
    *,
    adopts: bool = False,
) -> tuple[str, Json]:
    if preview and (of.cluster is None or wire.has_unknown(inputs)):
        return "", inputs
    return lifecycle.apply(of.reached(), type_token, inputs, preview, olds, upserts=of.upserts, adopts=adopts)


def _is_service(live: Json) -> bool:
    return (live.get("apiVersion"), live.get("kind")) == ("v1", "Service")


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


def _described(text: Any) -> object:
    """What a kubeconfig says about its cluster: where it is, and whom to trust there."""
    try:
        target = kubeconfig.parse(text) if isinstance(text, str) else None
    except kubeconfig.KubeconfigError:
        return None
    return target and (target.server, target.ca_pem)


def _on(value: Any) -> bool:
    return (
        json.loads(value) is True if isinstance(value, str) and value in ("true", "false") else value is True
    )


def _state(live: Json) -> struct_pb2.Struct:
    """Outputs for the engine. The data of a Secret is secret even where the program did not mark it."""
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        live = live | {key: wire.Secret(live[key]) for key in ("data", "stringData") if key in live}
    return wire.write(live)

"""The provider's gRPC service: what the engine asks, answered from the sandbox's API server.

The protocol is the one of every Pulumi provider (pulumi/provider.proto). Errors are said to people: they end
up in the engine's diagnostics, so they say what, with which consequence, and what to do instead.
"""

# ruff: noqa: ARG002 - the signatures are gRPC's

from __future__ import annotations

import importlib.metadata
import json
import os
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.apiserver import ApiServer, ApiServerError
from sandbox.kubernetes import kubeconfig, manifest, namespace, release, wire
from sandbox.kubernetes.cluster import Cluster, ClusterError, Kind, UnknownKind
from sandbox.kubernetes.wire import UNKNOWN, Json
from sandbox.tools import ToolError

VERSION = importlib.metadata.version("pulumi-kubernetes")
"""The version of the real provider that this one stands in for: the one the program's package belongs to."""

_THREADS = 8
_DELETE_SECONDS = 300.0
_MESSAGE_BYTES = 400 * 1024 * 1024
_FORGET_UNREACHABLE = "PULUMI_K8S_DELETE_UNREACHABLE"
"""The real provider's setting: deleting an object in a cluster that is gone only takes it out of the
state."""
_SAID_IN_WORDS = (ApiServerError, ToolError, ClusterError, manifest.ManifestError, kubeconfig.KubeconfigError)

_Answer = TypeVar("_Answer")
_PropertyDiff = provider_pb2.PropertyDiff
_KINDS_OF_CHANGE = {
    "add": (_PropertyDiff.ADD, _PropertyDiff.ADD_REPLACE),
    "delete": (_PropertyDiff.DELETE, _PropertyDiff.DELETE_REPLACE),
    "update": (_PropertyDiff.UPDATE, _PropertyDiff.UPDATE_REPLACE),
}


def serve(apiserver: ApiServer) -> tuple[grpc.Server, int]:
    """Starts the provider on a free port of 127.0.0.1; returns the server (stop it with `.stop`) and the
    port."""
    limits = [
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(apiserver), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider. All provider resources of a program are this one object, since there is one cluster."""

    def __init__(self, apiserver: ApiServer) -> None:
        self._apiserver = apiserver
        self._cluster: Cluster | None = None
        self._unreachable = ""
        self._configuring = threading.Lock()
        self._mutable: frozenset[str] = frozenset()

    # The provider itself

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._cluster:
            self._cluster.stopping.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        config = wire.plain(request.news)
        failures = []
        text = config.get("kubeconfig")
        if text is None:
            failures.append(
                provider_pb2.CheckFailure(
                    property="kubeconfig",
                    reason="missing: the real provider would take whatever cluster this machine's kubeconfig "
                    "names. "
                    "Pass the kubeconfig of the stack's own cluster.",
                )
            )
        elif text != UNKNOWN:
            try:
                kubeconfig.parse(text)
            except kubeconfig.KubeconfigError as error:
                failures.append(provider_pb2.CheckFailure(property="kubeconfig", reason=str(error)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A kubeconfig that names another server means another cluster: everything in it is replaced."""
        old = wire.plain(request.old_inputs) or wire.plain(request.olds)
        new = wire.plain(request.news)
        changed = sorted(
            key for key in (old.keys() | new.keys()) - {"version"} if old.get(key) != new.get(key)
        )
        replaced = "kubeconfig" in changed and _server(old.get("kubeconfig")) != _server(
            new.get("kubeconfig")
        )
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=["kubeconfig"] if replaced and new.get("kubeconfig") != UNKNOWN else [],
        )

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        config = wire.plain(request.args) or dict(request.variables)
        return self._said(context, provider_pb2.ConfigureResponse, lambda: self._configure(config))

    def _configure(self, config: Json) -> Any:
        with self._configuring:
            self._mutable = frozenset(
                k for k, setting in manifest.MAP_MUTABLE.items() if _on(config.get(setting))
            )
            text = config.get("kubeconfig") or config.get("kubernetes:config:kubeconfig")
            self._cluster, self._unreachable = (
                None,
                "its kubeconfig comes from a resource that does not exist yet",
            )
            if text not in (None, UNKNOWN):
                self._connect(text, _on(config.get("enablePatchForce")))
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

    # Resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token = _type(request.urn)
        inputs = wire.plain(request.news)
        try:
            if type_token == release.TYPE:
                release.check(inputs)
            else:
                inputs = manifest.complete(type_token, inputs)
        except manifest.ManifestError as error:
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        return provider_pb2.CheckResponse(inputs=wire.struct(inputs))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        old, new = wire.plain(request.old_inputs), wire.plain(request.news)
        is_release = _type(request.urn) == release.TYPE
        details: dict[str, Any] = {}
        replaces: list[str] = []
        diffs: list[str] = []
        for change in manifest.changes(old, new):
            if change.path == ("metadata", "namespace") and _same_namespace(old, new):
                continue
            top = str(change.path[0])
            replaced = (
                top in release.REPLACED_BY
                if is_release
                else manifest.replaces(change, old, new, self._mutable)
            )
            kind = _KINDS_OF_CHANGE[change.how][replaced]
            details[str(change)] = _PropertyDiff(kind=kind, inputDiff=True)
            diffs.append(top)
            if replaced:
                replaces.append(top)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if details else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted(set(diffs)),
            replaces=sorted(set(replaces)),
            deleteBeforeReplace=bool(replaces) and _identity(is_release, old) == _identity(is_release, new),
            detailedDiff=details,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs = wire.plain(request.properties)

        def create() -> Any:
            created_id, live = self._apply(_type(request.urn), inputs, request.preview)
            return provider_pb2.CreateResponse(
                id="" if request.preview else created_id, properties=_state(live)
            )

        return self._said(context, provider_pb2.CreateResponse, create)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs, olds = wire.plain(request.news), wire.plain(request.olds)

        def update() -> Any:
            _, live = self._apply(_type(request.urn), inputs, request.preview, olds)
            return provider_pb2.UpdateResponse(properties=_state(live))

        return self._said(context, provider_pb2.UpdateResponse, update)

    def _apply(
        self, type_token: str, inputs: Json, preview: bool, olds: Json | None = None
    ) -> tuple[str, Json]:
        if preview and (self._cluster is None or wire.has_unknown(inputs)):
            return "", inputs
        cluster = self._reached()
        if type_token == release.TYPE:
            revision = int(wire.at(olds, ("status", "revision")) or 0) + 1
            live = inputs if preview else release.install(cluster, inputs, revision)
            return "/".join(release.identity(inputs)), live
        api_version, kind_name, where, name = manifest.identity(inputs)
        try:
            kind = cluster.kind(api_version, kind_name, 0 if preview else 15)
        except UnknownKind:
            if preview:
                return "", inputs
            raise
        if preview and not _can_dry_run(cluster, kind, where, name, creates=olds is None):
            return "", inputs
        live = cluster.apply(kind, where, inputs, dry_run=preview)
        if (
            preview
        ):  # of an object to be created, nothing that the server invents (uid, addresses) is known yet
            return "", manifest.previewed(live) if olds else inputs
        if kind_name == "CustomResourceDefinition":
            cluster.forget_kinds()
        return (f"{where}/{name}" if kind.namespaced else name), manifest.outputs(live)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs, then = wire.plain(request.inputs), wire.plain(request.properties)

        def read() -> Any:
            found = self._read(_type(request.urn), request.id, inputs, then)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=request.id, inputs=wire.struct(found[0]), properties=_state(found[1])
            )

        return self._said(context, provider_pb2.ReadResponse, read)

    def _read(self, type_token: str, object_id: str, inputs: Json, then: Json) -> tuple[Json, Json] | None:
        cluster = self._reached()
        where, _, name = object_id.rpartition("/")
        if type_token == release.TYPE:
            return release.read(cluster, inputs, where, name)
        api_version, kind_name = manifest.kind_of(type_token)
        try:
            kind = cluster.kind(api_version, kind_name, 0)
        except UnknownKind:
            return None
        live = cluster.get(kind, where or manifest.DEFAULT_NAMESPACE, name)
        if live is None:
            return None
        now = manifest.outputs(live)
        return (manifest.drifted(inputs, then, now) if inputs else manifest.imported(live)), now

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._said(context, empty_pb2.Empty, lambda: self._delete(request))

    def _delete(self, request: Any) -> Any:
        if self._cluster is None and os.environ.get(_FORGET_UNREACHABLE) == "true":
            return empty_pb2.Empty()
        cluster, type_token = self._reached(), _type(request.urn)
        seconds = request.timeout or _DELETE_SECONDS
        where, _, name = request.id.rpartition("/")
        if type_token == release.TYPE:
            release.uninstall(cluster, wire.plain(request.properties), where, name, seconds)
            return empty_pb2.Empty()
        api_version, kind_name = manifest.kind_of(type_token)
        try:
            kind = cluster.kind(api_version, kind_name, 0)
        except UnknownKind:  # its definition went first, and took the object along
            return empty_pb2.Empty()
        if (api_version, kind_name) == ("v1", "Namespace"):
            namespace.delete(cluster, kind, name, seconds)
        else:
            cluster.delete_and_wait(kind, where or manifest.DEFAULT_NAMESPACE, name, seconds)
        return empty_pb2.Empty()

    # What the sandbox does not do

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._refuse(context, f"function {request.tok}", "declare the objects themselves")

    def Call(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._refuse(context, f"method {request.tok}", "declare the objects themselves")

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._refuse(
            context, f"component {request.type}", "use helm.v3.Release, or declare the objects"
        )

    def _refuse(self, context: grpc.ServicerContext, what: str, instead: str) -> Any:
        message = f"{what} is not part of the sandbox's stand-in for the kubernetes provider; {instead}"
        context.abort(grpc.StatusCode.UNIMPLEMENTED, message)

    def _reached(self) -> Cluster:
        if self._cluster is None:
            raise ClusterError(
                f"configured Kubernetes cluster is unreachable: {self._unreachable}. If the cluster was "
                "deleted, "
                f"{_FORGET_UNREACHABLE}=true lets objects in it be deleted from the state alone."
            )
        return self._cluster

    def _said(
        self, context: grpc.ServicerContext, empty: type[_Answer], ask: Callable[[], _Answer]
    ) -> _Answer:
        """The answer; or the error in words, without this program's stack, which is no news to the reader."""
        try:
            return ask()
        except _SAID_IN_WORDS as error:
            context.set_code(grpc.StatusCode.UNKNOWN)
            context.set_details(str(error))
            return empty()


def _can_dry_run(cluster: Cluster, kind: Kind, where: str, name: str, creates: bool) -> bool:
    """Whether the API server can judge the object now: its namespace exists, and it does not replace what is
    there."""
    if kind.namespaced and cluster.get(cluster.kind("v1", "Namespace"), None, where) is None:
        return False
    return not (creates and cluster.get(kind, where, name))


def _type(urn: str) -> str:
    """The resource's own type out of its URN: `urn:pulumi:stack::project::parent$type::name`."""
    return urn.split("::")[2].rpartition("$")[2]


def _identity(is_release: bool, inputs: Json) -> tuple[str, ...]:
    return release.identity(inputs) if is_release else manifest.identity(inputs)


def _same_namespace(old: Json, new: Json) -> bool:
    return manifest.identity(old)[2] == manifest.identity(new)[2]


def _server(text: Any) -> str | None:
    try:
        return kubeconfig.parse(text).server
    except (kubeconfig.KubeconfigError, AttributeError):
        return None


def _on(value: Any) -> bool:
    return (
        json.loads(value) is True if isinstance(value, str) and value in ("true", "false") else value is True
    )


def _state(live: Json) -> Any:
    """Outputs for the engine. What a Secret holds is a secret even where the program did not mark it."""
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        live = live | {key: wire.secret(live[key]) for key in ("data", "stringData") if key in live}
    return wire.struct(live)


def find_id(apiserver: ApiServer, state: Json) -> str | None:
    """The id of an object whose creation was interrupted, if it exists: by the manifest, which always states
    a name."""
    if not apiserver.running():
        return None
    cluster = Cluster(apiserver.url, apiserver.token, apiserver.ca_pem)
    inputs: Json = state.get("inputs") or {}
    if state["type"] == release.TYPE:
        where, name = release.identity(inputs)
        return f"{where}/{name}" if release.read(cluster, inputs, where, name) else None
    api_version, kind_name, where, name = manifest.identity(inputs)
    try:
        kind = cluster.kind(api_version, kind_name, 0)
    except UnknownKind:
        return None
    if cluster.get(kind, where, name) is None:
        return None
    return f"{where}/{name}" if kind.namespaced else name

"""Create, update, read and delete one object or one release, in the sandbox's API server."""

from __future__ import annotations

from sandbox.apiserver import ApiServer
from sandbox.kubernetes import manifest, namespace, release
from sandbox.kubernetes.cluster import KIND_SECONDS, Cluster, Kind, UnknownKind
from sandbox.provider.wire import Json


def apply(
    cluster: Cluster,
    type_token: str,
    inputs: Json,
    preview: bool,
    olds: Json | None = None,
    *,
    upserts: bool = False,
    adopts: bool = False,
) -> tuple[str, Json]:
    """Create it, or update it when there are `olds`; its id and outputs. A preview changes nothing, and has
    no id.

    Args:
        upserts: whether an object that is there already is taken over by its creation.
        adopts: whether it is where it was this program that created it.

    Raises:
        Exists: there is one already.
    """
    if type_token == release.TYPE:
        revision = int(manifest.at(olds, ("status", "revision")) or 0) + 1
        live = inputs if preview else release.install(cluster, inputs, revision)
        return "/".join(release.identity(inputs)), live
    api_version, kind_name, where, name = manifest.identity(inputs)
    try:
        kind = cluster.kind(api_version, kind_name, 0 if preview else KIND_SECONDS)
    except UnknownKind:
        if preview:
            return "", inputs
        raise
    if preview and not _can_dry_run(cluster, kind, where, name, creates=olds is None):
        return "", inputs
    if adopts and not preview and olds is None:
        upserts = upserts or cluster.created(kind, where, name)
    if olds is None and not upserts:
        live = cluster.create(kind, where, inputs, dry_run=preview)
    else:
        live = cluster.apply(kind, where, inputs, dry_run=preview)
    if preview:  # what the server makes up for a new object (uid, addresses) is not known yet
        return "", manifest.previewed(live) if olds else inputs
    if kind_name == "CustomResourceDefinition":
        cluster.forget_kinds()
    return _id(kind, where, name), manifest.outputs(live)


def _id(kind: Kind, where: str, name: str) -> str:
    return f"{where}/{name}" if kind.namespaced else name


def _can_dry_run(cluster: Cluster, kind: Kind, where: str, name: str, creates: bool) -> bool:
    """Whether the API server can judge the object now: its namespace exists, and an object that is to be
    created does not exist yet."""
    if kind.namespaced and cluster.get(cluster.kind("v1", "Namespace"), None, where) is None:
        return False
    return not (creates and cluster.get(kind, where, name))


def read(
    cluster: Cluster, type_token: str, object_id: str, inputs: Json, then: Json
) -> tuple[Json, Json] | None:
    """The inputs as they would read today, and the outputs; None when the object is gone. `then` are the
    outputs when it was last seen."""
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


def delete(cluster: Cluster, type_token: str, object_id: str, outputs: Json, seconds: float) -> None:
    """Delete it, and wait at most `seconds` until it is gone."""
    where, _, name = object_id.rpartition("/")
    if type_token == release.TYPE:
        release.uninstall(cluster, outputs, where, name, seconds)
        return
    api_version, kind_name = manifest.kind_of(type_token)
    try:
        kind = cluster.kind(api_version, kind_name, 0)
    except UnknownKind:  # its definition was deleted first, and the object with it
        return
    if (api_version, kind_name) == ("v1", "Namespace"):
        namespace.delete(cluster, kind, name, seconds)
    else:
        cluster.delete_and_wait(kind, where or manifest.DEFAULT_NAMESPACE, name, seconds)


def find_id(apiserver: ApiServer, state: Json) -> str | None:
    """The id of an object whose creation was interrupted, if it exists. It is found by its manifest, which
    always states a name."""
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
    return _id(kind, where, name) if cluster.get(kind, where, name) is not None else None

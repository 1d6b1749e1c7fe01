"""Emptying a deleted namespace.

In a cluster the controller manager does this. An API server alone marks the namespace as terminating, refuses
new objects in it, and then waits until it has been emptied and finalized. This module does both.
"""

from __future__ import annotations

from sandbox.kubernetes.cluster import Cluster, ClusterError, Kind


def delete(cluster: Cluster, kind: Kind, name: str, seconds: float) -> None:
    """Deletes the namespace with everything in it, and waits (at most `seconds`) until it is gone."""
    if not cluster.delete(kind, None, name):
        return
    cluster.wait(lambda: _empty(cluster, name), seconds, f"namespace {name} is to be empty")
    _finalize(cluster, kind, name)
    cluster.wait(lambda: cluster.get(kind, None, name) is None, seconds, f"namespace {name} is to be deleted")


def _empty(cluster: Cluster, name: str) -> bool:
    """Requests the deletion of everything in the namespace; True once nothing is left."""
    empty = True
    for kind in cluster.namespaced_kinds():
        for item in _items(cluster, kind, name):
            cluster.delete(kind, name, item)
            empty = False
    return empty


def _items(cluster: Cluster, kind: Kind, namespace: str) -> list[str]:
    try:
        listing = cluster.request("GET", kind.path(namespace))
    except ClusterError as error:
        if error.status in (404, 405):  # the kind has gone meanwhile, or cannot be listed after all
            return []
        raise
    return [item["metadata"]["name"] for item in listing.get("items") or []]


def _finalize(cluster: Cluster, kind: Kind, name: str) -> None:
    live = cluster.get(kind, None, name)
    if live is None:
        return
    live["spec"] = {"finalizers": []}
    try:
        cluster.request("PUT", f"{kind.path(None, name)}/finalize", live)
    except ClusterError as error:
        if error.status != 404:
            raise

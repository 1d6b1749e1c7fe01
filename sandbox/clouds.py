"""The clouds of a sandbox, asked for what the engine may have lost sight of or left behind."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import recovery
from sandbox.apiserver import ApiServer
from sandbox.apiservers import ApiServers
from sandbox.google.cloud import Cloud
from sandbox.kubernetes.lifecycle import find_id as find_id_in_cluster

CLUSTER = "gcp:container/cluster:Cluster"


@dataclass(frozen=True)
class Clouds(recovery.Clouds):
    """Google Cloud and the cluster of one sandbox."""

    google: Cloud
    apiservers: ApiServers
    own: ApiServer
    """Of the stack that is at work."""

    def find_id(self, state: recovery.State) -> str | None:
        """The id of an object whose creation was interrupted, if it exists."""
        if state["type"].startswith("kubernetes:"):
            return find_id_in_cluster(self.own, state)
        return next(
            (resource.id for resource in self.google.everything() if resource.urn == state["urn"]), None
        )

    def discard(self, urn: str, kept: str) -> None:
        """Removes an unfinished replacement of an object of Google Cloud. In the cluster there is none:
        there the old object is deleted first."""
        for resource in list(self.google.everything()):
            if resource.urn == urn and resource.id != kept and not resource.acknowledged:
                self.google.remove(resource.id)

    def leftovers(self) -> list[str]:
        """What is left although no stack holds anything. An API server without a cluster is wiped first."""
        left = [f"{resource['type']} {resource['id']}" for resource in self.google.leftovers()]
        if not any(self.google.of_type(CLUSTER)):
            self.apiservers.first.wipe(keep_address=True)  # started early for a cluster that never came
            return left
        left += [f"API server {server.url}" for server in self.apiservers.every() if server.running()]
        return left

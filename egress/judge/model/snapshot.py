"""What is judged: Kubernetes objects and Google resources as they are, wherever they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from egress.common.objects import Resource
from egress.judge.model.flow import Verdict
from egress.judge.model.kinds import group, is_foreign
from egress.judge.model.required_fields import missing

Manifest = Mapping[str, Any]
_IN_NETWORKS = ("gcp:compute/subnetwork:Subnetwork", "gcp:container/cluster:Cluster")


def identity(manifest: Manifest) -> str:
    """`[namespace/]kind/name`, as everywhere in this project; `kind.group` where another API calls a kind as
    one that is read."""
    metadata = manifest["metadata"]
    kind = manifest["kind"].lower()
    if is_foreign(manifest):
        kind = f"{kind}.{group(manifest) or 'core'}"
    return "/".join(filter(None, (metadata.get("namespace"), kind, metadata["name"])))


@dataclass(frozen=True)
class Snapshot:
    """Every object of every layer, as far as somebody handed it over."""

    kubernetes: tuple[Manifest, ...]
    google: tuple[Resource, ...]
    planned: bool = False
    """Whether it is what a config renders: of Google's resources then only those that judges read, with what
    the program sets."""
    answered_elsewhere: frozenset[str] = frozenset()
    """Domains for which a private zone answers that is not among the resources, as somebody said who knows
    the network: a company's own zone, which another project holds."""

    @classmethod
    def of(cls, kubernetes: Iterable[Manifest], google: Iterable[Resource]) -> Snapshot:
        return cls(tuple(kubernetes), tuple(google))

    @cached_property
    def broken(self) -> dict[int, Verdict]:
        """What is to be said of each object that lacks a field that it must have; the key is the object's
        `id`."""
        found = {
            id(item): missing(item["kind"], identity(item), item)
            for item in self.kubernetes
            if not is_foreign(item)
        }
        found |= {id(item): missing(item.type, item.identity, item.properties) for item in self.google}
        return {key: verdict for key, verdict in found.items() if verdict}

    @cached_property
    def _by_kind(self) -> dict[str, list[Manifest]]:
        found: dict[str, list[Manifest]] = {}
        for manifest in self.kubernetes:
            if id(manifest) not in self.broken and not is_foreign(manifest):
                found.setdefault(manifest["kind"], []).append(manifest)
        return found

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.google:
            if id(resource) not in self.broken:
                found.setdefault(resource.type, []).append(resource)
        return found

    def kind(self, kind: str) -> list[Manifest]:
        """The whole Kubernetes objects of a kind, in the order in which they were handed over. Of kinds that
        judges read, those of the API that has them so (kinds.py)."""
        return self._by_kind.get(kind, [])

    def resources(self, type_token: str) -> list[Resource]:
        """The whole Google resources of a type, e.g. `gcp:compute/firewall:Firewall`."""
        return self._by_type.get(type_token, [])

    @cached_property
    def networks(self) -> frozenset[str]:
        """Names of the clusters' networks, as far as somebody said which those are."""
        found = (item.properties.get("network") for kind in _IN_NETWORKS for item in self.resources(kind))
        return frozenset(str(network).rsplit("/", 1)[-1] for network in found if network)

    def in_our_network(self, network: object) -> bool:
        """Whether a network, by its path or name, may be the clusters'."""
        return not self.networks or str(network).rsplit("/", 1)[-1] in self.networks

    @cached_property
    def namespace_labels(self) -> dict[str, dict[str, str]]:
        """Labels of every Namespace, with the one that the API server sets on each by itself."""
        return {
            manifest["metadata"]["name"]: {
                **(manifest["metadata"].get("labels") or {}),
                "kubernetes.io/metadata.name": manifest["metadata"]["name"],
            }
            for manifest in self.kind("Namespace")
        }


def part(mapping: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at a path of keys; an empty one where something on the way is absent."""
    found: Any = mapping
    for key in path:
        found = found.get(key) or {}
    return found


def listed(mapping: Mapping[str, Any], *path: str) -> Sequence[Any]:
    """The list at a path of keys; an empty one where something on the way is absent."""
    *above, last = path
    return (part(mapping, *above) if above else mapping).get(last) or ()

"""Which pods stand behind a selector, and on which node pool they run.

Understood: the pod templates of Deployments with their labels, service account and
`cloud.google.com/gke-nodepool` selector; node pools with their service account and taints. Several
Deployments behind one selector, pools whose nodes run as several accounts, and a pool that nobody handed over
are not.
Source: Kubernetes, "Assigning Pods to Nodes", "Taints and Tolerations"; GKE, "About node pools".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

POOL_LABEL = "cloud.google.com/gke-nodepool"
POOLS = "gcp:container/nodePool:NodePool"
_SOFT = "PREFER_NO_SCHEDULE"


@dataclass(frozen=True)
class Pool:
    """One node pool. `email` is the Google service account that its nodes run as."""

    name: str
    email: str
    tainted: bool
    """Whether a taint keeps pods off that do not tolerate it; one that is only a wish does not."""
    kept_for: str = ""
    """What such a taint says that its nodes are for, where the pool's name begins with it; else its name."""


@dataclass(frozen=True)
class _Workload:
    """A Deployment's pods, or some that nobody handed over."""

    by: str | None
    labels: Mapping[str, str]
    pod: Pod
    wanted_pool: str | None = None

    def has(self, selector: Mapping[str, str]) -> bool:
        return selector.items() <= self.labels.items()


class Workloads:
    """The cluster's known pods and node pools."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.pools: dict[str, Pool] = {}
        for resource in snapshot.resources(POOLS):
            config = part(resource.properties, "nodeConfig")
            name = str(resource.properties.get("name") or resource.name)
            held = [taint for taint in listed(config, "taints") if taint.get("effect") != _SOFT]
            value = str(held[0].get("value") or "") if len(held) == 1 else ""
            kept_for = value if value and name.startswith(f"{value}-") else name
            self.pools[name] = Pool(name, config.get("serviceAccount") or "", bool(held), kept_for)
        templates = [
            (manifest, part(manifest, "spec", "template")) for manifest in snapshot.kind("Deployment")
        ]
        self._named = {part(template, "spec", "nodeSelector").get(POOL_LABEL) for _, template in templates}
        self._workloads: list[_Workload] = []
        self._labelled: dict[tuple[str, str, str], list[_Workload]] = {}
        self._unknown: dict[str, list[_Workload]] = {}
        for manifest, template in templates:
            workload = self._workload(manifest, template)
            self._workloads.append(workload)
            for key, value in workload.labels.items():
                self._labelled.setdefault((workload.pod.namespace, key, value), []).append(workload)

    def _workload(self, manifest: Manifest, template: Mapping[str, Any]) -> _Workload:
        spec, labels = part(template, "spec"), part(template, "metadata", "labels")
        account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        wanted = part(spec, "nodeSelector").get(POOL_LABEL)
        email = self.pools[wanted].email if wanted in self.pools else self.application_pool
        return _Workload(
            identity(manifest), labels, Pod(manifest["metadata"]["namespace"], labels, account, email), wanted
        )

    @cached_property
    def application_pool(self) -> str:
        """The service account of the nodes that every pod may run on: of a pool that is nobody's own."""
        return next((pool.email for pool in self.pools.values() if pool not in self.own_pools), "")

    @cached_property
    def own_pools(self) -> list[Pool]:
        """Pools that a taint keeps for somebody, or that some workload names as its own."""
        return [pool for pool in self.pools.values() if pool.tainted or pool.name in self._named]

    def behind(self, namespace: str, selector: Mapping[str, str]) -> Pod:
        """The pods that a selector chooses; where none is known, a pod of the namespace with just these
        labels."""
        if meant := self._meant(namespace, selector):
            return meant[0].pod
        unknown = self._unknown.setdefault(namespace, [])
        found = next((one for one in unknown if selector and one.has(selector)), None)
        if found is None:
            labels = dict(selector)
            found = _Workload(None, labels, Pod(namespace, labels, pool=self.application_pool))
            unknown.append(found)
        return found.pod

    def unread(self, snapshot: Snapshot) -> Iterator[tuple[str, Verdict]]:
        """What is not understood about where pods run and which are meant, by the namespace that it concerns;
        empty: all."""
        free = [pool for pool in self.pools.values() if pool not in self.own_pools]
        if other := next((pool for pool in free if pool.email != free[0].email), None):
            reason = (
                f"Pods may run there and on {free[0].name}, which runs as another account: where a pod "
                "runs is not known here."
            )
            yield "", _doubt(Layer.FIREWALL, f"nodepool/{other.name}", "nodeConfig.serviceAccount", reason)
        for workload in self._workloads if self.pools else ():
            if workload.wanted_pool and workload.wanted_pool not in self.pools:
                reason = (
                    f"No node pool {workload.wanted_pool} was handed over: where these pods run is not "
                    "known here."
                )
                yield (
                    workload.pod.namespace,
                    _doubt(Layer.FIREWALL, workload.by, "spec.template.spec.nodeSelector", reason),
                )
        asked: set[str] | None = None
        for manifest in (*snapshot.kind("Service"), *snapshot.kind("Gateway")):
            namespace, selector = manifest["metadata"]["namespace"], part(manifest, "spec", "selector")
            meant = self._meant(namespace, selector)
            if len(meant) > 1:
                asked = _asked_labels(snapshot) if asked is None else asked
                told = next((other for other in meant[1:] if _told_apart(meant[0], other, asked)), None)
                if told:
                    reason = (
                        f"It means pods of {meant[0].by} and of {told.by}, which something tells "
                        "apart: "
                        "that is not read."
                    )
                    yield namespace, _doubt(Layer.SIDECAR, identity(manifest), "spec.selector", reason)

    def _meant(self, namespace: str, selector: Mapping[str, str]) -> list[_Workload]:
        label = next(iter(selector.items()), None)
        found = self._labelled.get((namespace, *label), ()) if label else ()
        return [workload for workload in found if workload.has(selector)]


def _told_apart(first: _Workload, other: _Workload, asked: set[str]) -> bool:
    """Whether two workloads' pods differ in what somebody asks for."""
    labels = {key for key, _ in first.labels.items() ^ other.labels.items()}
    same = (first.pod.service_account, first.pod.pool) == (other.pod.service_account, other.pod.pool)
    return not same or not labels.isdisjoint(asked)


def _asked_labels(snapshot: Snapshot) -> set[str]:
    """Every key that some object asks of pods' labels."""
    return {
        key
        for manifest in snapshot.kubernetes
        if manifest["kind"] != "Deployment"
        for key in _keys(manifest.get("spec"))
    }


def _keys(written: Any, labels: bool = False) -> Iterator[str]:
    """Every key that a part of an object asks of labels; `labels`: whether it is a mapping of labels
    itself."""
    if isinstance(written, list):
        for entry in cast("list[Any]", written):
            yield from _keys(entry)
    elif isinstance(written, Mapping):
        fields = cast("Mapping[str, Any]", written)
        if labels:
            yield from fields
        elif "operator" in fields:
            yield str(fields.get("key"))
        for name, below in fields.items():
            yield from _keys(below, name in ("matchLabels", "labels", "selector"))


def _doubt(layer: Layer, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(layer, Outcome.NOT_UNDERSTOOD, by, field, reason)

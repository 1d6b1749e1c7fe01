"""Objects in one form, wherever they were read: without what an API server, the provider or Pulumi adds by
itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from egress.common.names import REPAIRED
from egress.common.objects import Resource
from egress.judge.model.snapshot import Manifest, Snapshot, identity, part

LINKS = ("https://www.googleapis.com/compute/v1/", "https://compute.googleapis.com/compute/v1/")
"""What Google writes before the path of a resource; both mean the same."""
_METADATA = ("labels", "annotations")
_ADDED = (
    *("pulumi.com/", "kubectl.kubernetes.io/", "deployment.kubernetes.io/", "kubernetes.io/metadata.name"),
    REPAIRED,
)
"""Labels and annotations that tools and the API server write about themselves, and what only makes Pulumi
apply an object."""
_OURS = "app.kubernetes.io/managed-by"
_ASSIGNED = {
    "Service": ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"),
    "Namespace": ("finalizers",),
}
"""Fields of a spec that the API server fills in by kind; of a Service also each port's on the nodes."""
_OF_CHART: Mapping[str, Any] = {
    "defaultProviders": {"metrics": ["prometheus"]},
    "enablePrometheusMerge": True,
    "rootNamespace": "istio-system",
    "trustDomain": "cluster.local",
}
"""What istiod's chart writes into the mesh's configuration by itself. Source: Istio, istio-discovery,
templates/configmap.yaml."""
_DEFAULTS: Mapping[str, Any] = {
    "allocateLoadBalancerNodePorts": True,
    "dnsPolicy": "ClusterFirst",
    "externalTrafficPolicy": "Cluster",
    "imagePullPolicy": "Always",
    "internalTrafficPolicy": "Cluster",
    "progressDeadlineSeconds": 600,
    "protocol": "TCP",
    "replicas": 1,
    "resources": {},
    "restartPolicy": "Always",
    "revisionHistoryLimit": 10,
    "schedulerName": "default-scheduler",
    "sessionAffinity": "None",
    "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
    "terminationGracePeriodSeconds": 30,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "type": "ClusterIP",
}
"""Fields of Kubernetes' own kinds that mean the same absent and with this value. Source: Kubernetes API
reference."""
_OF_ADMISSION: Mapping[str, Any] = {
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "scope": "*",
}
"""The same for admission alone: in a NetworkPolicy's peer `namespaceSelector: {}` is every namespace."""
_ADMISSION = {**_DEFAULTS, **_OF_ADMISSION}
_DEFAULTED: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("Deployment", "NetworkPolicy", "Service"), _DEFAULTS),
    "ValidatingAdmissionPolicy": _ADMISSION,
    "ValidatingAdmissionPolicyBinding": _ADMISSION,
    "SecretSync": {"secretSyncControllerName": ""},
}
SILENT_KINDS = {
    "telemetry",
    "horizontalpodautoscaler",
    "poddisruptionbudget",
    "priorityclass",
    "networklogging",
}
"""How much is logged and how many pods there are is nobody's way out."""
_COMPUTED = {
    "creationTime",
    "creationTimestamp",
    "etag",
    "fingerprint",
    "labelFingerprint",
    "generation",
    "pulumiLabels",
}


@dataclass(frozen=True)
class Item:
    """One object in that form."""

    kind: str
    """Of Kubernetes, or the last part of a Google resource's type; in lower case."""
    namespace: str
    says: Mapping[str, Any]
    of_google: bool = False


def normal(snapshot: Snapshot) -> dict[str, Item]:
    """Every object by its identity, without those that a cluster brings along."""
    found = {
        identity(item): Item(
            str(item["kind"]).lower(), str(item["metadata"].get("namespace") or ""), manifest(item)
        )
        for item in snapshot.kubernetes
        if not _brought_along(item)
    }
    return found | {
        item.identity: Item(item.type.rsplit(":", 1)[-1].lower(), "", resource(item), of_google=True)
        for item in snapshot.google
    }


def is_live(item: Manifest) -> bool:
    """Whether an API server printed the object."""
    return "uid" in part(item, "metadata")


_BOOTSTRAPPED = frozenset(
    ("ClusterRole", "ClusterRoleBinding", "FlowSchema", "PriorityClass", "PriorityLevelConfiguration")
)
"""Kinds of which the API server makes some itself, by these names; whatever else has one is somebody's."""


def _brought_along(item: Manifest) -> bool:
    metadata = part(item, "metadata")
    name, kind = str(metadata.get("name")), item["kind"]
    if not is_live(item):
        return False
    if kind in _BOOTSTRAPPED and (
        name.startswith(("system:", "system-")) or "kubernetes.io/bootstrapping" in part(metadata, "labels")
    ):
        return True
    if kind == "ConfigMap":
        return "mesh" not in part(item, "data")
    home = name if kind == "Namespace" else str(metadata.get("namespace") or "")
    return home in _SYSTEM or (kind == "ServiceAccount" and name == "default")


_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")
"""Namespaces that every cluster has. What is in them is judged; it is not said to be new."""


def manifest(item: Manifest) -> dict[str, Any]:
    """A Kubernetes object as its author wrote it."""
    kind = str(item["kind"])
    found: dict[str, Any] = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    for name in _METADATA:
        kept = {
            key: value
            for key, value in part(item, "metadata", name).items()
            if not key.startswith(_ADDED) and key != _OURS
        }  # fmt: skip
        found.setdefault("metadata", {})[name] = kept
    if kind in _ASSIGNED and isinstance(found.get("spec"), Mapping):
        found["spec"] = {key: value for key, value in found["spec"].items() if key not in _ASSIGNED[kind]}
        if kind == "Service" and isinstance(ports := found["spec"].get("ports"), list):
            found["spec"]["ports"] = [_without_node_port(port) for port in cast("list[Any]", ports)]
        if not found["spec"]:
            del found["spec"]
    if kind == "ConfigMap" and "mesh" in part(item, "data"):
        found["data"] = {**part(item, "data"), "mesh": _mesh(str(item["data"]["mesh"]))}
        if str(found["data"].get("meshNetworks")).strip() in ("networks: {}", "networks:"):
            del found["data"]["meshNetworks"]
    return _written(found, _DEFAULTED[kind]) if kind in _DEFAULTED else found


def _mesh(text: str) -> Any:
    """The mesh's configuration without what the chart writes by itself."""
    found = _parsed(text)
    if not isinstance(found, Mapping):
        return found
    of = cast("Mapping[str, Any]", found)
    said = {key: value for key, value in of.items() if _OF_CHART.get(key) != value}
    defaults = part(said, "defaultConfig")
    if defaults.get("discoveryAddress") == f"istiod.{_MESH}.svc:15012":
        said["defaultConfig"] = {key: defaults[key] for key in defaults if key != "discoveryAddress"}
        if not said["defaultConfig"]:
            del said["defaultConfig"]
    return said


_MESH = "istio-system"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return text


def _without_node_port(port: Any) -> Any:
    if not isinstance(port, Mapping):
        return port
    return {key: value for key, value in cast("Mapping[str, Any]", port).items() if key != "nodePort"}


def _written(value: Any, defaults: Mapping[str, Any]) -> Any:
    """Without fields that say what is so anyhow; `serviceAccount` is an old name that the API server writes
    beside the new."""
    if isinstance(value, Mapping):
        of = cast("Mapping[str, Any]", value)
        return {
            key: _written(below, defaults)
            for key, below in of.items()
            if not (key in defaults and below == defaults[key])
            and not (key == "serviceAccount" and below == of.get("serviceAccountName"))
        }
    if isinstance(value, list):
        return [_written(below, defaults) for below in cast("list[Any]", value)]
    return value


def resource(item: Resource) -> dict[str, Any]:
    """A Google resource without what Google computes, links as paths."""
    return {
        key: _unlinked(value)
        for key, value in item.properties.items()
        if key not in _COMPUTED and not key.startswith("__")
    }  # fmt: skip


def _unlinked(value: Any) -> Any:
    if isinstance(value, str):
        return next((value[len(link) :] for link in LINKS if value.startswith(link)), value)
    if isinstance(value, Mapping):
        return {key: _unlinked(below) for key, below in cast("Mapping[str, Any]", value).items()}
    return (
        [_unlinked(below) for below in cast("list[Any]", value)]
        if isinstance(value, (list, tuple))
        else value
    )


def differing(
    old: Any, new: Any, partial: tuple[bool, bool] = (False, False), path: str = ""
) -> Iterator[str]:
    """Paths at which two values are not the same; entries of a list by `[]`.

    Args:
        old, new: what is compared.
        partial: whether a side says only what it sets, so that what it does not say is not compared: apart
            from `replicas: 0`, which is not what anybody else would set.
        path: where this is.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in sorted({*before, *after}):
            stopped = key == "replicas" and 0 in (before.get(key), after.get(key))
            if not stopped and ((partial[0] and key not in before) or (partial[1] and key not in after)):
                continue
            below = f"{path}.{key}" if path else str(key)
            if (key in before) != (key in after):
                yield below
            else:
                yield from differing(before[key], after[key], partial, below)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(cast("list[Any]", old), cast("list[Any]", new), partial, path)
    elif old != new:
        yield path


def _lists(old: list[Any], new: list[Any], partial: tuple[bool, bool], path: str) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{path}[]"
        return
    found: dict[str, None] = {}
    for before, after in zip(old, new, strict=True):
        found |= dict.fromkeys(differing(before, after, partial, f"{path}[]"))
    yield from found

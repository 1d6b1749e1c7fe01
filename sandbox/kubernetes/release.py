"""Helm releases of Istio's charts, as far as an API server alone can show them.

The charts are not here, and nothing could run what they render. But other objects need what a release of
`base` leaves behind: Istio's definitions (CRDs). They are installed in the version that the sandbox pins,
whatever version the release names. Each release is recorded where Helm records it, in a Secret
`sh.helm.release.v1.NAME.v1` of type helm.sh/release.v1. Its content is plain JSON of chart, version,
repository and values, not Helm's own encoding, so `helm` cannot read it.

Deleting `base` deletes the CRDs too. The real chart keeps them (its resource policy says so); here nothing
may stay.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from sandbox import tools
from sandbox.kubernetes.cluster import Cluster, ClusterError, Kind
from sandbox.kubernetes.manifest import DEFAULT_NAMESPACE, ManifestError, at, is_text
from sandbox.provider.wire import UNKNOWN, Json

TYPE = "kubernetes:helm.sh/v3:Release"
REPLACED_BY = ("name", "namespace")

_CHARTS = ("base", "cni", "istiod")
_RECORDED = ("chart", "version", "repositoryOpts", "values")
_CRD_SECONDS = 60.0
_TOUCH_SECONDS = 3.0


def check(inputs: Json) -> None:
    """Refuses what Helm would refuse, and what the sandbox cannot stand in for."""
    if not is_text(inputs.get("name")):
        raise ManifestError(
            "name is missing: the real provider would invent a release name with a random tail"
        )
    chart = inputs.get("chart")
    if chart is UNKNOWN:
        return
    if _chart(inputs) not in _CHARTS:
        raise ManifestError(
            f"chart {chart!r}: the sandbox stands in for Istio's charts only ({', '.join(_CHARTS)}), and "
            "renders none"
        )
    if "://" not in str(chart) and not at(inputs, ("repositoryOpts", "repo")):
        raise ManifestError(
            f"chart {chart!r} without repositoryOpts.repo means a folder on this machine; name the chart "
            "repository"
        )
    if not inputs.get("version"):
        raise ManifestError("version is missing: Helm would take the newest chart of the day; pin a version")


def _chart(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("chart", "")).rpartition("/")[2]


def identity(inputs: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of the release."""
    return inputs.get("namespace") or DEFAULT_NAMESPACE, inputs["name"]


def install(cluster: Cluster, inputs: Json, revision: int = 1) -> Json:
    """Installs or upgrades; returns the outputs once what the release brings is in force."""
    namespace, _ = identity(inputs)
    if inputs.get("createNamespace"):
        _create_namespace(cluster, namespace)
    if _chart(inputs) == "base" and not inputs.get("skipCrds"):
        _install_crds(cluster)
    cluster.apply(_secrets(cluster), namespace, _record(inputs, revision))
    return outputs(inputs, revision)


def outputs(inputs: Json, revision: int) -> Json:
    """The outputs of a deployed release."""
    namespace, name = identity(inputs)
    return inputs | {
        "namespace": namespace,
        "status": {
            "name": name,
            "namespace": namespace,
            "revision": revision,
            "status": "deployed",
            "chart": _chart(inputs),
            "version": inputs.get("version"),
            "appVersion": inputs.get("version"),
        },
    }


def read(cluster: Cluster, inputs: Json, namespace: str, name: str) -> tuple[Json, Json] | None:
    """Inputs as recorded in the cluster, and outputs; None when no such release is recorded."""
    secret = cluster.get(_secrets(cluster), namespace, _secret_name(name))
    if secret is None:
        return None
    try:
        record = json.loads(base64.b64decode(secret["data"]["release"]))
    except (KeyError, ValueError) as error:
        raise ClusterError(
            f"Secret {namespace}/{_secret_name(name)} does not hold a release: {error}"
        ) from None
    recorded = {key: record[key] for key in _RECORDED if key in record}
    stated = {key: value for key, value in inputs.items() if key not in _RECORDED}
    current = {"name": name, "namespace": namespace} | stated | recorded
    return current, outputs(current, int(record["revision"]))


def uninstall(cluster: Cluster, inputs: Mapping[str, Any], namespace: str, name: str, seconds: float) -> None:
    """Removes the release and what it installed."""
    if _chart(inputs) == "base" and not inputs.get("skipCrds"):
        _remove_crds(cluster, seconds)
    cluster.delete_and_wait(_secrets(cluster), namespace, _secret_name(name), seconds)


def _secrets(cluster: Cluster) -> Kind:
    return cluster.kind("v1", "Secret")


def _secret_name(name: str) -> str:
    return f"sh.helm.release.v1.{name}.v1"


def _record(inputs: Json, revision: int) -> Json:
    namespace, name = identity(inputs)
    content = {key: inputs[key] for key in _RECORDED if key in inputs} | {"name": name, "revision": revision}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": _secret_name(name),
            "namespace": namespace,
            "labels": {"owner": "helm", "name": name, "status": "deployed", "version": str(revision)},
        },
        "data": {"release": base64.b64encode(json.dumps(content, sort_keys=True).encode()).decode()},
    }


def _create_namespace(cluster: Cluster, name: str) -> None:
    kind = cluster.kind("v1", "Namespace")
    if cluster.get(kind, None, name) is None:
        cluster.apply(kind, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _definitions() -> Iterator[Json]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for document in yaml.load_all(tools.istio_crds().read_text(encoding="utf-8"), Loader=loader):
        if document:
            yield document


def _install_crds(cluster: Cluster) -> None:
    kind = cluster.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    definitions = list(_definitions())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda definition: cluster.apply(kind, None, definition), definitions))
    for definition in definitions:
        name = definition["metadata"]["name"]
        cluster.wait(
            lambda name=name: _established(cluster, kind, name), _CRD_SECONDS, f"{name} is to be established"
        )
    cluster.forget_kinds()


def _established(cluster: Cluster, kind: Kind, name: str) -> bool:
    conditions = at(cluster.get(kind, None, name), ("status", "conditions")) or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def _remove_crds(cluster: Cluster, seconds: float) -> None:
    kind = cluster.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    names = [definition["metadata"]["name"] for definition in _definitions()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: _remove_crd(cluster, kind, name, seconds), names))
    cluster.forget_kinds()


def _remove_crd(cluster: Cluster, kind: Kind, name: str, seconds: float) -> None:
    """Deletes a definition and waits until it is gone.

    The API server first deletes the definition's objects. If that fails, as it does while the server is busy,
    and the server records the failure too late, it does not try again until something else about the
    definition changes.
    """
    touched = time.monotonic()

    def gone() -> bool:
        nonlocal touched
        live = cluster.get(kind, None, name)
        if live is not None and time.monotonic() - touched > _TOUCH_SECONDS:
            touched = time.monotonic()
            _touch(cluster, kind, live)
        return live is None

    if cluster.delete(kind, None, name):
        cluster.wait(gone, seconds, f"{kind.kind} {name} is to be deleted")


def _touch(cluster: Cluster, kind: Kind, live: Json) -> None:
    live["metadata"].setdefault("annotations", {})["sandbox/touched"] = str(time.time())
    try:
        cluster.request("PUT", kind.path(None, live["metadata"]["name"]), live)
    except ClusterError as error:
        if error.status not in (404, 409):  # gone, or changed by the server itself, which serves as well
            raise

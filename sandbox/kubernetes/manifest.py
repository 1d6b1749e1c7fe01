"""Pure rules over manifests, as the real provider has them: what is checked, what a change means, what is
drift.

Only what a program's inputs state is ever compared. Defaults that the API server fills in and status that
controllers write are outputs, so they cannot cause a difference that never goes away.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.provider.wire import UNKNOWN, Json

DEFAULT_NAMESPACE = "default"

MAP_MUTABLE = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
"""Kinds whose data the real provider replaces rather than updates, unless this provider setting is on."""

_SELECTOR = ("spec.selector",)
_IMMUTABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("", "ConfigMap"): ("binaryData", "data"),
    ("", "Secret"): ("type", "stringData", "data"),
    ("", "Service"): ("spec.clusterIP",),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "PersistentVolumeClaim"): ("spec",),
    ("", "Pod"): ("spec",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
_IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")


class ManifestError(ValueError):
    """The manifest cannot be applied. The message says which property, and the fix."""


@dataclass(frozen=True)
class Change:
    """One difference between the last inputs and the new ones. `how` is add, delete or update."""

    path: tuple[str | int, ...]
    how: str

    def __str__(self) -> str:
        """The path in the engine's notation: `spec.ports[0].port`, `metadata.labels["a/b"]`."""
        text = ""
        for part in self.path:
            if isinstance(part, int):
                text += f"[{part}]"
            elif part.replace("_", "").isalnum():
                text += f".{part}" if text else part
            else:
                text += f'["{part}"]'
        return text


def at(value: Any, path: Iterable[str]) -> Any:
    """The value at the path of keys; None where there is none."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def is_text(value: Any) -> bool:
    """Whether the value is a text, or may become one when the deployment knows it."""
    return isinstance(value, str) or value is UNKNOWN


def kind_of(type_token: str) -> tuple[str, str]:
    """apiVersion and kind that a type token stands for: `kubernetes:core/v1:Service` is ("v1", "Service")."""
    parts = type_token.split(":")
    if len(parts) != 3 or parts[0] != "kubernetes" or "/" not in parts[1]:
        raise ManifestError(
            f"{type_token} is no Kubernetes resource type (kubernetes:<group>/<version>:<Kind>)"
        )
    group_version, kind = parts[1], parts[2]
    if kind.endswith(("Patch", "List")):
        raise ManifestError(
            f"{type_token}: patch and list resources are not supported in the sandbox; declare objects"
        )
    return group_version.removeprefix("core/"), kind


def complete(type_token: str, inputs: Json) -> Json:
    """The manifest with apiVersion and kind. Raises ManifestError for what no API server could take."""
    api_version, kind = kind_of(type_token)
    manifest = {"apiVersion": api_version, "kind": kind} | inputs
    for key, expected in (("apiVersion", api_version), ("kind", kind)):
        if manifest[key] is not UNKNOWN and manifest[key] != expected:
            raise ManifestError(f"{key} {manifest[key]!r} contradicts the type {type_token}; leave it out")
    if not is_text(at(manifest, ("metadata", "name"))):
        raise ManifestError(
            "metadata.name is missing. The real provider would invent a name with a random tail, "
            "which nothing else could refer to; give the object a name."
        )
    return manifest


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """apiVersion, kind, namespace (`default` where none is stated) and name."""
    metadata = manifest["metadata"]
    return (
        manifest["apiVersion"],
        manifest["kind"],
        metadata.get("namespace") or DEFAULT_NAMESPACE,
        metadata["name"],
    )


def changes(old: Any, new: Any, path: tuple[str | int, ...] = ()) -> Iterator[Change]:
    """Every difference between two manifests, at the deepest path where they differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            if key not in old:
                yield Change((*path, key), "add")
            elif key not in new:
                yield Change((*path, key), "delete")
            else:
                yield from changes(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from changes(before, after, (*path, index))
        how = "delete" if len(old) > len(new) else "add"
        for index in range(min(len(old), len(new)), max(len(old), len(new))):
            yield Change((*path, index), how)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(path, "update")


def compared(inputs: Json) -> Json:
    """The inputs in the form in which they are compared: a Secret's texts are data, as the API server keeps
    them."""
    texts = inputs.get("stringData")
    if (inputs.get("apiVersion"), inputs.get("kind")) != ("v1", "Secret") or not isinstance(texts, Mapping):
        return inputs
    data = {key: _encoded(text) for key, text in texts.items()}
    rest = {key: value for key, value in inputs.items() if key != "stringData"}
    return rest | {"data": {**(inputs.get("data") or {}), **data}}


def _encoded(text: Any) -> Any:
    return base64.b64encode(text.encode()).decode() if isinstance(text, str) else text


def replaces(change: Change, old: Mapping[str, Any], new: Mapping[str, Any], mutable: frozenset[str]) -> bool:
    """Whether the change cannot be made in place. `mutable` holds kinds whose data may be updated
    (`MAP_MUTABLE`)."""
    api_version, kind = str(new.get("apiVersion")), str(new.get("kind"))
    if change.path == ("metadata", "namespace"):
        return _namespace(old) != _namespace(new)
    group = api_version.rpartition("/")[0]
    fields: tuple[str, ...] = (
        () if kind in mutable and not new.get("immutable") else _IMMUTABLE.get((group, kind), ())
    )
    return any(_touches(change.path, tuple(field.split("."))) for field in (*_IDENTITY, *fields))


def _namespace(manifest: Mapping[str, Any]) -> str:
    return at(manifest, ("metadata", "namespace")) or DEFAULT_NAMESPACE


def _touches(path: tuple[str | int, ...], field: tuple[str, ...]) -> bool:
    shared = min(len(path), len(field))
    return path[:shared] == field[:shared]


def with_drift(inputs: Any, then: Any, now: Any) -> Any:
    """The inputs as they would read today: a field that changed in the live object since it was last seen
    gets its live value, cut to what the inputs state.

    The live object is compared with its earlier self, not with the inputs. So the API server's own spellings
    ("1000m" stored as "1", an empty list left out) do not look like drift. What somebody added beside what is
    stated is not found, at the end of a list either: the real provider does not look there.
    """
    if then == now:
        return inputs
    if isinstance(inputs, Mapping) and isinstance(then, Mapping) and isinstance(now, Mapping):
        result: Json = {}
        for key, value in inputs.items():
            if key in now:
                result[key] = with_drift(value, then.get(key), now[key])
            elif key not in then:
                result[key] = value
        return result
    if all(isinstance(value, list) for value in (inputs, then, now)):
        before = [*then, *[None] * len(now)]
        return [with_drift(*items) for items in zip(inputs, before, now, strict=False)]
    return _cut(now, inputs)


def _cut(live: Any, stated: Any) -> Any:
    """Of the live value what the stated one has as well: its keys, and as many items as it has."""
    if isinstance(live, Mapping) and isinstance(stated, Mapping):
        return {key: _cut(value, stated[key]) for key, value in live.items() if key in stated}
    if isinstance(live, list) and isinstance(stated, list):
        return [_cut(*items) for items in zip(live, stated, strict=False)]
    return live


def drifted(inputs: Json, then: Json, now: Json) -> Json:
    """`with_drift` for a whole object. A Secret's data is also compared as text, for inputs that state it as
    text.

    An object that was never seen before (its creation was interrupted) cannot have drifted.
    """
    if not then:
        return inputs
    return with_drift(inputs, _readable(then), _readable(now))


def _readable(live: Json) -> Json:
    data = live.get("data")
    if live.get("kind") != "Secret" or not isinstance(data, Mapping):
        return live
    texts = {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return live | {"stringData": texts}


def previewed(live: Mapping[str, Any]) -> Json:
    """The object of a dry run, without the fields that differ in the real run."""
    result = outputs(live)
    for key in ("resourceVersion", "generation"):
        result.get("metadata", {}).pop(key, None)
    return result


def outputs(live: Mapping[str, Any]) -> Json:
    """The live object as the state keeps it: without the record of who owns which field, which only costs
    space."""
    result = copy.deepcopy(dict(live))
    result.get("metadata", {}).pop("managedFields", None)
    return result


def imported(live: Mapping[str, Any]) -> Json:
    """Inputs for an object that no program has stated yet (`pulumi import`): the live object without server
    fields."""
    result = outputs(live)
    result.pop("status", None)
    for key in ("uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"):
        result.get("metadata", {}).pop(key, None)
    return result

"""Types that schemas give to fields: those of Istio's CustomResourceDefinitions and of the Kubernetes
client's models. And the fields of the shapes that objects are held against."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

import kubernetes.client as models
import yaml

from sandbox import tools

Path = tuple[str, ...]
ENTRY, KEY = "[]", "{}"
"""Steps of a path: any entry of a list, any key of a mapping."""


@cache
def istio() -> dict[str, Any]:
    """Schema of the newest version of each of Istio's kinds."""
    text = tools.istio_crds().read_text(encoding="utf-8")
    found: dict[str, Any] = {}
    for crd in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if crd:
            newest = next(version for version in crd["spec"]["versions"] if version["storage"])
            found[crd["spec"]["names"]["kind"]] = newest["schema"]["openAPIV3Schema"]
    return found


def leaves(shape: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every path of a shape with what stands there."""
    if isinstance(shape, Mapping):
        for key, of in shape.items():
            yield from leaves(of, (*path, key))
    elif isinstance(shape, list):
        yield from leaves(shape[0], (*path, ENTRY))
    elif getattr(shape, "__origin__", None) is list:
        yield from leaves(get_args(shape)[0], (*path, ENTRY))
    elif getattr(shape, "__origin__", None) is dict and get_args(shape)[1] is not Any:
        yield from leaves(get_args(shape)[1], (*path, KEY))
    else:
        yield path, shape


def at(schema: Mapping[str, Any], path: Path) -> str | None:
    """The type that a JSON schema has at a path; None where it has nothing there."""
    here: Any = schema
    for step in path:
        if step == ENTRY:
            here = here.get("items")
        elif step == KEY:
            here = here.get("additionalProperties")
        else:
            here = (here.get("properties") or {}).get(step)
        if here is None:
            return None
    return "string" if here.get("x-kubernetes-int-or-string") else here.get("type")


def of_client(model: str, path: Path) -> str | None:
    """The same, of the Kubernetes client's models."""
    kind = model
    for step in path:
        if step in (ENTRY, KEY):
            inner = re.fullmatch(r"(?:[Ll]ist|[Dd]ict)[\[(](?:str, )?(.+)[\])]", kind)
            assert inner, kind
            kind = inner[1]
            continue
        of: Any = getattr(models, kind, None)
        own = {written: name for name, written in getattr(of, "attribute_map", {}).items()}
        if step not in own:
            return None
        kind = of.openapi_types[own[step]]
    if kind.lower().startswith("dict") or hasattr(models, kind):
        return "object"
    return {"str": "string", "int": "integer", "bool": "boolean"}.get(kind, kind)


@cache
def known() -> dict[str, set[str]]:
    """Names of fields in Istio's schemas, with the types that they have somewhere."""
    found: dict[str, set[str]] = defaultdict(set)

    def walk(schema: Any) -> None:
        for name, of in (schema.get("properties") or {}).items():
            found[name].add(of.get("type", ""))
            walk(of)
        for below in (schema.get("items"), schema.get("additionalProperties")):
            if isinstance(below, dict):
                walk(below)

    for schema in istio().values():
        walk(schema)
    return found


MODELS = {
    **{
        kind: f"V1{kind}"
        for kind in ("NetworkPolicy", "Service", "Pod", "CronJob", "APIService", "CustomResourceDefinition")
    },
    **{
        kind: f"V1{kind}"
        for kind in ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")
    },
    **{kind: f"V1{kind}" for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")},
}

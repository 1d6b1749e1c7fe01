"""The commands that put drift right.

`pulumi up --refresh` makes anew what is gone and puts back what was changed. What was added to an object it
does not see; the key `repair` makes the provider apply that object whole, which takes away whatever the
manifest does not state in lists that are one value, and what kubectl set. What another program holds in a map
stays, and is taken out by name; so is what stands where the manifest says `{}`, which no apply can empty.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from egress.answers.diff.drift import Drifted
from egress.answers.diff.drifted import Field, How
from egress.judge.model.kinds import ISTIO, group
from egress.judge.model.snapshot import Manifest

KEY = "gke-mesh-egress:repair"
_TAKEN_OVER = ("kubectl", "before-first-apply", "pulumi-")
"""How the names of programs begin whose fields Pulumi's provider takes over when it applies an object."""
_WHOLE = {"NetworkPolicy", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"}
"""Kinds of Kubernetes' own whose lists are each one value to the API server; so are all of Istio's."""


@dataclass(frozen=True)
class Mending:
    """One command, and what it does."""

    command: str
    does: str


CHART = (
    "helm get manifest istio-istiod --namespace istio-system"
    " | kubectl apply --server-side --force-conflicts --filename -"
)
"""Writes anew what the chart of istiod holds, which Pulumi leaves to Helm."""


def mendings(drifted: Iterable[Drifted], stack: str) -> Iterator[Mending]:
    """The commands in the order in which they are run."""
    found = list(drifted)
    if any(item.of_chart for item in found):
        yield Mending(CHART, "writes the mesh's configuration as the chart has it")
    for item in found:
        if item.how is How.ADDED and not item.of_google:
            yield Mending(
                f"kubectl delete {_named(item.manifest)}", "deletes what no config has; keep a copy first"
            )
    changed = [item for item in found if item.how is not How.ADDED and not item.of_chart]
    for item in changed:
        if stays := [field for field in item.fields if _stays(item, field)]:
            yield Mending(_without(item.manifest, stays), "takes out what Pulumi leaves to who set it")
    repaired = [
        item
        for item in changed
        if any(field.how is How.ADDED and not _stays(item, field) for field in item.fields)
    ]
    for item in repaired:
        path = f"{KEY}[{json.dumps(item.object)}]"
        # A number would be written as one, and is no text.
        value = f"version-{item.version}" if item.version else "once"
        yield Mending(
            f"pulumi config set --stack {stack} --path {shlex.quote(path)} {shlex.quote(value)}",
            "lets the next update apply the object whole",
        )
    if changed:
        yield Mending(
            f"pulumi up --stack {stack} --refresh",
            "puts back what was changed, makes anew what is gone"
            + (", and applies whole what `repair` names" if repaired else ""),
        )


def _stays(item: Drifted, field: Field) -> bool:
    """Whether an added field outlives an apply of the whole object."""
    if item.of_google or field.how is not How.ADDED:
        return False
    if field.alone:
        return True
    if field.by.startswith(_TAKEN_OVER):
        return False
    manifest = item.manifest
    of_istio = (group(manifest) or "").endswith(ISTIO)
    return not (any(isinstance(key, int) for key in field.path) and (of_istio or manifest["kind"] in _WHOLE))


def _without(manifest: Manifest, fields: Iterable[Field]) -> str:
    """A patch that takes fields out, of the object in just the state that was seen."""
    version = str(manifest["metadata"].get("resourceVersion") or "")
    test = [{"op": "test", "path": "/metadata/resourceVersion", "value": version}] if version else []
    removed = [
        {"op": "remove", "path": "".join(f"/{_escaped(str(key))}" for key in field.path)}
        for field in sorted(fields, key=lambda field: [str(key).zfill(9) for key in field.path], reverse=True)
    ]
    patch = json.dumps([*test, *removed], separators=(",", ":"))
    return f"kubectl patch {_named(manifest)} --type json --patch {shlex.quote(patch)}"


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _named(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    of = group(manifest)
    kind = str(manifest["kind"]).lower()
    namespace = f" --namespace {metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{kind}{f'.{of}' if of else ''} {metadata['name']}{namespace}"

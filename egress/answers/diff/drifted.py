"""What a live object says otherwise than the rendered one: every field that is changed, gone or added.

The Kubernetes provider compares the shape that the program states, so what somebody adds beside it is in no
preview and in no refresh. Here both objects are compared whole. What API server, GKE and the charts fill in
by themselves is left out: defaults by `normal.py`, the rest by the table below, each with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, cast

from egress.answers.diff import normal, owned
from egress.judge.model.snapshot import Manifest, part

SHORT = 100
"""Characters of a value that are shown."""


class How(StrEnum):
    """What became of a field, or of an object."""

    ADDED = "added"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    path: tuple[str | int, ...]
    how: How
    planned: Any = None
    live: Any = None
    by: str = ""
    """Who set it, and when, as far as it is recorded."""
    alone: bool = False
    """Whether the config states nothing else where it was added: `spec: {}`. The API server takes no apply
    that would leave nothing there."""

    @property
    def name(self) -> str:
        """`spec.rules[2]`, `metadata.labels["a/b"]`."""
        text = ""
        for key in self.path:
            if isinstance(key, int):
                text += f"[{key}]"
            elif re.fullmatch(r"\w+", key):
                text += f".{key}" if text else key
            else:
                text += f"[{json.dumps(key)}]"
        return text

    @property
    def text(self) -> str:
        what = {
            How.ADDED: f"added: {shown(self.live)}",
            How.GONE: f"gone: {shown(self.planned)}",
            How.CHANGED: f"{shown(self.live)} instead of {shown(self.planned)}",
        }[self.how]
        return f"{self.name} {what}{f', by {self.by}' if self.by else ''}"


def shown(value: Any) -> str:
    """A value in one short line."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


@dataclass(frozen=True)
class _Filled:
    """What somebody else than a person fills in."""

    kind: str
    path: str
    why: str
    value: Any = None
    """None: whatever it is."""


_FILLED = (
    _Filled("Deployment", r"spec\.replicas", "whoever scales it by figures"),
    _Filled(
        "Deployment",
        r'spec\.template\.metadata\.annotations\["kubectl\.kubernetes\.io/restartedAt"\]',
        "`kubectl rollout restart` makes the same pods anew",
    ),
    _Filled("ConfigMap", r"metadata\.(labels|annotations)\b.*", "Helm and istiod's chart; nobody reads them"),
    _Filled("Service", r'metadata\.annotations\["service\.kubernetes\.io/[^"]*"\]', "GKE's load balancers"),
    _Filled("Service", r'metadata\.annotations\["cloud\.google\.com/neg-status"\]', "GKE's load balancers"),
    _Filled("Service", r'metadata\.annotations\["cloud\.google\.com/neg"\]', "GKE", '{"ingress":true}'),
)


def fields(planned: Manifest, live: Manifest) -> Iterator[Field]:
    """Every field in which a live object is not as it was rendered."""
    kind = str(planned["kind"])
    for found in _differing(_whole(planned), _whole(live)):
        if found.how is How.ADDED and _is_filled(kind, found):
            continue
        yield replace(found, by=owned.setter(live, found.path))


def _whole(item: Manifest) -> dict[str, Any]:
    """The object in its normal form; with its owner, whose deletion would delete it."""
    said = normal.manifest(item)
    if owners := part(item, "metadata").get("ownerReferences"):
        said["metadata"]["ownerReferences"] = owners
    if part(item, "metadata").get("deletionTimestamp"):
        said["metadata"]["deletionTimestamp"] = item["metadata"]["deletionTimestamp"]
    return said


def _is_filled(kind: str, found: Field) -> bool:
    if kind == "Deployment" and found.name == "spec.replicas":
        return found.live != 0  # no pods at all is nobody's scale
    return any(
        filled.kind == kind
        and re.fullmatch(filled.path, found.name) is not None
        and filled.value in (None, found.live)
        for filled in _FILLED
    )


def _differing(planned: Any, live: Any, path: tuple[str | int, ...] = ()) -> Iterator[Field]:
    if isinstance(planned, Mapping) and isinstance(live, Mapping):
        before, after = cast("Mapping[str, Any]", planned), cast("Mapping[str, Any]", live)
        for key in sorted({*before, *after}):
            if key not in before:
                alone = bool(path) and path[0] != "metadata" and not before
                yield from _added(after[key], (*path, key), alone)
            elif key not in after:
                if not _says_nothing(before[key]):
                    yield Field((*path, key), How.GONE, before[key])
            else:
                yield from _differing(before[key], after[key], (*path, key))
    elif isinstance(planned, list) and isinstance(live, list):
        yield from _items(cast("list[Any]", planned), cast("list[Any]", live), path)
    elif planned != live:
        yield Field(path, How.CHANGED, planned, live)


def _added(value: Any, path: tuple[str | int, ...], alone: bool) -> Iterator[Field]:
    """What is added; of labels and annotations, and of the whole metadata, each by itself."""
    if isinstance(value, Mapping) and path[0] in ("metadata", "data") and len(path) < 3:
        for key in sorted(cast("Mapping[str, Any]", value)):
            yield from _added(value[key], (*path, key), alone)
    elif not (path[0] == "metadata" and _says_nothing(value)):
        yield Field(path, How.ADDED, live=value, alone=alone)


def _says_nothing(value: Any) -> bool:
    """Whether the API server may leave it out: an empty list or map."""
    return isinstance(value, (Mapping, list)) and not value


def _items(planned: Sequence[Any], live: Sequence[Any], path: tuple[str | int, ...]) -> Iterator[Field]:
    """Items that came, went or changed; where they lie in the live list, and those that went where they
    lay."""
    texts = [[json.dumps(item, sort_keys=True) for item in items] for items in (planned, live)]
    for how, first, end, start, stop in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if how == "equal":
            continue
        pairs = min(end - first, stop - start)
        for at in range(pairs):
            yield from _differing(planned[first + at], live[start + at], (*path, start + at))
        for at in range(first + pairs, end):
            yield Field((*path, at), How.GONE, planned[at])
        for at in range(start + pairs, stop):
            yield Field((*path, at), How.ADDED, live=live[at])

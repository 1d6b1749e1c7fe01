"""What a pull request changes, per stack: Pulumi's preview and `egress diff`, read from a folder of JSON
files.

FOLDER/STACK/preview.json   `pulumi preview --json` FOLDER/STACK/diff.json      `python -m egress diff OLD NEW
--format json`; absent where the preview failed before it
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

PARTS = {"changes": "", "notJudged": "not judged", "deletes": "deleted"}
"""Parts of what `egress diff` says, and the risk where it names none."""
APPROVAL = "egress-widening-approved"
"""The label by which a reviewer lets a widening pass."""


class ReviewError(Exception):
    """The files are not what the commands write. The message says which and why."""


@dataclass(frozen=True)
class Change:
    """One sentence of `egress diff`: what somebody gains or loses, or what differs and is not judged."""

    text: str
    risk: str
    widening: bool


@dataclass(frozen=True)
class Step:
    """One resource that Pulumi would touch."""

    operation: str
    type: str
    name: str
    fields: tuple[str, ...]
    """Paths of what differs, sorted; empty for what is made or deleted."""


@dataclass(frozen=True)
class Review:
    stack: str
    steps: tuple[Step, ...]
    unchanged: int
    complaints: tuple[str, ...]
    """Errors and violations of policies, as Pulumi words them. With any, the preview failed."""
    changes: tuple[Change, ...] | None
    """None: what teams gain and lose was not worked out."""

    @property
    def widenings(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes or () if change.widening)


def read(folder: Path) -> list[Review]:
    """Every stack below the folder, in order of name."""
    found = [_review(path) for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    if not found:
        raise ReviewError(f"{folder} holds no folder of a stack, so nothing was previewed.")
    return found


def _review(folder: Path) -> Review:
    complaint = folder / "complaint.txt"
    failed = complaint.exists()
    preview = _json(folder / "preview.json", or_else={} if failed else None)
    diff = _json(folder / "diff.json") if (folder / "diff.json").exists() else None
    counts = _mapping(preview.get("changeSummary"))
    errors = [
        _mapping(item)
        for item in _list(preview.get("diagnostics"))
        if _mapping(item).get("severity") == "error"
    ]
    said = (
        [_gist(complaint.read_text(encoding="utf-8"))]
        if failed
        else [str(item.get("message", "")).strip() for item in errors]
    )
    return Review(
        folder.name,
        tuple(
            _step(_mapping(step))
            for step in _list(preview.get("steps"))
            if _mapping(step).get("op") != "same"
        ),
        int(counts.get("same", 0)),
        tuple(said),
        None if diff is None else tuple(one for part in PARTS for one in _changes(diff, part, folder)),
    )


def _step(step: Mapping[str, Any]) -> Step:
    urn = str(step.get("urn", ""))
    name = urn.split("::", 3)[-1]
    type_ = urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""
    fields = {*_mapping(step.get("detailedDiff")), *(str(item) for item in _list(step.get("diffReasons")))}
    return Step(str(step.get("op", "")), type_, name, tuple(sorted(fields)))


def _changes(diff: Mapping[str, Any], part: str, folder: Path) -> Iterator[Change]:
    """What somebody gains or loses, or - under `notJudged` - may - and what is deleted."""
    for change in _list(diff.get(part)):
        yield _change({"risk": PARTS[part], **_mapping(change)}, folder)


def _change(change: Mapping[str, Any], folder: Path) -> Change:
    text, widening = change.get("text"), change.get("widening")
    if not isinstance(text, str) or not isinstance(widening, bool):
        raise ReviewError(
            f"{folder / 'diff.json'}: a change has no `text`, or no `widening` that is true or false: "
            f"{change}"
        )
    return Change(text, str(change.get("risk", "")), widening)


def _gist(printed: str) -> str:
    """What Pulumi printed from its verdicts on: policies and diagnostics, not the tree of resources."""
    lines = printed.splitlines()
    starts = [
        index for index, line in enumerate(lines) if line.startswith(("Policies:", "Diagnostics:", "error:"))
    ]
    return "\n".join(lines[starts[0] :] if starts else lines[-40:]).strip() or "nothing"


def slim(path: Path) -> None:
    """Rewrites a recorded preview without config and states, which may be large and are nobody's business."""
    preview = _json(path)
    kept = ("op", "urn", "diffReasons", "replaceReasons", "detailedDiff")
    steps = [
        {key: step[key] for key in kept if step.get(key)}
        for step in map(_mapping, _list(preview.get("steps")))
    ]
    rest = {key: preview[key] for key in ("diagnostics", "changeSummary") if key in preview}
    path.write_text(json.dumps({"steps": steps, **rest}, indent=1) + "\n", encoding="utf-8")


def _json(path: Path, or_else: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The object in the file. `or_else`: what stands for a file that is missing or empty."""
    if or_else is not None and (not path.exists() or not path.read_text(encoding="utf-8").strip()):
        return or_else
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReviewError(f"There is no {path}: the preview of this stack did not run.") from None
    except ValueError as error:
        raise ReviewError(
            f"{path} is not JSON ({error}): the command that should have written it failed."
        ) from None
    if not isinstance(content, Mapping):
        raise ReviewError(f"{path} holds no JSON object.")
    return cast("Mapping[str, Any]", content)


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []

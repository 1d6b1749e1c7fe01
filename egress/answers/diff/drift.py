"""What lives, held against what the config renders: every field of every rendered object, and every object
that nobody rendered where only the program should write; and what all of that does, by the judges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from egress.answers.diff.changes import Change, Difference, difference
from egress.answers.diff.drifted import Field, How, fields
from egress.answers.diff.foreign import RUNNING, Ground
from egress.answers.diff.normal import differing, normal
from egress.answers.diff.owned import maker
from egress.answers.diff.unjudged import Unjudged
from egress.judge.model.snapshot import Manifest, Snapshot, identity, part
from egress.plan.model import Plan


@dataclass(frozen=True)
class Drifted:
    """One object that is not as the config has it."""

    object: str
    how: How
    manifest: Manifest
    """As it lives; as it was rendered where it is gone. Empty for Google's."""
    fields: tuple[Field, ...] = ()
    by: str = ""
    """Who made it, where nobody rendered it."""
    of_google: bool = False
    of_chart: bool = False
    """Whether it is the mesh's configuration, which Helm writes."""

    @property
    def version(self) -> str:
        """Which state of the object it was."""
        return str(part(self.manifest, "metadata").get("resourceVersion") or "")

    @property
    def lines(self) -> Iterator[str]:
        if self.how is How.GONE:
            yield f"{self.object} is gone"
        elif self.how is How.ADDED:
            yield f"{self.object} is in no config{f'; made by {self.by}' if self.by else ''}"
        else:
            for field in self.fields:
                yield f"{self.object}: {field.text}"

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "object": self.object,
            "how": self.how.value,
            "by": self.by,
            "fields": [
                {
                    "field": field.name,
                    "how": field.how.value,
                    "planned": field.planned,
                    "live": field.live,
                    "by": field.by,
                }
                for field in self.fields
            ],
        }


@dataclass(frozen=True)
class Drift:
    """What is not as the config has it, and what that does."""

    objects: tuple[Drifted, ...]
    difference: Difference
    unread: tuple[str, ...]
    """Kinds that the stack renders, and kinds of fences, that nobody could read: whether they drifted, or
    somebody added one, is not known."""

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.difference.changes

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not compared of what was handed over."""
        return tuple(
            note.replace("OLD is a config: of", "Of").replace("NEW", "What lives")
            for note in self.difference.notes
        )

    @property
    def unjudged(self) -> tuple[Unjudged, ...]:
        """What drifted without anybody being able to say what it does."""
        names = {item.object for item in self.objects}
        return tuple(item for item in self.difference.unjudged if item.object in names)

    def decided_by(self, change: Change) -> list[str]:
        """What drifted in the objects that decide about a change."""
        return [
            line
            for item in self.objects
            if any(item.object in (fact.by, fact.target, fact.what) for fact in change.facts)
            for line in item.lines
        ]

    def __bool__(self) -> bool:
        return bool(self.objects or self.unread)


def drift(plan: Plan, planned: Snapshot, live: Snapshot, unread: Collection[str] = ()) -> Drift:
    """What drifted.

    Args:
        plan: what the objects are rendered of.
        planned: the rendered objects.
        live: what lives, read whole.
        unread: kinds that could not be read.
    """
    ground = Ground(planned)
    compared = [item for item in planned.kubernetes if item["kind"] not in unread]
    if not any(item["kind"] == "ConfigMap" and "mesh" in part(item, "data") for item in live.kubernetes):
        # An export of a stack holds the chart's values, and a sandbox no chart's objects at all.
        compared = [item for item in compared if not _is_mesh(item)]
    by_name = {identity(item): item for item in live.kubernetes}
    added = [item for item in live.kubernetes if ground.added(item)]
    found = [
        *_rendered(compared, by_name, plan.in_cluster_mesh),
        *(Drifted(identity(item), How.ADDED, item, by=maker(item)) for item in added),
    ]
    drifted = {item.object for item in found}
    kept = [by_name.get(identity(item)) for item in compared]
    google = live.google
    sides = (
        replace(planned, kubernetes=tuple(compared), google=planned.google if google else ()),
        Snapshot(
            (
                *(item for item in kept if item is not None and identity(item) in drifted),
                *(item for item in compared if identity(item) in by_name and identity(item) not in drifted),
                *added,
            ),
            google,
        ),
    )
    told = difference(*sides, (plan, None), whole=True)
    found += _of_google(sides, told)
    # What is no fence and is not rendered may go unseen, and is only said.
    missing = set(unread) - (RUNNING - {str(item["kind"]) for item in planned.kubernetes})
    return Drift(tuple(sorted(found, key=lambda item: item.object)), told, tuple(sorted(missing)))


def _is_mesh(item: Manifest) -> bool:
    return item["kind"] == "ConfigMap" and "mesh" in part(item, "data")


def _rendered(planned: Iterable[Manifest], live: Mapping[str, Manifest], by_helm: bool) -> Iterator[Drifted]:
    for item in planned:
        name = identity(item)
        there = live.get(name)
        of_chart = by_helm and _is_mesh(item)
        if there is None:
            yield Drifted(name, How.GONE, item, of_chart=of_chart)
        elif found := tuple(fields(item, there)):
            yield Drifted(name, How.CHANGED, there, found, of_chart=of_chart)


def _of_google(sides: tuple[Snapshot, Snapshot], told: Difference) -> Iterator[Drifted]:
    before, after = (normal(Snapshot((), side.google, side.planned)) for side in sides)
    for name in told.objects:
        old, new = before.get(name), after.get(name)
        if old and new:
            changed = [
                Field(tuple(path.split(".")), How.CHANGED)
                for path in differing(old.says, new.says, (True, False))
            ]
            yield Drifted(name, How.CHANGED, {}, tuple(changed), of_google=True)
        elif old or new:
            yield Drifted(name, How.GONE if old else How.ADDED, {}, of_google=True)

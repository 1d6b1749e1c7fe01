"""What the cloud says against an object, whichever door it comes through: gRPC or REST."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google.cloud import Cloud, Resource
from sandbox.google.kinds import Context, Kind, Problem, Values, first, walk
from sandbox.google.table import KINDS


def values(kind: Kind, given: Values) -> Iterator[Problem]:
    """What is wrong with the values by themselves."""
    for path, check in kind.checks.items():
        for place, value in walk(given, path):
            rule = check(value)
            if rule:
                yield Problem(place, value, rule)
    for over_all in kind.rules:
        yield from over_all(given)


def missing(context: Context) -> Iterator[Problem]:
    """What the object names and does not exist."""
    known = {**context.new, "project": context.project}
    for reference in context.kind.references:
        for at, value in walk(context.new, reference.path):
            id = reference.find(str(value), known) if value else None
            if id is not None and context.cloud.find(id) is None:
                what = reference.to.rpartition(":")[2]
                yield Problem(
                    at,
                    value,
                    f"The resource '{id}' was not found: there is no such {what}. Create it first and "
                    "use its output here, so that the order is right",
                    404,
                )


def users(cloud: Cloud, resource: Resource) -> Iterator[Resource]:
    """What holds an object, so that it cannot be deleted."""
    for kind in KINDS.values():
        for reference in kind.references:
            if not reference.holds or reference.to != resource.type:
                continue
            for other in cloud.of_type(kind.token):
                for _, value in walk(other.state, reference.path):
                    if reference.find(str(value), other.state) == resource.id:
                        yield other


def fixed(kind: Kind, old: Values, new: Values) -> Iterator[Problem]:
    """Fields that would change and cannot be changed in place."""
    for path, says in kind.replaces.items():
        before, after = first(old, path), first(new, path)
        if before != after and (says is None or says(before, after)):
            yield Problem(path, after, "it cannot be changed once the resource is there")

"""Who has which role on which Google resource, by the members of IAM policies among the objects.

Read: every resource that adds one member (`...IAMMember`, `...IamMember`) or says all members of one role
(`...IAMBinding`). Not
read: whole policies, and what a binding takes from members that others gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, listed

_ROLE = re.compile(r"gcp:(?P<module>\w+)/\w+:(?P<kind>\w*?)(?:Iam|IAM)(?:Member|Binding)")
_SAID_BESIDE = frozenset({"member", "members", "role", "condition", "etag", "id", "project"})
"""Properties that do not name what a role is on; every other one does."""


@dataclass(frozen=True)
class Granted:
    """One role that one member has."""

    member: str
    resource: str
    role: str
    by: str


def granted(snapshot: Snapshot) -> Iterator[Granted]:
    """Every role that some object gives."""
    for item in snapshot.google:
        if of := _ROLE.fullmatch(item.type):
            says = item.properties
            role = str(says.get("role")) + _condition(says.get("condition"))
            for member in listed(says, "members") if "members" in says else (says.get("member"),):
                yield Granted(str(member), _resource(of, item), role, item.identity)


def _resource(of: re.Match[str], item: Resource) -> str:
    """What a role is on: its kind, its name with all that it lies in, and its project."""
    says, kind = item.properties, (of["kind"] or of["module"]).lower()
    project, names = str(says.get("project") or ""), list[str]()
    for key in sorted(
        key for key, value in says.items() if value and key not in _SAID_BESIDE and not key.startswith("__")
    ):
        named = str(says[key])
        if named.startswith("projects/"):
            _, project, *path = named.split("/")
            names += path[1::2]
        else:
            names.append(named.removeprefix("b/"))
    if of["module"] == "projects":
        return f"project {project}"
    called = " ".join((kind, "/".join(dict.fromkeys(names)))) if names else kind
    return f"{called} of project {project}" if project else called


def _condition(condition: Any) -> str:
    """A role under a condition is another one: nobody here knows when it holds."""
    return f" under the condition {condition}" if condition else ""

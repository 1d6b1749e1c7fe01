"""Who has which role on which Google resource, by the members of IAM policies among the objects.

Read: every resource that adds one member (`...IAMMember`, `...IamMember`). Not read: whole policies and bindings, which take the
place of what others gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from egress.judge.deployed import Deployed, Resource

_MEMBER = re.compile(r":(?P<kind>\w*?)(?:Iam|IAM)Member$")
_NAMES = ("bucket", "topic", "subscription", "secretId", "datasetId", "serviceAccountId", "repository", "instance", "table")
"""Properties that name what a role is on, the narrowest first; a project is named where nothing else is."""


@dataclass(frozen=True)
class Granted:
    """One role that one member has."""

    member: str
    resource: str
    role: str
    by: str


def granted(deployed: Deployed) -> Iterator[Granted]:
    """Every role that some object gives."""
    for item in deployed.google:
        if _MEMBER.search(item.type):
            says = item.properties
            role = str(says.get("role"))
            yield Granted(str(says.get("member")), _resource(item), role + _condition(says.get("condition")), item.identity)


def _resource(item: Resource) -> str:
    says = item.properties
    kind = (_MEMBER.search(item.type) or ["", ""])[1].lower()
    name = next((str(says[key]) for key in _NAMES if says.get(key)), "")
    project = str(says.get("project") or "")
    if not name:
        return f"project {project}" if project else f"{kind or 'resource'} {item.name}"
    of = f" of project {project}" if project and kind != "bucket" else ""
    return f"{kind} {name.rpartition('/')[2]}{of}"


def _condition(condition: Any) -> str:
    """A role under a condition is another one: nobody here knows when it holds."""
    return f" under the condition {condition}" if condition else ""

"""Changes of a config as data: what is proposed is also what is tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from egress.common.errors import ConfigError
from egress.judge.model.flow import Flow
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.settings import Settings

Path = tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """One key of the config set, or taken away."""

    path: Path
    value: Any
    remove: bool = False


@dataclass(frozen=True)
class Proposal:
    """Something that is said to turn a verdict. It is a hint once it was tried."""

    says: str
    """Whole sentences."""
    edits: tuple[Edit, ...] = ()
    """What to change; empty: the config stays, and the app asks in another way."""
    instead: Flow | None = None
    """How the app asks instead."""
    admits: frozenset[str] = frozenset()
    """What it may open besides (egress/answers/hint_check.py), because `says` tells so."""
    called: str = ""
    """The name by which the host goes afterwards, where it was asked for by another."""


def set_to(path: Path, value: Any) -> Edit:
    return Edit(path, value)


def gone(path: Path) -> Edit:
    return Edit(path, None, remove=True)


def raw(plan: Plan) -> dict[str, Any]:
    """The plan's config as somebody could have written it."""
    return plan.settings.model_dump(mode="json", by_alias=True, exclude_unset=True)


def changed(plan: Plan, edits: Iterable[Edit]) -> Plan | None:
    """The plan of the changed config; None: it would be refused."""
    config = raw(plan)
    config.pop("repair", None)  # names objects of the config as it is, and opens nothing
    for edit in edits:
        node = config
        for part in edit.path[:-1]:
            node = node.setdefault(part, {})
        if edit.remove:
            node.pop(edit.path[-1], None)
        else:
            node[edit.path[-1]] = edit.value
    try:
        return make_plan(Settings.model_validate(config))
    except (ValidationError, ConfigError):
        return None


def at(path: Path) -> str:
    """The path as people write it: `teams.team-x.egress."example.com".http`."""
    return ".".join(f'"{part}"' if {".", "*"} & set(part) else part for part in path)


def written(value: Any) -> str:
    """A value as one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()

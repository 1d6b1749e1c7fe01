"""From facts to what people read: one sentence for each thing that somebody gains or loses, the riskiest
first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.answers.diff import (
    entering,
    fences,
    granted,
    inspected,
    leaving,
    logged,
    platform,
    received,
    relaxed,
    trusted,
)
from egress.answers.diff.both import Both, comparable
from egress.answers.diff.deleted import Deleted, deleted
from egress.answers.diff.facts import Fact
from egress.answers.diff.flows import TeamFlows
from egress.answers.diff.normal import Item, differing, normal
from egress.answers.diff.sentences import sentence
from egress.answers.diff.settings import CONFIG, silent, unseen
from egress.answers.diff.unasked import unasked
from egress.answers.diff.unjudged import Unjudged, unjudged
from egress.answers.words import Aspect
from egress.judge.model.flow import Vantage
from egress.judge.model.snapshot import Snapshot
from egress.plan.model import Plan


@dataclass(frozen=True)
class Change:
    """One thing that somebody gains or loses."""

    aspect: Aspect
    widening: bool
    teams: tuple[str, ...]
    """Who; empty: nobody alone. All of them gain or lose the same."""
    facts: tuple[Fact, ...]
    """Of the first of them."""

    @property
    def text(self) -> str:
        return sentence(self.teams, self.facts)

    @property
    def risk(self) -> str:
        return self.aspect.risk(self.widening)

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "risk": self.risk,
            "widening": self.widening,
            "team": self.teams[0] if len(self.teams) == 1 else None,
            "teams": list(self.teams),
            "text": self.text,
            "details": [
                {"target": fact.target, "what": fact.what, "how": fact.how, "decidedBy": fact.by}
                for fact in self.facts
            ],
        }


@dataclass(frozen=True)
class Difference:
    """What two sets of objects make different for anybody."""

    changes: tuple[Change, ...]
    objects: tuple[str, ...]
    """Identities of the objects that are not the same."""
    notes: tuple[str, ...]
    """What was not compared, and why."""

    unjudged: tuple[Unjudged, ...] = ()
    """What differs without being judged: nobody here can tell what it does."""
    deletes: tuple[Deleted, ...] = ()
    """What goes with namespaces of teams."""
    silent: tuple[str, ...] = ()
    """Keys of the config that differ, are in no object, and say nothing about who may reach what."""

    @property
    def widens(self) -> bool:
        """Whether somebody gains something, or may: what is not judged counts."""
        return any(change.widening for change in self.changes) or any(item.widening for item in self.unjudged)

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "changes": [change.as_json() for change in self.changes],
            "notJudged": [item.as_json() for item in self.unjudged],
            "deletes": [item.as_json() for item in self.deletes],
            "objects": [*self.objects, *(f"{CONFIG} {path}" for path in self.silent)],
            "notes": list(self.notes),
        }


def difference(
    old: Snapshot,
    new: Snapshot,
    plans: tuple[Plan | None, Plan | None] = (None, None),
    *,
    whole: bool = False,
) -> Difference:
    """What the new objects let out that the old ones do not, and the other way round.

    Args:
        old, new: the objects.
        plans: what they were rendered of, where they are a config's: between two, what no object shows is
        compared too.
        whole: whether each was handed over whole, so that what it does not hold is not there.
    """
    notes: list[str] = []
    nothing = [not (side.kubernetes or side.google) for side in (old, new)]
    if not any(nothing):
        old, new, notes = comparable(old, new, whole=whole)
    goes = deleted(old, new)
    both = Both(old, new)
    sides = [normal(side) for side in (old, new)]
    objects = tuple(sorted(name for name in sides[0].keys() | sides[1].keys() if _differ(sides, name, both)))
    facts: list[Fact] = []
    if objects:
        facts += [fact for team in both.teams for fact in TeamFlows(both, team).facts()]
        for room in (fences, received, entering, inspected, trusted):
            facts += room.facts(both)
        facts += granted.deployed(both)
    gateways = {pod.namespace for side in both.sides for pod in side.judges.gateways.pods}
    before, after = plans
    if not (before and after):
        if (before and nothing[1]) or (after and nothing[0]):
            facts += [*granted.roles(before, after), *relaxed.facts(before, after, facts)]
        unread = (*unjudged(both, sides, objects, facts), *unasked(both)) if objects else ()
        return Difference(
            tuple(_changes(_without_echoes(facts, gateways))), objects, tuple(notes), unread, goes
        )
    for of_plans in (platform.facts, leaving.facts, logged.facts, granted.planned):
        facts += of_plans(before, after)
    facts += relaxed.facts(before, after, facts)
    settings = before.settings, after.settings
    # Whatever differs between the objects of two configs does so because of some key: keys are what people
    # know.
    unread = tuple(Unjudged(f"{CONFIG} {path}", ()) for path in unseen(*settings, facts))
    return Difference(
        tuple(_changes(_without_echoes(facts, gateways))),
        objects,
        tuple(notes),
        unread,
        goes,
        tuple(silent(*settings)),
    )


def _differ(sides: Sequence[Mapping[str, Item]], name: str, both: Both) -> bool:
    old, new = (side.get(name) for side in sides)
    return old is None or new is None or any(True for _ in differing(old.says, new.says, both.partial(old)))


def _without_echoes(facts: Iterable[Fact], gateways: Iterable[str]) -> list[Fact]:
    """Facts without those that say again what another one says.

    DNS answers for a host because somebody may reach it now; who may reach pods or Google's APIs does so past
    the sidecar as well; whoever reaches a host does so through a gateway; TLS that is dropped changes the
    port; an object that nobody reads is named once for those whom it concerns; what a setting opens is not
    said of its object as well.
    """
    unique = list(dict.fromkeys(facts))
    reached = {(fact.target, fact.gain) for fact in unique if fact.aspect in (Aspect.HOST, Aspect.PORT)}
    by_app = {(fact.team, fact.target, fact.gain) for fact in unique if fact.aspect is Aspect.HOST}
    tls = {(fact.team, fact.target, fact.how) for fact in unique if fact.aspect is Aspect.TLS}

    by_setting = {(fact.what, fact.gain) for fact in unique if fact.aspect is Aspect.OPENING and not fact.by}
    at_gateways = {
        words for namespace in gateways for words in (f"the gateway in {namespace}", f"pods of {namespace}")
    }
    gained = {(fact.team, fact.gain) for fact in unique if fact.aspect is Aspect.HOST}
    of_somebody = {
        (fact.what, fact.gain) for fact in unique if fact.aspect is Aspect.UNREAD and fact.target != fact.what
    }

    def echo(fact: Fact) -> bool:
        if fact.how == "NetworkPolicy" and fact.target in at_gateways:
            return (fact.team, fact.gain) in gained
        if fact.how == "DNS":
            return (fact.target.removeprefix("*."), fact.gain) in reached or (
                fact.target,
                fact.gain,
            ) in reached
        if fact.aspect is Aspect.UNREAD:
            return fact.target == fact.what and (fact.what, fact.gain) in of_somebody
        if fact.aspect is Aspect.OPENING:
            return bool(fact.by) and (fact.what, fact.gain) in by_setting
        if fact.aspect is Aspect.DESTINATION:
            return (fact.team, fact.what.partition(",")[0], fact.how) in tls
        return fact.how == Vantage.POD_WITHOUT_SIDECAR.value and (fact.team, fact.target, fact.gain) in by_app

    return [fact for fact in unique if not echo(fact)]


def _changes(facts: Iterable[Fact]) -> list[Change]:
    grouped: dict[tuple[object, ...], list[Fact]] = {}
    for fact in facts:
        grouped.setdefault((fact.team, *_group(fact)), []).append(fact)
    same: dict[tuple[object, ...], tuple[list[str], list[Fact]]] = {}
    for (team, *group), members in grouped.items():
        members.sort(key=lambda fact: (fact.target, fact.what, fact.how))
        said = tuple((fact.target, fact.what, fact.how) for fact in members)
        same.setdefault((*group, said), ([], members))[0].append(str(team))
    changes = [
        Change(members[0].aspect, members[0].gain, tuple(sorted(filter(None, teams))), tuple(members))
        for teams, members in same.values()
    ]
    return sorted(changes, key=_order)


_BY_TARGET = ("firewall", "level", "early", "itself", "copies")
"""What fences are about of which each target is a sentence of its own."""


def _group(fact: Fact) -> tuple[object, ...]:
    """What facts have in common that one sentence says."""
    if fact.aspect in (Aspect.WAY, Aspect.FENCE):
        return fact.aspect, fact.gain, fact.how, fact.target if fact.how in _BY_TARGET else ""
    if fact.aspect is Aspect.UNREAD:
        return fact.aspect, fact.gain, fact.what
    if fact.aspect is Aspect.TLS:
        return fact.aspect, fact.gain, fact.target, fact.what
    if fact.aspect in (Aspect.GRANT, Aspect.ROLE, Aspect.INSPECTION):
        return fact.aspect, fact.gain, fact.target, fact.how
    if fact.aspect.other or fact.aspect in (Aspect.LIMIT, Aspect.PROTECTION):
        return fact.aspect, fact.gain, fact.target, fact.what, fact.how
    return fact.aspect, fact.gain, fact.target


def _order(change: Change) -> tuple[object, ...]:
    aspects = list(Aspect)
    return (
        not change.widening,
        aspects.index(change.aspect),
        change.teams,
        change.facts[0].target,
        change.text,
    )

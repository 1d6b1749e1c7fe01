"""Roles and rights of accounts and people on both sides: in Google Cloud, where IAM decides, and in the
cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from egress.answers.diff.both import Both, Side
from egress.answers.diff.facts import Fact, another
from egress.answers.evidence import grants
from egress.answers.words import Aspect
from egress.common.google_roles import within
from egress.judge.lookup.iam import granted
from egress.judge.model.snapshot import identity, listed, part
from egress.plan.identity import WorkloadIdentity
from egress.plan.model import Plan

_PEOPLE = ("Group", "User")
Holder = tuple[str, str, str]
"""A team (empty: none), who has the role, and on what."""
Roles = dict[Holder, dict[str, str]]
"""By holder the roles, each with the object that gives it."""


def planned(old: Plan, new: Plan) -> Iterator[Fact]:
    """Roles in Google Cloud that configs give to teams' service accounts, and the accounts themselves."""
    yield from roles(old, new)
    before, after = (_identities(plan) for plan in (old, new))
    for (team, account), one in sorted(before.items()):
        if other := after.get((team, account)):
            target = f"the Google service account of {{who}}'s {account}"
            yield from another(Aspect.OTHER_IDENTITY, team, target, one.account_id, other.account_id)
    teams = {team.name for team in old.teams} & {team.name for team in new.teams}
    for gain, fewer, more in ((True, before, after), (False, after, before)):
        for team, account in sorted(more.keys() - fewer.keys()):
            if team in teams:
                what = f"act as Google service account {more[team, account].account_id}"
                yield Fact(Aspect.RIGHT, gain, "", f"service account {account} of {team}", what)


def roles(old: Plan | None, new: Plan | None) -> Iterator[Fact]:
    """Roles alone; without a plan there are none."""
    before, after = (_of_plan(plan) if plan else {} for plan in (old, new))
    yield from _roles(before, after)


def deployed(both: Both) -> Iterator[Fact]:
    """What objects give: members of IAM policies, and people's roles in the cluster."""
    if all(side.snapshot.google for side in both.sides):
        yield from _roles(*(_of_objects(side) for side in both.sides))
    before, after = (dict(_bound(side)) for side in both.sides)
    for gain, fewer, more in ((True, before, after), (False, after, before)):
        for (who, what), by in sorted(more.items()):
            if (who, what) not in fewer:
                yield Fact(Aspect.RIGHT, gain, "", who, what, by=by)


def _of_plan(plan: Plan) -> Roles:
    found: Roles = {}
    for grant in grants(plan):
        found.setdefault((grant.team, f"service account {grant.service_account}", grant.resource), {})[
            grant.role
        ] = ""
    return found


def _identities(plan: Plan) -> dict[tuple[str, str], WorkloadIdentity]:
    return {(team.name, one.service_account): one for team in plan.teams for one in team.identities}


def _of_objects(side: Side) -> Roles:
    found: Roles = {}
    for one in granted(side.snapshot):
        found.setdefault(("", one.member, one.resource), {})[one.role] = one.by
    return found


def _bound(side: Side) -> Iterator[tuple[tuple[str, str], str]]:
    """Groups and people with the role that some binding gives them."""
    for kind, everywhere in (("ClusterRoleBinding", True), ("RoleBinding", False)):
        for manifest in side.snapshot.kind(kind):
            role = part(manifest, "roleRef")
            where = "everywhere" if everywhere else f"in {manifest['metadata'].get('namespace')}"
            for subject in listed(manifest, "subjects"):
                who = str(subject.get("name"))
                if subject.get("kind") in _PEOPLE and not who.startswith("system:"):
                    what = f"use {role.get('kind')} {role.get('name')} {where}"
                    yield (f"{str(subject['kind']).lower()} {who}", what), identity(manifest)


def _roles(old: Roles, new: Roles) -> Iterator[Fact]:
    for holder in sorted(old.keys() | new.keys()):
        yield from _of_holder(holder, old.get(holder, {}), new.get(holder, {}))


def _of_holder(holder: Holder, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Fact]:
    """Roles of one account on one resource: one that takes another's place is wider, narrower, or another
    one."""
    team, who, resource = holder
    more, less = _beyond(new, old), _beyond(old, new)
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    if len(gone) == len(come) == 1:
        (before,), (after,) = gone, come
        by, whose = new[after] or old[before], "{who}'s " if team else ""
        if more and less:
            yield Fact(
                Aspect.OTHER_ROLE, True, team, f"the role of {whose}{who} on {resource}", after, before, by
            )
        elif more or less:
            strong, weak = (after, before) if more else (before, after)
            yield Fact(Aspect.ROLE, bool(more), team, resource, f"{strong} instead of {weak}", who, by)
        return
    for gain, roles, of in ((True, more, new), (False, less, old)):
        for role in sorted(roles):
            yield Fact(Aspect.GRANT, gain, team, resource, role, who, of[role])


def _beyond(roles: Iterable[str], others: Iterable[str]) -> set[str]:
    """Roles that no other one allows all of."""
    allowed = frozenset[str]().union(*(within(other) for other in others))
    return {role for role in roles if role not in allowed}

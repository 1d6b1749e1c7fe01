"""Whatever a config opens, gives or declares is named by `egress diff` when it comes or goes, and the way
back says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from egress.answers.diff import Difference, difference
from egress.answers.diff.facts import Fact
from egress.answers.evidence import grants
from egress.answers.posture import relaxations
from egress.answers.words import Aspect
from egress.common.errors import ConfigError
from egress.common.google_roles import within
from egress.common.hosts import patterns_above
from egress.judge.model.ip_ranges import Ranges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from egress.settings.security_model import SecurityModel
from tests.random_configs import configs
from tests.random_openings import opened_configs
from tests.support import plan_of

OPENS = "cluster.controlPlane.authorizedNetworks."


@st.composite
def two(draw: st.DrawFn) -> tuple[Plan, Plan]:
    """Two plans: of the same teams in two stacks, or of others."""
    first = draw(opened_configs())
    same = draw(st.booleans())
    plans = [_plan(first), _plan(draw(opened_configs(first if same else draw(configs()))))]
    event("the same teams" if same else "others")
    return plans[0], plans[1]


def _plan(config: dict[str, Any]) -> Plan:
    try:
        return plan_of(config)
    except ConfigError:
        assume(False)
        raise


def compared(old: Plan, new: Plan) -> Difference:
    one, other = (deployment(plan, render(plan)) for plan in (old, new))
    return difference(one, other, (old, new))


def facts(of: Difference) -> set[tuple[tuple[str, ...], Fact]]:
    """What is said of whom, whichever object decides."""
    return {(change.teams, replace(fact, team="", by="")) for change in of.changes for fact in change.facts}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(two())
def test_what_is_opened_given_or_declared_is_named_when_it_comes_or_goes(plans: tuple[Plan, Plan]) -> None:
    old, new = plans
    forth, back = compared(old, new), compared(new, old)
    assert facts(forth) == {(teams, fact.mirrored) for teams, fact in facts(back)}
    assert [item.object for item in forth.unjudged] == [item.object for item in back.unjudged]
    for of, before, after in ((forth, old, new), (back, new, old)):
        said = facts(of)
        assert [item for item in _opened(before, after) if not _names(said, item)] == []
        assert [item for item in _given(before, after) if not _gives(said, item)] == []
        assert [item for item in _declared(before, after) if not _reaches(said, item)] == []
        if _opened(before, after):
            assert of.widens


Said = set[tuple[tuple[str, ...], Fact]]


def _opened(old: Plan, new: Plan) -> list[tuple[str, str, str]]:
    """Setting, words and range of what the new config opens and the old one does not."""
    before = relaxations(old)
    found: list[tuple[str, str, str]] = []
    for item in relaxations(new):
        same = [
            other for other in before if other.setting.rpartition(".")[0] == item.setting.rpartition(".")[0]
        ]
        ranges = Ranges.of(other.range for other in same if other.range)
        covered = item.range and ranges.covers(Ranges.of([item.range]))
        if (
            not covered
            and item.opens not in {other.opens for other in before}
            and ".projectRoles." not in item.setting
        ):
            found.append((item.setting, item.opens, item.range))
    without = not old.settings.network.perimeter
    return [item for item in found if not (without and item[0] == "network.perimeter.accessLevels")]


def _names(said: Said, item: tuple[str, str, str]) -> bool:
    setting, _, cidr = item
    if setting.startswith(OPENS):
        left = Ranges.of([cidr])
        for _, fact in said:
            if fact.aspect is Aspect.ACCESS and fact.gain and fact.what.startswith("from "):
                left = left.minus(Ranges.of([fact.what.removeprefix("from ")]))
        return left != Ranges.of([cidr])
    if setting == "ingress.exposure":
        return any(fact.aspect is Aspect.EXPOSED and fact.gain for _, fact in said)
    host = setting.partition('"')[2].partition('"')[0]
    return any(
        fact.gain and (fact.target == setting or (setting.endswith("inspect.mode") and fact.target == host))
        for _, fact in said
    )


def _given(old: Plan, new: Plan) -> list[tuple[str, str, str]]:
    """Team, resource and role of what the new config gives, beyond all that the old one gives to the same
    account."""
    before = [(one.team, one.service_account, one.resource, one.role) for one in grants(old)]
    return [
        (one.team, one.resource, one.role)
        for one in grants(new)
        if not any(
            (team, account, resource) == (one.team, one.service_account, one.resource)
            and one.role in within(role)
            for team, account, resource, role in before
        )
    ]


def _gives(said: Said, item: tuple[str, str, str]) -> bool:
    team, resource, role = item
    return any(team in teams and resource in fact.target and role in fact.what for teams, fact in said)


def _declared(old: Plan, new: Plan) -> list[tuple[str, str]]:
    """Team and target of what the new config lets somebody reach and the old one does not."""
    before = set(_targets(old))
    return [
        (team, target)
        for team, target in dict.fromkeys(_targets(new))
        if (team, target) not in before
        and not any((team, above) in before for above in patterns_above(target))
    ]


def _targets(plan: Plan) -> Iterator[tuple[str, str]]:
    for team in plan.teams:
        own = {way.host.name for way in team.ways}
        yield from ((team.name, host) for host in own if not own & set(patterns_above(host)))
        yield from ((team.name, host) for host in team.google_hosts)
        yield from ((team.name, f"pods of {other}") for other in team.settings.reaches)
        if team.model is SecurityModel.OPEN:
            yield team.name, "any other host"


def _reaches(said: Said, item: tuple[str, str]) -> bool:
    team, target = item
    return any(team in teams and fact.target == target and fact.gain for teams, fact in said)

"""What a config opens beyond the defaults and the other one does not: each setting by its name, whether or
not a flow shows it.

A question that nobody thought of would hide an opening; this list does not ask questions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from egress.answers.diff import inspected
from egress.answers.diff.facts import Fact
from egress.answers.posture import Relaxation, relaxations
from egress.answers.words import Aspect
from egress.judge.model.ip_ranges import Ranges
from egress.plan.model import Plan

SAID = re.compile(r"^(cluster\.controlPlane\.authorizedNetworks\.|ingress\.exposure$)|\.projectRoles\.")
"""Settings that other rooms say in better words, whenever they change: range by range, role by role."""
_LEVELS = "network.perimeter.accessLevels"


def facts(old: Plan | None, new: Plan | None, found: Collection[Fact]) -> Iterator[Fact]:
    """What comes and goes. The same thing under another name is no change, and neither is a part of what was
    open.

    Args:
        old, new: the two plans; None: there is nothing at all on that side.
        found: what other rooms say already.
    """
    before, after = (relaxations(plan) if plan else [] for plan in (old, new))
    perimeters = all(plan is None or plan.settings.network.perimeter for plan in (old, new))
    for gain, fewer, more in ((True, before, after), (False, after, before)):
        for item in more:
            ways_in = item.setting == _LEVELS and not perimeters  # without a perimeter everybody may
            said = old is not None and new is not None and _said(item, gain, found)
            if not (ways_in or said or _covered(item, fewer)):
                yield Fact(Aspect.OPENING, gain, "", item.setting, item.opens)


def _covered(item: Relaxation, fewer: Iterable[Relaxation]) -> bool:
    if not item.range:
        return any(item.opens == other.opens for other in fewer)
    alike = (other.range for other in fewer if other.range and _kind(other) == _kind(item))
    return Ranges.of(alike).covers(Ranges.of([item.range]))


def _kind(item: Relaxation) -> str:
    return item.opens.replace(item.range, "")


def _said(item: Relaxation, gain: bool, found: Collection[Fact]) -> bool:
    if SAID.search(item.setting):
        return True
    host = item.setting.partition('"')[2].partition('"')[0]
    return item.setting.endswith(".inspect.mode") and any(
        (fact.aspect, fact.gain, fact.target, fact.how) == (Aspect.INSPECTION, gain, host, inspected.MODE)
        for fact in found
    )

"""What has to hold of each object that somebody adds, widens or takes away: nobody calls it Proven unless it
does nothing.

The generators know by construction what a change does, from Kubernetes', Istio's and Google's references, and
ask no judge. What opens or breaks something has to be a violation or not understood; what opens has to widen
`diff`, and its removal has to narrow it. What does nothing should stay Proven: where it does not, that is
counted as too strict, and too much of that fails.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hypothesis import event
from hypothesis import strategies as st

from egress.answers.diff import difference
from egress.judge.trace import Judges
from egress.proof.verify import verify
from tests.fuzz.added import (
    cluster,
    firewall,
    gateway_pods,
    inbound,
    load_balancers,
    mesh,
    names,
    packets,
    proxies,
    rules,
)
from tests.fuzz.added.stacks import NAMED, Change, Effect, Json, Stack, named, of
from tests.random_configs import configs

GENERATORS: dict[str, Callable[[st.DrawFn, Stack], Change | None]] = {
    one.__name__: one
    for room in (
        packets,
        firewall,
        names,
        rules,
        mesh,
        proxies,
        cluster,
        gateway_pods,
        load_balancers,
        inbound,
    )
    for one in room.GENERATORS
}
INBOUND = [one.__name__ for one in (*load_balancers.GENERATORS, *inbound.GENERATORS)]
HARMLESS = [name for name in GENERATORS if name.endswith("_nothing")]
STRICT_AT_MOST = 0.05
"""Share of what does nothing that may be called otherwise, as "not understood", before that counts as a
failure."""
tried: Counter[str] = Counter()
strict: Counter[str] = Counter()


@st.composite
def changes(draw: st.DrawFn) -> Json:
    """A stack, and what somebody does to it."""
    case: dict[str, Any] = {
        "stack": draw(st.sampled_from(["dev", "dev", "openings", "openings", "receive", "receive", *NAMED]))
    }
    if draw(st.integers(0, 19)) == 0:
        case = {"config": draw(configs())}
    stack = of(case)
    found: list[Change] = []
    if stack:
        known = INBOUND if inbound.receiving(stack) and draw(st.booleans()) else sorted(GENERATORS)
        found = [
            change for name in (draw(st.sampled_from(known)),) if (change := GENERATORS[name](draw, stack))
        ]
        # What somebody adds besides may be what was taken away.
        if draw(st.integers(0, 3)) == 0 and not any(
            _takes(edit) for change in found for edit in change.edits
        ):
            beside = GENERATORS[draw(st.sampled_from(HARMLESS))](draw, stack)
            found += [beside] if beside else []
    effect = next((change.effect for change in found if change.effect is not Effect.NOTHING), Effect.NOTHING)
    edits = [edit for change in found for edit in change.edits]
    return {
        **case,
        "effect": effect,
        "what": "; ".join(change.what for change in found),
        "edits": _apart(edits),
    }


def _takes(edit: Json) -> bool:
    return "take" in edit or ("at" in edit and edit["value"] is None)


def _apart(edits: list[Json]) -> list[Json]:
    """Two objects of one name would be one."""
    seen: set[str] = set()
    for number, edit in enumerate(edits):
        written = edit.get("put") or edit.get("google") or {}
        name = written.get("metadata", written)
        key = json.dumps([written.get("kind"), written.get("type"), name.get("namespace"), name.get("name")])
        if written and key in seen:
            name["name"] = f"{name['name']}-{number}"
            if "properties" in written:
                written["properties"]["name"] = name["name"]
        seen.add(key)
    return edits


@lru_cache(maxsize=64)
def _proven(name: str) -> bool:
    stack = named(name)
    return verify(stack.intent, Judges(stack.unchanged)).holds


def check(case: Json) -> None:
    if not case["edits"]:
        return
    stack = of(case)
    if stack is None:
        return
    if "stack" in case:
        assert _proven(case["stack"]), "the stack itself is not proven"
    tried[Effect(case["effect"])] += 1
    event(case["effect"])
    judge(stack, case)


def judge(stack: Stack, case: Json) -> None:
    """Holds what verify and diff say of a change against what it does."""
    effect, what = Effect(case["effect"]), case["what"]
    changed = stack.changed(case["edits"])
    found = verify(stack.intent, Judges(changed)).violations
    if effect is Effect.NOTHING:
        if found:
            strict[what.split(" ")[0]] += 1
            assert all(
                not step.understood for violation in found[:1] for step in violation.steps if step.decided_by
            ), f"does nothing, and is called a violation: {what}\n{found[0]}"
        return
    assert found, f"{effect}, and is Proven: {what}"
    forward = difference(stack.unchanged, changed)
    said = [*forward.changes, *forward.unjudged]
    assert said, f"{effect}, and diff says nothing: {what}"
    if effect is Effect.OPENS:
        assert forward.widens, f"opens, and diff says that nothing widens: {what}"
        back = difference(changed, stack.unchanged)
        less = any(not change.widening or change.aspect.other for change in back.changes)
        assert less or back.unjudged, f"its removal narrows nothing: {what}"


def too_strict() -> str | None:
    """What to say of changes that do nothing and are called otherwise; None: they are few enough."""
    number, of_all = sum(strict.values()), tried[Effect.NOTHING]
    return (
        f"{number} of {of_all} changes that do nothing are not proven"
        if number > max(3, STRICT_AT_MOST * of_all)
        else None
    )


def summary() -> str:
    """What was tried, by effect."""
    parts = ", ".join(f"{tried[effect]} {effect.value}" for effect in Effect)
    return (
        f"{sum(tried.values())} changes of objects: {parts}; {sum(strict.values())} of the last not "
        "understood"
    )

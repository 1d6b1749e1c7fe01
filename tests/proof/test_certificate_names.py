"""By which name a host is asked for, and whose certificate is taken for its own, is what the config says, and
nothing else."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import plan_of, teams

API, QUEUE, EDGE, OTHER = "api.partner.example", "queue.partner.example", "edge.example", "other.example"
NAMES = {"upgrade": "tls", "sni": EDGE, "subjectAltNames": [EDGE]}
PLAN = plan_of(
    teams(
        team_a={
            API: {"http": NAMES},
            QUEUE: {
                "tcp": {"port": 6379, "addresses": ["203.0.113.20"], "serviceAccounts": ["app"], **NAMES}
            },
        }
    )
)
RULES = {
    API: "istio-egress/destinationrule/api-partner-example-originate-tls",
    QUEUE: "istio-egress/destinationrule/6379-queue-partner-example-port-internal-originate-tls",
}
Tls = dict[str, Any]
CHANGED: dict[str, Callable[[Tls], object]] = {
    "one more name is taken": lambda tls: tls["subjectAltNames"].append(OTHER),
    "the host's own name is taken besides": lambda tls: tls["subjectAltNames"].extend([API, QUEUE]),
    "another name is taken": lambda tls: tls.update(subjectAltNames=[OTHER]),
    "any name is taken": lambda tls: tls.pop("subjectAltNames"),
    "another name is sent": lambda tls: tls.update(sni=OTHER),
    "no name is sent": lambda tls: tls.pop("sni"),
}


def _violations(change: Callable[[Tls], object], of: str) -> list[str]:
    snapshot = deployment(PLAN, render(PLAN))
    items = [deepcopy(dict(item)) for item in snapshot.kubernetes]
    [rule] = [item for item in items if identity(item) == of]
    [setting] = rule["spec"]["trafficPolicy"]["portLevelSettings"]
    change(setting["tls"])
    found = verify(Intent(PLAN), Judges(Snapshot.of(items, snapshot.google)))
    return [violation.says for violation in found.violations]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_declared_is_proven(rule: str) -> None:
    assert _violations(lambda _: None, rule) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_name_that_nobody_declared_is_found(change: Callable[[Tls], object], rule: str) -> None:
    assert _violations(change, rule)

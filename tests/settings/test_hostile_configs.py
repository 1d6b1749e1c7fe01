"""Whatever somebody writes: it is refused in words, or accepted, and then it is proven."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from egress.common.errors import ConfigError
from egress.layers.render import render
from tests.hostile_configs import hostile
from tests.proof.test_verify import violations
from tests.support import plan_of


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(config=hostile())
def test_a_config_is_refused_in_words_or_proven(config: dict[str, Any]) -> None:
    try:
        plan = plan_of(config)
    except ConfigError as refused:
        problems = refused.problems
    else:
        problems = ()
        rendered = render(plan)
        assert len({item.identity for item in rendered}) == len(rendered)
        assert [str(violation) for violation in violations(plan)] == []
    assert all(problem.path and problem.consequence and problem.fix for problem in problems)

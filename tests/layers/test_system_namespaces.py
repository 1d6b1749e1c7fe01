"""Names of Kubernetes' and Google's own namespaces: left out by exact name, and no team begins like one."""

from __future__ import annotations

import pytest

from egress.common.errors import ConfigError
from egress.common.system_namespaces import PREFIXES, SYSTEM
from egress.layers.admission import gateway_nodes
from tests.support import config_with, plan_of


@pytest.mark.parametrize("name", [*SYSTEM, *(f"{prefix}shop" for prefix in PREFIXES)])
def test_no_team_is_called_like_one_or_begins_like_one(name: str) -> None:
    """In the namespace of a team `asm-shop` the rule on its labels did not hold, and the proof said it
    did."""
    with pytest.raises(ConfigError, match="belongs to the platform") as refused:
        plan_of(config_with("teams", {name: {}}))
    assert [problem.path for problem in refused.value.problems] == [f"gke-mesh-egress:teams.{name}"]


def test_every_name_is_kept_by_a_prefix_or_by_itself() -> None:
    apart = {name for name in SYSTEM if not name.startswith(PREFIXES)}
    assert apart == {"gkebackup", "resource-group-system"}


def test_rules_name_them_exactly() -> None:
    name, _ = gateway_nodes.WHERE["matchExpressions"]
    assert name == {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(SYSTEM)}

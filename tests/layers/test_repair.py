"""What `repair` names is applied whole, and what it cannot apply is refused."""

from __future__ import annotations

import pytest

from egress.common.errors import ConfigError
from egress.common.guarded import guarded
from egress.common.names import REPAIRED
from egress.layers.render import render
from tests.support import config_with, dev_config, plan_of

BOUNDARY = "team-y/networkpolicy/team-boundary"


def test_the_object_is_marked_and_no_other_is_touched() -> None:
    before = {item.identity: item.manifest for item in render(plan_of(dev_config()))}
    after = {
        item.identity: item.manifest for item in render(plan_of(config_with("repair", {BOUNDARY: "one"})))
    }
    assert [name for name in after if after[name] != before[name]] == [BOUNDARY]
    assert after[BOUNDARY]["metadata"]["annotations"][REPAIRED] == "one"


def test_a_name_that_is_nearly_one_is_refused_with_the_one_that_was_meant() -> None:
    plan = plan_of(config_with("repair", {"team-y/networkpolicy/team-bondary": "one", BOUNDARY: "one"}))
    with pytest.raises(ConfigError) as refused:
        render(plan)
    (problem,) = refused.value.problems
    assert problem.code == "EGR461"
    assert f"Did you mean {BOUNDARY}?" in problem.fix


def test_an_object_that_went_with_its_team_is_refused_too() -> None:
    config = config_with("repair", {"team-x/sidecar/default": "one"})
    assert render(plan_of(config))
    del config["gke-mesh-egress:teams"]["team-x"]
    with pytest.raises(ConfigError, match="EGR461"):
        render(plan_of(config))


def test_a_command_says_so_and_ends_as_with_any_other_config_that_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_of(config_with("repair", {"clusterrole/egress-platfrom": "one"}))
    assert guarded(lambda: render(plan)) == 2
    said = capsys.readouterr().err
    assert "Nothing was changed." in said
    assert "EGR461" in said
    assert "mistake of the program" not in said

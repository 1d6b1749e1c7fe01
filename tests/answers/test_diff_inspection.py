"""What `egress diff` says of an inspection that is gone, alone or with its host."""

from __future__ import annotations

import copy

from tests.answers.test_diff_unjudged import example, found, found_of_configs, put


def test_all_inspection_gone_is_less_of_it() -> None:
    config = example("inspection")
    without = copy.deepcopy(config)
    for team in without["gke-mesh-egress:teams"].values():
        for entry in team["egress"].values():
            entry.get("http", {}).pop("inspect", None)
    gone = found(config, without)
    assert {(change.risk, change.widening) for change in gone.changes} == {("less inspection", True)}
    assert [change.facts[0].target for change in gone.changes] == [
        "api.partner.example",
        "reports.partner.example",
    ]


def test_an_inspection_that_goes_with_its_host_is_no_gain() -> None:
    """The filter is gone as well then; that a host can no longer be reached is all there is to say."""
    config = example("inspection")
    without = copy.deepcopy(config)
    del without["gke-mesh-egress:teams"]["shop"]["egress"]["reports.partner.example"]
    for new in (without, put(without, "teams|shop|egress|api.partner.example", None)):
        assert not found_of_configs(config, new).widens

"""`egress diff` is silent only about what means the same: whatever else changes in a config is named."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from egress.answers.diff import difference
from egress.cli.diff import nothing
from egress.common.errors import ConfigError
from egress.common.names import TEAM_LABEL
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.answers.test_diff_unjudged import SAME, example, found, found_of_configs, said
from tests.support import config_with, dev_config, plan_of


def test_another_form_of_the_firewall_lets_the_same_through() -> None:
    assert said(found(dev_config(), config_with("network/firewall/form", "policy"))) == []


def test_what_says_nothing_about_reach_is_named_as_such() -> None:
    config = dev_config()
    of = found_of_configs(config_with("labels", {"floor": "1"}), config_with("labels", {"floor": "2"}))
    assert said(of) == []
    assert not of.widens
    assert nothing(of).endswith(
        "1 key of the config differs, without effect on who may reach what: config labels/floor."
    )
    assert nothing(found_of_configs(config, config)) == SAME


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, (*path, str(key)))


@pytest.mark.parametrize(
    "mode",
    [
        "receive",
        "perimeter",
        "google-apis",
        "own-gateway",
        "rules",
        "private-ca",
        "registry-only",
        "secret-manager",
    ],
)
def test_no_setting_is_taken_away_in_silence(mode: str) -> None:
    """Whatever a config may do without: that it is gone is named, or the config means the same without it."""
    config = example(mode)
    asked = 0
    for path in _leaves({key: value for key, value in config.items() if key.startswith("gke-mesh-egress:")}):
        shorter = copy.deepcopy(config)
        node = shorter
        for part in path[:-1]:
            node = node[part]
        if path[-1] not in node:
            continue
        del node[path[-1]]
        try:
            plans = plan_of(config), plan_of(shorter)
        except ConfigError:
            continue
        before, after = (
            plan.settings.model_dump(exclude={"teams": {"__all__": {"egress"}}}) for plan in plans
        )
        if before == after:
            continue
        asked += 1
        of = found_of_configs(config, shorter)
        assert of.changes or nothing(of) != SAME, path
    assert asked


class TestATeamWhoseLabelIsTakenOff:
    """Its Namespace stays, and with it what its pods may do."""

    @staticmethod
    def snapshots(*, opened: bool = False) -> tuple[Snapshot, Snapshot]:
        plan = plan_of(dev_config())
        whole = deployment(plan, render(plan))
        bare = [copy.deepcopy(dict(item)) for item in whole.kubernetes]
        for item in bare:
            if identity(item) == "namespace/team-x":
                del item["metadata"]["labels"][TEAM_LABEL]
            if opened and identity(item) == "team-x/networkpolicy/team-boundary":
                item["spec"]["egress"] = [{}]
        return whole, Snapshot.of(bare, whole.google)

    @staticmethod
    def rules(old: Snapshot, new: Snapshot) -> set[str]:
        found = difference(old, new).changes
        return {fact.target for change in found for fact in change.facts if fact.how == "admission"}

    def test_loses_its_fences_by_name(self) -> None:
        whole, stripped = self.snapshots()
        rules = self.rules(whole, stripped)
        assert {"the rule host-namespaces", "the rule proxy-identity"} <= rules
        assert difference(whole, stripped).widens
        assert rules == self.rules(stripped, whole)

    def test_is_not_said_to_reach_less(self) -> None:
        assert not [change for change in difference(*self.snapshots()).changes if not change.widening]

    def test_is_asked_what_its_pods_reach_more(self) -> None:
        targets = {
            fact.target
            for change in difference(*self.snapshots(opened=True)).changes
            for fact in change.facts
            if change.widening and fact.team == "team-x"
        }
        assert "the metadata server" in targets

"""What is written down of connections that a NetworkPolicy decided about."""

from __future__ import annotations

import pytest

from egress.layers.render import render
from tests.support import config_with, dev_config, plan_of


def logged(said: str | None) -> tuple[bool, bool]:
    """Whether allowed connections are logged, and whether denied ones are."""
    config = config_with("fences", {"observe": {"networkPolicies": said}}) if said else dev_config()
    (item,) = [item for item in render(plan_of(config)) if item.kind == "NetworkLogging"]
    assert (item.name, item.namespace) == ("default", None), "GKE reads no other"
    cluster = item.manifest["spec"]["cluster"]
    # A namespace's annotation could otherwise turn a team's own refusals off.
    assert not cluster["allow"]["delegate"]
    assert not cluster["deny"]["delegate"]
    return cluster["allow"]["log"], cluster["deny"]["log"]


def test_what_a_network_policy_refuses_is_logged_without_a_word_in_the_config() -> None:
    assert logged(None) == (False, True)


@pytest.mark.parametrize(
    ("said", "expected"), [("denied", (False, True)), ("all", (True, True)), ("none", (False, False))]
)
def test_the_setting_says_which_connections_are_logged(said: str, expected: tuple[bool, bool]) -> None:
    assert logged(said) == expected

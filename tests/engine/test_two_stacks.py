"""Two stacks in one Google project, as a team has that keeps environments or regions beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.apiservers import ApiServers
from sandbox.google.cloud import ENABLED_API, Cloud
from tests.engine.stack import Sandbox
from tests.support import dev_config

OWN = "gke-mesh-egress:"
SERVICEMESH = "projects/sandbox-project/locations/global/features/servicemesh"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("two"))
    sandbox.configure(small())
    sandbox.configure(elsewhere(), "eu")
    try:
        yield sandbox
    finally:
        for server in ApiServers(sandbox.home).every():
            server.wipe()


def small() -> dict[str, Any]:
    """The dev stack with one team, which has all that is made by name."""
    config = dev_config()
    team = config[f"{OWN}teams"]["team-x"] | {
        "reaches": [],
        "egress": {"example.com": {"https": "passthrough"}},
    }
    account = {"buckets": {"bucket": "roles/storage.objectViewer"}}
    team["googleApis"] = {"serviceAccounts": {"test": account}}
    config[f"{OWN}network"]["nat"] = {"addresses": {"partners": "for partners"}}
    config[f"{OWN}network"]["dns"] = {"queryLogging": True}
    config[f"{OWN}network"]["firewall"] = {"form": "rules"}
    return config | {f"{OWN}teams": {"team-x": team}}


def elsewhere() -> dict[str, Any]:
    """The same in a network and a cluster of its own: a prefix instead of the tutorial's names."""
    config = small()
    del (
        config[f"{OWN}network"]["name"],
        config[f"{OWN}network"]["subnet"]["name"],
        config[f"{OWN}cluster"]["name"],
    )
    return config | {f"{OWN}names": {"prefix": "eu"}}


def held(sandbox: Sandbox, stack: str = "") -> set[str]:
    """Ids of what is there, or of what a stack has made; APIs are the project's."""
    return {
        one.id
        for one in Cloud(sandbox.home).everything()
        if one.type != ENABLED_API and f"urn:pulumi:{stack}" in one.urn
    }


def test_a_second_stack_comes_up_beside_the_first_and_goes_without_it(sandbox: Sandbox) -> None:
    sandbox.run("up")
    first = held(sandbox)
    sandbox.run("up", stack="eu")
    assert first < held(sandbox)
    second = held(sandbox, "eu::")
    assert len(second) > 30
    assert not first & second
    for stack in ("dev", "eu"):
        assert sandbox.changes(sandbox.run("preview", stack=stack)).keys() == {"unchanged"}
    servers = [server.url for server in ApiServers(sandbox.home).every()]
    assert len(servers) == 2, "each cluster has an API server of its own"

    sandbox.run("destroy", stack="eu")
    assert held(sandbox) == first
    assert sandbox.changes(sandbox.run("preview")).keys() == {"unchanged"}, "what it uses is still there"
    assert "Nothing is left" in sandbox.run("destroy")

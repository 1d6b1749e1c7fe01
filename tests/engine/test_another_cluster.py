"""A cluster that has to be made anew moves under another name: the new one is whole before the old goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.apiservers import ApiServers
from sandbox.google.cloud import Cloud
from tests.engine.stack import Sandbox
from tests.engine.test_two_stacks import OWN, small


@pytest.fixture(name="sandbox")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("another"))
    try:
        yield sandbox
    finally:
        for server in ApiServers(sandbox.home).every():
            server.wipe()


def clusters(sandbox: Sandbox) -> list[str]:
    return [one.id.rpartition("/")[2] for one in Cloud(sandbox.home).everything() if ":Cluster" in one.type]


def test_a_cluster_under_another_name_has_everything_before_the_old_one_goes(sandbox: Sandbox) -> None:
    config = small()
    sandbox.configure(config)
    sandbox.run("up")
    config[f"{OWN}cluster"]["name"] = "cluster2"
    config[f"{OWN}network"]["controlPlane"] = "10.6.0.0/28"
    sandbox.configure(config)
    changes = sandbox.changes(sandbox.run("up"))
    assert changes.keys() == {"updated", "replaced"}, "nothing is deleted without a successor"
    assert clusters(sandbox) == ["cluster2"]
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}
    assert "Nothing is left" in sandbox.run("destroy")

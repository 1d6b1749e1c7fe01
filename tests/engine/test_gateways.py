"""A team's own gateway under the real engine: it comes, partners learn its addresses, it goes as
docs/modes/gateways.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google.cloud import Cloud
from tests.engine.stack import Sandbox
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"
POOL = "gateway-partner"


def example(*, gateway: bool) -> dict[str, Any]:
    """The example's stack, of a kind that may go away; or the same before its team had a gateway of its
    own."""
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "examples/modes/Pulumi.own-gateway.yaml").read_text(encoding="utf-8")
    )["config"]
    config |= {"gcp:project": PROJECT, f"{OWN}protect": False, f"{OWN}cluster": {"deletionProtection": False}}
    if not gateway:
        del config[f"{OWN}gateways"]
        del config[f"{OWN}teams"]["payments"]
    return config


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("gateways"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def test_a_gateway_is_added_to_a_stack_and_replaces_nothing(sandbox: Sandbox) -> None:
    sandbox.configure(example(gateway=False))
    sandbox.run("up")
    sandbox.configure(example(gateway=True))
    changes = sandbox.changes(sandbox.run("up"))
    assert changes.keys() & {"replaced", "deleted"} == set()
    egress = json.loads(sandbox.run("outputs"))["egress"]
    assert sorted(egress["gateways"]["partner"]["addresses"]) == ["partner-1", "partner-2"]
    assert egress["teams"]["payments"]["gateway"] == "partner"


def test_its_subnet_stays_while_its_pool_is_there(sandbox: Sandbox) -> None:
    sandbox.configure(example(gateway=False))
    said = sandbox.run("up", fails=True)
    assert f"node pool '{POOL}' is in this subnet; delete the pool first" in said


def test_without_its_pool_it_goes_and_leaves_nothing_behind(sandbox: Sandbox) -> None:
    cloud = Cloud(sandbox.home)
    cloud.remove(next(item["id"] for item in cloud.list() if item["id"].endswith(f"/nodePools/{POOL}")))
    sandbox.run("refresh")
    changes = sandbox.changes(sandbox.run("up"))
    assert "replaced" not in changes
    # The zone of the host api.partner.example stays: the other team still goes there.
    assert [
        item["id"] for item in cloud.list() if "partner" in item["id"].replace("api-partner-example", "")
    ] == []
    sandbox.run("destroy")

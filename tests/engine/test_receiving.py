"""A stack that receives, under the real engine: its load balancer is Google's, and outlives the cluster
unless its Service is deleted first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google.cloud import Cloud
from sandbox.google.forwarding import FORWARDING_RULE
from tests.engine.stack import Sandbox
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"


def example() -> dict[str, Any]:
    """The example's stack, of a kind that may go away."""
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "examples/modes/Pulumi.receive.yaml").read_text(encoding="utf-8")
    )["config"]
    cluster = config.get(f"{OWN}cluster", {}) | {"deletionProtection": False}
    return config | {"gcp:project": PROJECT, f"{OWN}protect": False, f"{OWN}cluster": cluster}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("receiving"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def test_partners_connect_to_a_load_balancer_at_the_reserved_address(sandbox: Sandbox) -> None:
    sandbox.configure(example())
    sandbox.run("up")
    (rule,) = Cloud(sandbox.home).list(FORWARDING_RULE)
    assert rule["state"]["ipAddress"].endswith("-ingress")
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_the_service_alone_does_not_go_with_the_cluster(sandbox: Sandbox) -> None:
    resources = json.loads(sandbox.run("export"))["deployment"]["resources"]
    by_itself = [
        resource["urn"].rpartition("::")[2]
        for resource in resources
        if resource["type"].startswith("kubernetes:") and "deletedWith" not in resource
    ]
    assert by_itself == ["istio-ingress/service/istio-ingressgateway"]


def test_destroy_takes_it_down_in_one_go(sandbox: Sandbox) -> None:
    sandbox.run("destroy")
    assert Cloud(sandbox.home).leftovers() == []

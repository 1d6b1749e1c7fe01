"""A team's own gateway under the real engine: it comes, partners learn its addresses, it goes as
docs/modes/gateways.md says."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google.cloud import Cloud
from tests.engine.stack import Sandbox, kubernetes_object
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"


def example(*, gateway: bool, nat: bool = True) -> dict[str, Any]:
    """The example's stack, of a kind that may go away; or the same before its team had a gateway of its
    own, or the gateway addresses of its own."""
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "examples/modes/Pulumi.own-gateway.yaml").read_text(encoding="utf-8")
    )["config"]
    config |= {"gcp:project": PROJECT, f"{OWN}protect": False, f"{OWN}cluster": {"deletionProtection": False}}
    if not gateway:
        del config[f"{OWN}gateways"]
        del config[f"{OWN}teams"]["payments"]
    elif not nat:
        del config[f"{OWN}gateways"]["partner"]["nat"]
    return config


def pools(sandbox: Sandbox) -> frozenset[str]:
    """Names of the gateway's pools: another one in a subnet of its own."""
    ids = [item["id"] for item in Cloud(sandbox.home).list()]
    return frozenset(id.rpartition("/")[2] for id in ids if "/nodePools/gateway-partner" in id)


@contextmanager
def watched(look: Callable[[], object]) -> Iterator[None]:
    """Looks again and again while something else runs."""
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            look()
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


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
    sandbox.configure(example(gateway=True, nat=False))
    changes = sandbox.changes(sandbox.run("up"))
    assert changes.keys() & {"replaced", "deleted"} == set()


def test_it_gets_addresses_of_its_own_and_new_nodes_are_there_before_the_old_ones_go(
    sandbox: Sandbox,
) -> None:
    sandbox.configure(example(gateway=True))
    before, seen = pools(sandbox), set[frozenset[str]]()
    with watched(lambda: seen.add(pools(sandbox))):
        said = sandbox.run("up")
    assert sandbox.changes(said).get("replaced") == 1, "of all that there is, only the pool"
    after = pools(sandbox)
    assert (len(before), len(after), before & after) == (1, 1, frozenset())
    assert seen == {before, before | after, after}, "at no time is there none"
    pods = kubernetes_object(
        sandbox, "/apis/apps/v1/namespaces/istio-egress-partner/deployments/istio-egressgateway"
    )["spec"]["template"]["spec"]
    assert after == {pods["nodeSelector"]["cloud.google.com/gke-nodepool"]}
    assert re.search(r"egress-partner/deployment/\S+ updated", said), "its pods move in the same run"
    egress = json.loads(sandbox.run("outputs"))["egress"]
    assert sorted(egress["gateways"]["partner"]["addresses"]) == ["partner-1", "partner-2"]
    assert egress["teams"]["payments"]["gateway"] == "partner"


def test_its_subnet_stays_while_its_pool_is_there(sandbox: Sandbox) -> None:
    sandbox.configure(example(gateway=False))
    said = sandbox.run("up", fails=True)
    assert f"node pool '{min(pools(sandbox))}' is in this subnet; delete the pool first" in said


def test_without_its_pool_it_goes_and_leaves_nothing_behind(sandbox: Sandbox) -> None:
    cloud = Cloud(sandbox.home)
    cloud.remove(next(item["id"] for item in cloud.list() if item["id"].endswith(f"/{min(pools(sandbox))}")))
    sandbox.run("refresh")
    changes = sandbox.changes(sandbox.run("up"))
    assert "replaced" not in changes
    # The zone of the host api.partner.example stays: the other team still goes there.
    assert [
        item["id"] for item in cloud.list() if "partner" in item["id"].replace("api-partner-example", "")
    ] == []
    sandbox.run("destroy")

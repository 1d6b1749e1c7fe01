"""A stack with the managed mesh and registries of its own, under the real engine: what the preview says of
two runs, the maps of which Google reads one, and repositories that come and change."""

from __future__ import annotations

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from egress.common import names
from sandbox.apiserver import ApiServer
from sandbox.google.artifact_registry import REPOSITORY
from sandbox.google.cloud import Cloud
from sandbox.tools.istio import istio_crds
from tests.engine.stack import Sandbox, kubernetes_object
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"
MAPS = "/api/v1/namespaces/istio-system/configmaps"


def example(**registries: str) -> dict[str, Any]:
    """The example's stack, of a kind that may go away."""
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "examples/modes/Pulumi.managed-mesh.yaml").read_text(encoding="utf-8")
    )["config"]
    cluster = config.get(f"{OWN}cluster", {}) | {"deletionProtection": False}
    return config | {
        "gcp:project": PROJECT,
        f"{OWN}protect": False,
        f"{OWN}cluster": cluster,
        f"{OWN}registries": registries,
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("managed"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def upstreams(sandbox: Sandbox) -> dict[str, str]:
    """Where each repository fetches from."""
    return {
        found["id"].rpartition("/")[2]: found["state"]["remoteRepositoryConfig"]["description"]
        for found in Cloud(sandbox.home).list(REPOSITORY)
    }


def define_istios_kinds(sandbox: Sandbox) -> None:
    """What Google does in the cluster, some minutes after the feature is switched on."""
    server = ApiServer(sandbox.home)
    context = ssl.create_default_context(cadata=server.ca_pem)

    def ask(path: str, body: bytes | None = None) -> None:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/yaml"}
        request = urllib.request.Request(server.url + path, body, headers)
        urllib.request.urlopen(request, context=context, timeout=20).close()

    for definition in yaml.safe_load_all(istio_crds().read_text(encoding="utf-8")):
        ask("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_dump(definition).encode())
    for kind in ("networking.istio.io/v1/gateways", "telemetry.istio.io/v1/telemetries"):
        for _ in range(60):
            try:
                ask(f"/apis/{kind}")
                break
            except urllib.error.HTTPError:
                time.sleep(1)


def test_the_preview_announces_two_runs_and_two_runs_it_takes(sandbox: Sandbox) -> None:
    sandbox.configure(example(github="ghcr.io"))
    assert "switches managed Cloud Service Mesh on" in sandbox.run("preview")
    # Which of Istio's kinds are tried before the engine stops is a matter of the order in which answers come.
    assert re.search(r'no matches for kind "\w+" in version "\w+\.istio\.io/', sandbox.run("up", fails=True))
    define_istios_kinds(sandbox)
    again = sandbox.run("up")
    assert sandbox.changes(again).keys() == {"created", "unchanged"}
    assert "switches managed" not in again


def test_every_map_is_there_and_repositories_are_those_of_the_config(sandbox: Sandbox) -> None:
    assert upstreams(sandbox) == {"vpc-network-github": "ghcr.io"}, "the managed mesh brings its own images"
    found = {item["metadata"]["name"]: item["data"] for item in kubernetes_object(sandbox, MAPS)["items"]}
    assert len({found[name]["mesh"] for name in names.MANAGED_MESH_CONFIGS}) == 1


def test_nothing_is_left_to_do(sandbox: Sandbox) -> None:
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_another_upstream_is_another_repository_of_the_same_name(sandbox: Sandbox) -> None:
    sandbox.configure(example(github="quay.io"))
    assert sandbox.changes(sandbox.run("up"))["replaced"] == 1
    assert upstreams(sandbox) == {"vpc-network-github": "quay.io"}

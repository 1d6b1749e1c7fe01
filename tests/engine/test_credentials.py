"""Credentials from Secret Manager under the real engine: they come with a new cluster or later, a rotation
shows, they go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google.cloud import Cloud
from tests.engine.stack import Sandbox, kubernetes_object
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"
SOURCES = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/istio-egress/secretproviderclasses"


def example(*, managed: bool = True) -> dict[str, Any]:
    """The example's stack, of a kind that may go away; or the same with Secrets that are somebody else's to
    make."""
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "examples/modes/Pulumi.secret-manager.yaml").read_text(encoding="utf-8")
    )["config"]
    config |= {"gcp:project": PROJECT, f"{OWN}protect": False}
    config[f"{OWN}cluster"] = {"deletionProtection": False, "secretSync": managed}
    if not managed:
        del config[f"{OWN}credentials"]
    return config


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("credentials"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def test_they_are_added_to_a_stack_whose_cluster_copied_nothing_before(sandbox: Sandbox) -> None:
    sandbox.configure(example(managed=False))
    sandbox.run("up")
    sandbox.configure(example())
    changes = sandbox.changes(sandbox.run("up"))
    assert changes.keys() & {"replaced", "deleted"} == set()
    grants = [item["id"] for item in Cloud(sandbox.home).list() if "/secrets/" in item["id"]]
    assert len(grants) == 7
    assert (
        "versions/3"
        in kubernetes_object(sandbox, f"{SOURCES}/partner-client")["spec"]["parameters"]["secrets"]
    )
    state = sandbox.run("export")
    assert '"kubernetes:core/v1:ServiceAccount"' in state
    assert '"kubernetes:core/v1:Secret"' not in state


def test_a_rotation_is_one_change_that_the_preview_shows(sandbox: Sandbox) -> None:
    config = example()
    config[f"{OWN}credentials"]["partner-client"] |= {"certificate": "partner-crt/4", "key": "partner-key/4"}
    sandbox.configure(config)
    assert sandbox.changes(sandbox.run("preview")).get("update") == 1
    assert sandbox.changes(sandbox.run("up")).get("updated") == 1
    said = kubernetes_object(sandbox, f"{SOURCES}/partner-client")["spec"]["parameters"]["secrets"]
    assert "secrets/partner-crt/versions/4" in said
    assert "secrets/partner-key/versions/4" in said


def test_they_go_with_the_stack_and_come_with_a_new_cluster(sandbox: Sandbox) -> None:
    sandbox.run("destroy")
    assert [item["id"] for item in Cloud(sandbox.home).list() if "/secrets/" in item["id"]] == []
    sandbox.configure(example())
    sandbox.run("up")
    assert kubernetes_object(sandbox, f"{SOURCES}/intranet-ca")["spec"]["provider"] == "gke"
    sandbox.run("destroy")

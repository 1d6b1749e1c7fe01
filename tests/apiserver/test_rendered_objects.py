"""Every rendered object is accepted, whole and without warning, by the real API server and - where it is at
hand - by Istio."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.common.objects import Manifest
from egress.layers.render import render, to_yaml
from sandbox import tools
from sandbox.apiserver import ApiServer
from sandbox.home import Home
from sandbox.kubernetes.cluster import FORCE_ANNOTATION, Cluster, ClusterError, Exists
from sandbox.tools.cache import root as tools_cache
from tests.support import config_with, dev_config, plan_of


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with Istio's definitions, and those of GKE's secret synchronisation."""
    server = ApiServer(Home(tmp_path_factory.mktemp("rendered")))
    server.start()
    try:
        cluster = Cluster(server.url, server.token, server.ca_pem, force=True)  # as the program's providers
        for definition in yaml.safe_load_all(tools.istio_crds().read_text(encoding="utf-8")):
            apply(cluster, definition)
        server.define_secret_sync()
        yield cluster
    finally:
        server.wipe()


def apply(cluster: Cluster, manifest: Manifest) -> dict[str, Any]:
    kind = cluster.kind(manifest["apiVersion"], manifest["kind"], seconds=20)
    return cluster.apply(kind, manifest["metadata"].get("namespace"), manifest)


STACKS = {
    "dev": dev_config(),
    "managed mesh": config_with("mesh", {"flavor": "cloud-service-mesh"}),
    "long and unusual hosts": config_with(
        "teams/team-x/egress",
        {
            f"{'a' * 63}.{'b' * 63}.{'c' * 63}.example.com": {
                "http": {"upgrade": "tls"},
                "https": "passthrough",
            },
            "a-b.example": {"http": {"methods": ["GET"], "paths": ["/", "/ok/*"]}},
            "a.b.example": {"https": "passthrough"},
            "xn--bcher-kva.example": {"http": {}, "https": "passthrough"},
        },
    ),
}


@pytest.mark.parametrize("config", STACKS.values(), ids=STACKS.keys())
def test_every_object_is_accepted_with_strict_fields(cluster: Cluster, config: dict[str, Any]) -> None:
    rendered = render(plan_of(config))
    for item in rendered:
        answer = apply(cluster, item.manifest)
        assert answer["metadata"]["uid"]
    assert len(rendered) > 30


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ServiceEntry", ("spec", "resolution"), "DNS_ROUND"),
        ("VirtualService", ("spec", "hostz"), ["example.com"]),
        ("AuthorizationPolicy", ("spec", "action"), "PERMIT"),
        ("NetworkPolicy", ("spec", "policyTypes"), ["Outward"]),
        ("Gateway", ("spec", "servers"), [{"hosts": ["*"]}]),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), 1),
        ("Namespace", ("metadata", "name"), "Team_X"),
    ],
)
def test_a_broken_object_is_refused(cluster: Cluster, kind: str, path: tuple[str, str], value: Any) -> None:
    item = next(item for item in render(plan_of(dev_config())) if item.kind == kind)
    broken = copy.deepcopy(item.manifest)
    broken[path[0]][path[1]] = value
    with pytest.raises(ClusterError):
        apply(cluster, broken)


def test_what_gke_has_made_itself_is_taken_over(cluster: Cluster) -> None:
    """The stack's provider forces: somebody else owns the field that says whether refusals are logged."""
    (item,) = [item for item in render(plan_of(dev_config())) if item.kind == "NetworkLogging"]
    kind = cluster.kind(item.manifest["apiVersion"], item.kind, seconds=20)
    cluster.delete_and_wait(kind, None, item.name, 10)
    theirs = {"log": False, "delegate": False}
    made = {
        **item.manifest,
        "metadata": {"name": item.name},
        "spec": {"cluster": {"allow": theirs, "deny": theirs}},
    }
    cluster.request("PATCH", kind.path(None, item.name), made, fieldManager="somebody-else")
    asking = {"metadata": {**item.manifest["metadata"], "annotations": {FORCE_ANNOTATION: "false"}}}
    with pytest.raises(ClusterError, match="conflict"):
        cluster.apply(kind, None, {**item.manifest, **asking})
    assert cluster.apply(kind, None, item.manifest)["spec"]["cluster"]["deny"]["log"] is True


def test_what_is_there_already_stops_a_creation(cluster: Cluster) -> None:
    kind = cluster.kind("v1", "ConfigMap")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": {"a": "1"}}
    cluster.create(kind, "default", made, dry_run=True)
    cluster.create(kind, "default", made)
    for dry_run in (True, False):
        with pytest.raises(Exists, match='configmaps "made" already exists'):
            cluster.create(kind, "default", made, dry_run=dry_run)


def test_what_was_created_and_is_no_longer_stated_goes_with_the_next_update(cluster: Cluster) -> None:
    kind = cluster.kind("v1", "ConfigMap")
    stated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shrinks"}}
    cluster.create(kind, "default", {**stated, "data": {"a": "1", "b": "2"}})
    assert cluster.apply(kind, "default", {**stated, "data": {"a": "1"}})["data"] == {"a": "1"}
    assert cluster.apply(kind, "default", {**stated, "data": {"c": "3"}})["data"] == {"c": "3"}


@pytest.mark.parametrize("name", ["default", "another"])
def test_gke_has_one_object_that_says_what_network_policies_log(cluster: Cluster, name: str) -> None:
    """The stand-in's definition refuses what GKE's does: another name, and a choice left to others where
    nothing is logged."""
    cluster.delete(cluster.kind("networking.gke.io/v1alpha1", "NetworkLogging", seconds=20), None, "default")
    log = name != "default"
    spec = {"cluster": {"allow": {"log": log, "delegate": True}, "deny": {"log": True, "delegate": False}}}
    with pytest.raises(
        ClusterError, match="there is one, named default" if log else "delegate takes log: true"
    ):
        apply(
            cluster,
            {
                "apiVersion": "networking.gke.io/v1alpha1",
                "kind": "NetworkLogging",
                "metadata": {"name": name},
                "spec": spec,
            },
        )


def istioctl() -> Path | None:
    folders = [
        os.environ.get("EGRESS_ISTIO_BIN", ""),
        str(tools_cache() / "istio"),
        os.environ.get("PATH", ""),
    ]
    found = shutil.which("istioctl", path=os.pathsep.join(filter(None, folders)))
    return Path(found) if found else None


def warnings(said: str) -> list[str]:
    """What Istio's analysis warns of. Of each EnvoyFilter it says that it depends on the proxy's version;
    nothing about a filter could make it silent."""
    lines = [line for line in said.splitlines() if "Warning" in line or "may not provide" in line]
    return [line for line in lines if not line.startswith("Warning [IST0133] (EnvoyFilter ")]


@pytest.mark.parametrize("config", STACKS.values(), ids=STACKS.keys())
def test_istio_analyses_it_without_a_warning(tmp_path: Path, config: dict[str, Any]) -> None:
    command = istioctl()
    if command is None:
        pytest.skip(
            "no istioctl on PATH, in EGRESS_ISTIO_BIN or in the tools cache: docs/testing.md says where to "
            "get it"
        )
    stream = tmp_path / "rendered.yaml"
    stream.write_text(to_yaml(item.manifest for item in render(plan_of(config))), encoding="utf-8")
    for arguments in (
        ["analyze", "--use-kube=false", "--all-namespaces", str(stream)],
        ["validate", "-f", str(stream)],
    ):
        done = subprocess.run(
            [command, *arguments], capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert warnings(said) == []

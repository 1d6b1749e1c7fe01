"""Settings of the mesh that somebody changes, and what is said of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from egress.judge.model.snapshot import identity
from tests.judge.deployments import rendered, violations, with_change

MESH = "istio-system/configmap/istio"


def mesh(**fields: Any) -> Callable[[Any], object]:
    """A change of the mesh's settings; None takes one out."""

    def change(item: dict[str, Any]) -> None:
        config = {**json.loads(item["data"]["mesh"]), **fields}
        item["data"] = {
            "mesh": json.dumps({key: value for key, value in config.items() if value is not None})
        }

    return change


NOT_READ = "cannot read"
SETTINGS: dict[str, tuple[Callable[[Any], object], str]] = {
    "paths as they are written": (
        mesh(pathNormalization={"normalization": "NONE"}),
        "has to mean to the rules",
    ),
    "paths as Istio reads them by default": (mesh(pathNormalization=None), "has to mean to the rules"),
    "paths without merged slashes": (
        mesh(pathNormalization={"normalization": "BASE"}),
        "has to mean to the rules",
    ),
    "old TLS": (mesh(tlsDefaults={"minProtocolVersion": "TLSV1_0"}), NOT_READ),
    "headers that speak of proxies": (mesh(defaultConfig=None), "must not add headers"),
    "everybody's namespaces": (mesh(discoverySelectors=None), "must not read what is in"),
    "namespaces by a label of anybody's": (
        mesh(
            discoverySelectors=[
                {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}
            ]
        ),
        "must not read what is in",
    ),
    "teams that Istio does not read": (
        mesh(discoverySelectors=[{"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}]),
        "has to read what is in team-x",
    ),
    "teams that Istio reads by a form that is not known": (
        mesh(
            discoverySelectors=[{"matchExpressions": [{"key": "team", "operator": "Like", "values": ["x"]}]}]
        ),
        "has to read what is in team-x",
    ),
    **{
        f"everybody's {kind}": (mesh(**{f"default{kind}ExportTo": None}), "has to stay in its namespace")
        for kind in ("Service", "VirtualService", "DestinationRule")
    },
    "mutual TLS by hand": (mesh(enableAutoMtls=False), NOT_READ),
    "other authorities": (mesh(caCertificates=[{"pem": "somebodys"}]), NOT_READ),
    "another trust domain that is believed": (mesh(trustDomainAliases=["elsewhere"]), NOT_READ),
    "another root namespace": (mesh(rootNamespace="team-x"), NOT_READ),
    "another control plane": (mesh(defaultConfig={"discoveryAddress": "istiod.team-x.svc:15012"}), NOT_READ),
    "an environment of all proxies": (
        mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_UNKNOWN": "1"}}),
        NOT_READ,
    ),
    "a setting that is new": (mesh(somethingNew={"enabled": True}), NOT_READ),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_mesh_that_is_told_something_else_is_found(what: str) -> None:
    change, says = SETTINGS[what]
    found = violations("dev", with_change("dev", MESH, change))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def test_what_the_chart_says_by_default_is_read() -> None:
    """Settings that Istio's chart writes beside the program's own."""
    config = json.loads(
        next(item for item in rendered("dev").kubernetes if identity(item) == MESH)["data"]["mesh"]
    )
    by_default = mesh(
        trustDomain="cluster.local",
        rootNamespace="istio-system",
        enablePrometheusMerge=True,
        defaultProviders={"metrics": ["prometheus"]},
        defaultConfig={**config["defaultConfig"], "discoveryAddress": "istiod.istio-system.svc:15012"},
    )
    assert violations("dev", with_change("dev", MESH, by_default)) == []

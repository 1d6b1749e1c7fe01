"""What access logs say: the mesh's settings, the object that keeps a request's id inside, and what judges
take for it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from egress.answers.posture import relaxations
from egress.common.errors import ConfigError
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.mesh.access_log import FIELDS, STRUCTURED
from egress.layers.mesh.mesh_config import mesh_config
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import config_with, dev_config, plan_of, teams


def telemetry(plan: Plan) -> list[str]:
    (found,) = [item.manifest["spec"]["accessLogging"] for item in render(plan) if item.kind == "Telemetry"]
    return [provider["name"] for entry in found for provider in entry["providers"]]


def noting(plan: Plan) -> list[str]:
    return [item.identity for item in render(plan) if item.name == "request-id"]


def test_lines_are_objects_and_say_who_asked() -> None:
    plan = plan_of(dev_config())
    (provider,) = mesh_config(plan)["extensionProviders"]
    assert telemetry(plan) == [provider["name"]] == [STRUCTURED]
    file = provider["envoyFileAccessLog"]
    assert file["logFormat"] == {"labels": FIELDS}
    assert file["omitEmptyValues"], "the id of a request has two sources, and one of them is empty"
    assert FIELDS["principal"] == "%DOWNSTREAM_PEER_URI_SAN%"
    assert noting(plan) == ["istio-egress/envoyfilter/request-id"]


def test_text_is_istios_own() -> None:
    plan = plan_of(config_with("mesh", {"accessLog": {"format": "text"}}))
    assert telemetry(plan) == ["envoy"]
    assert mesh_config(plan).keys() & {"accessLogEncoding", "accessLogFormat", "extensionProviders"} == set()
    assert noting(plan) == []


def test_there_is_nothing_to_note_where_no_request_is_read() -> None:
    assert noting(plan_of(teams(team_a={"files.example.net": {"https": "passthrough"}}))) == []


def test_the_managed_mesh_has_its_own_log() -> None:
    managed = {"flavor": "cloud-service-mesh"}
    plan = plan_of(config_with("mesh", managed))
    assert telemetry(plan) == ["stackdriver", "envoy"], "kubectl shows what the second writes"
    assert mesh_config(plan)["accessLogFile"] == "/dev/stdout"
    assert noting(plan) == []
    with pytest.raises(ConfigError, match="in its own form") as refused:
        plan_of(config_with("mesh", managed | {"accessLog": {"format": "json"}}))
    (problem,) = refused.value.problems
    assert problem.path == "gke-mesh-egress:mesh.accessLog"


HEADER = ("value", "typed_config", "request_rules", 0, "header")
CHANGES: list[tuple[tuple[str | int, ...], Any, bool]] = [
    (HEADER, "x-other", True),
    (("value", "typed_config", "request_rules", 0, "remove"), False, True),
    # Metadata that rules of authorization read: whoever writes it says who calls.
    (
        ("value", "typed_config", "request_rules", 0, "on_header_present", "metadata_namespace"),
        "istio_authn",
        False,
    ),
    (
        ("value", "typed_config", "request_rules", 0, "on_header_missing"),
        {"metadata_namespace": "istio_authn"},
        False,
    ),
    (("value", "typed_config", "response_rules"), [], False),
    (
        ("value", "typed_config", "@type"),
        "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        False,
    ),
    (("operation",), "REPLACE", False),
]


@pytest.mark.parametrize(
    ("path", "value", "read"), CHANGES, ids=[".".join(map(str, path)) for path, _, _ in CHANGES]
)
def test_a_filter_that_does_more_than_to_note_is_not_understood(
    path: tuple[str | int, ...], value: Any, read: bool
) -> None:
    plan = plan_of(dev_config())
    deployed = deployment(plan, render(plan))
    manifests = deepcopy(list(deployed.kubernetes))
    (changed,) = [item for item in manifests if item["metadata"]["name"] == "request-id"]
    node: Any = changed["spec"]["configPatches"][-1]["patch"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    found = verify(Intent(plan), Judges(Snapshot.of(manifests, deployed.google))).violations
    assert bool(found) is not read


def test_what_is_given_up_is_among_what_the_config_opens() -> None:
    opened = config_with("mesh", {"accessLog": {"format": "text"}}) | {
        "gke-mesh-egress:gateway": {"connectAfterAuthorization": False}
    }
    found = {item.setting for item in relaxations(plan_of(opened))}
    assert {"mesh.accessLog.format", "gateway.connectAfterAuthorization"} <= found
    assert not {item.setting for item in relaxations(plan_of(dev_config()))} & found


def test_no_rule_asks_for_what_is_gone_before_rules_are_asked() -> None:
    with pytest.raises(ConfigError, match="removes it before it evaluates rules") as refused:
        plan_of(teams(team_a={"api.example.net": {"http": {"headers": {"x-request-id": ["1"]}}}}))
    (problem,) = refused.value.problems
    assert "http.headers" in problem.path

"""What no config may say: words and values that no setting knows, and how all refusals are reported."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.plan.make import make_plan
from egress.settings import load
from tests.settings.refused import Row, check_refused, each, problems_of
from tests.support import config_with, dev_config

REFUSED: list[Row] = [
    ("a misspelled section", "netwrk", {}, "no such setting", "Did you mean network?"),
    (
        "a misspelled field",
        "cluster/releaseChanel",
        "regular",
        "no such setting",
        "Did you mean releaseChannel?",
    ),
    ("a value that is no choice", "cluster/releaseChannel", "weekly", "not one of the choices", "regular"),
    ("a label with capitals", "labels", {"CostCentre": "42"}, "refuses this label", "cost-centre"),
    (
        "a label's value with a space",
        "labels",
        {"cost-centre": "the platform"},
        "refuses this value",
        "platform-42",
    ),
    ("a maintenance window that is no time", "cluster/maintenanceStart", "3am", "HH:MM", "03:00"),
    (
        "more nodes at least than at most",
        "cluster/gatewayPool",
        {"minNodes": 5, "maxNodes": 2},
        "at least 5",
        "maxNodes",
    ),
    ("a registry's name in capitals", "registries", {"GitHub": "ghcr.io"}, "63 lower-case", "at most 20"),
    ("a registry's name that is long", "registries", {"a" * 21: "ghcr.io"}, "63 lower-case", "at most 20"),
    ("a registry with a path", "registries", {"github": "ghcr.io/org"}, "not find a registry", "host alone"),
    ("a registry by http", "registries", {"own": "http://r.example"}, "speaks https", "https://"),
    ("a registry of the machine", "registries", {"own": "localhost:5000"}, "host of the internet", "host"),
    ("a registry by its address", "registries", {"own": "203.0.113.7"}, "host of the internet", "host"),
    ("a registry of Google's", "registries", {"google": "eu.gcr.io"}, "Nodes reach gcr.io", "Remove it"),
    ("a second registry for Istio", "registries", {"istio": "quay.io"}, "this name", "another name"),
    ("a single replica", "gateway", {"minReplicas": 1}, "at least 2", "at least 2"),
    (
        "a chart for a managed mesh",
        "mesh",
        {"flavor": "cloud-service-mesh", "istio": {}},
        "ignored",
        "flavor: istio",
    ),
    ("a fence that is none", "fences", {"relaxed": {"gateway": "because"}}, "not one of", "gateway-network"),
    (
        "a fence without a reason",
        "fences",
        {"relaxed": {"gateway-network": " "}},
        "Nobody could tell",
        "reason",
    ),
    (
        "a reason that no object can carry",
        "fences",
        {"relaxed": {"gateway-network": "a" * 1001}},
        "1001 characters",
        "1000",
    ),
    (
        "a text where a number belongs",
        "gateway",
        {"minReplicas": "two"},
        "must be a whole number",
        "minReplicas: 2",
    ),
    (
        "a text where a mapping belongs",
        "teams",
        "team-x",
        "must be a mapping of names to values",
        "teams: {shop: {egress:",
    ),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_a_missing_project_is_refused_with_the_command_that_sets_it() -> None:
    config = dev_config()
    del config["gcp:project"]
    (problem,) = problems_of(config)
    assert (problem.path, problem.fix) == ("gcp:project", "pulumi config set gcp:project YOUR_PROJECT_ID")


def test_all_problems_are_reported_at_once_also_those_between_parts() -> None:
    config = config_with("teams/team-x/reaches", ["nobody"])
    config["gcp:project"] = "X"
    config["gke-mesh-egress:network"]["controlPlane"] = "10.1.0.0/28"
    config["gke-mesh-egress:cluster"]["releaseChannel"] = "weekly"
    config["gke-mesh-egress:teams"]["team-x"]["egress"]["intranet"] = {"htp": {}}
    assert {problem.path for problem in problems_of(config)} == {
        "gcp:project",
        "gke-mesh-egress:cluster.releaseChannel",
        "gke-mesh-egress:network.controlPlane",
        "gke-mesh-egress:teams.team-x.egress.intranet",
        "gke-mesh-egress:teams.team-x.egress.intranet.htp",
        "gke-mesh-egress:teams.team-x.reaches",
    }


def test_the_message_names_path_value_consequence_and_fix() -> None:
    with pytest.raises(ConfigError) as refused:
        load(config_with("cluster/zone", "us-east1-b"))
    text = str(refused.value)
    assert text.startswith("1 problem in the stack's config. Nothing was changed.")
    assert 'gke-mesh-egress:cluster.zone = "us-east1-b"' in text
    assert "Fix: Write e.g. europe-west1-b." in text


def test_structured_values_may_come_as_json_text_as_pulumi_hands_them_over() -> None:
    import json

    config = dev_config()
    as_text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    assert make_plan(load(as_text)) == make_plan(load(config))

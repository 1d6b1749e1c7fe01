"""Names, ranges and labels at their limits are taken by Google: every resource of the program, by the
stand-in's rules."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.google.preview import problems
from sandbox.google.server import KINDS
from tests.program_runner import run_program
from tests.support import dev_config

OWN = "gke-mesh-egress:"
LONGEST_HOST = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.example.com"
LONGEST_PATTERN = f"*.{'a' * 63}.{'b' * 63}.{'c' * 35}.example.com"


def longest() -> dict[str, Any]:
    """Everything that has a name has the longest that a config may give it."""
    config = dev_config()
    network = config[f"{OWN}network"]
    network["name"], network["subnet"]["name"] = "n" * 63, "s" * 63
    network["nat"] = {"addresses": {"o" * 63: "allow-listed"}}
    network["firewall"] = {"form": "policy"}
    config[f"{OWN}cluster"] = {"name": "c" * 40, "secretSync": True}
    config[f"{OWN}projectNumber"] = "123456789012"
    config[f"{OWN}labels"] = {"k" * 63: "v" * 63, "x": ""}
    nat = {"nodes": "10.200.0.0/24", "pods": "10.201.0.0/16", "addresses": {"a" * 63: "allow-listed"}}
    config[f"{OWN}gateways"] = {"g" * 20: {"nat": nat}}
    config[f"{OWN}ingress"] = {"exposure": "external", "sourceRanges": {"partner": "192.0.2.0/24"}}
    receives = {
        "host": LONGEST_HOST,
        "port": 13306,
        "to": {"service": "s" * 63, "port": 3306},
        "credential": "x" * 200,
        "clients": {"one": "client.example"},
    }
    account: dict[str, Any] = {
        "buckets": {"d" * 62: "roles/storage.objectViewer"},
        "topics": {"t" * 255: "roles/pubsub.publisher"},
        "datasets": {"d" * 1024: "roles/bigquery.dataViewer"},
        "secrets": {"s" * 255: "roles/secretmanager.secretAccessor"},
    }
    config[f"{OWN}teams"] = {
        "t" * 40: {
            "gateway": "g" * 20,
            "egress": {
                LONGEST_HOST: {"http": {"upgrade": "tls"}, "https": "passthrough"},
                LONGEST_PATTERN: {"https": "passthrough"},
            },
            "receives": {"r" * 40: receives},
            "googleApis": {
                "apis": ["a" * 63],
                "hosts": [f"{'.'.join(['h' * 61] * 3)}.{'h' * 58}.run.app"],
                "serviceAccounts": {"s" * 63: account, "1" * 63: {}},
            },
            "testApp": {},
        }
    }
    return config


def shortest() -> dict[str, Any]:
    config = longest()
    network = config[f"{OWN}network"]
    network["name"], network["subnet"]["name"] = "n", "s"
    network["nat"], network["firewall"] = {"addresses": {"o": ""}}, {"form": "rules"}
    config[f"{OWN}cluster"] |= {"name": "c", "zone": "europe-west1-b"}
    config[f"{OWN}gateways"] = {
        "g": {"nat": {"nodes": "10.200.0.0/29", "pods": "10.201.0.0/22", "addresses": {"a": ""}}}
    }
    (team,) = config[f"{OWN}teams"].values()
    team |= {"gateway": "g", "egress": {"a.b": {"http": {}}, "*.a.b": {"https": "passthrough"}}}
    account = {"buckets": {"dd": "roles/storage.objectViewer"}, "topics": {"top": "roles/pubsub.publisher"}}
    team["googleApis"] = {"apis": ["a"], "hosts": ["a.run.app"], "serviceAccounts": {"s": account, "1": {}}}
    config[f"{OWN}teams"] = {"t": team}
    return config


def _whole(value: Any) -> Any:
    """As they come over the wire: a number without a fraction is whole."""
    if isinstance(value, dict):
        return {key: _whole(below) for key, below in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_whole(below) for below in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("config", [longest(), shortest()], ids=["longest", "shortest"])
def test_google_takes_every_resource(config: dict[str, Any]) -> None:
    run = run_program(config)
    assert run.error is None
    google = [resource for resource in run.registered if resource["type"].startswith("gcp:")]
    assert len(google) > 30
    found = {
        resource["name"]: [
            (problem.path, problem.value, problem.rule)
            for problem in problems(KINDS[resource["type"]], _whole(resource["inputs"]))
            if problem.value is not None  # else it is known once another resource is there
        ]
        for resource in google
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    placed = [
        (resource["type"], resource["inputs"].get("name"), resource["inputs"].get("region"))
        for resource in google
    ]
    named = [entry for entry in placed if entry[1] and entry[0].startswith("gcp:compute/")]
    assert len(named) == len(set(named))

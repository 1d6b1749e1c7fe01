"""Texts are compared whole and as ASCII, in one room; what a config may say is what Kubernetes, Istio and
Google take."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import grammar
from egress.common.errors import ConfigError
from egress.settings import load
from egress.settings.load import stack_schema
from tests.support import ROOT, config_with, dev_config

OWN = "gke-mesh-egress:"


@pytest.mark.parametrize("ending", ["\n", "\r\n", " ", "\x00", "\u2028"])
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (grammar.LABEL, "team-x"),
        (grammar.SUBDOMAIN, "example.com"),
        (grammar.PROJECT, "example.com:my-project"),
        (grammar.ROLE, "roles/storage.objectViewer"),
        (grammar.IMAGE, "registry.example:5000/a/b-c:1.2@sha256:" + "0" * 64),
    ],
)
def test_a_pattern_means_the_whole_text(pattern: str, text: str, ending: str) -> None:
    assert grammar.matches(pattern, text)
    assert not grammar.matches(pattern, text + ending)


def test_digits_are_ascii() -> None:
    assert grammar.matches(r"\d+s", "3s")
    assert not grammar.matches(r"\d+s", "٣s")


def _python(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"bin", ".venv"} & set(path.parts):
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_settings_compare_texts_in_one_room_alone() -> None:
    """`re` has one reader among what decides about a config, and pydantic's own patterns, where \\d is any
    script's, none."""
    found: list[str] = []
    for path, tree in _python("egress/settings"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(name.name == "re" for name in node.names):
                found.append(f"{path}:{node.lineno} imports re")
            if isinstance(node, ast.Call) and any(keyword.arg == "pattern" for keyword in node.keywords):
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                if called in ("Field", "StringConstraints", "constr"):
                    found.append(f"{path}:{node.lineno} has a pattern of pydantic's")
    hosts = ast.parse((ROOT / "egress/common/hosts.py").read_text(encoding="utf-8"))
    assert not [
        node
        for node in ast.walk(hosts)
        if isinstance(node, ast.Import) and any(name.name == "re" for name in node.names)
    ]
    assert found == []


def test_nobody_compares_the_beginning_of_a_text_and_calls_it_the_whole() -> None:
    """`match` stops where it likes, and `$` stands before a line end too: `fullmatch`, or `search` for a
    part."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in _python(
            "egress/settings", "egress/judge", "components", "policies", "sandbox/google"
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "match"
    ]
    assert found == []


def _strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """Every text in a config, values and keys: its path, and whether it is the key there."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key), True
            yield from _strings(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _strings(below, (*path, index))
    elif isinstance(value, str):
        yield path, False


EVERYTHING = config_with("teams/team-x/labels", {"example.com/cost-centre": "a-1"})
EVERYTHING[f"{OWN}labels"] = {"cost-centre": "a-1"}
EVERYTHING[f"{OWN}cluster"] = {
    "zone": "europe-west1-b",
    "maintenanceStart": "03:00",
    "securityGroup": "gke-security-groups@a.example",
}
EVERYTHING[f"{OWN}gateways"] = {"partner": {"hosts": ["partner.example"], "cpu": "1", "memory": "1Gi"}}
EVERYTHING[f"{OWN}projectNumber"] = "123456789012"
EVERYTHING[f"{OWN}credentials"] = {"partner": {"certificate": "cert/1", "key": "key/1", "authority": "ca/1"}}
EVERYTHING[f"{OWN}cluster"]["secretSync"] = True
EVERYTHING[f"{OWN}network"]["perimeter"] = {
    "accessPolicy": "123456",
    "projectNumber": "123456789012",
    "accessLevels": ["people"],
    "alsoRestricted": ["bigquery.googleapis.com"],
}
EVERYTHING[f"{OWN}network"]["googleApis"] = "restricted"
EVERYTHING[f"{OWN}registries"] = {"github": "ghcr.io"}
EVERYTHING[f"{OWN}mesh"] = {
    "istio": {"version": "1.30.5", "acceptedAdvisories": {"ISTIO-SECURITY-2026-007": "no methods"}}
}
EVERYTHING[f"{OWN}ingress"] = {"sourceRanges": {"partner": "192.0.2.0/24"}}
EVERYTHING[f"{OWN}teams"]["team-x"] |= {
    "testApp": {"image": "registry.example/curl:8"},
    "receives": {
        "db": {
            "host": "db.team-x.example",
            "port": 13306,
            "to": {"service": "db", "port": 3306},
            "credential": "partner",
            "clients": {"one": "spiffe://partner.example/ns/a/sa/b"},
        }
    },
}
EVERYTHING[f"{OWN}teams"]["team-x"]["egress"]["more.example"] = {
    "http": {
        "upgrade": "mtls",
        "credential": "partner",
        "traffic": {"timeout": "5s", "connectTimeout": "1s", "keepalive": "60s"},
        "inspect": {"refuse": {"number": "1234"}},
        "allow": {
            "read": {"paths": ["/a", "/a/{*}"], "headers": {"x-tenant": ["shop"]}, "serviceAccounts": ["app"]}
        },
    }
}
FREE = {"description", "reason", "text"}
"""Fields in which a person says something in words of his own."""
NAMED_FREELY = {"sourceRanges", "clients", "allow"}
"""Maps whose keys only people read."""


def _free(path: tuple[str | int, ...], is_key: bool) -> bool:
    said = path[-1] in FREE or "refuse" in path[:-1] or path[-3:-1] == ("nat", "addresses")
    said = said or (not is_key and path[-2:-1] == ("acceptedAdvisories",))
    read = is_key and (len(path) == 1 or path[-2] in NAMED_FREELY)
    return said or read or not path or not str(path[0]).startswith((OWN, "gcp:"))


PLACES = sorted((place for place in _strings(EVERYTHING) if not _free(*place)), key=str)


def test_everything_is_accepted_to_begin_with() -> None:
    load(EVERYTHING)


@pytest.mark.parametrize(("path", "is_key"), PLACES, ids=str)
def test_a_line_end_behind_a_text_is_refused_wherever_it_stands(
    path: tuple[str | int, ...], is_key: bool
) -> None:
    config = copy.deepcopy(EVERYTHING)
    parent: Any = config
    for part in path[:-1]:
        parent = parent[part]
    key = path[-1]
    if is_key:
        parent[f"{key}\n"] = parent.pop(key)
    else:
        parent[key] += "\n"
    with pytest.raises(ConfigError):
        load(config)


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            yield pattern
        for below in node.values():
            yield from _patterns(below)
    elif isinstance(node, list):
        for below in node:
            yield from _patterns(below)


def test_the_patterns_that_editors_are_given_mean_the_whole_text_too() -> None:
    found = set(_patterns(json.loads(json.dumps(stack_schema()))))
    assert len(found) > 15
    assert [
        pattern
        for pattern in found
        if not (pattern.startswith("^(?:") and pattern.endswith(")$")) or "\\d" in pattern
    ] == []


@given(text=st.from_regex(grammar.LABEL, fullmatch=True) | st.text(max_size=70))
def test_a_label_is_what_kubernetes_takes_for_one(text: str) -> None:
    kubernetes = (
        0 < len(text) <= 63
        and text.isascii()
        and all(character.islower() or character.isdigit() or character == "-" for character in text)
        and text[0] != "-" != text[-1]
    )
    assert grammar.matches(grammar.LABEL, text) == kubernetes


def test_the_dev_stack_is_accepted() -> None:
    load(dev_config())

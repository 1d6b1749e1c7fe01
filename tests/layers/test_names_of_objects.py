"""Whatever is asked for, every name, label and port name of every rendered object keeps its API's own
rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from egress.common import grammar, names
from egress.layers.render import render
from tests.program.test_limits import longest, shortest
from tests.random_configs import configs
from tests.support import plan_of

OBJECT = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
"""Kubernetes asks of a name that is a subdomain how long it is, and not how long its labels are."""
PORTS_OF_ISTIO = {"Gateway", "ServiceEntry", "Sidecar"}


def broken(manifest: dict[str, Any]) -> Iterator[str]:
    """Rules of Kubernetes and Istio that an object's names break, written again here from their documents."""
    kind, metadata = manifest["kind"], manifest["metadata"]
    rbac = kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    form = r"[a-z0-9.:-]+" if rbac else OBJECT if names.longest(kind) > 63 else grammar.LABEL
    if not grammar.matches(form, metadata["name"]) or len(metadata["name"]) > names.longest(kind):
        yield f"name {metadata['name']}"
    if "namespace" in metadata and not grammar.matches(grammar.LABEL, metadata["namespace"]):
        yield f"namespace {metadata['namespace']}"
    yield from _labels(manifest)
    for key in metadata.get("annotations", {}):
        if not _key(key):
            yield f"annotation {key}"
    for port in _below(manifest, "port" if kind == "Gateway" else "ports"):
        for one in port if isinstance(port, list) else [port]:
            if not isinstance(one, dict) or "name" not in one:
                continue
            longest_name = 63 if kind in ("Service", *PORTS_OF_ISTIO) else 15
            if not grammar.matches(grammar.LABEL, one["name"]) or len(one["name"]) > longest_name:
                yield f"port {one['name']}"
    for subset in manifest.get("spec", {}).get("subsets", ()) if kind == "DestinationRule" else ():
        if not grammar.matches(grammar.LABEL, subset["name"]):
            yield f"subset {subset['name']}"


def _labels(manifest: dict[str, Any]) -> Iterator[str]:
    for found in (
        *_below(manifest, "labels"),
        *_below(manifest, "matchLabels"),
        *_below(manifest, "podSelector"),
    ):
        for key, value in found.items() if isinstance(found, dict) else ():
            if isinstance(value, str) and not (
                _key(key) and grammar.matches(f"({grammar.LABEL_TEXT})?", value)
            ):
                yield f"label {key}: {value}"


def _key(key: str) -> bool:
    domain, slash, name = key.rpartition("/")
    return grammar.matches(grammar.LABEL_TEXT, name) and (
        not slash or grammar.matches(grammar.SUBDOMAIN, domain)
    )


def _below(value: Any, wanted: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, below in value.items():
            if key == wanted:
                yield below
            yield from _below(below, wanted)
    elif isinstance(value, list):
        for below in value:
            yield from _below(below, wanted)


def all_broken(config: dict[str, Any]) -> dict[str, list[str]]:
    found = {item.identity: list(broken(dict(item.manifest))) for item in render(plan_of(config))}
    return {identity: wrong for identity, wrong in found.items() if wrong}


@pytest.mark.parametrize("config", [longest(), shortest()], ids=["longest", "shortest"])
def test_the_longest_and_the_shortest_names_keep_the_rules(config: dict[str, Any]) -> None:
    assert all_broken(config) == {}


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(config=configs())
def test_names_keep_the_rules_whatever_is_asked_for(config: dict[str, Any]) -> None:
    assert all_broken(config) == {}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Gateway", "a" * 64),
        ("Namespace", "a.b"),
        ("VirtualService", "a" * 254),
        ("Service", "A"),
        ("ConfigMap", "a\n"),
    ],
)
def test_a_name_that_breaks_a_rule_is_seen(kind: str, name: str) -> None:
    assert list(broken({"kind": kind, "metadata": {"name": name}}))

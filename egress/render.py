"""The whole plan as Kubernetes objects, in an order in which they can be applied."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from egress.layers import (
    access_log,
    admission,
    authorization,
    credentials,
    early_refusal,
    gateway,
    gateway_workload,
    google_apis,
    inspection,
    mesh,
    mirror,
    namespaces,
    network_policy,
    observation,
    platform_network,
    rbac,
    receive,
    sidecar,
    straight,
    way_out,
    wildcard,
)
from egress.layers import test_app as test_application
from egress.manifest import Manifest, Object
from egress.plan import Plan

LAYERS = (
    admission,
    namespaces,
    rbac,
    mesh,
    sidecar,
    network_policy,
    platform_network,
    observation,
    gateway_workload,
    mirror,
    gateway,
    inspection,
    google_apis,
    wildcard,
    straight,
    authorization,
    early_refusal,
    access_log,
    receive,
    way_out,
    credentials,
    test_application,
)


def render(plan: Plan) -> list[Object]:
    """Every Kubernetes object of the plan. The Helm charts' own objects are not among them: Helm renders those."""
    return [item for layer in LAYERS for item in layer.render(plan)]


def to_yaml(manifests: Iterable[Manifest]) -> str:
    """A YAML stream, one document per object."""
    return yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False, explicit_start=True, width=120)


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a value used twice is written twice, as a reader expects."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True

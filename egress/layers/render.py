"""The whole plan as Kubernetes objects, in an order in which they can be applied."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from egress.common.objects import Manifest, Object
from egress.layers import admission, ingress
from egress.layers.cluster import demo_app as test_application
from egress.layers.cluster import (
    gateway_workload,
    namespaces,
    platform_network_policy,
    rbac,
    secret_sync,
    team_network_policy,
)
from egress.layers.mesh import (
    access_log,
    authorization,
    body_inspection,
    direct_egress,
    gateway,
    google_apis,
    late_connect,
    mesh_config,
    mirror,
    observation,
    plain_http,
    sidecar,
    way_out,
    wildcard,
)
from egress.layers.repair import repaired
from egress.plan.model import Plan

LAYERS = (
    admission,
    namespaces,
    rbac,
    mesh_config,
    plain_http,
    sidecar,
    team_network_policy,
    platform_network_policy,
    observation,
    gateway_workload,
    mirror,
    gateway,
    body_inspection,
    google_apis,
    wildcard,
    direct_egress,
    authorization,
    late_connect,
    access_log,
    ingress,
    way_out,
    secret_sync,
    test_application,
)


def render(plan: Plan) -> list[Object]:
    """Every Kubernetes object of the plan. The Helm charts' own objects are not among them: Helm renders
    those.

    Raises:
        ConfigError: the config's `repair` names an object that is not rendered.
    """
    return repaired([item for layer in LAYERS for item in layer.render(plan)], plan.settings.repair)


def to_yaml(manifests: Iterable[Manifest]) -> str:
    """A YAML stream, one document per object."""
    return yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False, explicit_start=True, width=120)


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a value used twice is written twice, as a reader expects."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True

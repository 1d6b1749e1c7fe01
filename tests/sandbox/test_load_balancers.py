"""Load balancers of Services: Google's own, which no stack's state knows."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.google.forwarding import FORWARDING_RULE
from sandbox.load_balancers import LoadBalancers
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, build, refused

ADDRESS = "networking.gke.io/load-balancer-ip-addresses"
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}


def service(kind: str = "LoadBalancer", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"namespace": "istio-ingress", "name": "gateway", "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": kind}}


@pytest.mark.parametrize(
    ("annotations", "token"), [({}, g.NETWORK), (INTERNAL, g.NETWORK), (INTERNAL, g.SUBNETWORK)]
)
def test_one_holds_what_it_is_in_also_when_its_cluster_is_gone(
    engine: Engine, annotations: dict[str, str], token: str
) -> None:
    made = build(engine)
    balancers = LoadBalancers(engine.cloud)
    balancers.follow(service(annotations=annotations), made[g.CLUSTER].id)
    (rule,) = engine.cloud.list(FORWARDING_RULE)
    engine.delete(made[g.CLUSTER])
    assert engine.cloud.list(FORWARDING_RULE) == [rule]
    assert rule["id"] in refused(lambda: engine.delete(made[token]), "already being used by", rule["id"])
    assert rule in engine.cloud.leftovers()


def test_one_holds_its_address(engine: Engine) -> None:
    made = build(engine)
    address = made[g.ADDRESS]
    LoadBalancers(engine.cloud).follow(
        service(annotations={ADDRESS: address.inputs["name"]}), made[g.CLUSTER].id
    )
    refused(lambda: engine.delete(address), "already being used by", "forwardingRules")


def test_it_goes_with_its_service_and_with_the_services_type(engine: Engine) -> None:
    cluster = build(engine)[g.CLUSTER].id
    balancers = LoadBalancers(engine.cloud)
    for end in (
        lambda: balancers.gone("istio-ingress", "gateway", cluster),
        lambda: balancers.follow(service("ClusterIP"), cluster),
    ):
        balancers.follow(service(), cluster)
        balancers.follow(service(), cluster)
        assert len(engine.cloud.list(FORWARDING_RULE)) == 1
        balancers.gone("istio-ingress", "another", cluster)
        assert len(engine.cloud.list(FORWARDING_RULE)) == 1
        end()
        assert engine.cloud.list(FORWARDING_RULE) == []

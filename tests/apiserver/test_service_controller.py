"""GKE's part of a Service of type LoadBalancer, before a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.apiserver import ApiServer
from sandbox.google.address import ADDRESS
from sandbox.google.cloud import Cloud, Resource
from sandbox.google.cluster import CLUSTER
from sandbox.google.forwarding import FORWARDING_RULE
from sandbox.google_rest.service_controller import FINALIZER, ServiceController
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import api_server
from tests.sandbox.google_engine import Folder

PLACE = "projects/sandbox-project/regions/europe-west1"
SERVICES = "/api/v1/namespaces/default/services"


@dataclass
class Google:
    cloud: Cloud


@dataclass
class World:
    google: Google
    cluster: Cluster
    controller: ServiceController

    def service(self, name: str, kind: str = "LoadBalancer", **annotations: str) -> dict[str, Any]:
        keys = {"address": "networking.gke.io/load-balancer-ip-addresses"}
        metadata = {"name": name, "annotations": {keys[key]: value for key, value in annotations.items()}}
        body = {"metadata": metadata, "spec": {"type": kind, "ports": [{"port": 443}]}}
        self.cluster.request("POST", SERVICES, {"apiVersion": "v1", "kind": "Service", **body})
        self.controller.once()
        return self.cluster.request("GET", f"{SERVICES}/{name}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("services")
    with api_server(root) as (_, server, cluster):
        assert isinstance(server, ApiServer)
        cloud = Cloud(Folder(root))
        place = {"project": "sandbox-project", "location": "europe-west1-b"}
        state = {**place, "network": "vpc", "subnetwork": "nodes"}
        cloud.put(Resource("projects/sandbox-project/locations/x/clusters/c", CLUSTER, "", {}, state))
        address = {"project": "sandbox-project", "region": "europe-west1", "address": "203.0.113.7"}
        cloud.put(Resource(f"{PLACE}/addresses/ingress", ADDRESS, "", {}, address))
        yield World(Google(cloud), cluster, ServiceController(Google(cloud), server))


def test_a_load_balancer_has_the_address_that_its_service_names(world: World) -> None:
    service = world.service("partners", address="ingress")
    assert service["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.7"
    (rule,) = world.google.cloud.list(FORWARDING_RULE)
    assert rule["state"]["ipAddress"] == "ingress"


def test_a_service_stays_until_its_load_balancer_is_gone(world: World) -> None:
    assert world.service("short")["metadata"]["finalizers"] == [FINALIZER]
    before = len(world.google.cloud.list(FORWARDING_RULE))
    world.cluster.request("DELETE", f"{SERVICES}/short")
    names = {item["metadata"]["name"] for item in world.cluster.request("GET", SERVICES)["items"]}
    assert "short" in names
    world.controller.once()
    names = {item["metadata"]["name"] for item in world.cluster.request("GET", SERVICES)["items"]}
    assert "short" not in names
    assert len(world.google.cloud.list(FORWARDING_RULE)) == before - 1


def test_other_services_are_left_alone(world: World) -> None:
    service = world.service("inside", "ClusterIP")
    assert "finalizers" not in service["metadata"]
    assert service["status"]["loadBalancer"] == {}

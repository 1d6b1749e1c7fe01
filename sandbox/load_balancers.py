"""Load balancers, as GKE makes them for Services of the cluster: each holds its address and its network.

What deletes the cluster does not delete them: a Service has to be deleted while its cluster is there.
Source: GKE, "Delete a cluster" and "LoadBalancer Service concepts".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sandbox.google.cloud import Cloud, Resource
from sandbox.google.forwarding import FORWARDING_RULE, forwarding_rule_named

_ADDRESS = "networking.gke.io/load-balancer-ip-addresses"
_INTERNAL = "networking.gke.io/load-balancer-type"


class LoadBalancers:
    """Those of one sandbox's clusters."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def follow(self, service: Mapping[str, Any], cluster: str) -> None:
        """Make the load balancer of a Service, or take it away where the Service asks for none any more."""
        metadata = service["metadata"]
        found = self._cloud.find(cluster)
        if found is None or (service.get("spec") or {}).get("type") != "LoadBalancer":
            self.gone(metadata["namespace"], metadata["name"], cluster)
            return
        annotations = metadata.get("annotations") or {}
        internal = str(annotations.get(_INTERNAL, "")).lower() == "internal"
        location = str(found.state["location"])
        region = location.rpartition("-")[0] if location.count("-") > 1 else location
        state = {
            "project": found.state["project"],
            "region": region,
            "name": _name(metadata["namespace"], metadata["name"], cluster),
            "loadBalancingScheme": "INTERNAL" if internal else "EXTERNAL",
            "network": found.state["network"],
            **({"subnetwork": found.state["subnetwork"]} if internal else {}),
            **({"ipAddress": annotations[_ADDRESS]} if _ADDRESS in annotations else {}),
        }
        id = forwarding_rule_named(state["name"], state)
        assert id is not None
        with self._cloud.locked():
            self._cloud.put(Resource(id, FORWARDING_RULE, "", {}, state, acknowledged=True))

    def gone(self, namespace: str, name: str, cluster: str) -> None:
        """Take away the load balancer of a Service, if it has one."""
        with self._cloud.locked():
            for rule in list(self._cloud.of_type(FORWARDING_RULE)):
                if rule.state["name"] == _name(namespace, name, cluster):
                    self._cloud.drop(rule.id)


def _name(namespace: str, name: str, cluster: str) -> str:
    """GKE derives it from the Service's uid; this one is the same for the same Service."""
    return f"a{hashlib.sha256(f'{cluster}/{namespace}/{name}'.encode()).hexdigest()[:31]}"

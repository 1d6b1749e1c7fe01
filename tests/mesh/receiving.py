"""What teams bring for what they receive, as objects and in the laboratory."""

from __future__ import annotations

from egress.common.objects import Manifest


def service(namespace: str, name: str, port: int, target: int, port_name: str) -> Manifest:
    """A team's Service in front of its test pod."""
    ports = [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": "test"}, "ports": ports},
    }

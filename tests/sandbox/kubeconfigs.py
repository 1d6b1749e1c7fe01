"""A kubeconfig as the platform hands it to the provider: GKE's plugin signs in, no token is kept."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.kubernetes import kubeconfig

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
SERVER = "https://127.0.0.1:6443"


def config(server: str = SERVER, **user: Any) -> dict[str, Any]:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": kubeconfig.PLUGIN}
    authority = base64.b64encode(CERTIFICATE.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gke",
        "contexts": [{"name": "gke", "context": {"cluster": "gke", "user": "me"}}],
        "clusters": [{"name": "gke", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "me", "user": user or {"exec": plugin}}],
    }

"""What every GKE cluster is born with and the stack uses: kinds, and objects of them. Here they exist only in
the API server.

Source: GKE, "Use network policy logging": one object for the cluster, named `default`; `delegate` only where
`log` is on.
"""

from __future__ import annotations

from typing import Any


def _choice() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"log": {"type": "boolean"}, "delegate": {"type": "boolean"}},
        "x-kubernetes-validations": [
            {
                "rule": "!(has(self.delegate) && self.delegate) || (has(self.log) && self.log)",
                "message": "delegate takes log: true",
            }
        ],
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


GROUP = "networking.gke.io"
DEFINITIONS: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"networkloggings.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {"kind": "NetworkLogging", "plural": "networkloggings", "singular": "networklogging"},
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            **_object(spec=_object(cluster=_object(allow=_choice(), deny=_choice()))),
                            "x-kubernetes-validations": [
                                {
                                    "rule": "self.metadata.name == 'default'",
                                    "message": "there is one, named default",
                                }
                            ],
                        }
                    },
                }
            ],
        },
    },
)
OBJECTS: dict[str, dict[str, Any]] = {
    f"/apis/{GROUP}/v1alpha1/networkloggings": {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "NetworkLogging",
        "metadata": {"name": "default"},
        "spec": {"cluster": {"allow": {"log": False}, "deny": {"log": False}}},
    }
}
"""By the path of their collection. With Dataplane V2, which the stack uses."""

"""What a question about a registry's host leaves out: images are pulled by nodes, on no way that a pod's
traffic takes."""

from __future__ import annotations

from egress.plan.model import Plan
from egress.settings.registries import DOCKER_HUB

_HOSTS = {
    **dict.fromkeys(
        (DOCKER_HUB, "registry-1.docker.io", "index.docker.io", "auth.docker.io", "hub.docker.com"),
        DOCKER_HUB,
    ),
    "pkg-containers.githubusercontent.com": "ghcr.io",
    **{
        host: host
        for host in ("ghcr.io", "quay.io", "registry.k8s.io", "mcr.microsoft.com", "public.ecr.aws")
    },
}
"""Hosts of registries that everybody knows, to what `registries` calls them."""
_NAMES = {DOCKER_HUB: "docker", "ghcr.io": "github", "registry.k8s.io": "kubernetes"}
"""What people call some of them."""


def of_images(plan: Plan, host: str) -> str:
    """How images of a registry travel; empty where the host is none that is known."""
    by_upstream = {
        registry.upstream.partition(":")[0]: registry
        for registry in reversed(plan.registries)
        if registry.name in plan.settings.registries
    }
    upstream = _HOSTS.get(host, host)
    if registry := by_upstream.get(upstream):
        return (
            f"Images of {upstream} need none of this: nodes pull them, by {registry.address}/ before the "
            "image's name."
        )
    if upstream not in _HOSTS.values():
        return ""
    name = _NAMES.get(upstream, upstream.split(".")[-2])
    return (
        f"Pods' images are another matter: nodes pull them, whatever a team declares, and reach Google's "
        f"registries alone. registries: {{{name}: {upstream}}} makes a repository by which they get those "
        f"of {upstream}."
    )

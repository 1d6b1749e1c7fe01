"""From where nodes pull images: they reach Google's own registries alone, so each other one is read through a
repository of Artifact Registry that fetches from it.

Source: Artifact Registry, "Remote repositories overview".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.common import names
from egress.settings import Settings
from egress.settings.mesh import Flavor
from egress.settings.registries import DOCKER_HUB


@dataclass(frozen=True)
class RemoteRegistry:
    """A registry outside, and the repository through which it is read."""

    name: str
    upstream: str
    """Host of the registry."""
    repository: str
    """The repository's id, unique in its project and region."""
    address: str
    """What the name of an image begins with where it is pulled from here."""

    @property
    def is_docker_hub(self) -> bool:
        return self.upstream == DOCKER_HUB


def registries(settings: Settings) -> Iterator[RemoteRegistry]:
    """Istio's first, where the mesh runs in the cluster and no registry of its images is named."""
    if settings.mesh.flavor is Flavor.ISTIO and settings.mesh.chart.hub is None:
        yield _registry(settings, names.ISTIO_REGISTRY, DOCKER_HUB)
    for name, upstream in sorted(settings.registries.items()):
        yield _registry(settings, name, upstream)


def _registry(settings: Settings, name: str, upstream: str) -> RemoteRegistry:
    repository = settings.google_names.remote_repository(name)
    # A project of a domain-scoped organisation is `example.com:name`, and a colon would begin a port or tag.
    project = settings.project.replace(":", "/")
    return RemoteRegistry(
        name, upstream, repository, f"{settings.region}-docker.pkg.dev/{project}/{repository}"
    )

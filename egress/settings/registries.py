"""Registries of container images outside Google Cloud, from which nodes pull through Artifact Registry."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from egress.common.google_cloud import PRIVATE_ZONES
from egress.common.grammar import LABEL
from egress.common.hosts import under
from egress.common.names import ISTIO_REGISTRY
from egress.settings.base import Form, refusal

DOCKER_HUB = "docker.io"
_OF_DOCKER_HUB = ("registry-1.docker.io", "index.docker.io", "registry.docker.io")
"""Other names of it, which tools know."""


def _not_istios(name: str) -> str:
    if name == ISTIO_REGISTRY:
        raise refusal(
            "The repository for Istio's own images has this name: two repositories cannot share it.",
            "Choose another name.",
        )
    return name


RegistryName = Annotated[
    str,
    Form(
        "[a-z]([a-z0-9-]{0,18}[a-z0-9])?",
        "Behind the cluster's name it becomes the name of a repository, and Artifact Registry accepts 63 "
        "lower-case letters, digits and hyphens.",
        "Write at most 20 lower-case letters, digits and hyphens, first a letter, last not a hyphen.",
    ),
    AfterValidator(_not_istios),
]


def _host(value: str) -> str:
    """The host of a registry, by the one name under which it is known here."""
    host = value.removeprefix("https://")
    zone = next((zone for zone in PRIVATE_ZONES if under(host.partition(":")[0], zone)), None)
    if zone:
        raise refusal(
            f"Nodes reach {zone} themselves, through Private Google Access: this would keep a second copy.",
            "Remove it, and let images keep their names.",
        )
    return DOCKER_HUB if host in _OF_DOCKER_HUB else host


Upstream = Annotated[
    str,
    Form(
        rf"(https://)?({LABEL}\.)+[a-z]([a-z0-9-]*[a-z0-9])?(:[0-9]{{1,5}})?",
        "Artifact Registry would not find a registry there: it speaks https to a host of the internet.",
        "Write the registry's host alone, e.g. docker.io or ghcr.io, or its address, e.g. "
        "https://registry.example.com; repository and image belong into the pod's image.",
    ),
    AfterValidator(_host),
]

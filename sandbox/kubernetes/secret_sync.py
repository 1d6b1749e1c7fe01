"""The kinds that GKE defines where it copies secrets from Secret Manager. Nothing is copied here."""

from __future__ import annotations

from pathlib import Path

import yaml

from sandbox.kubernetes.cluster import Cluster

_DEFINITIONS = Path(__file__).with_name("secret_sync.yaml")


def define(cluster: Cluster) -> None:
    """Make the API server serve SecretProviderClass and SecretSync, within moments. It may be called
    again."""
    kind = cluster.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    for definition in yaml.safe_load_all(_DEFINITIONS.read_text(encoding="utf-8")):
        cluster.apply(kind, None, definition)

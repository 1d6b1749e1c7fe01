"""The stack's config as Pulumi hands it over, whole: settings must see the keys that nobody asked for as
well."""

from __future__ import annotations

from typing import Any

from pulumi.runtime import config


def stack_config() -> dict[str, Any]:
    """Full config keys to values; structured values are JSON text."""
    return {**config.get_config_env(), **config.CONFIG.get()}

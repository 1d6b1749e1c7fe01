"""`egress render`: every Kubernetes object, before anything is deployed."""

from __future__ import annotations

import sys

from egress.cli.sources import Stack, plan_of
from egress.layers.render import render as render_objects
from egress.layers.render import to_yaml


def render(stack: Stack = "dev") -> None:
    """Print every Kubernetes object of a stack, as a YAML stream.

    Example: `egress render --stack dev > objects.yaml`
    """
    sys.stdout.write(to_yaml(item.manifest for item in render_objects(plan_of(stack))))

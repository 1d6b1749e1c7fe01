"""Names of Kubernetes objects that a config mentions."""

from __future__ import annotations

from typing import Annotated

from egress.common.grammar import LABEL
from egress.settings.base import Form

AccountName = Annotated[
    str,
    Form(
        LABEL,
        "Kubernetes refuses this name for a ServiceAccount, so nobody would match.",
        "Name a ServiceAccount of the team's namespace, without the namespace.",
    ),
]
SecretName = Annotated[
    str,
    Form(
        "[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?",
        "Kubernetes refuses this name for a Secret.",
        "Use lower-case letters, digits and hyphens, at most 253.",
    ),
]

ObjectName = Annotated[
    str,
    Form(
        r"(?:[a-z0-9-]+/)?[a-z]+/[a-z0-9.-]+",
        "No object is called so, so none would be applied anew.",
        "Write it as `egress drift` does: team-y/networkpolicy/team-boundary, clusterrole/egress-platform.",
    ),
]
"""How `egress drift` and the outputs name an object."""

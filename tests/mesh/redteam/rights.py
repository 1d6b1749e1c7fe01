"""Rights that somebody in a team got by hand, more than the stack's roles give: so that admission is what
refuses."""

from __future__ import annotations

from typing import Any

from tests.apiserver.stage import EDITOR, everywhere_by_hand, hand_given_rights

TEAM = "team-y"
"""Whose namespace the objects are written into."""


def rights() -> list[dict[str, Any]]:
    """Kubernetes' own role `edit`, and everything about Istio, the Gateway API, networks and namespaces: here
    and everywhere."""
    made = [{**item, "metadata": {**item["metadata"], "namespace": TEAM}} for item in hand_given_rights()]
    groups = ["networking.istio.io", "security.istio.io", "extensions.istio.io", "networking.k8s.io", ""]
    made[0]["rules"] = [*made[0]["rules"], {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]
    everywhere = everywhere_by_hand(EDITOR)
    everywhere[0]["rules"] = [
        *everywhere[0]["rules"],
        {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]},
    ]
    return [*made, *everywhere]

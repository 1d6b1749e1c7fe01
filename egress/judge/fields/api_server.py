"""What changes objects on their way into the API server, so that what is there is not what somebody wrote.

Understood: webhooks that mutate kinds which are harmless, those of the control plane that Google runs, and
istiod's own, which injects proxies; API services and CustomResourceDefinitions that take over no kind that
judges read.
Source: Kubernetes, "Dynamic Admission Control", "Aggregation Layer", "Versions in CustomResourceDefinitions".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.kinds import HARMLESS_GROUPS, READ
from egress.judge.model.snapshot import Manifest, listed, part

_GROUPS = frozenset(READ.values())
_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")
"""A webhook there is a program beside the API server, where in GKE Google alone runs any."""
_OF_GOOGLE = ("meshconfig.googleapis.com",)
"""Where the managed mesh's webhook is."""


def unread_webhooks(manifest: Manifest) -> Iterator[str]:
    """Webhooks that may change objects of kinds that matter."""
    for index, webhook in enumerate(listed(manifest, "webhooks")):
        if not (_is_known(part(webhook, "clientConfig")) or _is_elsewhere(webhook)):
            yield f"webhooks[{index}]"


def _is_known(client: Mapping[str, Any]) -> bool:
    host = _host(str(client.get("url")))
    service = part(client, "service")
    own = service.get("namespace") == ROOT_NAMESPACE and str(service.get("name")).startswith("istiod")
    return host in _OWN_MACHINE or host in _OF_GOOGLE or own


def _host(url: str) -> str | None:
    """Of what no API server takes for a URL there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_elsewhere(webhook: Mapping[str, Any]) -> bool:
    groups = [str(name) for rule in listed(webhook, "rules") for name in listed(rule, "apiGroups")]
    return all(name in HARMLESS_GROUPS for name in groups)


def unread_service(manifest: Manifest) -> Iterator[str]:
    """An API server of somebody's own that answers for kinds that are read."""
    spec = part(manifest, "spec")
    if spec.get("service") and spec.get("group") in _GROUPS:
        yield "spec.service"


def unread_definition(manifest: Manifest) -> Iterator[str]:
    """A webhook that may change objects of kinds that are read as they are asked for."""
    spec = part(manifest, "spec")
    if spec.get("group") in _GROUPS and part(spec, "conversion").get("strategy") not in (None, "None"):
        yield "spec.conversion"

"""What the mesh as a whole is told: how paths are read, whose objects count for whom, what proxies say of
themselves.

Read: MeshConfig in the control plane's ConfigMap. A setting that no judge knows, or one with a value that
means another mesh than they know, is not understood. Source: Istio reference, MeshConfig and ProxyConfig.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from egress.common.normal_form import Normalization
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry, mesh_configs
from egress.judge.model.flow import Layer, Misread, Outcome, Verdict
from egress.judge.model.selectors import Selector
from egress.judge.model.shapes import PROXY_HEADERS
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

_TLS = ("TLS_AUTO", "TLSV1_2", "TLSV1_3")
"""Least versions that the mesh can be told; the first leaves it to the proxies, which means the second."""
_OPENED = _TLS[1]
"""The least version of TLS that proxies open, whatever the mesh is told."""


def _any(_: object) -> bool:
    return True


def _own_control_plane(value: object) -> bool:
    return re.fullmatch(rf"istiod(-[a-z0-9-]+)?\.{ROOT_NAMESPACE}\.svc:15012", str(value)) is not None


KNOWN: Mapping[str, Any] = {
    # what some judge reads
    **dict.fromkeys(("trustDomain", "discoverySelectors"), _any),
    "outboundTrafficPolicy": {"mode": _any},
    "pathNormalization": {"normalization": _any},
    **{f"default{kind}ExportTo": _any for kind in ("Service", "VirtualService", "DestinationRule")},
    "tlsDefaults": {"minProtocolVersion": _TLS},
    "meshMTLS": {"minProtocolVersion": _TLS},
    # what is the same in every mesh that is known here
    "rootNamespace": (ROOT_NAMESPACE,),
    "enableAutoMtls": (True,),
    # how long, and not what
    "tcpKeepalive": _any,
    # logs and figures
    **dict.fromkeys(
        (
            "accessLogFile",
            "accessLogEncoding",
            "accessLogFormat",
            "enablePrometheusMerge",
            "extensionProviders",
        ),
        _any,
    ),
    "defaultProviders": {"metrics": _any, "accessLogging": _any},
    "defaultConfig": {
        "proxyMetadata": {"CLOUD_PLATFORM": _any, "ISTIO_META_DNS_CAPTURE": _any},
        "proxyHeaders": {name: {"disabled": _any} for name in PROXY_HEADERS},
        "discoveryAddress": _own_control_plane,
        **dict.fromkeys(("holdApplicationUntilProxyStarts", "meshId", "image", "concurrency"), _any),
        **dict.fromkeys(("drainDuration", "terminationDrainDuration"), _any),
    },
}
"""Every setting that is understood, with the values that are: these, or those for which a test holds."""


HELD: Mapping[str, str] = {
    "outboundTrafficPolicy.mode": "REGISTRY_ONLY",
    "pathNormalization.normalization": Normalization.DECODE_AND_MERGE_SLASHES.value,
    "accessLogFile": "/dev/stdout",
}
"""What a map must hold where one of several counts: what is not registered is refused, paths mean one thing,
and requests are seen."""


def unread_settings(snapshot: Snapshot) -> Iterator[tuple[Manifest, str, str]]:
    """Settings of the mesh that are not understood: object, field, and why."""
    found = mesh_configs(snapshot)
    for manifest, config in found:
        for field in _beyond(config, KNOWN, ""):
            yield manifest, field, f"`{field}` is not read here, or not with this value."
    for manifest, config in found[1:]:
        if config != found[0][1]:
            yield (
                manifest,
                "data.mesh",
                f"{identity(found[0][0])} says something else: which of the two counts is not read here.",
            )


def _beyond(value: Any, known: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield path
        return
    for key, below in cast("Mapping[str, Any]", value).items():
        of, at = known.get(key), f"{path}.{key}".removeprefix(".")
        if isinstance(of, Mapping) and below:
            yield from _beyond(below, cast("Mapping[str, Any]", of), at)
        elif of is None or isinstance(of, Mapping):
            # Empty or false is as good as absent.
            yield from [at] if below else []
        elif not (below in of if isinstance(of, tuple) else of(below)):
            yield at


class MeshSettings:
    """Judges what the mesh is told. An allowed verdict lets something through."""

    def __init__(self, snapshot: Snapshot, registry: Registry) -> None:
        self._registry = registry
        self._labels = snapshot.namespace_labels
        found = self._maps = mesh_configs(snapshot)
        self._by = identity(found[0][0]) if found else None

    def held_by(self, name: str) -> Verdict:
        """Whether a control plane that reads one ConfigMap, and none beside it, is told less than the others
        are. It counts as such where there is no such map."""
        by, field = f"{ROOT_NAMESPACE}/configmap/{name}", "data.mesh"
        maps = {manifest["metadata"]["name"]: config for manifest, config in self._maps}
        if name not in maps:
            return Verdict(Layer.SIDECAR, Outcome.ALLOWED, by, field, "There is no such map with `mesh`.")
        for path, wanted in HELD.items():
            setting, _, below = path.partition(".")
            said = part(maps[name], setting).get(below) if below else maps[name].get(setting)
            if said != wanted:
                reason = f"`{path}` is {said or 'not said'}, and not {wanted}."
                return Verdict(Layer.SIDECAR, Outcome.ALLOWED, by, path, reason)
        return Verdict(Layer.SIDECAR, Outcome.DENIED, by, field, f"It holds {', '.join(HELD)}.")

    def paths(self) -> Verdict:
        """Whether a path can mean one thing to the rules and another to the host behind them."""
        field = "pathNormalization.normalization"
        try:
            how = self._registry.normalization
        except Misread as error:
            return Verdict(Layer.AUTHORIZATION, Outcome.NOT_UNDERSTOOD, self._by, field, error.reason)
        strict = how is Normalization.DECODE_AND_MERGE_SLASHES
        return Verdict(
            Layer.AUTHORIZATION,
            Outcome.of(not strict),
            self._by,
            field,
            f"Paths are compared after {how.value}.",
        )

    def tls(self, least: str) -> Verdict:
        """Whether proxies open TLS to the outside that is older than a version.

        `tlsDefaults` counts for what gateways accept; to what they open Istio 1.30 does not apply it
        (tests/mesh/test_rules.py).
        """
        reason = f"Proxies open TLS to hosts from {_OPENED} on, whatever the mesh is told."
        return Verdict(
            Layer.GATEWAY, Outcome.of(least > _OPENED), self._by, "tlsDefaults.minProtocolVersion", reason
        )

    def told(self) -> Iterator[Verdict]:
        """Whether proxies add headers that speak of them, one verdict for each kind."""
        headers = part(self._registry.mesh_config, "defaultConfig", "proxyHeaders")
        for name in PROXY_HEADERS:
            silent = part(headers, name).get("disabled") is True
            field = f"defaultConfig.proxyHeaders.{name}"
            yield Verdict(
                Layer.GATEWAY,
                Outcome.of(not silent),
                self._by,
                field,
                f"It is {'not ' if silent else ''}added.",
            )

    def exported(self, kind: str, namespace: str, to: frozenset[str]) -> Verdict:
        """Whether what a namespace does not export itself is known elsewhere than there and in some
        namespaces."""
        found = self._registry.exported(None, namespace, f"default{kind}ExportTo")
        further = sorted(found - to - {namespace})
        reason = f"What does not say otherwise is exported to {', '.join(further) or 'no other'}."
        return Verdict(Layer.SIDECAR, Outcome.of(bool(further)), self._by, f"default{kind}ExportTo", reason)

    def discovered(self, namespace: str) -> Verdict:
        """Whether the control plane reads what is in a namespace."""
        selectors = [
            Selector.of(written) for written in listed(self._registry.mesh_config, "discoverySelectors")
        ]
        labels = self._labels.get(namespace, {"kubernetes.io/metadata.name": namespace})
        read = not selectors or any(selector.selects(labels) for selector in selectors)
        reason = f"Istio {'reads' if read else 'does not read'} what is in {namespace}."
        unknown = any(selector.unknown for selector in selectors)
        outcome = Outcome.NOT_UNDERSTOOD if unknown else Outcome.of(read)
        return Verdict(Layer.SIDECAR, outcome, self._by, "discoverySelectors", reason)

"""What a namespace demands of its pods: Pod Security, proxies, and mutual TLS of whoever calls them.

Understood: the labels `pod-security.kubernetes.io/enforce` and `enforce-version`, `istio-injection` and
`istio.io/rev`; PeerAuthentications, the namespace's own before the root namespace's, with UNSET as whatever
the wider one says, and those for some pods and their ports, of which one that demands less is enough. Which
of two for the same pods counts is a matter of their age, which is not read.
Source: Kubernetes, "Pod Security Admission" and the versions of its checks; Istio, "Installing the Sidecar";
Istio reference, PeerAuthentication (security.istio.io/v1), and what Istio 1.30 makes of what it leaves open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.metadata import ENABLED, INJECTION
from egress.judge.model.snapshot import Manifest, Snapshot, identity, part

_REVISION = "istio.io/rev"
ENFORCE = "pod-security.kubernetes.io/enforce"
VERSION = f"{ENFORCE}-version"
RESTRICTED = "restricted"
_LEVELS = ("privileged", "baseline", RESTRICTED)
_COMPLETE = 34
"""Of Kubernetes 1.x: the first version whose checks are all that there are; probes of other hosts came
last."""
STRICT, PERMISSIVE = "STRICT", "PERMISSIVE"
UNSET = "UNSET"
"""Whatever the wider one says."""
_MODES = (STRICT, PERMISSIVE, "DISABLE", UNSET)


@dataclass(frozen=True)
class _Mode:
    """What one field of a PeerAuthentication demands."""

    mode: str
    by: str | None = None
    field: str = ""

    @property
    def strict(self) -> bool:
        return self.mode == STRICT


@dataclass(frozen=True)
class _Some:
    """A PeerAuthentication for some pods: what it demands of them, and of their ports."""

    labels: frozenset[tuple[str, str]]
    modes: tuple[_Mode, ...]


class Namespaces:
    """Judges namespaces themselves."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._labels = snapshot.namespace_labels
        self._whole: dict[str, list[_Mode]] = {}
        self._some: dict[str, list[_Some]] = {}
        for manifest in snapshot.kind("PeerAuthentication"):
            self._read(manifest)

    def _read(self, manifest: Manifest) -> None:
        spec, namespace, by = part(manifest, "spec"), manifest["metadata"]["namespace"], identity(manifest)
        labels = frozenset(part(spec, "selector", "matchLabels").items())
        mode = _Mode(_written(spec.get("mtls")), by, "spec.mtls.mode")
        if not labels:
            # Ports are those of the pods that a selector names; without one they are ignored.
            self._whole.setdefault(namespace, []).append(mode)
        elif namespace != ROOT_NAMESPACE:
            # Istio ignores selectors in the root namespace.
            ports = part(spec, "portLevelMtls").items()
            of_ports = (_Mode(_written(of), by, f"spec.portLevelMtls.{port}.mode") for port, of in ports)
            self._some.setdefault(namespace, []).append(_Some(labels, (mode, *of_ports)))

    def confined(self, namespace: str) -> Verdict:
        """Whether the namespace admits pods beyond `restricted`. Denied is the verdict we want."""
        labels = self._labels.get(namespace, {})
        level, version = labels.get(ENFORCE), labels.get(VERSION, "latest")
        by, field = f"namespace/{namespace}", f"metadata.labels[{ENFORCE}]"
        if level is not None and level not in _LEVELS:
            return Verdict(
                Layer.ADMISSION,
                Outcome.NOT_UNDERSTOOD,
                by,
                field,
                f"Pods have to be {level}, which is not known.",
            )
        pinned = re.fullmatch(r"v1\.(\d+)", version)
        if level == RESTRICTED and pinned and int(pinned[1]) < _COMPLETE:
            reason = (
                f"Pods have to be restricted as Kubernetes {version} understood it, which is less than today."
            )
            return Verdict(Layer.ADMISSION, Outcome.ALLOWED, by, f"metadata.labels[{VERSION}]", reason)
        return Verdict(
            Layer.ADMISSION,
            Outcome.of(level != RESTRICTED),
            by,
            field,
            f"Pods have to be {level or 'nothing in particular'}.",
        )

    def injected(self, namespace: str) -> bool:
        """Whether a namespace asks for proxies in its pods; without one nothing there demands or refuses
        anything."""
        labels = self._labels.get(namespace, {})
        return labels.get(INJECTION) == ENABLED or (_REVISION in labels and INJECTION not in labels)

    def mutual(self, namespace: str) -> Verdict:
        """Whether the namespace's workloads take callers without a certificate; that they do not is the
        refusal."""
        everywhere = self._demanded(namespace)
        for demanded in everywhere:
            if demanded.mode not in _MODES:
                return _doubt(demanded, f"Mutual TLS is {demanded.mode} there, which is not known.")
        if len({demanded.strict for demanded in everywhere}) > 1:
            return _doubt(
                everywhere[0],
                f"{everywhere[1].by or 'What Istio does by default'} demands something else: "
                "which of the two counts is not read here.",
            )
        (first, *_), doubts = everywhere, list[Verdict]()
        if not first.strict:
            said = (
                "Nothing demands mutual TLS there."
                if first.by is None
                else f"Mutual TLS is {first.mode} there."
            )
            return Verdict(Layer.AUTHORIZATION, Outcome.ALLOWED, first.by, first.field, said)
        for policy, demanded in self._weaker(namespace):
            reason = f"Mutual TLS is {demanded.mode} for some pods or ports there."
            if demanded.mode not in _MODES:
                doubts.append(_doubt(demanded, f"{reason.removesuffix('.')}, which is not known."))
            elif any(
                other is not policy and other.labels <= policy.labels for other in self._some[namespace]
            ):
                doubts.append(
                    _doubt(
                        demanded,
                        f"{reason} Another one is for the same pods: which of the two counts is not read.",
                    )
                )
            else:
                return Verdict(Layer.AUTHORIZATION, Outcome.ALLOWED, demanded.by, demanded.field, reason)
        return (
            doubts[0]
            if doubts
            else Verdict(
                Layer.AUTHORIZATION, Outcome.DENIED, first.by, first.field, "Mutual TLS is STRICT there."
            )
        )

    def _demanded(self, namespace: str) -> list[_Mode]:
        """What is demanded of all pods: the namespace's own, or the mesh's; several where it depends on which
        one counts."""
        mesh = [
            _Mode(PERMISSIVE, mode.by, mode.field) if mode.mode == UNSET else mode
            for mode in self._whole.get(ROOT_NAMESPACE, ())
        ] or [_Mode(PERMISSIVE)]
        own = self._whole.get(namespace, [])
        found = [mode for mode in own if mode.mode != UNSET]
        return found if own and len(found) == len(own) else [*found, *mesh]

    def _weaker(self, namespace: str) -> Iterator[tuple[_Some, _Mode]]:
        for policy in self._some.get(namespace, ()):
            yield from ((policy, mode) for mode in policy.modes if mode.mode not in (STRICT, UNSET))


def _doubt(demanded: _Mode, reason: str) -> Verdict:
    return Verdict(Layer.AUTHORIZATION, Outcome.NOT_UNDERSTOOD, demanded.by, demanded.field, reason)


def _written(mtls: Mapping[str, Any] | None) -> str:
    return str((mtls or {}).get("mode") or UNSET)

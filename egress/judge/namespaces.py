"""What a namespace demands of its pods: Pod Security, and mutual TLS of whoever calls them.

Understood: the label `pod-security.kubernetes.io/enforce`; PeerAuthentications, the namespace's own before the root namespace's,
and those for some pods or ports, of which one that demands less is enough.
Source: Kubernetes, "Pod Security Admission"; Istio reference, PeerAuthentication (security.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.judge.deployed import Deployed, Manifest, identity, part
from egress.judge.flow import Layer, Verdict
from egress.judge.registry import ROOT_NAMESPACE

ENFORCE = "pod-security.kubernetes.io/enforce"
RESTRICTED = "restricted"
STRICT = "STRICT"
UNSET = "UNSET"
"""Whatever the wider one says."""


class Namespaces:
    """Judges namespaces themselves."""

    def __init__(self, deployed: Deployed) -> None:
        self._labels = deployed.namespace_labels
        self._said: dict[str, list[tuple[str, Verdict]]] = {}
        self._weaker: dict[str, Verdict] = {}
        for manifest in deployed.kind("PeerAuthentication"):
            self._read(manifest)

    def _read(self, manifest: Manifest) -> None:
        spec, namespace, by = part(manifest, "spec"), manifest["metadata"]["namespace"], identity(manifest)
        some = bool(part(spec, "selector"))
        mode = _mode(spec.get("mtls"))
        if mode != UNSET and not some:
            said = Verdict(Layer.AUTHORIZATION, mode != STRICT, by, "spec.mtls.mode", f"Mutual TLS is {mode} there.")
            self._said.setdefault(namespace, []).append((mode, said))
        narrower = [("spec.mtls.mode", mode)] if some else []
        narrower += [(f"spec.portLevelMtls.{port}.mode", _mode(of)) for port, of in part(spec, "portLevelMtls").items()]
        for field, weaker in narrower:
            if weaker not in (STRICT, UNSET):
                reason = f"Mutual TLS is {weaker} for some pods or ports there."
                self._weaker.setdefault(namespace, Verdict(Layer.AUTHORIZATION, True, by, field, reason))

    def confined(self, namespace: str) -> Verdict:
        """Whether the namespace takes pods that are more than restricted; that it does not is the refusal."""
        level = self._labels.get(namespace, {}).get(ENFORCE)
        by, field = f"namespace/{namespace}", f"metadata.labels[{ENFORCE}]"
        return Verdict(Layer.ADMISSION, level != RESTRICTED, by, field, f"Pods have to be {level or 'nothing in particular'}.")

    def mutual(self, namespace: str) -> Verdict:
        """Whether the namespace's workloads take callers without a certificate; that they do not is the refusal."""
        homes = (namespace, ROOT_NAMESPACE)
        if weaker := next((self._weaker[home] for home in homes if home in self._weaker), None):
            return weaker
        for home in homes:
            said = self._said.get(home, [])
            if said:
                # Of two the older one counts; the age of objects is not read.
                return next((verdict for mode, verdict in said if mode != STRICT), said[0][1])
        return Verdict(Layer.AUTHORIZATION, True, "nothing", "", "Nothing demands mutual TLS there.")


def _mode(written: Mapping[str, Any] | None) -> str:
    return str((written or {}).get("mode") or UNSET)

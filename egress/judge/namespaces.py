"""What a namespace demands of its pods: Pod Security, and mutual TLS of whoever calls them.

Understood: the label `pod-security.kubernetes.io/enforce`; PeerAuthentications without a selector, the namespace's own before the
root namespace's. Source: Kubernetes, "Pod Security Admission"; Istio reference, PeerAuthentication (security.istio.io/v1).
"""

from __future__ import annotations

from egress.judge.deployed import Deployed, identity, part
from egress.judge.flow import Layer, Verdict
from egress.judge.registry import ROOT_NAMESPACE

ENFORCE = "pod-security.kubernetes.io/enforce"
RESTRICTED = "restricted"
STRICT = "STRICT"


class Namespaces:
    """Judges namespaces themselves."""

    def __init__(self, deployed: Deployed) -> None:
        self._labels = deployed.namespace_labels
        self._modes: dict[str, tuple[str, str]] = {}
        for manifest in deployed.kind("PeerAuthentication"):
            if not part(manifest, "spec", "selector"):
                mode = str(part(manifest, "spec", "mtls").get("mode", "UNSET"))
                self._modes[manifest["metadata"]["namespace"]] = (mode, identity(manifest))

    def confined(self, namespace: str) -> Verdict:
        """Whether the namespace takes pods that are more than restricted; that it does not is the refusal."""
        level = self._labels.get(namespace, {}).get(ENFORCE)
        by, field = f"namespace/{namespace}", f"metadata.labels[{ENFORCE}]"
        return Verdict(Layer.ADMISSION, level != RESTRICTED, by, field, f"Pods have to be {level or 'nothing in particular'}.")

    def mutual(self, namespace: str) -> Verdict:
        """Whether the namespace's workloads take callers without a certificate; that they do not is the refusal."""
        for home in (namespace, ROOT_NAMESPACE):
            mode, by = self._modes.get(home, ("UNSET", ""))
            if mode != "UNSET":
                return Verdict(Layer.AUTHORIZATION, mode != STRICT, by, "spec.mtls.mode", f"Mutual TLS is {mode} there.")
        return Verdict(Layer.AUTHORIZATION, True, "nothing", "", "Nothing demands mutual TLS there.")

"""A stand-in for istiod's injection webhook, as far as admission can see it.

What it adds is what `istioctl kube-inject` 1.30 adds to a pod: names, identities, capabilities, annotations, labels, volumes.
It merges as Istio does: a container of the same name that the author wrote keeps the author's fields.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JSON = dict[str, Any]
IMAGE = "gcr.io/istio-release/proxyv2:1.30.3"
LABEL = "test/injection"
"""On a pod: `init` or `cni`, how it is injected. Pods without it are left alone."""


def inject(pod: JSON, cni: bool) -> JSON:
    """The pod as injection leaves it; with istio-cni nothing in it needs a capability."""
    meta, spec = pod["metadata"], pod["spec"]
    first = "istio-validation" if cni else "istio-init"
    meta.setdefault("annotations", {}).update(
        {
            "istio.io/rev": "default",
            "kubectl.kubernetes.io/default-container": spec["containers"][0]["name"],
            "prometheus.io/scrape": "true",
            "sidecar.istio.io/status": json.dumps({"initContainers": [first], "containers": ["istio-proxy"]}),
        }
    )
    if cni:
        meta["annotations"].update(
            {
                "sidecar.istio.io/interceptionMode": "REDIRECT",
                "traffic.sidecar.istio.io/includeOutboundIPRanges": "*",
                "traffic.sidecar.istio.io/includeInboundPorts": "*",
                "traffic.sidecar.istio.io/excludeInboundPorts": "15020",
            }
        )
    meta.setdefault("labels", {}).update(
        {
            "security.istio.io/tlsMode": "istio",
            "service.istio.io/canonical-name": "shop",
            "service.istio.io/canonical-revision": "latest",
        }
    )
    _merge(spec.setdefault("initContainers", []), {"name": first, "image": IMAGE, "securityContext": _first(cni)})
    mounts = [{"name": "istio-envoy", "mountPath": "/etc/istio/proxy"}, {"name": "istio-token", "mountPath": "/var/run/tokens"}]
    proxy = {"name": "istio-proxy", "image": IMAGE, "args": ["proxy", "sidecar"], "volumeMounts": mounts}
    _merge(spec["containers"], {**proxy, "securityContext": _proxy()})
    for volume in ({"name": "istio-envoy", "emptyDir": {"medium": "Memory"}}, {"name": "istio-token", "emptyDir": {}}):
        _merge(spec.setdefault("volumes", []), volume)
    return pod


def _proxy() -> JSON:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 1337,
        "runAsNonRoot": True,
        "runAsUser": 1337,
    }


def _first(cni: bool) -> JSON:
    if cni:
        return _proxy()
    capabilities = {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}
    identity = {"runAsGroup": 0, "runAsNonRoot": False, "runAsUser": 0}
    return {"allowPrivilegeEscalation": False, "capabilities": capabilities, "privileged": False, **identity}


def _merge(items: list[JSON], new: JSON) -> None:
    """Add it, or fill in what the author's item of this name leaves open."""
    for item in items:
        if item["name"] == new["name"]:
            item.update({**new, **item})
            return
    items.append(new)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pod = review["request"]["object"]
        changed = inject(pod, cni=pod["metadata"]["labels"][LABEL] == "cni")
        patch = [{"op": "replace", "path": f"/{part}", "value": changed[part]} for part in ("metadata", "spec")]
        response = {
            "uid": review["request"]["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
        }
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving(certificate: Path, key: Path, authority: str) -> Iterator[JSON]:
    """The webhook on this machine, with a certificate for 127.0.0.1; yields its configuration to apply."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "injector"},
            "webhooks": [
                {
                    "name": "injector.example.com",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Fail",
                    "objectSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
                    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{server.server_address[1]}/inject",
                        "caBundle": base64.b64encode(authority.encode()).decode(),
                    },
                }
            ],
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

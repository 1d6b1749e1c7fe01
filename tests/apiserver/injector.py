"""A stand-in for istiod's injection webhook: it adds what istiod 1.30.3 was seen to add to the plain pod
(injected.json, which test_injection.py holds against istiod itself).

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

from egress.layers.admission.injected import STATUS
from tests.apiserver.istiod import webhook

JSON = dict[str, Any]
LABEL = "test/injection"
"""On a pod: how it is injected, as a key of RECORDED. Pods without it are left alone."""
ADDED = "test/added"
"""On a pod: what to add instead, as JSON of the same form."""
RECORDED = Path(__file__).with_name("injected.json")
"""For each way of injecting, what is added to the plain pod."""
LISTS = ("initContainers", "containers", "volumes")


def recorded(how: str) -> JSON:
    return json.loads(RECORDED.read_text(encoding="utf-8"))[how]


def inject(pod: JSON, how: str) -> JSON:
    """The pod as injection leaves it."""
    meta, spec = pod["metadata"], pod["spec"]
    instead = meta.get("annotations", {}).pop(ADDED, None)
    added = json.loads(instead) if instead else recorded(how)
    for kind in ("annotations", "labels"):
        meta[kind] = {
            **added[kind],
            **meta.get(kind, {}),
            **({STATUS: added[kind][STATUS]} if kind == "annotations" else {}),
        }
    for part in LISTS:
        for item in added[part]:
            _merge(spec.setdefault(part, []), item)
    return pod


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
        changed = inject(pod, pod["metadata"]["labels"][LABEL])
        patch = [
            {"op": "replace", "path": f"/{part}", "value": changed[part]} for part in ("metadata", "spec")
        ]
        response = {
            "uid": review["request"]["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
        }
        body = json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        ).encode()
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
        yield webhook(
            f"127.0.0.1:{server.server_address[1]}",
            authority,
            {"objectSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]}},
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

"""A chart repository on this machine, over https: small charts by the names of Istio's.

Istio's own charts are not here. What the stack needs of them is: `base` defines Istio's kinds, as Istio's own
does, `istiod` is a Deployment with the mesh's configuration, and `cni` holds its values. No webhooks, because
no istiod answers them.
"""

from __future__ import annotations

import io
import ssl
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from sandbox import tools

_MESH = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: {{ .Release.Namespace }}
  labels: {istio.io/rev: default, operator.istio.io/component: Pilot, release: {{ .Release.Name }}}
data:
  meshNetworks: "networks: {}"
  mesh: {{ .Values.meshConfig | toYaml | quote }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: {{ .Release.Namespace }}, labels: {app: istiod}}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod, sidecar.istio.io/inject: "false"}}
    spec:
      containers:
        - name: discovery
          image: {{ .Values.global.hub }}/pilot:{{ .Chart.AppVersion }}
          resources: {requests: {cpu: 10m, memory: 10Mi}}
"""
_VALUES = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
data:
  values: {{ .Values | toYaml | quote }}
"""
_KINDS = '{{ .Files.Get "files/kinds.yaml" }}'


def _kept() -> str:
    """Istio's definitions; as in its own chart, they outlive the release."""
    documents = [item for item in yaml.safe_load_all(tools.istio_crds().read_text(encoding="utf-8")) if item]
    for document in documents:
        document["metadata"].setdefault("annotations", {})["helm.sh/resource-policy"] = "keep"
    return yaml.safe_dump_all(documents)


def _archive(chart: str, version: str) -> bytes:
    files = {
        "Chart.yaml": yaml.safe_dump(
            {"apiVersion": "v2", "name": chart, "version": version, "appVersion": version}
        )
    }
    if chart == "base":
        files |= {"templates/kinds.yaml": _KINDS, "files/kinds.yaml": _kept()}
    else:
        files["templates/all.yaml"] = _MESH if chart == "istiod" else _VALUES
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"{chart}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def repository(certificate: Path, key: Path, versions: tuple[str, ...]) -> Iterator[str]:
    """The charts in these versions; yields the repository's address. The certificate is for 127.0.0.1."""
    charts = ("base", "cni", "istiod")
    served = {f"/{chart}-{version}.tgz": _archive(chart, version) for chart in charts for version in versions}
    entries = {
        chart: [
            {"apiVersion": "v2", "name": chart, "version": version, "urls": [f"{chart}-{version}.tgz"]}
            for version in versions
        ]
        for chart in charts
    }
    served["/index.yaml"] = yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)

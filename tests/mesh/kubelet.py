"""What a cluster has and the mesh on one machine lacks: whoever makes pods of Jobs, and a kubelet that runs
them and hands out logs.

A Job's pod is made as the Job controller makes it, goes through injection and admission like any other, and
then its container's own command runs, as the container's own user, in the network of the namespace's test pod
- whose proxy stands for the one that was injected. Its log, and every proxy's, is what `kubectl logs` would
print: the API server asks for it here.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.kubernetes.cluster import Cluster, ClusterError
from tests.apiserver import injector
from tests.mesh.cluster import Pod, node_of
from tests.mesh.mesh import Mesh

JOBS = "system:serviceaccount:kube-system:job-controller"
PROXY = "istio-proxy"
SECONDS = 180.0
POLL = 0.1
_LOG = re.compile(r"/containerLogs/([^/]+)/([^/]+)/([^/?]+)")


@dataclass
class _Ran:
    """A pod of a Job."""

    where: Pod
    """Whose network it runs in."""
    proxy_from: int
    """Where its proxy's log begins, in the log of that pod's proxy."""
    output: str = ""


@dataclass
class Kubelet:
    """Runs Jobs in a mesh."""

    mesh: Mesh
    made: list[str] = field(default_factory=list[str])
    """Jobs that pods were made for, by namespace and name."""
    pods: dict[tuple[str, str], _Ran] = field(default_factory=dict[tuple[str, str], _Ran])
    errors: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        server = self.mesh.control_plane.server
        self._admin = Cluster(server.url, server.token, server.ca_pem, force=True)
        self._controller = Cluster(server.url, server.token, server.ca_pem, user=JOBS)
        self._scheduler = Cluster(server.url, server.token, server.ca_pem, user="system:kube-scheduler")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """As long as the block lasts."""
        certificate = self.mesh.authority.issue("kubelet")
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        stopping = threading.Event()
        threads = [
            threading.Thread(target=server.serve_forever, daemon=True),
            threading.Thread(target=self._watch, args=(stopping,), daemon=True),
        ]
        self._answer_at(server.server_address[1])
        for thread in threads:
            thread.start()
        try:
            with self._injecting():
                yield
        finally:
            stopping.set()
            server.shutdown()
            server.server_close()
            for thread in threads:
                thread.join(timeout=10)

    @contextmanager
    def _injecting(self) -> Iterator[None]:
        certificates = self.mesh.control_plane.server.kubeconfig.parent / "certificates"
        authority = self.mesh.control_plane.server.ca_pem
        with injector.serving(
            certificates / "apiserver.crt", certificates / "apiserver.key", authority
        ) as webhook:
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            self._admin.request("POST", path, webhook)
            try:
                yield
            finally:
                self._admin.request("DELETE", f"{path}/{webhook['metadata']['name']}")

    def _answer_at(self, port: int) -> None:
        """Tell the API server where the nodes' kubelets listen."""
        for name in {node_of(pod) for pod in self.mesh.pods.values()}:
            status = {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            }
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}
            self._admin.request(
                "PATCH", f"/api/v1/nodes/{name}/status", node, fieldManager="kubelet", force="true"
            )

    def _watch(self, stopping: threading.Event) -> None:
        while not stopping.wait(POLL):
            try:
                for job in self._admin.request("GET", "/apis/batch/v1/jobs")["items"]:
                    identity = f"{job['metadata']['namespace']}/{job['metadata']['name']}"
                    if identity not in self.made and "deletionTimestamp" not in job["metadata"]:
                        self.made.append(identity)
                        self._run(job)
            except Exception as error:
                self.errors.append(str(error))

    def _run(self, job: Mapping[str, Any]) -> None:
        namespace, name = job["metadata"]["namespace"], f"{job['metadata']['name']}-abcde"
        template = job["spec"]["template"]
        labels = {**template["metadata"]["labels"], injector.LABEL: "native"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": labels,
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": job["metadata"]["name"],
                        "uid": job["metadata"]["uid"],
                        "controller": True,
                    }
                ],
            },
            "spec": template["spec"],
        }
        try:
            admitted = self._controller.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
        except ClusterError as error:
            self._warn(job, str(error))
            return
        where = next(
            one for one in self.mesh.pods.values() if one.namespace == namespace and one.proxy == "sidecar"
        )
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node_of(where)},
        }
        self._scheduler.request("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", binding)
        ran = _Ran(where, self.mesh.proxies[where.key].process.size())
        self.pods[namespace, name] = ran
        code = self._execute(admitted, ran)
        self._over(namespace, name, code)

    def _execute(self, pod: Mapping[str, Any], ran: _Ran) -> int:
        spec = pod["spec"]
        (container,) = [one for one in spec["containers"] if one["name"] != PROXY]
        prefix = self.mesh.namespaces[ran.where.key].prefix(spec["securityContext"]["runAsUser"])
        clean = ["env", "-i", "PATH=/usr/bin:/bin:/usr/local/bin", "HOME=/"]
        done = subprocess.run(
            [*prefix, *clean, *container["command"]],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            encoding="utf-8",
        )
        ran.output = done.stdout + done.stderr
        return done.returncode

    def _over(self, namespace: str, name: str, code: int) -> None:
        ended = {
            "name": "egress-probe",
            "ready": False,
            "restartCount": 0,
            "image": "image",
            "imageID": "image",
            "state": {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}},
        }
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [ended]}
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        with contextlib.suppress(ClusterError):  # deleted meanwhile
            self._admin.request(
                "PATCH", path, {**item, "status": status}, fieldManager="kubelet", force="true"
            )

    def _warn(self, job: Mapping[str, Any], why: str) -> None:
        """As the Job controller says that it cannot make a pod."""
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.1", "namespace": namespace},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": f"Error creating: {why}",
            "involvedObject": {"kind": "Job", "namespace": namespace, "name": name},
        }
        self._admin.request("POST", f"/api/v1/namespaces/{namespace}/events", event)

    def jobs(self) -> list[str]:
        """Those that there are."""
        return [job["metadata"]["name"] for job in self._admin.request("GET", "/apis/batch/v1/jobs")["items"]]

    def log(self, namespace: str, name: str, container: str) -> str | None:
        """What `kubectl logs` prints."""
        if ran := self.pods.get((namespace, name)):
            proxy = self.mesh.proxies[ran.where.key].process
            if container != PROXY:
                return ran.output
            time.sleep(0.3)  # it writes lines every 50 ms
            return proxy.output(ran.proxy_from)
        for pod in self.mesh.pods.values():
            if (pod.namespace, pod.name) == (namespace, name) and pod.key in self.mesh.proxies:
                return self.mesh.proxies[pod.key].process.output()
        return None


def _handler(kubelet: Kubelet) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = _LOG.match(self.path)
            text = kubelet.log(*asked.groups()) if asked else None
            body = (text or "").encode()
            self.send_response(404 if text is None else 200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler

"""A cluster as the real kubernetes plugin needs one: the sandbox's API server, Kubernetes' own controllers,
and a kubelet that says of every pod that it runs.

Nothing runs in it. But Deployments become available, Services get endpoints, and a deleted namespace goes,
because the plugin waits for these, and the real controllers do them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import tools
from sandbox.apiserver import ApiServer
from sandbox.daemon import Daemon
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster, ClusterError
from tests.providers.plugins import Missing

JSON = dict[str, Any]
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "endpoints-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
)
_PAUSE = 0.3


@contextmanager
def cluster(root: Path) -> Iterator[ApiServer]:
    """The API server of a home in this folder, with controllers and a kubelet; raises Missing."""
    try:
        program = tools.ensure("kube-controller-manager")["kube-controller-manager"]
    except tools.ToolError as error:
        raise Missing(f"no controllers for the cluster: {error}") from None
    server = ApiServer(Home(root))
    server.start()
    controllers = _Controllers(server, program)
    kubelet = _Kubelet(server)
    try:
        controllers.start()
        kubelet.start()
        yield server
    finally:
        kubelet.stop()
        controllers.stop()
        server.wipe()


def client(server: ApiServer) -> Cluster:
    """As administrator."""
    return Cluster(server.url, server.token, server.ca_pem)


class _Controllers:
    def __init__(self, server: ApiServer, executable: Path) -> None:
        folder = server.kubeconfig.parent
        self._executable = executable
        self._kubeconfig = f"--kubeconfig={server.kubeconfig}"
        self._key = folder / "certificates" / "apiserver.key"
        self._program = Daemon("kube-controller-manager", folder, self._kubeconfig)

    def start(self) -> None:
        command: list[str | Path] = [
            self._executable,
            self._kubeconfig,
            "--bind-address=127.0.0.1",
            "--secure-port=0",
            "--leader-elect=false",
            f"--service-account-private-key-file={self._key}",
            f"--controllers={','.join(CONTROLLERS)}",
        ]
        self._program.start(command, dict(os.environ))

    def stop(self) -> None:
        self._program.stop(patience=0.0)


class _Kubelet(threading.Thread):
    """Puts pods on a node that is not there, says that they are ready, and lets them go when they are
    deleted."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._over = threading.Event()
        self._addresses = 0

    def run(self) -> None:
        while not self._over.wait(_PAUSE):
            try:
                self._once(client(self._server))
            except (ClusterError, RuntimeError, OSError):  # the API server is away, or a pod went meanwhile
                continue

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=40)

    def _once(self, cluster: Cluster) -> None:
        for pod in cluster.request("GET", "/api/v1/pods")["items"]:
            metadata = pod["metadata"]
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
            if metadata.get("deletionTimestamp"):
                cluster.request("DELETE", path, {"gracePeriodSeconds": 0})
            elif pod["status"].get("phase") != "Running":
                if not pod["spec"].get("nodeName"):
                    binding = {
                        "metadata": {"name": metadata["name"]},
                        "target": {"kind": "Node", "name": "node"},
                    }
                    cluster.request(
                        "POST", f"{path}/binding", {"apiVersion": "v1", "kind": "Binding", **binding}
                    )
                self._addresses += 1
                patch = [{"op": "replace", "path": "/status", "value": _running(pod, self._addresses)}]
                cluster.request("PATCH", f"{path}/status", patch)


def _running(pod: JSON, number: int) -> JSON:
    address = f"10.1.{number // 250}.{number % 250 + 1}"
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": kind, "status": "True"} for kind in ("PodScheduled", "ContainersReady", "Ready")
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": pod["metadata"]["creationTimestamp"]}},
            }
            for container in pod["spec"]["containers"]
        ],
    }

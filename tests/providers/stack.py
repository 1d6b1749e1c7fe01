"""The whole program as a user runs it: the real engine, language host and plugins; Google's REST API, the
cluster and the charts' repository on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.apiserver import ApiServer
from sandbox.google_rest import GoogleRest
from sandbox.google_rest.service_controller import ServiceController
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster
from tests.providers.charts import repository
from tests.providers.cluster import client, cluster
from tests.providers.engine import Project
from tests.providers.gcloud import write_auth_plugin
from tests.providers.plugins import GOOGLE, KUBERNETES, PYTHON, find
from tests.support import ROOT

JSON = dict[str, Any]
OWN = "gke-mesh-egress:"
PROGRAM = ("__main__.py", "egress", "components")
VERSIONS = ("1.30.3", "1.30.4", "1.30.5", "1.30.6", "1.30.7", "1.30.8")
"""Of Istio, for which there are charts."""


@dataclass(frozen=True)
class Stack:
    """One stack of the project, and the world that it is deployed to."""

    project: Project
    google: GoogleRest
    server: ApiServer
    charts: str
    """Address of the charts' repository."""

    def configure(self, config: Mapping[str, Any]) -> None:
        """The stack's config, with charts from this machine."""
        mesh = dict(config.get(f"{OWN}mesh") or {})
        istio = {**(mesh.get("istio") or {}), "repository": self.charts}
        self.project.configure({**config, f"{OWN}mesh": {**mesh, "istio": istio}})

    @property
    def client(self) -> Cluster:
        return client(self.server)

    def live(self, api_version: str, kind: str, namespace: str | None, name: str) -> JSON | None:
        return self.client.get(self.client.kind(api_version, kind, 0), namespace, name)

    def edit(
        self, api_version: str, kind: str, namespace: str | None, name: str, change: Callable[[JSON], object]
    ) -> None:
        """As somebody would with `kubectl edit`: the whole object, by another field manager."""
        found = self.live(api_version, kind, namespace, name)
        assert found, f"there is no {kind} {name}"
        change(found)
        path = self.client.kind(api_version, kind, 0).path(namespace, name)
        self.client.request("PUT", path, found, fieldManager="kubectl-edit")

    def drift(self) -> tuple[int, JSON]:
        """What `egress drift` says of the cluster, and its exit code."""
        words = ["drift", "--json", "--stack", "dev", "--kubeconfig", str(self.server.kubeconfig)]
        done = subprocess.run(
            [sys.executable, "-m", "egress", *words],
            cwd=self.project.source,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            encoding="utf-8",
            timeout=180,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(done.stdout)


@contextmanager
def stack(root: Path, config: Mapping[str, Any]) -> Iterator[Stack]:
    """A stack of which nothing is deployed; raises Missing."""
    plugins = find(GOOGLE, KUBERNETES, PYTHON)
    with cluster(root / "sandbox") as server:
        certificates = server.kubeconfig.parent / "certificates"
        trusted = root / "trusted.pem"
        trusted.write_text(server.ca_pem, encoding="utf-8")
        with (
            repository(certificates / "apiserver.crt", certificates / "apiserver.key", VERSIONS) as charts,
            GoogleRest(Home(root / "sandbox"), server) as google,
            ServiceController(google, server),
        ):
            environment = {**google.environment(), "SSL_CERT_FILE": str(trusted)}
            project = Project(root, "gke-mesh-egress", plugins, environment)
            write_auth_plugin(project.bin, server.token)
            declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
            project.write("Pulumi.yaml", {**declared, "runtime": project.runtime})
            for name in PROGRAM:
                (project.source / name).symlink_to(ROOT / name)
            made = Stack(project, google, server, charts)
            made.configure(config)
            try:
                project.make_stack()
                yield made
            finally:
                project.close()


def kept_by_google(stack: Stack) -> set[str]:
    """Ids of what is there in Google Cloud, APIs that are switched on aside."""
    return {item["id"] for item in stack.google.cloud.leftovers()}

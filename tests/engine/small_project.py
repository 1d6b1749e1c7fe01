"""A sandbox with a small project of its own, which needs seconds where the platform needs minutes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from sandbox.apiserver import ApiServer
from sandbox.home import CHECKOUT, Home
from sandbox.kubernetes.cluster import Cluster

PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.helm.v3 import Release

import words

config = pulumi.Config()
provider = kubernetes.Provider("cluster", kubeconfig=config.require("kubeconfig"))


def options(*after):
    return pulumi.ResourceOptions(provider=provider, depends_on=list(after))


space = kubernetes.core.v1.Namespace("space", metadata={"name": "space"}, opts=options())
base = Release(
    "base", name="base", namespace="space", chart="base", version="1.30.3",
    repository_opts={"repo": "https://charts.example"}, opts=options(space),
)
for number in range(config.require_int("entries")):
    kubernetes.apiextensions.CustomResource(
        f"entry-{number}", api_version="networking.istio.io/v1", kind="ServiceEntry",
        metadata={"name": f"entry-{number}", "namespace": "space"},
        spec={"hosts": [f"h{number}.example.com"], "resolution": config.get("resolution") or "DNS",
              "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]},
        opts=options(base),
    )
kubernetes.core.v1.Secret(
    "secret", metadata={"name": "secret", "namespace": "space"},
    string_data={"key": pulumi.Output.secret("hush")},
    opts=options(space),
)
pulumi.export("word", words.WORD)
pulumi.export("password", pulumi.Output.secret("hush"))
"""


class Sandbox:
    """One sandbox with one small project in it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.source = folder / "program"
        self.source.mkdir()
        self.apiserver = ApiServer(self.home)
        (self.source / "Pulumi.yaml").write_text("name: small\nruntime: python\n", encoding="utf-8")
        (self.source / "words.py").write_text("WORD = 'first'\n", encoding="utf-8")
        self.write(PROGRAM)
        self.configure()

    def write(self, program: str) -> None:
        (self.source / "__main__.py").write_text(program, encoding="utf-8")

    def configure(self, **values: str) -> None:
        self.apiserver.start()
        settings = {"kubeconfig": self.kubeconfig(), "entries": "24"} | values
        config = {f"small:{name}": value for name, value in settings.items()}
        (self.source / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def kubeconfig(self) -> str:
        authority = base64.b64encode(self.apiserver.ca_pem.encode()).decode()
        plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "gke-gcloud-auth-plugin"}
        return json.dumps(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [
                    {
                        "name": "it",
                        "cluster": {"server": self.apiserver.url, "certificate-authority-data": authority},
                    }
                ],
                "users": [{"name": "it", "user": {"exec": plugin}}],
            }
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments, "--directory", str(self.source)],
            cwd=CHECKOUT,
            env=os.environ | {"EGRESS_SANDBOX_HOME": str(self.home.root)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cluster(self) -> Cluster:
        return Cluster(self.apiserver.url, self.apiserver.token, self.apiserver.ca_pem)

    def entries(self) -> dict[str, Any]:
        cluster = self.cluster()
        kind = cluster.kind("networking.istio.io/v1", "ServiceEntry", 0)
        listing = cluster.request("GET", kind.path("space"))
        return {item["metadata"]["name"]: item["spec"] for item in listing["items"]}

    @property
    def state(self) -> Path:
        return self.home.pulumi / "backend" / ".pulumi" / "stacks" / "small" / "dev.json"

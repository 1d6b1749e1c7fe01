"""Istio's own injector: istiod's webhook, with the charts' values of a plan, for an API server on this
machine."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from egress.layers.mesh.mesh_config import istiod_environment, istiod_values
from egress.plan.model import Plan
from tests.mesh.programs import Missing, executable

JSON = dict[str, Any]
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Injection:
    """What Istio's charts make of a plan's values: the template, the values that it sees, and the mesh's
    configuration."""

    config: str
    values: str
    mesh: str

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config", "values", "mesh"):
            (folder / name).write_text(getattr(self, name), encoding="utf-8")


def program(name: str) -> Path:
    """One of Istio's programs; raises Missing."""
    found = executable(name)
    if found is None:
        raise Missing(
            f"no {name} on PATH, in EGRESS_ISTIO_BIN or in the tools cache: docs/testing.md says where to "
            "get Istio's programs"
        )
    return found


def run(*words: str | Path) -> list[JSON]:
    done = subprocess.run(
        [program("istioctl"), *words], capture_output=True, encoding="utf-8", timeout=120, check=True
    )
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def injection(plan: Plan, folder: Path) -> Injection:
    """From the charts that istioctl carries."""
    values = istiod_values(plan)
    mesh = values.pop("meshConfig")
    # istioctl takes this one value from the component instead of from the chart's values.
    components = {"cni": {"enabled": values["pilot"]["cni"]["enabled"]}}
    spec = {"profile": "minimal", "meshConfig": mesh, "components": components, "values": values}
    operator = folder / "operator.yaml"
    operator.write_text(
        json.dumps({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}),
        encoding="utf-8",
    )
    made = {
        item["metadata"]["name"]: item["data"]
        for item in run("manifest", "generate", "-f", operator)
        if item["kind"] == "ConfigMap"
    }
    injector = made["istio-sidecar-injector"]
    return Injection(injector["config"], injector["values"], made["istio"]["mesh"])


def webhook(address: str, authority: str, selector: JSON) -> JSON:
    """The configuration that lets the API server ask an injector for pods of teams."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "injector"},
        "webhooks": [
            {
                "name": "injector.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                **selector,
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ],
                "clientConfig": {
                    "url": f"https://{address}/inject",
                    "caBundle": base64.b64encode(authority.encode()).decode(),
                },
            }
        ],
    }


@contextmanager
def serving(
    plan: Plan,
    folder: Path,
    kubeconfig: Path,
    certificates: Path,
    authority: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """istiod, injecting as the plan's charts would; yields its address. `certificates` has one for
    127.0.0.1."""
    ports = dict(zip(("http", "https", "grpc", "secureGRPC", "monitoring"), _free_ports(5), strict=True))
    made = injection(plan, folder)
    made.write(folder / "var/lib/istio/inject")
    words: list[str | Path] = [program("pilot-discovery"), "discovery", "--kubeconfig", kubeconfig]
    words += [
        "--meshConfig",
        folder / "var/lib/istio/inject/mesh",
        "--ctrlz_port",
        "0",
        "--shutdownDuration",
        "0s",
    ]
    words += [f"--{name}Addr=127.0.0.1:{port}" for name, port in ports.items()]
    words += ["--tlsCertFile", certificates / "apiserver.crt", "--tlsKeyFile", certificates / "apiserver.key"]
    (folder / "authority.pem").write_text(authority, encoding="utf-8")
    words += ["--caCertFile", folder / "authority.pem"]
    with (folder / "istiod.log").open("wb") as log:
        process = subprocess.Popen(
            words,
            cwd=folder,
            stdout=log,
            stderr=log,
            env={
                "PATH": os.environ["PATH"],
                "POD_NAME": "istiod-0",
                "POD_NAMESPACE": "istio-system",
                "CLUSTER_ID": "Kubernetes",
                "INJECTION_WEBHOOK_CONFIG_NAME": "",
                "VALIDATION_WEBHOOK_CONFIG_NAME": "",
                "ENABLE_LEADER_ELECTION": "false",
                **istiod_environment(plan),
                **(environment or {}),
            },
        )
    try:
        _await(process, ports["https"], authority, folder / "istiod.log")
        yield f"127.0.0.1:{ports['https']}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _await(process: subprocess.Popen[bytes], port: int, authority: str, log: Path) -> None:
    context = ssl.create_default_context(cadata=authority)
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 2) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return
        time.sleep(0.1)
    raise AssertionError(
        "istiod did not listen for pods to "
        f"inject:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}"
    )

"""Istiod, and for each pod an agent with its Envoy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mesh.cluster import Pod
from tests.mesh.netns import Namespace
from tests.mesh.processes import Process, ask, await_ready
from tests.mesh.programs import Programs

PROXY_UID = 1337
ADMIN_PORT = 15000
_STATUS_PORT = 15020
FAILED_HANDSHAKES = (
    "ssl.connection_error",
    "ssl.fail_verify_error",
    "ssl.fail_verify_no_cert",
    "ssl.fail_verify_san",
)
"""How the names of Envoy's statistics of failed handshakes end."""


class Istiod:
    """The mesh's control plane. A relay leads into its namespace, as the API server listens on this machine's
    127.0.0.1."""

    def __init__(
        self,
        programs: Programs,
        namespace: Namespace,
        folder: Path,
        kubeconfig: Path,
        endpoint: str,
        config: Mapping[str, Any],
        environment: Mapping[str, str],
    ) -> None:
        """`config` and `environment` are those that the stack gives to Istio's chart."""
        self.namespace = namespace
        self._relay = Relay(namespace, endpoint)
        folder.mkdir(exist_ok=True)  # it may be started again
        mesh = folder / "mesh.yaml"
        mesh.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        words = [
            str(programs.discovery),
            "discovery",
            "--kubeconfig",
            str(kubeconfig),
            "--meshConfig",
            str(mesh),
        ]
        self.process = Process(
            "istiod",
            namespace,
            [*words, "--caCertFile", "", "--keepaliveMaxServerConnectionAge", "1h"],
            folder,
            {
                **environment,
                "POD_NAME": "istiod-0",
                "POD_NAMESPACE": "istio-system",
                "CLUSTER_ID": "Kubernetes",
                "INJECT_ENABLED": "false",
                "VALIDATION_WEBHOOK_CONFIG_NAME": "",
                "ENABLE_LEADER_ELECTION": "false",
                # Filters that Istio's own build of Envoy has and the released Envoy has not.
                "PILOT_ENABLE_ALPN_FILTER": "false",
                "PILOT_ENABLE_METADATA_EXCHANGE": "false",
                "PILOT_ENABLE_AMBIENT": "false",
            },
        )

    def await_ready(self) -> None:
        await_ready(self.process, self.namespace, 8080, "/ready")

    def stop(self) -> None:
        self.process.stop()
        self._relay.close()


class Relay:
    """Listens at 127.0.0.1 inside a namespace and relays each connection to the same address outside of
    it."""

    def __init__(self, namespace: Namespace, endpoint: str) -> None:
        host, _, port = endpoint.partition(":")
        self._target = (host, int(port))
        self._listening = namespace.inside(lambda: socket.create_server(self._target, backlog=64))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listening.accept()
            except OSError:
                return  # closed
            try:
                outer = socket.create_connection(self._target, 10)
            except OSError:
                inner.close()
                continue
            outer.settimeout(None)
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Identity:
    """Files (PEM) with a workload's certificate, as someone who broke into the pod could copy them."""

    chain: Path
    key: Path
    root: Path


class Proxy:
    """A pod's agent and Envoy, running as the proxy's user."""

    def __init__(
        self,
        programs: Programs,
        pod: Pod,
        namespace: Namespace,
        folder: Path,
        token: str,
        root: str,
        defaults: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
        drain: str = "0s",
    ) -> None:
        """`programs` must be where the proxy's user can read them; `defaults` is the mesh's configuration of
        proxies, and `variables` what the namespace's ProxyConfig adds to the environment of the pod's agent
        and of its packet filters; `drain` is how long it goes on after it was asked to end."""
        self.pod, self.namespace, self._defaults, self._variables = (
            pod,
            namespace,
            defaults,
            dict(variables or {}),
        )
        self._drain = drain
        self.identity = Identity(
            *(folder / "stolen" / name for name in ("cert-chain.pem", "key.pem", "root-cert.pem"))
        )
        for path, content in {"tokens/istio-token": token, "istio/root-cert.pem": root}.items():
            file = folder / "var/run/secrets" / path
            file.parent.mkdir(parents=True)
            file.write_text(content, encoding="utf-8")
        self.identity.chain.parent.mkdir()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, PROXY_UID, PROXY_UID)
        if pod.proxy == "sidecar":
            self._redirect(programs.agent)
        domain = f"{pod.namespace}.svc.cluster.local"
        words = [
            str(programs.agent),
            "proxy",
            str(pod.proxy),
            "--domain",
            domain,
            "--templateFile",
            str(programs.bootstrap),
        ]
        self.process = Process(
            pod.key, namespace, words, folder, self._environment(programs.envoy), PROXY_UID
        )

    def _redirect(self, agent: Path) -> None:
        """Istio's own rules in the pod: connections go to the proxy, but for the proxy's own."""
        self.namespace.run(
            *(
                str(agent),
                "istio-iptables",
                "-p",
                "15001",
                "-z",
                "15006",
                "-u",
                str(PROXY_UID),
                "-m",
                "REDIRECT",
            ),
            *("-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"),
            *(["--redirect-dns"] if self._variables.get("ISTIO_META_DNS_CAPTURE") == "true" else []),
        )

    def _environment(self, envoy: Path) -> dict[str, str]:
        pod = self.pod
        config = {
            # As injection hands them over; the control plane reads them from what the proxy says of itself.
            **self._defaults,
            "proxyMetadata": {**self._defaults.get("proxyMetadata", {}), **pod.metadata},
            "binaryPath": str(envoy),
            "configPath": "./etc/istio/proxy",
            "discoveryAddress": "istiod.istio-system.svc:15012",
            "concurrency": 1,
            "fileFlushInterval": "0.05s",
            # Handshakes that fail leave no line in any log, but they are counted.
            "proxyStatsMatcher": {"inclusionSuffixes": list(FAILED_HANDSHAKES)},
            "statusPort": _STATUS_PORT,
            "terminationDrainDuration": self._drain,
        }
        return {
            "POD_NAME": pod.name,
            "POD_NAMESPACE": pod.namespace,
            "INSTANCE_IP": pod.address,
            "SERVICE_ACCOUNT": pod.service_account,
            "HOST_IP": "127.0.0.1",
            "CLOUD_PLATFORM": "none",  # the metadata server here knows no zone
            "TRUST_DOMAIN": "cluster.local",
            "CA_ADDR": "istiod.istio-system.svc:15012",
            "PEER_METADATA_DISCOVERY": "false",
            "OUTPUT_CERTS": str(self.identity.chain.parent),
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
            "ISTIO_META_WORKLOAD_NAME": pod.name.rpartition("-")[0],
            "ISTIO_METAJSON_LABELS": json.dumps(dict(pod.labels)),
            "PROXY_CONFIG": json.dumps(config),
            **self._variables,
        }

    def await_ready(self) -> None:
        await_ready(self.process, self.namespace, _STATUS_PORT, "/healthz/ready")

    def admin(self, path: str, method: str = "GET") -> str:
        """Envoy's administration interface."""
        status, body = ask(self.namespace, ADMIN_PORT, path, method)
        if status != 200:
            raise RuntimeError(f"{self.pod.key}: {path}: {status} {body[:300]!r}")
        return body.decode()

    def config(self) -> dict[str, Any]:
        """Everything that Envoy is configured with."""
        return json.loads(self.admin("/config_dump"))

    def stop(self) -> None:
        self.process.stop()


def copied(programs: Programs, folder: Path) -> Programs:
    """The proxy's programs where its user can read them: a cache or a venv below /root is closed to it."""
    folder.mkdir()
    own = {
        name: Path(shutil.copy(getattr(programs, name), folder)) for name in ("agent", "bootstrap", "envoy")
    }
    return Programs(programs.discovery, own["agent"], own["bootstrap"], own["envoy"], programs.istioctl)

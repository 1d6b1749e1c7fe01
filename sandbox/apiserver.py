"""The control plane of the sandbox's cluster: a real kube-apiserver on a real etcd, without nodes or
controllers.

What is real here: schemas, validation, CRDs with CEL, server-side apply, RBAC, admission policies. What is
missing: nothing runs a pod, fills an EndpointSlice, collects garbage, or finishes deleting a namespace. In a
cluster the controller manager finishes that; here, whoever deletes a namespace must also finalize it.

Both programs listen on this machine only, and go on running after the command that started them. Access: etcd
listens on a socket in a folder of mode 0700; the API server requires the token that is in that folder.
"""

from __future__ import annotations

import base64
import fcntl
import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import tools
from sandbox.daemon import Daemon
from sandbox.gke_kinds import DEFINITIONS, OBJECTS
from sandbox.home import Home

_HOST = "127.0.0.1"
_SERVICES = "10.2.0.0/20"  # the service range of the tutorial's subnet
_READY_SECONDS = 120.0  # 5 s on an idle machine; the rest is for a busy one
_BUSY_SECONDS = 20.0  # what runs but does not answer gets this long: it may be starting, or the machine busy
_POLL_SECONDS = 0.1
_PORT_ATTEMPTS = 3
_CERTIFICATE_DAYS = 300  # kube-apiserver makes them for 365; older ones are replaced at the next start
_ADDRESS = ("port", "certificates", "token")
"""What a client knows of the server: where it is, whom it trusts, what it shows."""
_ETCD_SOCKET = "unix://localhost:0"  # etcd's way to say: socket file `localhost:0` in the working directory
_PEER_SOCKET = "unix://localhost:1"


class ApiServerError(RuntimeError):
    """The API server did not start or is not there. The message holds the end of its log and what to do."""


class ApiServer:
    """The API server of one sandbox home. Any process may make one of these and finds the same server."""

    def __init__(self, home: Home) -> None:
        self._folder = home.apiserver
        self._lock = home.root / "apiserver.lock"
        self._address = home.address
        self._data = self._folder / "etcd"
        self._certificates = self._folder / "certificates"
        self._etcd = Daemon("etcd", self._folder, f"--data-dir={self._data}")
        self._server = Daemon("kube-apiserver", self._folder, f"--cert-dir={self._certificates}")

    # ---- what clients need

    @property
    def endpoint(self) -> str:
        """Host and port, as Google returns a cluster's endpoint."""
        return f"{_HOST}:{self._read('port')}"

    @property
    def url(self) -> str:
        return f"https://{self.endpoint}"

    @property
    def ca_pem(self) -> str:
        """The certificate authority that signed the server's certificate."""
        chain = self._read("certificates/apiserver.crt")
        return chain[
            chain.rindex("-----BEGIN CERTIFICATE-----") :
        ]  # the server's own comes first, its issuer last

    @property
    def born(self) -> str | None:
        """An identifier that tells this cluster from an earlier one at the same address; None where there
        is no cluster."""
        try:
            return self._read("born")
        except ApiServerError:
            return None

    @property
    def token(self) -> str:
        """A secret: the administrator's bearer token."""
        return self._read("token")

    @property
    def kubeconfig(self) -> Path:
        """For people: `kubectl --kubeconfig <this>`. Rewritten at every start."""
        return self._folder / "kubeconfig"

    # ---- life

    def running(self) -> bool:
        """Whether both programs run and the server, known by its own certificate, says it is ready."""
        return self._alive() and self._ready()

    def start(self) -> None:
        """Make sure that the API server runs, is ready, and has what GKE puts into every cluster. Returns at
        once if so, else within seconds.

        Safe to call from several processes: one starts it, the others wait for it. What an earlier start left
        behind when it was killed is used if it becomes ready, and replaced if not. Raises ApiServerError with
        the end of the log.
        """
        self._start()
        for definition in DEFINITIONS:
            self._put("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        for path, item in OBJECTS.items():
            self._put(path, item)

    def _put(self, path: str, item: dict[str, Any]) -> None:
        """Create it if it is not there. A kind is served a moment after it was defined."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while (status := self._ask("POST", path, item)) not in (201, 409):  # 409: it has been there
            if status != 404 or time.monotonic() > deadline:
                name = item["metadata"]["name"]
                raise ApiServerError(f"{name} was not accepted ({status}); run this again")
            time.sleep(_POLL_SECONDS)

    def _start(self) -> None:
        if self.running():
            return
        executables = tools.ensure("etcd", "kube-apiserver")
        with self._locked():
            if self._alive() and self._await_ready(_BUSY_SECONDS) is None:
                self._write("kubeconfig", self._kubeconfig())
                return
            for attempt in range(1, _PORT_ATTEMPTS + 1):
                self._stop()
                self._prepare()
                self._launch(executables)
                failed = self._await_ready(_READY_SECONDS)
                if failed is None:
                    self._write("kubeconfig", self._kubeconfig())
                    return
                tail = failed.log_tail()
                self._stop()
                if "address already in use" not in tail or attempt == _PORT_ATTEMPTS:
                    raise ApiServerError(
                        f"{failed.name} did not get ready, so there is no cluster to deploy to. "
                        f"The end of {failed.log}:\n{tail}\n"
                        "If the data is damaged (a power cut), `make clean` starts over; else run this again"
                    )

    def stop(self) -> None:
        """Stop both programs and keep the data. Never touches a process that is not this sandbox's own."""
        with self._locked():
            self._stop()

    def wipe(self, keep_address: bool = False) -> None:
        """Stop it and delete everything it knew.

        Args:
            keep_address: keep the port, the certificate authority and the token, so that stacks which hold a
                kubeconfig of it find the next cluster there. Otherwise they go as well.
        """
        with self._locked():
            self._stop(patience=0.0)  # nothing of it is kept, so there is nothing to put in order
            shutil.rmtree(self._address, ignore_errors=True)
            if keep_address:
                self._address.mkdir(mode=0o700, parents=True)
                for name in _ADDRESS:
                    if (self._folder / name).exists():
                        (self._folder / name).rename(self._address / name)
            if self._folder.exists():
                shutil.rmtree(self._folder)

    def define_secret_sync(self) -> None:
        """Serve the kinds that GKE defines where it copies secrets from Secret Manager."""
        # Here, so that `clean` needs no installed package.
        from sandbox.kubernetes import secret_sync
        from sandbox.kubernetes.cluster import Cluster

        secret_sync.define(Cluster(self.url, self.token, self.ca_pem))

    # ---- inside

    def _stop(self, patience: float = 10.0) -> None:
        # without its etcd the API server would try in vain to say goodbye; it keeps nothing itself
        self._server.stop(patience if self._etcd.pid() is not None else 0.0)
        self._etcd.stop(patience)

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        if not self._data.exists():
            for name in _ADDRESS:
                if (self._address / name).exists() and not (self._folder / name).exists():
                    (self._address / name).rename(self._folder / name)
            self._write("born", secrets.token_hex(8))
        for name in ("localhost:0", "localhost:1"):
            (self._folder / name).unlink(missing_ok=True)  # sockets of an etcd that was killed
        made = self._certificates / "apiserver.crt"
        if made.exists() and time.time() - made.stat().st_mtime > _CERTIFICATE_DAYS * 86400:
            shutil.rmtree(self._certificates)
        if not (self._folder / "token").exists():
            self._write("token", secrets.token_hex(32))
        self._write("tokens.csv", f'{self.token},sandbox-admin,sandbox-admin,"system:masters"\n')
        self._write("port", str(_free_port(self._recorded_port())))

    def _launch(self, executables: dict[str, Path]) -> None:
        etcd: list[str | Path] = [
            executables["etcd"],
            "--name=sandbox",
            f"--data-dir={self._data}",
            f"--listen-client-urls={_ETCD_SOCKET}",
            f"--advertise-client-urls={_ETCD_SOCKET}",
            f"--listen-peer-urls={_PEER_SOCKET}",
            f"--initial-advertise-peer-urls={_PEER_SOCKET}",
            f"--initial-cluster=sandbox={_PEER_SOCKET}",
            # Syncing every write to disk guards against power cuts, which a sandbox that is rebuilt in a
            # minute can bear, and costs seconds on slow disks. Killed processes lose nothing by it.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        key = self._certificates / "apiserver.key"
        server: list[str | Path] = [
            executables["kube-apiserver"],
            f"--etcd-servers={_ETCD_SOCKET}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self._read('port')}",
            # A loopback address is no endpoint for pods, and it would say so forever.
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self._certificates}",  # it makes its own authority, certificate and key there
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={_SERVICES}",
            "--allow-privileged=true",  # as on GKE
            # without a controller manager no namespace gets its default service account, which it would
            # demand of pods
            "--disable-admission-plugins=ServiceAccount",
        ]
        # etcd also reads ETCD_* from the environment, where another etcd's settings may lie
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        self._etcd.start(etcd, environment)
        self._server.start(server, environment)

    def _alive(self) -> bool:
        return self._etcd.pid() is not None and self._server.pid() is not None

    def _await_ready(self, seconds: float) -> Daemon | None:
        """Wait until the API server is ready. Returns None, or the program to blame when it does not
        become ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for program in (self._etcd, self._server):
                if program.pid() is None:
                    return program
            if self._ready():
                return None
            time.sleep(_POLL_SECONDS)
        return self._server

    def _ready(self) -> bool:
        """Ready to create objects: its own checks pass and the namespaces that everything needs exist."""
        paths = ("/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system")
        return all(self._ask("GET", path) == 200 for path in paths)

    def _ask(self, method: str, path: str, body: object = None) -> int | None:
        """The status of a request as administrator; None if there is no answer, or one from somebody else's
        server."""
        try:
            context = ssl.create_default_context(cadata=self.ca_pem)
            host, _, port = self.endpoint.partition(":")
            connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
            try:
                headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
                connection.request(method, path, json.dumps(body) if body else None, headers)
                return connection.getresponse().status
            finally:
                connection.close()
        except (ApiServerError, OSError, http.client.HTTPException, ValueError):
            return None

    def _recorded_port(self) -> int:
        """The port of the last start; 0 if there was none. Kept where possible, so that an endpoint does not
        change."""
        try:
            return int(self._read("port"))
        except (ApiServerError, ValueError):
            return 0

    def _kubeconfig(self) -> str:
        """As JSON, which is YAML."""
        authority = base64.b64encode(self.ca_pem.encode()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sandbox",
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "admin"}}],
            "clusters": [
                {"name": "sandbox", "cluster": {"server": self.url, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "admin", "user": {"token": self.token}}],
        }
        return json.dumps(config, indent=2) + "\n"

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ApiServerError(
                f"there is no API server in {self._folder}; start() makes one (`make up`)"
            ) from None

    def _write(self, name: str, content: str) -> None:
        """Write a file only its owner may read, whole or not at all."""
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(content)
        new.replace(self._folder / name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts, stops or wipes; the system drops the lock when its holder dies."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _free_port(preferred: int) -> int:
    """The preferred port if nobody has it, else any free one (0: no preference)."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ApiServerError("no free port on 127.0.0.1")

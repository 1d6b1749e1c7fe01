"""An engine of a few lines, which talks to the stand-in for Google Cloud as the real one does: over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.google.cloud import Cloud
from sandbox.google.server import serve
from sandbox.provider import wire
from tests.sandbox.google_resources import APIS, PROJECT, SERVICE, TUTORIAL


@dataclass(frozen=True)
class Folder:
    """A home with nothing but the cloud in it."""

    root: Path

    @property
    def google(self) -> Path:
        return self.root / "google"


@dataclass
class FakeApiServer:
    """Remembers what was asked of it."""

    endpoint: str = "127.0.0.1:6443"
    ca_pem: str = "-----BEGIN CERTIFICATE-----"
    calls: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.calls.append("start")

    def wipe(self, keep_address: bool = False) -> None:
        self.calls.append("wipe")

    def define_secret_sync(self) -> None:
        self.calls.append("secret sync")

    def of(self, cluster: str) -> FakeApiServer:
        """It stands in for those of every cluster."""
        return self

    def own(self, cluster: str) -> None:
        pass


@dataclass
class Made:
    """A resource in the engine's state."""

    token: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def urn(token: str, name: str) -> str:
    """The URN of a resource of the tests' stack."""
    return f"urn:pulumi:dev::tests::{token}::{name}"


class Engine:
    """The calls that the engine makes, in its order."""

    def __init__(self, port: int, home: Folder, apiserver: FakeApiServer) -> None:
        # a connection of its own, as each provider of a program has
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self.port = port
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.apiserver = apiserver
        self.cloud = Cloud(home)
        self.configure()

    def close(self) -> None:
        self._channel.close()

    def configure(
        self, project: str = PROJECT, region: str = "europe-west1", zone: str = "europe-west1-b"
    ) -> None:
        given = {"project": project, "region": region, "zone": zone}
        self.stub.Configure(provider_pb2.ConfigureRequest(args=wire.write(given)))

    def check(
        self, token: str, inputs: dict[str, Any], name: str = "it", olds: dict[str, Any] | None = None
    ) -> Any:
        request = provider_pb2.CheckRequest(
            urn=urn(token, name),
            news=wire.write(inputs),
            olds=wire.write(olds or {}),
            randomSeed=b"\x01\x02\x03\x04",
        )
        return self.stub.Check(request)

    def refusals(self, token: str, inputs: dict[str, Any]) -> list[str]:
        """What is said against these inputs at preview."""
        return [failure.reason for failure in self.check(token, inputs).failures]

    def create(self, token: str, inputs: dict[str, Any], name: str = "") -> Made:
        checked = self.check(token, inputs, name or "it")
        assert not checked.failures, [failure.reason for failure in checked.failures]
        name = name or str(inputs.get("name", "it"))
        answer = self.stub.Create(provider_pb2.CreateRequest(urn=urn(token, name), properties=checked.inputs))
        return Made(token, name, answer.id, wire.read(checked.inputs), wire.read(answer.properties))

    def preview(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.CreateRequest(
            urn=urn(token, "it"), properties=wire.write(inputs), preview=True
        )
        return wire.read(self.stub.Create(request).properties)

    def diff(self, made: Made, inputs: dict[str, Any]) -> Any:
        checked = self.check(made.token, inputs, made.name, made.inputs)
        assert not checked.failures, [failure.reason for failure in checked.failures]
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=made.id,
                urn=urn(made.token, made.name),
                olds=wire.write(made.outputs),
                old_inputs=wire.write(made.inputs),
                news=checked.inputs,
            )
        )

    def update(self, made: Made, inputs: dict[str, Any]) -> Made:
        request = provider_pb2.UpdateRequest(
            id=made.id, urn=urn(made.token, made.name), olds=wire.write(made.outputs), news=wire.write(inputs)
        )
        return Made(made.token, made.name, made.id, inputs, wire.read(self.stub.Update(request).properties))

    def read(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            id=made.id,
            urn=urn(made.token, made.name),
            properties=wire.write(made.outputs),
            inputs=wire.write(made.inputs),
        )
        answer = self.stub.Read(request)
        if not answer.id:
            return None
        return Made(made.token, made.name, answer.id, wire.read(answer.inputs), wire.read(answer.properties))

    def delete(self, made: Made) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id=made.id, urn=urn(made.token, made.name)))

    def enable(self, *names: str) -> None:
        for name in names or APIS:
            self.create(SERVICE, {"service": f"{name}.googleapis.com"}, name)


@contextmanager
def sandbox(root: Path) -> Iterator[Engine]:
    """A served stand-in over a folder; the folder outlives it."""
    home, apiserver = Folder(root), FakeApiServer()
    server, port = serve(home, apiserver)
    engine = Engine(port, home, apiserver)
    try:
        yield engine
    finally:
        engine.close()
        server.stop(None).wait()


def build(engine: Engine, last: str = "") -> dict[str, Made]:
    """Enable the APIs and create the tutorial's resources, up to and including the type `last`."""
    engine.enable()
    made: dict[str, Made] = {}
    for token, inputs in TUTORIAL:
        made[token] = engine.create(token, inputs)
        if token == last:
            break
    return made


def refused(action: Any, *words: str, code: grpc.StatusCode | None = None) -> str:
    """The words of a refusal: run what must be refused, and find `words` in it."""
    with pytest.raises(grpc.RpcError) as caught:
        action()
    refusal: str = caught.value.details()  # type: ignore[attr-defined]
    for word in words:
        assert word in refusal
    if code:
        assert caught.value.code() == code  # type: ignore[attr-defined]
    return refusal

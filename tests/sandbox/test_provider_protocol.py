"""What both stand-in providers answer alike, over gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.apiservers import ApiServers
from sandbox.google.server import GoogleProvider
from sandbox.home import Home
from sandbox.kubernetes.server import KubernetesProvider
from sandbox.provider import protocol, wire
from tests.sandbox.kubeconfigs import SERVER, config

Stub = provider_pb2_grpc.ResourceProviderStub
PROVIDERS = {"google": GoogleProvider.VERSION, "kubernetes": KubernetesProvider.VERSION}


@pytest.fixture(params=PROVIDERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Stub]]:
    """The name of a provider, and a connection to it."""
    home = Home(tmp_path)
    provider = (
        GoogleProvider(home, ApiServers(home))
        if request.param == "google"
        else KubernetesProvider(ApiServers(home))
    )
    server, port = protocol.serve(provider, 2)
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield request.param, Stub(channel)
    server.stop(None)


def test_the_engine_is_greeted_and_asked_for_plain_values(served: tuple[str, Stub]) -> None:
    name, stub = served
    answer = stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert answer == provider_pb2.ProviderHandshakeResponse()  # accepts neither secrets nor outputs
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == PROVIDERS[name]
    assert stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1")) == empty_pb2.Empty()
    assert stub.Cancel(empty_pb2.Empty()) == empty_pb2.Empty()


def test_a_changed_setting_is_named_and_one_that_is_null_is_as_one_that_is_missing(
    served: tuple[str, Stub],
) -> None:
    _, stub = served

    def diff(old: dict[str, Any], new: dict[str, Any]) -> Any:
        return stub.DiffConfig(provider_pb2.DiffRequest(old_inputs=wire.write(old), news=wire.write(new)))

    assert diff({"a": "1"}, {"a": "1", "b": None}).changes == provider_pb2.DiffResponse.DIFF_NONE
    changed = diff({"a": "1", "c": "1"}, {"a": "2", "b": "1", "c": "1"})
    assert changed.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert (list(changed.diffs), list(changed.replaces)) == (["a", "b"], [])


def test_a_refusal_reaches_the_engine_in_its_own_words_and_without_a_stack(served: tuple[str, Stub]) -> None:
    name, stub = served
    urn = {"google": "gcp:sql/user:User", "kubernetes": "kubernetes:core/v1:ConfigMap"}[name]
    request = provider_pb2.CreateRequest(urn=f"urn:pulumi:dev::project::parent:a:B${urn}::it")
    with pytest.raises(grpc.RpcError) as caught:
        stub.Create(request)
    words: str = caught.value.details()  # type: ignore[attr-defined]
    assert {"google": "does not know gcp:sql/user:User", "kubernetes": "is unreachable"}[name] in words
    assert "Traceback" not in words
    assert "Exception calling application" not in words


def test_a_mistake_in_a_provider_is_not_told_as_a_refusal(served: tuple[str, Stub]) -> None:
    _, stub = served
    with pytest.raises(grpc.RpcError, match="Exception calling application"):
        stub.Create(provider_pb2.CreateRequest(urn="no URN"))


def test_the_type_of_a_resource_is_the_last_of_its_chain() -> None:
    chain = "urn:pulumi:dev::project::a:b:C$gcp:compute/network:Network::name::with::colons"
    assert protocol.token(chain) == "gcp:compute/network:Network"
    assert protocol.token("urn:pulumi:dev::project::a:b:C::name") == "a:b:C"


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Stub]:
    """A connection to the kubernetes provider."""
    server, port = protocol.serve(KubernetesProvider(ApiServers(Home(tmp_path))), 1)
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield Stub(channel)
    server.stop(None)


def test_settings_that_the_kubernetes_provider_does_not_compare(kubernetes: Stub) -> None:
    kubeconfig = json.dumps(config())
    request = provider_pb2.DiffRequest(
        old_inputs=wire.write({"kubeconfig": kubeconfig, "version": "1"}),
        news=wire.write({"kubeconfig": kubeconfig, "version": "2"}),
    )
    assert kubernetes.DiffConfig(request).changes == provider_pb2.DiffResponse.DIFF_NONE


HERE, ELSEWHERE = json.dumps(config()), json.dumps(config("https://127.0.0.1:7000"))
ANOTHER_AUTHORITY = json.dumps(
    config()
    | {"clusters": [{"name": "gke", "cluster": {"server": SERVER, "certificate-authority-data": ""}}]}
)


@pytest.mark.parametrize(
    ("old", "new", "replaced_by"),
    [
        ({"kubeconfig": HERE}, {"kubeconfig": ELSEWHERE}, ["kubeconfig"]),
        ({"kubeconfig": HERE}, {"kubeconfig": ANOTHER_AUTHORITY}, ["kubeconfig"]),
        ({"kubeconfig": HERE}, {"kubeconfig": wire.UNKNOWN}, ["kubeconfig"]),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "one"},
            {"kubeconfig": ELSEWHERE, "clusterIdentifier": "one"},
            [],
        ),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "one"},
            {"kubeconfig": wire.UNKNOWN, "clusterIdentifier": "one"},
            [],
        ),
        ({"kubeconfig": HERE}, {"kubeconfig": HERE, "clusterIdentifier": "one"}, []),
        ({"kubeconfig": HERE, "clusterIdentifier": "one"}, {"kubeconfig": HERE}, []),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "one"},
            {"kubeconfig": HERE, "clusterIdentifier": "two"},
            ["clusterIdentifier"],
        ),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "one"},
            {"kubeconfig": HERE, "clusterIdentifier": wire.UNKNOWN},
            ["clusterIdentifier"],
        ),
        ({"kubeconfig": HERE}, {"kubeconfig": HERE, "upsertExistingObjects": True}, []),
    ],
)
def test_what_the_kubernetes_provider_takes_for_another_cluster(
    kubernetes: Stub, old: dict[str, Any], new: dict[str, Any], replaced_by: list[str]
) -> None:
    """As the real one does: everything in the one is then made anew in the other."""
    answer = kubernetes.DiffConfig(provider_pb2.DiffRequest(old_inputs=wire.write(old), news=wire.write(new)))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == replaced_by

"""The stand-in for the kubernetes provider over gRPC, as the engine meets it, without an API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.apiservers import ApiServers
from sandbox.home import Home
from sandbox.kubernetes.server import serve
from sandbox.provider import wire
from tests.sandbox.kubeconfigs import SERVER, config

Provider = provider_pb2_grpc.ResourceProviderStub
DEPLOYMENT = "urn:pulumi:dev::project::kubernetes:apps/v1:Deployment::app"


@pytest.fixture(name="provider")
def _provider(tmp_path: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The provider over gRPC, as the engine meets it, with no API server behind it."""
    server, port = serve(ApiServers(Home(tmp_path)))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None)


def deployment(**spec: Any) -> struct_pb2.Struct:
    return wire.write(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "n"},
            "spec": spec,
        }
    )


def test_a_kubeconfig_is_required_and_judged_when_it_is_known(provider: Provider) -> None:
    def failures(**news: Any) -> int:
        return len(provider.CheckConfig(provider_pb2.CheckRequest(news=wire.write(news))).failures)

    assert failures() == 1
    assert failures(kubeconfig="- wrong") == 1
    assert failures(kubeconfig=wire.UNKNOWN) == 0
    assert failures(kubeconfig=json.dumps(config())) == 0


def test_another_server_means_another_cluster(provider: Provider) -> None:
    def diff(server: str, **more: Any) -> Any:
        old = wire.write({"kubeconfig": json.dumps(config())})
        new = wire.write({"kubeconfig": json.dumps(config(server))} | more)
        return provider.DiffConfig(provider_pb2.DiffRequest(old_inputs=old, olds=old, news=new))

    assert diff(SERVER).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(diff(SERVER, enableServerSideApply="true").replaces) == []
    assert list(diff("https://127.0.0.1:7777").replaces) == ["kubeconfig"]


def test_before_the_cluster_exists_a_preview_echoes(provider: Provider) -> None:
    provider.Configure(provider_pb2.ConfigureRequest(args=wire.write({"kubeconfig": wire.UNKNOWN})))
    inputs = deployment(replicas=2)
    checked = provider.Check(provider_pb2.CheckRequest(urn=DEPLOYMENT, news=inputs))
    assert checked.inputs == inputs
    made = provider.Create(provider_pb2.CreateRequest(urn=DEPLOYMENT, properties=inputs, preview=True))
    assert (made.id, made.properties) == ("", inputs)


def test_without_a_cluster_nothing_is_created_or_deleted(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.Configure(provider_pb2.ConfigureRequest(args=wire.write({"kubeconfig": json.dumps(config())})))
    with pytest.raises(grpc.RpcError, match="cluster is unreachable"):
        provider.Create(provider_pb2.CreateRequest(urn=DEPLOYMENT, properties=deployment()))
    gone = provider_pb2.DeleteRequest(id="n/a", urn=DEPLOYMENT)
    with pytest.raises(grpc.RpcError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
        provider.Delete(gone)
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    provider.Delete(gone)


def test_a_difference_tells_the_path_and_whether_the_object_is_replaced(provider: Provider) -> None:
    def diff(old: struct_pb2.Struct, new: struct_pb2.Struct) -> Any:
        return provider.Diff(provider_pb2.DiffRequest(urn=DEPLOYMENT, old_inputs=old, news=new))

    scaled = diff(deployment(replicas=1), deployment(replicas=2))
    assert dict(scaled.detailedDiff).keys() == {"spec.replicas"}
    assert (list(scaled.diffs), list(scaled.replaces)) == (["spec"], [])
    moved = diff(deployment(selector={"a": 1}), deployment(selector={"a": 2}))
    assert list(moved.replaces) == ["spec"]
    assert moved.deleteBeforeReplace  # the name stays, so the new one can only come second
    assert diff(deployment(), deployment()).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_missing_name_is_refused_at_preview(provider: Provider) -> None:
    answer = provider.Check(provider_pb2.CheckRequest(urn=DEPLOYMENT, news=wire.write({"metadata": {}})))
    assert "metadata.name is missing" in answer.failures[0].reason


def test_functions_and_components_are_refused_in_words(provider: Provider) -> None:
    with pytest.raises(grpc.RpcError, match="not part of the sandbox"):
        provider.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode"))
    with pytest.raises(grpc.RpcError, match=r"helm\.v3\.Release"):
        provider.Construct(provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart"))

"""The stand-in for the kubernetes provider, without an API server: what it checks, compares and refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.apiserver import ApiServer
from sandbox.home import Home
from sandbox.kubernetes import kubeconfig, manifest, release, wire
from sandbox.kubernetes.server import serve

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
SERVER = "https://127.0.0.1:6443"
DEPLOYMENT = "urn:pulumi:dev::project::kubernetes:apps/v1:Deployment::app"

names = st.text("abcxyz-._/", min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=4)


def config(server: str = SERVER, **user: Any) -> dict[str, Any]:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": kubeconfig.PLUGIN}
    authority = base64.b64encode(CERTIFICATE.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gke",
        "contexts": [{"name": "gke", "context": {"cluster": "gke", "user": "me"}}],
        "clusters": [{"name": "gke", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "me", "user": user or {"exec": plugin}}],
    }


class TestWire:
    @given(objects)
    def test_what_goes_over_the_wire_comes_back(self, value: dict[str, Any]) -> None:
        assert wire.plain(wire.struct(value)) == value

    def test_numbers_that_are_whole_are_whole(self) -> None:
        back = wire.plain(wire.struct({"port": 80, "weight": 0.5}))
        assert (type(back["port"]), type(back["weight"])) == (int, float)

    def test_a_secret_arrives_as_its_value(self) -> None:
        assert wire.plain(wire.struct({"data": wire.secret({"a": "b"})})) == {"data": {"a": "b"}}

    def test_unknown_values_of_every_type_are_unknown(self) -> None:
        boolean = "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"
        assert wire.has_unknown(wire.plain(wire.struct({"spec": [{"enabled": boolean}]})))
        assert not wire.has_unknown({"spec": [{"enabled": True}]})


class TestKubeconfig:
    def test_the_current_context_is_the_target(self) -> None:
        assert kubeconfig.parse(json.dumps(config())) == kubeconfig.Target(SERVER, CERTIFICATE)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"current-context": "other"}, "no context named 'other'"),
            ({"clusters": []}, "no cluster named 'gke'"),
            ({"users": [{"name": "me", "user": {"token": "secret"}}]}, "not the exec plugin"),
            (
                {"clusters": [{"name": "gke", "cluster": {"server": "http://10.0.0.1"}}]},
                "no https:// address",
            ),
            (
                {
                    "clusters": [
                        {"name": "gke", "cluster": {"server": SERVER, "insecure-skip-tls-verify": True}}
                    ]
                },
                "insecure-skip-tls-verify",
            ),
            (
                {
                    "clusters": [
                        {"name": "gke", "cluster": {"server": SERVER, "certificate-authority-data": "bm8="}}
                    ]
                },
                "not a PEM certificate",
            ),
        ],
    )
    def test_what_could_not_work_is_refused(self, change: dict[str, Any], says: str) -> None:
        with pytest.raises(kubeconfig.KubeconfigError, match=says):
            kubeconfig.parse(json.dumps(config() | change))

    def test_an_older_plugin_protocol_is_refused(self) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": kubeconfig.PLUGIN}
        with pytest.raises(kubeconfig.KubeconfigError, match="v1beta1 only"):
            kubeconfig.parse(json.dumps(config(exec=plugin)))

    @pytest.mark.parametrize("text", ["- a list", "{unclosed", "/home/me/.kube/config"])
    def test_what_is_no_kubeconfig_is_refused(self, text: str) -> None:
        with pytest.raises(kubeconfig.KubeconfigError):
            kubeconfig.parse(text)

    def test_any_other_cluster_is_refused(self) -> None:
        with pytest.raises(kubeconfig.KubeconfigError, match="talks to no other cluster"):
            kubeconfig.require_sandbox(kubeconfig.Target("https://34.1.2.3", None), SERVER)


class TestChanges:
    @given(objects)
    def test_nothing_changes_between_equal_manifests(self, value: dict[str, Any]) -> None:
        assert list(manifest.changes(value, value)) == []

    @given(objects, objects)
    def test_different_manifests_differ(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        assert bool(list(manifest.changes(old, new))) == (wire.struct(old) != wire.struct(new))

    def test_the_deepest_path_is_named(self) -> None:
        old = {"spec": {"ports": [{"port": 80}], "selector": {"app.kubernetes.io/name": "a"}}, "x": 1}
        new = {"spec": {"ports": [{"port": 81}], "selector": {"app.kubernetes.io/name": "b"}}, "y": 1}
        assert {str(change): change.how for change in manifest.changes(old, new)} == {
            "spec.ports[0].port": "update",
            'spec.selector["app.kubernetes.io/name"]': "update",
            "x": "delete",
            "y": "add",
        }

    @pytest.mark.parametrize(
        ("api_version", "kind", "old", "new", "replaced"),
        [
            (
                "apps/v1",
                "Deployment",
                {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
                {"spec": {"selector": {}}},
                True,
            ),
            ("apps/v1", "Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, False),
            ("v1", "Service", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {"clusterIP": "10.0.0.2"}}, True),
            ("v1", "Service", {"spec": {"ports": []}}, {"spec": {}}, False),
            ("v1", "ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, True),
            ("batch/v1", "Job", {"spec": {"template": {"x": 1}}}, {"spec": {"template": {"x": 2}}}, True),
            (
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                {"roleRef": {"name": "a"}},
                {"roleRef": {"name": "b"}},
                True,
            ),
            ("v1", "Namespace", {"metadata": {"labels": {}}}, {"metadata": {"labels": {"a": "b"}}}, False),
            ("v1", "Namespace", {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, True),
            ("v1", "Service", {"metadata": {"namespace": "a"}}, {"metadata": {"namespace": "b"}}, True),
            ("v1", "Service", {"metadata": {}}, {"metadata": {"namespace": "default"}}, False),
        ],
    )
    def test_what_cannot_be_changed_in_place_is_replaced(
        self, api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any], replaced: bool
    ) -> None:
        of_kind = {"apiVersion": api_version, "kind": kind}
        found = [
            manifest.replaces(c, of_kind | old, of_kind | new, frozenset())
            for c in manifest.changes(old, new)
        ]
        assert found
        assert any(found) is replaced

    def test_config_maps_may_be_made_mutable_by_the_provider(self) -> None:
        old, new = ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": value}} for value in "12")
        (change,) = manifest.changes(old, new)
        assert not manifest.replaces(change, old, new, frozenset({"ConfigMap"}))
        assert manifest.replaces(change, old, new | {"immutable": True}, frozenset({"ConfigMap"}))


class TestDrift:
    @given(objects, objects)
    def test_an_unchanged_object_has_not_drifted(self, inputs: dict[str, Any], live: dict[str, Any]) -> None:
        assert manifest.with_drift(inputs, live, live) == inputs

    @given(objects, objects, objects)
    def test_only_what_the_inputs_state_is_ever_found(
        self, inputs: dict[str, Any], then: dict[str, Any], now: dict[str, Any]
    ) -> None:
        assert manifest.with_drift(inputs, then, now).keys() <= inputs.keys()

    def test_the_servers_own_spelling_is_no_drift(self) -> None:
        inputs = {"cpu": "1000m", "egress": []}
        assert manifest.with_drift(inputs, {"cpu": "1", "other": 1}, {"cpu": "1", "other": 2}) == inputs

    def test_a_changed_a_removed_and_a_lengthened_value_are_drift(self) -> None:
        inputs = {"replicas": 2, "labels": {"a": "b", "c": "d"}, "ports": [{"port": 80}]}
        then = {"replicas": 2, "labels": {"a": "b", "c": "d"}, "ports": [{"port": 80, "protocol": "TCP"}]}
        now = {"replicas": 3, "labels": {"c": "d", "foreign": "x"}, "ports": [*then["ports"], {"port": 22}]}
        assert manifest.with_drift(inputs, then, now) == {
            "replicas": 3,
            "labels": {"c": "d"},
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 22}],
        }

    def test_a_secret_stated_as_text_is_compared_as_text(self) -> None:
        def live(text: str) -> dict[str, Any]:
            return {"kind": "Secret", "data": {"key": base64.b64encode(text.encode()).decode()}}

        inputs = {"kind": "Secret", "stringData": {"key": "old"}}
        assert manifest.drifted(inputs, live("old"), live("old")) == inputs
        assert manifest.drifted(inputs, live("old"), live("new"))["stringData"] == {"key": "new"}

    def test_an_object_never_seen_before_has_not_drifted(self) -> None:
        assert manifest.drifted({"spec": {"a": 1}}, {}, {"spec": {"a": 1, "b": 2}}) == {"spec": {"a": 1}}


class TestManifests:
    @pytest.mark.parametrize(
        ("token", "inputs", "says"),
        [
            ("kubernetes:core/v1:Service", {"metadata": {}}, "metadata.name is missing"),
            (
                "kubernetes:core/v1:Service",
                {"kind": "Pod", "metadata": {"name": "a"}},
                "contradicts the type",
            ),
            ("kubernetes:core/v1:NamespacePatch", {"metadata": {"name": "a"}}, "patch and list resources"),
            ("kubernetes:yaml:ConfigFile", {}, "no Kubernetes resource type"),
        ],
    )
    def test_what_no_api_server_could_take_is_refused(
        self, token: str, inputs: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(manifest.ManifestError, match=says):
            manifest.complete(token, inputs)

    @pytest.mark.parametrize(
        ("inputs", "says"),
        [
            ({"chart": "base", "version": "1"}, "name is missing"),
            (
                {"name": "a", "chart": "nginx", "version": "1", "repositoryOpts": {"repo": "https://x"}},
                "Istio's charts only",
            ),
            ({"name": "a", "chart": "base", "version": "1"}, "without repositoryOpts.repo"),
            ({"name": "a", "chart": "base", "repositoryOpts": {"repo": "https://x"}}, "version is missing"),
        ],
    )
    def test_releases_helm_or_the_sandbox_could_not_install_are_refused(
        self, inputs: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(manifest.ManifestError, match=says):
            release.check(inputs)

    def test_a_release_from_a_registry_needs_no_repository(self) -> None:
        release.check({"name": "a", "chart": "oci://registry.example/charts/istiod", "version": "1"})


@pytest.fixture(name="provider")
def _provider(tmp_path: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The provider over gRPC, as the engine meets it, with no API server behind it."""
    server, port = serve(ApiServer(Home(tmp_path)))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None)


def deployment(**spec: Any) -> struct_pb2.Struct:
    return wire.struct(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "n"},
            "spec": spec,
        }
    )


class TestProvider:
    def test_a_kubeconfig_is_required_and_judged_when_it_is_known(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        def failures(**news: Any) -> int:
            return len(provider.CheckConfig(provider_pb2.CheckRequest(news=wire.struct(news))).failures)

        assert failures() == 1
        assert failures(kubeconfig="- wrong") == 1
        assert failures(kubeconfig=wire.UNKNOWN) == 0
        assert failures(kubeconfig=json.dumps(config())) == 0

    def test_another_server_means_another_cluster(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        def diff(server: str, **more: Any) -> Any:
            old = wire.struct({"kubeconfig": json.dumps(config())})
            new = wire.struct({"kubeconfig": json.dumps(config(server))} | more)
            return provider.DiffConfig(provider_pb2.DiffRequest(old_inputs=old, olds=old, news=new))

        assert diff(SERVER).changes == provider_pb2.DiffResponse.DIFF_NONE
        assert list(diff(SERVER, enableServerSideApply="true").replaces) == []
        assert list(diff("https://127.0.0.1:7777").replaces) == ["kubeconfig"]

    def test_before_the_cluster_exists_a_preview_echoes(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        provider.Configure(provider_pb2.ConfigureRequest(args=wire.struct({"kubeconfig": wire.UNKNOWN})))
        inputs = deployment(replicas=2)
        checked = provider.Check(provider_pb2.CheckRequest(urn=DEPLOYMENT, news=inputs))
        assert checked.inputs == inputs
        made = provider.Create(provider_pb2.CreateRequest(urn=DEPLOYMENT, properties=inputs, preview=True))
        assert (made.id, made.properties) == ("", inputs)

    def test_without_a_cluster_nothing_is_created_or_deleted(
        self, provider: provider_pb2_grpc.ResourceProviderStub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        provider.Configure(
            provider_pb2.ConfigureRequest(args=wire.struct({"kubeconfig": json.dumps(config())}))
        )
        with pytest.raises(grpc.RpcError, match="cluster is unreachable"):
            provider.Create(provider_pb2.CreateRequest(urn=DEPLOYMENT, properties=deployment()))
        gone = provider_pb2.DeleteRequest(id="n/a", urn=DEPLOYMENT)
        with pytest.raises(grpc.RpcError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
            provider.Delete(gone)
        monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
        provider.Delete(gone)

    def test_a_difference_tells_the_path_and_whether_the_object_is_replaced(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        def diff(old: struct_pb2.Struct, new: struct_pb2.Struct) -> Any:
            return provider.Diff(provider_pb2.DiffRequest(urn=DEPLOYMENT, old_inputs=old, news=new))

        scaled = diff(deployment(replicas=1), deployment(replicas=2))
        assert dict(scaled.detailedDiff).keys() == {"spec.replicas"}
        assert (list(scaled.diffs), list(scaled.replaces)) == (["spec"], [])
        moved = diff(deployment(selector={"a": 1}), deployment(selector={"a": 2}))
        assert list(moved.replaces) == ["spec"]
        assert moved.deleteBeforeReplace  # the name stays, so the new one can only come second
        assert diff(deployment(), deployment()).changes == provider_pb2.DiffResponse.DIFF_NONE

    def test_a_missing_name_is_refused_at_preview(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        answer = provider.Check(provider_pb2.CheckRequest(urn=DEPLOYMENT, news=wire.struct({"metadata": {}})))
        assert "metadata.name is missing" in answer.failures[0].reason

    def test_functions_and_components_are_refused_in_words(
        self, provider: provider_pb2_grpc.ResourceProviderStub
    ) -> None:
        with pytest.raises(grpc.RpcError, match="not part of the sandbox"):
            provider.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode"))
        with pytest.raises(grpc.RpcError, match=r"helm\.v3\.Release"):
            provider.Construct(provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart"))

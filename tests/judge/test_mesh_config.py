"""MeshConfig and ProxyConfig, as the control plane reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from egress.common.normal_form import Normalization
from egress.common.objects import Resource
from egress.judge.lookup.service_registry import Registry, mesh_configs
from egress.judge.model.flow import Misread
from tests.judge.asking import BANK, ROOT, SHOP, TCP, entry, mesh, sidecar_says
from tests.judge.objects import snapshot, written


def config_map(name: str = "istio", namespace: str | None = ROOT, **data: str) -> dict[str, Any]:
    return {**written("ConfigMap", namespace, name), "data": data}


class TestWhereItLies:
    @pytest.mark.parametrize(
        ("name", "namespace", "read"),
        [
            ("istio", ROOT, True),
            ("istio-canary", ROOT, True),
            ("istio-asm-managed", ROOT, True),
            ("istiod", ROOT, False),
            ("my-istio-", ROOT, False),
            ("istio", SHOP, False),
            ("istio", None, False),
        ],
    )
    def test_in_the_root_namespace_one_for_each_revision(
        self, name: str, namespace: str | None, read: bool
    ) -> None:
        found = mesh_configs(snapshot(config_map(name, namespace, mesh="trustDomain: corp")))
        assert [config for _, config in found] == ([{"trustDomain": "corp"}] if read else [])

    def test_under_the_key_mesh(self) -> None:
        assert (
            mesh_configs(snapshot(config_map(meshNetworks="networks: {}"), config_map("istio-ca-root-cert")))
            == []
        )
        assert Registry(snapshot(config_map(meshNetworks="networks: {}"))).trust_domain == "cluster.local"

    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("trustDomain: corp\n", {"trustDomain": "corp"}),
            ("{trustDomain: corp}".replace("{", " {"), {"trustDomain": "corp"}),
            (json.dumps({"trustDomain": "corp"}, indent="\t"), {"trustDomain": "corp"}),
            ("", {}),
            ("# nothing\n", {}),
        ],
    )
    def test_as_yaml_or_json(self, text: str, read: dict[str, str]) -> None:
        assert [config for _, config in mesh_configs(snapshot(config_map(mesh=text)))] == [read]


class TestTheTrustDomain:
    CLUSTER = "gcp:container/cluster:Cluster"
    MANAGED = config_map("istio-asm-managed", mesh="{}")

    def pool(self, name: str | None, cluster: str = "one") -> Resource:
        said = {"workloadIdentityConfig": {"workloadPool": name}} if name else {}
        return Resource(self.CLUSTER, cluster, said)

    def test_is_what_the_mesh_says(self) -> None:
        assert Registry(snapshot()).trust_domain == "cluster.local"
        assert Registry(snapshot(mesh(trustDomain="corp"))).trust_domain == "corp"
        assert Registry(snapshot(mesh(trustDomain=""))).trust_domain == "cluster.local"

    def test_is_the_clusters_workload_pool_with_the_managed_mesh(self) -> None:
        pool = self.pool("p.svc.id.goog")
        assert Registry(snapshot(self.MANAGED, google=(pool,))).trust_domain == "p.svc.id.goog"
        assert (
            Registry(snapshot(self.MANAGED, google=(self.pool(None), pool))).trust_domain == "p.svc.id.goog"
        )
        assert (
            Registry(snapshot(config_map("other"), self.MANAGED, google=(pool,))).trust_domain
            == "p.svc.id.goog"
        )
        assert Registry(snapshot(self.MANAGED)).trust_domain == "cluster.local"

    def test_of_ones_own_mesh_is_no_pools(self) -> None:
        pool = self.pool("p.svc.id.goog")
        assert Registry(snapshot(mesh(), google=(pool,))).trust_domain == "cluster.local"
        assert Registry(snapshot(config_map("my-istio-asm"), google=(pool,))).trust_domain == "cluster.local"

    def test_that_is_said_comes_before_the_pool(self) -> None:
        said = config_map("istio-asm-managed", mesh="trustDomain: corp")
        assert Registry(snapshot(said, google=(self.pool("p.svc.id.goog"),))).trust_domain == "corp"


def captures(said: Any) -> dict[str, Any]:
    return mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": said}})


class TestDnsThatSidecarsAnswer:
    @pytest.mark.parametrize("said", ["1", "t", "T", "true", "TRUE", "True"])
    def test_every_form_of_yes(self, said: str) -> None:
        assert Registry(snapshot(captures(said))).captures_dns

    @pytest.mark.parametrize("said", ["false", "0", "", "yes"])
    def test_anything_else_is_no(self, said: str) -> None:
        assert not Registry(snapshot(captures(said))).captures_dns
        assert not Registry(snapshot()).captures_dns

    def test_tells_every_host_an_address_of_its_own(self) -> None:
        one, two = entry("one.example", SHOP, TCP), entry("two.example", SHOP, TCP)
        assert sidecar_says("tcp://two.example:3306", one, two, captures("true")) == "two.example:3306"
        assert sidecar_says("tcp://one.example:3306", one, two, captures("true")) == "one.example:3306"

    @pytest.mark.parametrize(
        ("own", "roots", "meshs", "answers"),
        [
            (None, None, "true", True),
            (None, None, "false", False),
            (None, "true", "false", True),
            (None, "false", "true", False),
            ("true", "false", "false", True),
            ("false", "true", "true", False),
            ("1", None, "false", True),
        ],
    )
    def test_a_proxy_config_says_so_for_its_namespace_and_the_roots_for_all(
        self, own: str | None, roots: str | None, meshs: str, answers: bool
    ) -> None:
        proxies = [
            written("ProxyConfig", namespace, environmentVariables={"ISTIO_META_DNS_CAPTURE": said})
            for namespace, said in ((SHOP, own), (ROOT, roots))
            if said is not None
        ]
        assert Registry(snapshot(*proxies, captures(meshs))).answers_dns(SHOP) is answers

    def test_a_proxy_config_for_some_pods_or_about_something_else_says_nothing_of_the_namespace(self) -> None:
        yes = {"ISTIO_META_DNS_CAPTURE": "true"}
        some = written("ProxyConfig", SHOP, environmentVariables=yes, selector={"matchLabels": {"app": "a"}})
        other = written("ProxyConfig", SHOP, "other", environmentVariables={"A": "true"})
        assert not Registry(snapshot(some, other)).answers_dns(SHOP)
        assert Registry(snapshot(some, other, captures("true"))).answers_dns(SHOP)
        assert not Registry(snapshot(written("ProxyConfig", BANK, environmentVariables=yes))).answers_dns(
            SHOP
        )


class TestTheNormalFormOfPaths:
    @pytest.mark.parametrize(
        ("said", "how"),
        [
            (None, Normalization.BASE),
            ("DEFAULT", Normalization.BASE),
            ("NONE", Normalization.NONE),
            ("BASE", Normalization.BASE),
            ("MERGE_SLASHES", Normalization.MERGE_SLASHES),
            ("DECODE_AND_MERGE_SLASHES", Normalization.DECODE_AND_MERGE_SLASHES),
        ],
    )
    def test_the_normal_form_of_paths(self, said: str | None, how: Normalization) -> None:
        assert Registry(snapshot(mesh(pathNormalization={"normalization": said}))).normalization is how

    def test_a_normal_form_that_is_not_known_is_not_understood(self) -> None:
        with pytest.raises(Misread, match="FORMAL") as caught:
            _ = Registry(snapshot(mesh(pathNormalization={"normalization": "FORMAL"}))).normalization
        assert (caught.value.by, caught.value.field) == ("configmap/istio", "pathNormalization.normalization")

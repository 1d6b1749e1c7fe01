"""What the mesh as a whole is told: settings that are read, with the values that are, and what they come to.

Source: Istio reference, MeshConfig, ProxyConfig, "Discovery Selectors", "Authorization Policy Normalization".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from egress.judge.fields.mesh_settings import MeshSettings, unread_settings
from egress.judge.lookup.service_registry import Registry
from egress.judge.model.flow import Layer, Verdict
from tests.judge.objects import namespace, snapshot

BY = "istio-system/configmap/istio"


def mesh(name: str = "istio", home: str = "istio-system", **config: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": home}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"mesh": json.dumps(config)},
    }


def settings(*objects: Mapping[str, Any]) -> MeshSettings:
    deployed = snapshot(*objects)
    return MeshSettings(deployed, Registry(deployed))


def unread(*objects: Mapping[str, Any]) -> list[str]:
    return [field for _, field, _ in unread_settings(snapshot(*objects))]


class TestWhichObject:
    def test_the_config_map_of_the_control_planes_namespace_as_yaml_or_json(self) -> None:
        as_yaml = {**mesh(), "data": {"mesh": yaml.safe_dump({"trustDomain": "a.example"})}}
        for written in (
            mesh(trustDomain="a.example"),
            as_yaml,
            mesh("istio-canary", trustDomain="a.example"),
        ):
            assert Registry(snapshot(written)).trust_domain == "a.example"

    @pytest.mark.parametrize(
        "other",
        [mesh(home="shop", trustDomain="b"), mesh("istiox", trustDomain="b"), mesh("x", trustDomain="b")],
    )
    def test_one_of_another_namespace_or_name_is_anybodys(self, other: dict[str, Any]) -> None:
        assert Registry(snapshot(other)).mesh_config == {}
        assert Registry(snapshot(other, mesh(trustDomain="a"))).trust_domain == "a"
        assert unread(other, mesh(trustDomain="a")) == []

    def test_without_one_the_defaults_hold(self) -> None:
        found = settings()
        assert (found.paths().decided_by, found.paths().allowed) == (None, True)

    def test_which_of_two_that_differ_counts_is_not_understood(self) -> None:
        assert unread(mesh(trustDomain="a"), mesh("istio-canary", trustDomain="b")) == ["data.mesh"]
        assert unread(mesh(trustDomain="a"), mesh("istio-canary", trustDomain="a")) == []

    def test_empty_text_says_nothing(self) -> None:
        assert Registry(snapshot({**mesh(), "data": {"mesh": ""}})).mesh_config == {}


class TestSettingsThatAreUnderstood:
    @pytest.mark.parametrize(
        "config",
        [
            {"trustDomain": "any.example"},
            {"discoverySelectors": [{"matchLabels": {"a": "b"}}]},
            {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
            {"pathNormalization": {"normalization": "NONE"}},
            {
                "defaultServiceExportTo": ["."],
                "defaultVirtualServiceExportTo": ["*"],
                "defaultDestinationRuleExportTo": ["."],
            },
            {"tlsDefaults": {"minProtocolVersion": "TLSV1_3"}},
            {"meshMTLS": {"minProtocolVersion": "TLSV1_2"}},
            {"rootNamespace": "istio-system"},
            {"enableAutoMtls": True},
            {"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON", "accessLogFormat": "x"},
            {"enablePrometheusMerge": False, "extensionProviders": [{"name": "a"}]},
            {"defaultProviders": {"metrics": ["prometheus"], "accessLogging": []}},
            {"defaultConfig": {"proxyMetadata": {"CLOUD_PLATFORM": "gcp", "ISTIO_META_DNS_CAPTURE": "true"}}},
            {
                "defaultConfig": {
                    "proxyHeaders": {"server": {"disabled": True}, "attemptCount": {"disabled": False}}
                }
            },
            {
                "defaultConfig": {
                    "discoveryAddress": "istiod.istio-system.svc:15012",
                    "concurrency": 2,
                    "meshId": "m",
                }
            },
            {"defaultConfig": {"discoveryAddress": "istiod-canary.istio-system.svc:15012"}},
            {"enablePrometheusMerge": True, "defaultProviders": {"accessLogging": ["envoy"]}},
            {
                "defaultConfig": {
                    "holdApplicationUntilProxyStarts": True,
                    "image": {"imageType": "distroless"},
                }
            },
            {"defaultConfig": {"drainDuration": "45s", "terminationDrainDuration": "5s"}},
            {"anything": None, "another": {}, "third": False, "defaultConfig": {"tracing": {}}},
            {
                "tlsDefaults": {"minProtocolVersion": "TLS_AUTO"},
                "meshMTLS": {"minProtocolVersion": "TLSV1_3"},
            },
            {"tlsDefaults": None, "defaultConfig": False},
        ],
    )
    def test_each_with_the_values_that_are(self, config: dict[str, Any]) -> None:
        assert unread(mesh(**config)) == []

    @pytest.mark.parametrize(
        ("config", "field"),
        [
            ({"trustDomainAliases": ["old.example"]}, "trustDomainAliases"),
            ({"caCertificates": [{"pem": "x"}]}, "caCertificates"),
            ({"rootNamespace": "elsewhere"}, "rootNamespace"),
            ({"enableAutoMtls": False}, "enableAutoMtls"),
            ({"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY", "more": 1}}, "outboundTrafficPolicy.more"),
            ({"pathNormalization": {"other": "x"}}, "pathNormalization.other"),
            ({"tlsDefaults": {"cipherSuites": ["x"]}}, "tlsDefaults.cipherSuites"),
            ({"tlsDefaults": {"minProtocolVersion": "TLSV9"}}, "tlsDefaults.minProtocolVersion"),
            ({"tlsDefaults": {"minProtocolVersion": "TLSV1_1"}}, "tlsDefaults.minProtocolVersion"),
            ({"meshMTLS": {"minProtocolVersion": "TLSV1_1"}}, "meshMTLS.minProtocolVersion"),
            ({"defaultProviders": {"tracing": ["x"]}}, "defaultProviders.tracing"),
            ({"defaultConfig": {"proxyMetadata": {"ANY": "x"}}}, "defaultConfig.proxyMetadata.ANY"),
            (
                {"defaultConfig": {"proxyHeaders": {"requestId": {"disabled": True}}}},
                "defaultConfig.proxyHeaders.requestId",
            ),
            ({"defaultConfig": {"discoveryAddress": "elsewhere:15012"}}, "defaultConfig.discoveryAddress"),
            (
                {"defaultConfig": {"discoveryAddress": "istiod.istio-system.svc:15010"}},
                "defaultConfig.discoveryAddress",
            ),
            (
                {"defaultConfig": {"discoveryAddress": "istiod.other.svc:15012"}},
                "defaultConfig.discoveryAddress",
            ),
            (
                {"defaultConfig": {"discoveryAddress": "istiod.istio-system.svc:150121"}},
                "defaultConfig.discoveryAddress",
            ),
            (
                {"defaultConfig": {"discoveryAddress": "xistiod.istio-system.svc:15012"}},
                "defaultConfig.discoveryAddress",
            ),
            ({"defaultConfig": ["x"]}, "defaultConfig"),
            ({"defaultConfig": {"tracing": {"sampling": 1}}}, "defaultConfig.tracing"),
        ],
    )
    def test_any_other_is_not(self, config: dict[str, Any], field: str) -> None:
        ((manifest, found, reason),) = unread_settings(snapshot(mesh(**config)))
        assert (found, manifest["metadata"]["name"]) == (field, "istio")
        assert reason == f"`{field}` is not read here, or not with this value."

    def test_all_are_named(self) -> None:
        assert unread(mesh(a=1, defaultConfig={"b": 2, "c": 3})) == [
            "a",
            "defaultConfig.b",
            "defaultConfig.c",
        ]


class TestPaths:
    @pytest.mark.parametrize(
        ("written", "how"),
        [
            (None, "BASE"),
            ({}, "BASE"),
            ({"normalization": "DEFAULT"}, "BASE"),
            ({"normalization": "NONE"}, "NONE"),
            ({"normalization": "BASE"}, "BASE"),
            ({"normalization": "MERGE_SLASHES"}, "MERGE_SLASHES"),
        ],
    )
    def test_a_path_may_mean_two_things_unless_it_is_decoded_and_its_slashes_are_merged(
        self, written: Any, how: str
    ) -> None:
        verdict = settings(mesh(pathNormalization=written)).paths()
        assert (verdict.layer, verdict.allowed, verdict.decided_by, verdict.field) == (
            Layer.AUTHORIZATION,
            True,
            BY,
            "pathNormalization.normalization",
        )
        assert verdict.reason == f"Paths are compared after {how}."

    def test_then_it_means_one(self) -> None:
        assert (
            not settings(mesh(pathNormalization={"normalization": "DECODE_AND_MERGE_SLASHES"}))
            .paths()
            .allowed
        )

    def test_another_form_is_not_understood(self) -> None:
        verdict = settings(mesh(pathNormalization={"normalization": "UPPER"})).paths()
        assert (verdict.allowed, verdict.understood) == (True, False)


class TestLeastTls:
    @pytest.mark.parametrize("told", ["TLS_AUTO", "TLSV1_2", "TLSV1_3", None])
    def test_proxies_open_1_2_and_later_whatever_the_mesh_is_told(self, told: str | None) -> None:
        found = settings(mesh(tlsDefaults={"minProtocolVersion": told}))
        assert not found.tls("TLSV1_2").allowed
        verdict = found.tls("TLSV1_3")
        assert (verdict.layer, verdict.allowed, verdict.decided_by, verdict.field) == (
            Layer.GATEWAY,
            True,
            BY,
            "tlsDefaults.minProtocolVersion",
        )
        assert verdict.reason == "Proxies open TLS to hosts from TLSV1_2 on, whatever the mesh is told."


class TestHeadersOfProxies:
    NAMES = ("attemptCount", "envoyDebugHeaders", "server")

    def told(self, **headers: Any) -> dict[str, bool]:
        found = list(settings(mesh(defaultConfig={"proxyHeaders": headers})).told())
        assert [verdict.field for verdict in found] == [
            f"defaultConfig.proxyHeaders.{name}" for name in self.NAMES
        ]
        assert all((verdict.layer, verdict.decided_by) == (Layer.GATEWAY, BY) for verdict in found)
        return {name: verdict.allowed for name, verdict in zip(self.NAMES, found, strict=True)}

    def test_each_is_added_unless_it_is_disabled(self) -> None:
        assert self.told() == dict.fromkeys(self.NAMES, True)
        assert self.told(server={"disabled": True}) == {
            "attemptCount": True,
            "envoyDebugHeaders": True,
            "server": False,
        }
        assert not any(self.told(**{name: {"disabled": True} for name in self.NAMES}).values())

    @pytest.mark.parametrize(
        "written", [{}, None, {"disabled": False}, {"disabled": None}, {"disabled": "true"}]
    )
    def test_nothing_but_true_disables_it(self, written: Any) -> None:
        assert self.told(server=written)["server"]

    def test_the_sentence(self) -> None:
        first, *_ = settings(
            mesh(defaultConfig={"proxyHeaders": {"attemptCount": {"disabled": True}}})
        ).told()
        assert first.reason == "It is not added."
        assert next(settings(mesh()).told()).reason == "It is added."


class TestExports:
    def exported(self, *to: str, config: dict[str, Any], kind: str = "Service") -> Verdict:
        verdict = settings(mesh(**config)).exported(kind, "shop", frozenset(to))
        assert (verdict.layer, verdict.decided_by, verdict.field) == (
            Layer.SIDECAR,
            BY,
            f"default{kind}ExportTo",
        )
        return verdict

    @pytest.mark.parametrize("kind", ["Service", "VirtualService", "DestinationRule"])
    def test_by_default_everybody_knows_it(self, kind: str) -> None:
        verdict = self.exported(config={}, kind=kind)
        assert (verdict.allowed, verdict.reason) == (True, "What does not say otherwise is exported to *.")
        assert self.exported(config={f"default{kind}ExportTo": []}, kind=kind).allowed

    def test_a_dot_is_its_own_namespace(self) -> None:
        verdict = self.exported(config={"defaultServiceExportTo": ["."]})
        assert (verdict.allowed, verdict.reason) == (
            False,
            "What does not say otherwise is exported to no other.",
        )

    def test_a_tilde_is_nobody(self) -> None:
        assert not self.exported(config={"defaultServiceExportTo": ["~"]}).allowed

    def test_namespaces_that_may_know_it_are_no_others(self) -> None:
        assert not self.exported("bank", config={"defaultServiceExportTo": [".", "bank"]}).allowed
        verdict = self.exported("bank", config={"defaultServiceExportTo": [".", "bank", "z", "y"]})
        assert (verdict.allowed, verdict.reason) == (True, "What does not say otherwise is exported to y, z.")
        assert self.exported("bank", config={"defaultServiceExportTo": ["*"]}).allowed

    def test_each_kind_has_its_own_default(self) -> None:
        assert self.exported(config={"defaultVirtualServiceExportTo": ["."]}).allowed


class TestDiscovery:
    LABELLED = namespace("shop", mesh="on", tier="front")

    def discovered(self, *selectors: Any, of: str = "shop") -> Verdict:
        verdict = settings(mesh(discoverySelectors=list(selectors)), self.LABELLED).discovered(of)
        assert (verdict.layer, verdict.decided_by, verdict.field) == (Layer.SIDECAR, BY, "discoverySelectors")
        return verdict

    def test_without_selectors_every_namespace_is_read(self) -> None:
        assert self.discovered().allowed
        assert self.discovered().reason == "Istio reads what is in shop."
        assert settings().discovered("shop").allowed

    def test_a_namespace_is_read_that_one_of_them_selects(self) -> None:
        assert self.discovered({"matchLabels": {"mesh": "on"}}).allowed
        assert self.discovered({"matchLabels": {"mesh": "off"}}, {"matchLabels": {"tier": "front"}}).allowed
        verdict = self.discovered({"matchLabels": {"mesh": "off"}})
        assert (verdict.allowed, verdict.reason) == (False, "Istio does not read what is in shop.")

    def test_a_selectors_conditions_must_all_hold(self) -> None:
        assert not self.discovered({"matchLabels": {"mesh": "on", "tier": "back"}}).allowed
        assert not self.discovered(
            {"matchLabels": {"mesh": "on"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}
        ).allowed

    def test_an_empty_selector_selects_every_namespace(self) -> None:
        assert self.discovered({}).allowed
        assert self.discovered({"matchLabels": {"mesh": "off"}}, {}).allowed

    def test_every_namespace_has_its_name_as_a_label(self) -> None:
        by_name = {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}
        assert self.discovered(by_name).allowed
        assert not self.discovered(by_name, of="unknown").allowed
        assert self.discovered(
            {"matchLabels": {"kubernetes.io/metadata.name": "unknown"}}, of="unknown"
        ).allowed

    def test_a_selector_of_another_form_is_not_understood(self) -> None:
        verdict = self.discovered(
            {"matchExpressions": [{"key": "mesh", "operator": "Like", "values": ["on"]}]}
        )
        assert (verdict.allowed, verdict.understood) == (True, False)
        assert self.discovered({"matchLabels": {"mesh": "on"}}).understood
        assert not self.discovered({"matchLabels": {"mesh": "on"}}, {"odd": ["x"]}).understood

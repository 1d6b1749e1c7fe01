"""Pure rules over manifests: what changed, what has drifted, what no API server could take."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given

from sandbox.kubernetes import manifest, release
from sandbox.provider import wire
from sandbox.provider.wire import UNKNOWN
from tests.sandbox.json_objects import objects, patient


class TestChanges:
    @patient
    @given(objects)
    def test_nothing_changes_between_equal_manifests(self, value: dict[str, Any]) -> None:
        assert list(manifest.changes(value, value)) == []

    @patient
    @given(objects, objects)
    def test_different_manifests_differ(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        assert bool(list(manifest.changes(old, new))) == (wire.write(old) != wire.write(new))

    def test_the_deepest_path_is_named(self) -> None:
        old = {"spec": {"ports": [{"port": 80}], "selector": {"app.kubernetes.io/name": "a"}}, "x": 1}
        new = {"spec": {"ports": [{"port": 81}], "selector": {"app.kubernetes.io/name": "b"}}, "y": 1}
        assert {str(change): change.how for change in manifest.changes(old, new)} == {
            "spec.ports[0].port": "update",
            'spec.selector["app.kubernetes.io/name"]': "update",
            "x": "delete",
            "y": "add",
        }

    def test_an_item_more_or_less_is_named_by_its_place(self) -> None:
        def paths(old: list[Any], new: list[Any]) -> dict[str, str]:
            return {str(change): change.how for change in manifest.changes({"rules": old}, {"rules": new})}

        assert paths([{"a": 1}], [{"a": 2}, {"b": 1}, {}]) == {
            "rules[0].a": "update",
            "rules[1]": "add",
            "rules[2]": "add",
        }
        assert paths([1, 2], [1]) == {"rules[1]": "delete"}

    def test_a_secrets_texts_are_compared_as_data(self) -> None:
        def secret(**more: Any) -> dict[str, Any]:
            return {"apiVersion": "v1", "kind": "Secret", **more}

        stated = manifest.compared(secret(stringData={"key": "hush"}, data={"other": "eA=="}))
        assert stated == secret(data={"key": "aHVzaA==", "other": "eA=="})
        assert manifest.compared(secret(stringData=UNKNOWN)) == secret(stringData=UNKNOWN)

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
    @patient
    @given(objects, objects)
    def test_an_unchanged_object_has_not_drifted(self, inputs: dict[str, Any], live: dict[str, Any]) -> None:
        assert manifest.with_drift(inputs, live, live) == inputs

    @patient
    @given(objects, objects, objects)
    def test_only_what_the_inputs_state_is_ever_found(
        self, inputs: dict[str, Any], then: dict[str, Any], now: dict[str, Any]
    ) -> None:
        assert manifest.with_drift(inputs, then, now).keys() <= inputs.keys()

    def test_the_servers_own_spelling_is_no_drift(self) -> None:
        inputs = {"cpu": "1000m", "egress": []}
        assert manifest.with_drift(inputs, {"cpu": "1", "other": 1}, {"cpu": "1", "other": 2}) == inputs

    def test_a_changed_and_a_removed_value_are_drift(self) -> None:
        inputs = {"replicas": 2, "labels": {"a": "b", "c": "d"}, "ports": [{"port": 80}, {"port": 443}]}
        then = {"replicas": 2, "labels": {"a": "b", "c": "d"}, "ports": [{"port": 80}, {"port": 443}]}
        now = {"replicas": 3, "labels": {"c": "d", "foreign": "x"}, "ports": [{"port": 8080, "name": "x"}]}
        assert manifest.with_drift(inputs, then, now) == {
            "replicas": 3,
            "labels": {"c": "d"},
            "ports": [{"port": 8080}],
        }

    def test_what_somebody_adds_beside_what_is_stated_is_not_seen_as_with_the_real_provider(self) -> None:
        inputs = {"rules": [{"to": [{"port": 80}]}], "other": {"a": 1}}
        added = {"rules": [{"to": [{"port": 80}, {"port": 22}], "from": []}, {}], "other": {"a": 1, "b": 2}}
        assert manifest.with_drift(inputs, inputs, added | {"more": True}) == inputs

    def test_what_somebody_puts_first_moves_what_is_stated_and_is_seen(self) -> None:
        inputs = {"rules": [{"a": 1}, {"b": 2}]}
        assert manifest.with_drift(inputs, inputs, {"rules": [{}, {"a": 1}, {"b": 2}]}) == {"rules": [{}, {}]}

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

    def test_a_name_may_be_one_that_only_the_deployment_knows(self) -> None:
        inputs = {"metadata": {"name": UNKNOWN}}
        assert manifest.complete("kubernetes:core/v1:Service", inputs)["metadata"] == {"name": UNKNOWN}
        assert manifest.complete("kubernetes:core/v1:Service", inputs | {"kind": UNKNOWN})["kind"] is UNKNOWN
        release.check({"name": UNKNOWN, "chart": UNKNOWN})

    def test_a_release_from_a_registry_needs_no_repository(self) -> None:
        release.check({"name": "a", "chart": "oci://registry.example/charts/istiod", "version": "1"})

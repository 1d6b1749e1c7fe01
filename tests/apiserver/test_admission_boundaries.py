"""What stands for pods, and what only the platform changes: Services, Istio's objects, NetworkPolicies,
labels of namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common import names
from egress.settings.fences import Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import ANN, EVE, PAT, SUE, Api, Person, wait_until
from tests.apiserver.stage import (
    CONTROLLER,
    DRY,
    EDITOR,
    assert_refused,
    change_namespace,
    policy_by,
    service,
)

pytestmark = pytest.mark.xdist_group("apiserver")


class TestServices:
    @pytest.mark.parametrize(
        ("spec", "rule"),
        [
            ({}, None),
            ({"clusterIP": "None"}, None),
            (
                {"type": "ExternalName", "externalName": "outside.example", "selector": None, "ports": None},
                Rule.SERVICE_TYPES,
            ),
            ({"type": "NodePort"}, Rule.SERVICE_TYPES),
            ({"type": "LoadBalancer"}, Rule.SERVICE_TYPES),
            ({"externalIPs": ["198.51.100.7"]}, Rule.EXTERNAL_IPS),
        ],
    )
    def test_services(self, stage: tuple[Api, Cluster], spec: dict[str, Any], rule: Rule | None) -> None:
        answer = service(stage[0], ANN, **spec)
        if rule:
            assert_refused(answer, rule)
        else:
            assert answer.status == 201, answer.message

    @pytest.mark.parametrize(
        ("addresses", "kind", "accepted"),
        [
            (["10.1.3.4"], "IPv4", True),
            ([], "IPv4", True),
            (["10.1.3.4", "198.51.100.7"], "IPv4", False),
            (["10.0.0.3"], "IPv4", False),
            (["outside.example"], "FQDN", False),
            (["2001:db8::7"], "IPv6", False),
        ],
    )
    def test_endpoint_slices(
        self, stage: tuple[Api, Cluster], addresses: list[str], kind: str, accepted: bool
    ) -> None:
        manifest: dict[str, Any] = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "shop-1", "labels": {"kubernetes.io/service-name": "shop"}},
            "addressType": kind,
            "endpoints": [{"addresses": [address]} for address in addresses] or None,
            "ports": [{"port": 80}],
        }
        path = f"/apis/discovery.k8s.io/v1/namespaces/team-x/endpointslices{DRY}"
        answer = stage[0].ask("POST", path, manifest, person=EDITOR)
        if accepted:
            assert answer.status == 201, answer.message
        else:
            assert_refused(answer, Rule.OUTSIDE_ENDPOINTS)

    @pytest.mark.parametrize(
        ("subset", "accepted"),
        [
            ({"addresses": [{"ip": "10.1.3.4"}]}, True),
            ({"addresses": [{"ip": "198.51.100.7"}]}, False),
            ({"notReadyAddresses": [{"ip": "198.51.100.7"}]}, False),
        ],
    )
    def test_endpoints(self, stage: tuple[Api, Cluster], subset: dict[str, Any], accepted: bool) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "shop"},
            "subsets": [{**subset, "ports": [{"port": 80}]}],
        }
        answer = stage[0].ask("POST", f"/api/v1/namespaces/team-x/endpoints{DRY}", manifest, person=EDITOR)
        if accepted:
            assert answer.status == 201, answer.message
        else:
            assert_refused(answer, Rule.OUTSIDE_ENDPOINTS)


ISTIO_OBJECTS = [
    (
        "networking.istio.io",
        "ServiceEntry",
        {"hosts": ["outside.example"], "ports": [{"number": 443, "name": "tls"}]},
    ),
    ("networking.istio.io", "Sidecar", {}),
    ("networking.istio.io", "VirtualService", {"hosts": ["outside.example"]}),
    ("networking.istio.io", "DestinationRule", {"host": "outside.example"}),
    ("networking.istio.io", "WorkloadEntry", {"address": "198.51.100.7"}),
    ("security.istio.io", "AuthorizationPolicy", {}),
    ("security.istio.io", "PeerAuthentication", {}),
]


class TestPlatformKinds:
    """Against somebody whom Kubernetes' own role `edit`, or a right given by hand, lets write these."""

    @pytest.mark.parametrize(
        ("group", "kind", "spec"), ISTIO_OBJECTS, ids=lambda value: value if isinstance(value, str) else ""
    )
    def test_istio(self, stage: tuple[Api, Cluster], group: str, kind: str, spec: dict[str, Any]) -> None:
        api, cluster = stage
        path = cluster.kind(f"{group}/v1", kind).path("team-x") + DRY
        manifest = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "own"}, "spec": spec}
        assert_refused(api.ask("POST", path, manifest, person=EDITOR), Rule.PLATFORM_KINDS)
        assert api.ask("POST", path, manifest, person=PAT).status == 201

    def test_network_policies(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        assert api.may(EDITOR, "create", "networkpolicies", group="networking.k8s.io"), (
            "RBAC alone would let this through"
        )
        assert_refused(policy_by(api, EDITOR), Rule.PLATFORM_KINDS)
        boundary = f"/apis/networking.k8s.io/v1/namespaces/team-x/networkpolicies/team-boundary{DRY}"
        assert_refused(api.ask("DELETE", boundary, person=EDITOR), Rule.PLATFORM_KINDS)
        assert api.ask("DELETE", boundary, person=PAT).status == 200
        assert api.ask("DELETE", boundary).status == 200

    def test_the_quota_that_gke_puts_into_every_namespace_is_made_and_a_persons_is_not(
        self, stage: tuple[Api, Cluster]
    ) -> None:
        api, group = stage[0], "rbac.authorization.k8s.io"
        makers = [Person("system:gke-controller-manager"), CONTROLLER]
        role: dict[str, Any] = {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "quotas-by-hand"},
            "rules": [{"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["create"]}],
        }
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "quotas-by-hand"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "quotas-by-hand"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": who.user} for who in (*makers, EDITOR)],
        }
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gke-resource-quotas"}}
        path = f"/api/v1/namespaces/team-x/resourcequotas{DRY}"
        made = [f"/apis/{group}/v1/clusterroles", f"/apis/{group}/v1/clusterrolebindings"]
        try:
            for at, manifest in zip(made, (role, binding), strict=True):
                assert api.ask("POST", at, manifest).status == 201
            for maker in makers:
                wait_until(
                    lambda maker=maker: api.may(maker, "create", "resourcequotas"), f"rights of {maker.user}"
                )
                answer = api.ask("POST", path, quota, person=maker)
                assert answer.status == 201, answer.message
            assert_refused(api.ask("POST", path, quota, person=EDITOR), Rule.PLATFORM_KINDS)
        finally:
            for at in made:
                api.ask("DELETE", f"{at}/quotas-by-hand")


class TestNamespaceLabels:
    @pytest.mark.parametrize("sub", ["", "/status"])
    @pytest.mark.parametrize(
        "labels",
        [
            {names.TEAM_LABEL: None},
            {names.TEAM_LABEL: "team-y"},
            {"istio-injection": "disabled"},
            {"istio-injection": None},
            {"istio.io/rev": "canary"},
            {"istio.io/dataplane-mode": "ambient"},
            {"pod-security.kubernetes.io/enforce": "privileged"},
        ],
        ids=str,
    )
    def test_meaningful_labels_stay(
        self, stage: tuple[Api, Cluster], labels: dict[str, str | None], sub: str
    ) -> None:
        api = stage[0]
        assert_refused(change_namespace(api, "team-x", labels, person=EVE, sub=sub), Rule.NAMESPACE_LABELS)
        assert change_namespace(api, "team-x", labels, person=PAT).status == 200
        assert change_namespace(api, "team-x", labels, person=None).status == 200

    def test_nobody_exempts_himself(self, stage: tuple[Api, Cluster]) -> None:
        exempt: dict[str, str | None] = {f"{names.EXEMPT}{Rule.HOST_NAMESPACES}": "because"}
        answer = change_namespace(stage[0], "team-x", exempt, person=EVE, kind="annotations")
        assert_refused(answer, Rule.NAMESPACE_LABELS)

    def test_the_name_cannot_be_forged(self, stage: tuple[Api, Cluster]) -> None:
        """The API server itself sets it back."""
        answer = change_namespace(
            stage[0], "team-x", {"kubernetes.io/metadata.name": "kube-system"}, person=EVE
        )
        assert (
            answer.status == 403
            or answer.body["metadata"]["labels"]["kubernetes.io/metadata.name"] == "team-x"
        )

    def test_other_labels_are_free(self, stage: tuple[Api, Cluster]) -> None:
        assert change_namespace(stage[0], "team-x", {"cost-centre": "4711"}, person=EVE).status == 200

    def test_a_new_namespace_carries_none_of_them(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        for labels, status in (({"a": "b"}, 201), ({names.TEAM_LABEL: "team-x"}, 403)):
            manifest = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "another", "labels": labels},
            }
            assert api.ask("POST", f"/api/v1/namespaces{DRY}", manifest, person=EVE).status == status

    def test_google_labels_its_own_namespaces(self, stage: tuple[Api, Cluster]) -> None:
        labels: dict[str, str | None] = {"pod-security.kubernetes.io/enforce": "privileged"}
        assert change_namespace(stage[0], "kube-system", labels, person=EVE).status == 200

    def test_members_change_no_namespace(self, stage: tuple[Api, Cluster]) -> None:
        for person in (ANN, SUE):
            answer = change_namespace(stage[0], "team-x", {"a": "b"}, person=person)
            assert (answer.status, "ValidatingAdmissionPolicy" in answer.message) == (403, False)

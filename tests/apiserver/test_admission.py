"""The stack's own admission policies on a real API server: what a team's people and their controllers get refused, and not."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from egress import names
from egress.render import render
from egress.settings.fences import Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import injector
from tests.apiserver.people import ANN, BEN, EVE, PAT, SUE, Answer, Api, Person, api_server, deploy, fenced_plan, wait_until
from tests.apiserver.workload_cases import ACCEPTED, KINDS, REFUSED, Case, annotation, container, in_kind, pod_template, security

pytestmark = pytest.mark.xdist_group("apiserver")

EDITOR = Person("ed@example.com")
"""Somebody with the rights of Kubernetes' own role `edit` in team-x, and some given by hand."""
CONTROLLER = Person("system:serviceaccount:kube-system:replicaset-controller", ("system:serviceaccounts:kube-system",))
EXEMPTIONS = {"team-y": {"host-ports": "an appliance that listens on nodes", "service-types": "partner's load balancer"}}
DRY = "?dryRun=All"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Cluster]]:
    root = tmp_path_factory.mktemp("admission")
    with api_server(root) as (api, server, cluster):
        deploy(cluster, fenced_plan(exemptions=EXEMPTIONS))
        for manifest in hand_given_rights():
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/team-x/{manifest['kind'].lower()}s"
            assert api.ask("POST", path, manifest).status == 201
        certificates = server.kubeconfig.parent / "certificates"
        with injector.serving(certificates / "apiserver.crt", certificates / "apiserver.key", server.ca_pem) as webhook:
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            assert api.ask("POST", path, webhook).status == 201
            wait_for_policies(api)
            yield api, cluster


def hand_given_rights() -> list[dict[str, Any]]:
    """`system:aggregate-to-edit` is what the controller manager, which does not run here, makes `edit` of."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": EDITOR.user}]
    rules = [
        {"apiGroups": ["", "discovery.k8s.io"], "resources": ["endpoints", "endpointslices"], "verbs": ["*"]},
        {"apiGroups": ["networking.istio.io", "security.istio.io"], "resources": ["*"], "verbs": ["*"]},
    ]
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "by-hand"}, "rules": rules},
        *(
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role},
                "roleRef": {"apiGroup": group, "kind": kind, "name": role},
                "subjects": subjects,
            }
            for kind, role in (("Role", "by-hand"), ("ClusterRole", "system:aggregate-to-edit"))
        ),
    ]


def wait_for_policies(api: Api) -> None:
    """One object for each policy that it refuses once it is active; and the injector."""

    def refused(rule: Rule, answer: Answer) -> bool:
        return answer.status == 403 and f"{rule}: " in answer.message

    def active() -> bool:
        return (
            refused(Rule.HOST_NAMESPACES, create(api, "Pod", case("host-network").template(), person=ANN))
            and refused(Rule.EXTERNAL_IPS, service(api, ANN, externalIPs=["198.51.100.7"]))
            and refused(Rule.PLATFORM_KINDS, policy_by(api, EDITOR))
            and refused(Rule.NAMESPACE_LABELS, change_namespace(api, "team-x", {"istio-injection": "disabled"}, person=EVE))
            and len(create(api, "Pod", injected("init"), person=ANN).body.get("spec", {}).get("containers", [])) == 2
        )

    for manifest in eve_may_change_namespaces():
        path = f"/apis/rbac.authorization.k8s.io/v1/{manifest['kind'].lower()}s"
        assert api.ask("POST", path, manifest).status == 201
    wait_until(active, "the policies are to be active")


def eve_may_change_namespaces() -> list[dict[str, Any]]:
    """Rights on namespaces without rights on policies."""
    group, name = "rbac.authorization.k8s.io", "namespace-changer"
    resources = ["namespaces", "namespaces/status", "namespaces/finalize"]
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": ["*"]}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": EVE.user}],
        },
    ]


def case(name: str) -> Case:
    return next(case for case in (*REFUSED, *ACCEPTED) if case.name == name)


def create(
    api: Api, kind: str, template: dict[str, Any], *, person: Person | None, namespace: str = "team-x", name: str = "case"
) -> Answer:
    path, manifest = in_kind(kind, template, name, namespace)
    return api.ask("POST", path + DRY, manifest, person=person)


def service(api: Api, person: Person, namespace: str = "team-x", **spec: Any) -> Answer:
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}], **spec},
    }
    return api.ask("POST", f"/api/v1/namespaces/{namespace}/services{DRY}", manifest, person=person)


def policy_by(api: Api, person: Person | None) -> Answer:
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }
    return api.ask("POST", f"/apis/networking.k8s.io/v1/namespaces/team-x/networkpolicies{DRY}", manifest, person=person)


def change_namespace(
    api: Api, name: str, labels: dict[str, str | None], *, person: Person | None, kind: str = "labels", sub: str = ""
) -> Answer:
    patch = {"metadata": {kind: labels}}
    path = f"/api/v1/namespaces/{name}{sub}{DRY}"
    return api.ask("PATCH", path, patch, person=person, content_type="application/merge-patch+json")


def injected(how: str) -> dict[str, Any]:
    template = pod_template()
    template["metadata"]["labels"][injector.LABEL] = how
    return template


def assert_refused(answer: Answer, rule: Rule) -> None:
    assert (answer.status, f"{rule}: " in answer.message) == (403, True), answer
    assert "ask #platform" in answer.message


class TestWorkloads:
    def test_every_rule_on_workloads_has_a_refused_case(self) -> None:
        services = {Rule.SERVICE_TYPES, Rule.EXTERNAL_IPS, Rule.OUTSIDE_ENDPOINTS}
        elsewhere = {*services, Rule.PLATFORM_KINDS, Rule.NAMESPACE_LABELS, Rule.PROXY_EXEC}
        assert {case.rule for case in REFUSED} == set(Rule) - elsewhere

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("refused", REFUSED, ids=lambda case: case.name)
    def test_refused(self, stage: tuple[Api, Cluster], refused: Case, kind: str) -> None:
        assert refused.rule is not None
        assert_refused(create(stage[0], kind, refused.template(), person=ANN), refused.rule)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("accepted", ACCEPTED, ids=lambda case: case.name)
    def test_accepted(self, stage: tuple[Api, Cluster], accepted: Case, kind: str) -> None:
        answer = create(stage[0], kind, accepted.template(), person=ANN)
        assert answer.status == 201, answer.message

    @pytest.mark.parametrize("person", [None, PAT, CONTROLLER], ids=["administrator", "platform", "controller"])
    def test_nobody_is_above_the_rules(self, stage: tuple[Api, Cluster], person: Person | None) -> None:
        stage[1].apply(
            stage[1].kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), None, {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "controller"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                            "name": "system:controller:replicaset-controller"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": CONTROLLER.user}],
            },
        )  # fmt: skip
        assert_refused(create(stage[0], "Pod", case("host-network").template(), person=person), Rule.HOST_NAMESPACES)

    def test_a_pod_of_a_daemon_set_names_its_node(self, stage: tuple[Api, Cluster]) -> None:
        template = case("affinity-by-node-name").template()
        owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "1", "controller": True}
        template["metadata"]["ownerReferences"] = [owner]
        assert create(stage[0], "Pod", template, person=ANN).status == 201

    def test_a_large_pod_is_within_what_a_policy_may_compute(self, stage: tuple[Api, Cluster]) -> None:
        template = pod_template()
        template["spec"]["containers"] = [
            container(f"c{i}", volumeMounts=[{"name": f"v{j}", "mountPath": f"/{j}"} for j in range(30)]) for i in range(60)
        ]
        template["spec"]["volumes"] = [{"name": f"v{j}", "emptyDir": {}} for j in range(30)]
        template["metadata"]["annotations"] = {f"example.com/a{i}": "x" for i in range(200)}
        answer = create(stage[0], "Pod", template, person=ANN)
        assert answer.status == 201, answer.message

    @pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
    def test_an_update_is_looked_at_as_a_new_object_is(self, stage: tuple[Api, Cluster], kind: str) -> None:
        api = stage[0]
        path, manifest = in_kind(kind, pod_template(), "updated")
        assert api.ask("POST", path, manifest, person=ANN).status == 201
        _, broken = in_kind(kind, case("host-network").template(), "updated")
        assert_refused(api.ask("PUT", f"{path}/updated{DRY}", broken, person=ANN), Rule.HOST_NAMESPACES)
        fine = copy.deepcopy(manifest)
        fine["metadata"]["labels"] = {"touched": "yes"}
        assert api.ask("PUT", f"{path}/updated{DRY}", fine, person=ANN).status == 200


class TestWhatWasThereBefore:
    """Objects older than the rules are to be scaled, finished and deleted; a change of what the rules look at is refused."""

    def test_an_old_pod_can_lose_its_finalizer(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", case("host-port").template(), "old", "team-y")
        manifest["metadata"]["finalizers"] = ["example.com/wait"]
        assert api.ask("POST", path, manifest, person=BEN).status == 201, "team-y is exempt"
        merge = "application/merge-patch+json"
        exempt = f"{names.EXEMPT}{Rule.HOST_PORTS}"
        path_of_ns = "/api/v1/namespaces/team-y"
        lifted = {"metadata": {"annotations": {exempt: None}}}
        assert api.ask("PATCH", path_of_ns, lifted, content_type=merge).status == 200
        try:
            probe = case("host-port").template()
            wait_until(lambda: create(api, "Pod", probe, person=BEN, namespace="team-y").status == 403, "the exemption is to end")
            done = {"metadata": {"finalizers": None}}
            assert api.ask("PATCH", f"{path}/old", done, person=BEN, content_type=merge).status == 200
            relabelled = {"metadata": {"labels": {"new": "label"}}}
            answer = api.ask("PATCH", f"{path}/old{DRY}", relabelled, person=BEN, content_type=merge)
            assert_refused(answer, Rule.HOST_PORTS)
        finally:
            back = {"metadata": {"annotations": {exempt: EXEMPTIONS["team-y"]["host-ports"]}}}
            assert api.ask("PATCH", path_of_ns, back, content_type=merge).status == 200
            assert api.ask("DELETE", f"{path}/old?gracePeriodSeconds=0", person=BEN).status == 200


class TestInjection:
    """The proxy's own containers pass because nobody wrote them."""

    @pytest.mark.parametrize("how", ["init", "cni"])
    @pytest.mark.parametrize("apply", [False, True], ids=["create", "apply"])
    def test_an_injected_pod_is_accepted(self, stage: tuple[Api, Cluster], how: str, apply: bool) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", injected(how), "injected")
        if apply:
            answer = api.ask(
                "PATCH",
                f"{path}/injected{DRY}&fieldManager=kubectl",
                manifest,
                person=ANN,
                content_type="application/apply-patch+yaml",
            )
        else:
            answer = api.ask("POST", path + DRY, manifest, person=ANN)
        assert answer.status == 201, answer.message
        assert [c["name"] for c in answer.body["spec"]["containers"]] == ["shop", "istio-proxy"]

    @pytest.mark.parametrize("managed", [None, [], [{}]], ids=["as-is", "none", "reset"])
    @pytest.mark.parametrize("apply", [False, True], ids=["create", "apply"])
    @pytest.mark.parametrize("part", ["container", "init", "status", "volume"])
    def test_a_forged_one_is_refused(self, stage: tuple[Api, Cluster], part: str, apply: bool, managed: Any) -> None:
        api = stage[0]
        template = injected("init")
        if part == "container":
            template["spec"]["containers"].append({"name": "istio-proxy", "image": "registry.example/own", "command": ["nc"]})
        elif part == "init":
            template["spec"]["initContainers"] = [{"name": "istio-init", "image": "registry.example/own"}]
        elif part == "status":
            annotation("sidecar.istio.io/status", "{}")(template)
        else:
            template["spec"]["volumes"] = [{"name": "istio-envoy", "emptyDir": {}}]
        path, manifest = in_kind("Pod", template, "forged")
        if managed is not None:
            manifest["metadata"]["managedFields"] = managed
        if apply:
            answer = api.ask(
                "PATCH",
                f"{path}/forged{DRY}&fieldManager=kubectl",
                manifest,
                person=ANN,
                content_type="application/apply-patch+yaml",
            )
            if managed is not None:
                assert answer.status == 400, answer  # the API server itself takes no managedFields here
                return
        else:
            answer = api.ask("POST", path + DRY, manifest, person=ANN)
        assert_refused(answer, Rule.PROXY_CONTAINER)

    def test_nobody_hides_behind_another_managers_fields(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("init")
        template["spec"]["containers"].append({"name": "istio-proxy", "image": "registry.example/own"})
        template["metadata"]["managedFields"] = [
            {
                "manager": "somebody",
                "operation": "Update",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:dnsPolicy": {}}},
            }
        ]
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_CONTAINER)

    def test_the_application_does_not_mount_the_proxys_volumes(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("cni")
        template["spec"]["containers"][0]["volumeMounts"] = [{"name": "istio-envoy", "mountPath": "/etc/istio/proxy"}]
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_CONTAINER)

    def test_the_application_in_an_injected_pod_is_looked_at(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("init")
        security(runAsUser=1337)(template)
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_IDENTITY)

    def test_the_proxys_image_stays(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", injected("cni"), "running")
        assert api.ask("POST", path, manifest, person=ANN).status == 201
        for container_name, status in (("istio-proxy", 403), ("shop", 200)):
            patch = {"spec": {"containers": [{"name": container_name, "image": "registry.example/own:2"}]}}
            answer = api.ask(
                "PATCH", f"{path}/running{DRY}", patch, person=ANN, content_type="application/strategic-merge-patch+json"
            )
            assert answer.status == status, answer.message


@pytest.fixture(scope="module")
def running(stage: tuple[Api, Cluster]) -> str:
    """The path of a pod that was scheduled, with a proxy."""
    api = stage[0]
    path, manifest = in_kind("Pod", injected("cni"), "scheduled")
    assert api.ask("POST", path, manifest, person=ANN).status == 201
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "scheduled"}, "target": {"kind": "Node", "name": "n"}}
    assert api.ask("POST", f"{path}/scheduled/binding", binding).status == 201
    return f"{path}/scheduled"


class TestRunningPods:
    @pytest.mark.parametrize(
        ("more", "rule"),
        [
            ({}, None),
            ({"securityContext": {}}, Rule.CONFINED_PROCESS),
            ({"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}, Rule.PRIVILEGED),
            ({"securityContext": {**container("x")["securityContext"], "runAsUser": 1337}}, Rule.PROXY_IDENTITY),
            (
                {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}},
                Rule.CAPABILITIES,
            ),
            ({"volumeMounts": [{"name": "istio-envoy", "mountPath": "/x"}]}, Rule.PROXY_CONTAINER),
        ],
    )
    def test_ephemeral_containers(
        self, stage: tuple[Api, Cluster], running: str, more: dict[str, Any], rule: Rule | None
    ) -> None:
        patch = {"spec": {"ephemeralContainers": [container("debugger", **more)]}}
        answer = stage[0].ask(
            "PATCH",
            f"{running}/ephemeralcontainers{DRY}",
            patch,
            person=ANN,
            content_type="application/strategic-merge-patch+json",
        )
        if rule:
            assert_refused(answer, rule)
        else:
            assert answer.status == 200, answer.message

    def test_a_scheduled_pod_can_be_relabelled(self, stage: tuple[Api, Cluster], running: str) -> None:
        patch = {"metadata": {"labels": {"seen": "yes"}}}
        answer = stage[0].ask("PATCH", running + DRY, patch, person=ANN, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message

    @pytest.mark.parametrize("toleration", [{"key": "dedicated", "operator": "Exists"}, {"operator": "Exists"}])
    def test_no_toleration_is_added_later(self, stage: tuple[Api, Cluster], running: str, toleration: dict[str, str]) -> None:
        has = stage[0].ask("GET", running).body["spec"].get("tolerations", [])
        patch = {"spec": {"tolerations": [*has, toleration]}}
        answer = stage[0].ask("PATCH", running + DRY, patch, person=ANN, content_type="application/merge-patch+json")
        assert_refused(answer, Rule.GATEWAY_NODES)

    @pytest.mark.parametrize("way", ["exec", "attach"])
    @pytest.mark.parametrize("inside", ["istio-proxy", "istio-validation", "shop"])
    def test_nobody_of_a_team_gets_into_the_proxy(self, stage: tuple[Api, Cluster], running: str, way: str, inside: str) -> None:
        path = f"{running}/{way}?container={inside}&stdout=true" + ("&command=sh" if way == "exec" else "")
        answer = stage[0].ask("POST", path, person=ANN)
        if inside == "shop":
            assert "ValidatingAdmissionPolicy" not in answer.message  # refused later: there is no node
            assert answer.status != 403
        else:
            assert_refused(answer, Rule.PROXY_EXEC)
            assert "ValidatingAdmissionPolicy" not in stage[0].ask("POST", path, person=PAT).message


class TestServices:
    @pytest.mark.parametrize(
        ("spec", "rule"),
        [
            ({}, None),
            ({"clusterIP": "None"}, None),
            ({"type": "ExternalName", "externalName": "outside.example", "selector": None, "ports": None}, Rule.SERVICE_TYPES),
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
    def test_endpoint_slices(self, stage: tuple[Api, Cluster], addresses: list[str], kind: str, accepted: bool) -> None:
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
    ("networking.istio.io", "ServiceEntry", {"hosts": ["outside.example"], "ports": [{"number": 443, "name": "tls"}]}),
    ("networking.istio.io", "Sidecar", {}),
    ("networking.istio.io", "VirtualService", {"hosts": ["outside.example"]}),
    ("networking.istio.io", "DestinationRule", {"host": "outside.example"}),
    ("networking.istio.io", "WorkloadEntry", {"address": "198.51.100.7"}),
    ("security.istio.io", "AuthorizationPolicy", {}),
    ("security.istio.io", "PeerAuthentication", {}),
]


class TestPlatformKinds:
    """Against somebody whom Kubernetes' own role `edit`, or a right given by hand, lets write these."""

    @pytest.mark.parametrize(("group", "kind", "spec"), ISTIO_OBJECTS, ids=lambda value: value if isinstance(value, str) else "")
    def test_istio(self, stage: tuple[Api, Cluster], group: str, kind: str, spec: dict[str, Any]) -> None:
        api, cluster = stage
        path = cluster.kind(f"{group}/v1", kind).path("team-x") + DRY
        manifest = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "own"}, "spec": spec}
        assert_refused(api.ask("POST", path, manifest, person=EDITOR), Rule.PLATFORM_KINDS)
        assert api.ask("POST", path, manifest, person=PAT).status == 201

    def test_network_policies(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        assert api.may(EDITOR, "create", "networkpolicies", group="networking.k8s.io"), "RBAC alone would let this through"
        assert_refused(policy_by(api, EDITOR), Rule.PLATFORM_KINDS)
        boundary = f"/apis/networking.k8s.io/v1/namespaces/team-x/networkpolicies/team-boundary{DRY}"
        assert_refused(api.ask("DELETE", boundary, person=EDITOR), Rule.PLATFORM_KINDS)
        assert api.ask("DELETE", boundary, person=PAT).status == 200
        assert api.ask("DELETE", boundary).status == 200


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
    def test_meaningful_labels_stay(self, stage: tuple[Api, Cluster], labels: dict[str, str | None], sub: str) -> None:
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
        answer = change_namespace(stage[0], "team-x", {"kubernetes.io/metadata.name": "kube-system"}, person=EVE)
        assert answer.status == 403 or answer.body["metadata"]["labels"]["kubernetes.io/metadata.name"] == "team-x"

    def test_other_labels_are_free(self, stage: tuple[Api, Cluster]) -> None:
        assert change_namespace(stage[0], "team-x", {"cost-centre": "4711"}, person=EVE).status == 200

    def test_a_new_namespace_carries_none_of_them(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        for labels, status in (({"a": "b"}, 201), ({names.TEAM_LABEL: "team-x"}, 403)):
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another", "labels": labels}}
            assert api.ask("POST", f"/api/v1/namespaces{DRY}", manifest, person=EVE).status == status

    def test_google_labels_its_own_namespaces(self, stage: tuple[Api, Cluster]) -> None:
        labels: dict[str, str | None] = {"pod-security.kubernetes.io/enforce": "privileged"}
        assert change_namespace(stage[0], "kube-system", labels, person=EVE).status == 200

    def test_members_change_no_namespace(self, stage: tuple[Api, Cluster]) -> None:
        for person in (ANN, SUE):
            answer = change_namespace(stage[0], "team-x", {"a": "b"}, person=person)
            assert (answer.status, "ValidatingAdmissionPolicy" in answer.message) == (403, False)


class TestExemptions:
    def test_they_are_written_on_the_namespace(self, stage: tuple[Api, Cluster]) -> None:
        annotations = stage[0].ask("GET", "/api/v1/namespaces/team-y", person=BEN).body["metadata"]["annotations"]
        assert annotations[f"{names.EXEMPT}host-ports"] == EXEMPTIONS["team-y"]["host-ports"]

    def test_they_hold_for_this_team_and_this_rule(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        exempt = create(api, "Deployment", case("host-port").template(), person=BEN, namespace="team-y")
        assert exempt.status == 201, exempt.message
        assert service(api, BEN, "team-y", type="LoadBalancer").status == 201
        assert_refused(create(api, "Deployment", case("host-port").template(), person=ANN), Rule.HOST_PORTS)
        other = create(api, "Deployment", case("host-network").template(), person=BEN, namespace="team-y")
        assert_refused(other, Rule.HOST_NAMESPACES)


def system_pods() -> dict[str, tuple[str, dict[str, Any]]]:
    """Pods as istiod's chart and GKE deploy them: every one breaks several rules for teams."""
    agent = {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "hostNetwork": True,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "agent", "image": "gke.gcr.io/agent", "securityContext": {"privileged": True}}],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    }
    istiod = {
        "metadata": {"labels": {"app": "shop", "istio.io/rev": "default", "sidecar.istio.io/inject": "false"}},
        "spec": {"containers": [{"name": "discovery", "image": "gcr.io/istio-release/pilot:1.30.3"}]},
    }
    rendered = render(fenced_plan())
    (deployment,) = [item.manifest for item in rendered if item.kind == "Deployment" and item.name == names.GATEWAY]
    gateway = copy.deepcopy(deployment["spec"]["template"])
    gateway["spec"]["securityContext"]["runAsUser"] = 1337
    return {"gke-agent": ("kube-system", agent), "istiod": ("istio-system", istiod), "gateway": ("istio-egress", gateway)}


class TestThePlatformsOwn:
    @pytest.mark.parametrize("kind", ["Pod", "Deployment", "DaemonSet"])
    @pytest.mark.parametrize("name", system_pods())
    def test_is_not_blocked(self, stage: tuple[Api, Cluster], name: str, kind: str) -> None:
        namespace, template = system_pods()[name]
        answer = create(stage[0], kind, template, person=None, namespace=namespace)
        assert answer.status == 201, answer.message

    def test_everything_rendered_is_accepted_again_under_the_rules(self, stage: tuple[Api, Cluster]) -> None:
        """The first time, namespaces and policies were young: as another `pulumi up`, by somebody of the platform."""
        rendered = deploy(stage[1], fenced_plan(exemptions=EXEMPTIONS))
        assert len(rendered) > 40

    def test_the_test_app_breaks_no_rule(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        deployed = api.ask("GET", "/apis/apps/v1/namespaces/team-x/deployments/test").body
        answer = create(api, "Pod", deployed["spec"]["template"], person=ANN)
        assert answer.status == 201, answer.message
